/* Flags, environment, defaults, help: what needs no file. */
#include "testing.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static reading_t read_env(const char *const *environment)
{
    return read_program(&program, NULL, environment);
}

/* -- defaults and precedence ----------------------------------------------------------------- */

static void defaults_fill_what_nobody_gave(void **state)
{
    (void)state;
    reading_t r = read_args(NULL);
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_string_equal(r.err, "");
    assert_string_equal(r.options.feed, "tcp://127.0.0.1:5551");
    assert_null(r.options.data);
    assert_int_equal(r.options.hwm, 32);
    assert_int_equal(r.options.batch_bytes, 65536);
    assert_int_equal(r.options.linger_ms, 5000);
    assert_int_equal(r.options.durability, 1);
    assert_true(r.options.dedup);
    assert_false(r.options.verbose);
    assert_int_equal(r.options.prefixes.count, 0);
    done(&r);
}

static void a_flag_wins_over_variable_over_file_over_default(void **state)
{
    (void)state;
    char path[32];
    const char *text = "{\"hwm\": 1, \"any\": 1, \"data\": \"file\"}";
    write_file(path, text, strlen(text));
    reading_t r = read_program(&program, ARGS("--hwm", "3", "--config", path),
                               ARGS("SLUICE_HWM=2", "SLUICE_ANY=2"));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(r.options.hwm, 3);
    assert_int_equal(r.options.any, 2);
    assert_string_equal(r.options.data, "file");
    done(&r);
    unlink(path);
}

static void a_list_from_a_stronger_source_replaces_the_weaker_one(void **state)
{
    (void)state;
    reading_t r = read_program(&program, ARGS("--prefixes", "c"), ARGS("SLUICE_PREFIXES=a,b"));
    assert_int_equal(r.options.prefixes.count, 1);
    assert_string_equal(item(&r.options.prefixes, 0), "c");
    done(&r);
}

static void the_variable_can_name_the_file(void **state)
{
    (void)state;
    char path[32], variable[64];
    write_file(path, "{\"hwm\": 7}", 10);
    snprintf(variable, sizeof variable, "SLUICE_CONFIG=%s", path);
    reading_t r = read_env(ARGS(variable));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(r.options.hwm, 7);
    done(&r);
    unlink(path);
}

/* -- flags ----------------------------------------------------------------------------------- */

static void a_flag_takes_its_value_behind_a_space_or_an_equals_sign(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--hwm", "5", "--data=a=b", "--batch-bytes", "2k", "--linger=2m"));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(r.options.hwm, 5);
    assert_string_equal(r.options.data, "a=b");
    assert_int_equal(r.options.batch_bytes, 2048);
    assert_int_equal(r.options.linger_ms, 120000);
    done(&r);
}

static void an_underscore_in_a_flag_is_a_dash(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--batch_bytes=4k"));
    assert_int_equal(r.options.batch_bytes, 4096);
    done(&r);
}

static void a_bool_flag_stands_alone_and_no_turns_it_off(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--verbose", "--no-dedup", "word"));
    const char *const *words;
    assert_true(r.options.verbose);
    assert_false(r.options.dedup);
    assert_int_equal(config_positional(r.config, &words), 1);
    done(&r);
    r = read_args(ARGS("--verbose=off", "--dedup=yes"));
    assert_false(r.options.verbose);
    assert_true(r.options.dedup);
    done(&r);
}

static void the_last_of_two_flags_wins_but_lists_add_up(void **state)
{
    (void)state;
    reading_t r = read_args(
        ARGS("--hwm=1", "--hwm=2", "--prefixes", "a", "--prefixes=b,c", "--prefixes", "d"));
    assert_int_equal(r.options.hwm, 2);
    assert_int_equal(r.options.prefixes.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(item(&r.options.prefixes, i)[0], 'a' + (char)i);
    done(&r);
}

static void positional_arguments_may_stand_between_flags(void **state)
{
    (void)state;
    const char *const *words;
    reading_t r = read_args(ARGS("one", "--hwm", "5", "-", "--", "--hwm", "-x"));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(config_positional(r.config, &words), 4);
    assert_string_equal(words[0], "one");
    assert_string_equal(words[1], "-");
    assert_string_equal(words[2], "--hwm");
    assert_string_equal(words[3], "-x");
    done(&r);
}

static void a_wrong_flag_is_told_with_its_name(void **state)
{
    (void)state;
    assert_mistake(ARGS("--hwn=1"), "--hwn: no such option; did you mean --hwm?\n");
    assert_mistake(ARGS("--frobnicate"), "--frobnicate: no such option; --help lists them all\n");
    assert_mistake(ARGS("--no-hwm"), "--no-hwm: no such option; --help lists them all\n");
    assert_mistake(ARGS("--no-dedup=1"), "--no-dedup=1: --no-… takes no value\n");
    assert_mistake(ARGS("-v"), "-v: no such option; options begin with two dashes\n");
    assert_mistake(ARGS("--hwm"), "--hwm: needs a value\n");
    assert_mistake(ARGS("--hwm", "--dedup"), "--hwm: needs a value\n");
    assert_mistake(ARGS("--hwm", "x"), "--hwm: \"x\" is not a whole number\n");
    assert_mistake(ARGS("--hwm=0"), "--hwm: 0 is below the limit 1\n");
    assert_mistake(ARGS("--hwm=1001"), "--hwm: 1001 is above the limit 1000\n");
    assert_mistake(ARGS("--dedup=perhaps"), "--dedup: \"perhaps\" is neither true nor false\n");
    assert_mistake(ARGS("--durability=no"), "--durability: \"no\" is none of memory|os|disk\n");
    assert_mistake(ARGS("--sources=x"), "--sources: can stand in the file only\n");
}

static void every_mistake_is_told_not_just_the_first(void **state)
{
    (void)state;
    reading_t r = read_program(&program, ARGS("--nope", "--hwm=0"), ARGS("SLUICE_LINGER=1y"));
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_says(&r, "--nope: ");
    assert_says(&r, "--hwm: ");
    assert_says(&r, "SLUICE_LINGER: \"1y\" is not a time such as 250ms, 5s, 10m, 2h or 7d\n");
    done(&r);
}

static void words_are_refused_where_none_are_taken(void **state)
{
    (void)state;
    config_program_t p = program;
    p.positional = NULL;
    reading_t r = read_program(&p, ARGS("word"), NULL);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, "word: prog takes options only\n");
    done(&r);
}

static void a_secret_is_refused_on_the_command_line(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--access-key=LTAI-1234"));
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_says(&r, "--access-key: a secret has no place on a command line; set "
                    "ALIBABA_CLOUD_ACCESS_KEY_ID");
    assert_null(strstr(r.err, "LTAI"));
    done(&r);
}

/* -- environment ----------------------------------------------------------------------------- */

static void a_variable_is_the_key_in_capitals(void **state)
{
    (void)state;
    reading_t r = read_env(ARGS("SLUICE_BATCH_BYTES=1M", "SLUICE_DEDUP=0", "SLUICE_PREFIXES=a,,b",
                                "SLUICE_DURABILITY=disk", "SLUICE_HWMX=9", "OTHER"));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(r.options.batch_bytes, 1024 * 1024);
    assert_false(r.options.dedup);
    assert_int_equal(r.options.prefixes.count, 2);
    assert_int_equal(r.options.durability, 2);
    assert_int_equal(r.options.hwm, 32);
    done(&r);
}

static void a_row_may_name_another_variable(void **state)
{
    (void)state;
    reading_t r = read_env(ARGS("ALIBABA_CLOUD_ACCESS_KEY_ID=id", "SLUICE_ACCESS_KEY=other"));
    assert_string_equal(r.options.key, "id");
    done(&r);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    (void)state;
    reading_t r = read_env(ARGS("SLUICE_HWM=", "SLUICE_FEED="));
    assert_int_equal(r.outcome, CONFIG_RUN);
    assert_int_equal(r.options.hwm, 32);
    assert_string_equal(r.options.feed, "tcp://127.0.0.1:5551");
    done(&r);
}

static void a_wrong_variable_is_told_with_its_name(void **state)
{
    (void)state;
    reading_t r = read_env(ARGS("SLUICE_BATCH_BYTES=12q"));
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, "SLUICE_BATCH_BYTES: \"12q\" is not a number of bytes such as 4096, "
                               "64k, 16M or 2G\n");
    done(&r);
}

/* -- numbers --------------------------------------------------------------------------------- */

static void numbers_keep_their_units_and_limits(void **state)
{
    (void)state;
    static const struct {
        const char *arg;
        uint64_t value;
    } good[] = {{"--linger=0", 0},
                {"--linger=7", 7},
                {"--linger=250ms", 250},
                {"--linger=3s", 3000},
                {"--linger=2h", 7200000}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        reading_t r = read_args(ARGS(good[i].arg));
        assert_int_equal(r.options.linger_ms, good[i].value);
        done(&r);
    }
    reading_t r = read_args(ARGS("--any=18446744073709551615"));
    assert_true(r.options.any == UINT64_MAX);
    done(&r);
    assert_mistake(ARGS("--any=18446744073709551616"),
                   "--any: 18446744073709551616 is too large\n");
    assert_mistake(ARGS("--linger=18446744073709551615h"),
                   "--linger: 18446744073709551615h is too large\n");
    assert_mistake(ARGS("--batch-bytes=2M"), "--batch-bytes: 2M is above the limit 1M\n");
    assert_mistake(ARGS("--batch-bytes=1"), "--batch-bytes: 1 is below the limit 1k\n");
    assert_mistake(ARGS("--any=-1"), "--any: \"-1\" is not a whole number\n");
    assert_mistake(ARGS("--any="), "--any: \"\" is not a whole number\n");
    assert_mistake(ARGS("--any=1k"), "--any: \"1k\" is not a whole number\n");
}

static void times_may_be_short(void **state)
{
    (void)state;
    const config_opt_t short_times[] = {{.key = "p99",
                                         .kind = CONFIG_US,
                                         .offset = offsetof(options_t, any),
                                         .def = "2ms",
                                         .min = 10,
                                         .max = 60000000}};
    static const struct {
        const char *arg;
        uint64_t us;
    } good[] = {{"--p99=250us", 250},
                {"--p99=40", 40},
                {"--p99=3ms", 3000},
                {"--p99=1s", 1000000},
                {"--p99=1m", 60000000}};
    config_program_t p = program;
    p.table = (config_table_t){short_times, 1, sizeof(options_t)};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        reading_t r = read_program(&p, ARGS(good[i].arg), NULL);
        assert_int_equal(r.outcome, CONFIG_RUN);
        assert_int_equal(r.options.any, good[i].us);
        done(&r);
    }
    reading_t r = read_program(&p, NULL, NULL);
    assert_int_equal(r.options.any, 2000);
    done(&r);
    r = read_program(&p, ARGS("--p99=2"), NULL); /* a bare number is of microseconds */
    assert_says(&r, "--p99: 2us is below the limit 10us\n");
    done(&r);
    r = read_program(&p, ARGS("--p99=1d"), NULL);
    assert_says(&r, "--p99: \"1d\" is not a time such as 250us, 2ms or 5s\n");
    done(&r);
    r = read_program(&p, ARGS("--help"), NULL);
    assert_non_null(strstr(r.out, "--p99 TIME"));
    assert_non_null(strstr(r.out, "10us to 1m"));
    done(&r);
}

/* -- required, check ------------------------------------------------------------------------- */

static void a_required_option_is_asked_for(void **state)
{
    (void)state;
    const config_opt_t required[] = {{.key = "data_dir",
                                      .kind = CONFIG_STR,
                                      .offset = offsetof(options_t, data),
                                      .flags = CONFIG_REQUIRED}};
    config_program_t p = program;
    p.table = (config_table_t){required, 1, sizeof(options_t)};
    reading_t r = read_program(&p, NULL, NULL);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, "data_dir: is missing: give --data-dir, SLUICE_DATA_DIR, or "
                               "\"data_dir\" in the file\n");
    done(&r);
    r = read_program(&p, ARGS("--data-dir=x"), NULL);
    assert_int_equal(r.outcome, CONFIG_RUN);
    done(&r);
}

static const char *complain_at;

static void complain(config_t *config, const void *options)
{
    (void)options;
    config_complain(config, complain_at, "does not fit %s", "here");
}

static void a_complaint_finds_where_the_value_came_from(void **state)
{
    (void)state;
    config_program_t p = program;
    p.check = complain;
    complain_at = "hwm";
    reading_t r = read_program(&p, ARGS("--hwm=3"), NULL);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, "--hwm: does not fit here\n");
    done(&r);
    r = read_program(&p, NULL, ARGS("SLUICE_HWM=3"));
    assert_string_equal(r.err, "SLUICE_HWM: does not fit here\n");
    done(&r);
    r = read_program(&p, NULL, NULL);
    assert_string_equal(r.err, "hwm: does not fit here\n");
    done(&r);

    char path[32];
    const char *text =
        "{\n\"hwm\": 3,\n\"sources\": [ {\"queue\": \"a\"},\n{\"queue\":\n\"b\"} ] }";
    write_file(path, text, strlen(text));
    static const struct {
        const char *key;
        const char *place;
    } cases[] = {{"hwm", ":2: hwm: "},
                 {"sources[1].queue", ":4: sources[1].queue: "},
                 {"sources[1].polls", ":4: sources[1].polls: "},
                 {"sources[0]", ":3: sources[0]: "},
                 {"sources[9].queue", ":3: sources[9].queue: "},
                 {"any", ":1: any: "},
                 {"word", "word: "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        complain_at = cases[i].key;
        r = read_program(&p, ARGS("--config", path), NULL);
        assert_int_equal(r.outcome, CONFIG_BAD);
        assert_says(&r, cases[i].place);
        assert_int_equal(strncmp(r.err, path, strlen(path)) == 0, *cases[i].place == ':');
        done(&r);
    }
    unlink(path);
}

static void check_says_ok_and_stops(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--check", "--hwm=3"));
    assert_int_equal(r.outcome, CONFIG_DONE);
    assert_string_equal(r.out, "ok\n");
    done(&r);
    r = read_args(ARGS("--check", "--hwm=0"));
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.out, "");
    done(&r);
}

/* -- help ------------------------------------------------------------------------------------ */

static void help_names_every_option_in_a_hundred_columns(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--wrong", "--help"));
    assert_int_equal(r.outcome, CONFIG_DONE);
    static const char *const expected[] = {
        "Usage: prog [options] PATTERN…\n",
        "Does things.\n",
        "  --feed ENDPOINT  ",
        "(default tcp://127.0.0.1:5551)",
        "(default 32; 1 to 1000)\n",
        "(default 64k; 1k to 1M)",
        "  --durability memory|os|disk  ",
        "drop repeats (the default; --no-dedup turns it off)",
        "\n  ALIBABA_CLOUD_ACCESS_KEY_ID  ",
        "\n  sources[].queue ",
        "the queue (required)",
        "  --log text|json ",
        "\nSee the manual.\n",
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (strstr(r.out, expected[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", expected[i], r.out);
    assert_null(strstr(r.out, "--access"));
    for (const char *line = r.out; *line != '\0';) {
        size_t len = strcspn(line, "\n"), width = 0;
        for (size_t i = 0; i < len; i++)
            width += ((unsigned char)line[i] & 0xc0) != 0x80;
        assert_true(width <= 100);
        line += len + 1;
    }
    done(&r);
}

/* A program with an option that belongs to one run only. */
typedef struct run_options {
    const char *body, *endpoint;
} run_options_t;

static const config_opt_t run_opts[] = {
    {.key = "body",
     .kind = CONFIG_STR,
     .offset = offsetof(run_options_t, body),
     .help = "what to send",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "endpoint",
     .kind = CONFIG_STR,
     .offset = offsetof(run_options_t, endpoint),
     .env = "PLACE",
     .help = "where to"},
};

static const config_program_t run_program = {
    .name = "run",
    .summary = "Runs.",
    .table = {run_opts, sizeof run_opts / sizeof run_opts[0], sizeof(run_options_t)},
};

static config_outcome_t read_run(config_t **config, run_options_t *options, char *const *argv,
                                 char *const *environment, char *out, char *err, size_t size)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    FILE *to = fmemopen(out, size, "w"), *mistakes = fmemopen(err, size, "w");
    assert_non_null(to);
    assert_non_null(mistakes);
    config_outcome_t outcome =
        config_read(config, &run_program, options, argc, argv, environment, to, mistakes);
    fclose(to);
    fclose(mistakes);
    return outcome;
}

static void what_one_run_is_about_stands_on_the_command_line_only(void **state)
{
    (void)state;
    config_t *config;
    run_options_t options = {0};
    char out[8192] = "", err[512] = "", path[32];
    char *argv[] = {(char[]){"run"}, (char[]){"--body=b"}, NULL}, *bare[] = {(char[]){"run"}, NULL};
    char *environment[] = {(char[]){"SLUICE_BODY=no"}, (char[]){"PLACE=there"}, NULL};
    assert_int_equal(read_run(&config, &options, argv, environment, out, err, sizeof err),
                     CONFIG_RUN);
    assert_string_equal(options.body, "b");
    assert_string_equal(options.endpoint, "there");
    assert_true(config_given(config, "body"));
    assert_true(config_given(config, "endpoint"));
    config_free(&config);
    options = (run_options_t){0};
    assert_int_equal(read_run(&config, &options, bare, environment, out, err, sizeof err),
                     CONFIG_RUN);
    assert_null(options.body);
    assert_false(config_given(config, "body"));
    config_free(&config);
    write_file(path, "{\"body\": \"b\"}", 13);
    char *filed[] = {(char[]){"run"}, (char[]){"--config"}, path, NULL};
    assert_int_equal(read_run(&config, &options, filed, NULL, out, err, sizeof err), CONFIG_BAD);
    assert_non_null(strstr(err, "body: no such key"));
    config_free(&config);
    unlink(path);
}

static void help_tells_options_of_one_run_from_the_others(void **state)
{
    (void)state;
    config_t *config;
    run_options_t options = {0};
    char out[8192] = "", err[8192] = "";
    char *argv[] = {(char[]){"run"}, (char[]){"--help"}, NULL};
    assert_int_equal(read_run(&config, &options, argv, NULL, out, err, sizeof err), CONFIG_DONE);
    const char *own = strstr(out, "\nOptions:\n"), *body = strstr(out, "--body TEXT");
    const char *others = strstr(out, "\nOptions that the environment and the file may give too:\n");
    const char *endpoint = strstr(out, "--endpoint TEXT");
    assert_true(own != NULL && own < body && body < others && others < endpoint);
    assert_non_null(strstr(endpoint, "where to (variable PLACE)"));
    config_free(&config);
}

static void version_is_the_name_and_the_number(void **state)
{
    (void)state;
    reading_t r = read_args(ARGS("--version"));
    assert_int_equal(r.outcome, CONFIG_DONE);
    assert_string_equal(r.out, "prog " SLUICE_VERSION "\n");
    done(&r);
}

/* What log_setup was told shows in what the log then does. */
static void keep_line(const char *line, size_t len, void *ctx)
{
    snprintf(ctx, 64, "%.*s", (int)len, line);
}

static void the_log_is_set_up_as_asked(void **state)
{
    (void)state;
    char line[64] = "";
    log_set_sink(keep_line, line);
    reading_t r = read_args(ARGS("--log", "json", "--log-level=warn"));
    LOG_INFO("TEST-INFO", "a=1");
    assert_string_equal(line, "");
    LOG_WARN("TEST-WARN", "a=1");
    assert_int_equal(line[0], '{');
    done(&r);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_nobody_gave),
        cmocka_unit_test(a_flag_wins_over_variable_over_file_over_default),
        cmocka_unit_test(a_list_from_a_stronger_source_replaces_the_weaker_one),
        cmocka_unit_test(the_variable_can_name_the_file),
        cmocka_unit_test(a_flag_takes_its_value_behind_a_space_or_an_equals_sign),
        cmocka_unit_test(an_underscore_in_a_flag_is_a_dash),
        cmocka_unit_test(a_bool_flag_stands_alone_and_no_turns_it_off),
        cmocka_unit_test(the_last_of_two_flags_wins_but_lists_add_up),
        cmocka_unit_test(positional_arguments_may_stand_between_flags),
        cmocka_unit_test(a_wrong_flag_is_told_with_its_name),
        cmocka_unit_test(every_mistake_is_told_not_just_the_first),
        cmocka_unit_test(words_are_refused_where_none_are_taken),
        cmocka_unit_test(a_secret_is_refused_on_the_command_line),
        cmocka_unit_test(a_variable_is_the_key_in_capitals),
        cmocka_unit_test(a_row_may_name_another_variable),
        cmocka_unit_test(an_empty_variable_counts_as_unset),
        cmocka_unit_test(a_wrong_variable_is_told_with_its_name),
        cmocka_unit_test(numbers_keep_their_units_and_limits),
        cmocka_unit_test(times_may_be_short),
        cmocka_unit_test(a_required_option_is_asked_for),
        cmocka_unit_test(a_complaint_finds_where_the_value_came_from),
        cmocka_unit_test(check_says_ok_and_stops),
        cmocka_unit_test(help_names_every_option_in_a_hundred_columns),
        cmocka_unit_test(what_one_run_is_about_stands_on_the_command_line_only),
        cmocka_unit_test(help_tells_options_of_one_run_from_the_others),
        cmocka_unit_test(version_is_the_name_and_the_number),
        cmocka_unit_test(the_log_is_set_up_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One program with an option of every kind, read from flags, environment and files. */
#include "config/config.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct source {
    const char *queue, *topic, *secret;
    uint64_t polls;
    config_list_t events;
} source_t;

typedef struct options {
    const char *feed, *data, *key;
    uint64_t hwm, batch_bytes, linger_ms, any;
    bool dedup, verbose;
    int durability;
    config_list_t prefixes, sources;
} options_t;

static const config_opt_t source_opts[] = {
    {.key = "queue",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, queue),
     .help = "the queue",
     .flags = CONFIG_REQUIRED},
    {.key = "polls",
     .kind = CONFIG_U64,
     .offset = offsetof(source_t, polls),
     .def = "4",
     .help = "long polls in flight",
     .min = 1,
     .max = 64},
    {.key = "Notification.Topic.Name",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, topic),
     .help = "the topic"},
    {.key = "Notification.Topic.Events",
     .kind = CONFIG_STR_LIST,
     .offset = offsetof(source_t, events),
     .help = "the events"},
    {.key = "secret",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, secret),
     .help = "its key",
     .env = "SOURCE_SECRET",
     .flags = CONFIG_SECRET},
};

static const config_table_t source_table = {source_opts, sizeof source_opts / sizeof source_opts[0],
                                            sizeof(source_t)};

static const config_opt_t opts[] = {
    {.key = "feed",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, feed),
     .def = "tcp://127.0.0.1:5551",
     .arg = "ENDPOINT",
     .help = "where subscribers connect"},
    {.key = "data", .kind = CONFIG_STR, .offset = offsetof(options_t, data), .help = "a folder"},
    {.key = "hwm",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, hwm),
     .def = "32",
     .help = "batches that are queued for one subscriber before it counts as stopped and others "
             "go on without it",
     .min = 1,
     .max = 1000},
    {.key = "any", .kind = CONFIG_U64, .offset = offsetof(options_t, any), .help = "any number"},
    {.key = "batch_bytes",
     .kind = CONFIG_BYTES,
     .offset = offsetof(options_t, batch_bytes),
     .def = "64k",
     .help = "size of a batch",
     .min = 1024,
     .max = 1024 * 1024},
    {.key = "linger",
     .kind = CONFIG_MS,
     .offset = offsetof(options_t, linger_ms),
     .def = "5s",
     .help = "how long to wait"},
    {.key = "dedup",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, dedup),
     .def = "true",
     .help = "drop repeats"},
    {.key = "verbose",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, verbose),
     .help = "say more"},
    {.key = "durability",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, durability),
     .def = "os",
     .help = "when an event counts as safe",
     .choices = "memory|os|disk"},
    {.key = "prefixes",
     .kind = CONFIG_STR_LIST,
     .offset = offsetof(options_t, prefixes),
     .arg = "PREFIX",
     .help = "topics it serves"},
    {.key = "access_key",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, key),
     .help = "the access key's id",
     .env = "ALIBABA_CLOUD_ACCESS_KEY_ID",
     .flags = CONFIG_SECRET},
    {.key = "sources",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(options_t, sources),
     .help = "where events come from",
     .sub = &source_table},
};

static config_program_t program = {
    .name = "prog",
    .summary = "Does things.",
    .positional = "PATTERN…",
    .epilog = "See the manual.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
};

/* -- one reading ----------------------------------------------------------------------------- */

typedef struct reading {
    config_t *config;
    options_t options;
    config_outcome_t outcome;
    char *out, *err;
    char path[32]; /* the file, when there is one */
} reading_t;

enum { ARGS_MAX = 16 };

static reading_t read_program(const config_program_t *p, const char *const *args,
                              const char *const *environment)
{
    reading_t r = {0};
    char *argv[ARGS_MAX] = {(char *)(uintptr_t) "prog"};
    int argc = 1;
    for (; args != NULL && *args != NULL; args++)
        argv[argc++] = (char *)(uintptr_t)*args;
    size_t out_len, err_len;
    FILE *out = open_memstream(&r.out, &out_len), *err = open_memstream(&r.err, &err_len);
    r.outcome = config_read(&r.config, p, &r.options, argc, argv,
                            (char *const *)(uintptr_t)environment, out, err);
    fclose(out);
    fclose(err);
    return r;
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static reading_t read_args(const char *const *args)
{
    return read_program(&program, args, NULL);
}

static reading_t read_env(const char *const *environment)
{
    return read_program(&program, NULL, environment);
}

static void write_file(char path[32], const char *text, size_t len)
{
    strcpy(path, "/tmp/config-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static reading_t read_bytes(const char *text, size_t len, const char *const *environment)
{
    char path[32];
    write_file(path, text, len);
    reading_t r = read_program(&program, ARGS("--config", path), environment);
    strcpy(r.path, path);
    unlink(path);
    return r;
}

static reading_t read_file(const char *text)
{
    return read_bytes(text, strlen(text), NULL);
}

static void done(reading_t *r)
{
    config_free(&r->config);
    free(r->out);
    free(r->err);
}

static void assert_says(const reading_t *r, const char *text)
{
    if (strstr(r->err, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, r->err);
}

/* The mistake, the only one, stands in this line of the file. */
static void assert_file_mistake(const char *text, unsigned line, const char *says)
{
    char expected[512];
    reading_t r = read_file(text);
    assert_int_equal(r.outcome, CONFIG_BAD);
    snprintf(expected, sizeof expected, "%s:%u: %s\n", r.path, line, says);
    assert_string_equal(r.err, expected);
    done(&r);
}

static void assert_mistake(const char *const *args, const char *says)
{
    reading_t r = read_args(args);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, says);
    done(&r);
}

static const char *item(const config_list_t *list, size_t i)
{
    return ((const char *const *)list->items)[i];
}

static const source_t *source(const reading_t *r, size_t i)
{
    return &((const source_t *)r->options.sources.items)[i];
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
    assert_says(&r, "SLUICE_LINGER: \"1y\" is not a time such as 250ms, 5s, 10m or 2h\n");
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

/* -- the file -------------------------------------------------------------------------------- */

static void the_file_fills_every_kind(void **state)
{
    (void)state;
    reading_t r = read_file("{ \"feed\": \"tcp://*:1\", \"hwm\": 9, \"batch_bytes\": \"128k\",\n"
                            "  \"linger\": 20, \"dedup\": false, \"durability\": \"memory\",\n"
                            "  \"prefixes\": [\"Job.\", \"a,b\"], \"access_key\": \"id\",\n"
                            "  \"log-level\": \"error\", \"any\": \"18446744073709551615\" }");
    assert_string_equal(r.err, "");
    assert_string_equal(r.options.feed, "tcp://*:1");
    assert_int_equal(r.options.hwm, 9);
    assert_int_equal(r.options.batch_bytes, 128 * 1024);
    assert_int_equal(r.options.linger_ms, 20);
    assert_false(r.options.dedup);
    assert_int_equal(r.options.durability, 0);
    assert_int_equal(r.options.prefixes.count, 2);
    assert_string_equal(item(&r.options.prefixes, 1), "a,b");
    assert_string_equal(r.options.key, "id");
    assert_true(r.options.any == UINT64_MAX);
    done(&r);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
}

static void objects_become_structs_with_defaults(void **state)
{
    (void)state;
    reading_t r = read_file("{ \"sources\": [ { \"queue\": \"a\" },\n"
                            " { \"queue\": \"b\", \"polls\": 8, \"secret\": \"s\","
                            " \"Notification\": { \"Topic\":"
                            " { \"Name\": \"t\", \"Events\": [\"OnJobFailed\"] } } } ] }");
    assert_string_equal(r.err, "");
    assert_int_equal(r.options.sources.count, 2);
    assert_string_equal(source(&r, 0)->queue, "a");
    assert_int_equal(source(&r, 0)->polls, 4);
    assert_null(source(&r, 0)->topic);
    assert_string_equal(source(&r, 1)->queue, "b");
    assert_int_equal(source(&r, 1)->polls, 8);
    assert_string_equal(source(&r, 1)->topic, "t");
    assert_int_equal(source(&r, 1)->events.count, 1);
    assert_string_equal(item(&source(&r, 1)->events, 0), "OnJobFailed");
    done(&r);
}

static void a_nested_variable_serves_objects_that_lack_the_key(void **state)
{
    (void)state;
    const char *text = "{\"sources\":[{\"queue\":\"a\"},{\"queue\":\"b\",\"secret\":\"own\"}]}";
    reading_t r = read_bytes(text, strlen(text), ARGS("SOURCE_SECRET=shared", "SLUICE_QUEUE=x"));
    assert_string_equal(r.err, "");
    assert_string_equal(source(&r, 0)->secret, "shared");
    assert_string_equal(source(&r, 1)->secret, "own");
    assert_string_equal(source(&r, 0)->queue, "a");
    done(&r);
}

static void comments_are_blanks_but_not_inside_strings(void **state)
{
    (void)state;
    reading_t r = read_file("// \"hwm\": 1 {\n{ /* a \" in\n a comment */ \"feed\": // end\n"
                            "\"tcp://h/*x*/\\\"//y\", \"hwm\" /**/ : /* */ 6 // }\n}\n// last");
    assert_string_equal(r.err, "");
    assert_string_equal(r.options.feed, "tcp://h/*x*/\"//y");
    assert_int_equal(r.options.hwm, 6);
    done(&r);
}

static void a_mistake_in_the_file_is_told_with_line_and_key(void **state)
{
    (void)state;
    assert_file_mistake("{\n \"hwm\": 4000 }", 2, "hwm: 4000 is above the limit 1000");
    assert_file_mistake("{\n\n \"hwm\":\n\n \"x\" }", 3, "hwm: \"x\" is not a whole number");
    assert_file_mistake("{ // a\n /* b\n c */ \"hwm\": 0 }", 3, "hwm: 0 is below the limit 1");
    assert_file_mistake("{ \"feed\": 1 }", 1, "feed: must be a string");
    assert_file_mistake("{ \"hwm\": true }", 1, "hwm: must be a whole number");
    assert_file_mistake("{ \"hwm\": null }", 1, "hwm: must be a whole number");
    assert_file_mistake("{ \"any\": 1.5 }", 1, "any: 1.5 is not a whole number from 0 to 2^53");
    assert_file_mistake("{ \"any\": -1 }", 1, "any: -1 is not a whole number from 0 to 2^53");
    assert_file_mistake("{ \"any\": 1e300 }", 1,
                        "any: 1.0000000000000001e+300 is not a whole number from 0 to 2^53");
    assert_file_mistake("{ \"dedup\": 1 }", 1, "dedup: must be true or false");
    assert_file_mistake("{ \"durability\": \"x\" }", 1,
                        "durability: \"x\" is none of memory|os|disk");
    assert_file_mistake("{ \"prefixes\": \"x\" }", 1, "prefixes: must be an array of strings");
    assert_file_mistake("{ \"prefixes\": [\"x\",\n 3] }", 2, "prefixes[1]: must be a string");
    assert_file_mistake("{ \"linger\": [] }", 1,
                        "linger: must be a number of milliseconds, or a string such as \"5s\"");
    assert_file_mistake("{ \"sources\": {} }", 1, "sources: must be an array of objects");
}

static void a_mistake_in_an_object_is_told_with_its_path(void **state)
{
    (void)state;
    const char *head =
        "{ // comment\n \"hwm\": 3, \"prefixes\": [\"[{\", \":\"],\n \"sources\": [\n"
        " { \"queue\": \"a\", \"Notification\": {\"Topic\": {}} },\n";
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } cases[] = {
        {"{ \"queue\": \"b\",\n\"polls\": 400 }", 6, "sources[1].polls: 400 is above the limit 64"},
        {"{ \"polls\": 4\n }", 5, "sources[1].queue: is missing"},
        {"{ \"queue\": \"b\",\n \"pols\": 4 }", 6,
         "sources[1].pols: no such key; did you mean \"polls\"?"},
        {"{ \"queue\": \"b\",\n \"Notification\": 4 }", 6,
         "sources[1].Notification: must be an object"},
        {"{ \"queue\": \"b\",\n \"Notification\": { \"Topic\":\n { \"Colour\": 1 } } }", 7,
         "sources[1].Notification.Topic.Colour: no such key"},
        {"{ \"queue\": \"b\",\n \"Notification\": { \"Topic\":\n { \"Name\": 1 } } }", 7,
         "sources[1].Notification.Topic.Name: must be a string"},
        {"7", 5, "sources[1]: must be an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s ] }", head, cases[i].text);
        assert_file_mistake(text, cases[i].line, cases[i].says);
    }
}

static void unknown_and_repeated_keys_are_refused(void **state)
{
    (void)state;
    assert_file_mistake("{\n\"hwn\": 1 }", 2, "hwn: no such key; did you mean \"hwm\"?");
    assert_file_mistake("{\n\"colour\": 1 }", 2, "colour: no such key");
    assert_file_mistake("{ \"hwm\": 1,\n\"hwm\": 1 }", 2, "hwm: stands here a second time");
    assert_file_mistake("{\n\"config\": \"x\" }", 2, "config: no such key");
    assert_file_mistake("{\n\"help\": true }", 2, "help: no such key");
    assert_file_mistake("{ \"sources\": [{\"queue\": \"a\", \"queue\":\n\"b\"}] }", 1,
                        "sources[0].queue: stands here a second time");
    assert_file_mistake("{\n\"a\\nb\": 1 }", 2, "a?b: no such key");
}

static void broken_json_is_told_with_its_line(void **state)
{
    (void)state;
    assert_file_mistake("{ \"hwm\": 3,\n}", 2, "broken JSON near: }");
    assert_file_mistake("{ \"hwm\": 3\n \"any\": 4 }", 1, "broken JSON near: 3");
    assert_file_mistake("{ \"hwm\": 3 }\n x", 1, "broken JSON near: }");
    assert_file_mistake("{ \"hwm\": 3", 1, "broken JSON near: 3");
    assert_file_mistake("{ \"hwm\":\n \"3 }", 2, "a string that does not end");
    assert_file_mistake("{\n \"feed\": \"a\\u0000b\" }", 2, "a string with \\u0000 in it");
    assert_file_mistake("{ }\n /* ", 2, "a comment that does not end");
    assert_file_mistake("[ ]", 1, "must be one object: { … }");
    assert_file_mistake("", 1, "broken JSON near: ");
}

static void a_file_that_is_no_text_is_refused(void **state)
{
    (void)state;
    reading_t r = read_bytes("{\n\0}", 4, NULL);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_says(&r, ":2: a NUL byte: this is no text file\n");
    done(&r);
    assert_mistake(ARGS("--config", "/tmp"), "/tmp: cannot be read: Is a directory\n");
    assert_mistake(ARGS("--config=/nonexistent"),
                   "/nonexistent: cannot be opened: No such file or directory\n");
}

/* Every prefix of a good file, and the file with any byte changed: an answer, never a crash. */
static void damaged_files_never_crash(void **state)
{
    (void)state;
    const char *text = "{\"hwm\":3,/*c*/\"prefixes\":[\"a\\\"\",\"b\"],//x\n"
                       "\"sources\":[{\"queue\":\"q\",\"Notification\":{\"Topic\":{}}}]}";
    size_t len = strlen(text);
    char copy[256];
    for (size_t cut = 0; cut < len; cut++) {
        reading_t r = read_bytes(text, cut, NULL);
        assert_int_equal(r.outcome, CONFIG_BAD);
        done(&r);
    }
    const char *bytes = "\"\\{}[],:/* \n0a\xff";
    for (size_t at = 0; at < len; at++)
        for (size_t b = 0; bytes[b] != '\0'; b++) {
            memcpy(copy, text, len);
            copy[at] = bytes[b];
            reading_t r = read_bytes(copy, len, NULL);
            assert_true(r.outcome == CONFIG_BAD || r.err[0] == '\0');
            done(&r);
        }
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
        cmocka_unit_test(the_file_fills_every_kind),
        cmocka_unit_test(objects_become_structs_with_defaults),
        cmocka_unit_test(a_nested_variable_serves_objects_that_lack_the_key),
        cmocka_unit_test(comments_are_blanks_but_not_inside_strings),
        cmocka_unit_test(a_mistake_in_the_file_is_told_with_line_and_key),
        cmocka_unit_test(a_mistake_in_an_object_is_told_with_its_path),
        cmocka_unit_test(unknown_and_repeated_keys_are_refused),
        cmocka_unit_test(broken_json_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_no_text_is_refused),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(a_required_option_is_asked_for),
        cmocka_unit_test(a_complaint_finds_where_the_value_came_from),
        cmocka_unit_test(check_says_ok_and_stops),
        cmocka_unit_test(help_names_every_option_in_a_hundred_columns),
        cmocka_unit_test(version_is_the_name_and_the_number),
        cmocka_unit_test(the_log_is_set_up_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

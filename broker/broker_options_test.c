#include "options.h"
#include "testing.h"

#include <stdio.h>

static broker_options_t options;

/* Reads one flag.  @return what was complained, to be freed. */
static char *complaint(const char *flag, config_outcome_t *outcome)
{
    char program[] = "sluice-broker";
    char *argv[] = {program, (char *)(uintptr_t)flag, NULL};
    char *environment[] = {NULL};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    config_t *config = NULL;
    memset(&options, 0, sizeof options);
    *outcome = config_read(&config, &broker_program, &options, flag != NULL ? 2 : 1, argv,
                           environment, out, out);
    fclose(out);
    config_free(&config);
    return text;
}

static void options_defaults_are_good(void **state)
{
    (void)state;
    config_outcome_t outcome;
    char *text = complaint(NULL, &outcome);
    assert_int_equal(outcome, CONFIG_RUN);
    assert_string_equal(text, "");
    assert_int_equal(options.max_bytes, 1 << 20);
    assert_int_equal(options.dedup_count, 1 << 22);
    assert_int_equal(options.durability, DURABILITY_DISK);
    free(text);
}

static void journal_goes_to_the_first_directory_that_systemd_gives(void **state)
{
    (void)state;
    options = (broker_options_t){.data = ""};
    setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
    assert_string_equal(broker_data_dir(&options), "/var/lib/a");
    setenv("STATE_DIRECTORY", "/var/lib/a", 1);
    assert_string_equal(broker_data_dir(&options), "/var/lib/a");
    unsetenv("STATE_DIRECTORY");
    assert_string_equal(broker_data_dir(&options), "sluice-data");
    options.data = "/there";
    assert_string_equal(broker_data_dir(&options), "/there");
}

static void options_mistakes_are_told_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *says;
    } cases[] = {
        {"--retain-bytes=1k", "retain-bytes"},
        {"--retain-age=1ms", "retain-age"},
        {"--map-bytes=8G", "must be 0 or at least 2 x retain-bytes + 4 x max-bytes + 32M"},
        {"--durability=paper", "durability"},
        {"--feed=5551", "\"5551\" is no endpoint"},
        {"--intake=udp://127.0.0.1:1", "is no endpoint"},
        {"--query=ipc://", "is no endpoint"},
        {"--window=0", "window"},
        {"--max-bytes=1G", "max-bytes"},
        {"--topics=1025", "topics"},
        {"--tick=2s", "tick"},
        {"--intake-bytes=1M", "intake-bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        config_outcome_t outcome;
        char *text = complaint(cases[i].flag, &outcome);
        assert_int_equal(outcome, CONFIG_BAD);
        if (strstr(text, cases[i].says) == NULL)
            fail_msg("%s says: %s", cases[i].flag, text);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        free(text);
    }
}

/* The journal must take whatever intake takes, for ever. */
static void options_leave_the_journal_room_for_the_largest_requests(void **state)
{
    (void)state;
    static const uint64_t mib = 1 << 20;
    broker_options_t o = {.retain_bytes = 4096 * mib, .max_bytes = mib};
    assert_int_equal(broker_map_bytes(&o), 16384 * mib);
    o.retain_bytes = mib;
    assert_int_equal(broker_map_bytes(&o), 64 * mib);
    o.max_bytes = 64 * mib;
    assert_int_equal(broker_map_bytes(&o), 2 * mib + 4 * (64 + 8) * mib);
    o.map_bytes = 300 * mib;
    assert_int_equal(broker_map_bytes(&o), 300 * mib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_defaults_are_good),
        cmocka_unit_test(options_leave_the_journal_room_for_the_largest_requests),
        cmocka_unit_test(journal_goes_to_the_first_directory_that_systemd_gives),
        cmocka_unit_test(options_mistakes_are_told_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

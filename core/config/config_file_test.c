/* The file: kinds, comments, and every mistake with its line and key. */
#include "testing.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

static const source_t *source(const reading_t *r, size_t i)
{
    return &((const source_t *)r->options.sources.items)[i];
}

/* -- what it fills --------------------------------------------------------------------------------
 */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

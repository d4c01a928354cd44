#include "show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What a show has written so far, and nothing left behind. */
static void assert_written(show_t *show, const char *expected)
{
    sl_buf_append_byte(&show->out, '\0');
    assert_false(show->out.failed);
    assert_string_equal((const char *)show->out.data, expected);
    show_fini(show);
}

static void put_queue(show_t *show, show_shape_t shape)
{
    show_begin(show, shape);
    show_text(show, "QueueName", "jobs");
    show_text(show, "Tag", "");
    show_number(show, "Active", 3);
    show_number(show, "Unknown", -1);
    show_bool(show, "Logging", 0);
    show_bool(show, "NotSaid", -1);
    show_time_s(show, "CreateTime", 1);
    show_time_ms(show, "EnqueueTime", 1500);
    show_time_ms(show, "Never", 0);
    show_end(show);
}

static void json_is_an_object_a_line(void **state)
{
    (void)state;
    show_t show = {.kind = SHOW_JSON};
    put_queue(&show, SHOW_ROWS);
    put_queue(&show, SHOW_SINGLE);
#define OBJECT                                                                              \
    "{\"QueueName\":\"jobs\",\"Tag\":null,\"Active\":3,\"Unknown\":null,\"Logging\":false," \
    "\"NotSaid\":null,\"CreateTime\":\"1970-01-01T00:00:01Z\","                             \
    "\"EnqueueTime\":\"1970-01-01T00:00:01.500Z\",\"Never\":null}\n"
    assert_written(&show, OBJECT OBJECT);
}

static void text_is_a_record_a_line_with_tabs_between(void **state)
{
    (void)state;
    show_t show = {.kind = SHOW_TEXT};
    put_queue(&show, SHOW_ROWS);
    assert_written(&show,
                   "jobs\t\t3\t\tfalse\t\t1970-01-01T00:00:01Z\t1970-01-01T00:00:01.500Z\t\n");
}

static void text_of_a_single_record_is_a_field_a_line(void **state)
{
    (void)state;
    show_t show = {.kind = SHOW_TEXT};
    put_queue(&show, SHOW_SINGLE);
    assert_written(&show,
                   "QueueName\tjobs\nTag\t\nActive\t3\nUnknown\t\nLogging\tfalse\nNotSaid\t\n"
                   "CreateTime\t1970-01-01T00:00:01Z\n"
                   "EnqueueTime\t1970-01-01T00:00:01.500Z\nNever\t\n");
}

static void a_value_never_breaks_a_line_of_text(void **state)
{
    (void)state;
    show_t show = {.kind = SHOW_TEXT};
    show_begin(&show, SHOW_ROWS);
    show_bytes(&show, "MessageBody", "a\tb\nc\rd\\e\x1b[2Jf\0gé",
               strlen("a\tb\nc\rd\\e\x1b[2Jf.gé"));
    show_text(&show, "After", "x");
    show_end(&show);
    assert_written(&show, "a\\tb\\nc\\rd\\\\e\\x1b[2Jf\\x00gé\tx\n");
}

static void bytes_that_are_no_text_are_base64(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        show_t show = {.kind = json ? SHOW_JSON : SHOW_TEXT};
        show_begin(&show, SHOW_ROWS);
        show_bytes(&show, "MessageBody", "\xff\xfe", 2);
        show_end(&show);
        assert_written(&show, json ? "{\"MessageBody\":\"//4=\"}\n" : "//4=\n");
    }
}

static void a_table_has_a_head_and_columns(void **state)
{
    (void)state;
    show_t show = {.kind = SHOW_TABLE};
    static const char *const names[] = {"a", "jobs", "é"};
    for (size_t i = 0; i < 3; i++) {
        show_begin(&show, SHOW_ROWS);
        show_text(&show, "QueueName", names[i]);
        show_number(&show, "N", (int64_t)i);
        show_end(&show);
    }
    assert_int_equal(show.out.len, 0);
    assert_true(show_flush(&show)); /* to the test's own output */
    assert_int_equal(show.row_count, 0);
    show_fini(&show);
}

static void a_verdict_is_three_words_or_an_object(void **state)
{
    (void)state;
    show_t text = {.kind = SHOW_TEXT}, json = {.kind = SHOW_JSON};
    show_verdict(&text, "created", "queue", "jobs", "http://h/queues/jobs");
    assert_written(&text, "created queue jobs\n");
    show_verdict(&json, "created", "queue", "jobs", "http://h/queues/jobs");
    show_verdict(&json, "deleted", "queue", "jobs", NULL);
    assert_written(&json, "{\"Result\":\"created\",\"Kind\":\"queue\",\"Name\":\"jobs\","
                          "\"Location\":\"http://h/queues/jobs\"}\n"
                          "{\"Result\":\"deleted\",\"Kind\":\"queue\",\"Name\":\"jobs\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_an_object_a_line),
        cmocka_unit_test(text_is_a_record_a_line_with_tabs_between),
        cmocka_unit_test(text_of_a_single_record_is_a_field_a_line),
        cmocka_unit_test(a_value_never_breaks_a_line_of_text),
        cmocka_unit_test(bytes_that_are_no_text_are_base64),
        cmocka_unit_test(a_table_has_a_head_and_columns),
        cmocka_unit_test(a_verdict_is_three_words_or_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

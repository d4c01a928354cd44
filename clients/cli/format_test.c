#include "format.h"

#include "base/mp.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* -- an item --------------------------------------------------------------------------------- */

static sl_buf_t event;

static int setup(void **state)
{
    (void)state;
    mp_put_map(&event, 10);
    mp_put_lit(&event, "Category");
    mp_put_lit(&event, "Job");
    mp_put_lit(&event, "Event");
    mp_put_lit(&event, "OnJobFailed");
    mp_put_lit(&event, "id");
    mp_put_lit(&event, "m-1");
    mp_put_lit(&event, "source");
    mp_put_lit(&event, "acs:mns:cn-hangzhou:1:/topics/t");
    mp_put_lit(&event, "time");
    mp_put_time(&event, 1514764801, 250000000); /* 2018-01-01T00:00:01.25Z */
    mp_put_lit(&event, "JobId");
    mp_put_lit(&event, "job-7");
    mp_put_lit(&event, "Message");
    mp_put_lit(&event, "two words\x1b[2J");
    mp_put_lit(&event, "EndTime");
    mp_put_nil(&event);
    mp_put_lit(&event, "Hints");
    mp_put_lit(&event, "");
    mp_put_lit(&event, "ExitCode");
    mp_put_int(&event, -9);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_buf_fini(&event);
    return 0;
}

static sluice_item_t item_of(const sl_buf_t *bytes)
{
    return (sluice_item_t){
        .kind = SLUICE_ITEM_EVENT,
        .topic = "Job.OnJobFailed",
        .topic_len = strlen("Job.OnJobFailed"),
        .stream = UINT64_MAX,
        .number = 42,
        .prev = 40,
        .time_ns = 1514764802000000000,
        .data = bytes->data,
        .len = bytes->len,
        .count = 1,
    };
}

static void assert_formats(const format_t *format, const sl_buf_t *bytes, const char *expected)
{
    sl_buf_t out = SL_BUF_INIT;
    sluice_item_t item = item_of(bytes);
    assert_int_equal(format_event(&out, format, &item), SL_OK);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    sl_buf_fini(&out);
}

/* -- pretty ---------------------------------------------------------------------------------- */

static void pretty_is_one_line_of_what_there_is_to_say(void **state)
{
    (void)state;
    assert_formats(&(format_t){.kind = FORMAT_PRETTY}, &event,
                   "00:00:01.250 #42       Job.OnJobFailed          JobId=job-7 "
                   "Message=\"two words\\u001b[2J\" ExitCode=-9\n");
}

static void colours_are_put_around_and_taken_back(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    sluice_item_t item = item_of(&event);
    assert_int_equal(format_event(&out, &(format_t){.kind = FORMAT_PRETTY, .colour = true}, &item),
                     SL_OK);
    sl_buf_append_byte(&out, '\0');
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "\033[1;31mJob.OnJobFailed\033[0m"));
    unsigned opened = 0, closed = 0;
    for (const char *at = text; (at = strstr(at, "\033[")) != NULL; at++)
        *(strncmp(at, "\033[0m", 4) == 0 ? &closed : &opened) += 1;
    assert_int_equal(opened, closed);
    sl_buf_fini(&out);
}

static void an_event_without_time_shows_the_batchs(void **state)
{
    (void)state;
    sl_buf_t bare = SL_BUF_INIT;
    mp_put_map(&bare, 1);
    mp_put_lit(&bare, "a");
    mp_put_bool(&bare, true);
    assert_formats(&(format_t){.kind = FORMAT_PRETTY}, &bare,
                   "00:00:02.000 #42       Job.OnJobFailed          a=true\n");
    sl_buf_fini(&bare);
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    sl_buf_t bytes = SL_BUF_INIT, value = SL_BUF_INIT;
    sl_buf_append_byte(&value, 'x'); /* so that 100 falls inside a character */
    for (int i = 0; i < 100; i++)
        sl_buf_append_str(&value, "é");
    mp_put_map(&bytes, 1);
    mp_put_lit(&bytes, "a");
    mp_put_str(&bytes, (const char *)value.data, value.len);
    sl_buf_t out = SL_BUF_INIT;
    sluice_item_t item = item_of(&bytes);
    assert_int_equal(format_event(&out, &(format_t){.kind = FORMAT_PRETTY}, &item), SL_OK);
    sl_buf_append_byte(&out, '\0');
    const char *shown = strstr((const char *)out.data, "a=x");
    assert_non_null(shown);
    assert_string_equal(shown + strlen("a=x") + strlen("é") * 49, "…\n");
    sl_buf_fini(&out);
    sl_buf_fini(&bytes);
    sl_buf_fini(&value);
}

/* -- for programs ---------------------------------------------------------------------------- */

static void json_is_the_event_in_one_line(void **state)
{
    (void)state;
    assert_formats(
        &(format_t){.kind = FORMAT_JSON}, &event,
        "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"id\":\"m-1\","
        "\"source\":\"acs:mns:cn-hangzhou:1:/topics/t\",\"time\":\"2018-01-01T00:00:01.250Z\","
        "\"JobId\":\"job-7\",\"Message\":\"two words\\u001b[2J\",\"EndTime\":null,\"Hints\":\"\","
        "\"ExitCode\":-9}\n");
}

static void numbers_come_first(void **state)
{
    (void)state;
    sl_buf_t bare = SL_BUF_INIT;
    mp_put_map(&bare, 1);
    mp_put_lit(&bare, "a");
    mp_put_uint(&bare, 1);
    assert_formats(&(format_t){.kind = FORMAT_JSON, .numbers = true}, &bare,
                   "{\"$topic\":\"Job.OnJobFailed\",\"$number\":42,\"$prev\":40,"
                   "\"$stream\":18446744073709551615,\"a\":1}\n");
    sl_buf_clear(&bare);
    mp_put_map(&bare, 0);
    assert_formats(&(format_t){.kind = FORMAT_JSON, .numbers = true}, &bare,
                   "{\"$topic\":\"Job.OnJobFailed\",\"$number\":42,\"$prev\":40,"
                   "\"$stream\":18446744073709551615}\n");
    sl_buf_fini(&bare);
}

static void cloudevents_are_a_line_each(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    sluice_item_t item = item_of(&event);
    assert_int_equal(format_event(&out, &(format_t){.kind = FORMAT_CLOUDEVENTS}, &item), SL_OK);
    assert_ptr_equal(memchr(out.data, '\n', out.len), out.data + out.len - 1);
    cJSON *json = cJSON_ParseWithLength((const char *)out.data, out.len);
    assert_non_null(json);
    assert_string_equal(cJSON_GetObjectItem(json, "specversion")->valuestring, "1.0");
    cJSON_Delete(json);
    sl_buf_fini(&out);
}

static void msgpack_is_the_events_own_bytes(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    sluice_item_t item = item_of(&event);
    format_event(&out, &(format_t){.kind = FORMAT_MSGPACK}, &item);
    format_event(&out, &(format_t){.kind = FORMAT_MSGPACK}, &item);
    assert_int_equal(out.len, 2 * event.len);
    assert_memory_equal(out.data + event.len, event.data, event.len);
    sl_buf_fini(&out);
}

static void a_single_value_is_written_as_json(void **state)
{
    (void)state;
    sl_buf_t value = SL_BUF_INIT, out = SL_BUF_INIT;
    mp_put_array(&value, 2);
    mp_put_lit(&value, "a");
    mp_put_map(&value, 0);
    sl_buf_append_str(&out, "v=");
    assert_int_equal(format_value(&out, value.data, value.len), SL_OK);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, "v=[\"a\",{}]");
    sl_buf_fini(&value);
    sl_buf_fini(&out);
}

/* -- bad events ------------------------------------------------------------------------------ */

static void a_malformed_event_adds_nothing(void **state)
{
    (void)state;
    static const format_t formats[] = {{.kind = FORMAT_PRETTY},
                                       {.kind = FORMAT_JSON},
                                       {.kind = FORMAT_JSON, .numbers = true},
                                       {.kind = FORMAT_CLOUDEVENTS}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        for (size_t cut = 0; cut < event.len; cut++) {
            sl_buf_t out = SL_BUF_INIT, part = SL_BUF_INIT;
            sl_buf_append(&part, event.data, cut);
            sl_buf_append_str(&out, "before");
            sluice_item_t item = item_of(&part);
            assert_int_equal(format_event(&out, &formats[i], &item), SL_EPROTO);
            assert_int_equal(out.len, strlen("before"));
            sl_buf_fini(&out);
            sl_buf_fini(&part);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pretty_is_one_line_of_what_there_is_to_say),
        cmocka_unit_test(colours_are_put_around_and_taken_back),
        cmocka_unit_test(an_event_without_time_shows_the_batchs),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(json_is_the_event_in_one_line),
        cmocka_unit_test(numbers_come_first),
        cmocka_unit_test(cloudevents_are_a_line_each),
        cmocka_unit_test(msgpack_is_the_events_own_bytes),
        cmocka_unit_test(a_single_value_is_written_as_json),
        cmocka_unit_test(a_malformed_event_adds_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

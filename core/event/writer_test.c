#include "event/writer.h"

#include "json_put.h"
#include "testing.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef sl_err write_fn(sl_buf_t *out, const void *event, size_t len);

static void assert_written(write_fn *write, sl_buf_t *event, const char *expected)
{
    sl_buf_t json = SL_BUF_INIT;
    assert_int_equal(write(&json, event->data, event->len), SL_OK);
    sl_buf_append_byte(&json, '\0');
    assert_string_equal(json.data, expected);
    sl_buf_fini(&json);
    sl_buf_fini(event);
}

static void assert_refused(write_fn *write, const void *event, size_t len)
{
    sl_buf_t json = SL_BUF_INIT;
    sl_buf_append_str(&json, "before");
    assert_int_equal(write(&json, event, len), SL_EPROTO);
    assert_int_equal(json.len, strlen("before"));
    sl_buf_fini(&json);
}

/* An event whose one field `v` the caller appends. */
static sl_buf_t open_event(void)
{
    sl_buf_t event = SL_BUF_INIT;
    mp_put_map(&event, 1);
    mp_put_lit(&event, "v");
    return event;
}

static void integers_stay_exact(void **state)
{
    (void)state;
    static const struct {
        uint64_t u64;
        const char *json;
    } cases[] = {
        {0, "{\"v\":0}"},
        {9, "{\"v\":9}"},
        {10, "{\"v\":10}"},
        {9007199254740993, "{\"v\":9007199254740993}"},
        {UINT64_MAX, "{\"v\":18446744073709551615}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sl_buf_t event = open_event();
        mp_put_uint(&event, cases[i].u64);
        assert_written(event_write_json, &event, cases[i].json);
    }
    sl_buf_t event = open_event();
    mp_put_int(&event, INT64_MIN);
    assert_written(event_write_json, &event, "{\"v\":-9223372036854775808}");
}

static void a_double_is_written_in_the_fewest_digits_and_stays_a_float(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *json;
    } cases[] = {
        {0.1, "0.1"},        {1.0, "1.0"},
        {-0.0, "-0.0"},      {1e5, "100000.0"},
        {1e22, "1e+22"},     {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5e-324"},  {1.0 / 3, "0.3333333333333333"},
        {NAN, "null"},       {INFINITY, "null"},
        {-INFINITY, "null"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sl_buf_t out = SL_BUF_INIT;
        json_put_double(&out, cases[i].value);
        sl_buf_append_byte(&out, '\0');
        assert_string_equal(out.data, cases[i].json);
        sl_buf_fini(&out);
    }
}

/* The locales that are installed differ; any with a comma shows it. */
static void a_locale_does_not_change_the_decimal_point(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fa_IR", "C"};
    for (size_t i = 0; i < COUNT(locales); i++) {
        if (setlocale(LC_ALL, locales[i]) == NULL)
            continue;
        sl_buf_t event = open_event();
        mp_put_double(&event, -12345.678);
        assert_written(event_write_json, &event, "{\"v\":-12345.678}");
    }
    setlocale(LC_ALL, "C");
}

static void times_are_rfc_3339_in_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t sec;
        uint32_t nsec;
        const char *json;
    } cases[] = {
        {1478013902, 837728000, "{\"v\":\"2016-11-01T15:25:02.837728Z\"}"},
        {1478013902, 0, "{\"v\":\"2016-11-01T15:25:02Z\"}"},
        {-1, 500000000, "{\"v\":\"1969-12-31T23:59:59.500Z\"}"},
        {253402300800, 0, "{\"v\":null}"},
        {INT64_MAX, 0, "{\"v\":null}"},
        {INT64_MIN, 0, "{\"v\":null}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sl_buf_t event = open_event();
        mp_put_time(&event, cases[i].sec, cases[i].nsec);
        assert_written(event_write_json, &event, cases[i].json);
    }
}

static void bin_becomes_base64(void **state)
{
    (void)state;
    static const char *const expected[] = {"{\"v\":\"\"}", "{\"v\":\"Zg==\"}", "{\"v\":\"Zm8=\"}",
                                           "{\"v\":\"Zm9v\"}", "{\"v\":\"Zm9vYg==\"}"};
    for (size_t len = 0; len < COUNT(expected); len++) { /* RFC 4648's own examples */
        sl_buf_t event = open_event();
        mp_put_bin(&event, "foob", len);
        assert_written(event_write_json, &event, expected[len]);
    }
    sl_buf_t event = open_event();
    mp_put_bin(&event, "\xfb\xff\xfe", 3);
    assert_written(event_write_json, &event, "{\"v\":\"+//+\"}");
}

static void strings_are_escaped_where_they_must_be(void **state)
{
    (void)state;
    sl_buf_t event = open_event();
    mp_put_str(&event, "a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xe4\xbd\xa0", 17);
    assert_written(event_write_json, &event,
                   "{\"v\":\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xe4\xbd\xa0\"}");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    sl_buf_t event = open_event();
    mp_put_str(&event, "a\xff\xe4\xbd|\xed\xa0\x80", 8);
    assert_written(
        event_write_json, &event,
        "{\"v\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
}

static void nested_values_keep_their_shape(void **state)
{
    (void)state;
    sl_buf_t event = open_event();
    mp_put_array(&event, 4);
    mp_put_map(&event, 2);
    mp_put_lit(&event, "a");
    mp_put_bool(&event, true);
    mp_put_lit(&event, "\"");
    mp_put_nil(&event);
    mp_put_array(&event, 0);
    mp_put_map(&event, 0);
    mp_put_bool(&event, false);
    assert_written(event_write_json, &event, "{\"v\":[{\"a\":true,\"\\\"\":null},[],{},false]}");
}

static void what_is_no_event_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\x91\1", 2},
        {"\xc0", 1},
        {"\x81\xa1k", 3},
        {"\x81\1\2", 3},
        {"\x80\x80", 2},
        {"\x81\xa1k\xc1", 4},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\x81\xa1k\x81\1\2", 6},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(event_write_json, cases[i].bytes, cases[i].len);
        assert_refused(event_write_cloudevent, cases[i].bytes, cases[i].len);
    }
}

static void nesting_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    for (unsigned depth = MP_DEPTH_MAX - 1; depth <= MP_DEPTH_MAX; depth++) {
        sl_buf_t event = open_event(), json = SL_BUF_INIT;
        for (unsigned i = 1; i < depth; i++)
            mp_put_array(&event, 1);
        mp_put_array(&event, 0);
        sl_err err = event_write_json(&json, event.data, event.len);
        assert_int_equal(err, depth < MP_DEPTH_MAX ? SL_OK : SL_EPROTO);
        sl_buf_fini(&event);
        sl_buf_fini(&json);
    }
}

/* -- CloudEvents ------------------------------------------------------------------------------ */

static sl_buf_t normalised(const char *json)
{
    sl_buf_t event = SL_BUF_INIT;
    event_info_t info;
    assert_int_equal(normalise_copy(&event, &test_origin, json, strlen(json), &info),
                     EVENT_REASON_NONE);
    return event;
}

static void a_cloudevent_has_its_attributes_and_the_body_as_data(void **state)
{
    (void)state;
    sl_buf_t event =
        normalised("{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"JobId\":\"job-1\","
                   "\"EndTime\":\"\",\"id\":7}");
    assert_written(event_write_cloudevent, &event,
                   "{\"specversion\":\"1.0\",\"id\":\"ID\",\"source\":\"SRC\","
                   "\"type\":\"com.aliyun.batchcompute.Job.OnJobFailed\",\"subject\":\"job-1\","
                   "\"time\":\"1970-01-01T00:00:01.500Z\",\"datacontenttype\":\"application/json\","
                   "\"data\":{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"JobId\":\"job-1\","
                   "\"EndTime\":null,\"body:id\":7}}");
}

static void the_subject_is_the_job_or_the_cluster_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *json, *subject;
    } cases[] = {
        {"{\"Category\":\"C\",\"Event\":\"E\",\"ClusterId\":\"cls\"}", "cls"},
        {"{\"Category\":\"C\",\"Event\":\"E\",\"ClusterId\":\"cls\",\"JobId\":\"job\"}", "job"},
        {"{\"Category\":\"C\",\"Event\":\"E\",\"ClusterId\":\"cls\",\"JobId\":\"\"}", "cls"},
        {"{\"Category\":\"C\",\"Event\":\"E\",\"JobId\":1}", NULL},
        {"{\"Category\":\"C\",\"Event\":\"E\"}", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sl_buf_t event = normalised(cases[i].json), json = SL_BUF_INIT;
        assert_int_equal(event_write_cloudevent(&json, event.data, event.len), SL_OK);
        cJSON *tree = cJSON_ParseWithLength((const char *)json.data, json.len);
        assert_non_null(tree);
        const cJSON *subject = cJSON_GetObjectItemCaseSensitive(tree, "subject");
        if (cases[i].subject == NULL)
            assert_null(subject);
        else
            assert_string_equal(subject->valuestring, cases[i].subject);
        cJSON_Delete(tree);
        sl_buf_fini(&json);
        sl_buf_fini(&event);
    }
}

static void a_foreign_event_cannot_break_out_of_its_quotes(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT, json = SL_BUF_INIT;
    mp_put_map(&event, 4);
    mp_put_lit(&event, "Category");
    mp_put_lit(&event, "a\",\"x\":\"");
    mp_put_lit(&event, "Event");
    mp_put_lit(&event, "\xff\n");
    mp_put_lit(&event, "id");
    mp_put_lit(&event, "\"");
    mp_put_lit(&event, "source");
    mp_put_lit(&event, "\\");
    assert_int_equal(event_write_cloudevent(&json, event.data, event.len), SL_OK);
    cJSON *tree = cJSON_ParseWithLength((const char *)json.data, json.len);
    assert_non_null(tree);
    assert_null(cJSON_GetObjectItemCaseSensitive(tree, "x"));
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(tree, "type")->valuestring,
                        "com.aliyun.batchcompute.a\",\"x\":\".\xef\xbf\xbd\n");
    cJSON_Delete(tree);
    sl_buf_fini(&event);
    sl_buf_fini(&json);
}

static void an_event_without_id_or_source_is_no_cloudevent(void **state)
{
    (void)state;
    static const char *const names[] = {"Category", "Event", "id", "source"};
    for (size_t without = 0; without < COUNT(names); without++) {
        sl_buf_t event = SL_BUF_INIT;
        mp_put_map(&event, 4);
        for (size_t i = 0; i < COUNT(names); i++) {
            mp_put_str(&event, names[i], strlen(names[i]));
            if (i == without)
                mp_put_nil(&event);
            else
                mp_put_lit(&event, "x");
        }
        assert_refused(event_write_cloudevent, event.data, event.len);
        sl_buf_fini(&event);
    }
}

static void a_dead_letter_is_written_like_any_event(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT;
    event_dead_letter(&event, &test_origin, EVENT_REASON_BAD_UTF8, "\xff", 1, "byte 0", 1);
    assert_written(event_write_json, &event,
                   "{\"Category\":\"$dead\",\"Event\":\"BadUtf8\",\"id\":\"ID\",\"source\":\"SRC\","
                   "\"time\":\"1970-01-01T00:00:01.500Z\",\"Body\":\"/w==\",\"Detail\":\"byte "
                   "0\",\"Attempt\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_stay_exact),
        cmocka_unit_test(a_double_is_written_in_the_fewest_digits_and_stays_a_float),
        cmocka_unit_test(a_locale_does_not_change_the_decimal_point),
        cmocka_unit_test(times_are_rfc_3339_in_utc),
        cmocka_unit_test(bin_becomes_base64),
        cmocka_unit_test(strings_are_escaped_where_they_must_be),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(nested_values_keep_their_shape),
        cmocka_unit_test(what_is_no_event_is_refused_and_leaves_nothing),
        cmocka_unit_test(nesting_beyond_the_limit_is_refused),
        cmocka_unit_test(a_cloudevent_has_its_attributes_and_the_body_as_data),
        cmocka_unit_test(the_subject_is_the_job_or_the_cluster_or_absent),
        cmocka_unit_test(a_foreign_event_cannot_break_out_of_its_quotes),
        cmocka_unit_test(an_event_without_id_or_source_is_no_cloudevent),
        cmocka_unit_test(a_dead_letter_is_written_like_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

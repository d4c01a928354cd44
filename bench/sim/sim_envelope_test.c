#include "envelope.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char body[] =
    "{\"Event\":\"OnJobFailed\",\"Message\":\"a \\\"b\\\" <c> & \\\\\n\x01\"}";

static const envelope_t sample = {.account = "123",
                                  .topic = "t",
                                  .subscription = "s",
                                  .message_id = "0123456789ABCDEF0123456789ABCDEF",
                                  .message = body,
                                  .message_len = sizeof body - 1,
                                  .publish_time_ms = 1780315200000};

static const char *written(sl_buf_t *out, envelope_format_t format)
{
    envelope_write(out, format, &sample);
    sl_buf_append_byte(out, '\0');
    assert_false(out->failed);
    return (const char *)out->data;
}

static void a_simplified_message_is_the_body_alone(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    assert_string_equal(written(&out, ENVELOPE_SIMPLIFIED), body);
    sl_buf_fini(&out);
}

static void a_json_envelope_holds_strings_only_and_the_body_unharmed(void **state)
{
    (void)state;
    static const char *const members[][2] = {
        {"TopicOwner", "123"},     {"Message", body},
        {"Subscriber", "123"},     {"PublishTime", "1780315200000"},
        {"SubscriptionName", "s"}, {"MessageMD5", NULL},
        {"TopicName", "t"},        {"MessageId", "0123456789ABCDEF0123456789ABCDEF"}};
    char md5[MD5_HEX_LEN + 1];
    sl_buf_t out = SL_BUF_INIT;
    cJSON *json = cJSON_Parse(written(&out, ENVELOPE_JSON));
    assert_non_null(json);
    md5_hex(body, sizeof body - 1, md5);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, members[i][0])),
                            members[i][1] == NULL ? md5 : members[i][1]);
    assert_int_equal(cJSON_GetArraySize(json), 8);
    cJSON_Delete(json);
    sl_buf_fini(&out);
}

static void an_xml_envelope_escapes_the_body(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    const char *xml = written(&out, ENVELOPE_XML);
    assert_non_null(strstr(xml, "<Notification xmlns=\"http://mns.aliyuncs.com/doc/v1/\">"));
    assert_non_null(strstr(xml, "<Message>{\"Event\":\"OnJobFailed\",\"Message\":\"a \\\"b\\\" "
                                "&lt;c&gt; &amp; \\\\\n"));
    assert_non_null(strstr(xml, "<PublishTime>1780315200000</PublishTime>"));
    assert_string_equal(xml + strlen(xml) - 15, "</Notification>");
    sl_buf_fini(&out);
}

static void md5_is_upper_case_hex(void **state)
{
    (void)state;
    char md5[MD5_HEX_LEN + 1];
    md5_hex("{1:\"a\", 2:\"b\"}", 14, md5);
    assert_string_equal(md5, "F1E92841751D795AB325861034B5CB55");
}

static void base64_is_appended(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    sl_buf_append_str(&out, ">");
    base64_write(&out, "hello", 5);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((char *)out.data, ">aGVsbG8=");
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simplified_message_is_the_body_alone),
        cmocka_unit_test(a_json_envelope_holds_strings_only_and_the_body_unharmed),
        cmocka_unit_test(an_xml_envelope_escapes_the_body),
        cmocka_unit_test(md5_is_upper_case_hex),
        cmocka_unit_test(base64_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

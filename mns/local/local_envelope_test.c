/* What a subscriber gets, in each format; JSON is read back by cJSON, XML by xml_in. */
#include "envelope.h"

#include "xml_in.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE "{\"Category\":\"Job\",\"Note\":\"a\\\\b <&> \xe4\xb8\xad\t\r\n\"}"

static const notification_t sample = {
    .owner = "123456789012",
    .topic = "batch",
    .subscription = "sub-1",
    .message_id = "AC10020B0019681A95159E591D100001",
    .md5 = "A2305B5F3E6F4D01F25D4BE59F2FE8B8",
    .message = MESSAGE,
    .message_len = sizeof MESSAGE - 1,
    .tag = "urgent",
    .publish_ms = 1790299889032,
};

static const struct {
    const char *name, *value;
} fields[] = {
    {"TopicOwner", "123456789012"},
    {"TopicName", "batch"},
    {"Subscriber", "123456789012"},
    {"SubscriptionName", "sub-1"},
    {"MessageId", "AC10020B0019681A95159E591D100001"},
    {"Message", MESSAGE},
    {"MessageMD5", "A2305B5F3E6F4D01F25D4BE59F2FE8B8"},
    {"MessageTag", "urgent"},
    {"PublishTime", "1790299889032"},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void simplified_is_the_message_and_nothing_else(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    envelope_write(&out, NOTIFY_SIMPLIFIED, &sample);
    assert_int_equal(out.len, sample.message_len);
    assert_memory_equal(out.data, MESSAGE, out.len);
    sl_buf_fini(&out);
}

static void json_is_one_flat_object_of_strings(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    envelope_write(&out, NOTIFY_JSON, &sample);
    cJSON *json = cJSON_ParseWithLength((const char *)out.data, out.len);
    assert_non_null(json);
    assert_int_equal(cJSON_GetArraySize(json), FIELDS);
    for (size_t i = 0; i < FIELDS; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, fields[i].name);
        assert_true(cJSON_IsString(item));
        assert_string_equal(item->valuestring, fields[i].value);
    }
    cJSON_Delete(json);
    sl_buf_fini(&out);
}

static void xml_is_a_notification(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    xml_doc_t *doc;
    const xml_node_t *root;
    assert_int_equal(xml_doc_create(&doc), SL_OK);
    envelope_write(&out, NOTIFY_XML, &sample);
    assert_int_equal(xml_parse(doc, out.data, out.len, &root), SL_OK);
    assert_string_equal(root->name, "Notification");
    for (size_t i = 0; i < FIELDS; i++)
        assert_string_equal(xml_child(root, fields[i].name)->text, fields[i].value);
    xml_doc_destroy(&doc);
    sl_buf_fini(&out);
}

static void without_a_tag_there_is_no_tag(void **state)
{
    (void)state;
    notification_t untagged = sample;
    untagged.tag = "";
    sl_buf_t out = SL_BUF_INIT;
    for (notify_format_t format = NOTIFY_XML; format <= NOTIFY_JSON; format++) {
        envelope_write(&out, format, &untagged);
        sl_buf_append_byte(&out, 0);
        assert_null(strstr((const char *)out.data, "MessageTag"));
    }
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simplified_is_the_message_and_nothing_else),
        cmocka_unit_test(json_is_one_flat_object_of_strings),
        cmocka_unit_test(xml_is_a_notification),
        cmocka_unit_test(without_a_tag_there_is_no_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mns_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PROLOG "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define NS     " xmlns=\"http://mns.aliyuncs.com/doc/v1/\""

static sl_buf_t out;

static int clear(void **state)
{
    (void)state;
    sl_buf_fini(&out);
    return 0;
}

static const char *written(void)
{
    sl_buf_append_byte(&out, '\0');
    out.len--;
    return (const char *)out.data;
}

static bool escapes(const char *text, size_t len)
{
    sl_buf_clear(&out);
    return mns_xml_escape(&out, text, len);
}

static void markup_characters_are_escaped_and_nothing_else(void **state)
{
    (void)state;
    static const char text[] = "a & b < c > d \"e\" 'f' ]]>\tg\nh\ri \xE4\xB8\xAD";
    assert_true(escapes(text, sizeof text - 1));
    assert_string_equal(written(), "a &amp; b &lt; c &gt; d \"e\" 'f' ]]&gt;\tg\nh&#13;i "
                                   "\xE4\xB8\xAD");
}

static void a_character_that_xml_lacks_is_refused(void **state)
{
    (void)state;
    for (char c = 0; c < 0x20; c++)
        assert_int_equal(escapes(&c, 1), c == '\t' || c == '\n' || c == '\r');
    assert_true(escapes("\x7F", 1));
    assert_false(escapes("\xEF\xBF\xBE", 3)); /* U+FFFE */
    assert_false(escapes("\xEF\xBF\xBF", 3)); /* U+FFFF */
    assert_true(escapes("\xEF\xBF\xBD", 3));  /* U+FFFD */
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",         "\xC3(",        "\xE4\xB8(",        "\xF0\x9F\x98(",    "\xE4(\xAD",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(escapes(bad[i], strlen(bad[i])));
    static const char four[] = "\xF0\x9F\x98\x80";
    for (size_t cut = 1; cut < 4; cut++)
        assert_false(escapes(four, cut));
    assert_true(escapes(four, 4));
}

static size_t utf8(uint32_t c, char to[4])
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800)
        return to[0] = (char)(0xC0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (char)(0xE0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)),
               to[2] = (char)(0x80 | (c & 63)), 3;
    return to[0] = (char)(0xF0 | c >> 18), to[1] = (char)(0x80 | (c >> 12 & 63)),
           to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63)), 4;
}

static void what_is_written_is_read_back_for_every_character(void **state)
{
    (void)state;
    mns_xml_reader_t *reader;
    mns_root_t root;
    mns_store_t *store = mns_store_create();
    assert_int_equal(mns_xml_reader_create(&reader), MNS_OK);
    for (uint32_t first = 0; first < 0x110000; first += 0x400) {
        sl_buf_t text = SL_BUF_INIT;
        for (uint32_t c = first; c < first + 0x400; c++) {
            char bytes[4];
            if (!(c < 0x20 && c != 9 && c != 10 && c != 13) && (c < 0xD800 || c > 0xDFFF) &&
                c != 0xFFFE && c != 0xFFFF)
                sl_buf_append(&text, bytes, utf8(c, bytes));
        }
        sl_buf_clear(&out);
        mns_outgoing_t message = {.body = text.len ? (char *)text.data : "", .body_len = text.len};
        assert_int_equal(mns_xml_write_message(&out, &(mns_request_t){.outgoing = &message}),
                         MNS_OK);
        mns_store_clear(store);
        assert_int_equal(mns_xml_read(reader, (char *)out.data, out.len, store, &root), MNS_OK);
        assert_int_equal(root, MNS_ROOT_Message);
        assert_int_equal(store->messages[0].body_len, text.len);
        assert_memory_equal(store->messages[0].body, message.body, text.len);
        sl_buf_fini(&text);
    }
    mns_xml_reader_destroy(&reader);
    mns_store_destroy(&store);
}

static void a_message_carries_body_delay_and_priority(void **state)
{
    (void)state;
    mns_outgoing_t message = {.body = "hello", .body_len = 5, .priority = 8, .base64 = true};
    assert_int_equal(mns_xml_write_message(&out, &(mns_request_t){.outgoing = &message}), MNS_OK);
    assert_string_equal(written(),
                        PROLOG "<Message" NS "><MessageBody>aGVsbG8=</MessageBody>"
                               "<DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>");
}

static void a_batch_carries_its_messages_in_order(void **state)
{
    (void)state;
    mns_outgoing_t two[] = {{.body = "a", .body_len = 1, .delay_seconds = -1},
                            {.body = "b", .body_len = 1, .delay_seconds = -1, .priority = 1}};
    mns_request_t request = {.outgoing = two, .count = 2};
    assert_int_equal(mns_xml_write_messages(&out, &request), MNS_OK);
    assert_string_equal(written(),
                        PROLOG "<Messages" NS "><Message><MessageBody>a</MessageBody></Message>"
                               "<Message><MessageBody>b</MessageBody><Priority>1</Priority>"
                               "</Message></Messages>");
}

static void one_bad_body_refuses_the_whole_batch(void **state)
{
    (void)state;
    mns_outgoing_t two[] = {{.body = "a", .body_len = 1}, {.body = "\x01", .body_len = 1}};
    mns_request_t request = {.outgoing = two, .count = 2};
    assert_int_equal(mns_xml_write_messages(&out, &request), MNS_EINVAL);
    two[1].base64 = true;
    assert_int_equal(mns_xml_write_messages(&out, &request), MNS_OK);
}

static void a_publish_carries_body_and_tag(void **state)
{
    (void)state;
    mns_outgoing_t message = {.body = "{}", .body_len = 2};
    mns_request_t request = {.outgoing = &message, .message_tag = "a<b"};
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Message" NS "><MessageBody>{}</MessageBody>"
                                          "<MessageTag>a&lt;b</MessageTag></Message>");
}

static const mns_property_t properties[] = {{"a<", "1 & 2", "STRING"}, {"b", "3", "NUMBER"}};
#define PROPERTIES                                                                                 \
    "<UserProperties><PropertyValue><Name>a&lt;</Name><Value>1 &amp; 2</Value><Type>STRING</Type>" \
    "</PropertyValue><PropertyValue><Name>b</Name><Value>3</Value><Type>NUMBER</Type>"             \
    "</PropertyValue></UserProperties>"

static void properties_go_with_a_message_and_with_a_publish(void **state)
{
    (void)state;
    mns_outgoing_t message = {.body = "x",
                              .body_len = 1,
                              .delay_seconds = -1,
                              .properties = properties,
                              .property_count = 2};
    mns_request_t request = {.outgoing = &message};
    assert_int_equal(mns_xml_write_message(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Message" NS "><MessageBody>x</MessageBody>" PROPERTIES
                                          "</Message>");
    sl_buf_clear(&out);
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Message" NS "><MessageBody>x</MessageBody>" PROPERTIES
                                          "</Message>");
    message.properties = &(mns_property_t){"n", "\x01", "STRING"};
    message.property_count = 1;
    assert_int_equal(mns_xml_write_message(&out, &request), MNS_EINVAL);
}

static void a_mail_is_json_within_xml(void **state)
{
    (void)state;
    mns_outgoing_t message = {.body = "x", .body_len = 1};
    mns_mail_t mail = {.account_name = "me@example.com",
                       .subject = "a \"b\" \\ <c> & \n\x01 \xE4\xB8\xAD",
                       .is_html = true};
    mns_request_t request = {.outgoing = &message, .mail = &mail};
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_OK);
    assert_string_equal(
        written(),
        PROLOG "<Message" NS "><MessageBody>x</MessageBody><MessageAttributes><DirectMail>"
               "{\"AccountName\":\"me@example.com\",\"Subject\":\"a \\\"b\\\" \\\\ &lt;c&gt; "
               "&amp; \\u000a\\u0001 \xE4\xB8\xAD\",\"AddressType\":0,\"IsHtml\":1,"
               "\"ReplyToAddress\":0}</DirectMail></MessageAttributes></Message>");
    mail.subject = "\xFF";
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_EINVAL);
}

static void a_short_message_is_json_within_xml(void **state)
{
    (void)state;
    mns_outgoing_t message = {.body = "x", .body_len = 1};
    mns_sms_t sms = {.free_sign_name = "sign", .template_code = "SMS_1"};
    mns_request_t request = {.outgoing = &message, .sms = &sms};
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_OK);
    assert_non_null(strstr(written(), "<DirectSMS>{\"FreeSignName\":\"sign\",\"TemplateCode\":"
                                      "\"SMS_1\",\"Type\":\"singleContent\",\"SmsParams\":\"{}\"}"
                                      "</DirectSMS>"));
    sl_buf_clear(&out);
    sms.type = "multiContent";
    sms.receiver = "1,2";
    sms.sms_params = "{\"a\":1}";
    assert_int_equal(mns_xml_write_publish(&out, &request), MNS_OK);
    assert_non_null(strstr(written(),
                           "\"Type\":\"multiContent\",\"Receiver\":\"1,2\",\"SmsParams\":"
                           "\"{\\\"a\\\":1}\"}</DirectSMS>"));
}

static void a_change_of_a_subscription_carries_its_strategy_alone(void **state)
{
    (void)state;
    mns_subscription_t attributes = {.endpoint = "http://h/",
                                     .filter_tag = "t",
                                     .notify_format = "JSON",
                                     .notify_strategy = "BACKOFF_RETRY"};
    mns_request_t request = {.subscription_attributes = &attributes};
    assert_int_equal(mns_xml_write_strategy(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Subscription" NS "><NotifyStrategy>BACKOFF_RETRY"
                                          "</NotifyStrategy></Subscription>");
}

static void handles_are_listed(void **state)
{
    (void)state;
    mns_request_t request = {.receipt_handles = (const char *[]){"1-x==", "2-&"}, .count = 2};
    assert_int_equal(mns_xml_write_handles(&out, &request), MNS_OK);
    assert_string_equal(written(),
                        PROLOG "<ReceiptHandles" NS "><ReceiptHandle>1-x==</ReceiptHandle>"
                               "<ReceiptHandle>2-&amp;</ReceiptHandle></ReceiptHandles>");
}

static void a_queue_carries_only_the_attributes_that_are_set(void **state)
{
    (void)state;
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    mns_request_t request = {.queue_attributes = &attributes};
    assert_int_equal(mns_xml_write_queue(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Queue" NS "></Queue>");
    sl_buf_clear(&out);
    attributes.visibility_timeout = 45;
    attributes.logging_enabled = 0;
    assert_int_equal(mns_xml_write_queue(&out, &request), MNS_OK);
    assert_string_equal(written(), PROLOG "<Queue" NS "><VisibilityTimeout>45</VisibilityTimeout>"
                                          "<LoggingEnabled>False</LoggingEnabled></Queue>");
}

static void a_subscription_carries_its_endpoint_and_format(void **state)
{
    (void)state;
    mns_subscription_t attributes = {.endpoint = "acs:mns:r:1:queues/q", .notify_format = "JSON"};
    mns_request_t request = {.subscription_attributes = &attributes};
    assert_int_equal(mns_xml_write_subscription(&out, &request), MNS_OK);
    assert_string_equal(written(),
                        PROLOG "<Subscription" NS "><Endpoint>acs:mns:r:1:queues/q</Endpoint>"
                               "<NotifyContentFormat>JSON</NotifyContentFormat></Subscription>");
}

static void a_topic_carries_only_the_attributes_that_are_set(void **state)
{
    (void)state;
    mns_topic_attributes_t attributes = MNS_TOPIC_ATTRIBUTES_UNSET;
    attributes.maximum_message_size = 1024;
    attributes.logging_enabled = 1;
    mns_request_t request = {.topic_attributes = &attributes};
    assert_int_equal(mns_xml_write_topic(&out, &request), MNS_OK);
    assert_string_equal(written(),
                        PROLOG "<Topic" NS "><MaximumMessageSize>1024</MaximumMessageSize>"
                               "<LoggingEnabled>True</LoggingEnabled></Topic>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(markup_characters_are_escaped_and_nothing_else, clear),
        cmocka_unit_test_teardown(a_character_that_xml_lacks_is_refused, clear),
        cmocka_unit_test_teardown(invalid_utf8_is_refused, clear),
        cmocka_unit_test_teardown(what_is_written_is_read_back_for_every_character, clear),
        cmocka_unit_test_teardown(a_message_carries_body_delay_and_priority, clear),
        cmocka_unit_test_teardown(a_batch_carries_its_messages_in_order, clear),
        cmocka_unit_test_teardown(one_bad_body_refuses_the_whole_batch, clear),
        cmocka_unit_test_teardown(a_publish_carries_body_and_tag, clear),
        cmocka_unit_test_teardown(properties_go_with_a_message_and_with_a_publish, clear),
        cmocka_unit_test_teardown(a_mail_is_json_within_xml, clear),
        cmocka_unit_test_teardown(a_short_message_is_json_within_xml, clear),
        cmocka_unit_test_teardown(a_change_of_a_subscription_carries_its_strategy_alone, clear),
        cmocka_unit_test_teardown(handles_are_listed, clear),
        cmocka_unit_test_teardown(a_queue_carries_only_the_attributes_that_are_set, clear),
        cmocka_unit_test_teardown(a_subscription_carries_its_endpoint_and_format, clear),
        cmocka_unit_test_teardown(a_topic_carries_only_the_attributes_that_are_set, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

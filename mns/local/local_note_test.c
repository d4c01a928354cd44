/* Mails, short messages, and properties: what goes beside a message's body. */
#include "box.h"
#include "local_fixture.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TO_Q "<Endpoint>acs:mns:cn-hangzhou:123456789012:queues/q</Endpoint>"

static int setup(void **state)
{
    if (fixture_setup(state) != 0 || call(*state, "PUT", "/queues/q", NULL).status != 201)
        return -1;
    return call(*state, "PUT", "/topics/t", NULL).status == 201 ? 0 : -1;
}

static void subscribe(fixture_t *f, const char *name, const char *children)
{
    char target[64], body[512];
    snprintf(target, sizeof target, "/topics/t/subscriptions/%s", name);
    snprintf(body, sizeof body, "<Subscription>%s</Subscription>", children);
    assert_status(call(f, "PUT", target, body), 201);
}

static raw_reply_t publish(fixture_t *f, const char *body, const char *children)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    return call(f, "POST", "/topics/t/messages", text);
}

/* -- mail and SMS -------------------------------------------------------------------------- */

#define MAIL_ATTRIBUTES                                                                        \
    "<MessageAttributes><DirectMail>{\"AccountName\":\"ops\",\"Subject\":\"Hi\",\"IsHtml\":0," \
    "\"AddressType\":1,\"ReplyToAddress\":\"0\"}</DirectMail></MessageAttributes>"

static void a_mail_can_be_read_as_it_would_be_sent(void **state)
{
    fixture_t *f = *state;
    subscribe(f, "m",
              "<Endpoint>mail:directmail:a@example.com</Endpoint>"
              "<NotifyContentFormat>JSON</NotifyContentFormat>");
    raw_reply_t reply = publish(f, "1 &lt; \"2\"", "<MessageTag>x</MessageTag>" MAIL_ATTRIBUTES);
    char wanted[512];
    snprintf(wanted, sizeof wanted,
             "{\"messages\":[{\"to\":[\"a@example.com\"],\"topic\":\"t\",\"subscription\":\"m\","
             "\"message_id\":\"%s\",\"message_tag\":\"x\",\"publish_time_ms\":1780315200000,"
             "\"body\":\"1 < \\\"2\\\"\",\"attributes\":{\"AccountName\":\"ops\",\"Subject\":"
             "\"Hi\",\"IsHtml\":0,\"AddressType\":1,\"ReplyToAddress\":\"0\"}}]}\n",
             element(reply, "MessageId", 0));
    reply = ask_page(f, "GET", "/local/mail");
    assert_status(reply, 200);
    assert_string_equal(header(reply, "Content-Type"), "application/json");
    assert_string_equal(reply.body, wanted); /* the body alone, whatever the format */
    assert_string_equal(ask_page(f, "GET", "/local/sms").body, "{\"messages\":[]}\n");
    assert_int_equal(counted(f, "mns_local_mails_total"), 1);
    assert_string_equal(ask_page(f, "DELETE", "/local/mail").body, "{\"messages\":[]}\n");
}

static void an_anonymous_sms_goes_to_whom_the_message_names(void **state)
{
    fixture_t *f = *state;
    subscribe(f, "known", "<Endpoint>sms:directsms:110</Endpoint>");
    subscribe(f, "any", "<Endpoint>sms:directsms:anonymous</Endpoint>");
    publish(f, "nobody", "");
    assert_int_equal(counted(f, "mns_local_undeliverable_messages_total"), 1);
    publish(f, "hi",
            "<MessageAttributes><DirectSMS>{\"FreeSignName\":\"s\",\"TemplateCode\":\"c\","
            "\"Type\":\"multiContent\",\"Receiver\":\"111,112\",\"SmsParams\":\"{\\\"111\\\":{}}\"}"
            "</DirectSMS></MessageAttributes>");
    cJSON *all = cJSON_Parse(ask_page(f, "GET", "/local/sms").body);
    const cJSON *messages = cJSON_GetObjectItem(all, "messages");
    assert_int_equal(cJSON_GetArraySize(messages), 3);
    int named = 0;
    for (int i = 0; i < 3; i++) {
        const cJSON *m = cJSON_GetArrayItem(messages, i), *to = cJSON_GetObjectItem(m, "to");
        if (strcmp(cJSON_GetObjectItem(m, "subscription")->valuestring, "any") != 0) {
            assert_string_equal(cJSON_GetArrayItem(to, 0)->valuestring, "110");
            continue;
        }
        named++;
        assert_int_equal(cJSON_GetArraySize(to), 2);
        assert_string_equal(cJSON_GetArrayItem(to, 1)->valuestring, "112");
        const cJSON *attributes = cJSON_GetObjectItem(m, "attributes");
        assert_string_equal(cJSON_GetObjectItem(attributes, "SmsParams")->valuestring,
                            "{\"111\":{}}");
    }
    assert_int_equal(named, 1);
    cJSON_Delete(all);
}

static void malformed_attributes_are_refused(void **state)
{
    fixture_t *f = *state;
    static const char *const attributes[] = {
        "<DirectMail>no</DirectMail>",
        "<DirectMail>[]</DirectMail>",
        "<DirectMail>{} x</DirectMail>",
        "<DirectMail>{\"AddressType\":2}</DirectMail>",
        "<DirectMail>{\"IsHtml\":\"yes\"}</DirectMail>",
        "<DirectMail>{\"Subject\":1}</DirectMail>",
        "<DirectSMS>{\"Type\":\"some\"}</DirectSMS>",
        "<DirectSMS>{\"Receiver\":110}</DirectSMS>",
        "<DirectSMS>{\"SmsParams\":{}}</DirectSMS>",
        "<DirectSMS>{\"SmsParams\":\"[]\"}</DirectSMS>",
    };
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "<MessageAttributes>%s</MessageAttributes>", attributes[i]);
        raw_reply_t reply = publish(f, "x", text);
        assert_error(reply, 400, "InvalidArgument");
        assert_non_null(strstr(element(reply, "Message", 0), "is a JSON object"));
    }
    assert_int_equal(counted(f, "mns_local_published_messages_total"), 0);
}

static void a_full_box_lets_the_oldest_go(void **state)
{
    (void)state;
    box_t box;
    sl_buf_t out = SL_BUF_INIT;
    box_init(&box, 2, 1000);
    assert_int_equal(box_add(&box, "{\"n\":1}"), SL_OK);
    assert_int_equal(box_add(&box, "{\"n\":2}"), SL_OK);
    assert_int_equal(box_add(&box, "{\"n\":3}"), SL_OK);
    box_write(&box, "all", &out);
    sl_buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, "{\"all\":[{\"n\":2},{\"n\":3}]}\n");
    assert_int_equal(box.dropped, 1);
    char large[1200];
    memset(large, ' ', sizeof large);
    large[sizeof large - 1] = '\0';
    box_add(&box, large); /* larger than the whole box */
    assert_int_equal(box.count, 0);
    assert_int_equal(box.bytes, 0);
    assert_int_equal(box.dropped, 4);
    box_add(&box, NULL);
    assert_int_equal(box.dropped, 5);
    box_clear(&box);
    sl_buf_fini(&out);
}

/* -- properties ---------------------------------------------------------------------------- */

#define PROPERTY(name, value, type)                                           \
    "<PropertyValue><Name>" name "</Name><Value>" value "</Value><Type>" type \
    "</Type></PropertyValue>"
#define PROPERTIES                                         \
    "<UserProperties>" PROPERTY("a", "1 &lt; 2", "STRING") \
        PROPERTY("b", "", "BINARY") "</UserProperties>"

static void user_properties_come_back_with_the_message(void **state)
{
    fixture_t *f = *state;
    assert_status(call(f, "POST", "/queues/q/messages",
                       "<Message><MessageBody>x</MessageBody>" PROPERTIES "</Message>"),
                  201);
    const char *const targets[] = {"/queues/q/messages?peekonly=true", "/queues/q/messages"};
    for (size_t i = 0; i < 2; i++) {
        raw_reply_t reply = call(f, "GET", targets[i], NULL);
        assert_string_equal(element(reply, "MessageBody", 0), "x");
        assert_string_equal(element(reply, "UserProperties", 0),
                            PROPERTY("a", "1 &lt; 2", "STRING") PROPERTY("b", "", "BINARY"));
        assert_int_equal(count_elements(reply, "SystemProperties"), 0);
    }
}

static void system_properties_come_back_too(void **state)
{
    fixture_t *f = *state;
#define SYSTEM                                                                            \
    "<SystemPropertyValue><Name>traceparent</Name><Value>00-1</Value><Type>STRING</Type>" \
    "</SystemPropertyValue>"
    assert_status(call(f, "POST", "/queues/q/messages",
                       "<Messages><Message><MessageBody>x</MessageBody><SystemProperties>" SYSTEM
                       "</SystemProperties></Message></Messages>"),
                  201);
    raw_reply_t reply = call(f, "GET", "/queues/q/messages?numOfMessages=16", NULL);
    assert_string_equal(element(reply, "SystemProperties", 0), SYSTEM);
}

static void a_topic_hands_properties_to_the_queue_outside_the_envelope(void **state)
{
    fixture_t *f = *state;
    subscribe(f, "s", TO_Q);
    assert_status(publish(f, "hello", PROPERTIES), 201);
    raw_reply_t reply = call(f, "GET", "/queues/q/messages", NULL);
    assert_null(strstr(element(reply, "MessageBody", 0), "PropertyValue"));
    assert_string_equal(element(reply, "Name", 1), "b");
}

static void malformed_properties_are_refused(void **state)
{
    fixture_t *f = *state;
    static const char *const lists[] = {
        PROPERTY("", "v", "STRING"),
        PROPERTY("n", "v", "TEXT"),
        PROPERTY("n", "v", ""),
        "<PropertyValue><Name>n</Name><Type>STRING</Type></PropertyValue>",
        "<PropertyValue><Value>v</Value><Type>STRING</Type></PropertyValue>",
        "<PropertyValue/>",
    };
    char text[8192];
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        snprintf(text, sizeof text,
                 "<Message><MessageBody>x</MessageBody><UserProperties>%s</UserProperties>"
                 "</Message>",
                 lists[i]);
        raw_reply_t reply = call(f, "POST", "/queues/q/messages", text);
        assert_error(reply, 400, "InvalidArgument");
        assert_non_null(strstr(element(reply, "Message", 0), "property"));
        assert_error(call(f, "POST", "/topics/t/messages", text), 400, "InvalidArgument");
    }
}

/* So many properties, with names and values so long. */
static int send_properties(fixture_t *f, int count, int name_len, int value_len)
{
    sl_buf_t text = SL_BUF_INIT;
    sl_buf_append_str(&text, "<Message><MessageBody>x</MessageBody><UserProperties>");
    for (int i = 0; i < count; i++)
        sl_buf_printf(&text,
                      "<PropertyValue><Name>%0*d</Name><Value>%0*d</Value><Type>NUMBER</Type>"
                      "</PropertyValue>",
                      name_len, i, value_len, i);
    sl_buf_append(&text, "</UserProperties></Message>", sizeof "</UserProperties></Message>");
    int status = call(f, "POST", "/queues/q/messages", (const char *)text.data).status;
    sl_buf_fini(&text);
    return status;
}

static void properties_have_limits(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(send_properties(f, 50, 2, 2), 201);
    assert_int_equal(send_properties(f, 51, 2, 2), 400);
    assert_int_equal(send_properties(f, 1, 256, 4096), 201);
    assert_int_equal(send_properties(f, 1, 257, 1), 400);
    assert_int_equal(send_properties(f, 1, 1, 4097), 400);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SERVED(a_mail_can_be_read_as_it_would_be_sent),
        SERVED(an_anonymous_sms_goes_to_whom_the_message_names),
        SERVED(malformed_attributes_are_refused),
        cmocka_unit_test(a_full_box_lets_the_oldest_go),
        SERVED(user_properties_come_back_with_the_message),
        SERVED(system_properties_come_back_too),
        SERVED(a_topic_hands_properties_to_the_queue_outside_the_envelope),
        SERVED(malformed_properties_are_refused),
        SERVED(properties_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

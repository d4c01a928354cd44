#include "envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NAMESPACE "http://mns.aliyuncs.com/doc/v1"

static const char sample[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<Notification xmlns=\"" NAMESPACE "/\">\n"
    "  <TopicOwner>123456789012</TopicOwner>\n"
    "  <TopicName>batch</TopicName>\n"
    "  <Subscriber>123456789012</Subscriber>\n"
    "  <SubscriptionName>to-queue</SubscriptionName>\n"
    "  <MessageId>6F2B</MessageId>\n"
    "  <Message>{&quot;Category&quot;:&quot;Job&quot;, &quot;n&quot;:&quot;&lt;&amp;&gt;&quot;}"
    "</Message>\n"
    "  <MessageMD5>F1E92841751D795AB325861034B5CB55</MessageMD5>\n"
    "  <PublishTime>1780315200123</PublishTime>\n"
    "</Notification>\n";

typedef struct fixture {
    envelope_xml_t *xml;
    envelope_t envelope;
    sl_buf_t message;
} fixture_t;

static int setup(void **state)
{
    static fixture_t f;
    f = (fixture_t){0};
    *state = &f;
    return envelope_xml_create(&f.xml) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    envelope_xml_destroy(&f->xml);
    sl_buf_fini(&f->message);
    return 0;
}

static envelope_verdict_t read_text(fixture_t *f, const char *text)
{
    return envelope_read_xml(f->xml, &f->envelope, &f->message, text, strlen(text));
}

#define assert_text(text, expected)                                     \
    do {                                                                \
        assert_int_equal((text).len, strlen(expected));                 \
        assert_memory_equal((text).data, (expected), strlen(expected)); \
    } while (0)

#define assert_message(f, expected)                                           \
    do {                                                                      \
        assert_int_equal((f)->message.len, strlen(expected));                 \
        assert_memory_equal((f)->message.data, (expected), strlen(expected)); \
    } while (0)

static void xml_envelope_gives_every_member(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, sample), ENVELOPE_FOUND);
    assert_text(f->envelope.topic_owner, "123456789012");
    assert_text(f->envelope.topic_name, "batch");
    assert_text(f->envelope.subscription, "to-queue");
    assert_text(f->envelope.message_id, "6F2B");
    assert_text(f->envelope.message_md5, "F1E92841751D795AB325861034B5CB55");
    assert_text(f->envelope.publish_time, "1780315200123");
    assert_message(f, "{\"Category\":\"Job\", \"n\":\"<&>\"}");
}

static void xml_envelope_is_read_whatever_its_namespace(void **state)
{
    fixture_t *f = *state;
    const char *const heads[] = {
        "<Notification>",
        "<Notification xmlns='" NAMESPACE "'>",
        "<Notification xlmns='" NAMESPACE "/'>",
        "<?xml version='1.0' encoding='GBK'?><Notification>",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "%s<TopicName>t</TopicName><MessageId>m</MessageId><Message>x</Message>"
                 "</Notification>",
                 heads[i]);
        assert_int_equal(read_text(f, text), ENVELOPE_FOUND);
        assert_message(f, "x");
    }
    assert_int_equal(read_text(f, "<n:Notification xmlns:n='u'><n:TopicName>t</n:TopicName>"
                                  "<n:SubscriptionName>s</n:SubscriptionName>"
                                  "<n:Message>y</n:Message></n:Notification>"),
                     ENVELOPE_FOUND);
    assert_message(f, "y");
}

static void xml_envelope_forgets_the_one_before(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, sample), ENVELOPE_FOUND);
    assert_int_equal(read_text(f, "<Notification><TopicName>u</TopicName><MessageId>n</MessageId>"
                                  "<Message/></Notification>"),
                     ENVELOPE_FOUND);
    assert_text(f->envelope.topic_name, "u");
    assert_int_equal(f->envelope.message_md5.len, 0);
    assert_int_equal(f->message.len, 0);
}

static void xml_envelope_lets_the_last_of_repeated_members_win(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, "<Notification><TopicName>a</TopicName><Message>1</Message>"
                                  "<MessageId>i</MessageId><Message>2</Message>"
                                  "<TopicName>b</TopicName></Notification>"),
                     ENVELOPE_FOUND);
    assert_text(f->envelope.topic_name, "b");
    assert_message(f, "2");
}

static void xml_envelope_needs_message_topic_and_an_id(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, "<Notification/>"), ENVELOPE_LACKING);
    assert_int_equal(read_text(f, "<Notification><Message>x</Message><MessageId>m</MessageId>"
                                  "</Notification>"),
                     ENVELOPE_LACKING);
    assert_int_equal(read_text(f, "<Notification><Message>x</Message><TopicName>t</TopicName>"
                                  "</Notification>"),
                     ENVELOPE_LACKING);
    assert_int_equal(read_text(f, "<Notification><TopicName>t</TopicName><MessageId>m</MessageId>"
                                  "<a><Message>x</Message></a></Notification>"),
                     ENVELOPE_LACKING);
}

static void xml_envelope_treats_an_overlong_member_as_absent(void **state)
{
    fixture_t *f = *state;
    char text[1024];
    for (int len = ENVELOPE_TEXT_MAX; len <= ENVELOPE_TEXT_MAX + 1; len++) {
        snprintf(text, sizeof text,
                 "<Notification><TopicName>t</TopicName><MessageId>%0*d&#48;</MessageId>"
                 "<SubscriptionName>s</SubscriptionName><Message>x</Message></Notification>",
                 len - 1, 1);
        assert_int_equal(read_text(f, text), ENVELOPE_FOUND);
        assert_int_equal(f->envelope.message_id.len,
                         len <= ENVELOPE_TEXT_MAX ? ENVELOPE_TEXT_MAX : 0);
    }
}

static void xml_of_another_root_is_no_envelope(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(read_text(f, "<html><body>502</body></html>"), ENVELOPE_NOT);
    assert_int_equal(read_text(f, "<notification/>"), ENVELOPE_NOT);
}

static void xml_envelope_is_broken_at_every_truncation(void **state)
{
    fixture_t *f = *state;
    size_t whole = strlen(sample) - 1; /* the last line break may go */
    for (size_t len = 1; len < whole; len++)
        assert_int_equal(envelope_read_xml(f->xml, &f->envelope, &f->message, sample, len),
                         ENVELOPE_BROKEN);
    assert_int_equal(envelope_read_xml(f->xml, &f->envelope, &f->message, sample, whole),
                     ENVELOPE_FOUND);
}

static void xml_envelope_refuses_a_document_type_and_bad_bytes(void **state)
{
    fixture_t *f = *state;
    const char *const bad[] = {
        "<!DOCTYPE Notification [<!ENTITY a \"b\">]><Notification/>",
        "<!DOCTYPE Notification SYSTEM \"file:///etc/passwd\"><Notification/>",
        "<Notification><Message>&nosuch;</Message></Notification>",
        "<Notification><Message>\xff</Message></Notification>",
        "<Notification><Message>\x01</Message></Notification>",
        "<Notification></notification>",
        "<Notification/><Notification/>",
        "<Notification/>trailing",
        "<",
        "<>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_text(f, bad[i]) != ENVELOPE_BROKEN)
            fail_msg("not broken: %s", bad[i]);
    assert_int_equal(read_text(f, sample), ENVELOPE_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(xml_envelope_gives_every_member, setup, teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_is_read_whatever_its_namespace, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_forgets_the_one_before, setup, teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_lets_the_last_of_repeated_members_win, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_needs_message_topic_and_an_id, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_treats_an_overlong_member_as_absent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(xml_of_another_root_is_no_envelope, setup, teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_is_broken_at_every_truncation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(xml_envelope_refuses_a_document_type_and_bad_bytes, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

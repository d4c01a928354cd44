/* Topics, subscriptions and publishing over HTTP. */
#include "local_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TO_Q   "<Endpoint>acs:mns:cn-hangzhou:123456789012:queues/q</Endpoint>"
#define SUB(n) "/topics/t/subscriptions/" n

static int setup(void **state)
{
    if (fixture_setup(state) != 0 || call(*state, "PUT", "/queues/q", NULL).status != 201)
        return -1;
    return call(*state, "PUT", "/topics/t", "<Topic/>").status == 201 ? 0 : -1;
}

static void subscribe(fixture_t *f, const char *target, const char *children)
{
    char body[512];
    snprintf(body, sizeof body, "<Subscription>%s</Subscription>", children);
    assert_status(call(f, "PUT", target, body), 201);
}

static raw_reply_t publish(fixture_t *f, const char *body, const char *children)
{
    char text[512];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    return call(f, "POST", "/topics/t/messages", text);
}

static const char *receive_body(fixture_t *f)
{
    return element(call(f, "GET", "/queues/q/messages", NULL), "MessageBody", 0);
}

static void topics_are_created_read_and_changed(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply =
        call(f, "PUT", "/topics/u", "<Topic><MaximumMessageSize>2048</MaximumMessageSize></Topic>");
    assert_status(reply, 201);
    assert_string_equal(header(reply, "Location"), "http://mns.test:8700/topics/u");
    assert_error(call(f, "PUT", "/topics/u", NULL), 409, "TopicAlreadyExist");
    assert_status(call(f, "PUT", "/topics/t", NULL), 204);
    fixture_pass_ms(f, 3000);
    assert_status(call(f, "PUT", "/topics/u?metaoverride=true",
                       "<Topic><LoggingEnabled>True</LoggingEnabled></Topic>"),
                  204);
    reply = call(f, "GET", "/topics/u", NULL);
    const char *const wanted[][2] = {
        {"TopicName", "u"},
        {"CreateTime", "1780315200"},
        {"LastModifyTime", "1780315203"},
        {"MaximumMessageSize", "2048"},
        {"MessageRetentionPeriod", "86400"},
        {"MessageCount", "0"},
        {"LoggingEnabled", "True"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_string_equal(element(reply, wanted[i][0], 0), wanted[i][1]);
}

static void topics_have_rules(void **state)
{
    fixture_t *f = *state;
    char target[256] = "/topics/";
    memset(target + 8, 'a', 121);
    target[129] = '\0';
    assert_error(call(f, "PUT", target, NULL), 400, "TopicNameLengthError");
    assert_error(call(f, "PUT", "/topics/a.b", NULL), 400, "TopicNameInvalid");
    assert_error(
        call(f, "PUT", "/topics/u", "<Topic><MaximumMessageSize>1023</MaximumMessageSize></Topic>"),
        400, "InvalidArgument");
    assert_error(call(f, "GET", "/topics/none", NULL), 404, "TopicNotExist");
    assert_error(call(f, "PUT", "/topics/none?metaoverride=true", "<Topic/>"), 404,
                 "TopicNotExist");
    assert_error(
        call(f, "POST", "/topics/none/messages", "<Message><MessageBody>x</MessageBody></Message>"),
        404, "TopicNotExist");
    assert_error(call(f, "GET", "/topics/none/subscriptions", NULL), 404, "TopicNotExist");
    assert_error(call(f, "PUT", "/topics/none/subscriptions/s", "<Subscription/>"), 404,
                 "TopicNotExist");
    assert_status(call(f, "DELETE", "/topics/none", NULL), 204);
}

static void topics_and_subscriptions_are_listed(void **state)
{
    fixture_t *f = *state;
    call(f, "PUT", "/topics/a", NULL);
    raw_reply_t reply = call(f, "GET", "/topics", NULL);
    assert_string_equal(element(reply, "TopicURL", 0), "http://mns.test:8700/topics/a");
    assert_string_equal(element(reply, "TopicName", 1), "t");
    subscribe(f, SUB("s1"), TO_Q);
    subscribe(f, SUB("s2"), TO_Q);
    reply = ask(f, &(asking_t){.verb = "GET",
                               .target = "/topics/t/subscriptions",
                               .mns_headers = "x-mns-ret-number:1\n"});
    assert_string_equal(element(reply, "SubscriptionURL", 0), "http://mns.test:8700" SUB("s1"));
    assert_string_equal(element(reply, "NextMarker", 0), "s1");
}

static void a_subscription_is_what_was_asked_for(void **state)
{
    fixture_t *f = *state;
    const char *body = "<Subscription>" TO_Q "<FilterTag>urgent</FilterTag>"
                       "<NotifyContentFormat>JSON</NotifyContentFormat></Subscription>";
    raw_reply_t reply = call(f, "PUT", SUB("s"), body);
    assert_status(reply, 201);
    assert_string_equal(header(reply, "Location"), "mns.test:8700" SUB("s")); /* no scheme */
    assert_status(call(f, "PUT", SUB("s"), body), 204);
    assert_error(call(f, "PUT", SUB("s"), "<Subscription>" TO_Q "</Subscription>"), 409,
                 "SubscriptionAlreadyExist");
    assert_status(call(f, "PUT", SUB("s") "?metaoverride=true",
                       "<Subscription><NotifyStrategy>EXPONENTIAL_DECAY_RETRY</NotifyStrategy>"
                       "</Subscription>"),
                  204);
    reply = call(f, "GET", SUB("s"), NULL);
    const char *const wanted[][2] = {
        {"SubscriptionName", "s"},
        {"Subscriber", "123456789012"},
        {"TopicOwner", "123456789012"},
        {"TopicName", "t"},
        {"Endpoint", "acs:mns:cn-hangzhou:123456789012:queues/q"},
        {"NotifyStrategy", "EXPONENTIAL_DECAY_RETRY"},
        {"NotifyContentFormat", "JSON"},
        {"FilterTag", "urgent"},
        {"CreateTime", "1780315200"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_string_equal(element(reply, wanted[i][0], 0), wanted[i][1]);
}

static void subscriptions_have_rules(void **state)
{
    fixture_t *f = *state;
    static const struct {
        const char *target, *children, *code;
    } cases[] = {
        {SUB("s"), "", "EndpointInvalid"},
        {SUB("s"), "<Endpoint>somewhere</Endpoint>", "EndpointInvalid"},
        {SUB("s"), "<Endpoint>http://user@127.0.0.1/push</Endpoint>", "EndpointInvalid"},
        {SUB("s"), TO_Q "<FilterTag>12345678901234567</FilterTag>", "InvalidArgument"},
        {SUB("s"), TO_Q "<NotifyContentFormat>YAML</NotifyContentFormat>", "InvalidArgument"},
        {SUB("s"), TO_Q "<NotifyStrategy>NEVER</NotifyStrategy>", "InvalidArgument"},
        {SUB("a.b"), TO_Q, "SubscriptionNameInvalid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "<Subscription>%s</Subscription>", cases[i].children);
        assert_error(call(f, "PUT", cases[i].target, body), 400, cases[i].code);
    }
    char target[320] = SUB("");
    memset(target + strlen(SUB("")), 'a', 256);
    assert_error(call(f, "PUT", target, "<Subscription>" TO_Q "</Subscription>"), 400,
                 "SubscriptionNameLengthError");
    assert_error(call(f, "GET", SUB("none"), NULL), 404, "SubscriptionNotExist");
    assert_error(call(f, "PUT", SUB("none") "?metaoverride=true", "<Subscription/>"), 404,
                 "SubscriptionNotExist");
    subscribe(f, SUB("s"),
              TO_Q "<FilterTag>\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"
                   "123456789012</FilterTag>"); /* 16 characters */
}

static void a_published_message_arrives_in_each_format(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply;
    subscribe(f, SUB("plain"), TO_Q "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>");
    assert_status(publish(f, "{\"a\":\"&lt;b&gt;\"}", ""), 201);
    assert_string_equal(receive_body(f), "{\"a\":\"&lt;b&gt;\"}");
    assert_status(call(f, "DELETE", SUB("plain"), NULL), 204);

    subscribe(f, SUB("json"), TO_Q "<NotifyContentFormat>JSON</NotifyContentFormat>");
    reply = publish(f, "{\"a\":1}", "<MessageTag></MessageTag><MessageAttributes/>");
    char id[40], wanted[512];
    snprintf(id, sizeof id, "%s", element(reply, "MessageId", 0));
    assert_string_equal(element(reply, "MessageBodyMD5", 0), "BB6CB5C68DF4652941CAF652A366F2D8");
    snprintf(wanted, sizeof wanted,
             "{\"TopicOwner\":\"123456789012\",\"TopicName\":\"t\",\"Subscriber\":\"123456789012\","
             "\"SubscriptionName\":\"json\",\"MessageId\":\"%s\",\"Message\":\"{\\\"a\\\":1}\","
             "\"MessageMD5\":\"BB6CB5C68DF4652941CAF652A366F2D8\",\"PublishTime\":"
             "\"1780315200000\"}",
             id);
    reply = call(f, "GET", "/queues/q/messages", NULL);
    assert_string_equal(element(reply, "MessageBody", 0), wanted);
    assert_string_not_equal(element(reply, "MessageId", 0), id); /* the queue's own */
    assert_status(call(f, "DELETE", SUB("json"), NULL), 204);

    subscribe(f, SUB("xml"), TO_Q); /* the default */
    assert_status(publish(f, "1 &lt; 2", "<MessageTag>x</MessageTag>"), 201);
    const char *body = receive_body(f);
    assert_non_null(strstr(body, "&lt;Notification xmlns="));
    assert_non_null(strstr(body, "&lt;Message&gt;1 &amp;lt; 2&lt;/Message&gt;"));
    assert_non_null(strstr(body, "&lt;MessageTag&gt;x&lt;/MessageTag&gt;"));
}

static void the_filter_passes_equal_tags_only(void **state)
{
    fixture_t *f = *state;
    subscribe(f, SUB("urgent"),
              TO_Q "<FilterTag>urgent</FilterTag>"
                   "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>");
    publish(f, "untagged", "");
    publish(f, "other", "<MessageTag>other</MessageTag>");
    publish(f, "longer", "<MessageTag>urgently</MessageTag>");
    publish(f, "hit", "<MessageTag>urgent</MessageTag>");
    assert_string_equal(receive_body(f), "hit");
    assert_error(call(f, "GET", "/queues/q/messages", NULL), 404, "MessageNotExist");
    assert_int_equal(counted(f, "mns_local_delivered_messages_total"), 1);
}

static void a_publish_wakes_a_long_poll(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    subscribe(f, SUB("s"), TO_Q);
    fixture_connect(f, &c);
    ask_raw(&c, &(asking_t){.verb = "GET", .target = "/queues/q/messages?waitseconds=30"});
    RAW_WAIT(&c, counted(f, "http_parked") == 1);
    publish(f, "hello", "");
    assert_status(raw_hear(&c), 200);
    raw_close(&c);
}

static void a_publish_without_takers_succeeds(void **state)
{
    fixture_t *f = *state;
    assert_status(publish(f, "hello", ""), 201);
    subscribe(f, SUB("s"), "<Endpoint>acs:mns:cn-hangzhou:1:queues/none</Endpoint>");
    assert_status(publish(f, "hello", ""), 201);
    assert_int_equal(counted(f, "mns_local_undeliverable_messages_total"), 1);
    assert_int_equal(counted(f, "mns_local_published_messages_total"), 2);
}

static void send_until_full(fixture_t *f)
{
    const char *message = "<Message><MessageBody>x</MessageBody></Message>";
    size_t sent = 0;
    while (call(f, "POST", "/queues/q/messages", message).status == 201)
        sent++;
    assert_in_range(sent, 10, 1000);
}

static void a_publish_that_finds_no_memory_is_refused(void **state)
{
    fixture_t *f = *state;
    f->options.memory_bytes = 20000;
    fixture_restart(f);
    for (const char *const *at = (const char *const[]){"/queues/q", "/queues/r", "/topics/t", NULL};
         *at != NULL; at++)
        assert_status(call(f, "PUT", *at, NULL), 201);
    subscribe(f, SUB("s"), "<Endpoint>acs:mns:cn-hangzhou:1:queues/r</Endpoint>");
    subscribe(f, SUB("u"), TO_Q);
    send_until_full(f);
    assert_error(publish(f, "to nobody", ""), 500, "InternalError");
    assert_error(call(f, "GET", "/queues/r/messages", NULL), 404, "MessageNotExist");
    char target[256]; /* room for one of two */
    snprintf(target, sizeof target, "/queues/q/messages?ReceiptHandle=%s",
             element(call(f, "GET", "/queues/q/messages", NULL), "ReceiptHandle", 0));
    assert_status(call(f, "DELETE", target, NULL), 204);
    assert_error(publish(f, "to one", ""), 500, "InternalError");
    assert_status(call(f, "GET", "/queues/r/messages", NULL), 200);
    assert_int_equal(counted(f, "mns_local_published_messages_total"), 0);
    assert_int_equal(counted(f, "mns_local_undeliverable_messages_total"), 0);
    assert_status(call(f, "DELETE", "/queues/q", NULL), 204);
    assert_status(call(f, "PUT", "/queues/q", NULL), 201);
    assert_status(publish(f, "again", ""), 201);
    assert_status(call(f, "GET", "/queues/q/messages", NULL), 200);
    assert_status(call(f, "GET", "/queues/r/messages", NULL), 200);
}

static void a_publish_out_of_range_is_refused(void **state)
{
    fixture_t *f = *state;
    assert_error(publish(f, "", ""), 400, "InvalidArgument");
    assert_error(call(f, "POST", "/topics/t/messages", "<Message/>"), 400, "InvalidArgument");
    assert_error(call(f, "POST", "/topics/t/messages", "<Messages/>"), 400, "MalformedXML");
    call(f, "PUT", "/topics/t?metaoverride=true",
         "<Topic><MaximumMessageSize>1024</MaximumMessageSize></Topic>");
    char body[1026], text[1200];
    memset(body, 'x', 1025);
    body[1025] = '\0';
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody></Message>", body);
    assert_error(call(f, "POST", "/topics/t/messages", text), 400, "InvalidArgument");
}

static void deleting_a_topic_ends_its_subscriptions(void **state)
{
    fixture_t *f = *state;
    subscribe(f, SUB("s"), TO_Q);
    assert_status(call(f, "DELETE", "/topics/t", NULL), 204);
    assert_error(call(f, "GET", SUB("s"), NULL), 404, "TopicNotExist");
    assert_status(call(f, "PUT", "/topics/t", NULL), 201);
    assert_error(call(f, "GET", SUB("s"), NULL), 404, "SubscriptionNotExist");
    assert_status(call(f, "DELETE", SUB("s"), NULL), 204);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SERVED(topics_are_created_read_and_changed),
        SERVED(topics_have_rules),
        SERVED(topics_and_subscriptions_are_listed),
        SERVED(a_subscription_is_what_was_asked_for),
        SERVED(subscriptions_have_rules),
        SERVED(a_published_message_arrives_in_each_format),
        SERVED(the_filter_passes_equal_tags_only),
        SERVED(a_publish_wakes_a_long_poll),
        SERVED(a_publish_without_takers_succeeds),
        SERVED(a_publish_that_finds_no_memory_is_refused),
        SERVED(a_publish_out_of_range_is_refused),
        SERVED(deleting_a_topic_ends_its_subscriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

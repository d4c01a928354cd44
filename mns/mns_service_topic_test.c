/* mns_service_topic_test.c - topics and subscriptions, against mns-local. */
#include "mns_service_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int start_service(void **state)
{
    (void)state;
    return service_start(NULL);
}

static int stop_service(void **state)
{
    (void)state;
    return service_stop();
}

/* What XML escapes, what it must not touch, and letters beyond ASCII. */
static const char text[] = "{\"a\":\"<b> & 'c' \\\\ \xE4\xB8\xAD \xF0\x9F\x98\x80\"}\r\n\t end ";

static void a_published_message_reaches_the_subscribed_queue(void **state)
{
    (void)state;
    make_queue("fed");
    run(MNS_OK, (mns_request_t){.op = MNS_CREATE_TOPIC, .topic = "news"});
    mns_subscription_t attributes = {.endpoint = "acs:mns:cn-hangzhou:123456789012:queues/fed",
                                     .notify_format = "JSON"};
    mns_request_t subscribe = {.op = MNS_SUBSCRIBE,
                               .topic = "news",
                               .subscription = "to-fed",
                               .subscription_attributes = &attributes};
    run(MNS_OK, subscribe);
    mns_reply_t *again = expect(MNS_OK, subscribe);
    assert_true(again->existed);
    mns_outgoing_t outgoing = {.body = text, .body_len = sizeof text - 1, .base64 = true};
    mns_reply_t *sent = expect(
        MNS_OK, (mns_request_t){.op = MNS_PUBLISH_MESSAGE, .topic = "news", .outgoing = &outgoing});
    mns_reply_t *got = expect(
        MNS_OK, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "fed", .wait_seconds = 10});
    assert_non_null(strstr(got->messages[0].body, sent->messages[0].message_id));
    assert_non_null(strstr(got->messages[0].body, "\"Message\":\"eyJhIjo"));
    mns_reply_free(&again);
    mns_reply_free(&sent);
    mns_reply_free(&got);
    run(MNS_OK, (mns_request_t){.op = MNS_DELETE_TOPIC, .topic = "news"});
    run(MNS_ECLIENT,
        (mns_request_t){.op = MNS_PUBLISH_MESSAGE, .topic = "news", .outgoing = &outgoing});
}

static void a_topic_is_made_changed_listed_and_deleted(void **state)
{
    (void)state;
    mns_topic_attributes_t attributes = MNS_TOPIC_ATTRIBUTES_UNSET;
    attributes.maximum_message_size = 2048;
    mns_request_t create = {
        .op = MNS_CREATE_TOPIC, .topic = "life", .topic_attributes = &attributes};
    mns_reply_t *reply = expect(MNS_OK, create);
    assert_false(reply->existed);
    assert_non_null(strstr(reply->location, "/topics/life"));
    mns_reply_free(&reply);
    reply = expect(MNS_OK, create);
    assert_true(reply->existed);
    mns_reply_free(&reply);

    attributes.maximum_message_size = 4096;
    reply = expect(MNS_ECLIENT, create);
    assert_int_equal(reply->code_id, MNS_CODE_TopicAlreadyExist);
    mns_reply_free(&reply);
    attributes.logging_enabled = 1;
    run(MNS_OK, (mns_request_t){.op = MNS_SET_TOPIC_ATTRIBUTES,
                                .topic = "life",
                                .topic_attributes = &attributes});
    reply = expect(MNS_OK, (mns_request_t){.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = "life"});
    assert_int_equal(reply->topic_attributes->maximum_message_size, 4096);
    assert_int_equal(reply->topic_attributes->logging_enabled, 1);
    assert_int_equal(reply->topic_attributes->message_retention_period, 86400);
    assert_true(reply->topic_attributes->create_time > 0);
    assert_true(reply->server_time_s > 0);
    mns_reply_free(&reply);

    reply = expect(MNS_OK, (mns_request_t){.op = MNS_LIST_TOPIC, .prefix = "lif"});
    assert_int_equal(reply->name_count, 1);
    assert_string_equal(reply->names[0], "life");
    mns_reply_free(&reply);
    run(MNS_OK, (mns_request_t){.op = MNS_DELETE_TOPIC, .topic = "life"});
    reply = expect(MNS_ECLIENT, (mns_request_t){.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = "life"});
    assert_int_equal(reply->code_id, MNS_CODE_TopicNotExist);
    mns_reply_free(&reply);
}

static void a_subscription_is_made_changed_listed_and_ended(void **state)
{
    (void)state;
    run(MNS_OK, (mns_request_t){.op = MNS_CREATE_TOPIC, .topic = "subs"});
    mns_subscription_t attributes = {.endpoint = "http://127.0.0.1:1/push?a=1&b=2",
                                     .notify_format = "SIMPLIFIED",
                                     .filter_tag = "red"};
    mns_request_t request = {.op = MNS_SUBSCRIBE,
                             .topic = "subs",
                             .subscription = "one",
                             .subscription_attributes = &attributes};
    run(MNS_OK, request);
    request.op = MNS_GET_SUBSCRIPTION_ATTRIBUTES;
    mns_reply_t *reply = expect(MNS_OK, request);
    assert_string_equal(reply->subscription->endpoint, attributes.endpoint);
    assert_string_equal(reply->subscription->notify_format, "SIMPLIFIED");
    assert_string_equal(reply->subscription->notify_strategy, "BACKOFF_RETRY");
    assert_string_equal(reply->subscription->filter_tag, "red");
    assert_string_equal(reply->subscription->subscription_name, "one");
    assert_string_equal(reply->subscription->topic_name, "subs");
    assert_string_equal(reply->subscription->topic_owner, "123456789012");
    mns_reply_free(&reply);

    attributes.notify_strategy = "EXPONENTIAL_DECAY_RETRY";
    request.op = MNS_SET_SUBSCRIPTION_ATTRIBUTES;
    run(MNS_OK, request);
    request.op = MNS_GET_SUBSCRIPTION_ATTRIBUTES;
    reply = expect(MNS_OK, request);
    assert_string_equal(reply->subscription->notify_strategy, "EXPONENTIAL_DECAY_RETRY");
    mns_reply_free(&reply);

    reply = expect(MNS_OK, (mns_request_t){.op = MNS_LIST_SUBSCRIPTION_BY_TOPIC, .topic = "subs"});
    assert_int_equal(reply->name_count, 1);
    assert_string_equal(reply->names[0], "one");
    mns_reply_free(&reply);
    request.op = MNS_UNSUBSCRIBE;
    run(MNS_OK, request);
    request.op = MNS_GET_SUBSCRIPTION_ATTRIBUTES;
    reply = expect(MNS_ECLIENT, request);
    assert_int_equal(reply->code_id, MNS_CODE_SubscriptionNotExist);
    mns_reply_free(&reply);
    attributes.endpoint = "gopher://x";
    request.op = MNS_SUBSCRIBE;
    reply = expect(MNS_ECLIENT, request);
    assert_int_equal(reply->code_id, MNS_CODE_EndpointInvalid);
    mns_reply_free(&reply);
}

static void a_tag_decides_which_subscription_hears(void **state)
{
    (void)state;
    make_queue("tagged");
    run(MNS_OK, (mns_request_t){.op = MNS_CREATE_TOPIC, .topic = "tags"});
    run(MNS_OK, (mns_request_t){.op = MNS_SUBSCRIBE,
                                .topic = "tags",
                                .subscription = "red-only",
                                .subscription_attributes = &(mns_subscription_t){
                                    .endpoint = "acs:mns:cn-hangzhou:123456789012:queues/tagged",
                                    .notify_format = "SIMPLIFIED",
                                    .filter_tag = "red"}});
    static const char *const tags[] = {NULL, "blue", "red"};
    for (size_t i = 0; i < 3; i++) {
        mns_outgoing_t outgoing = {.body = tags[i] == NULL ? "none" : tags[i]};
        outgoing.body_len = strlen(outgoing.body);
        run(MNS_OK, (mns_request_t){.op = MNS_PUBLISH_MESSAGE,
                                    .topic = "tags",
                                    .outgoing = &outgoing,
                                    .message_tag = tags[i]});
    }
    mns_reply_t *got = expect(
        MNS_OK, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "tagged", .wait_seconds = 10});
    assert_string_equal(got->messages[0].body, "red");
    mns_reply_free(&got);
    run(MNS_EMPTY, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "tagged"});
}

static void mail_and_short_messages_are_taken(void **state)
{
    (void)state;
    run(MNS_OK, (mns_request_t){.op = MNS_CREATE_TOPIC, .topic = "post"});
    run(MNS_OK, (mns_request_t){.op = MNS_SUBSCRIBE,
                                .topic = "post",
                                .subscription = "mail",
                                .subscription_attributes = &(mns_subscription_t){
                                    .endpoint = "mail:directmail:you@example.com"}});
    run(MNS_OK, (mns_request_t){.op = MNS_SUBSCRIBE,
                                .topic = "post",
                                .subscription = "sms",
                                .subscription_attributes =
                                    &(mns_subscription_t){.endpoint = "sms:directsms:anonymous"}});
    mns_outgoing_t outgoing = {.body = "x", .body_len = 1};
    run(MNS_OK,
        (mns_request_t){.op = MNS_PUBLISH_MESSAGE,
                        .topic = "post",
                        .outgoing = &outgoing,
                        .mail = &(mns_mail_t){.account_name = "me@example.com", .subject = "s"},
                        .sms = &(mns_sms_t){.free_sign_name = "sign",
                                            .template_code = "SMS_1",
                                            .receiver = "13800000000"}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_message_reaches_the_subscribed_queue),
        cmocka_unit_test(a_topic_is_made_changed_listed_and_deleted),
        cmocka_unit_test(a_subscription_is_made_changed_listed_and_ended),
        cmocka_unit_test(a_tag_decides_which_subscription_hears),
        cmocka_unit_test(mail_and_short_messages_are_taken),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}

#include "mns_op.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static mns_outbound_t out;

static int clear(void **state)
{
    (void)state;
    mns_outbound_fini(&out);
    return 0;
}

static const mns_outgoing_t outgoing[MNS_BATCH_MAX + 1] = {
    {.body = "a", .body_len = 1}, {.body = "b", .body_len = 1}, {.body = "c", .body_len = 1},
    {.body = "d", .body_len = 1}, {.body = "e", .body_len = 1}, {.body = "f", .body_len = 1},
    {.body = "g", .body_len = 1}, {.body = "h", .body_len = 1}, {.body = "i", .body_len = 1},
    {.body = "j", .body_len = 1}, {.body = "k", .body_len = 1}, {.body = "l", .body_len = 1},
    {.body = "m", .body_len = 1}, {.body = "n", .body_len = 1}, {.body = "o", .body_len = 1},
    {.body = "p", .body_len = 1}, {.body = "q", .body_len = 1}};
static const char *const handles[] = {"1-a+/=", "2-b"};
static const mns_topic_attributes_t topic = {-1, -1, -1, -1, -1, -1};
static const mns_subscription_t subscription = {.endpoint = "http://h/",
                                                .notify_strategy = "BACKOFF_RETRY"};
static const mns_queue_attributes_t unset = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

/* A request in which every member is good, whatever the operation looks at. */
static mns_request_t good(mns_op op)
{
    return (mns_request_t){.op = op,
                           .queue = "q-1",
                           .topic = "t",
                           .subscription = "s",
                           .queue_attributes = &unset,
                           .outgoing = outgoing,
                           .count = 2,
                           .wait_seconds = 30,
                           .receipt_handles = handles,
                           .visibility_timeout = 45,
                           .topic_attributes = &topic,
                           .subscription_attributes = &subscription};
}

/* What the documentation's request lines say. */
static const struct line {
    mns_op op;
    const char *verb, *target;
    bool body;
} lines[] = {
    {MNS_CREATE_QUEUE, "PUT", "/queues/q-1", true},
    {MNS_SET_QUEUE_ATTRIBUTES, "PUT", "/queues/q-1?metaoverride=true", true},
    {MNS_GET_QUEUE_ATTRIBUTES, "GET", "/queues/q-1", false},
    {MNS_LIST_QUEUE, "GET", "/queues", false},
    {MNS_DELETE_QUEUE, "DELETE", "/queues/q-1", false},
    {MNS_SEND_MESSAGE, "POST", "/queues/q-1/messages", true},
    {MNS_BATCH_SEND_MESSAGE, "POST", "/queues/q-1/messages", true},
    {MNS_RECEIVE_MESSAGE, "GET", "/queues/q-1/messages?waitseconds=30", false},
    {MNS_BATCH_RECEIVE_MESSAGE, "GET", "/queues/q-1/messages?numOfMessages=2&waitseconds=30",
     false},
    {MNS_PEEK_MESSAGE, "GET", "/queues/q-1/messages?peekonly=true", false},
    {MNS_BATCH_PEEK_MESSAGE, "GET", "/queues/q-1/messages?peekonly=true&numOfMessages=2", false},
    {MNS_DELETE_MESSAGE, "DELETE", "/queues/q-1/messages?ReceiptHandle=1-a%2B%2F%3D", false},
    {MNS_BATCH_DELETE_MESSAGE, "DELETE", "/queues/q-1/messages", true},
    {MNS_CHANGE_MESSAGE_VISIBILITY, "PUT",
     "/queues/q-1/messages?ReceiptHandle=1-a%2B%2F%3D&VisibilityTimeout=45", false},
    {MNS_CREATE_TOPIC, "PUT", "/topics/t", true},
    {MNS_SET_TOPIC_ATTRIBUTES, "PUT", "/topics/t?metaoverride=true", true},
    {MNS_GET_TOPIC_ATTRIBUTES, "GET", "/topics/t", false},
    {MNS_LIST_TOPIC, "GET", "/topics", false},
    {MNS_DELETE_TOPIC, "DELETE", "/topics/t", false},
    {MNS_SUBSCRIBE, "PUT", "/topics/t/subscriptions/s", true},
    {MNS_SET_SUBSCRIPTION_ATTRIBUTES, "PUT", "/topics/t/subscriptions/s?metaoverride=true", true},
    {MNS_GET_SUBSCRIPTION_ATTRIBUTES, "GET", "/topics/t/subscriptions/s", false},
    {MNS_LIST_SUBSCRIPTION_BY_TOPIC, "GET", "/topics/t/subscriptions", false},
    {MNS_UNSUBSCRIBE, "DELETE", "/topics/t/subscriptions/s", false},
    {MNS_PUBLISH_MESSAGE, "POST", "/topics/t/messages", true},
};
_Static_assert(sizeof lines / sizeof *lines == MNS_OP_COUNT, "one line for each operation");

static void every_operation_asks_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        mns_request_t request = good(lines[i].op);
        assert_int_equal(lines[i].op, i);
        assert_int_equal(mns_op_write(&out, &request), MNS_OK);
        assert_string_equal(out.asked.row->verb, lines[i].verb);
        assert_string_equal((char *)out.target.data, lines[i].target);
        assert_int_equal(out.body.len > 0, lines[i].body);
        assert_int_not_equal(out.asked.row->statuses, 0);
    }
}

static void without_a_waiting_time_the_queue_decides(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_RECEIVE_MESSAGE);
    request.wait_seconds = -1;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_string_equal((char *)out.target.data, "/queues/q-1/messages");
    request.op = MNS_BATCH_RECEIVE_MESSAGE;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_string_equal((char *)out.target.data, "/queues/q-1/messages?numOfMessages=2");
}

static void the_version_is_always_signed(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_DELETE_QUEUE);
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_int_equal(out.header_count, 1);
    assert_string_equal(out.headers[0].name, "x-mns-version");
    assert_string_equal(out.headers[0].value, "2015-06-06");
}

static void a_list_filters_by_sorted_headers(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_LIST_QUEUE);
    request.prefix = "p";
    request.marker = "m";
    request.list_count = 10;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_int_equal(out.header_count, 4);
    for (size_t i = 1; i < out.header_count; i++)
        assert_true(strcmp(out.headers[i - 1].name, out.headers[i].name) < 0);
    assert_string_equal(out.headers[2].value, "10");
}

static void attributes_are_asked_for_by_a_header_of_queues_only(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_LIST_QUEUE);
    request.with_meta = true;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_int_equal(out.header_count, 2);
    assert_string_equal(out.headers[1].name, "x-mns-with-meta");
    assert_string_equal(out.headers[1].value, "true");
    request.op = MNS_LIST_TOPIC;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    assert_int_equal(out.header_count, 1);
}

/* Everything else may be sent again when its fate is unknown. */
static void only_sends_and_publishes_must_not_be_done_twice(void **state)
{
    (void)state;
    for (int op = 0; op < MNS_OP_COUNT; op++)
        assert_int_equal(mns_ops[op].repeats, op != MNS_SEND_MESSAGE &&
                                                  op != MNS_BATCH_SEND_MESSAGE &&
                                                  op != MNS_PUBLISH_MESSAGE);
}

static void a_tag_is_measured_in_characters(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_PUBLISH_MESSAGE);
    request.message_tag =
        "\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD";
    assert_int_equal(mns_op_write(&out, &request), MNS_OK); /* 6 of 3 bytes */
    request.message_tag = "1234567890123456\xC3\xA9";
    assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
}

static void a_property_needs_name_value_and_a_known_type(void **state)
{
    (void)state;
    static const mns_property_t bad[] = {{NULL, "v", "STRING"}, {"", "v", "STRING"},
                                         {"n", NULL, "STRING"}, {"n", "v", NULL},
                                         {"n", "v", "string"},  {"n", "v", ""}};
    static const char *const types[] = {"STRING", "NUMBER", "BOOLEAN", "BINARY"};
    mns_outgoing_t message = {.body = "b", .body_len = 1, .property_count = 1};
    mns_request_t request = good(MNS_SEND_MESSAGE);
    request.outgoing = &message;
    assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL); /* one of none */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        message.properties = &bad[i];
        assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        message.properties = &(mns_property_t){"n", "", types[i]};
        assert_int_equal(mns_op_write(&out, &request), MNS_OK);
    }
}

static void a_name_that_would_change_the_path_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "a/b",    "..", "a?b",     "a%2Fb",
                                      "a b", "a\r\nb", "-a", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mns_request_t request = good(MNS_SEND_MESSAGE);
        request.queue = bad[i];
        assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
        request = good(MNS_PUBLISH_MESSAGE);
        request.topic = bad[i];
        assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
        request = good(MNS_SUBSCRIBE);
        request.subscription = bad[i];
        assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
    }
}

static void a_header_cannot_be_smuggled_in(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_LIST_QUEUE);
    request.prefix = "a\r\nAuthorization: x";
    assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
    request.prefix = NULL;
    request.marker = "\n";
    assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL);
}

#define refuses(op_, change)                                        \
    do {                                                            \
        mns_request_t request = good(op_);                          \
        change;                                                     \
        assert_int_equal(mns_op_write(&out, &request), MNS_EINVAL); \
    } while (0)

static void an_argument_that_is_missing_or_out_of_range_is_refused(void **state)
{
    (void)state;
    refuses(MNS_OP_COUNT, (void)0);
    refuses((mns_op)-1, (void)0);
    refuses(MNS_SEND_MESSAGE, request.queue = NULL);
    refuses(MNS_SEND_MESSAGE, request.outgoing = NULL);
    refuses(MNS_SEND_MESSAGE, request.outgoing = &(mns_outgoing_t){0});
    refuses(MNS_SEND_MESSAGE, request.outgoing = (&(mns_outgoing_t){.body = "", .priority = 17}));
    refuses(MNS_SEND_MESSAGE,
            request.outgoing = (&(mns_outgoing_t){.body = "", .delay_seconds = 604801}));
    refuses(MNS_BATCH_SEND_MESSAGE, request.count = 0);
    refuses(MNS_BATCH_SEND_MESSAGE, request.count = MNS_BATCH_MAX + 1);
    refuses(MNS_BATCH_RECEIVE_MESSAGE, request.count = 17);
    refuses(MNS_BATCH_PEEK_MESSAGE, request.count = 0);
    refuses(MNS_RECEIVE_MESSAGE, request.wait_seconds = 31);
    refuses(MNS_RECEIVE_MESSAGE, request.wait_seconds = -2);
    refuses(MNS_DELETE_MESSAGE, request.receipt_handles = NULL);
    refuses(MNS_DELETE_MESSAGE, request.receipt_handles = (const char *[]){""});
    refuses(MNS_BATCH_DELETE_MESSAGE, request.receipt_handles = ((const char *[]){"a", NULL}));
    refuses(MNS_CHANGE_MESSAGE_VISIBILITY, request.visibility_timeout = 0);
    refuses(MNS_CHANGE_MESSAGE_VISIBILITY, request.visibility_timeout = 43201);
    refuses(MNS_SET_QUEUE_ATTRIBUTES, request.queue_attributes = NULL);
    refuses(MNS_SUBSCRIBE, request.subscription_attributes = NULL);
    refuses(MNS_SUBSCRIBE, request.subscription_attributes = &(mns_subscription_t){0});
    refuses(MNS_SUBSCRIBE, request.subscription_attributes = (&(mns_subscription_t){
                               .endpoint = "http://h/", .filter_tag = "12345678901234567"}));
    refuses(MNS_SET_SUBSCRIPTION_ATTRIBUTES, request.subscription_attributes = NULL);
    refuses(MNS_SET_SUBSCRIPTION_ATTRIBUTES,
            request.subscription_attributes = (&(mns_subscription_t){.endpoint = "http://h/"}));
    refuses(MNS_SET_TOPIC_ATTRIBUTES, request.topic_attributes = NULL);
    refuses(MNS_PUBLISH_MESSAGE, request.mail = &(mns_mail_t){.account_name = "a"});
    refuses(MNS_PUBLISH_MESSAGE, request.sms = &(mns_sms_t){.template_code = "t"});
    refuses(MNS_PUBLISH_MESSAGE, request.message_tag = "12345678901234567");
    refuses(MNS_LIST_QUEUE, request.list_count = 1001);
}

static void a_full_batch_is_accepted(void **state)
{
    (void)state;
    mns_request_t request = good(MNS_BATCH_SEND_MESSAGE);
    request.count = MNS_BATCH_MAX;
    assert_int_equal(mns_op_write(&out, &request), MNS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_operation_asks_as_documented, clear),
        cmocka_unit_test_teardown(without_a_waiting_time_the_queue_decides, clear),
        cmocka_unit_test_teardown(the_version_is_always_signed, clear),
        cmocka_unit_test_teardown(a_list_filters_by_sorted_headers, clear),
        cmocka_unit_test_teardown(attributes_are_asked_for_by_a_header_of_queues_only, clear),
        cmocka_unit_test_teardown(only_sends_and_publishes_must_not_be_done_twice, clear),
        cmocka_unit_test_teardown(a_tag_is_measured_in_characters, clear),
        cmocka_unit_test_teardown(a_property_needs_name_value_and_a_known_type, clear),
        cmocka_unit_test_teardown(a_name_that_would_change_the_path_is_refused, clear),
        cmocka_unit_test_teardown(a_header_cannot_be_smuggled_in, clear),
        cmocka_unit_test_teardown(an_argument_that_is_missing_or_out_of_range_is_refused, clear),
        cmocka_unit_test_teardown(a_full_batch_is_accepted, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

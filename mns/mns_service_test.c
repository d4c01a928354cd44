/* mns_service_test.c - queues and messages, against a service that keeps its word: mns-local. */
#include "mns_service_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fault rules for one test's queue. */
static const char faults[] =
    "[{\"op\":\"CreateQueue\",\"resource\":\"troubled\",\"next\":2,\"action\":\"error\","
    "\"code\":\"InternalError\",\"status\":500},"
    "{\"op\":\"SendMessage\",\"resource\":\"troubled\",\"next\":1,\"action\":\"throttle\"},"
    "{\"op\":\"SendMessage\",\"resource\":\"troubled\",\"next\":1,\"action\":\"reset\"}]";

static int start_service(void **state)
{
    (void)state;
    return service_start(faults);
}

static int stop_service(void **state)
{
    (void)state;
    return service_stop();
}

static void a_queue_is_made_changed_listed_and_deleted(void **state)
{
    (void)state;
    make_queue("life");
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.visibility_timeout = 60;
    mns_request_t create = {
        .op = MNS_CREATE_QUEUE, .queue = "life", .queue_attributes = &attributes};
    mns_reply_t *reply = expect(MNS_OK, create);
    assert_true(reply->existed);
    assert_non_null(strstr(reply->location, "/queues/life"));
    mns_reply_free(&reply);

    attributes.visibility_timeout = 45;
    reply = expect(MNS_ECLIENT, create);
    assert_string_equal(reply->code, "QueueAlreadyExist");
    assert_string_not_equal(reply->request_id, "");
    mns_reply_free(&reply);

    run(MNS_OK, (mns_request_t){.op = MNS_SET_QUEUE_ATTRIBUTES,
                                .queue = "life",
                                .queue_attributes = &attributes});
    reply = expect(MNS_OK, (mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = "life"});
    assert_int_equal(reply->queue_attributes->visibility_timeout, 45);
    assert_int_equal(reply->queue_attributes->maximum_message_size, 65536);
    assert_int_equal(reply->queue_attributes->active_messages, 0);
    mns_reply_free(&reply);

    reply = expect(MNS_OK, (mns_request_t){.op = MNS_LIST_QUEUE, .prefix = "lif"});
    assert_int_equal(reply->name_count, 1);
    assert_string_equal(reply->names[0], "life");
    assert_string_equal(reply->next_marker, "");
    mns_reply_free(&reply);

    run(MNS_OK, (mns_request_t){.op = MNS_DELETE_QUEUE, .queue = "life"});
    run(MNS_ECLIENT, (mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = "life"});
}

static void a_list_goes_on_at_its_marker(void **state)
{
    (void)state;
    char marker[256] = "", seen[8] = "";
    make_queue("page-a");
    make_queue("page-b");
    make_queue("page-c");
    do {
        mns_reply_t *reply =
            expect(MNS_OK,
                   (mns_request_t){
                       .op = MNS_LIST_QUEUE, .prefix = "page-", .marker = marker, .list_count = 1});
        assert_int_equal(reply->name_count, 1);
        strncat(seen, reply->names[0] + strlen("page-"), 1);
        snprintf(marker, sizeof marker, "%s", reply->next_marker);
        mns_reply_free(&reply);
    } while (*marker != '\0' && strlen(seen) < 7);
    assert_string_equal(seen, "abc");
}

/* What XML escapes, what it must not touch, and letters beyond ASCII. */
static const char text[] = "{\"a\":\"<b> & 'c' \\\\ \xE4\xB8\xAD \xF0\x9F\x98\x80\"}\r\n\t end ";

static void a_message_goes_there_and_back(void **state)
{
    (void)state;
    make_queue("single");
    mns_outgoing_t outgoing = {.body = text, .body_len = sizeof text - 1, .priority = 3};
    mns_reply_t *sent = expect(
        MNS_OK, (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "single", .outgoing = &outgoing});
    mns_reply_t *peeked =
        expect(MNS_OK, (mns_request_t){.op = MNS_PEEK_MESSAGE, .queue = "single"});
    mns_reply_t *got =
        expect(MNS_OK, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "single"});
    const mns_message_t *message = &got->messages[0];
    assert_string_equal(message->body, text);
    assert_string_equal(peeked->messages[0].body, text);
    assert_string_equal(message->message_id, sent->messages[0].message_id);
    assert_string_equal(message->body_md5, sent->messages[0].body_md5);
    assert_true(message->body_md5_ok && peeked->messages[0].body_md5_ok);
    assert_int_equal(message->priority, 3);
    assert_int_equal(message->dequeue_count, 1);
    assert_true(message->next_visible_time_ms > message->enqueue_time_ms);
    run(MNS_EMPTY, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "single"});
    run(MNS_EMPTY, (mns_request_t){.op = MNS_PEEK_MESSAGE, .queue = "single"});

    mns_reply_t *changed =
        expect(MNS_OK, (mns_request_t){.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                                       .queue = "single",
                                       .receipt_handles = &message->receipt_handle,
                                       .visibility_timeout = 120});
    run(MNS_ECLIENT, (mns_request_t){.op = MNS_DELETE_MESSAGE, /* the old handle is dead */
                                     .queue = "single",
                                     .receipt_handles = &message->receipt_handle});
    run(MNS_OK, (mns_request_t){.op = MNS_DELETE_MESSAGE,
                                .queue = "single",
                                .receipt_handles = &changed->messages[0].receipt_handle});
    mns_reply_free(&sent);
    mns_reply_free(&peeked);
    mns_reply_free(&got);
    mns_reply_free(&changed);
}

static void a_batch_goes_there_and_back(void **state)
{
    (void)state;
    enum { COUNT = 16 };
    mns_outgoing_t outgoing[COUNT];
    const char *handles[COUNT];
    char bodies[COUNT][16];
    make_queue("batch");
    for (int i = 0; i < COUNT; i++) {
        snprintf(bodies[i], sizeof bodies[i], "message %d", i);
        outgoing[i] = (mns_outgoing_t){.body = bodies[i], .body_len = strlen(bodies[i])};
    }
    mns_reply_t *sent = expect(MNS_OK, (mns_request_t){.op = MNS_BATCH_SEND_MESSAGE,
                                                       .queue = "batch",
                                                       .outgoing = outgoing,
                                                       .count = COUNT});
    assert_int_equal(sent->message_count, COUNT);
    mns_reply_t *got = expect(
        MNS_OK, (mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = "batch", .count = COUNT});
    assert_int_equal(got->message_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(got->messages[i].body_md5_ok);
        handles[i] = got->messages[i].receipt_handle;
    }
    mns_request_t delete = {.op = MNS_BATCH_DELETE_MESSAGE,
                            .queue = "batch",
                            .receipt_handles = handles,
                            .count = COUNT};
    run(MNS_OK, delete);
    mns_reply_t *failed = expect(MNS_EPARTIAL, delete); /* they are gone */
    assert_int_equal(failed->message_count, COUNT);
    assert_string_not_equal(failed->messages[0].code, "");
    assert_string_equal(failed->messages[0].receipt_handle, handles[0]);
    mns_reply_free(&sent);
    mns_reply_free(&got);
    mns_reply_free(&failed);
}

static void a_list_brings_the_attributes_of_each_queue(void **state)
{
    (void)state;
    make_queue("meta-a");
    make_queue("meta-b");
    mns_reply_t *reply =
        expect(MNS_OK, (mns_request_t){.op = MNS_LIST_QUEUE, .prefix = "meta-", .with_meta = true});
    assert_int_equal(reply->name_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(reply->queue_attributes[i].visibility_timeout, 60);
    mns_reply_free(&reply);
}

static void properties_go_there_and_back(void **state)
{
    (void)state;
    static const mns_property_t properties[] = {{"colour", "red & <blue>", "STRING"},
                                                {"count", "3", "NUMBER"},
                                                {"bytes", "AAEC", "BINARY"}};
    make_queue("properties");
    mns_outgoing_t outgoing[2] = {
        {.body = "a", .body_len = 1, .properties = properties, .property_count = 3},
        {.body = "b", .body_len = 1}};
    run(MNS_OK,
        (mns_request_t){
            .op = MNS_BATCH_SEND_MESSAGE, .queue = "properties", .outgoing = outgoing, .count = 2});
    mns_reply_t *got = expect(
        MNS_OK,
        (mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = "properties", .count = 16});
    assert_int_equal(got->message_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const mns_message_t *message = &got->messages[i];
        assert_int_equal(message->property_count, *message->body == 'a' ? 3 : 0);
        for (size_t k = 0; k < message->property_count; k++) {
            assert_string_equal(message->properties[k].name, properties[k].name);
            assert_string_equal(message->properties[k].value, properties[k].value);
            assert_string_equal(message->properties[k].type, properties[k].type);
        }
    }
    mns_reply_free(&got);
}

static void bytes_go_there_and_back_as_base64(void **state)
{
    (void)state;
    static const char bytes[] = "\0\x01\xFF any bytes";
    make_queue("bytes");
    mns_outgoing_t outgoing = {.body = bytes, .body_len = sizeof bytes, .base64 = true};
    run(MNS_OK, (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "bytes", .outgoing = &outgoing});
    mns_reply_t *got =
        expect(MNS_OK, (mns_request_t){.op = MNS_PEEK_MESSAGE, .queue = "bytes", .base64 = true});
    assert_true(got->messages[0].base64_decoded && got->messages[0].body_md5_ok);
    assert_int_equal(got->messages[0].body_len, sizeof bytes);
    assert_memory_equal(got->messages[0].body, bytes, sizeof bytes);
    mns_reply_free(&got);
    got =
        expect(MNS_OK, (mns_request_t){.op = MNS_BATCH_PEEK_MESSAGE, .queue = "bytes", .count = 4});
    assert_false(got->messages[0].base64_decoded);
    assert_string_equal(got->messages[0].body, "AAH/IGFueSBieXRlcwA=");
    mns_reply_free(&got);
}

/* The handle of a delayed message comes with the send, and deletes it before it shows. */
static void a_delayed_message_can_be_taken_back(void **state)
{
    (void)state;
    make_queue("delayed");
    mns_outgoing_t outgoing = {.body = "x", .body_len = 1, .delay_seconds = 600};
    mns_reply_t *sent = expect(
        MNS_OK, (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "delayed", .outgoing = &outgoing});
    assert_string_not_equal(sent->messages[0].receipt_handle, "");
    run(MNS_EMPTY, (mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "delayed"});
    run(MNS_OK, (mns_request_t){.op = MNS_DELETE_MESSAGE,
                                .queue = "delayed",
                                .receipt_handles = &sent->messages[0].receipt_handle});
    mns_reply_free(&sent);
}

typedef struct seen {
    size_t replies, messages;
} seen_t;

static void on_received(void *user, const mns_reply_t *reply)
{
    seen_t *seen = user;
    seen->replies++;
    if (reply->err == MNS_OK)
        seen->messages += reply->message_count;
    else
        assert_int_equal(reply->err, MNS_EMPTY);
}

static void long_polls_wait_beside_each_other(void **state)
{
    (void)state;
    enum { POLLS = 16 };
    seen_t seen = {0};
    make_queue("polled");
    for (int i = 0; i < POLLS; i++)
        assert_int_equal(
            mns_submit(
                service_client,
                &(mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = "polled", .wait_seconds = 1},
                on_received, &seen),
            MNS_OK);
    mns_outgoing_t outgoing = {.body = "x", .body_len = 1};
    for (int i = 0; i < 3; i++)
        run(MNS_OK,
            (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "polled", .outgoing = &outgoing});
    while (seen.replies < POLLS)
        mns_client_run(service_client, 5000);
    assert_int_equal(seen.messages, 3);
}

static void a_wrong_secret_is_told_from_other_refusals(void **state)
{
    (void)state;
    mns_client_t *stranger;
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = service_endpoint,
                                    .access_key_id = "id",
                                    .access_key_secret = "wrong"};
    assert_int_equal(mns_client_create(&stranger, &options), MNS_OK);
    mns_reply_t *reply;
    assert_int_equal(mns_call(stranger, &(mns_request_t){.op = MNS_LIST_QUEUE}, &reply),
                     MNS_ECLIENT);
    assert_string_equal(reply->code, "SignatureDoesNotMatch");
    assert_int_equal(reply->http_status, 403);
    mns_reply_free(&reply);
    mns_client_destroy(&stranger);
}

/* The first calls about this queue fail, as the rules say; nothing is there that was not sent. */
static void a_service_in_trouble_is_asked_again(void **state)
{
    (void)state;
    mns_reply_t *reply =
        expect(MNS_OK, (mns_request_t){.op = MNS_CREATE_QUEUE, .queue = "troubled"});
    assert_int_equal(reply->attempts, 3);
    mns_reply_free(&reply);
    mns_outgoing_t outgoing = {.body = "x", .body_len = 1};
    mns_request_t send = {.op = MNS_SEND_MESSAGE, .queue = "troubled", .outgoing = &outgoing};
    reply = expect(MNS_EIO, send); /* first throttled; then performed, and the answer was lost */
    assert_int_equal(reply->attempts, 2);
    assert_true(reply->transient);
    mns_reply_free(&reply);
    run(MNS_OK, send);
    reply = expect(
        MNS_OK, (mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = "troubled", .count = 16});
    assert_int_equal(reply->message_count, 2);
    mns_reply_free(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_made_changed_listed_and_deleted),
        cmocka_unit_test(a_list_goes_on_at_its_marker),
        cmocka_unit_test(a_message_goes_there_and_back),
        cmocka_unit_test(a_batch_goes_there_and_back),
        cmocka_unit_test(a_list_brings_the_attributes_of_each_queue),
        cmocka_unit_test(properties_go_there_and_back),
        cmocka_unit_test(bytes_go_there_and_back_as_base64),
        cmocka_unit_test(a_delayed_message_can_be_taken_back),
        cmocka_unit_test(long_polls_wait_beside_each_other),
        cmocka_unit_test(a_wrong_secret_is_told_from_other_refusals),
        cmocka_unit_test(a_service_in_trouble_is_asked_again),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}

/* libmns_flow.c - libmns runs the flows that the official SDK for Node runs
 * (tests/node/mns_sdk.js), step by step, against the same server, and those that the SDK lacks:
 * subscriptions, DeleteTopic.
 *
 *     libmns_flow ENDPOINT ACCOUNT REGION KEY SECRET */
#include <mns/mns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE "libmns-queue"
#define TOPIC "libmns-topic"

enum { BATCH = 16, LARGE = 1000000 };

static mns_client_t *client;

#define CHECK(what)                                                        \
    do {                                                                   \
        if (!(what)) {                                                     \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #what); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)

static bool same(const char *got, const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fprintf(stderr, "\"%s\", not \"%s\"\n", got, wanted);
    return strcmp(got, wanted) == 0;
}

/* What is asked, and how it must come out. */
static mns_reply_t *ask(mns_request_t request, mns_err wanted)
{
    mns_reply_t *reply;
    mns_err err = mns_call(client, &request, &reply);
    if (err != wanted)
        fprintf(stderr, "operation %d: %s (%s)\n", (int)request.op, mns_err_text(err),
                reply != NULL ? reply->code : "");
    CHECK(err == wanted && reply != NULL);
    return reply;
}

static void does(mns_request_t request, int status)
{
    mns_reply_t *reply = ask(request, MNS_OK);
    CHECK(reply->http_status == status && reply->request_id[0] != '\0');
    mns_reply_free(&reply);
}

static void refused(mns_request_t request, int status, const char *code)
{
    mns_reply_t *reply = ask(request, MNS_ECLIENT);
    CHECK(reply->http_status == status && same(reply->code, code));
    CHECK(reply->request_id[0] != '\0' && strncmp(reply->host_id, "http://", 7) == 0);
    mns_reply_free(&reply);
}

static void nothing(mns_request_t request)
{
    mns_reply_t *reply = ask(request, MNS_EMPTY);
    CHECK(reply->http_status == 404 && same(reply->code, "MessageNotExist"));
    mns_reply_free(&reply);
}

/* -- queues -------------------------------------------------------------------------------- */

static mns_request_t create_queue(const char *name, const mns_queue_attributes_t *attributes)
{
    return (mns_request_t){.op = MNS_CREATE_QUEUE, .queue = name, .queue_attributes = attributes};
}

static void creates_and_sets_queues(void)
{
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.visibility_timeout = 30;
    does(create_queue(QUEUE, &attributes), 201);
    does(create_queue(QUEUE, &attributes), 204);
    attributes.visibility_timeout = 31;
    refused(create_queue(QUEUE, &attributes), 409, "QueueAlreadyExist");

    attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.logging_enabled = 1;
    mns_request_t set = {
        .op = MNS_SET_QUEUE_ATTRIBUTES, .queue = QUEUE, .queue_attributes = &attributes};
    does(set, 204);
    set.queue = "none";
    refused(set, 404, "QueueNotExist");
    mns_reply_t *reply =
        ask((mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = QUEUE}, MNS_OK);
    CHECK(reply->queue_attributes->visibility_timeout == 30);
    CHECK(reply->queue_attributes->logging_enabled == 1);
    CHECK(reply->queue_attributes->message_retention_period == 345600);
    mns_reply_free(&reply);
    refused((mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = "none"}, 404, "QueueNotExist");
}

static void lists_queues(void)
{
    static const char *const names[] = {"libmns-list-a", "libmns-list-b", "libmns-list-c"};
    for (size_t i = 0; i < 3; i++)
        does(create_queue(names[i], NULL), 201);
    mns_request_t list = {
        .op = MNS_LIST_QUEUE, .prefix = "libmns-list-", .list_count = 2, .with_meta = true};
    mns_reply_t *page = ask(list, MNS_OK);
    CHECK(page->name_count == 2 && same(page->names[0], names[0]) &&
          same(page->names[1], names[1]));
    CHECK(page->queue_attributes[1].visibility_timeout == 30);
    list.marker = page->next_marker;
    mns_reply_t *rest = ask(list, MNS_OK);
    CHECK(rest->name_count == 1 && same(rest->names[0], names[2]) && same(rest->next_marker, ""));
    mns_reply_free(&page);
    mns_reply_free(&rest);
    does((mns_request_t){.op = MNS_DELETE_QUEUE, .queue = names[0]}, 204);
}

/* -- messages ------------------------------------------------------------------------------ */

static mns_request_t send_request(const mns_outgoing_t *outgoing)
{
    return (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = QUEUE, .outgoing = outgoing};
}

static mns_outgoing_t text(const char *body)
{
    return (mns_outgoing_t){.body = body, .body_len = strlen(body), .delay_seconds = -1};
}

static mns_request_t delete_request(const char *const *handle)
{
    return (mns_request_t){.op = MNS_DELETE_MESSAGE, .queue = QUEUE, .receipt_handles = handle};
}

static void moves_one_message(void)
{
    static const char body[] = "na\u00efve & \u4e2d\u6587";
    mns_outgoing_t outgoing = text(body);
    outgoing.priority = 1;
    mns_reply_t *sent = ask(send_request(&outgoing), MNS_OK);
    mns_reply_t *peeked = ask((mns_request_t){.op = MNS_PEEK_MESSAGE, .queue = QUEUE}, MNS_OK);
    CHECK(same(peeked->messages[0].message_id, sent->messages[0].message_id));
    mns_reply_t *got =
        ask((mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = QUEUE, .wait_seconds = 5}, MNS_OK);
    const mns_message_t *message = &got->messages[0];
    CHECK(same(message->body, body) && message->body_md5_ok);
    CHECK(same(message->body_md5, sent->messages[0].body_md5));
    CHECK(message->priority == 1 && message->dequeue_count == 1);

    mns_request_t hide = {.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                          .queue = QUEUE,
                          .receipt_handles = &message->receipt_handle,
                          .visibility_timeout = 60};
    mns_reply_t *hidden = ask(hide, MNS_OK);
    refused(delete_request(&message->receipt_handle), 400, "ReceiptHandleError");
    does(delete_request(&hidden->messages[0].receipt_handle), 204);
    refused(delete_request(&hidden->messages[0].receipt_handle), 404, "MessageNotExist");
    mns_reply_free(&sent);
    mns_reply_free(&peeked);
    mns_reply_free(&got);
    mns_reply_free(&hidden);
}

static void takes_a_delayed_message_back(void)
{
    mns_outgoing_t outgoing = text("later");
    outgoing.delay_seconds = 60;
    mns_reply_t *sent = ask(send_request(&outgoing), MNS_OK);
    does(delete_request(&sent->messages[0].receipt_handle), 204);
    mns_reply_free(&sent);
}

static void hears_why_not(void)
{
    nothing((mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = QUEUE, .wait_seconds = 0});
    nothing((mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = QUEUE, .wait_seconds = 1});
    nothing((mns_request_t){.op = MNS_PEEK_MESSAGE, .queue = QUEUE});
    mns_outgoing_t outgoing = text("x");
    mns_request_t send = send_request(&outgoing);
    send.queue = "none";
    refused(send, 404, "QueueNotExist");
    static char large[LARGE];
    memset(large, 'x', sizeof large);
    outgoing.body = large;
    outgoing.body_len = 65537;
    refused(send_request(&outgoing), 400, "InvalidArgument");
    outgoing.body_len = sizeof large;
    refused(send_request(&outgoing), 400, "InvalidArgument");
}

static void moves_batches(void)
{
    char bodies[BATCH][16];
    const char *handles[BATCH];
    mns_outgoing_t outgoing[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(bodies[i], sizeof bodies[i], "message %d", i);
        outgoing[i] = text(bodies[i]);
    }
    does(
        (mns_request_t){
            .op = MNS_BATCH_SEND_MESSAGE, .queue = QUEUE, .outgoing = outgoing, .count = BATCH},
        201);
    mns_reply_t *peeked =
        ask((mns_request_t){.op = MNS_BATCH_PEEK_MESSAGE, .queue = QUEUE, .count = 5}, MNS_OK);
    CHECK(peeked->message_count == 5);
    mns_reply_t *got = ask(
        (mns_request_t){
            .op = MNS_BATCH_RECEIVE_MESSAGE, .queue = QUEUE, .count = BATCH, .wait_seconds = 5},
        MNS_OK);
    CHECK(got->message_count == BATCH);
    for (int i = 0; i < BATCH; i++) {
        CHECK(same(got->messages[i].body, bodies[i]));
        handles[i] = got->messages[i].receipt_handle;
    }
    const char *last = handles[BATCH - 1];
    handles[BATCH - 1] = "no-handle";
    mns_request_t delete = {
        .op = MNS_BATCH_DELETE_MESSAGE, .queue = QUEUE, .receipt_handles = handles, .count = BATCH};
    mns_reply_t *partly = ask(delete, MNS_EPARTIAL);
    CHECK(partly->message_count == 1 && same(partly->messages[0].receipt_handle, "no-handle"));
    CHECK(same(partly->messages[0].code, "ReceiptHandleError"));
    delete.receipt_handles = &last;
    delete.count = 1;
    does(delete, 204);
    nothing((mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = QUEUE, .count = BATCH});
    mns_reply_free(&peeked);
    mns_reply_free(&got);
    mns_reply_free(&partly);
}

/* -- topics -------------------------------------------------------------------------------- */

static void creates_and_sets_topics(void)
{
    mns_topic_attributes_t attributes = MNS_TOPIC_ATTRIBUTES_UNSET;
    attributes.maximum_message_size = 2048;
    mns_request_t create = {
        .op = MNS_CREATE_TOPIC, .topic = TOPIC, .topic_attributes = &attributes};
    does(create, 201);
    does(create, 204);
    create.topic_attributes = NULL;
    refused(create, 409, "TopicAlreadyExist");
    attributes.maximum_message_size = 4096;
    does((mns_request_t){.op = MNS_SET_TOPIC_ATTRIBUTES,
                         .topic = TOPIC,
                         .topic_attributes = &attributes},
         204);
    mns_reply_t *reply =
        ask((mns_request_t){.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = TOPIC}, MNS_OK);
    CHECK(reply->topic_attributes->maximum_message_size == 4096);
    CHECK(reply->topic_attributes->message_retention_period == 86400);
    mns_reply_free(&reply);
    reply = ask((mns_request_t){.op = MNS_LIST_TOPIC, .prefix = "libmns-"}, MNS_OK);
    CHECK(reply->name_count == 1 && same(reply->names[0], TOPIC));
    mns_reply_free(&reply);
}

static mns_request_t subscription_request(mns_op op, const mns_subscription_t *attributes)
{
    return (mns_request_t){
        .op = op, .topic = TOPIC, .subscription = "sub", .subscription_attributes = attributes};
}

static void subscribes(const char *account, const char *region)
{
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "acs:mns:%s:%s:queues/" QUEUE, region, account);
    mns_subscription_t wanted = {
        .endpoint = endpoint, .notify_format = "SIMPLIFIED", .filter_tag = "red"};
    does(subscription_request(MNS_SUBSCRIBE, &wanted), 201);
    does(subscription_request(MNS_SUBSCRIBE, &wanted), 204);
    wanted.filter_tag = "blue";
    refused(subscription_request(MNS_SUBSCRIBE, &wanted), 409, "SubscriptionAlreadyExist");
    mns_subscription_t change = {.notify_strategy = "EXPONENTIAL_DECAY_RETRY"};
    does(subscription_request(MNS_SET_SUBSCRIPTION_ATTRIBUTES, &change), 204);
    mns_reply_t *reply = ask(subscription_request(MNS_GET_SUBSCRIPTION_ATTRIBUTES, NULL), MNS_OK);
    CHECK(same(reply->subscription->endpoint, endpoint));
    CHECK(same(reply->subscription->filter_tag, "red"));
    CHECK(same(reply->subscription->notify_strategy, "EXPONENTIAL_DECAY_RETRY"));
    mns_reply_free(&reply);
    reply = ask((mns_request_t){.op = MNS_LIST_SUBSCRIPTION_BY_TOPIC, .topic = TOPIC}, MNS_OK);
    CHECK(reply->name_count == 1 && same(reply->names[0], "sub"));
    mns_reply_free(&reply);
}

static void publishes(void)
{
    mns_outgoing_t news = text("news");
    mns_request_t publish = {
        .op = MNS_PUBLISH_MESSAGE, .topic = TOPIC, .outgoing = &news, .message_tag = "red"};
    does(publish, 201);
    publish.message_tag = "blue";
    does(publish, 201);
    mns_request_t receive = {.op = MNS_RECEIVE_MESSAGE, .queue = QUEUE, .wait_seconds = 5};
    mns_reply_t *got = ask(receive, MNS_OK);
    CHECK(same(got->messages[0].body, "news"));
    mns_reply_free(&got);
    receive.wait_seconds = 0;
    nothing(receive);
    publish.topic = "none";
    refused(publish, 404, "TopicNotExist");
    does(subscription_request(MNS_UNSUBSCRIBE, NULL), 204);
    refused(subscription_request(MNS_GET_SUBSCRIPTION_ATTRIBUTES, NULL), 404,
            "SubscriptionNotExist");
    does((mns_request_t){.op = MNS_DELETE_TOPIC, .topic = TOPIC}, 204);
}

/* -- all of it ----------------------------------------------------------------------------- */

static mns_client_t *connect(const char *endpoint, const char *key, const char *secret,
                             const char *token)
{
    mns_client_t *made = NULL;
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = endpoint,
                                    .access_key_id = key,
                                    .access_key_secret = secret,
                                    .security_token = token};
    CHECK(mns_client_create(&made, &options) == MNS_OK);
    return made;
}

static void strangers_are_refused(const char *endpoint, const char *key, const char *secret)
{
    mns_client_t *own = client;
    client = connect(endpoint, key, "wrong", NULL);
    refused(create_queue("other", NULL), 403, "SignatureDoesNotMatch");
    mns_client_destroy(&client);
    client = connect(endpoint, "nobody", secret, NULL);
    refused((mns_request_t){.op = MNS_LIST_QUEUE}, 403, "InvalidAccessKeyId");
    mns_client_destroy(&client);
    client = connect(endpoint, key, secret, "CAIS/token+of/an+hour==");
    does((mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = QUEUE}, 200);
    mns_client_destroy(&client);
    client = own;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s ENDPOINT ACCOUNT REGION KEY SECRET\n", argv[0]);
        return 2;
    }
    client = connect(argv[1], argv[4], argv[5], NULL);
    creates_and_sets_queues();
    lists_queues();
    moves_one_message();
    takes_a_delayed_message_back();
    hears_why_not();
    moves_batches();
    creates_and_sets_topics();
    subscribes(argv[2], argv[3]);
    publishes();
    strangers_are_refused(argv[1], argv[4], argv[5]);
    does((mns_request_t){.op = MNS_DELETE_QUEUE, .queue = QUEUE}, 204);
    refused((mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = QUEUE}, 404, "QueueNotExist");
    mns_client_destroy(&client);
    puts("libmns flows passed");
    return 0;
}

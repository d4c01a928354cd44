/* topics.c - a topic that feeds a queue: only what is tagged "red" arrives.
 *
 *     cc topics.c $(pkg-config --cflags --libs mns) -o topics
 *     ALIBABA_CLOUD_ACCESS_KEY_ID=… ALIBABA_CLOUD_ACCESS_KEY_SECRET=… \
 *         ./topics http://123456789012.mns.cn-hangzhou.aliyuncs.com cn-hangzhou 123456789012
 *
 * Whatever is there already, with the same attributes, is fine: run it as often as you like. */
#include <mns/mns.h>

#include <stdio.h>
#include <string.h>

#define QUEUE "example-red"
#define TOPIC "example-news"

/* Runs a request and says what came of it.  The reply is the caller's, if it was a good one. */
static mns_reply_t *run(mns_client_t *client, const char *what, const mns_request_t *request)
{
    mns_reply_t *reply;
    mns_err err = mns_call(client, request, &reply);
    if (err == MNS_OK)
        return reply;
    fprintf(stderr, "%s: %s", what, mns_err_text(err));
    if (reply != NULL)
        fprintf(stderr, " (%s %s)", reply->code, reply->message);
    fprintf(stderr, "\n");
    mns_reply_free(&reply);
    return NULL;
}

/* The same where only success matters.  @return whether it was one. */
static bool done(mns_client_t *client, const char *what, const mns_request_t *request)
{
    mns_reply_t *reply = run(client, what, request);
    bool ok = reply != NULL;
    mns_reply_free(&reply);
    return ok;
}

static bool set_up(mns_client_t *client, const char *region, const char *account)
{
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "acs:mns:%s:%s:queues/" QUEUE, region, account);
    mns_subscription_t to_queue = {.endpoint = endpoint,
                                   .notify_format = "JSON", /* keeps the topic's MessageId */
                                   .filter_tag = "red"};
    return done(client, "queue", &(mns_request_t){.op = MNS_CREATE_QUEUE, .queue = QUEUE}) &&
           done(client, "topic", &(mns_request_t){.op = MNS_CREATE_TOPIC, .topic = TOPIC}) &&
           done(client, "subscription",
                &(mns_request_t){.op = MNS_SUBSCRIBE,
                                 .topic = TOPIC,
                                 .subscription = "red",
                                 .subscription_attributes = &to_queue});
}

static bool publish(mns_client_t *client, const char *text, const char *tag)
{
    mns_outgoing_t message = {.body = text, .body_len = strlen(text)};
    return done(
        client, "publish",
        &(mns_request_t){
            .op = MNS_PUBLISH_MESSAGE, .topic = TOPIC, .outgoing = &message, .message_tag = tag});
}

/* Takes one message out of the queue and shows it. */
static bool receive(mns_client_t *client)
{
    mns_reply_t *reply =
        run(client, "receive",
            &(mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = QUEUE, .wait_seconds = 10});
    if (reply == NULL)
        return false;
    puts(reply->messages[0].body);
    bool ok = done(client, "delete",
                   &(mns_request_t){.op = MNS_DELETE_MESSAGE,
                                    .queue = QUEUE,
                                    .receipt_handles = &reply->messages[0].receipt_handle});
    mns_reply_free(&reply);
    return ok;
}

int main(int argc, char **argv)
{
    mns_client_t *client;
    mns_client_options_t options = {.size = sizeof options, .endpoint = argc > 1 ? argv[1] : NULL};
    if (argc != 4) {
        fprintf(stderr, "usage: %s ENDPOINT REGION ACCOUNT\n", argv[0]);
        return 2;
    }
    mns_err err = mns_client_create(&client, &options);
    if (err != MNS_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], mns_err_text(err));
        return 1;
    }
    bool ok = set_up(client, argv[2], argv[3]) && publish(client, "the sky is blue", "blue") &&
              publish(client, "roses are red", "red") && receive(client);
    mns_client_destroy(&client);
    return ok ? 0 : 1;
}

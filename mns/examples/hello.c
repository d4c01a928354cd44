/* hello.c - a queue, a message there and back, with the blocking call.
 *
 *     cc hello.c $(pkg-config --cflags --libs mns) -o hello
 *     ALIBABA_CLOUD_ACCESS_KEY_ID=… ALIBABA_CLOUD_ACCESS_KEY_SECRET=… \
 *         ./hello http://123456789012.mns.cn-hangzhou.aliyuncs.com my-queue */
#include <mns/mns.h>

#include <stdio.h>
#include <string.h>

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

static int hello(mns_client_t *client, const char *queue)
{
    mns_reply_t *reply =
        run(client, "create", &(mns_request_t){.op = MNS_CREATE_QUEUE, .queue = queue});
    if (reply == NULL)
        return 1;
    printf("queue %s %s\n", reply->location, reply->existed ? "was there" : "created");
    mns_reply_free(&reply);

    mns_outgoing_t text = {.body = "hello", .body_len = strlen("hello")};
    reply = run(client, "send",
                &(mns_request_t){.op = MNS_SEND_MESSAGE, .queue = queue, .outgoing = &text});
    if (reply == NULL)
        return 1;
    printf("sent %s\n", reply->messages[0].message_id);
    mns_reply_free(&reply);

    reply = run(client, "receive",
                &(mns_request_t){.op = MNS_RECEIVE_MESSAGE, .queue = queue, .wait_seconds = 10});
    if (reply == NULL)
        return 1;
    const mns_message_t *message = &reply->messages[0];
    printf("received %s: %s\n", message->message_id, message->body);
    mns_reply_t *gone = run(client, "delete",
                            &(mns_request_t){.op = MNS_DELETE_MESSAGE,
                                             .queue = queue,
                                             .receipt_handles = &message->receipt_handle});
    int failed = gone == NULL;
    mns_reply_free(&gone);
    mns_reply_free(&reply);
    return failed;
}

int main(int argc, char **argv)
{
    mns_client_t *client;
    mns_client_options_t options = {.size = sizeof options, .endpoint = argc > 1 ? argv[1] : NULL};
    if (argc != 3) {
        fprintf(stderr, "usage: %s ENDPOINT QUEUE\n", argv[0]);
        return 2;
    }
    mns_err err = mns_client_create(&client, &options);
    if (err != MNS_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], mns_err_text(err));
        return 1;
    }
    int code = hello(client, argv[2]);
    mns_client_destroy(&client);
    return code;
}

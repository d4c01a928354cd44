/* drain.c - empties a queue with many long polls at a time, from one thread.
 *
 *     cc drain.c $(pkg-config --cflags --libs mns) -o drain
 *     ALIBABA_CLOUD_ACCESS_KEY_ID=… ALIBABA_CLOUD_ACCESS_KEY_SECRET=… \
 *         ./drain http://123456789012.mns.cn-hangzhou.aliyuncs.com my-queue
 *
 * Each poll takes up to 16 messages; what was taken is deleted at once, 16 at a time.  It ends when
 * no poll finds anything any more. */
#include <mns/mns.h>

#include <stdio.h>

enum { POLLS = 8, BATCH = 16, WAIT_SECONDS = 1 };

typedef struct drain {
    mns_client_t *client;
    const char *queue;
    unsigned long received;
    int failed;
} drain_t;

static void poll_queue(drain_t *drain);

static void failed(drain_t *drain, const mns_reply_t *reply)
{
    fprintf(stderr, "%s (%s %s)\n", mns_err_text(reply->err), reply->code, reply->message);
    drain->failed = 1;
}

static void on_deleted(void *user, const mns_reply_t *reply)
{
    if (reply->err != MNS_OK)
        failed(user, reply);
}

static void on_received(void *user, const mns_reply_t *reply)
{
    drain_t *drain = user;
    const char *handles[BATCH];
    if (reply->err == MNS_EMPTY)
        return; /* this poll is over */
    if (reply->err != MNS_OK) {
        failed(drain, reply);
        return;
    }
    for (size_t i = 0; i < reply->message_count; i++) {
        puts(reply->messages[i].body);
        handles[i] = reply->messages[i].receipt_handle;
    }
    drain->received += reply->message_count;
    mns_submit(drain->client,
               &(mns_request_t){.op = MNS_BATCH_DELETE_MESSAGE,
                                .queue = drain->queue,
                                .receipt_handles = handles,
                                .count = (uint32_t)reply->message_count},
               on_deleted, drain);
    poll_queue(drain);
}

static void poll_queue(drain_t *drain)
{
    mns_err err = mns_submit(drain->client,
                             &(mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE,
                                              .queue = drain->queue,
                                              .count = BATCH,
                                              .wait_seconds = WAIT_SECONDS},
                             on_received, drain);
    if (err != MNS_OK) {
        fprintf(stderr, "%s: %s\n", drain->queue, mns_err_text(err));
        drain->failed = 1;
    }
}

int main(int argc, char **argv)
{
    drain_t drain = {.queue = argc > 2 ? argv[2] : NULL};
    mns_client_options_t options = {.size = sizeof options, .endpoint = argc > 1 ? argv[1] : NULL};
    if (argc != 3) {
        fprintf(stderr, "usage: %s ENDPOINT QUEUE\n", argv[0]);
        return 2;
    }
    mns_err err = mns_client_create(&drain.client, &options);
    if (err != MNS_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], mns_err_text(err));
        return 1;
    }
    for (int i = 0; i < POLLS; i++)
        poll_queue(&drain);
    while (mns_client_in_flight(drain.client) > 0)
        mns_client_run(drain.client, -1);
    fprintf(stderr, "%lu messages\n", drain.received);
    mns_client_destroy(&drain.client);
    return drain.failed;
}

/* libmns_peer.c - libmns as one of the clients that write to queues and topics what another reads.
 *
 *     libmns_peer ENDPOINT KEY SECRET plain|base64 write QUEUE | publish TOPIC | read QUEUE COUNT
 *
 * Bodies come on standard input, or go to standard output, each with a NUL behind it; see
 * tests/e2e/sdk_test.py and its partners in tests/node. */
#include <mns/mns.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODIES_MAX = 64, INPUT_MAX = 1 << 20, BATCH = 4, BATCH_MAX = 16 };

typedef struct peer {
    mns_client_t *client;
    bool base64;
    char input[INPUT_MAX];
    mns_outgoing_t outgoing[BODIES_MAX];
    size_t count;
} peer_t;

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static mns_reply_t *call(peer_t *peer, const mns_request_t *request)
{
    mns_reply_t *reply;
    mns_err err = mns_call(peer->client, request, &reply);
    if (err != MNS_OK)
        die("%s (%s)", mns_err_text(err), reply != NULL ? reply->message : "");
    return reply;
}

static void call_only(peer_t *peer, const mns_request_t *request)
{
    mns_reply_t *reply = call(peer, request);
    mns_reply_free(&reply);
}

static void read_input(peer_t *peer)
{
    size_t len = fread(peer->input, 1, sizeof peer->input, stdin);
    for (size_t at = 0; at < len; at += peer->outgoing[peer->count++].body_len + 1) {
        const char *body = peer->input + at;
        const char *end = memchr(body, '\0', len - at);
        if (end == NULL || peer->count == BODIES_MAX)
            die("bodies end with a NUL, and are %d at most", BODIES_MAX);
        peer->outgoing[peer->count] = (mns_outgoing_t){.body = body,
                                                       .body_len = (size_t)(end - body),
                                                       .delay_seconds = -1,
                                                       .base64 = peer->base64};
    }
}

/* The first alone, the rest in batches, so that both ways are gone. */
static void write_queue(peer_t *peer, const char *queue)
{
    read_input(peer);
    call_only(peer,
              &(mns_request_t){.op = MNS_SEND_MESSAGE, .queue = queue, .outgoing = peer->outgoing});
    for (size_t at = 1; at < peer->count; at += BATCH) {
        size_t left = peer->count - at;
        call_only(peer, &(mns_request_t){.op = MNS_BATCH_SEND_MESSAGE,
                                         .queue = queue,
                                         .outgoing = &peer->outgoing[at],
                                         .count = (uint32_t)(left < BATCH ? left : BATCH)});
    }
}

static void publish(peer_t *peer, const char *topic)
{
    read_input(peer);
    for (size_t i = 0; i < peer->count; i++)
        call_only(peer, &(mns_request_t){.op = MNS_PUBLISH_MESSAGE,
                                         .topic = topic,
                                         .outgoing = &peer->outgoing[i]});
}

static size_t take(peer_t *peer, const char *queue, size_t count)
{
    const char *handles[BATCH_MAX];
    mns_reply_t *reply = call(peer, &(mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE,
                                                     .queue = queue,
                                                     .count = (uint32_t)count,
                                                     .wait_seconds = 10,
                                                     .base64 = peer->base64});
    size_t got = reply->message_count;
    for (size_t i = 0; i < got; i++) {
        const mns_message_t *message = &reply->messages[i];
        if (!message->body_md5_ok || message->base64_decoded != peer->base64)
            die("%s: the digest or the encoding is not right", message->message_id);
        fwrite(message->body, 1, message->body_len + 1, stdout); /* its NUL too */
        handles[i] = message->receipt_handle;
    }
    call_only(peer, &(mns_request_t){.op = MNS_BATCH_DELETE_MESSAGE,
                                     .queue = queue,
                                     .receipt_handles = handles,
                                     .count = (uint32_t)got});
    mns_reply_free(&reply);
    return got;
}

static void read_queue(peer_t *peer, const char *queue, size_t count)
{
    while (count > 0)
        count -= take(peer, queue, count < BATCH_MAX ? count : BATCH_MAX);
}

int main(int argc, char **argv)
{
    static peer_t peer;
    if (argc < 7)
        die("usage: %s ENDPOINT KEY SECRET plain|base64 write|publish|read NAME [COUNT]", argv[0]);
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = argv[1],
                                    .access_key_id = argv[2],
                                    .access_key_secret = argv[3]};
    if (mns_client_create(&peer.client, &options) != MNS_OK)
        die("no client for %s", argv[1]);
    peer.base64 = strcmp(argv[4], "base64") == 0;
    const char *command = argv[5], *name = argv[6];
    if (strcmp(command, "write") == 0)
        write_queue(&peer, name);
    else if (strcmp(command, "publish") == 0)
        publish(&peer, name);
    else if (strcmp(command, "read") == 0 && argc == 8)
        read_queue(&peer, name, strtoul(argv[7], NULL, 10));
    else
        die("no such command: %s", command);
    mns_client_destroy(&peer.client);
    return 0;
}

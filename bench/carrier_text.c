/* carrier_text.c - redis pub/sub and NATS core as carriers, each with a lean client of our own on a
 * plain socket: no library of theirs makes them slower than they are. */
#include "carrier.h"
#include "peers.h"
#include "text_frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

static bool write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct text_pub {
    const text_protocol_t *protocol;
    int fd;
    sl_buf_t out;
} text_pub_t;

static void *pub_open(const carrier_plan_t *plan, const text_protocol_t *protocol)
{
    text_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    pub->protocol = protocol;
    pub->fd = peers_connect(plan->port);
    if (pub->fd >= 0 && write_all(pub->fd, protocol->hello, strlen(protocol->hello)))
        return pub;
    fprintf(stderr, "sluice-bench: %s: publisher: %s\n", protocol->name, strerror(errno));
    free(pub);
    return NULL;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    text_pub_t *pub = ctx;
    pub->protocol->put_publish(&pub->out, event->topic, event->data, event->len);
    return !pub->out.failed;
}

/* Answers are of no use here, but must be taken; a PING among them is answered. */
static bool take_answers(text_pub_t *pub)
{
    uint8_t answers[16384];
    for (;;) {
        ssize_t got = recv(pub->fd, answers, sizeof answers, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (got <= 0)
            return false;
        text_frame_t frame;
        if (pub->protocol->read(answers, (size_t)got, &frame) == TEXT_PING)
            sl_buf_append(&pub->out, pub->protocol->pong, strlen(pub->protocol->pong));
    }
}

static bool pub_flush(void *ctx)
{
    text_pub_t *pub = ctx;
    bool good = write_all(pub->fd, pub->out.data, pub->out.len);
    sl_buf_clear(&pub->out);
    good = take_answers(pub) && good;
    if (!good)
        fprintf(stderr, "sluice-bench: %s: the publisher was disconnected\n", pub->protocol->name);
    return good;
}

static uint64_t pub_close(void *ctx)
{
    text_pub_t *pub = ctx;
    pub_flush(pub);
    close(pub->fd);
    sl_buf_fini(&pub->out);
    free(pub);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct text_sub {
    const text_protocol_t *protocol;
    int fd;
    bool ready;
    size_t len; /* of `in` */
    uint8_t in[READ_BYTES];
} text_sub_t;

static void *sub_open(const carrier_plan_t *plan, int *fd, const text_protocol_t *protocol)
{
    text_sub_t *sub = malloc(sizeof *sub);
    sl_buf_t out = SL_BUF_INIT;
    if (sub == NULL)
        return NULL;
    sub->protocol = protocol;
    sub->ready = false;
    sub->len = 0;
    protocol->put_subscribe(&out, plan->topics, MIX_TOPICS);
    *fd = sub->fd = peers_connect(plan->port);
    bool good = sub->fd >= 0 && !out.failed && write_all(sub->fd, out.data, out.len);
    sl_buf_fini(&out);
    if (good)
        return sub;
    fprintf(stderr, "sluice-bench: %s: subscriber: %s\n", protocol->name, strerror(errno));
    free(sub);
    return NULL;
}

static bool sub_ready(const void *sub)
{
    return ((const text_sub_t *)sub)->ready;
}

/* Takes the whole frames out of the buffer.  @return false: there is no going on. */
static bool take_frames(text_sub_t *sub, const carrier_sink_t *sink)
{
    size_t at = 0;
    for (;;) {
        text_frame_t frame;
        text_kind_t kind = sub->protocol->read(sub->in + at, sub->len - at, &frame);
        if (kind == TEXT_PART)
            break;
        if (kind == TEXT_BAD)
            return false; /* it says why it is about to disconnect us */
        if (kind == TEXT_EVENT)
            sink->event(sink->ctx, frame.payload, frame.payload_len);
        else if (kind == TEXT_PING)
            write_all(sub->fd, sub->protocol->pong, strlen(sub->protocol->pong));
        else if (kind == TEXT_READY)
            sub->ready = true;
        at += frame.len;
    }
    memmove(sub->in, sub->in + at, sub->len - at);
    sub->len -= at;
    return sub->len < sizeof sub->in;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    text_sub_t *sub = ctx;
    for (;;) {
        ssize_t got = recv(sub->fd, sub->in + sub->len, sizeof sub->in - sub->len, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0)
            return false;
        sub->len += (size_t)got;
        if (!take_frames(sub, sink))
            return false;
    }
}

static void sub_close(void *ctx)
{
    text_sub_t *sub = ctx;
    close(sub->fd);
    free(sub);
}

/* -- the two -------------------------------------------------------------------------------- */

#define TEXT_CARRIER(protocol_name)                                            \
    static void *protocol_name##_pub_open(const carrier_plan_t *plan)          \
    {                                                                          \
        return pub_open(plan, &text_##protocol_name);                          \
    }                                                                          \
    static void *protocol_name##_sub_open(const carrier_plan_t *plan, int *fd) \
    {                                                                          \
        return sub_open(plan, fd, &text_##protocol_name);                      \
    }                                                                          \
    const carrier_ops_t carrier_##protocol_name = {                            \
        .name = #protocol_name,                                                \
        .pub_open = protocol_name##_pub_open,                                  \
        .pub_send = pub_send,                                                  \
        .pub_flush = pub_flush,                                                \
        .pub_close = pub_close,                                                \
        .sub_open = protocol_name##_sub_open,                                  \
        .sub_ready = sub_ready,                                                \
        .sub_drain = sub_drain,                                                \
        .sub_close = sub_close,                                                \
    };
TEXT_CARRIER(redis)
TEXT_CARRIER(nats)

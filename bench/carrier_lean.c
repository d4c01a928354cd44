/* carrier_lean.c - redis pub/sub, NATS core and MQTT as carriers, each with a lean client of our
 * own on a plain socket: no library of theirs makes them slower than they are. */
#include "carrier_servers.h"
#include "frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 * 1024,
    WRITE_BYTES = 32 * 1024, /* leave together, where nobody asks for less */
};

extern const carrier_ops_t carrier_mosquitto_lean;

/* One connection, a publisher's or a subscriber's. */
typedef struct lean {
    const frame_protocol_t *protocol;
    int fd;
    bool ready;
    sl_buf_t out;
    size_t len; /* of `in` */
    uint8_t in[READ_BYTES];
} lean_t;

static bool write_out(lean_t *lean)
{
    const uint8_t *at = lean->out.data, *end = at + lean->out.len;
    while (at < end) {
        ssize_t sent = send(lean->fd, at, (size_t)(end - at), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
    }
    sl_buf_clear(&lean->out);
    return true;
}

/* Takes the whole frames out of `in`.  @return false: there is no going on. */
static bool take_frames(lean_t *lean, const carrier_sink_t *sink)
{
    size_t at = 0;
    for (;;) {
        frame_t frame;
        frame_kind_t kind = lean->protocol->read(lean->in + at, lean->len - at, &frame);
        if (kind == FRAME_PART)
            break;
        if (kind == FRAME_BAD)
            return false; /* it says why it is about to disconnect us */
        if (kind == FRAME_EVENT)
            sink->event(sink->ctx, frame.payload, frame.payload_len);
        else if (kind == FRAME_PING)
            lean->protocol->put_pong(&lean->out);
        else if (kind == FRAME_READY)
            lean->ready = true;
        at += frame.len;
    }
    memmove(lean->in, lean->in + at, lean->len - at);
    lean->len -= at;
    return lean->len < sizeof lean->in;
}

/* Takes what is there.  @return false: it is disconnected. */
static bool take(lean_t *lean, const carrier_sink_t *sink)
{
    for (;;) {
        ssize_t got =
            recv(lean->fd, lean->in + lean->len, sizeof lean->in - lean->len, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0)
            return false;
        lean->len += (size_t)got;
        if (!take_frames(lean, sink))
            return false;
    }
}

static void close_lean(lean_t *lean)
{
    if (lean->fd >= 0)
        close(lean->fd);
    sl_buf_fini(&lean->out);
    free(lean);
}

/* @param subscribes  its first words are a subscriber's. */
static lean_t *open_lean(const carrier_plan_t *plan, bool subscribes)
{
    lean_t *lean = malloc(sizeof *lean);
    if (lean == NULL)
        return NULL;
    lean->protocol = plan->ops->detail;
    lean->ready = false;
    lean->out = SL_BUF_INIT;
    lean->len = 0;
    if (subscribes)
        lean->protocol->put_subscribe(&lean->out, plan->topics, MIX_TOPICS);
    else
        lean->protocol->put_hello(&lean->out);
    lean->fd = peers_connect(plan->port);
    if (lean->fd >= 0 && !lean->out.failed && write_out(lean))
        return lean;
    fprintf(stderr, "sluice-bench: %s: connecting: %s\n", lean->protocol->name, strerror(errno));
    close_lean(lean);
    return NULL;
}

/* -- publisher ------------------------------------------------------------------------------ */

static void *pub_open(const carrier_plan_t *plan)
{
    return open_lean(plan, false);
}

static bool told(const lean_t *lean, bool good)
{
    if (!good)
        fprintf(stderr, "sluice-bench: %s: the publisher was disconnected\n", lean->protocol->name);
    return good;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    lean_t *lean = ctx;
    lean->protocol->put_publish(&lean->out, event->topic, event->topic_len, event->data,
                                event->len);
    if (lean->out.failed)
        return false;
    return lean->out.len < WRITE_BYTES || told(lean, write_out(lean));
}

/* A publisher gets answers, and no events. */
static void no_event(void *ctx, const void *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
}

static bool pub_flush(void *ctx)
{
    static const carrier_sink_t nobody = {.event = no_event};
    lean_t *lean = ctx;
    return told(lean, write_out(lean) && take(lean, &nobody) && write_out(lean));
}

static uint64_t pub_close(void *ctx)
{
    pub_flush(ctx);
    close_lean(ctx);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    lean_t *lean = open_lean(plan, true);
    if (lean != NULL)
        *fd = lean->fd;
    return lean;
}

static bool sub_ready(const void *ctx)
{
    return ((const lean_t *)ctx)->ready;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    lean_t *lean = ctx;
    return take(lean, sink) && write_out(lean);
}

static void sub_close(void *ctx)
{
    close_lean(ctx);
}

/* -- the three ------------------------------------------------------------------------------ */

#define LEAN_CARRIER(server, protocol, promise, set) \
    const carrier_ops_t carrier_##server##_lean = {  \
        .name = #server "-lean",                     \
        .guarantee = promise,                        \
        .settings = set,                             \
        .detail = &(protocol),                       \
        .start = carrier_start_##server,             \
        .pub_open = pub_open,                        \
        .pub_send = pub_send,                        \
        .pub_flush = pub_flush,                      \
        .pub_close = pub_close,                      \
        .sub_open = sub_open,                        \
        .sub_ready = sub_ready,                      \
        .sub_drain = sub_drain,                      \
        .sub_close = sub_close,                      \
    };
LEAN_CARRIER(nats, frame_nats, CARRIER_NATS_GUARANTEE, CARRIER_NATS_SETTINGS)
LEAN_CARRIER(redis, frame_redis, CARRIER_REDIS_GUARANTEE, CARRIER_REDIS_SETTINGS)
LEAN_CARRIER(mosquitto, frame_mqtt, CARRIER_MOSQUITTO_GUARANTEE, CARRIER_MOSQUITTO_SETTINGS)

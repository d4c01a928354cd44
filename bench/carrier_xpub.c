/* carrier_xpub.c - raw ZeroMQ as a carrier: the publisher is an XPUB socket with libzmq's defaults,
 * each event a message of two frames, each subscriber a SUB socket. */
#include "carrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { ENDPOINT_BYTES = 64, EVENT_MAX = MIX_EVENT_MAX, FLUSH_LINGER_MS = 1000 };

#define MONITOR "inproc://monitor"

static void endpoint_of(const carrier_plan_t *plan, char out[ENDPOINT_BYTES])
{
    snprintf(out, ENDPOINT_BYTES, "tcp://127.0.0.1:%u", plan->port);
}

static void *shared_context(void)
{
    static void *context;
    if (context == NULL)
        context = zmq_ctx_new();
    return context;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct xpub {
    void *socket, *monitor;
    size_t wanted, subscribed;
    uint64_t disconnected;
} xpub_t;

static void destroy(xpub_t *pub)
{
    zmq_setsockopt(pub->socket, ZMQ_LINGER, &(int){FLUSH_LINGER_MS}, sizeof(int));
    zmq_close(pub->monitor);
    zmq_close(pub->socket);
    free(pub);
}

static void *pub_open(const carrier_plan_t *plan)
{
    xpub_t *pub = calloc(1, sizeof *pub);
    char endpoint[ENDPOINT_BYTES];
    if (pub == NULL)
        return NULL;
    endpoint_of(plan, endpoint);
    pub->wanted = plan->subs;
    pub->socket = zmq_socket(shared_context(), ZMQ_XPUB);
    pub->monitor = zmq_socket(shared_context(), ZMQ_PAIR);
    /* only to count them: each subscription is shown, not the first of a topic alone */
    zmq_setsockopt(pub->socket, ZMQ_XPUB_VERBOSE, &(int){1}, sizeof(int));
    if (zmq_socket_monitor(pub->socket, MONITOR, ZMQ_EVENT_DISCONNECTED) == 0 &&
        zmq_connect(pub->monitor, MONITOR) == 0 && zmq_bind(pub->socket, endpoint) == 0)
        return pub;
    fprintf(stderr, "sluice-bench: XPUB: %s\n", zmq_strerror(errno));
    destroy(pub);
    return NULL;
}

static bool pub_ready(void *ctx)
{
    xpub_t *pub = ctx;
    uint8_t message[64];
    int len;
    while ((len = zmq_recv(pub->socket, message, sizeof message, ZMQ_DONTWAIT)) >= 0)
        pub->subscribed += len > 0 && message[0] == 1;
    return pub->subscribed >= pub->wanted;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    xpub_t *pub = ctx;
    return zmq_send(pub->socket, event->topic, event->topic_len, ZMQ_SNDMORE) >= 0 &&
           zmq_send(pub->socket, event->data, event->len, 0) >= 0;
}

/* Each event of a monitor is two frames; the first begins with its number. */
static void count_disconnects(xpub_t *pub)
{
    uint8_t frame[64];
    while (zmq_recv(pub->monitor, frame, sizeof frame, ZMQ_DONTWAIT) >= 2) {
        uint16_t number;
        memcpy(&number, frame, sizeof number);
        pub->disconnected += number == ZMQ_EVENT_DISCONNECTED;
        zmq_recv(pub->monitor, frame, sizeof frame, 0);
    }
}

static bool pub_flush(void *ctx)
{
    count_disconnects(ctx);
    return true;
}

static uint64_t pub_close(void *ctx)
{
    xpub_t *pub = ctx;
    count_disconnects(pub);
    uint64_t disconnected = pub->disconnected;
    destroy(pub);
    return disconnected;
}

/* -- subscribers ---------------------------------------------------------------------------- */

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    void *sub = zmq_socket(shared_context(), ZMQ_SUB);
    char endpoint[ENDPOINT_BYTES];
    size_t size = sizeof *fd;
    endpoint_of(plan, endpoint);
    if (sub != NULL && zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0) == 0 &&
        zmq_connect(sub, endpoint) == 0 && zmq_getsockopt(sub, ZMQ_FD, fd, &size) == 0)
        return sub;
    fprintf(stderr, "sluice-bench: SUB: %s\n", zmq_strerror(errno));
    if (sub != NULL)
        zmq_close(sub);
    return NULL;
}

static bool sub_ready(const void *sub)
{
    (void)sub;
    return true; /* the publisher sees the subscriptions */
}

static bool sub_drain(void *sub, const carrier_sink_t *sink)
{
    uint8_t topic[256];
    static uint8_t event[EVENT_MAX];
    while (zmq_recv(sub, topic, sizeof topic, ZMQ_DONTWAIT) >= 0) {
        int len = zmq_recv(sub, event, sizeof event, 0);
        if (len >= 0)
            sink->event(sink->ctx, event, (size_t)len);
    }
    return true;
}

static void sub_close(void *sub)
{
    zmq_close(sub);
}

const carrier_ops_t carrier_xpub = {
    .name = "xpub",
    .pub_open = pub_open,
    .pub_ready = pub_ready,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

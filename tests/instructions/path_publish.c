/* path_publish.c - what a publisher on libsluice does for an event: into a batch, out to libzmq's
 * queue, and its receipt.
 *
 *     libsluice ==inproc==> a ROUTER that acknowledges whatever comes
 *
 * Not the broker: over inproc it would be handed the publisher's own memory, and keep it in its
 * journal, which it never does over a wire. */
#include "guard.h"

#include "mix.h"
#include "sluice.h"
#include "wire/feed.h"
#include "wire/intake.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { EVENT_BYTES = 320, TURNS_MAX = 10000, PATIENCE_MS = 600 * 1000, STREAM = 7, WINDOW = 1024 };

typedef struct outgoing {
    const char *topic;
    size_t topic_len;
    uint8_t id[WIRE_ID_BYTES];
    uint8_t bytes[EVENT_BYTES];
} outgoing_t;

typedef struct publish {
    guard_load_t load;
    mix_t *mix;
    void *context, *intake;
    sluice_pub_t *pub;
    outgoing_t *events; /* of a step */
    sl_buf_t answer;
    uint64_t sent, arrived, received;
} publish_t;

/* -- the intake ------------------------------------------------------------------------------ */

static void answer(publish_t *p, zmq_msg_t *route, const wire_intake_t *question)
{
    sl_buf_clear(&p->answer);
    if (question->type == WIRE_HELLO) {
        wire_put_welcome(&p->answer, STREAM, WINDOW, 1 << 20, WIRE_BATCH_EVENTS_MAX);
    } else {
        uint64_t first = p->arrived + 1;
        p->arrived += question->pub.count;
        wire_put_ack(&p->answer, question->request, first, p->arrived, question->pub.count, 0);
    }
    if (zmq_msg_send(route, p->intake, ZMQ_SNDMORE) < 0 ||
        zmq_send(p->intake, p->answer.data, p->answer.len, 0) < 0)
        guard_fail("an answer does not leave");
}

/* Takes one message and answers it.  @return false: there is none. */
static bool take_one(publish_t *p)
{
    zmq_msg_t route, head, rest;
    zmq_msg_init(&route);
    zmq_msg_init(&head);
    zmq_msg_init(&rest);
    bool came = zmq_msg_recv(&route, p->intake, ZMQ_DONTWAIT) >= 0;
    if (came) {
        wire_intake_t question;
        zmq_msg_recv(&head, p->intake, 0);
        for (bool more = zmq_msg_more(&head); more; more = zmq_msg_more(&rest))
            zmq_msg_recv(&rest, p->intake, 0);
        if (wire_intake_decode(&question, zmq_msg_data(&head), zmq_msg_size(&head)) != SL_OK)
            guard_fail("a request does not decode");
        answer(p, &route, &question);
    }
    zmq_msg_close(&route);
    zmq_msg_close(&head);
    zmq_msg_close(&rest);
    return came;
}

static void take_all(publish_t *p)
{
    while (take_one(p))
        continue;
}

/* -- opening --------------------------------------------------------------------------------- */

static void on_receipt(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    publish_t *p = ctx;
    for (size_t i = 0; i < count; i++)
        if (receipts[i].err != SLUICE_OK)
            guard_fail("an event is refused");
    p->received += count;
}

static void open_both(publish_t *p)
{
    static const char between[] = "inproc://intake";
    p->context = zmq_ctx_new();
    p->intake = zmq_socket(p->context, ZMQ_ROUTER);
    sluice_pub_options_t options = {.size = sizeof options,
                                    .intake = between,
                                    .on_receipt = on_receipt,
                                    .ctx = p,
                                    .ack_timeout_ms = PATIENCE_MS,
                                    .zmq_context = p->context};
    if (p->intake == NULL || zmq_bind(p->intake, between) != 0 ||
        sluice_pub_create(&p->pub, &options) != SLUICE_OK)
        guard_fail("no publisher");
}

static void await_welcome(publish_t *p)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    for (int i = 0; i < TURNS_MAX; i++) {
        take_all(p);
        sluice_pub_process(p->pub, 0);
        sluice_pub_stats(p->pub, &stats);
        if (stats.stream != 0)
            return;
    }
    guard_fail("the publisher does not get in");
}

static void *open_publish(const guard_load_t *load)
{
    publish_t *p = calloc(1, sizeof *p);
    if (p == NULL || mix_create(&p->mix, EVENT_BYTES, 1) != SL_OK ||
        (p->events = calloc((size_t)load->requests * load->events, sizeof *p->events)) == NULL)
        guard_fail("no memory");
    p->load = *load;
    open_both(p);
    await_welcome(p);
    return p;
}

static void close_publish(void *ctx)
{
    publish_t *p = ctx;
    sluice_pub_process(p->pub, 0);
    if (p->received != p->sent)
        guard_fail("events have no receipt");
    sluice_pub_destroy(&p->pub);
    zmq_close(p->intake);
    zmq_ctx_term(p->context);
    mix_destroy(&p->mix);
    sl_buf_fini(&p->answer);
    free(p->events);
    free(p);
}

/* -- a step ---------------------------------------------------------------------------------- */

static void bring(void *ctx)
{
    publish_t *p = ctx;
    outgoing_t *out = p->events;
    for (uint32_t r = 0; r < p->load.requests; r++)
        for (uint32_t i = 0; i < p->load.events; i++, out++) {
            mix_event_t event;
            mix_next_on(p->mix, r % MIX_TOPICS, &event);
            out->topic = event.topic;
            out->topic_len = event.topic_len;
            memcpy(out->id, event.id, sizeof out->id);
            memcpy(out->bytes, event.data, sizeof out->bytes);
        }
}

/* The answers to what was sent in the step before come first. */
static void step(void *ctx)
{
    publish_t *p = ctx;
    const outgoing_t *out = p->events;
    sluice_pub_process(p->pub, 0);
    for (uint32_t r = 0; r < p->load.requests; r++) {
        for (uint32_t i = 0; i < p->load.events; i++, out++)
            if (sluice_pub_send(p->pub, out->topic, out->topic_len, out->bytes, sizeof out->bytes,
                                out->id, NULL) != SLUICE_OK)
                guard_fail("an event is not taken");
        sluice_pub_flush(p->pub);
    }
}

static void clear(void *ctx)
{
    publish_t *p = ctx;
    if (p->received != p->sent)
        guard_fail("events have no receipt");
    p->sent += (uint64_t)p->load.requests * p->load.events;
    take_all(p);
    if (p->arrived != p->sent)
        guard_fail("events were sent that did not arrive");
}

const guard_ops_t guard_publish = {
    .open = open_publish, .bring = bring, .step = step, .clear = clear, .close = close_publish};

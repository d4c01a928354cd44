/* carrier_packed.c - any carrier with batches of events as its messages: what does it cost when the
 * system's price of a message is shared by many events, as ours shares it?
 *
 *     pub_send -> the topic's pack -> full, or flushed -> one message of the inner carrier
 *     one message of the inner carrier -> pack_split -> the sink, event by event */
#include "carrier.h"
#include "pack.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 16, NAME_BYTES = 32, TOPIC_BYTES = 160 };

static const carrier_ops_t *inner_of(const carrier_plan_t *plan)
{
    return plan->ops->detail;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct topic_pack {
    pack_t pack;
    char topic[TOPIC_BYTES];
    size_t topic_len;
    uint8_t id[16]; /* of its first event, and so the message's own */
} topic_pack_t;

typedef struct packed_pub {
    const carrier_ops_t *inner;
    void *pub;
    size_t limit;
    topic_pack_t topics[MIX_TOPICS];
    size_t topic_count;
    sl_buf_t message;
} packed_pub_t;

static void *pub_open(const carrier_plan_t *plan)
{
    packed_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    carrier_plan_t inner = *plan;
    inner.ops = pub->inner = inner_of(plan);
    pub->limit = plan->pack_bytes > 0 ? plan->pack_bytes : CARRIER_PACK_BYTES;
    pub->pub = pub->inner->pub_open(&inner);
    if (pub->pub != NULL)
        return pub;
    free(pub);
    return NULL;
}

static bool pub_ready(void *ctx)
{
    packed_pub_t *pub = ctx;
    return pub->inner->pub_ready == NULL || pub->inner->pub_ready(pub->pub);
}

static topic_pack_t *pack_of(packed_pub_t *pub, const mix_event_t *event)
{
    for (size_t i = 0; i < pub->topic_count; i++) {
        topic_pack_t *at = &pub->topics[i];
        if (at->topic_len == event->topic_len &&
            memcmp(at->topic, event->topic, event->topic_len) == 0)
            return at;
    }
    assert(pub->topic_count < MIX_TOPICS && event->topic_len < TOPIC_BYTES);
    topic_pack_t *fresh = &pub->topics[pub->topic_count++];
    memcpy(fresh->topic, event->topic, event->topic_len);
    fresh->topic_len = event->topic_len;
    return fresh;
}

static bool send_pack(packed_pub_t *pub, topic_pack_t *at)
{
    sl_buf_clear(&pub->message);
    if (!pack_seal(&at->pack, &pub->message))
        return false;
    mix_event_t message = {.topic = at->topic,
                           .topic_len = at->topic_len,
                           .data = pub->message.data,
                           .len = pub->message.len};
    memcpy(message.id, at->id, sizeof message.id);
    return pub->inner->pub_send(pub->pub, &message);
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    packed_pub_t *pub = ctx;
    topic_pack_t *at = pack_of(pub, event);
    if (at->pack.count > 0 && at->pack.events.len + event->len > pub->limit && !send_pack(pub, at))
        return false;
    if (at->pack.count == 0)
        memcpy(at->id, event->id, sizeof at->id);
    return pack_add(&at->pack, event->data, event->len);
}

static bool pub_turn(void *ctx)
{
    packed_pub_t *pub = ctx;
    return pub->inner->pub_turn == NULL || pub->inner->pub_turn(pub->pub);
}

static bool pub_flush(void *ctx)
{
    packed_pub_t *pub = ctx;
    for (size_t i = 0; i < pub->topic_count; i++)
        if (pub->topics[i].pack.count > 0 && !send_pack(pub, &pub->topics[i]))
            return false;
    return pub->inner->pub_flush(pub->pub);
}

static uint64_t pub_close(void *ctx)
{
    packed_pub_t *pub = ctx;
    pub_flush(pub);
    uint64_t disconnected = pub->inner->pub_close(pub->pub);
    for (size_t i = 0; i < pub->topic_count; i++)
        pack_fini(&pub->topics[i].pack);
    sl_buf_fini(&pub->message);
    free(pub);
    return disconnected;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct packed_sub {
    const carrier_ops_t *inner;
    void *sub;
    carrier_sink_t sink; /* where the events go */
} packed_sub_t;

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    packed_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    carrier_plan_t inner = *plan;
    inner.ops = sub->inner = inner_of(plan);
    sub->sub = sub->inner->sub_open(&inner, fd);
    if (sub->sub != NULL)
        return sub;
    free(sub);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    const packed_sub_t *sub = ctx;
    return sub->inner->sub_ready(sub->sub);
}

static void on_message(void *ctx, const void *data, size_t len)
{
    const carrier_sink_t *sink = ctx;
    if (!pack_split(data, len, sink->event, sink->ctx))
        sink->fault(sink->ctx);
}

static void on_fault(void *ctx)
{
    const carrier_sink_t *sink = ctx;
    sink->fault(sink->ctx);
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    packed_sub_t *sub = ctx;
    const carrier_sink_t splitting = {.ctx = &sub->sink, .event = on_message, .fault = on_fault};
    if (sub->sink.event == NULL) /* the same for its whole life */
        sub->sink = *sink;
    return sub->inner->sub_drain(sub->sub, &splitting);
}

static void sub_close(void *ctx)
{
    packed_sub_t *sub = ctx;
    sub->inner->sub_close(sub->sub);
    free(sub);
}

/* -- the carriers --------------------------------------------------------------------------- */

static carrier_ops_t pack_up(const carrier_ops_t *inner, const char *name)
{
    carrier_ops_t packed = *inner; /* its server, its limits, what it promises */
    packed.name = name;
    packed.detail = inner;
    packed.pub_open = pub_open;
    packed.pub_ready = pub_ready;
    packed.pub_send = pub_send;
    packed.pub_turn = pub_turn;
    packed.pub_flush = pub_flush;
    packed.pub_close = pub_close;
    packed.sub_open = sub_open;
    packed.sub_ready = sub_ready;
    packed.sub_drain = sub_drain;
    packed.sub_close = sub_close;
    return packed;
}

const carrier_ops_t *carrier_packed(const carrier_ops_t *inner)
{
    static carrier_ops_t packed[KINDS_MAX];
    static char names[KINDS_MAX][NAME_BYTES];
    size_t i = 0;
    while (carriers[i] != inner) {
        assert(carriers[i] != NULL);
        i++;
    }
    assert(i < KINDS_MAX);
    if (packed[i].name == NULL) {
        snprintf(names[i], sizeof names[i], "%s-packed", inner->name);
        packed[i] = pack_up(inner, names[i]);
    }
    return &packed[i];
}

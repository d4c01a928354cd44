/* path_client.c - what a subscriber does for an event.
 *
 *     check   a batch's header is decoded, its sum held against its bytes, the batch against what
 *             was had before, and its events are told apart; a tick follows the batches.  The parts
 *             of libsluice alone, without a socket
 *     next    the same through sluice.h, as a user would: from libzmq's queue to one event after
 *             the other, three fields of each looked up */
#include "chain.h"

#include "sub_state.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM = 7, EVENT_BYTES = 320, HOLD_BYTES = 1 << 20 };

/* -- check ----------------------------------------------------------------------------------- */

typedef struct sent {
    size_t topic;
    sl_buf_t header;
    sub_batch_t batch; /* as it is received */
} sent_t;

typedef struct check {
    guard_load_t load;
    mix_t *mix;
    sub_state_t state;
    sl_buf_t bodies[MIX_TOPICS], ends;
    uint64_t last[MIX_TOPICS], next;
    sent_t *sent; /* one a request */
    sl_buf_t tails;
    uint64_t bytes; /* of the events that were told apart */
} check_t;

static wire_feed_header_t tick_of(check_t *c)
{
    sl_buf_clear(&c->tails);
    wire_tails_begin(&c->tails, MIX_TOPICS);
    for (size_t t = 0; t < MIX_TOPICS; t++) {
        const char *name = mix_topic(c->mix, t);
        wire_tails_put(&c->tails, name, strlen(name), c->last[t]);
    }
    return (wire_feed_header_t){.stream = STREAM, .first = c->next};
}

static void take_tick(check_t *c, bool sync)
{
    wire_feed_header_t header = tick_of(c);
    if (sub_state_tick(&c->state, &header, c->tails.data, c->tails.len, sync) != SL_OK)
        guard_fail("a tick is refused");
}

static void make_bodies(check_t *c)
{
    for (uint32_t i = 0; i < c->load.events; i++) {
        uint8_t end[4];
        for (size_t t = 0; t < MIX_TOPICS; t++) {
            mix_event_t event;
            mix_next_on(c->mix, t, &event);
            sl_buf_append(&c->bodies[t], event.data, event.len);
        }
        wire_put_end(end, (i + 1) * EVENT_BYTES);
        sl_buf_append(&c->ends, end, sizeof end);
    }
}

static void *open_check(const guard_load_t *load)
{
    check_t *c = calloc(1, sizeof *c);
    sub_rules_t rules = {.repair = true, .hold_bytes = HOLD_BYTES};
    if (c == NULL || (c->sent = calloc(load->requests, sizeof *c->sent)) == NULL ||
        mix_create(&c->mix, EVENT_BYTES, 1) != SL_OK || sub_state_init(&c->state, &rules) != SL_OK)
        guard_fail("no memory");
    c->load = *load;
    c->next = 1;
    make_bodies(c);
    take_tick(c, true);
    return c;
}

static void close_check(void *ctx)
{
    check_t *c = ctx;
    sub_state_fini(&c->state);
    mix_destroy(&c->mix);
    for (uint32_t i = 0; i < c->load.requests; i++)
        sl_buf_fini(&c->sent[i].header);
    for (size_t t = 0; t < MIX_TOPICS; t++)
        sl_buf_fini(&c->bodies[t]);
    sl_buf_fini(&c->ends);
    sl_buf_fini(&c->tails);
    free(c->sent);
    free(c);
}

/* The batches of a step, as a broker would number and encode them. */
static void bring_batches(void *ctx)
{
    check_t *c = ctx;
    for (uint32_t i = 0; i < c->load.requests; i++) {
        sent_t *sent = &c->sent[i];
        size_t t = sent->topic = i % MIX_TOPICS;
        const char *name = mix_topic(c->mix, t);
        wire_feed_header_t header = {.stream = STREAM,
                                     .prev = c->last[t],
                                     .first = c->next,
                                     .count = c->load.events,
                                     .time_ns = c->next,
                                     .ends = c->ends.data};
        sl_buf_clear(&sent->header);
        wire_feed_encode(&sent->header, &header, name, strlen(name), c->bodies[t].data,
                         c->bodies[t].len);
        c->next += c->load.events;
        c->last[t] = c->next - 1;
    }
}

static void take_batch(check_t *c, sent_t *sent)
{
    sub_verdict_t verdict;
    sl_err err;
    const sl_buf_t *body = &c->bodies[sent->topic];
    const char *name = mix_topic(c->mix, sent->topic);
    size_t len = strlen(name);
    sub_batch_t *batch = &sent->batch;
    sub_state_settle(&c->state);
    if (sub_state_next(&c->state, &verdict) != NULL)
        guard_fail("a batch is held");
    batch->topic = sub_state_topic(&c->state, name, len, &err);
    if (batch->topic == NULL ||
        wire_feed_decode(&batch->header, sent->header.data, sent->header.len, name, len, body->data,
                         body->len) != SL_OK)
        guard_fail("a batch does not decode");
    batch->bytes = body->len;
    if (sub_state_batch(&c->state, batch, &verdict) != SL_OK || verdict != SUB_DELIVER ||
        batch->skip != 0)
        guard_fail("a batch is not delivered");
    for (uint32_t i = 0, begin = 0; i < batch->header.count; i++) {
        uint32_t end = wire_end(batch->header.ends, i);
        c->bytes += end - begin;
        begin = end;
    }
}

static void step_check(void *ctx)
{
    check_t *c = ctx;
    for (uint32_t i = 0; i < c->load.requests; i++)
        take_batch(c, &c->sent[i]);
    take_tick(c, false);
}

static void clear_check(void *ctx)
{
    check_t *c = ctx;
    if (c->state.gaps != 0 || c->state.reached != c->next - 1 ||
        c->bytes != (c->next - 1) * EVENT_BYTES)
        guard_fail("not every event was had");
}

const guard_ops_t guard_check = {.open = open_check,
                                 .bring = bring_batches,
                                 .step = step_check,
                                 .clear = clear_check,
                                 .close = close_check};

/* -- next ------------------------------------------------------------------------------------ */

static void *open_next(const guard_load_t *load)
{
    return chain_open(load);
}

static void close_next(void *ctx)
{
    chain_close(ctx);
}

static void bring_events(void *ctx)
{
    chain_publish(ctx);
    chain_turn(ctx);
    chain_take_acks(ctx);
}

static void look_up(const sluice_item_t *item)
{
    static const char *const fields[] = {"Event", "State", "id"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        sluice_value_t value;
        if (sluice_event_get(item->data, item->len, fields[i], &value) != SLUICE_OK ||
            value.type != SLUICE_STR)
            guard_fail("an event lacks a field");
    }
}

static void step_next(void *ctx)
{
    chain_t *c = ctx;
    uint32_t events = c->load.requests * c->load.events;
    for (uint32_t i = 0; i < events; i++) {
        sluice_item_t item;
        if (sluice_sub_next(c->sub, &item, 0) != SLUICE_OK || item.kind != SLUICE_ITEM_EVENT)
            guard_fail("an event did not come");
        look_up(&item);
    }
}

static void clear_next(void *ctx)
{
    if (chain_read(ctx) != 0)
        guard_fail("more events came than were published");
}

const guard_ops_t guard_next = {.open = open_next,
                                .bring = bring_events,
                                .step = step_next,
                                .clear = clear_next,
                                .close = close_next};

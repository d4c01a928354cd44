/* carrier_sluice.c - sluice-broker as a carrier: libsluice on both sides, repair on. */
#include "carrier.h"

#include "sluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    DRAIN_TIMEOUT_MS = 10000,
    LINGER_US = 5000, /* as the bridge: batches fill up, or leave with the next flush */
};

static bool sound(sluice_err err, const char *who)
{
    if (err == SLUICE_OK || err == SLUICE_EAGAIN)
        return true;
    fprintf(stderr, "sluice-bench: %s: %s\n", who, sluice_err_text(err));
    return false;
}

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    const broker_setup_t broker = {
        .transport = setup->transport, .durability = setup->durability, .more = setup->broker_args};
    sl_err err = daemons_start_broker(setup->set, setup->place, &broker, &server->broker);
    server->proc = server->broker.proc;
    snprintf(server->version, sizeof server->version, "sluice-broker %s", sluice_version());
    memcpy(plan->intake, server->broker.intake, sizeof plan->intake);
    memcpy(plan->feed, server->broker.feed, sizeof plan->feed);
    memcpy(plan->query, server->broker.query, sizeof plan->query);
    return err;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct publisher {
    sluice_pub_t *pub;
    bool single; /* each event is sent at once; what batches there are form in libsluice */
} publisher_t;

static void *pub_open(const carrier_plan_t *plan)
{
    char name[32];
    publisher_t *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->single = plan->single;
    snprintf(name, sizeof name, "sluice-bench-%u", plan->publisher);
    const sluice_pub_options_t options = {.size = sizeof options,
                                          .intake = plan->intake,
                                          .name = name,
                                          .batch_bytes = plan->batch_bytes,
                                          .linger_us = plan->single ? 0 : LINGER_US};
    if (sound(sluice_pub_create(&p->pub, &options), "publisher"))
        return p;
    free(p);
    return NULL;
}

static bool pub_turn(void *ctx)
{
    const publisher_t *p = ctx;
    return sound(sluice_pub_process(p->pub, 0), "publisher");
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    const publisher_t *p = ctx;
    sluice_err err;
    while ((err = sluice_pub_send(p->pub, event->topic, event->topic_len, event->data, event->len,
                                  event->id, NULL)) == SLUICE_EAGAIN)
        sluice_pub_process(p->pub, 1);
    return sound(err, "publisher") && (!p->single || pub_turn(ctx));
}

static bool pub_flush(void *ctx)
{
    const publisher_t *p = ctx;
    return sound(sluice_pub_flush(p->pub), "publisher") && pub_turn(ctx);
}

static uint64_t pub_close(void *ctx)
{
    publisher_t *p = ctx;
    sound(sluice_pub_drain(p->pub, DRAIN_TIMEOUT_MS), "publisher");
    sluice_pub_destroy(&p->pub);
    free(p);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

/* One context for all subscribers of a process, so that they share its I/O thread. */
static void *shared_context(void)
{
    static void *context;
    if (context == NULL)
        context = zmq_ctx_new();
    return context;
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    sluice_sub_t *sub = NULL;
    if (!sound(sluice_sub_create(&sub, &(sluice_sub_options_t){.size = sizeof(sluice_sub_options_t),
                                                               .feed = plan->feed,
                                                               .query = plan->query,
                                                               .zmq_context = shared_context()}),
               "subscriber"))
        return NULL;
    *fd = sluice_sub_fd(sub);
    return sub;
}

static bool sub_ready(const void *sub)
{
    return sluice_sub_joined(sub);
}

static uint32_t end_of(const uint8_t *ends, uint32_t i)
{
    const uint8_t *at = ends + (size_t)4 * i;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void take_batch(const sluice_item_t *item, const carrier_sink_t *sink)
{
    const uint8_t *data = item->data;
    uint32_t begin = 0;
    for (uint32_t i = 0; i < item->count; i++) {
        uint32_t end = end_of(item->ends, i);
        sink->event(sink->ctx, data + begin, end - begin);
        begin = end;
    }
}

static bool sub_drain(void *sub, const carrier_sink_t *sink)
{
    sluice_item_t item;
    sluice_err err;
    while ((err = sluice_sub_next_batch(sub, &item, 0)) != SLUICE_EAGAIN) {
        if (err == SLUICE_OK && item.kind == SLUICE_ITEM_EVENT)
            take_batch(&item, sink);
        else if (err != SLUICE_OK || item.kind == SLUICE_ITEM_LOST)
            sink->fault(sink->ctx);
        if (err != SLUICE_OK && err != SLUICE_EPROTO && err != SLUICE_EVERSION)
            return sound(err, "subscriber");
    }
    return true;
}

static void sub_close(void *ctx)
{
    sluice_sub_t *sub = ctx;
    sluice_sub_destroy(&sub);
}

const carrier_ops_t carrier_sluice = {
    .name = "sluice",
    .guarantee = "acknowledged once journalled at the durability given, each event once; what a "
                 "subscriber misses it finds and replays, or is told the range that is gone",
    .settings =
        "ids and dedup on, repair on; publishers linger 5 ms, those of single events not at all",
    .ipc = true,
    .keeps = true,
    .start = start,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_turn = pub_turn,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

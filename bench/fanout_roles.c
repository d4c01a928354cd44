#include "fanout.h"

#include "bench.h"
#include "mix.h"
#include "sluice.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    CHUNK_EVENTS = 512, /* sent between two looks at the window */
    HELD_NAP_US = 100,
    LINGER_US = 5000, /* as the bridge: batches fill up, or leave when the publisher is held */
    DRAIN_TIMEOUT_MS = 10000,
    SUB_WAIT_MS = 100,
    PREFILL_EVENT_BYTES = 16384,
    PREFILL_PUBLISHER = 1 << 16, /* its events are nobody else's */
};

void fanout_plan_connect(fanout_plan_t *plan, const broker_daemon_t *broker)
{
    memcpy(plan->intake, broker->intake, sizeof plan->intake);
    memcpy(plan->feed, broker->feed, sizeof plan->feed);
    memcpy(plan->query, broker->query, sizeof plan->query);
}

uint64_t fanout_published(const fanout_plan_t *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->setup.publishers; i++)
        sum += share_get(&fanout_pub_slot(plan, i)->events);
    return sum;
}

uint64_t fanout_slowest(const fanout_plan_t *plan)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < plan->setup.subs; i++) {
        uint64_t events = share_get(&fanout_sub_slot(plan, i)->events);
        least = events < least ? events : least;
    }
    return least;
}

static bool stopping(const fanout_plan_t *plan, uint32_t stage)
{
    return atomic_load_explicit(&plan->share->stop, memory_order_acquire) >= stage;
}

/* -- publisher ------------------------------------------------------------------------------ */

static bool window_has_room(const fanout_plan_t *plan, uint64_t events)
{
    return fanout_published(plan) + events <= fanout_slowest(plan) + plan->setup.window;
}

/* Waits until half of the window is free, as a sender of bytes does: else the batches would be as
 * small as the slowest subscriber's steps. */
static void hold(const fanout_plan_t *plan, share_slot_t *slot, sluice_pub_t *pub)
{
    uint64_t begin_ns = bench_now_ns();
    sluice_pub_flush(pub);
    while (!window_has_room(plan, plan->setup.window / 2) &&
           !stopping(plan, FANOUT_STOP_PUBLISHERS)) {
        sluice_pub_process(pub, 0);
        nanosleep(&(struct timespec){.tv_nsec = HELD_NAP_US * 1000}, NULL);
    }
    share_add(&slot->held_ns, bench_now_ns() - begin_ns);
}

/* Sends the next `count` events of the mix.  @param bytes  theirs are added. */
static sluice_err send_events(sluice_pub_t *pub, mix_t *mix, uint64_t count, uint64_t *bytes)
{
    for (uint64_t i = 0; i < count; i++) {
        mix_event_t event;
        mix_next(mix, &event);
        sluice_err err;
        while ((err = sluice_pub_send(pub, event.topic, event.topic_len, event.data, event.len,
                                      event.id, NULL)) == SLUICE_EAGAIN)
            sluice_pub_process(pub, 1);
        if (err != SLUICE_OK)
            return err;
        *bytes += event.len;
    }
    sluice_err err = sluice_pub_process(pub, 0);
    return err == SLUICE_EAGAIN ? SLUICE_OK : err;
}

/* Sends one chunk.  The events are counted before they leave, so that the window never lies. */
static sluice_err send_chunk(share_slot_t *slot, sluice_pub_t *pub, mix_t *mix)
{
    uint64_t bytes = 0;
    share_add(&slot->events, CHUNK_EVENTS);
    sluice_err err = send_events(pub, mix, CHUNK_EVENTS, &bytes);
    share_add(&slot->bytes, bytes);
    return err;
}

static sluice_err publish_all(const fanout_plan_t *plan, share_slot_t *slot, sluice_pub_t *pub,
                              mix_t *mix)
{
    while (!stopping(plan, FANOUT_STOP_PUBLISHERS)) {
        if (!window_has_room(plan, CHUNK_EVENTS))
            hold(plan, slot, pub);
        sluice_err err = send_chunk(slot, pub, mix);
        if (err != SLUICE_OK)
            return err;
    }
    return sluice_pub_drain(pub, DRAIN_TIMEOUT_MS);
}

static sluice_err open_publisher(const fanout_plan_t *plan, uint32_t batch_bytes,
                                 uint32_t batch_events, sluice_pub_t **pub)
{
    return sluice_pub_create(pub, &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                          .intake = plan->intake,
                                                          .name = "sluice-bench",
                                                          .batch_bytes = batch_bytes,
                                                          .batch_events = batch_events,
                                                          .linger_us = LINGER_US});
}

/* Ends a publisher.  @return its exit status. */
static int close_publisher(sluice_pub_t **pub, share_slot_t *slot, sluice_err err)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(*pub, &stats);
    share_add(&slot->faults, stats.duplicate_events + stats.refused_events);
    if (err != SLUICE_OK)
        fprintf(stderr, "sluice-bench: publisher: %s; %llu events without an answer\n",
                sluice_err_text(err), (unsigned long long)stats.pending_events);
    sluice_pub_destroy(pub);
    return err == SLUICE_OK ? 0 : 1;
}

int fanout_publish(void *ctx, size_t publisher)
{
    const fanout_plan_t *plan = ctx;
    const fanout_setup_t *setup = &plan->setup;
    share_slot_t *slot = fanout_pub_slot(plan, publisher);
    mix_t *mix;
    sluice_pub_t *pub;
    if (mix_create_with(&mix, &(mix_options_t){.event_bytes = setup->event_bytes,
                                               .publisher = (uint32_t)publisher,
                                               .topics = setup->topics,
                                               .in_a_row = setup->batch_events}) != SL_OK) {
        fprintf(stderr, "sluice-bench: publisher: no such events can be made\n");
        return 1;
    }
    sluice_err err = open_publisher(plan, setup->batch_bytes, setup->batch_events, &pub);
    int status = 1;
    if (err == SLUICE_OK)
        status = close_publisher(&pub, slot, publish_all(plan, slot, pub, mix));
    else
        fprintf(stderr, "sluice-bench: publisher: %s\n", sluice_err_text(err));
    mix_destroy(&mix);
    return status;
}

int fanout_prefill(void *ctx, size_t index)
{
    const fanout_plan_t *plan = ctx;
    uint64_t left = plan->setup.prefill_bytes / PREFILL_EVENT_BYTES, bytes = 0;
    mix_t *mix;
    sluice_pub_t *pub;
    if (mix_create(&mix, PREFILL_EVENT_BYTES, PREFILL_PUBLISHER + (uint32_t)index) != SL_OK)
        return 1;
    sluice_err err = open_publisher(plan, 0, 0, &pub);
    int status = 1;
    if (err == SLUICE_OK) {
        for (uint64_t count; left > 0 && err == SLUICE_OK; left -= count) {
            count = left < CHUNK_EVENTS ? left : CHUNK_EVENTS;
            err = send_events(pub, mix, count, &bytes);
        }
        if (err == SLUICE_OK)
            err = sluice_pub_drain(pub, DRAIN_TIMEOUT_MS);
        status = close_publisher(&pub, fanout_pub_slot(plan, 0), err);
    }
    mix_destroy(&mix);
    return status;
}

/* -- subscriber ----------------------------------------------------------------------------- */

/* What a subscriber wants to know of an event; the last one not every event has. */
static bool decode(const sluice_item_t *item)
{
    static const char *const fields[] = {"id", "time", "State"};
    enum { FIELDS = sizeof fields / sizeof fields[0], REQUIRED = FIELDS - 1 };
    for (size_t i = 0; i < FIELDS; i++) {
        sluice_value_t value;
        sluice_err err = sluice_event_get(item->data, item->len, fields[i], &value);
        if (err != SLUICE_OK && (err != SLUICE_ENOENT || i < REQUIRED))
            return false;
    }
    return true;
}

static void count_item(const fanout_plan_t *plan, share_slot_t *slot, const sluice_item_t *item)
{
    if (item->kind != SLUICE_ITEM_EVENT) {
        share_add(&slot->faults, item->kind == SLUICE_ITEM_LOST);
        return;
    }
    if (plan->setup.read == FANOUT_READ_DECODE)
        share_add(&slot->faults, !decode(item));
    uint64_t last = item->number + item->count - 1;
    share_add(&slot->number_sum, (item->number + last) * item->count / 2);
    share_add(&slot->bytes, item->len);
    share_add(&slot->events, item->count);
}

static sluice_err next_item(const fanout_plan_t *plan, sluice_sub_t *sub, sluice_item_t *item)
{
    return plan->setup.read == FANOUT_READ_BATCH ? sluice_sub_next_batch(sub, item, SUB_WAIT_MS)
                                                 : sluice_sub_next(sub, item, SUB_WAIT_MS);
}

static sluice_err count_all(const fanout_plan_t *plan, share_slot_t *slot, sluice_sub_t *sub)
{
    while (!stopping(plan, FANOUT_STOP_SUBSCRIBERS)) {
        sluice_item_t item;
        sluice_err err = next_item(plan, sub, &item);
        if (err == SLUICE_OK)
            count_item(plan, slot, &item);
        else if (err != SLUICE_EAGAIN && err != SLUICE_EPROTO)
            return err;
        if (sluice_sub_joined(sub))
            atomic_store_explicit(&slot->ready, 1, memory_order_release);
    }
    return SLUICE_OK;
}

int fanout_subscribe(void *ctx, size_t index)
{
    const fanout_plan_t *plan = ctx;
    share_slot_t *slot = fanout_sub_slot(plan, index);
    sluice_sub_t *sub;
    sluice_err err = sluice_sub_create(
        &sub, &(sluice_sub_options_t){
                  .size = sizeof(sluice_sub_options_t), .feed = plan->feed, .query = plan->query});
    if (err == SLUICE_OK)
        err = count_all(plan, slot, sub);
    if (err != SLUICE_OK) {
        fprintf(stderr, "sluice-bench: subscriber %zu: %s\n", index, sluice_err_text(err));
        return 1;
    }
    sluice_sub_stats_t stats = {.size = sizeof stats};
    sluice_sub_stats(sub, &stats);
    share_add(&slot->faults, stats.malformed + stats.unknown_version);
    share_add(&slot->repairs, stats.replays);
    sluice_sub_destroy(&sub);
    return 0;
}

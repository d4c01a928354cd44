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
    for (size_t i = 0; i < plan->publishers; i++)
        sum += share_get(&fanout_pub_slot(plan, i)->events);
    return sum;
}

uint64_t fanout_slowest(const fanout_plan_t *plan)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < plan->subs; i++) {
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
    return fanout_published(plan) + events <= fanout_slowest(plan) + plan->window;
}

/* Waits until half of the window is free, as a sender of bytes does: else the batches would be as
 * small as the slowest subscriber's steps. */
static void hold(const fanout_plan_t *plan, share_slot_t *slot, sluice_pub_t *pub)
{
    uint64_t begin_ns = bench_now_ns();
    sluice_pub_flush(pub);
    while (!window_has_room(plan, plan->window / 2) && !stopping(plan, FANOUT_STOP_PUBLISHERS)) {
        sluice_pub_process(pub, 0);
        nanosleep(&(struct timespec){.tv_nsec = HELD_NAP_US * 1000}, NULL);
    }
    share_add(&slot->held_ns, bench_now_ns() - begin_ns);
}

/* Sends one chunk.  The events are counted before they leave, so that the window never lies. */
static sluice_err send_chunk(share_slot_t *slot, sluice_pub_t *pub, mix_t *mix)
{
    share_add(&slot->events, CHUNK_EVENTS);
    for (int i = 0; i < CHUNK_EVENTS; i++) {
        mix_event_t event;
        mix_next(mix, &event);
        sluice_err err;
        while ((err = sluice_pub_send(pub, event.topic, event.topic_len, event.data, event.len,
                                      event.id, NULL)) == SLUICE_EAGAIN)
            sluice_pub_process(pub, 1);
        if (err != SLUICE_OK)
            return err;
    }
    sluice_err err = sluice_pub_process(pub, 0);
    return err == SLUICE_EAGAIN ? SLUICE_OK : err;
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

int fanout_publish(void *ctx, size_t publisher)
{
    const fanout_plan_t *plan = ctx;
    share_slot_t *slot = fanout_pub_slot(plan, publisher);
    mix_t *mix;
    sluice_pub_t *pub;
    if (mix_create(&mix, plan->event_bytes, (uint32_t)publisher) != SL_OK)
        return 1;
    sluice_err err =
        sluice_pub_create(&pub, &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                        .intake = plan->intake,
                                                        .name = "sluice-bench",
                                                        .batch_bytes = plan->batch_bytes,
                                                        .linger_us = LINGER_US});
    if (err != SLUICE_OK) {
        fprintf(stderr, "sluice-bench: publisher: %s\n", sluice_err_text(err));
        mix_destroy(&mix);
        return 1;
    }
    err = publish_all(plan, slot, pub, mix);
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(pub, &stats);
    share_add(&slot->bytes, stats.sent_events * mix_event_bytes(mix));
    share_add(&slot->faults, stats.duplicate_events + stats.refused_events);
    if (err != SLUICE_OK)
        fprintf(stderr, "sluice-bench: publisher: %s; %llu events without an answer\n",
                sluice_err_text(err), (unsigned long long)stats.pending_events);
    sluice_pub_destroy(&pub);
    mix_destroy(&mix);
    return err == SLUICE_OK ? 0 : 1;
}

/* -- subscriber ----------------------------------------------------------------------------- */

static void count_item(share_slot_t *slot, const sluice_item_t *item)
{
    if (item->kind != SLUICE_ITEM_EVENT) {
        share_add(&slot->faults, item->kind == SLUICE_ITEM_LOST);
        return;
    }
    uint64_t last = item->number + item->count - 1;
    share_add(&slot->number_sum, (item->number + last) * item->count / 2);
    share_add(&slot->bytes, item->len);
    share_add(&slot->events, item->count);
}

static sluice_err next_item(const fanout_plan_t *plan, sluice_sub_t *sub, sluice_item_t *item)
{
    return plan->read == FANOUT_READ_EVENT ? sluice_sub_next(sub, item, SUB_WAIT_MS)
                                           : sluice_sub_next_batch(sub, item, SUB_WAIT_MS);
}

static sluice_err count_all(const fanout_plan_t *plan, share_slot_t *slot, sluice_sub_t *sub)
{
    while (!stopping(plan, FANOUT_STOP_SUBSCRIBERS)) {
        sluice_item_t item;
        sluice_err err = next_item(plan, sub, &item);
        if (err == SLUICE_OK)
            count_item(slot, &item);
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

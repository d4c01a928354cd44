/* target_sluice.c - sluice-broker as a target: libsluice to its intake, and from its journal. */
#include "target.h"

#include "sluice.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAKE_MS = 5, READ_MS = 100, READ_IDLE_ROUNDS = 200 };

typedef struct sluice_target {
    sluice_pub_t *pub;
    long kept;
    bool refused;
} sluice_target_t;

extern const target_ops_t target_sluice;

static void on_receipt(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    sluice_target_t *t = ctx;
    t->kept += (long)count;
    for (size_t i = 0; i < count; i++)
        t->refused |= receipts[i].err != SLUICE_OK;
}

static void *open_sluice(const target_plan_t *plan)
{
    sluice_target_t *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    sluice_err err =
        sluice_pub_create(&t->pub, &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                           .intake = plan->intake,
                                                           .name = "sluice-bench",
                                                           .on_receipt = on_receipt,
                                                           .ctx = t,
                                                           .batch_events = (uint32_t)plan->batch});
    if (err == SLUICE_OK)
        return t;
    fprintf(stderr, "sluice-bench: publisher: %s\n", sluice_err_text(err));
    free(t);
    return NULL;
}

static bool sound(sluice_err err)
{
    if (err == SLUICE_OK || err == SLUICE_EAGAIN)
        return true;
    fprintf(stderr, "sluice-bench: publisher: %s\n", sluice_err_text(err));
    return false;
}

static bool send_sluice(void *target, const mix_event_t *event)
{
    sluice_target_t *t = target;
    sluice_err err;
    while ((err = sluice_pub_send(t->pub, event->topic, event->topic_len, event->data, event->len,
                                  event->id, NULL)) == SLUICE_EAGAIN)
        sluice_pub_process(t->pub, 1);
    return sound(err);
}

static bool flush_sluice(void *target)
{
    return sound(sluice_pub_flush(((sluice_target_t *)target)->pub));
}

static long take_sluice(void *target)
{
    sluice_target_t *t = target;
    sluice_err err = sluice_pub_process(t->pub, t->kept > 0 ? 0 : TAKE_MS);
    while (err == SLUICE_OK)
        err = sluice_pub_process(t->pub, 0);
    long kept = t->kept;
    t->kept = 0;
    return sound(err) && !t->refused ? kept : -1;
}

static void close_sluice(void *target)
{
    sluice_target_t *t = target;
    if (t == NULL)
        return;
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(t->pub, &stats);
    if (stats.duplicate_events > 0 || stats.resends > 0)
        fprintf(stderr, "sluice-bench: publisher: %llu duplicates, %llu requests sent again\n",
                (unsigned long long)stats.duplicate_events, (unsigned long long)stats.resends);
    sluice_pub_destroy(&t->pub);
    free(t);
}

/* One event after the other, as a program would. */
static bool read_sluice(const target_plan_t *plan, share_slot_t *slot, uint64_t events)
{
    sluice_sub_t *sub;
    sluice_err err =
        sluice_sub_create(&sub, &(sluice_sub_options_t){.size = sizeof(sluice_sub_options_t),
                                                        .feed = plan->feed,
                                                        .query = plan->query,
                                                        .from = SLUICE_FROM_EARLIEST});
    uint64_t idle = 0;
    while (err == SLUICE_OK && share_get(&slot->events) < events && idle < READ_IDLE_ROUNDS) {
        sluice_item_t item;
        err = sluice_sub_next(sub, &item, READ_MS);
        if (err == SLUICE_EAGAIN) {
            idle++;
            err = SLUICE_OK;
        } else if (err == SLUICE_OK && item.kind == SLUICE_ITEM_EVENT) {
            share_add(&slot->bytes, item.len);
            share_add(&slot->events, 1);
        } else if (err == SLUICE_OK && item.kind == SLUICE_ITEM_LOST) {
            share_add(&slot->faults, 1);
        }
    }
    if (err != SLUICE_OK)
        fprintf(stderr, "sluice-bench: reader: %s\n", sluice_err_text(err));
    sluice_sub_destroy(&sub);
    return err == SLUICE_OK && idle < READ_IDLE_ROUNDS;
}

const target_ops_t target_sluice = {
    .name = "sluice",
    .open = open_sluice,
    .send = send_sluice,
    .flush = flush_sluice,
    .take = take_sluice,
    .close = close_sluice,
    .read_all = read_sluice,
};

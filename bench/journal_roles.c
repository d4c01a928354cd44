#include "journal.h"

#include "bench.h"

#include <stdio.h>
#include <time.h>

enum { ANSWER_TIMEOUT_MS = 20000, NAP_US = 200 };

uint64_t journal_kept(const journal_plan_t *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->publishers; i++)
        sum += share_get(&plan->share->slots[i].events);
    return sum;
}

static uint32_t stage(const journal_plan_t *plan)
{
    return atomic_load_explicit(&plan->share->stop, memory_order_acquire);
}

/* A publisher at work. */
typedef struct load {
    const journal_plan_t *plan;
    void *target;
    mix_t *mix;
    share_slot_t *slot;
    uint64_t batches, sent;
    size_t outstanding;
} load_t;

static bool finished(const load_t *load)
{
    return stage(load->plan) == JOURNAL_STOP || load->sent >= load->plan->events;
}

/* Sends batches, on one topic after the other, until no further one may be outstanding. */
static bool fill(load_t *load)
{
    const target_plan_t *plan = &load->plan->target;
    while (load->outstanding + plan->batch <= plan->outstanding && !finished(load)) {
        size_t topic = load->batches++ % MIX_TOPICS;
        for (size_t i = 0; i < plan->batch; i++) {
            mix_event_t event;
            mix_next_on(load->mix, topic, &event);
            if (!load->plan->ops->send(load->target, &event))
                return false;
        }
        load->outstanding += plan->batch;
        load->sent += plan->batch;
    }
    return load->plan->ops->flush(load->target);
}

static bool take(load_t *load)
{
    if (load->outstanding == 0)
        return true; /* there is nothing to wait for */
    long kept = load->plan->ops->take(load->target);
    if (kept < 0)
        return false;
    load->outstanding -= (size_t)kept;
    share_add(&load->slot->events, (uint64_t)kept);
    return true;
}

static bool publish_all(load_t *load)
{
    while (!finished(load))
        if (!fill(load) || !take(load))
            return false;
    uint64_t deadline_ns = bench_now_ns() + ANSWER_TIMEOUT_MS * 1000000ull;
    while (load->outstanding > 0 && bench_now_ns() < deadline_ns)
        if (!take(load))
            return false;
    if (load->outstanding > 0)
        fprintf(stderr, "sluice-bench: %s: %zu events without an answer\n", load->plan->ops->name,
                load->outstanding);
    return load->outstanding == 0;
}

int journal_publish(void *ctx, size_t publisher)
{
    const journal_plan_t *plan = ctx;
    load_t load = {.plan = plan, .slot = &plan->share->slots[publisher]};
    if (mix_create(&load.mix, plan->event_bytes, (uint32_t)publisher) != SL_OK)
        return 1;
    load.target = plan->ops->open(&plan->target);
    atomic_store_explicit(&load.slot->ready, load.target != NULL, memory_order_release);
    while (load.target != NULL && stage(plan) == JOURNAL_WAIT)
        nanosleep(&(struct timespec){.tv_nsec = NAP_US * 1000L}, NULL);
    bool good = load.target != NULL && publish_all(&load);
    plan->ops->close(load.target);
    mix_destroy(&load.mix);
    return good ? 0 : 1;
}

int journal_read(void *ctx, size_t index)
{
    const journal_plan_t *plan = ctx;
    share_slot_t *slot = journal_reader_slot(plan);
    (void)index;
    uint64_t begin_ns = bench_now_ns();
    bool good = plan->ops->read_all(&plan->target, slot, plan->events);
    share_add(&slot->held_ns, bench_now_ns() - begin_ns);
    return good ? 0 : 1;
}

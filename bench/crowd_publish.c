/* crowd_publish.c - the publisher of a crowd: windowed, or an open loop. */
#include "crowd.h"

#include "bench.h"

#include <sys/prctl.h>
#include <time.h>

enum {
    CHUNK_EVENTS = 512, /* sent between two looks at the window */
    IDLE_NS = 1000000,
    HELD_NAP_NS = 100000,
    PATIENCE_NS = 50000000, /* of an open loop, between two looks at the stage */
};

typedef struct publisher {
    const crowd_plan_t *plan;
    uint32_t index;
    share_slot_t *slot;
    void *pub;
    mix_t *mix;
    uint64_t slowest; /* as seen last: by now it may be more */
} publisher_t;

static void nap(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static bool loading(const publisher_t *p)
{
    return crowd_stage(p->plan) == CROWD_LOAD;
}

static bool flush(publisher_t *p)
{
    return p->plan->ops->pub_flush(p->pub);
}

static bool turn(publisher_t *p)
{
    return p->plan->ops->pub_turn == NULL || p->plan->ops->pub_turn(p->pub);
}

/* The events are counted before they leave, so that nobody ever has more than was published. */
static bool send_events(publisher_t *p, uint64_t count)
{
    share_add(&p->slot->events, count);
    for (uint64_t i = 0; i < count; i++) {
        mix_event_t event;
        mix_next(p->mix, &event);
        if (!p->plan->ops->pub_send(p->pub, &event))
            return false;
    }
    return true;
}

/* -- windowed ------------------------------------------------------------------------------- */

static bool has_room(publisher_t *p, uint64_t events)
{
    uint64_t wanted = crowd_published(p->plan) + events;
    if (wanted > p->slowest + p->plan->window)
        p->slowest = crowd_slowest(p->plan); /* a look at every subscriber: only where it matters */
    return wanted <= p->slowest + p->plan->window;
}

/* Waits until half of the window is free, as a sender of bytes does: else batches would be as small
 * as the slowest subscriber's steps. */
static bool hold(publisher_t *p)
{
    uint64_t begin_ns = bench_now_ns();
    bool good = flush(p);
    while (good && !has_room(p, p->plan->window / 2) && loading(p)) {
        nap(HELD_NAP_NS);
        good = flush(p);
    }
    share_add(&p->slot->held_ns, bench_now_ns() - begin_ns);
    return good;
}

/* While there is room, what forms in the carrier's client leaves when it is full. */
static bool publish_windowed(publisher_t *p)
{
    uint64_t most = p->plan->window / 4;
    uint64_t chunk = most < CHUNK_EVENTS ? most : CHUNK_EVENTS;
    while (loading(p)) {
        if (!has_room(p, chunk) && !hold(p))
            return false;
        if (!loading(p))
            break;
        if (!send_events(p, chunk) || !turn(p))
            return false;
    }
    return flush(p);
}

/* -- open loop ------------------------------------------------------------------------------ */

static uint64_t due_ns(const publisher_t *p, uint64_t counter)
{
    return crowd_due_ns(p->plan, p->index, counter);
}

static void sleep_until(uint64_t ns)
{
    const struct timespec at = {.tv_sec = (time_t)(ns / 1000000000u),
                                .tv_nsec = (long)(ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* When to look again: the next event's time, or the tick behind it. */
static uint64_t next_turn_ns(const publisher_t *p, uint64_t now_ns)
{
    uint64_t begin_ns = atomic_load_explicit(&p->plan->clock->begin_ns, memory_order_relaxed);
    uint64_t at_ns = due_ns(p, share_get(&p->slot->events)), tick_ns = p->plan->tick_ns;
    if (tick_ns > 0)
        at_ns = begin_ns + (at_ns - begin_ns + tick_ns - 1) / tick_ns * tick_ns;
    return at_ns < now_ns + PATIENCE_NS ? at_ns : now_ns + PATIENCE_NS;
}

/* Of all that is due the next event waits longest. */
static void note_lateness(publisher_t *p, uint64_t now_ns)
{
    _Atomic uint64_t *most_ns = &p->plan->clock->late_ns[p->index];
    uint64_t at_ns = due_ns(p, share_get(&p->slot->events));
    if (at_ns < now_ns && now_ns - at_ns > share_get(most_ns) && crowd_is_timed(p->plan, at_ns))
        atomic_store_explicit(most_ns, now_ns - at_ns, memory_order_release);
}

static bool publish_open(publisher_t *p)
{
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns: else the kernel may wake us 50 µs late */
    while (loading(p)) {
        uint64_t now_ns = bench_now_ns();
        note_lateness(p, now_ns);
        while (due_ns(p, share_get(&p->slot->events)) <= now_ns)
            if (!send_events(p, 1))
                return false;
        if (!flush(p))
            return false;
        sleep_until(next_turn_ns(p, now_ns));
    }
    return true;
}

/* -- the role ------------------------------------------------------------------------------- */

/* Answers are taken, and subscriptions seen, while nothing is sent. */
static bool idle_while(publisher_t *p, uint32_t stage)
{
    const carrier_ops_t *ops = p->plan->ops;
    while (crowd_stage(p->plan) == stage) {
        if (!flush(p))
            return false;
        if (stage == CROWD_WAIT && (ops->pub_ready == NULL || ops->pub_ready(p->pub)))
            atomic_store_explicit(&p->slot->ready, CROWD_READY, memory_order_release);
        nap(IDLE_NS);
    }
    return true;
}

static bool publish(publisher_t *p)
{
    if (!idle_while(p, CROWD_WAIT))
        return false;
    if (!(p->plan->rate > 0 ? publish_open(p) : publish_windowed(p)))
        return false;
    atomic_store_explicit(&p->slot->ready, CROWD_DONE, memory_order_release);
    return idle_while(p, CROWD_STOP_PUBLISHERS);
}

int crowd_publish(void *ctx, size_t index)
{
    const crowd_plan_t *plan = ctx;
    carrier_plan_t carrier = plan->carrier;
    publisher_t p = {.plan = plan, .index = (uint32_t)index, .slot = crowd_pub_slot(plan, index)};
    carrier.publisher = p.index;
    if (mix_create(&p.mix, plan->event_bytes, p.index) != SL_OK)
        return 1;
    p.pub = plan->ops->pub_open(&carrier);
    bool good = p.pub != NULL && publish(&p);
    if (p.pub != NULL)
        share_add(&p.slot->disconnects, plan->ops->pub_close(p.pub));
    mix_destroy(&p.mix);
    return good ? 0 : 1;
}

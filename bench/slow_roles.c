#include "slow.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { TICK_NS = 1000000, WAIT_MS = 100, FIRED_MAX = 64 };

static uint32_t stage(const slow_plan_t *plan)
{
    return atomic_load_explicit(&plan->share->stop, memory_order_acquire);
}

/* -- publisher ------------------------------------------------------------------------------ */

/* Sends what is due by now.  An event's time is when it was due, not when it left: else a publisher
 * that is held up would hide how long the events behind it waited. */
static bool send_due(const slow_plan_t *plan, void *pub, mix_t *mix, uint64_t begin_ns)
{
    share_slot_t *slot = slow_publisher_slot(plan);
    uint64_t sent = share_get(&slot->events);
    uint64_t due = (uint64_t)((double)(bench_now_ns() - begin_ns) * (double)plan->rate / 1e9);
    for (; sent < due; sent++) {
        mix_event_t event;
        atomic_store_explicit(&plan->clock->due_ns[sent % SLOW_RING_EVENTS],
                              begin_ns + (uint64_t)((double)sent * 1e9 / (double)plan->rate),
                              memory_order_relaxed);
        mix_next(mix, &event);
        share_add(&slot->events, 1);
        if (!plan->ops->pub_send(pub, &event))
            return false;
    }
    return plan->ops->pub_flush(pub);
}

static bool send_all(const slow_plan_t *plan, void *pub, mix_t *mix)
{
    uint64_t begin_ns = bench_now_ns();
    while (stage(plan) == SLOW_LOAD) {
        if (!send_due(plan, pub, mix, begin_ns))
            return false;
        uint64_t into_ns = (bench_now_ns() - begin_ns) % TICK_NS;
        nanosleep(&(struct timespec){.tv_nsec = (long)(TICK_NS - into_ns)}, NULL);
    }
    share_add(&slow_publisher_slot(plan)->number_sum, 1); /* its count of events is final */
    return true;
}

/* Answers are taken, and subscriptions seen, while nothing is sent. */
static bool idle_while(const slow_plan_t *plan, void *pub, uint32_t which)
{
    share_slot_t *slot = slow_publisher_slot(plan);
    while (stage(plan) == which) {
        if (!plan->ops->pub_flush(pub))
            return false;
        if (plan->ops->pub_ready == NULL || plan->ops->pub_ready(pub))
            atomic_store_explicit(&slot->ready, 1, memory_order_release);
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
    }
    return true;
}

int slow_publish(void *ctx, size_t index)
{
    const slow_plan_t *plan = ctx;
    mix_t *mix;
    (void)index;
    if (mix_create(&mix, plan->event_bytes, 0) != SL_OK)
        return 1;
    void *pub = plan->ops->pub_open(&plan->carrier);
    bool good = pub != NULL && idle_while(plan, pub, SLOW_WAIT) && send_all(plan, pub, mix) &&
                idle_while(plan, pub, SLOW_STOP_PUBLISHER);
    if (pub != NULL)
        share_add(&slow_publisher_slot(plan)->disconnects, plan->ops->pub_close(pub));
    mix_destroy(&mix);
    return good ? 0 : 1;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct crowd crowd_t;

typedef struct member {
    crowd_t *crowd;
    void *sub;
    share_slot_t *slot;
    bool gone; /* disconnected for good */
} member_t;

struct crowd {
    const slow_plan_t *plan;
    histogram_t *latency; /* NULL: the stopped ones' */
    size_t count;
    int epoll;
    member_t members[];
};

static void on_event(void *ctx, const void *data, size_t len)
{
    member_t *m = ctx;
    const slow_plan_t *plan = m->crowd->plan;
    uint64_t counter;
    if (!mix_counter_of(data, len, &counter)) {
        share_add(&m->slot->faults, 1);
        return;
    }
    share_add(&m->slot->events, 1);
    share_add(&m->slot->number_sum, counter);
    if (m->crowd->latency == NULL ||
        counter < atomic_load_explicit(&plan->clock->measured_from, memory_order_relaxed))
        return;
    uint64_t due_ns = atomic_load_explicit(&plan->clock->due_ns[counter % SLOW_RING_EVENTS],
                                           memory_order_relaxed);
    histogram_add(m->crowd->latency, bench_now_ns() - due_ns);
}

static void on_fault(void *ctx)
{
    share_add(&((member_t *)ctx)->slot->faults, 1);
}

static void drain(member_t *m)
{
    const carrier_ops_t *ops = m->crowd->plan->ops;
    const carrier_sink_t sink = {.ctx = m, .event = on_event, .fault = on_fault};
    if (m->gone)
        return;
    m->gone = !ops->sub_drain(m->sub, &sink);
    if (m->gone)
        share_add(&m->slot->disconnects, 1);
    if (ops->sub_ready(m->sub))
        atomic_store_explicit(&m->slot->ready, 1, memory_order_release);
}

static bool join(crowd_t *crowd, size_t first)
{
    for (size_t i = 0; i < crowd->count; i++) {
        member_t *m = &crowd->members[i];
        int fd = -1;
        *m = (member_t){.crowd = crowd, .slot = &crowd->plan->share->slots[first + i]};
        m->sub = crowd->plan->ops->sub_open(&crowd->plan->carrier, &fd);
        if (m->sub == NULL ||
            epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd,
                      &(struct epoll_event){.events = EPOLLIN | EPOLLET, .data.ptr = m}) != 0)
            return false;
        drain(m); /* what came before the first edge */
    }
    return true;
}

static void serve(crowd_t *crowd)
{
    while (stage(crowd->plan) != SLOW_STOP_SUBSCRIBERS) {
        struct epoll_event fired[FIRED_MAX];
        int count = epoll_wait(crowd->epoll, fired, FIRED_MAX, WAIT_MS);
        for (int i = 0; i < count; i++)
            drain(fired[i].data.ptr);
        for (size_t i = 0; count == 0 && i < crowd->count; i++)
            drain(&crowd->members[i]); /* nothing for a while: their timers */
    }
}

static void leave(crowd_t *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->members[i].sub != NULL)
            crowd->plan->ops->sub_close(crowd->members[i].sub);
    if (crowd->epoll >= 0)
        close(crowd->epoll);
    free(crowd);
}

int slow_subscribe(void *ctx, size_t process)
{
    const slow_plan_t *plan = ctx;
    bool stopped = process == SLOW_STOPPED_PROCESS;
    size_t half = plan->live / SLOW_LIVE_PROCESSES;
    size_t first = stopped ? plan->live : process * half;
    size_t count = stopped ? plan->stopped : (process == 0 ? half : plan->live - half);
    crowd_t *crowd = calloc(1, sizeof *crowd + count * sizeof *crowd->members);
    if (crowd == NULL)
        return 1;
    crowd->plan = plan;
    crowd->count = count;
    crowd->latency = stopped ? NULL : &plan->clock->latencies[process];
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    bool good = crowd->epoll >= 0 && join(crowd, first);
    if (good)
        serve(crowd);
    leave(crowd);
    return good ? 0 : 1;
}

#include "crowd.h"

#include "bench.h"
#include "sluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WAIT_MS = 100, FIRED_MAX = 64 };

/* -- the plan ------------------------------------------------------------------------------- */

static sl_err name_topics(crowd_plan_t *plan)
{
    mix_t *mix;
    sl_err err = mix_create(&mix, plan->event_bytes, 0);
    if (err != SL_OK)
        return err;
    for (size_t i = 0; i < MIX_TOPICS; i++) {
        snprintf(plan->topics[i], sizeof plan->topics[i], "%s", mix_topic(mix, i));
        plan->carrier.topics[i] = plan->topics[i];
    }
    mix_destroy(&mix);
    return SL_OK;
}

sl_err crowd_plan_init(crowd_plan_t *plan)
{
    sl_err err = name_topics(plan);
    if (err == SL_OK)
        err = share_create(&plan->share, crowd_sub_count(plan) + plan->publishers);
    if (err != SL_OK)
        return err;
    void *clock =
        mmap(NULL, sizeof *plan->clock, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (clock == MAP_FAILED)
        return SL_ENOMEM;
    plan->clock = clock;
    atomic_store(&plan->clock->measured_from_ns, UINT64_MAX);
    atomic_store(&plan->clock->measured_until_ns, UINT64_MAX);
    return SL_OK;
}

void crowd_plan_fini(crowd_plan_t *plan)
{
    share_destroy(&plan->share);
    if (plan->clock != NULL)
        munmap(plan->clock, sizeof *plan->clock);
    plan->clock = NULL;
}

uint32_t crowd_stage(const crowd_plan_t *plan)
{
    return atomic_load_explicit(&plan->share->stop, memory_order_acquire);
}

void crowd_enter(const crowd_plan_t *plan, uint32_t stage)
{
    atomic_store_explicit(&plan->share->stop, stage, memory_order_release);
}

void crowd_go(const crowd_plan_t *plan)
{
    atomic_store(&plan->clock->begin_ns, bench_now_ns());
    crowd_enter(plan, CROWD_LOAD);
}

uint64_t crowd_due_ns(const crowd_plan_t *plan, uint32_t publisher, uint64_t counter)
{
    uint64_t begin_ns = atomic_load_explicit(&plan->clock->begin_ns, memory_order_relaxed);
    double turn = (double)counter * (double)plan->publishers + publisher;
    return begin_ns + (uint64_t)(turn * 1e9 / (double)plan->rate);
}

bool crowd_is_timed(const crowd_plan_t *plan, uint64_t due_ns)
{
    const crowd_clock_t *clock = plan->clock;
    return due_ns >= atomic_load_explicit(&clock->measured_from_ns, memory_order_relaxed) &&
           due_ns < atomic_load_explicit(&clock->measured_until_ns, memory_order_relaxed);
}

uint64_t crowd_late_ns(const crowd_plan_t *plan)
{
    uint64_t most = 0;
    for (size_t i = 0; i < plan->publishers; i++) {
        uint64_t late_ns = share_get(&plan->clock->late_ns[i]);
        most = late_ns > most ? late_ns : most;
    }
    return most;
}

/* -- counts --------------------------------------------------------------------------------- */

bool crowd_ready(const crowd_plan_t *plan)
{
    for (size_t i = 0; i < plan->share->count; i++)
        if (atomic_load_explicit(&plan->share->slots[i].ready, memory_order_acquire) == 0)
            return false;
    return true;
}

uint64_t crowd_published(const crowd_plan_t *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->publishers; i++)
        sum += share_get(&crowd_pub_slot(plan, i)->events);
    return sum;
}

bool crowd_published_all(const crowd_plan_t *plan)
{
    for (size_t i = 0; i < plan->publishers; i++)
        if (atomic_load_explicit(&crowd_pub_slot(plan, i)->ready, memory_order_acquire) !=
            CROWD_DONE)
            return false;
    return true;
}

uint64_t crowd_delivered(const crowd_plan_t *plan, size_t first, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += share_get(&crowd_sub_slot(plan, first + i)->events);
    return sum;
}

uint64_t crowd_slowest(const crowd_plan_t *plan)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < crowd_sub_count(plan); i++) {
        uint64_t events = share_get(&crowd_sub_slot(plan, i)->events);
        least = events < least ? events : least;
    }
    return least;
}

uint64_t crowd_disconnects(const crowd_plan_t *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->share->count; i++)
        sum += share_get(&plan->share->slots[i].disconnects);
    return sum;
}

/* Of the counters of all events published: 0 … n − 1 of each publisher. */
static uint64_t counter_sum(const crowd_plan_t *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->publishers; i++) {
        uint64_t n = share_get(&crowd_pub_slot(plan, i)->events);
        sum += n > 0 ? n * (n - 1) / 2 : 0;
    }
    return sum;
}

sl_err crowd_check(const crowd_plan_t *plan)
{
    uint64_t published = crowd_published(plan), sum = counter_sum(plan);
    uint64_t wrong = 0, faults = 0, missing = 0;
    for (size_t i = 0; i < crowd_sub_count(plan); i++) {
        const share_slot_t *slot = crowd_sub_slot(plan, i);
        uint64_t events = share_get(&slot->events);
        faults += share_get(&slot->faults);
        missing += published - events;
        wrong += events != published || share_get(&slot->number_sum) != sum ||
                 share_get(&slot->bytes) != published * plan->event_bytes;
    }
    if (wrong == 0 && faults == 0)
        return SL_OK;
    fprintf(stderr,
            "sluice-bench: %s: %llu ranges lost, or events repeated, out of order or malformed; "
            "%llu of %zu subscribers have other events than the %llu published, %lld are missing "
            "in all\n",
            plan->ops->name, (unsigned long long)faults, (unsigned long long)wrong,
            crowd_sub_count(plan), (unsigned long long)published, (long long)missing);
    return SL_EPROTO;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct crowd crowd_t;

typedef struct member {
    crowd_t *crowd;
    void *sub;
    share_slot_t *slot;
    bool gone;      /* disconnected for good */
    uint64_t *next; /* MIX_TOPICS a publisher: least counter that may come */
} member_t;

struct crowd {
    const crowd_plan_t *plan;
    histogram_t *latency; /* NULL: nothing is timed */
    size_t count;
    int epoll;
    uint64_t *next; /* of all members */
    member_t members[];
};

/* What a subscriber does that wants to know which event it has before it reads on. */
static bool decode(const void *data, size_t len)
{
    sluice_value_t event, state, time;
    return sluice_event_get(data, len, "Event", &event) == SLUICE_OK && event.type == SLUICE_STR &&
           sluice_event_get(data, len, "State", &state) == SLUICE_OK && state.type == SLUICE_STR &&
           sluice_event_get(data, len, "time", &time) == SLUICE_OK && time.type == SLUICE_TIME;
}

static void time_event(const crowd_t *crowd, const mix_origin_t *origin)
{
    uint64_t due_ns = crowd_due_ns(crowd->plan, origin->publisher, origin->counter);
    if (!crowd_is_timed(crowd->plan, due_ns))
        return;
    uint64_t now_ns = bench_now_ns();
    histogram_add(crowd->latency, now_ns > due_ns ? now_ns - due_ns : 0);
}

static void on_event(void *ctx, const void *data, size_t len)
{
    member_t *m = ctx;
    const crowd_plan_t *plan = m->crowd->plan;
    mix_origin_t origin;
    if (!mix_origin_of(data, len, &origin) || origin.publisher >= plan->publishers ||
        (plan->decode && !decode(data, len))) {
        share_add(&m->slot->faults, 1);
        return;
    }
    /* topics take turns: of one topic a publisher's counters rise, by as many as there are topics
     */
    uint64_t *next = &m->next[origin.publisher * MIX_TOPICS + origin.counter % MIX_TOPICS];
    if (origin.counter < *next)
        share_add(&m->slot->faults, 1); /* repeated, or out of order */
    *next = origin.counter + MIX_TOPICS;
    if (m->crowd->latency != NULL)
        time_event(m->crowd, &origin);
    share_add(&m->slot->number_sum, origin.counter);
    share_add(&m->slot->bytes, len);
    share_add(&m->slot->events, 1); /* last: whoever sees it sees the others */
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
        atomic_store_explicit(&m->slot->ready, CROWD_READY, memory_order_release);
}

static bool join(crowd_t *crowd, size_t first)
{
    const crowd_plan_t *plan = crowd->plan;
    for (size_t i = 0; i < crowd->count; i++) {
        member_t *m = &crowd->members[i];
        int fd = -1;
        m->crowd = crowd;
        m->slot = crowd_sub_slot(plan, first + i);
        m->next = crowd->next + i * plan->publishers * MIX_TOPICS;
        m->sub = plan->ops->sub_open(&plan->carrier, &fd);
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
    while (crowd_stage(crowd->plan) != CROWD_STOP_SUBSCRIBERS) {
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
    free(crowd->next);
    free(crowd);
}

static crowd_t *create(const crowd_plan_t *plan, size_t count)
{
    crowd_t *crowd = calloc(1, sizeof *crowd + count * sizeof *crowd->members);
    if (crowd == NULL)
        return NULL;
    crowd->plan = plan;
    crowd->count = count;
    crowd->next = calloc(count * plan->publishers * MIX_TOPICS, sizeof *crowd->next);
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    return crowd;
}

int crowd_subscribe(void *ctx, size_t process)
{
    const crowd_plan_t *plan = ctx;
    bool apart = process == plan->processes;
    size_t first = apart ? plan->subs : plan->subs * process / plan->processes;
    size_t end = apart ? crowd_sub_count(plan) : plan->subs * (process + 1) / plan->processes;
    crowd_t *crowd = create(plan, end - first);
    if (crowd == NULL)
        return 1;
    crowd->latency = plan->rate == 0 || apart ? NULL : &plan->clock->latencies[process];
    bool good = crowd->next != NULL && crowd->epoll >= 0 && join(crowd, first);
    if (good)
        serve(crowd);
    leave(crowd);
    return good ? 0 : 1;
}

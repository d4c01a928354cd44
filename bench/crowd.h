/* crowd.h - a crowd of subscribers over any carrier, and who publishes to it: the two roles of
 * every bench that holds carriers against each other.
 *
 *     publishers ---> the carrier --+--> process 0: its share of the subscribers, one event loop
 *          ^                        +--> process 1: …
 *          |                        '--> the last process: those apart, which a bench may stop
 *          '-- window, or schedule: in memory that all share
 *
 * A publisher is either held within a window of the slowest subscriber, so that nothing need be
 * dropped, and is as fast as that lets it be; or it runs an open loop: it waits for nobody, and an
 * event's time is when it was due, not when it left, so that whoever holds the publisher up cannot
 * hide how long the events behind it waited.
 *
 * Every subscriber looks at every event: whose it is and which one.  So after a load one knows
 * whether each has exactly what was published. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "base/histogram.h"
#include "carrier.h"
#include "mix.h"
#include "share.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CROWD_PROCESSES_MAX = 64, CROWD_PUBLISHERS_MAX = 64, CROWD_TOPIC_MAX = 160 };

/** Where a load stands: its share's `stop`. */
enum {
    CROWD_WAIT,             /**< everybody joins */
    CROWD_LOAD,             /**< publishers publish */
    CROWD_STOP_PUBLISHERS,  /**< they only take answers */
    CROWD_STOP_SUBSCRIBERS, /**< everybody leaves */
};

/** `ready` of a slot. */
enum {
    CROWD_READY = 1, /**< joined; a publisher: connected, and sees who is to be there */
    CROWD_DONE = 2,  /**< a publisher's count of events is final */
};

/** What open loop and timed subscribers share. */
typedef struct crowd_clock {
    _Atomic uint64_t begin_ns;                      /**< when the first event is due */
    _Atomic uint64_t measured_from_ns;              /**< events due from here … */
    _Atomic uint64_t measured_until_ns;             /**< … to here are timed */
    histogram_t latencies[CROWD_PROCESSES_MAX];     /**< ns, from due to delivered: one a process */
    _Atomic uint64_t late_ns[CROWD_PUBLISHERS_MAX]; /**< how late a publisher came to send a timed
                                                       event, most */
} crowd_clock_t;

/** One load, as every worker knows it: they are forked with it. */
typedef struct crowd_plan {
    const carrier_ops_t *ops;
    carrier_plan_t carrier;
    size_t publishers;
    size_t subs, processes; /**< so many subscribers, spread over so many processes */
    size_t apart;           /**< more of them, in one process more; they are not timed */
    size_t event_bytes;
    bool decode;      /**< subscribers also read three fields of every event */
    uint64_t window;  /**< events that are published and not everywhere yet, at most; not in an open
                         loop */
    uint64_t rate;    /**< of an open loop: events a second, of all publishers; 0: windowed */
    uint64_t tick_ns; /**< of an open loop: send every so often what is due by then; 0: each event
                         at its time */
    char topics[MIX_TOPICS][CROWD_TOPIC_MAX];
    share_t *share; /**< slots: subscribers, those apart, publishers */
    crowd_clock_t *clock;
} crowd_plan_t;

/** Makes what is shared and fills in the topics.
 *  @return SL_OK; SL_EINVAL: no events of that size; SL_ENOMEM.  After each: crowd_plan_fini. */
sl_err crowd_plan_init(crowd_plan_t *plan);
void crowd_plan_fini(crowd_plan_t *plan);

/** Processes that crowd_subscribe is to be started in. */
static inline size_t crowd_process_count(const crowd_plan_t *plan)
{
    return plan->processes + (plan->apart > 0);
}

static inline size_t crowd_sub_count(const crowd_plan_t *plan)
{
    return plan->subs + plan->apart;
}

static inline share_slot_t *crowd_sub_slot(const crowd_plan_t *plan, size_t sub)
{
    return &plan->share->slots[sub];
}

static inline share_slot_t *crowd_pub_slot(const crowd_plan_t *plan, size_t publisher)
{
    return &plan->share->slots[crowd_sub_count(plan) + publisher];
}

/** A publisher.  A proc_worker_fn over a crowd_plan_t. */
int crowd_publish(void *plan, size_t publisher);

/** The subscribers of one process.  Likewise. */
int crowd_subscribe(void *plan, size_t process);

/** Has everybody joined? */
bool crowd_ready(const crowd_plan_t *plan);

/** Lets the publishers begin. */
void crowd_go(const crowd_plan_t *plan);
void crowd_enter(const crowd_plan_t *plan, uint32_t stage);
uint32_t crowd_stage(const crowd_plan_t *plan);

/** When an event of an open loop is due.  The publishers take turns. */
uint64_t crowd_due_ns(const crowd_plan_t *plan, uint32_t publisher, uint64_t counter);

/** Is an event timed that is due then? */
bool crowd_is_timed(const crowd_plan_t *plan, uint64_t due_ns);

/** How late the publisher was that was latest: from when a timed event was due until it came to
 * send it.  It was not scheduled, or its client held it up. */
uint64_t crowd_late_ns(const crowd_plan_t *plan);

/** Events published so far, by all publishers.  Each is counted before it leaves. */
uint64_t crowd_published(const crowd_plan_t *plan);
/** Have the publishers stopped, so that this number is final? */
bool crowd_published_all(const crowd_plan_t *plan);
/** Events delivered so far to `count` subscribers from `first` on. */
uint64_t crowd_delivered(const crowd_plan_t *plan, size_t first, size_t count);
/** Events delivered to the one that has the fewest. */
uint64_t crowd_slowest(const crowd_plan_t *plan);

/** Subscribers that were disconnected for good, as they or a publisher saw it. */
uint64_t crowd_disconnects(const crowd_plan_t *plan);

/** Has every subscriber exactly what was published: each event, once, each topic in its order?
 *  @return SL_OK; SL_EPROTO, told on stderr. */
sl_err crowd_check(const crowd_plan_t *plan);

#endif

/* slow.h - what the parts of the bench `slow` share: the plan of one load, and its roles.
 *
 *                                  .--> process 0, 1: the live subscribers, half of them each
 *     publisher ---> the carrier --+
 *                                  '--> process 2: those that will be stopped (SIGSTOP)
 *
 * The publisher does not wait for anybody: it sends when an event is due.  When it was due lies in
 * a ring in shared memory, so that a subscriber can tell how long the event took from its counter.
 */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include "base/histogram.h"
#include "bench.h"
#include "carrier.h"
#include "share.h"

enum {
    SLOW_LIVE_PROCESSES = 2,
    SLOW_STOPPED_PROCESS = SLOW_LIVE_PROCESSES, /* index of the process that is stopped */
    SLOW_RING_EVENTS = 1 << 20,
};

enum { SLOW_WAIT = 0, SLOW_LOAD = 1, SLOW_STOP_PUBLISHER = 2, SLOW_STOP_SUBSCRIBERS = 3 };

/** In shared memory. */
typedef struct slow_clock {
    _Atomic uint64_t measured_from; /**< events from this counter on are timed */
    _Atomic uint64_t due_ns[SLOW_RING_EVENTS];
    histogram_t latencies[SLOW_LIVE_PROCESSES];
} slow_clock_t;

/** Forked into every worker. */
typedef struct slow_plan {
    const carrier_ops_t *ops;
    carrier_plan_t carrier;
    size_t live, stopped, event_bytes;
    uint64_t rate; /**< events a second */
    share_t
        *share; /**< slots: live subscribers, stopped ones, the publisher; its stop is a stage */
    slow_clock_t *clock;
} slow_plan_t;

static inline share_slot_t *slow_publisher_slot(const slow_plan_t *plan)
{
    return &plan->share->slots[plan->live + plan->stopped];
}

/** One load. */
typedef struct slow_setup {
    const carrier_ops_t *ops;
    const char *title; /**< for the terminal */
    size_t live, stopped, event_bytes;
    uint64_t rate, seconds, warmup_ms;
    daemons_durability_t durability;  /**< of ours */
    const config_list_t *broker_args; /**< likewise */
} slow_setup_t;

/** What came of it. */
typedef struct slow_outcome {
    double p50_ms, p99_ms, commit_p99_ms, rss_mib, complete_s, lossy, rate;
    double lost, lost_live; /**< shares of the events: of the stopped, of the live */
    double disconnected;
} slow_outcome_t;

/** Starts everything anew, loads it, and sees what everybody has in the end.
 *  @return SL_OK; SL_EPROTO: a subscriber of ours is not complete; other errors.  All told on
 * stderr.
 */
sl_err slow_load(const bench_run_t *bench, const slow_setup_t *setup, slow_outcome_t *out);

/** Sends events as they are due from SLOW_LOAD to SLOW_STOP_PUBLISHER.  A proc_worker_fn over a
 *  slow_plan_t. */
int slow_publish(void *plan, size_t index);

/** The subscribers of one process, until SLOW_STOP_SUBSCRIBERS. */
int slow_subscribe(void *plan, size_t process);

#endif

/* slow.h - what the parts of the bench `slow` share: one load.
 *
 *                                  .--> process 0, 1: the live subscribers, half of them each
 *     publisher ---> the carrier --+
 *                                  '--> process 2: those that will be stopped (SIGSTOP)
 *
 * The publisher does not wait for anybody: it is an open loop (crowd.h) that sends every
 * millisecond what is due. */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include "bench.h"
#include "carrier.h"

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

#endif

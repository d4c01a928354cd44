/* latency.h - what the parts of the bench `latency` share: its options, one load at a steady rate,
 * and its figures.
 *
 *     publisher ---> the carrier ---> its subscribers, in a few processes
 *
 * Open loop: event n is due at begin + n / rate, whatever became of those before it, and its
 * latency counts from then.  A stall so shows in every event that had to wait for it, and not only
 * in the one that was on its way (no "coordinated omission").  For the same reason a load ends only
 * when every event that was due in the measured time was sent and came, or never will: it is lost
 * then, and told beside the latencies of those that came. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "base/histogram.h"
#include "bench.h"
#include "carrier.h"
#include "roster.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct latency_options {
    bench_common_t common;
    config_list_t carriers;
    uint64_t rate, rate_max, subs, processes, size, seconds, warmup_ms, stall_ms, p99_us;
    int transport;  /* daemons_transport_t */
    int durability; /* daemons_durability_t */
    bool find_rate;
    const char *hdr;
    config_list_t broker_args;
} latency_options_t;

/* -- one load ------------------------------------------------------------------------------- */

typedef struct latency_outcome {
    histogram_t *latency; /**< the caller's: what was measured is added.  Nanoseconds */
    bool kept_up;         /**< the publisher sent all that was due in the measured time */
    double lost;          /**< share of the deliveries that never came */
    double cores_publisher, cores_server, cores_subscribers; /**< CPU seconds a second, measured */
    double server_mib; /**< RssAnon of what subscribers are connected to, most */
    double late_ms; /**< how late the publisher came to send what was due, most: it was starved, or
                       its client held it up */
    feed_batch_t batch; /**< of ours */
} latency_outcome_t;

/** Starts everything anew, and loads it at `rate` events a second.
 *  @return SL_OK; SL_EPROTO: ours lost or repeated something; other errors.  All told on stderr. */
sl_err latency_load(const bench_run_t *bench, const carrier_ops_t *ops, uint64_t rate,
                    latency_outcome_t *out);

/* -- figures -------------------------------------------------------------------------------- */

/** A percentile with fewer values than these beyond it says more of chance than of a system. */
enum { LATENCY_BEYOND_LEAST = 10 };

/** Puts what a load gave as figures of its carrier; a percentile only where as many values lie
 * beyond it. */
void latency_put(const bench_run_t *bench, const carrier_ops_t *ops, const latency_outcome_t *out);

/** Puts ours against each other's, of the run that is going on. */
void latency_put_ratios(const bench_run_t *bench, const roster_t *roster);

void latency_put_rate(const bench_run_t *bench, const carrier_ops_t *ops, uint64_t rate);

/** Puts the percentiles that no run had values enough for, of all runs together, as far as these
 * have.  After the last run's ratios: a ratio is of one run. */
void latency_put_merged(const bench_run_t *bench, const carrier_ops_t *ops,
                        const histogram_t *latency);

/** Puts the latencies of all runs: into the JSON as a curve, and into the file that --hdr names.
 *  @return SL_OK; SL_EIO, told on stderr. */
sl_err latency_put_curve(const bench_run_t *bench, const carrier_ops_t *ops,
                         const histogram_t *latency);

/** The fact that says that rates were searched: for which p99. */
#define LATENCY_SEARCHED "p99_limit_ms"

/** A line a carrier. */
void latency_print(const result_t *result, FILE *out);

#endif

/* commit_times.h - what a commit took lately: the median and the 99th percentile, as gauges.
 *
 *     | the half minute before | this one |      told over both, once a second while there are
 *                                                commits
 *
 * The journal's thread owns it. */
#ifndef BROKER_COMMIT_TIMES_H
#define BROKER_COMMIT_TIMES_H

#include "base/counter.h"
#include "base/histogram.h"

#include <stdint.h>

/** All zeros but `counters` is a new one. */
typedef struct commit_times {
    counter_t *counters;    /**< the broker's; borrowed */
    histogram_t windows[2]; /* microseconds */
    size_t current;
    uint64_t window_end_ns, tell_at_ns;
} commit_times_t;

/** Counts a commit that ended at `now_ns` (monotonic) after `took_ns`. */
void commit_times_add(commit_times_t *times, uint64_t now_ns, uint64_t took_ns);

#endif

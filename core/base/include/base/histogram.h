/* histogram.h - how long things took, so that a percentile can be told.
 *
 *     0 … 127 exactly, then 128 buckets for each doubling: a percentile is within 0.8 %
 *
 * 37 KiB, no pointers: it may lie in shared memory.  One thread adds, with two loads and a store;
 * whoever reads meanwhile sees counts that are at most a moment old.  A quantile is one walk over
 * all buckets, some microseconds. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 7,
    HISTOGRAM_OCTAVES = 36, /* up to 2^42: of nanoseconds, more than an hour */
    HISTOGRAM_BUCKETS = (HISTOGRAM_OCTAVES + 1) << HISTOGRAM_STEP_BITS,
};

/** All zeros is an empty one. */
typedef struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
} histogram_t;

/** A value beyond the last bucket counts there. */
void histogram_add(histogram_t *histogram, uint64_t value);

void histogram_clear(histogram_t *histogram);

/** The value below which the share `q` (0 … 1) of all lies, over `count` histograms together; 0
 * when they are empty. */
uint64_t histogram_quantile(const histogram_t *histograms, size_t count, double q);

#endif

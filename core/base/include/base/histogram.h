/* histogram.h - how long things took, so that a percentile can be told.
 *
 *     0 … 255 exactly, then 128 buckets for each doubling; a bucket stands for its middle
 *
 * Relative error: a value that is told differs from one that was added by less than 1/256, 0.4 %
 * (HISTOGRAM_ERROR), whatever its size, up to 2^43; of nanoseconds that is more than two hours.
 * Which one of the values it is, its rank, is exact.  Several histograms, of processes say, count
 * as one when they are read; nothing is lost by that.
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
    HISTOGRAM_OCTAVES = 36, /* up to 2^43 */
    HISTOGRAM_BUCKETS = (HISTOGRAM_OCTAVES + 1) << HISTOGRAM_STEP_BITS,
};

#define HISTOGRAM_ERROR (1.0 / (2 << HISTOGRAM_STEP_BITS))

/** All zeros is an empty one. */
typedef struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
} histogram_t;

/** A value beyond the last bucket counts there. */
void histogram_add(histogram_t *histogram, uint64_t value);

void histogram_clear(histogram_t *histogram);

/** Adds what is in `count` others. */
void histogram_merge(histogram_t *histogram, const histogram_t *others, size_t count);

/** The least value that at least the share `q` (0 … 1) of all lies at or below, over `count`
 * histograms together: 0 is the least of all, 1 the greatest.  0 when they are empty. */
uint64_t histogram_quantile(const histogram_t *histograms, size_t count, double q);

/** How many values were added. */
uint64_t histogram_total(const histogram_t *histograms, size_t count);

/** Which value of `total`, counted from 1 and the least, histogram_quantile(q) is. */
uint64_t histogram_rank(double q, uint64_t total);

/* For whoever walks the buckets itself: what one of them stands for, and how many it holds. */
uint64_t histogram_bucket_value(size_t bucket);
uint64_t histogram_bucket_count(const histogram_t *histograms, size_t count, size_t bucket);

#endif

#include "base/histogram.h"

enum { STEPS = 1 << HISTOGRAM_STEP_BITS };

/* The bits behind the highest one choose the bucket within its octave. */
static size_t bucket_of(uint64_t value)
{
    if (value < STEPS)
        return (size_t)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    size_t bucket = ((size_t)shift << HISTOGRAM_STEP_BITS) + (size_t)(value >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t value_of(size_t bucket)
{
    if (bucket < STEPS)
        return bucket;
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t low = (uint64_t)((bucket & (STEPS - 1)) + STEPS) << shift;
    return low + (((uint64_t)1 << shift) >> 1);
}

void histogram_add(histogram_t *histogram, uint64_t value)
{
    _Atomic uint64_t *count = &histogram->counts[bucket_of(value)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void histogram_clear(histogram_t *histogram)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        atomic_store_explicit(&histogram->counts[i], 0, memory_order_relaxed);
}

static uint64_t count_at(const histogram_t *histograms, size_t count, size_t bucket)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += atomic_load_explicit(&histograms[i].counts[bucket], memory_order_relaxed);
    return sum;
}

uint64_t histogram_quantile(const histogram_t *histograms, size_t count, double q)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += count_at(histograms, count, i);
    uint64_t wanted = (uint64_t)(q * (double)total);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += count_at(histograms, count, i);
        if (seen > wanted || (seen == total && total > 0))
            return value_of(i);
    }
    return 0;
}

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

uint64_t histogram_bucket_value(size_t bucket)
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

uint64_t histogram_bucket_count(const histogram_t *histograms, size_t count, size_t bucket)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += atomic_load_explicit(&histograms[i].counts[bucket], memory_order_relaxed);
    return sum;
}

void histogram_merge(histogram_t *histogram, const histogram_t *others, size_t count)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t sum = histogram_bucket_count(histogram, 1, i);
        sum += histogram_bucket_count(others, count, i);
        atomic_store_explicit(&histogram->counts[i], sum, memory_order_relaxed);
    }
}

uint64_t histogram_total(const histogram_t *histograms, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += histogram_bucket_count(histograms, count, i);
    return total;
}

/* Rounded up, but for what a product of doubles may lie above a whole number: 0.55 of 100 is 55. */
uint64_t histogram_rank(double q, uint64_t total)
{
    double exact = q * (double)total * (1 - 1e-14);
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact;
    return rank > 0 ? rank : 1;
}

uint64_t histogram_quantile(const histogram_t *histograms, size_t count, double q)
{
    uint64_t total = histogram_total(histograms, count), seen = 0;
    uint64_t rank = histogram_rank(q, total);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram_bucket_count(histograms, count, i);
        if (seen >= rank || (seen == total && total > 0))
            return histogram_bucket_value(i);
    }
    return 0;
}

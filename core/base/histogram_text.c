#include "base/histogram_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

enum {
    TICKS = 5,         /* rows for each halving of the distance to 1 */
    HALVINGS_MAX = 52, /* beyond which 1 − 2^-n is 1 in a double */
};

/* Over buckets, as everything here: what a value exactly was, nobody knows any more. */
typedef struct moments {
    uint64_t total, max;
    double mean, deviation;
} moments_t;

static moments_t moments_of(const histogram_t *histograms, size_t count)
{
    moments_t m = {0};
    double squares = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t here = histogram_bucket_count(histograms, count, i);
        if (here == 0)
            continue;
        /* Welford's way, `here` equal values at a time: no difference of two huge sums. */
        double value = (double)histogram_bucket_value(i);
        double delta = value - m.mean;
        m.total += here;
        m.mean += delta * (double)here / (double)m.total;
        squares += delta * (value - m.mean) * (double)here;
        m.max = histogram_bucket_value(i);
    }
    m.deviation = m.total > 0 ? sqrt(squares / (double)m.total) : 0;
    return m;
}

/* Where one has come to, from the least value up. */
typedef struct walk {
    const histogram_t *histograms;
    size_t count, bucket;
    uint64_t seen; /* values in the buckets up to this one */
} walk_t;

static void walk_to(walk_t *walk, uint64_t rank)
{
    while (walk->seen < rank && walk->bucket + 1 < HISTOGRAM_BUCKETS)
        walk->seen += histogram_bucket_count(walk->histograms, walk->count, ++walk->bucket);
}

/* The rows of one halving: from 1 − 2^-halvings on, towards half of what is left.
 * @return false once the greatest value was told. */
static bool write_rows(FILE *out, walk_t *walk, int halvings, uint64_t total, double unit)
{
    double left = ldexp(1, -halvings);
    for (int tick = 0; tick < TICKS; tick++) {
        double distance = left * (1 - (double)tick / (2 * TICKS));
        walk_to(walk, histogram_rank(1 - distance, total));
        fprintf(out, "%12.3f %14.12f %10" PRIu64 " %14.2f\n",
                (double)histogram_bucket_value(walk->bucket) / unit, 1 - distance, walk->seen,
                1 / distance);
        if (walk->seen >= total)
            return false;
    }
    return true;
}

sl_err histogram_write_text(FILE *out, const histogram_t *histograms, size_t count, double unit)
{
    moments_t m = moments_of(histograms, count);
    walk_t walk = {.histograms = histograms, .count = count};
    walk.seen = histogram_bucket_count(histograms, count, 0);
    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    for (int halvings = 0; m.total > 0 && halvings < HALVINGS_MAX; halvings++)
        if (!write_rows(out, &walk, halvings, m.total, unit))
            break;
    if (m.total > 0)
        fprintf(out, "%12.3f %14.12f %10" PRIu64 "\n", (double)m.max / unit, 1.0, m.total);
    fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", m.mean / unit,
            m.deviation / unit);
    fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n", (double)m.max / unit,
            m.total);
    fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", HISTOGRAM_OCTAVES,
            2 << HISTOGRAM_STEP_BITS);
    return ferror(out) ? SL_EIO : SL_OK;
}

/* histogram_text.h - a histogram as people plot it: HdrHistogram's percentile text.
 *
 *           Value     Percentile TotalCount 1/(1-Percentile)
 *
 *          96.512 0.000000000000          1           1.00
 *         118.528 0.500000000000       5021           2.00
 *         131.584 0.550000000000       5544           2.22
 *           …            five rows each time that the distance to 1 halves
 *         402.432 1.000000000000      10000
 *     #[Mean    =      124.113, StdDeviation   =       21.480]
 *     #[Max     =      402.432, Total count    =        10000]
 *     #[Buckets =           36, SubBuckets     =          256]
 *
 * A row's value is the one that its share of all lies at or below, by histogram_quantile; behind it
 * how many do.  Everything is told by buckets, so all values, Max too, are within HISTOGRAM_ERROR.
 */
#ifndef BASE_HISTOGRAM_TEXT_H
#define BASE_HISTOGRAM_TEXT_H

#include "base/err.h"
#include "base/histogram.h"

#include <stdio.h>

/** Writes several histograms as one.
 *  @param unit  what one in the text is: 1000 tells nanoseconds as microseconds.
 *  @return SL_OK; SL_EIO (errno): `out` took no more. */
sl_err histogram_write_text(FILE *out, const histogram_t *histograms, size_t count, double unit);

#endif

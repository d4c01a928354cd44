/* stats.h - what several runs of one measurement say together: the median, and how far they lie
 * apart.  The median, since one run that the machine disturbed must not move the figure. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

typedef struct stats {
    double median, min, max;
} stats_t;

/** @param values  not changed; count > 0.  The median of an even count is the mean of the middle
 * two. */
stats_t stats_of(const double *values, size_t count);

/** (max − min) / median: 0.1 means that the runs lie within a tenth.  0 where the median is 0. */
double stats_spread(const stats_t *stats);

#endif

/* axis.h - where does a value stand on a plot, and which values are worth a tick?
 *
 *     linear       0 --- 1M --- 2M --- 3M             steps of 1, 2 or 5 times a power of ten
 *     log          1 ---- 10 ---- 100 ---- 1k         powers of ten; 1-2-5 where those are few
 *     percentile   0 -- 90 -- 99 -- 99.9 -- 99.99     log of 1 / (1 - p): each nine as wide */
#ifndef BENCH_REPORT_AXIS_H
#define BENCH_REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

enum { AXIS_TICKS_MAX = 24, AXIS_LABEL_MAX = 24 };

typedef enum { AXIS_LINEAR, AXIS_LOG, AXIS_PERCENTILE } axis_kind_t;

typedef struct axis {
    axis_kind_t kind;
    double min, max;       /**< values */
    double min_px, max_px; /**< where those stand; max_px may be the smaller one */
} axis_t;

typedef struct axis_tick {
    double value;
    char label[AXIS_LABEL_MAX];
} axis_tick_t;

/** Can the value stand there at all?  Finite; above 0 on a log axis; 0 … below 100 as a percentile.
 */
bool axis_holds(axis_kind_t kind, double value);

/** Sets min and max so that min … max fit and both are ticks (a percentile's end is the value
 *  itself).  A linear axis begins at 0 where nothing is negative: lengths must compare.
 *  @param min, max  values that the axis can hold, min ≤ max. */
void axis_fit(axis_t *axis, axis_kind_t kind, double min, double max);

/** What lies outside stands at the nearer end. */
double axis_px(const axis_t *axis, double value);

/** @return how many, ascending. */
size_t axis_ticks(const axis_t *axis, axis_tick_t ticks[AXIS_TICKS_MAX]);

#endif

#include "axis.h"

#include "numbers.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum {
    LINEAR_STEPS = 5, /* about so many */
    FEW_DECADES = 3,  /* up to here a log axis has 1-2-5 within each */
    MANY_DECADES = 9, /* from here on only every other power of ten */
    NINES_MAX = 7,
};
#define EPSILON 1e-9

bool axis_holds(axis_kind_t kind, double value)
{
    if (!isfinite(value))
        return false;
    switch (kind) {
    case AXIS_LOG:
        return value > 0;
    case AXIS_PERCENTILE:
        return value >= 0 && value < 100;
    case AXIS_LINEAR:
        break;
    }
    return true;
}

/* -- steps ---------------------------------------------------------------------------------- */

static const double mantissas[] = {1, 2, 5};

/* 1, 2 or 5 times a power of ten, the nearest at or above. */
static double nice_step(double step)
{
    double power = pow(10, floor(log10(step) + EPSILON));
    for (size_t i = 0; i < 3; i++)
        if (step <= mantissas[i] * power * (1 + EPSILON))
            return mantissas[i] * power;
    return 10 * power;
}

static double linear_step(double min, double max)
{
    return nice_step((max - min) / LINEAR_STEPS);
}

/* The nearest 1-2-5 number at or below. */
static double log_floor(double value)
{
    double power = pow(10, floor(log10(value) + EPSILON));
    for (size_t i = 3; i-- > 0;)
        if (mantissas[i] * power <= value * (1 + EPSILON))
            return mantissas[i] * power;
    return power;
}

static double nines(double percentile)
{
    return -log10(1 - percentile / 100);
}

/* -- fitting -------------------------------------------------------------------------------- */

static void fit_linear(axis_t *axis, double min, double max)
{
    if (min >= 0)
        min = 0;
    if (max <= min)
        max = min + 1;
    axis->min = min;
    axis->max = max;
    for (int i = 0; i < 2; i++) { /* two ends that grew may want a larger step */
        double step = linear_step(axis->min, axis->max);
        axis->min = floor(axis->min / step + EPSILON) * step;
        axis->max = ceil(axis->max / step - EPSILON) * step;
    }
}

static void fit_log(axis_t *axis, double min, double max)
{
    axis->min = log_floor(min);
    axis->max = nice_step(max);
    if (axis->max <= axis->min * (1 + EPSILON))
        axis->max = 10 * axis->min;
    if (log10(axis->max / axis->min) <= FEW_DECADES + EPSILON)
        return;
    axis->min = pow(10, floor(log10(min) + EPSILON));
    axis->max = pow(10, ceil(log10(max) - EPSILON));
}

void axis_fit(axis_t *axis, axis_kind_t kind, double min, double max)
{
    assert(axis_holds(kind, min) && axis_holds(kind, max) && min <= max);
    axis->kind = kind;
    switch (kind) {
    case AXIS_LINEAR:
        fit_linear(axis, min, max);
        break;
    case AXIS_LOG:
        fit_log(axis, min, max);
        break;
    case AXIS_PERCENTILE:
        axis->min = 0;
        axis->max = max > 0 ? max : 90;
        break;
    }
}

/* -- places --------------------------------------------------------------------------------- */

/* Where on the way from 0 to 1, before it is cut to that. */
static double share_of(const axis_t *axis, double value)
{
    switch (axis->kind) {
    case AXIS_LOG:
        return value <= 0 ? 0 : log(value / axis->min) / log(axis->max / axis->min);
    case AXIS_PERCENTILE:
        return value >= 100 ? 1 : nines(value) / nines(axis->max);
    case AXIS_LINEAR:
        break;
    }
    return (value - axis->min) / (axis->max - axis->min);
}

double axis_px(const axis_t *axis, double value)
{
    double share = share_of(axis, value);
    if (!(share > 0)) /* also NaN */
        share = 0;
    if (share > 1)
        share = 1;
    return axis->min_px + share * (axis->max_px - axis->min_px);
}

/* -- ticks ---------------------------------------------------------------------------------- */

static size_t add_tick(axis_tick_t *ticks, size_t count, double value)
{
    if (count == AXIS_TICKS_MAX)
        return count;
    ticks[count].value = value;
    numbers_short(ticks[count].label, sizeof ticks[count].label, value);
    return count + 1;
}

static size_t linear_ticks(const axis_t *axis, axis_tick_t *ticks)
{
    double step = linear_step(axis->min, axis->max);
    long first = lround(axis->min / step), last = lround(axis->max / step);
    size_t count = 0;
    for (long i = first; i <= last; i++)
        count = add_tick(ticks, count, (double)i * step); /* a sum of steps would drift */
    return count;
}

static size_t log_ticks(const axis_t *axis, axis_tick_t *ticks)
{
    int first = (int)floor(log10(axis->min) + EPSILON),
        last = (int)floor(log10(axis->max) + EPSILON);
    double decades = log10(axis->max / axis->min);
    size_t marks = decades <= FEW_DECADES + EPSILON ? 3 : 1;
    int stride = decades >= MANY_DECADES ? 2 : 1;
    size_t count = 0;
    for (int power = first; power <= last; power += stride)
        for (size_t i = 0; i < marks; i++) {
            double value = mantissas[i] * pow(10, power);
            if (value >= axis->min * (1 - EPSILON) && value <= axis->max * (1 + EPSILON))
                count = add_tick(ticks, count, value);
        }
    return count;
}

static size_t percentile_ticks(const axis_t *axis, axis_tick_t *ticks)
{
    size_t count = add_tick(ticks, 0, 0);
    if (axis->max >= 50)
        count = add_tick(ticks, count, 50);
    for (int n = 1; n <= NINES_MAX; n++) {
        double value = 100 - 100 * pow(10, -n);
        if (value > axis->max * (1 + EPSILON))
            break;
        count = add_tick(ticks, count, value);
        snprintf(ticks[count - 1].label, AXIS_LABEL_MAX, "%.*f", n > 2 ? n - 2 : 0, value);
    }
    return count;
}

size_t axis_ticks(const axis_t *axis, axis_tick_t ticks[AXIS_TICKS_MAX])
{
    switch (axis->kind) {
    case AXIS_LOG:
        return log_ticks(axis, ticks);
    case AXIS_PERCENTILE:
        return percentile_ticks(axis, ticks);
    case AXIS_LINEAR:
        break;
    }
    return linear_ticks(axis, ticks);
}

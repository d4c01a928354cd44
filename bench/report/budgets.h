/* budgets.h - what is owed and what is aimed at, and where each figure is to be found.
 *
 * A budget is a figure of one source, or that divided by the least of the others'.  It has a floor,
 * which is owed, and an aim; where less is better the floor is a ceiling, and both are read
 * downwards. */
#ifndef BENCH_REPORT_BUDGETS_H
#define BENCH_REPORT_BUDGETS_H

#include "figures.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum { BUDGET_MORE, BUDGET_LESS } budget_sense_t;

typedef struct budget {
    const char *what;
    const char *source, *figure;
    const char
        *divisor; /**< divided by the least figure that ends so, of all but ours; NULL: not */
    const char *unit;
    budget_sense_t sense;
    double floor; /**< NaN: none is owed, the figure is reported */
    double aim;
} budget_t;

extern const budget_t budgets[];
extern const size_t budgets_count;

typedef enum { BUDGET_UNKNOWN, BUDGET_UNDER, BUDGET_FLOOR, BUDGET_AIM } budget_state_t;

/** The figure and what its runs span; all NaN when it is not there.  A quotient has no span. */
figures_spread_t budgets_value(const budget_t *budget, const figures_t *figures);

/** How many runs its figure is of; NaN where that is not known. */
double budgets_runs(const budget_t *budget, const figures_t *figures);

/** A floor or an aim as it was set: "≥ 0.9", and "≤ 12" where less is better; "" for NaN. */
void budgets_mark(const budget_t *budget, double mark, char *out, size_t size);

/** How far the floor (or, without one, the aim) is met: BUDGET_UNKNOWN when not measured. */
budget_state_t budgets_state(const budget_t *budget, double value);

/** The value as a share of the floor, so that more is better and 1 is just enough: all budgets on
 *  one scale.  NaN without a floor. */
double budgets_share(const budget_t *budget, double value);

#endif

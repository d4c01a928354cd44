/* result.h - what a bench measured: a table of figures, several runs of each.
 *
 *                 run 1   run 2   run 3      printed and written: median, minimum, maximum
 *     figure 0      .       .       .
 *     figure 1      .       .       .        a figure may have a bound: a floor or a ceiling
 *
 * A run need not take every figure; one that no run took is not shown.
 *
 * Beside the figures stand facts: the options, the machine, texts.  In JSON all of it is one flat
 * object: `name` (the median), `name_min`, `name_max`, `name_runs` (what each run gave, in their
 * order, null for nothing), the facts, `runs` and `bounds_met`, and the `notes`: what a reader of
 * the table must know too, under which it is printed. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "base/err.h"
#include "stats.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { RESULT_RUNS_MAX = 100 };

typedef enum { BOUND_NONE, BOUND_FLOOR, BOUND_CEILING } bound_t;

typedef struct figure_def {
    const char *name, *unit, *help;
    int digits; /**< after the decimal point, where a person reads it */
    bound_t bound;
    double limit; /**< of the bound; the median is held against it */
} figure_def_t;

typedef struct result {
    const char *bench;
    figure_def_t *defs; /**< the texts of the first `fixed` are borrowed */
    size_t count, fixed;
    double *values; /**< RESULT_RUNS_MAX a figure; NaN: not taken */
    size_t runs;
    cJSON *facts;
    cJSON *notes; /**< array of texts, one of the facts */
    bool checked; /**< are the bounds meant for these options? */
} result_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err result_init(result_t *result, const char *bench, const figure_def_t *defs, size_t count);
void result_fini(result_t *result);

/** A figure of the run that is going on; result_end_run closes it. */
void result_put(result_t *result, size_t figure, double value);
void result_end_run(result_t *result);

/** Likewise, of a figure that is known by its name; a new one is put behind those there are.
 *  @param def  copied with its texts. */
void result_put_named(result_t *result, const figure_def_t *def, double value);

/** @return result->count when there is none of that name. */
size_t result_find(const result_t *result, const char *name);

/** What was put there in the run that is going on; 0 where nothing was. */
double result_last(const result_t *result, size_t figure);

void result_fact_text(result_t *result, const char *name, const char *text);
void result_fact_number(result_t *result, const char *name, double value);

/** A line under the table; one that is there already is not repeated. */
void result_note(result_t *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Over the runs that took it.  @return their number; 0: *stats is NaN. */
size_t result_stats(const result_t *result, size_t figure, stats_t *stats);

/** NaN when no run took it. */
double result_median(const result_t *result, size_t figure);

/** Are all bounds met?  True when the options are not those the bounds are meant for. */
bool result_bounds_met(const result_t *result);

/** A table for people. */
void result_print(const result_t *result, FILE *out);

/** Its parts, for a bench that has a better table: the first line and what it was measured on, or
 * that alone; the figures that have a bound; the notes. */
void result_print_head(const result_t *result, FILE *out);
void result_print_machine(const result_t *result, FILE *out);
void result_print_bounds(const result_t *result, FILE *out);
void result_print_notes(const result_t *result, FILE *out);

/** @return SL_OK, SL_ENOMEM, SL_EIO (errno). */
sl_err result_write_json(const result_t *result, const char *path);

#endif

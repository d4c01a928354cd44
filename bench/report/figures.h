/* figures.h - what benches wrote: the JSON files of one folder, by their names.
 *
 *     <dir>/peers-64.json  ->  source "peers-64": { "bench": "peers", "subs": 64,
 *                                                   "nats_ratio": 3.9, "nats_ratio_min": …, … }
 *
 * A figure has a `_min` and a `_max` beside it; all else is a fact. */
#ifndef BENCH_REPORT_FIGURES_H
#define BENCH_REPORT_FIGURES_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum { FIGURES_NAME_MAX = 64 };

/** What the report itself writes there, and so does not read. */
#define FIGURES_REPORT "report"

typedef struct figures_source {
    char name[FIGURES_NAME_MAX]; /**< the file's, without ".json" */
    cJSON *json;                 /**< an object; NULL: the file holds none */
} figures_source_t;

typedef struct figures {
    figures_source_t *items; /**< by name */
    size_t count;
} figures_t;

/** @return SL_OK, also when nothing is there or some of it is no JSON; SL_ENOENT, SL_EIO (errno):
 * the folder cannot be read; SL_ENOMEM. */
sl_err figures_read(figures_t *out, const char *dir);
void figures_fini(figures_t *figures);

/** NULL when there is none, or it holds no JSON. */
const figures_source_t *figures_find(const figures_t *figures, const char *name);

/** What bench wrote it: "peers"; "" where it does not say. */
const char *figures_bench(const figures_source_t *source);

/** NaN where it has no such number. */
double figures_number(const figures_source_t *source, const char *name);
/** "" where it has no such text. */
const char *figures_text(const figures_source_t *source, const char *name);

/** Is this member of the object a figure: a number that has its `_min` and `_max`? */
bool figures_is_figure(const figures_source_t *source, const cJSON *member);

typedef struct figures_spread {
    double median, min, max;
} figures_spread_t;

/** All NaN where there is no such figure. */
figures_spread_t figures_spread(const figures_source_t *source, const char *name);

/** How many runs a figure is of: those that gave it, where the file tells each; else all.  NaN
 * where that is not known. */
double figures_runs(const figures_source_t *source, const char *name);

/** The beginnings of all figures that end so: for "_ratio" of a `nats_ratio` "nats".
 *  @return how many, in the file's order; at most `max`. */
size_t figures_prefixes(const figures_source_t *source, const char *suffix,
                        char (*out)[FIGURES_NAME_MAX], size_t max);

#endif

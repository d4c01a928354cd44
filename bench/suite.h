/* suite.h - all benches in a row, each with its settings, and the page that comes of it.
 *
 *     rows of one table  ->  sluice-bench <args> --json OUT/<name>.json  ->  OUT/report.html, .json
 *
 * Each row is a process of its own, one after the other; what it prints is in OUT/<name>.log. */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "report/report.h"

#include <stddef.h>
#include <stdint.h>

typedef struct suite_row {
    const char *name, *args; /**< as report_row_t */
    uint32_t seconds;        /**< about how long it takes */
} suite_row_t;

typedef struct suite {
    const char *name, *remark; /**< as report_plan_t */
    const char *out;           /**< where it writes if nothing else is said */
    const suite_row_t *rows;
    size_t count;
} suite_t;

extern const suite_t suite_all, suite_quick;

/** The sum of its rows. */
uint32_t suite_seconds(const suite_t *suite);

/* What main.c lists beside the benches. */
#define SUITE_COMMANDS(X)                                                                       \
    X(all, "all of them, with the settings that budgets are for, and the report; under 30 min") \
    X(quick, "all of them with small settings, to see that they work; under 2 min")             \
    X(report, "the page again, or tables (--markdown), out of the JSON files of a folder")

/** @param name  of a command.  @return the exit status: BENCH_OK; BENCH_FAILED when a row failed or
 *  the report could not be written; BENCH_USAGE. */
int suite_main(const char *name, int argc, char **argv, char **environment);

#endif

/* report.h - one page out of what benches wrote.
 *
 *     <dir>/NAME.json, one for each row of a plan  ->  <dir>/report.html   plots, tables, settings
 *                                                      <dir>/report.json   all of it in one object
 *
 * The page is one file: its style and its plots (SVG) are in it, it needs no script and asks no
 * server for anything.  A row whose JSON is not there is a line that says what makes it. */
#ifndef BENCH_REPORT_REPORT_H
#define BENCH_REPORT_REPORT_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/** One measurement: `sluice-bench <args> --json <dir>/<name>.json`. */
typedef struct report_row {
    const char *name;
    const char *args; /**< the bench's name first */
} report_row_t;

typedef struct report_plan {
    const char *suite;  /**< as it is called: "all" */
    const char *remark; /**< stands at the head of the page; NULL: none */
    const report_row_t *rows;
    size_t count;
} report_plan_t;

#define REPORT_HTML "report.html"
#define REPORT_JSON "report.json"

/** Reads the folder, also files there that the plan does not name, and writes both files.
 *  @return SL_OK; SL_ENOENT, SL_EIO (errno); SL_ENOMEM. */
sl_err report_write(const char *dir, const report_plan_t *plan);

/** Reads the folder likewise, and prints tables for GitHub's markdown (markdown.h).
 *  @return as report_write. */
sl_err report_markdown(const char *dir, const report_plan_t *plan, FILE *out);

#endif

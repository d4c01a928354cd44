/* markdown.h - the figures of a folder as tables for documents on GitHub.
 *
 *     ## Budgets        a row each, and how far it is reached
 *     ## Deliveries     a table for each source of `peers`, a row a system
 *     ## Latency        likewise, of `latency`
 *     ## Scale          a row a point; memory of the broker; the model of one host with 10 GbE
 *     ## Others         all figures of each other source
 *
 * Above each table stands what made it, of how many runs and which commit it is.  What was not
 * measured is "-". */
#ifndef BENCH_REPORT_MARKDOWN_H
#define BENCH_REPORT_MARKDOWN_H

#include "base/buf.h"
#include "figures.h"
#include "report.h"

/** Appends all of it; `failed` of the buffer says whether memory was enough. */
void markdown_write(sl_buf_t *out, const figures_t *figures, const report_plan_t *plan,
                    const char *dir);

#endif

/* sources.h - which files of the folder a bench has, and what is said of each: its title, its
 * command, its runs; the same on the page and in markdown. */
#ifndef BENCH_REPORT_SOURCES_H
#define BENCH_REPORT_SOURCES_H

#include "figures.h"
#include "report.h"

enum { SOURCES_MAX = 64, SOURCES_TEXT_MAX = 256 };

/** Called for each row of the plan that has no figures. */
typedef void sources_missing_fn(void *ctx, const char *name);

/** The sources of a bench, in the plan's order, then those that the plan does not know.
 *  @param missing  NULL: nobody wants to know.
 *  @return how many; at most SOURCES_MAX. */
size_t sources_of(const figures_t *figures, const report_plan_t *plan, const char *bench,
                  sources_missing_fn *missing, void *ctx, const figures_source_t *out[SOURCES_MAX]);

/** Of a row without figures: a log without its JSON is what a bench that failed leaves. */
bool sources_has_failed(const char *dir, const char *name);

/** "64 subscribers, 320 bytes, tcp, durability os". */
void sources_title(const figures_source_t *source, char out[SOURCES_TEXT_MAX]);

/** What makes its figures: "./run bench peers --subs 8".  @return false: the plan does not know. */
bool sources_command(const report_plan_t *plan, const char *name, char out[SOURCES_TEXT_MAX]);

/** "medians of 5 runs", "1 run"; "" where it does not say. */
void sources_runs(const figures_source_t *source, char out[SOURCES_TEXT_MAX]);

#define SOURCES_LOOPBACK_NAME "bare loopback TCP"

/** Deliveries a second that the bytes/s of bare loopback TCP would be, at this source's size of an
 *  event: what nobody over loopback TCP passes.  All NaN where that was not measured. */
figures_spread_t sources_loopback(const figures_source_t *source);

#endif

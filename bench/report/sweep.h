/* sweep.h - which sources make one line against subscribers, and what is not the same along it.
 *
 *     settings of what is measured     the same at every point, or it is another line
 *     what the harness did             may differ, and then that is said: a kink may come of it */
#ifndef BENCH_REPORT_SWEEP_H
#define BENCH_REPORT_SWEEP_H

#include "sources.h"

enum { SWEEP_TEXT_MAX = 1024 };

/** The largest group of sources that share a line, by subscribers.
 *  @param out  as many as `count`.
 *  @return its size. */
size_t sweep_of(const figures_source_t *const *sources, size_t count, const figures_source_t **out);

/** How many runs each point is of: "5, from 8 subscribers on 1". */
void sweep_runs(const figures_source_t *const *sweep, size_t count, char out[SWEEP_TEXT_MAX]);

/** What the harness did not do alike at all points: "subscribers a process 1, from 256 subscribers
 *  on 4; seconds measured 2, from 8 subscribers on 1"; "" where it did. */
void sweep_differences(const figures_source_t *const *sweep, size_t count,
                       char out[SWEEP_TEXT_MAX]);

#endif

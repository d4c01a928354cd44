/* rate_search.h - the highest rate that something still holds, by trying rates.
 *
 *     start  2x  4x  8x        doubled until one is missed, or halved until one holds;
 *                 |----|       then the gap between the two halved, until it is a sixteenth
 *
 * A try that is disturbed misses a rate that would hold, and near the limit a short one holds by
 * luck what a longer one would not: so it takes two of three to hold a rate or to miss it. */
#ifndef BENCH_RATE_SEARCH_H
#define BENCH_RATE_SEARCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/** Tries one rate.  @param holds  receives what came of it.  @return other than SL_OK ends the
 * search. */
typedef sl_err rate_try_fn(void *ctx, uint64_t rate, bool *holds);

/** @param start  the first rate to try; > 0.
 *  @param most   no higher one is tried.
 *  @param best   receives the highest rate that held; 0: not even one a second did.
 *  @return SL_OK, or what a try returned. */
sl_err rate_search(rate_try_fn *try_rate, void *ctx, uint64_t start, uint64_t most, uint64_t *best);

#endif

/* feed_figures.h - how large the batches were that a broker of ours sent on its feed: what every
 * bench over carriers tells beside its own figures. */
#ifndef BENCH_FEED_FIGURES_H
#define BENCH_FEED_FIGURES_H

#include "carrier.h"
#include "daemons.h"
#include "result.h"

#include <stdio.h>

/** Puts <carrier>_events_per_batch and <carrier>_batch_bytes; nothing where no batch was sent. */
void feed_figures_put(result_t *result, const carrier_ops_t *ops, const feed_batch_t *batch);

/** "sluice: 12.3 events, 4,321 bytes a batch on the feed", a line for each carrier that has them.
 */
void feed_figures_print(const result_t *result, FILE *out);

#endif

/* fill.h - fills a queue of mns-local with BatchCompute notifications. */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "daemons.h"

enum { FILL_SIMS = 2, FILL_PROCESSES = FILL_SIMS + 1 };

/** Creates the queue and fills it with JSON-envelope messages of batch-sim's mix.
 *  @return SL_OK; an error, told on stderr. */
sl_err fill_queue(proc_set_t *set, const bench_place_t *place, const mns_daemon_t *mns,
                  const char *queue, uint64_t messages, uint64_t seed);

#endif

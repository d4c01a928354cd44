/* scale_memory.h - how much memory does the broker need for one more: subscriber, topic, id?
 *
 * Each is the difference of two looks at the anonymous memory (RssAnon) of brokers that differ in
 * nothing else, divided by how many there are more:
 *
 *     subscriber   one broker: FEW of them have had some events | MANY more have had some, too
 *     topic        one broker: some events on 4 topics          | as many events on 960
 *     id           two brokers, the same events: without dedup  | with
 *
 * Quiet ones: a subscriber that is behind holds batches of the feed on top, and a topic under load
 * a forming batch. */
#ifndef BENCH_SCALE_MEMORY_H
#define BENCH_SCALE_MEMORY_H

#include "bench.h"

typedef struct scale_memory {
    double rest_mib;       /**< of a broker that serves and has nothing to do */
    double subscriber_kib; /**< for one more */
    double topic_kib;      /**< likewise */
    double id_bytes_least; /**< for an id, before the dedup table doubles */
    double id_bytes_most;  /**< after it has */
} scale_memory_t;

/** About how long it takes. */
enum { SCALE_MEMORY_SECONDS = 12 };

/** @return SL_OK; an error, told on stderr. */
sl_err scale_memory(const bench_run_t *bench, scale_memory_t *out);

#endif

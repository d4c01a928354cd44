/* counter.h - what a program counts, as one table.
 *
 * A program writes its counters as rows; the enum that names them and the definitions that
 * /metrics prints come from the same rows:
 *
 *     #define BROKER_COUNTERS(X)                                                        \
 *         X(INTAKE_EVENTS, TOTAL, "broker_intake_events", "Events taken from publishers") \
 *         X(TOPICS, GAUGE, "broker_topics", "Topics in the stream")
 *     #define X(name, kind, metric, help) BROKER_##name,
 *     enum { BROKER_COUNTERS(X) BROKER_COUNTER_COUNT };
 *     #undef X
 *     static const counter_def_t broker_counter_defs[] = {BROKER_COUNTERS(COUNTER_DEF)};
 *
 * A set is one array of values for one table, perhaps with labels (`queue="a"`); a registry is the
 * list of sets that /metrics renders.  Names get the prefix `sluice_`, totals the suffix `_total`
 * (Prometheus naming).  Threads: values are relaxed atomics.  counter_add is for a counter that one
 * thread writes (no locked instruction); counter_add_shared for one that several write. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { COUNTER_TOTAL, COUNTER_GAUGE } counter_kind_t;

typedef struct counter_def {
    const char *name; /**< without prefix and suffix: "broker_intake_events" */
    const char *help;
    counter_kind_t kind;
} counter_def_t;

typedef _Atomic uint64_t counter_t;

/** A table's row as a definition. */
#define COUNTER_DEF(name, kind, metric, help) {metric, help, COUNTER_##kind},

static inline void counter_add(counter_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline void counter_add_shared(counter_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void counter_set(counter_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/** One table's values.  The owner keeps the memory alive while it is registered. */
typedef struct counter_set {
    const counter_def_t *defs;
    counter_t *values;
    size_t count;
    const char *labels;       /**< NULL or `queue="a",region="b"`, escaped; borrowed */
    struct counter_set *next; /**< the registry's */
} counter_set_t;

typedef struct counter_registry {
    pthread_mutex_t lock; /**< guards the list, not the values */
    counter_set_t *sets;
} counter_registry_t;

#define COUNTER_REGISTRY_INIT ((counter_registry_t){PTHREAD_MUTEX_INITIALIZER, NULL})

void counter_registry_add(counter_registry_t *registry, counter_set_t *set);
/** A set that is not registered is fine. */
void counter_registry_remove(counter_registry_t *registry, counter_set_t *set);

/** Appends all sets as Prometheus text, version 0.0.4 (prometheus.io, exposition formats).  Sets of
 *  one table are grouped, so that each metric's HELP and TYPE come once. */
void counter_render(counter_registry_t *registry, sl_buf_t *out);

#endif

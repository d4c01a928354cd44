/* target.h - a place that keeps events and gives them back: ours, and those that stand beside it.
 *
 *     publisher   open -> send, send, …, flush -> take: so many are kept now -> … -> close
 *     reader      read_all: everything that is kept, oldest first, once
 *
 * The loop that publishes (journal_roles.c) is the same for all, and so are the events, how many of
 * them may be without an answer, and how many leave together; a target only says it in its own
 * client library, in the way its documentation shows.  A target belongs to one process. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "daemons.h"
#include "mix.h"
#include "share.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where it is, and what is asked of it. */
typedef struct target_plan {
    char intake[DAEMONS_ENDPOINT_MAX], feed[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    char url[DAEMONS_ENDPOINT_MAX]; /**< of a peer */
    uint16_t port;                  /**< likewise */
    size_t batch;                   /**< events that leave together, on one topic */
    size_t outstanding;             /**< events that may be without an answer, of one publisher */
    bool dedup;                     /**< give the peer the events' ids too, where it knows such */
} target_plan_t;

typedef struct target_ops {
    const char *name;

    /** A peer's client library and its version, "hiredis 0.14.1".  NULL: ours. */
    void (*library)(char *out, size_t size);

    /** Connects as a publisher; what it publishes to exists then.  @return NULL, told on stderr. */
    void *(*open)(const target_plan_t *plan);

    /** Puts one event on its way, perhaps into a buffer.  @return false, told on stderr. */
    bool (*send)(void *target, const mix_event_t *event);

    /** Whatever is in a buffer leaves. */
    bool (*flush)(void *target);

    /** Waits until an event sent before is kept, a few milliseconds at most.
     *  @return how many more are kept now, perhaps 0; -1: one was refused, or it is broken. */
    long (*take)(void *target);

    void (*close)(void *target);

    /** Reads events from the oldest on, counted in the slot, until it has `events` of them.
     *  @return false, told on stderr. */
    bool (*read_all)(const target_plan_t *plan, share_slot_t *slot, uint64_t events);
} target_ops_t;

typedef enum { TARGET_SLUICE, TARGET_REDIS, TARGET_JETSTREAM, TARGETS } target_id_t;

/** @return NULL: this sluice-bench was built without the client library it takes. */
const target_ops_t *target_of(target_id_t id);

/** The package whose absence makes target_of return NULL. */
const char *target_package(target_id_t id);

#endif

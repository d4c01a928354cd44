/* query_service.h - the query endpoint: who asks, and who knows the answer.
 *
 *     peers <--ROUTER--> this thread --FIND, REPLAY--> journal (journal_read, in slices)
 *                             |     \--CURSOR.*------> cursors (one transaction a turn)
 *                             |
 *                            PAIR--TICK, STATUS--> the sequencer (query.h), and back
 *
 * Reading the journal and syncing cursors takes time, so all of it has a thread of its own, and the
 * sequencer is asked only what only it knows.  A turn reads some questions, keeps what they staged
 * of the cursors, and sends some slices of replays.
 *
 * What a peer does not read: a replay stops when its credit is spent; other answers wait, a bounded
 * number of them, and are dropped past that.
 *
 * Threads: one of its own, or, in tests, whoever calls query_service_turn. */
#ifndef BROKER_QUERY_SERVICE_H
#define BROKER_QUERY_SERVICE_H

#include "counters.h"
#include "cursors.h"
#include "journal.h"

typedef struct query_service query_service_t;

typedef struct query_service_options {
    void *router; /**< with ROUTER_MANDATORY; borrowed until the thread has ended */
    void *pair;   /**< to the sequencer; likewise */
    journal_t *journal;
    cursors_t *cursors; /**< borrowed */
    counter_t *counters;
    const sl_clock_t *clock;
    uint64_t stream;
    const wire_parent_t *parents; /**< copied */
    uint32_t parent_count;
    uint32_t replays_max;
} query_service_options_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err query_service_create(query_service_t **out, const query_service_options_t *options);

/** Begins the thread; the sockets are its own from now on.  @return SL_OK, SL_EIO. */
sl_err query_service_start(query_service_t *s);

/** One turn, without a thread.
 *  @param wait_ms  how long it may wait for something to do.
 *  @return false: it was told to end. */
bool query_service_turn(query_service_t *s, long wait_ms);

/** Ends the thread, if it runs, and frees it; then the sockets are the caller's again.
 *  @param pair  the sequencer's end. */
void query_service_destroy(query_service_t **s, void *pair);

#endif

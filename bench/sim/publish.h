/* publish.h - from notifications to MNS, many at a time, and into the ledger what was confirmed.
 *
 *     add -> slot (one notification, or a batch of 16 for a queue) -> mns_submit
 *                ^                                                       |
 *                +-- failed: again after a pause <-----------------------+-> confirmed: ledger
 *
 * A slot keeps its notifications until each of them is confirmed, so that none is recorded twice
 * and none is forgotten.  What comes back without an answer may have been published all the same:
 * it is sent again and counted as `unanswered`, and only the confirmed one is in the ledger.
 * One thread owns a publisher. */
#ifndef SIM_PUBLISH_H
#define SIM_PUBLISH_H

#include "envelope.h"
#include "ledger.h"
#include "mns/mns.h"
#include "sim.h"

typedef struct publisher publisher_t;

/** Strings are borrowed for the publisher's life. */
typedef struct publisher_options {
    mns_client_t *client; /**< the publisher's alone */
    ledger_t *ledger;
    const char *topic; /**< published to, or named in the envelopes */
    const char *queue; /**< not NULL: straight into this queue, as that topic would feed it */
    const char *account, *subscription; /**< in the envelopes */
    envelope_format_t format;           /**< of what goes into a queue */
    bool base64;
    uint32_t in_flight;      /**< requests at a time; at least 1 */
    uint64_t give_up_ms;     /**< without any success */
    uint64_t first_pause_ms; /**< after a failure; doubles up to 5 s; 0: 100 */
} publisher_options_t;

typedef struct publisher_stats {
    uint64_t published, requests, failed_attempts, unanswered;
    uint64_t of[EVENT_KIND_COUNT]; /**< published, by event */
} publisher_stats_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err publisher_create(publisher_t **out, const publisher_options_t *options);
/** What is not confirmed is given up.  Destroy the client first: its last replies come here. */
void publisher_destroy(publisher_t **publisher);

/** Is there room for one more notification? */
bool publisher_has_room(const publisher_t *publisher);
/** Takes a notification, number n of the workload.  Call only when there is room. */
void publisher_add(publisher_t *publisher, uint64_t n, const sim_event_t *event);
/** Sends a batch that is not full, too. */
void publisher_flush(publisher_t *publisher);
/** Moves bytes, repeats what is due; waits at most timeout_ms for something to do. */
void publisher_turn(publisher_t *publisher, int timeout_ms);
/** Is all that was added confirmed? */
bool publisher_idle(const publisher_t *publisher);

/** NULL, or why it makes no sense to go on: one sentence without a full stop. */
const char *publisher_trouble(const publisher_t *publisher);
const publisher_stats_t *publisher_stats(const publisher_t *publisher);

#endif

/* source.h - one MNS queue: what is being polled, what is in hand, what is to be deleted.
 *
 *     MNS --BATCH_RECEIVE x polls--> waiting --(publish.c)--> sent --> acked --BATCH_DELETE--> gone
 *
 * Two bounds make a stalled broker stop the receiving by itself: nothing is polled while messages
 * wait for room at the publisher, and in hand + 16 for each poll under way stays within
 * `undeleted`.  Only an acknowledgement, or the source's own filter, leads to a delete.
 *
 * After a failure the source is down: one poll that does not wait probes it, further and further
 * apart, and the full number starts when that is answered.  A source knows nothing of others.
 *
 * Threads: the bridge's loop owns it; counters and `down` are read by the HTTP thread. */
#ifndef BRIDGE_SOURCE_H
#define BRIDGE_SOURCE_H

#include "backoff.h"
#include "counters.h"
#include "options.h"
#include "slots.h"
#include "visibility.h"

#include <mns/mns.h>

enum { SOURCE_BATCH = 16 /**< messages of a receive, handles of a delete: MNS's limit */ };

/** What all sources of a bridge share. */
typedef struct source_shared {
    slot_pool_t slots;
    uint64_t now_ms; /**< monotonic; read once a turn */
    uint64_t random;
    uint64_t delete_linger_ms;
    uint64_t received_ms; /**< when messages came last */
    bool stopping;        /**< nothing is received any more */
    bool backlog;         /**< this turn brought a full reply: there is more where it came from */
} source_shared_t;

/* Why a source is down: the name and what /readyz says. */
#define SOURCE_DOWN_MAP(X)                        \
    X(NO, "")                                     \
    X(UNTRIED, "it has not been reached yet")     \
    X(NO_QUEUE, "the queue does not exist")       \
    X(REFUSED, "the service refuses the receive") \
    X(FAILING, "receiving fails")
#define X(name, text) SOURCE_DOWN_##name,
typedef enum { SOURCE_DOWN_MAP(X) SOURCE_DOWN_COUNT } source_down_t;
#undef X

typedef struct source {
    const source_options_t *options;
    source_shared_t *shared;
    const char *name;
    char account[OPTIONS_ACCOUNT_MAX + 1], region[OPTIONS_REGION_MAX + 1];
    decode_place_t place;
    mns_client_t *client;
    visibility_t visibility;

    source_down_t down;
    backoff_t receive_backoff, delete_backoff;
    uint64_t down_since_ms;
    uint64_t idle_until_ms; /**< a service that answers "empty" at once is not asked at once */
    uint32_t polls_in_flight, deletes_in_flight;

    size_t in_hand; /**< all slots of this source, whatever their state */
    slot_list_t waiting, acked, left;
    uint64_t delete_due_ms;
    struct delete_batch *batches; /**< kept for use again */

    counter_t counters[SOURCE_COUNTER_COUNT];
    counter_t dead_letters[EVENT_REASON_COUNT];
    counter_set_t set, dead_letter_sets[EVENT_REASON_COUNT];
    sl_buf_t labels[EVENT_REASON_COUNT];
    sl_buf_t down_texts[SOURCE_DOWN_COUNT];
} source_t;

/** Prepares a zeroed source.  @return SL_OK, SL_EINVAL (the MNS client takes no such endpoint, or
 *  there are no keys), SL_ENOMEM.  Call source_fini either way. */
sl_err source_init(source_t *source, const source_options_t *options, source_shared_t *shared);
void source_fini(source_t *source);

void source_register(source_t *source, counter_registry_t *registry);
void source_unregister(source_t *source, counter_registry_t *registry);

/* -- duties of a turn; each returns the work it did ---------------------------------------- */

/** Takes MNS's answers: messages to `waiting`, deletes to their end. */
size_t source_take_replies(source_t *source);
/** Sends batches of deletes that are full or due. */
size_t source_delete(source_t *source);
/** Starts receives, as many as the bounds allow. */
size_t source_receive(source_t *source);
/** Forgets left messages that MNS shows again, and sets the gauges. */
void source_tend(source_t *source);

/** When the source next wants a turn though nothing happens; UINT64_MAX: never. */
uint64_t source_due_ms(const source_t *source);
/** Is anything in hand that a stop should wait for? */
bool source_busy(const source_t *source);
/** What /readyz says of a source that is down; lives as long as the source. */
const char *source_down_text(const source_t *source);

/* -- for the publisher --------------------------------------------------------------------- */

/** The next message to publish; those whose visibility lapsed are discarded on the way. */
slot_t *source_next_waiting(source_t *source);
/** Puts it back as the next. */
void source_wait_again(slot_t *slot);
void source_sent(slot_t *slot);
/** The broker has it, or nobody wants it: delete it from MNS. */
void source_done(slot_t *slot);
/** The broker refused it even as a dead letter: leave it in MNS. */
void source_leave(slot_t *slot);

static inline void source_count(source_t *source, int counter, uint64_t n)
{
    counter_add(&source->counters[counter], n);
}

#endif

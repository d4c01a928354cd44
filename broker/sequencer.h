/* sequencer.h - which number has this event?
 *
 * Takes PUBs, drops what it knows already, gathers the rest into batches, numbers those, hands them
 * to the journal, and tells when they are durable:
 *
 *     take --dedup--> forming (one a topic) --seal: numbers--> in flight --journal--> committed
 *
 * A request waits for every batch that holds one of its events, or the original of one of its
 * duplicates.  Numbers are provisional until commit: when the journal fails, everything that is not
 * committed is undone: numbers, tails, dedup; and all its requests are refused.
 *
 * Threads: one owns it. */
#ifndef BROKER_SEQUENCER_H
#define BROKER_SEQUENCER_H

#include "batch.h"
#include "counters.h"
#include "dedup.h"
#include "journal.h"
#include "topics.h"

struct publisher;

/** A PUB that is not answered yet. */
typedef struct request {
    struct request *next;        /**< of its publisher, in order; else of the free ones */
    struct publisher *publisher; /**< NULL: nobody waits for the answer any more */
    uint64_t number;
    uint32_t waits; /**< batches it waits for, and 1 while it is being taken */
    bool refused;   /**< to be answered with `nak` */
    wire_nak_t nak;
    uint64_t first, last; /**< bounds of its numbers; 0: none */
    uint32_t accepted, duplicates;
} request_t;

/** One request that waits for one batch; which of the batch's events are its own. */
typedef struct waiter {
    struct waiter *next;
    request_t *request;
    uint32_t offset, count; /**< count 0: it waits for an original */
} waiter_t;

/** A PUB, checked: ends rise and end at the last byte of events. */
typedef struct take {
    const char *topic;
    size_t topic_len;
    uint32_t count;
    const uint8_t *ends, *ids; /**< ids NULL: none */
    zmq_msg_t *events;         /**< emptied when it is forwarded */
} take_t;

typedef struct sequencer_options {
    uint64_t stream;
    uint64_t next;    /**< number of the first event; 0: 1 */
    uint64_t time_ns; /**< no batch may seem older than this */
    uint32_t topics_max, dedup_count;
    uint64_t dedup_age_ms;
    journal_t *journal; /**< borrowed */
    counter_t *counters;
    void (*committed)(void *ctx, batch_t *b); /**< takes over the reference */
    void (*settled)(void *ctx, request_t *r); /**< durable or refused: answer, then release it */
    void *ctx;
} sequencer_options_t;

typedef struct sequencer {
    sequencer_options_t o;
    uint64_t next; /**< number of the next event; provisional */
    uint64_t time_ns;
    uint64_t now_ns, wall_ns; /**< of this turn */
    topics_t topics;
    batch_pool_t pool;
    dedup_t dedup;
    batch_t *forming_head, *forming_tail; /**< oldest first */
    size_t forming_bytes;                 /**< buffers of the forming ones */
    batch_list_t in_flight, failed;
    bool gathering;     /**< larger batches are better than forwarded ones; the owner sets it */
    bool failing;       /**< the journal failed; waiting for the last of what is in flight */
    uint64_t rollbacks; /**< so far */
    request_t *free_requests;
    waiter_t *free_waiters;
    uint32_t free_waiter_count;
    void *blocks; /**< memory of requests and waiters */
    uint32_t originals[WIRE_BATCH_EVENTS_MAX];
    bool known[WIRE_BATCH_EVENTS_MAX];
} sequencer_t;

/** @return SL_OK, SL_ENOMEM, SL_EIO.  After an error sequencer_fini is fine. */
sl_err sequencer_init(sequencer_t *s, const sequencer_options_t *options);

/** Drops what is not committed; then the journal must go, then the sockets, then this. */
void sequencer_abandon(sequencer_t *s);
void sequencer_fini(sequencer_t *s);

/** @return a request with one hold (waits 1), or NULL: no memory. */
request_t *sequencer_request(sequencer_t *s);
void sequencer_release(sequencer_t *s, request_t *r);
/** Gives back the hold; the request may be settled at once. */
void sequencer_unhold(sequencer_t *s, request_t *r);

/** Takes a PUB whole or not at all.
 *  @return SL_OK: the request waits for its batches; SL_ELIMIT: too many topics; SL_ENOMEM. */
sl_err sequencer_take(sequencer_t *s, request_t *r, const take_t *take);

/** Seals the forming batches that are older than `age_ns` (0: all). */
void sequencer_seal(sequencer_t *s, uint64_t age_ns);

/** Delivers completions; undoes a failed group when its last batch has come back. */
void sequencer_poll(sequencer_t *s);

/** When the oldest forming batch began; UINT64_MAX: there is none. */
static inline uint64_t sequencer_oldest_ns(const sequencer_t *s)
{
    return s->forming_head != NULL ? s->forming_head->opened_ns : UINT64_MAX;
}

/** Bytes that wait for the journal. */
static inline size_t sequencer_pending_bytes(const sequencer_t *s)
{
    return s->forming_bytes + s->in_flight.bytes;
}

#endif

/* queue_impl.h - a queue source's inside, shared by its parts.
 *
 *     queue_source.c    making, ending, the turn, gauges
 *     queue_receive.c   polls: how many, when, and what their answers mean
 *     queue_delete.c    batches of deletes
 *     queue_extend.c    longer visibility for what the broker is slow to take
 *     queue_watch.c     the queue's attributes: its timeout, its length
 *
 * The parts call each other only through what is declared here; source.h's table leads in. */
#ifndef BRIDGE_QUEUE_IMPL_H
#define BRIDGE_QUEUE_IMPL_H

#include "backoff.h"
#include "pace.h"
#include "polls.h"
#include "queue_source.h"
#include "unseen.h"
#include "visibility.h"

#include <mns/mns.h>

enum {
    QUEUE_BATCH = 16, /**< messages of a receive, handles of a delete: MNS's limit */
    QUEUE_DELETES_MAX = 32,
    QUEUE_EXTENDS_MAX = 16, /**< requests under way at once */
};

/* Why a queue is down: the name and what /readyz says. */
#define QUEUE_DOWN_MAP(X)                         \
    X(NO, "")                                     \
    X(UNTRIED, "it has not been reached yet")     \
    X(NO_QUEUE, "the queue does not exist")       \
    X(REFUSED, "the service refuses the receive") \
    X(FAILING, "receiving fails")
#define X(name, text) QUEUE_DOWN_##name,
typedef enum { QUEUE_DOWN_MAP(X) QUEUE_DOWN_COUNT } queue_down_t;
#undef X

/* A receive under way. */
typedef struct queue_poll {
    struct queue_poll *next;
    struct queue_source *queue;
    uint64_t started_ms, ends_ms; /**< how long it waits at the service */
    uint32_t count;
    bool under_way, overdue;
} queue_poll_t;

typedef struct queue_source {
    source_t base; /**< first: a source_t of ours is one of these */
    mns_client_t *client;
    visibility_t visibility;

    /* receiving */
    queue_down_t down;
    sl_buf_t down_texts[QUEUE_DOWN_COUNT];
    polls_t polls;
    pace_t pace;
    unseen_t unseen;
    backoff_t receive_backoff, throttle;
    uint32_t failures; /**< receives that failed in a row */
    uint64_t down_since_ms;
    uint64_t idle_until_ms; /**< a service that answers "empty" at once is not asked at once */
    queue_poll_t *poll_pool, *idle_polls;
    uint32_t pool_size, polls_in_flight;
    uint32_t overdue;        /**< of these, those that are likely to hang */
    uint64_t overdue_due_ms; /**< when the next may be */
    size_t asked;            /**< messages that these may bring */

    /* deleting */
    slot_list_t acked, left;
    backoff_t delete_backoff;
    uint32_t deletes_in_flight;
    uint64_t delete_due_ms;
    struct queue_deletes *batches; /**< kept for use again */

    /* extending */
    slot_ring_t unacked; /**< may be extended; the first to lapse is first, by and large */
    slot_ring_t fixed;   /**< unacknowledged too: an extension is under way, or none is any use */
    backoff_t extend_backoff;
    uint32_t extends_in_flight;
    uint64_t extend_window_ms;
    uint32_t extend_window_sent;

    /* watching */
    bool look_under_way, look_answered;
    bool hidden_known;   /**< a look told how many messages others hide */
    size_t look_in_hand; /**< when it was sent */
    uint64_t look_sent_ms, look_due_ms, look_patience_ms, age_due_ms;

    counter_t counters[QUEUE_COUNTER_COUNT];
} queue_source_t;

static inline queue_source_t *queue_of(source_t *source)
{
    return (queue_source_t *)source;
}

static inline const queue_source_t *queue_of_const(const source_t *source)
{
    return (const queue_source_t *)source;
}

static inline uint64_t queue_now_ms(const queue_source_t *queue)
{
    return queue->base.shared->now_ms;
}

static inline void queue_count(queue_source_t *queue, int counter, uint64_t n)
{
    counter_add(&queue->counters[counter], n);
}

static inline uint64_t queue_sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* -- queue_source.c ------------------------------------------------------------------------ */

/** Works the slot's times out of what the service said. */
void queue_set_deadline(queue_source_t *queue, slot_t *slot, int64_t next_visible_ms);
/** Gives a slot back whose message MNS counts until then; 0: no longer. */
void queue_forget(slot_t *slot, uint64_t until_ms);
/** The slot's time is up, for good. */
void queue_lapsed(slot_t *slot);
/** The service wants fewer requests of the kind that `backoff` holds up. */
bool queue_is_throttled(const mns_reply_t *reply);
void queue_throttled(queue_source_t *queue, backoff_t *backoff, const mns_reply_t *reply);

/* -- the duties: each a part's, done once a turn, with when it next has something to do ------ */

size_t queue_receive(queue_source_t *queue);
uint64_t queue_receive_due_ms(const queue_source_t *queue);
/** Does one more poll stay within `undeleted`? */
bool queue_has_room(const queue_source_t *queue);

size_t queue_delete(queue_source_t *queue);
uint64_t queue_delete_due_ms(const queue_source_t *queue);
void queue_delete_soon(slot_t *slot);
void queue_delete_fini(queue_source_t *queue);

size_t queue_extend(queue_source_t *queue);
uint64_t queue_extend_due_ms(const queue_source_t *queue);
/** A slot came, or it needs no extension any more. */
void queue_extend_begin(slot_t *slot);
void queue_extend_end(slot_t *slot);

size_t queue_watch(queue_source_t *queue);
uint64_t queue_watch_due_ms(const queue_source_t *queue);
/** May receiving begin?  The first look, which tells how much is hidden already, was answered or
 *  took too long. */
bool queue_watch_begun(const queue_source_t *queue);
/** A reply's messages came: how old are they? */
void queue_watch_ages(queue_source_t *queue, const mns_reply_t *reply);

#endif

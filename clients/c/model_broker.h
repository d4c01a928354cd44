/* model_broker.h - a broker of a few hundred lines, for histories that are played at random.
 *
 *     line    the number line: records one after another, some of them gone by retention or damage
 *     feed    messages on their way to the subscriber, in order; what is lost never gets in here
 *     query   answers on their way to it
 *     replays what runs; each step puts one answer into `query`
 *
 * A change of the stream goes on behind the last record that survived it, or begins a line of its
 * own.  Everything is by value and bounded: a history is a few hundred steps. */
#ifndef CLIENT_MODEL_BROKER_H
#define CLIENT_MODEL_BROKER_H

#include "wire/feed.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MODEL_TOPICS = 4, /* the last one is none of the subscriber's */
    MODEL_RECORDS_MAX = 512,
    MODEL_BATCH_MAX = 3,
    MODEL_QUEUE_MAX = 1024,
    MODEL_REPLAYS_MAX = 4,
    MODEL_CHANGES_MAX = WIRE_PARENTS_MAX,
};

extern const char *const model_topics[MODEL_TOPICS];

typedef struct model_record {
    uint32_t uid; /* no two ever made have the same */
    int topic;
    uint64_t stream, prev, first, last;
    bool gone; /* by retention or damage */
} model_record_t;

typedef enum {
    MODEL_BATCH,
    MODEL_TICK,
    MODEL_SYNC,
    MODEL_LOST,
    MODEL_DONE,
    MODEL_WRONG_STREAM,
    MODEL_BUSY
} model_kind_t;

typedef struct model_message {
    model_kind_t kind;
    uint64_t request; /* of what comes from the query side */
    model_record_t record;
    uint64_t from, to; /* LOST; DONE: to */
    /* a tick */
    uint64_t stream, next, tails[MODEL_TOPICS];
    wire_parent_t parents[WIRE_PARENTS_MAX];
    uint32_t parent_count;
} model_message_t;

typedef struct model_queue {
    model_message_t items[MODEL_QUEUE_MAX];
    size_t at, count;
} model_queue_t;

typedef struct model_replay {
    uint64_t request, at, until; /* shown up to `at` */
} model_replay_t;

typedef struct model_broker {
    uint64_t random;
    uint64_t stream, next, tails[MODEL_TOPICS];
    uint32_t uids, changes;
    model_record_t line[MODEL_RECORDS_MAX];
    size_t count, kept_from; /* records before kept_from are gone by retention */
    wire_parent_t parents[WIRE_PARENTS_MAX];
    uint32_t parent_count;
    model_queue_t feed, query;
    model_replay_t replays[MODEL_REPLAYS_MAX];
    size_t replay_count;
} model_broker_t;

void model_init(model_broker_t *b, uint64_t seed);

/** A number below n, from the history's own generator. */
uint32_t model_random(model_broker_t *b, uint32_t n);
/** True in `percent` of the calls. */
bool model_chance(model_broker_t *b, uint32_t percent);

/** A new batch; on the feed unless lost. */
void model_publish(model_broker_t *b, bool lost);
/** A tick onto the feed, or the answer to a sync. */
void model_tick(model_broker_t *b, model_kind_t kind);
/** The oldest record goes; or any. */
void model_retain(model_broker_t *b);
void model_damage(model_broker_t *b);

/** How a new stream comes about. */
typedef enum {
    MODEL_GOES_ON, /* all that was numbered is there */
    MODEL_CUT,     /* the last records are not */
    MODEL_FORGETS, /* it goes on, but names no parent */
    MODEL_ANEW,    /* nothing is there */
} model_change_t;
/** Replays end without a word.  What is on its way stays. */
void model_change_stream(model_broker_t *b, model_change_t how);

/** The subscriber asks for a replay. */
void model_ask(model_broker_t *b, uint64_t request, uint64_t stream, uint64_t after,
               uint64_t until);
void model_cancel(model_broker_t *b, uint64_t request);
/** One of the replays says its next word.  @param may_stop  it may say DONE early. */
void model_replay_step(model_broker_t *b, bool may_stop);

/** @return NULL: the queue is empty.  Valid until something is put in. */
const model_message_t *model_take(model_queue_t *queue);
static inline bool model_queue_has_room(const model_queue_t *queue)
{
    return queue->count < MODEL_QUEUE_MAX;
}

#endif

/* sub_state.h - what has this subscriber had, and what is missing?
 *
 * No sockets and no time: batches and ticks go in, verdicts and notices come out, so that every
 * case of docs/protocol.md ("How to subscribe and know what you missed") is a test of a few lines.
 *
 *     confirmed  F: everything up to F was delivered, is not ours, or was reported lost
 *     last       L[t], one per topic: the last number delivered on it
 *     known      max(L[t], F)
 *
 * A batch says in `prev` what came before it on its topic, a tick says it for all topics.  Whatever
 * lies between `known` and that did not arrive: a hole.  This version reports a hole as lost; with
 * replay it is what will be asked for, and the batch behind it will wait.
 *
 * A stream that we have not seen before begins at F = 0: all that it numbers is ours to miss, so
 * that nothing published before we were back in touch goes by in silence. */
#ifndef CLIENT_SUB_STATE_H
#define CLIENT_SUB_STATE_H

#include "patterns.h"
#include "topic_map.h"
#include "wire/feed.h"

enum { SUB_TOPICS_MAX = 4096 }; /**< four times what a stream may have; bounds a hostile peer */

typedef struct sub_topic {
    topic_key_t key; /**< first: the map's */
    bool mine;       /**< a pattern matches it */
    uint64_t last;   /**< L[t]; 0: nothing delivered yet */
} sub_topic_t;

typedef enum { SUB_LOST, SUB_STREAM } sub_notice_kind_t;

/** What the user must hear before anything that follows. */
typedef struct sub_notice {
    sub_notice_kind_t kind;
    const sub_topic_t *topic; /**< LOST: where; valid until the next message goes in */
    uint64_t from, to;        /**< LOST: both inclusive */
} sub_notice_t;

typedef struct sub_state {
    patterns_t patterns;
    bool placed; /**< stream and confirmed mean something: a join was answered once */
    bool joined; /**< the sync of this connection was answered */
    uint64_t stream, confirmed;

    topic_map_t topics;

    sub_notice_t *notices; /**< a queue: [notice_at, notice_count) are left */
    size_t notice_at, notice_count, notice_cap;

    uint64_t gaps, repeats, resyncs, streams, ticks;
} sub_state_t;

/** @return SL_OK, SL_EINVAL, SL_ENOMEM. */
sl_err sub_state_init(sub_state_t *state, const char *const *patterns);
void sub_state_fini(sub_state_t *state);

/** The topic's entry; made when it is new.  It lives as long as the state.
 *  @return NULL with *err SL_ENOMEM, or SL_EPROTO (no topic, or more of them than SUB_TOPICS_MAX).
 */
sub_topic_t *sub_state_topic(sub_state_t *state, const char *name, size_t len, sl_err *err);

/** Takes a batch on a topic of ours.  Notices come before what is delivered.
 *  @param skip  receives how many of its first events are repeats; header->count: all.
 *  @return SL_OK, SL_ENOMEM (the batch counts as not received). */
sl_err sub_state_batch(sub_state_t *state, sub_topic_t *topic, const wire_feed_header_t *header,
                       uint32_t *skip);

/** Takes a tick.  @param sync  it is the answer to our sync.
 *  @return SL_OK, SL_EPROTO (malformed body; nothing has changed), SL_ENOMEM. */
sl_err sub_state_tick(sub_state_t *state, const wire_feed_header_t *header, const void *body,
                      size_t len, bool sync);

/** The connection is a new one: joined no longer, but where we were still holds. */
void sub_state_reconnected(sub_state_t *state);

static inline bool sub_state_has_notice(const sub_state_t *state)
{
    return state->notice_at < state->notice_count;
}

/** Takes the next notice off the queue; there must be one. */
sub_notice_t sub_state_take_notice(sub_state_t *state);

#endif

/* sub_state_impl.h - what the two halves of the state share.
 *
 *     sub_state.c   the feed: batches, ticks, streams, what is held
 *     sub_repair.c  the replay that fills holes, and what it cannot bring back */
#ifndef CLIENT_SUB_STATE_IMPL_H
#define CLIENT_SUB_STATE_IMPL_H

#include "sub_state.h"

#define SUB_REASON_NO_REPAIR  "NO_REPAIR"
#define SUB_REASON_RETENTION  "RETENTION"
#define SUB_REASON_DAMAGE     "DAMAGE"
#define SUB_REASON_UNREADABLE "UNREADABLE"

static inline uint64_t sub_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t sub_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t sub_known(const sub_state_t *state, const sub_topic_t *topic)
{
    return sub_max(topic->last, state->reached);
}

static inline uint64_t sub_last(const sub_batch_t *batch)
{
    return batch->header.first + batch->header.count - 1;
}

/** For every topic there is: `topic` in turn. */
#define SUB_FOR_TOPICS(state, topic)                           \
    for (size_t i_ = 0; i_ < (state)->topics.slot_count; i_++) \
        if (((topic) = (sub_topic_t *)(state)->topics.slots[i_]) != NULL)

/** Makes room before anything changes, so that nothing changes by halves.
 *  @return SL_OK, SL_ENOMEM. */
sl_err sub_reserve_notices(sub_state_t *state, size_t more);

/** Room must be reserved. */
void sub_put_lost(sub_state_t *state, const sub_topic_t *topic, uint64_t from, uint64_t to,
                  const char *reason);

/** Something on the topic, up to `to`, was numbered and will not come.  Room must be reserved. */
void sub_lose(sub_state_t *state, sub_topic_t *topic, uint64_t to, const char *reason);

/** Hands a batch out that has something new; reports first what lacks before it.  Room for one
 * notice must be reserved. */
void sub_hand_out(sub_state_t *state, sub_batch_t *batch, const char *reason);

/** Nothing is left to be done up to `clear`?  Then that is reached. */
void sub_advance(sub_state_t *state);

#endif

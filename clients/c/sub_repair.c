#include "sub_state_impl.h"

bool sub_state_wants_replay(const sub_state_t *state, uint64_t *after, uint64_t *until)
{
    *after = state->reached;
    *until = state->wanted;
    return state->repair && state->placed && !state->stalled && state->replay == 0 &&
           state->reached < state->wanted;
}

void sub_state_replay_asked(sub_state_t *state, uint64_t request, uint64_t until)
{
    state->replay = request;
    state->replay_until = until;
    state->unreadable = false; /* it brings it again */
}

static bool is_running(const sub_state_t *state, uint64_t request)
{
    return request != 0 && request == state->replay;
}

/* -- what does not come back ----------------------------------------------------------------- */

/* The topics of ours that may have had something between `from` and `to`. */
typedef struct suspects {
    const sub_topic_t *one; /* the only one, if count is 1 */
    size_t count;
    uint64_t from, to; /* between the bounds of them all */
} suspects_t;

static suspects_t find_suspects(sub_state_t *state, uint64_t from)
{
    suspects_t found = {.from = UINT64_MAX};
    sub_topic_t *topic;
    SUB_FOR_TOPICS(state, topic)
    {
        uint64_t known = sub_known(state, topic);
        if (!topic->mine || topic->tail <= known || topic->tail < from)
            continue;
        found.one = topic;
        found.count++;
        found.from = sub_min(found.from, known + 1);
        found.to = sub_max(found.to, topic->tail);
    }
    return found;
}

/* Reports as little of from … to as our knowledge of tails allows, or nothing at all.  What lies
 * behind the last tick may have been on topics that we have not heard of. */
static void report(sub_state_t *state, uint64_t from, uint64_t to, const char *reason)
{
    from = sub_max(from, state->reached + 1);
    if (from > to)
        return;
    if (to > state->clear) {
        sub_put_lost(state, NULL, from, to, reason);
        return;
    }
    suspects_t found = find_suspects(state, from);
    from = sub_max(from, found.from);
    to = sub_min(to, found.to);
    if (found.count > 0 && from <= to)
        sub_put_lost(state, found.count == 1 ? found.one : NULL, from, to, reason);
}

/* The replay goes on behind `to`: what it brought and could not be read ended there. */
static void tell_unreadable(sub_state_t *state, uint64_t to)
{
    if (!state->unreadable)
        return;
    state->unreadable = false;
    if (to <= state->reached)
        return;
    report(state, state->reached + 1, to, SUB_REASON_UNREADABLE);
    state->reached = to;
}

/* -- what a replay brings -------------------------------------------------------------------- */

sl_err sub_state_replay_unreadable(sub_state_t *state, uint64_t request)
{
    if (!is_running(state, request))
        return SL_OK;
    if (sub_reserve_notices(state, 1) != SL_OK)
        return SL_ENOMEM;
    state->unreadable = true;
    return SL_OK;
}

sl_err sub_state_replayed(sub_state_t *state, uint64_t request, sub_batch_t *batch,
                          sub_verdict_t *verdict)
{
    sub_topic_t *topic = batch->topic;
    uint64_t last = sub_last(batch);
    *verdict = SUB_DROP;
    if (!is_running(state, request))
        return SL_OK;
    bool news = topic->mine && last > sub_known(state, topic);
    if (news && sub_reserve_notices(state, 1) != SL_OK)
        return SL_ENOMEM;
    tell_unreadable(state, batch->header.first - 1);
    if (news) {
        topic->tail = sub_max(topic->tail, last);
        sub_hand_out(state, batch, SUB_REASON_DAMAGE);
        *verdict = SUB_DELIVER;
    }
    /* A replay shows all of ours in order, so there is nothing else up to here. */
    state->reached = sub_max(state->reached, last);
    return SL_OK;
}

sl_err sub_state_replay_lost(sub_state_t *state, uint64_t request, uint64_t from, uint64_t to,
                             const char *reason)
{
    if (!is_running(state, request))
        return SL_OK;
    if (sub_reserve_notices(state, 1) != SL_OK)
        return SL_ENOMEM;
    to = sub_min(to, state->replay_until);
    tell_unreadable(state, from - 1);
    report(state, from, to, reason);
    state->reached = sub_max(state->reached, to);
    return SL_OK;
}

sl_err sub_state_replay_impossible(sub_state_t *state, uint64_t request)
{
    if (!is_running(state, request))
        return SL_OK;
    if (sub_reserve_notices(state, 1) != SL_OK)
        return SL_ENOMEM;
    state->replay = 0;
    state->repair = false;
    report(state, state->reached + 1, state->wanted, SUB_REASON_NO_REPAIR);
    state->reached = sub_max(state->reached, state->wanted);
    return SL_OK;
}

/* -- its end --------------------------------------------------------------------------------- */

void sub_state_replay_done(sub_state_t *state, uint64_t request, uint64_t upto)
{
    if (!is_running(state, request))
        return;
    upto = sub_min(upto, state->replay_until);
    tell_unreadable(state, upto);
    state->replay = 0;
    state->reached = sub_max(state->reached, upto);
    sub_advance(state);
}

void sub_state_replay_broken(sub_state_t *state, uint64_t request)
{
    if (is_running(state, request))
        state->replay = 0;
}

void sub_state_replay_wrong_stream(sub_state_t *state, uint64_t request)
{
    if (!is_running(state, request))
        return;
    state->replay = 0;
    state->stalled = true;
}

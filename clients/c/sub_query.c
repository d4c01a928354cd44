/* sub_query.c - the query side: a DEALER that is connected when there is something to ask, or when
 * the feed's connection was lost, since then there will be.
 *
 * One replay at a time.  Its answers wait in sub->arrived until the loop has time for them; answers
 * to other questions are dealt with as they come, so that a commit is answered although the user
 * does not read on.
 *
 * No answer for watchdog_ms while one is due: the connection is made anew, and everything asked
 * again, a replay from where it came to.  A replay may be silent for long because the broker
 * searches for the few batches that are ours: so the patience doubles until something comes. */
#include "sub_impl.h"

/* -- the connection --------------------------------------------------------------------------- */

static sluice_err open_query(sluice_sub_t *sub)
{
    sluice_err err = link_open(&sub->link, &sub->query, ZMQ_DEALER);
    if (err == SLUICE_OK && !link_set(&sub->query, ZMQ_RCVHWM, 0)) /* the credit is the bound */
        err = SLUICE_EIO;
    if (err == SLUICE_OK)
        err = link_connect(&sub->link, &sub->query, sub->query_endpoint);
    if (err != SLUICE_OK)
        link_close(&sub->link, &sub->query);
    return err;
}

/* Whatever was asked on this connection will not be answered. */
static void close_query(sluice_sub_t *sub)
{
    sub_message_t *m;
    link_close(&sub->link, &sub->query);
    sub_state_replay_broken(&sub->state, sub->state.replay);
    while ((m = sub_list_pop(&sub->arrived)) != NULL)
        sub_message_give_back(sub, m);
    sub->arrived_bytes = 0;
    sub_cursor_reconnected(sub);
}

void sub_query_renew(sluice_sub_t *sub)
{
    if (sub->query.socket != NULL)
        close_query(sub);
    else
        sub_cursor_reconnected(sub);
    sub->replay_due_ns = 0;
    sub->doublings = 0;
}

void sub_query_reopen(sluice_sub_t *sub, uint64_t now)
{
    uint64_t patience = (uint64_t)sub->watchdog_ms * SUB_NS_PER_MS;
    sub->query_is_new = sub->state.replay != 0 && now - sub->query_quiet_ns < patience;
    if (sub->query_is_new)
        return; /* a replay flows: nothing was cut here */
    sub_query_renew(sub);
    /* Where that fails it is tried again when there is something to ask. */
    sub->query_is_new = sub->state.repair && open_query(sub) == SLUICE_OK;
}

sluice_err sub_query_send(sluice_sub_t *sub)
{
    if (sub->scratch.failed)
        return SLUICE_ENOMEM;
    sluice_err err = sub->query.socket == NULL ? open_query(sub) : SLUICE_OK;
    if (err != SLUICE_OK)
        return err;
    if (zmq_send(sub->query.socket, sub->scratch.data, sub->scratch.len, ZMQ_DONTWAIT) < 0)
        return sub_zmq_error();
    return SLUICE_OK;
}

void sub_query_asked(sluice_sub_t *sub, uint64_t now)
{
    sub->query_quiet_ns = now;
    if (sub->query_owed_ns == 0)
        sub->query_owed_ns = now;
}

/* -- replays: what we say --------------------------------------------------------------------- */

static sluice_err ask_replay(sluice_sub_t *sub, uint64_t now, uint64_t after, uint64_t until)
{
    wire_replay_t replay = {.stream = sub->state.stream,
                            .after = after,
                            .until = until,
                            .prefixes = wire_texts(&sub->prefixes, sub->prefix_count),
                            .credit_bytes = SUB_CREDIT_BYTES};
    sl_buf_clear(&sub->scratch);
    wire_put_replay(&sub->scratch, sub->requests + 1, &replay);
    sluice_err err = sub_query_send(sub);
    if (err != SLUICE_OK)
        return err;
    sub_state_replay_asked(&sub->state, ++sub->requests, until);
    sub->replays++;
    sub->credit_owed = 0;
    sub_query_asked(sub, now);
    return SLUICE_OK;
}

static sluice_err cancel_replay(sluice_sub_t *sub)
{
    uint64_t request = sub_state_take_cancelled(&sub->state);
    if (sub->query.socket == NULL)
        return SLUICE_OK; /* it ended with its connection */
    sl_buf_clear(&sub->scratch);
    wire_put_query(&sub->scratch, WIRE_QUERY_CANCEL, request, 0);
    return sub_query_send(sub);
}

static sluice_err give_credit(sluice_sub_t *sub)
{
    sl_buf_clear(&sub->scratch);
    wire_put_credit(&sub->scratch, sub->state.replay, &(wire_credit_t){sub->credit_owed});
    sluice_err err = sub_query_send(sub);
    if (err == SLUICE_OK)
        sub->credit_owed = 0;
    return err;
}

void sub_query_credit(sluice_sub_t *sub, const sub_message_t *m)
{
    if (m->request == sub->state.replay && m->type == WIRE_QUERY_BATCH)
        sub->credit_owed += sub_message_bytes(m);
}

static sluice_err look_after_replay(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns)
{
    uint64_t after, until;
    sluice_err err = sub->state.cancelled != 0 ? cancel_replay(sub) : SLUICE_OK;
    if (err == SLUICE_OK && sub->state.replay != 0 && sub->credit_owed >= SUB_CREDIT_STEP)
        err = give_credit(sub);
    if (err != SLUICE_OK || !sub_state_wants_replay(&sub->state, &after, &until))
        return err;
    if (now < sub->replay_due_ns) {
        sub_lower(next_ns, sub->replay_due_ns);
        return SLUICE_OK;
    }
    return ask_replay(sub, now, after, until);
}

/* -- what comes ------------------------------------------------------------------------------- */

static void replay_later(sluice_sub_t *sub, uint64_t request)
{
    sub_state_replay_broken(&sub->state, request);
    sub->replay_due_ns = link_now_ns() + (uint64_t)SUB_RETRY_MS * SUB_NS_PER_MS;
}

/* An answer of the running replay that could not be kept or read must not be passed over: what
 * comes behind it would not show that it lacks. */
static void replay_spoilt(sluice_sub_t *sub)
{
    sub->state.cancelled = sub->state.replay;
    replay_later(sub, sub->state.replay);
}

static sl_err decode_answer(sub_message_t *m, const wire_query_t *answer)
{
    wire_done_t done = {0};
    wire_query_error_t error = {0};
    sl_err err = answer->type == WIRE_QUERY_LOST    ? wire_lost_decode(&m->lost, answer)
                 : answer->type == WIRE_QUERY_DONE  ? wire_done_decode(&done, answer)
                 : answer->type == WIRE_QUERY_ERROR ? wire_query_error_decode(&error, answer)
                                                    : SL_OK;
    m->type = answer->type;
    m->request = answer->request;
    m->upto = done.upto;
    m->code = error.code;
    return err;
}

/* An answer of the running replay, to be looked at in its turn.
 * @param more  frames follow. */
static sluice_err keep_answer(sluice_sub_t *sub, const wire_query_t *answer, bool more)
{
    sub_message_t *m = sub_message_take(sub);
    if (m == NULL)
        return SLUICE_ENOMEM;
    sluice_err err = (sluice_err)decode_answer(m, answer);
    if (err == SLUICE_OK && answer->type == WIRE_QUERY_BATCH)
        err = more ? sub_receive_frames(sub->query.socket, m->frames, SUB_FRAMES) : SLUICE_EPROTO;
    m->cut = err == SLUICE_EPROTO && answer->type == WIRE_QUERY_BATCH;
    if (err != SLUICE_OK && !m->cut) {
        sub_message_give_back(sub, m);
        return err;
    }
    sub->arrived_bytes += sub_message_bytes(m);
    sub_list_push(&sub->arrived, m);
    sub->doublings = 0;
    return SLUICE_OK;
}

static bool belongs_to_replay(const wire_query_t *answer)
{
    return answer->type == WIRE_QUERY_BATCH || answer->type == WIRE_QUERY_LOST ||
           answer->type == WIRE_QUERY_DONE || answer->type == WIRE_QUERY_WRONG_STREAM ||
           answer->type == WIRE_QUERY_ERROR;
}

/* One message, its first frame in `first`; what is left of it is the caller's to throw away. */
static sluice_err take_answer(sluice_sub_t *sub, zmq_msg_t *first)
{
    wire_query_t answer;
    sl_err err = wire_query_decode(&answer, zmq_msg_data(first), zmq_msg_size(first));
    bool running = answer.request != 0 && answer.request == sub->state.replay;
    if (err == SL_ENOENT || err == SL_EVERSION)
        return SLUICE_OK; /* not for us */
    if (err == SL_OK && !(running && belongs_to_replay(&answer)))
        return sub_cursor_answer(sub, &answer);
    sluice_err kept =
        err == SL_OK ? keep_answer(sub, &answer, zmq_msg_more(first)) : (sluice_err)err;
    if (kept != SLUICE_OK && sub->state.replay != 0)
        replay_spoilt(sub);
    return kept;
}

/* @return SLUICE_EAGAIN: nothing is left. */
static sluice_err receive_answer(sluice_sub_t *sub)
{
    zmq_msg_t first, more;
    zmq_msg_init(&first);
    zmq_msg_init(&more);
    sluice_err err = SLUICE_OK;
    if (zmq_msg_recv(&first, sub->query.socket, ZMQ_DONTWAIT) < 0) {
        err = sub_zmq_error();
    } else {
        err = take_answer(sub, &first);
        int follows = 0;
        size_t size = sizeof follows;
        while (zmq_getsockopt(sub->query.socket, ZMQ_RCVMORE, &follows, &size) == 0 && follows)
            if (zmq_msg_recv(&more, sub->query.socket, ZMQ_DONTWAIT) < 0)
                break;
        sub->malformed += err == SLUICE_EPROTO;
    }
    zmq_msg_close(&more);
    zmq_msg_close(&first);
    return err;
}

/* @return SLUICE_OK: nothing is left, or enough waits. */
static sluice_err receive_answers(sluice_sub_t *sub, uint64_t now)
{
    while (sub->query.socket != NULL && sub->arrived_bytes <= SUB_ARRIVED_BYTES_MAX) {
        sluice_err err = receive_answer(sub);
        if (err == SLUICE_EAGAIN)
            break;
        sub->query_quiet_ns = sub->query_owed_ns = now;
        if (err != SLUICE_OK)
            return err;
    }
    return SLUICE_OK;
}

static bool is_waiting(const sluice_sub_t *sub)
{
    return sub->state.replay != 0 || sub->start.request != 0 || sub->commit.request != 0;
}

/* Is an answer due that does not come? */
static void look_at_silence(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns)
{
    if (!is_waiting(sub)) {
        sub->query_owed_ns = 0;
        return;
    }
    if (sub->arrived.first != NULL)
        sub->query_quiet_ns = sub->query_owed_ns = now;
    uint64_t patience = (uint64_t)sub->watchdog_ms * SUB_NS_PER_MS << sub->doublings;
    if (now - sub->query_quiet_ns < patience) {
        sub_lower(next_ns, sub->query_quiet_ns + patience);
        return;
    }
    close_query(sub);
    sub->doublings += sub->doublings < SUB_PATIENCE_DOUBLINGS_MAX;
    *next_ns = now; /* and ask again at once */
}

sluice_err sub_query_look(sluice_sub_t *sub, uint64_t now, bool drain, uint64_t *next_ns)
{
    sluice_err err = look_after_replay(sub, now, next_ns);
    if (err == SLUICE_OK)
        err = sub_cursor_look(sub, now, next_ns);
    if (err == SLUICE_OK && (drain || is_waiting(sub)))
        err = receive_answers(sub, now); /* after the sends: they take the descriptor's news away */
    if ((sub->phase != SUB_STARTED || sub->reopen) && sub->start.request == 0)
        sub_lower(next_ns,
                  sub->start.due_ns); /* that answer led to a question, or to a later one */
    if (err == SLUICE_OK)
        look_at_silence(sub, now, next_ns);
    return err;
}

/* -- replays: what they bring ------------------------------------------------------------------ */

static sl_err take_batch(sluice_sub_t *sub, sub_message_t *m, sub_verdict_t *verdict)
{
    sl_err err;
    if (m->cut)
        return SL_EPROTO;
    m->batch.topic = sub_state_topic(&sub->state, zmq_msg_data(&m->frames[0]),
                                     zmq_msg_size(&m->frames[0]), &err);
    if (m->batch.topic != NULL && !m->batch.topic->mine)
        return SL_OK;
    if (m->batch.topic != NULL)
        err = sub_message_decode(m, &m->batch.header);
    if (err == SL_OK && m->batch.header.count == 0)
        err = SL_EPROTO;
    if (err == SL_OK)
        err = sub_state_replayed(&sub->state, m->request, &m->batch, verdict);
    sub->replayed_batches += *verdict == SUB_DELIVER;
    return err;
}

/* What cannot be read will not be better the next time, if its version is the reason, or if it was
 * the same before.  @return SL_OK: it is given up; else `err`. */
static sl_err give_up_batch(sluice_sub_t *sub, const sub_message_t *m, sl_err err)
{
    sub_place_t here = {sub->state.stream, sub->state.reached};
    bool again = sub->spoilt.stream == here.stream && sub->spoilt.number == here.number;
    sub->malformed += err == SL_EPROTO;
    sub->unknown_version += err == SL_EVERSION;
    if (err == SL_EVERSION || (err == SL_EPROTO && again))
        return sub_state_replay_unreadable(&sub->state, m->request);
    if (err == SL_EPROTO)
        sub->spoilt = here;
    return err;
}

static void take_done(sluice_sub_t *sub, const sub_message_t *m)
{
    uint64_t reached = sub->state.reached, until = sub->state.replay_until;
    sub_state_replay_done(&sub->state, m->request, m->upto);
    if (m->upto < until && sub->state.reached == reached)
        sub->replay_due_ns = link_now_ns() + (uint64_t)SUB_RETRY_MS * SUB_NS_PER_MS;
}

static sl_err take_error(sluice_sub_t *sub, const sub_message_t *m)
{
    if (m->code == WIRE_CODE_TYPE || m->code == WIRE_CODE_VERSION)
        return sub_state_replay_impossible(&sub->state, m->request);
    replay_later(sub, m->request);
    return wire_code_again(m->code) ? SL_OK : SL_EREFUSED;
}

sluice_err sub_query_take(sluice_sub_t *sub)
{
    sub_verdict_t verdict = SUB_DROP;
    sub_message_t *m = sub_list_pop(&sub->arrived);
    sl_err err = SL_OK;
    if (m == NULL)
        return SLUICE_EAGAIN;
    sub->arrived_bytes -= sub_message_bytes(m);
    if (m->request != sub->state.replay) {
        sub_message_give_back(sub, m);
        return SLUICE_OK;
    }
    if (m->type == WIRE_QUERY_BATCH)
        err = take_batch(sub, m, &verdict);
    else if (m->type == WIRE_QUERY_LOST)
        err = sub_state_replay_lost(
            &sub->state, m->request, m->lost.from, m->lost.to,
            m->lost.reason == WIRE_LOST_UNKNOWN ? "UNKNOWN" : wire_lost_name(m->lost.reason));
    else if (m->type == WIRE_QUERY_DONE)
        take_done(sub, m);
    else if (m->type == WIRE_QUERY_WRONG_STREAM)
        sub_state_replay_wrong_stream(&sub->state, m->request);
    else
        err = take_error(sub, m);
    if (err != SL_OK && m->type == WIRE_QUERY_BATCH)
        err = give_up_batch(sub, m, err);
    if (err != SL_OK && m->type != WIRE_QUERY_ERROR)
        replay_spoilt(sub);
    sub_message_judged(sub, m, verdict);
    sub->fed = false;
    return (sluice_err)err;
}

/* query_replay.c - the messages of FIND and REPLAY. */
#include "wire/query.h"

#include "wire_impl.h"

static const char *const reasons[] = {
#define X(name, text) #name,
    WIRE_LOST_MAP(X)
#undef X
        "UNKNOWN",
};

const char *wire_lost_name(wire_lost_reason_t reason)
{
    return reasons[reason];
}

static void put_uint_or_nil(sl_buf_t *out, uint64_t value, uint64_t none)
{
    if (value == none)
        mp_put_nil(out);
    else
        mp_put_uint(out, value);
}

void wire_put_find(sl_buf_t *out, uint64_t request, const wire_find_t *find)
{
    wire_put_query(out, WIRE_QUERY_FIND, request, 1);
    put_uint_or_nil(out, find->since_ns, 0);
}

sl_err wire_find_decode(wire_find_t *find, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_u64_or_nil(&in, &find->since_ns, 0) ? SL_OK : SL_EPROTO;
}

void wire_put_found(sl_buf_t *out, uint64_t request, const wire_found_t *found)
{
    wire_put_query(out, WIRE_QUERY_FIND, request, 4);
    mp_put_uint(out, found->stream);
    mp_put_uint(out, found->after);
    mp_put_uint(out, found->next);
    mp_put_uint(out, found->taken);
}

sl_err wire_found_decode(wire_found_t *found, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    found->taken = 0;
    return wire_msg_u64(&in, &found->stream) && wire_msg_u64(&in, &found->after) &&
                   wire_msg_u64(&in, &found->next) &&
                   (in.left == 0 || wire_msg_u64(&in, &found->taken))
               ? SL_OK
               : SL_EPROTO;
}

void wire_put_replay(sl_buf_t *out, uint64_t request, const wire_replay_t *replay)
{
    wire_put_query(out, WIRE_QUERY_REPLAY, request, 5);
    mp_put_uint(out, replay->stream);
    mp_put_uint(out, replay->after);
    put_uint_or_nil(out, replay->until, WIRE_HEAD);
    wire_put_texts(out, replay->prefixes);
    mp_put_uint(out, replay->credit_bytes);
}

sl_err wire_replay_decode(wire_replay_t *replay, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_u64(&in, &replay->stream) && wire_msg_u64(&in, &replay->after) &&
                   wire_msg_u64_or_nil(&in, &replay->until, WIRE_HEAD) &&
                   wire_msg_texts(&in, &replay->prefixes) &&
                   wire_msg_u64(&in, &replay->credit_bytes)
               ? SL_OK
               : SL_EPROTO;
}

void wire_put_lost(sl_buf_t *out, uint64_t request, const wire_lost_t *lost)
{
    const char *reason = wire_lost_name(lost->reason);
    wire_put_query(out, WIRE_QUERY_LOST, request, 3);
    mp_put_uint(out, lost->from);
    mp_put_uint(out, lost->to);
    mp_put_str(out, reason, strlen(reason));
}

sl_err wire_lost_decode(wire_lost_t *lost, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    const char *name;
    uint32_t len;
    if (!wire_msg_u64(&in, &lost->from) || !wire_msg_u64(&in, &lost->to) ||
        !wire_msg_str(&in, &name, &len) || lost->to < lost->from)
        return SL_EPROTO;
    int reason = 0;
    while (reason < WIRE_LOST_UNKNOWN &&
           (strlen(reasons[reason]) != len || memcmp(reasons[reason], name, len) != 0))
        reason++;
    lost->reason = (wire_lost_reason_t)reason;
    return SL_OK;
}

void wire_put_done(sl_buf_t *out, uint64_t request, const wire_done_t *done)
{
    wire_put_query(out, WIRE_QUERY_DONE, request, 1);
    mp_put_uint(out, done->upto);
}

sl_err wire_done_decode(wire_done_t *done, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_u64(&in, &done->upto) ? SL_OK : SL_EPROTO;
}

void wire_put_wrong_stream(sl_buf_t *out, uint64_t request, const wire_wrong_stream_t *wrong)
{
    wire_put_query(out, WIRE_QUERY_WRONG_STREAM, request, 4);
    mp_put_uint(out, wrong->stream);
    mp_put_uint(out, wrong->oldest);
    mp_put_uint(out, wrong->next);
    wire_put_parents(out, wrong->parents, wrong->parent_count);
}

sl_err wire_wrong_stream_decode(wire_wrong_stream_t *wrong, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    if (!wire_msg_u64(&in, &wrong->stream) || !wire_msg_u64(&in, &wrong->oldest) ||
        !wire_msg_u64(&in, &wrong->next) || in.left == 0)
        return SL_EPROTO;
    return wire_get_parents(&in.in, wrong->parents, &wrong->parent_count) ? SL_OK : SL_EPROTO;
}

void wire_put_credit(sl_buf_t *out, uint64_t request, const wire_credit_t *credit)
{
    wire_put_query(out, WIRE_QUERY_CREDIT, request, 1);
    mp_put_uint(out, credit->bytes);
}

sl_err wire_credit_decode(wire_credit_t *credit, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_u64(&in, &credit->bytes) ? SL_OK : SL_EPROTO;
}

#include "replay.h"

#include "journal/record.h"

#include <stdlib.h>

enum {
    SLICE_BYTES = 256 * 1024,
    SLICES_A_TURN = 8,
    OF_A_PEER_MAX = 8,      /* replays; and at most half of all */
    BATCH_PARTS = 4,        /* the word BATCH, and the feed's three frames */
    RETRY_NS = 1000 * 1000, /* after libzmq took no more for this peer */
};

static const uint64_t IDLE_NS = UINT64_C(5) * 1000 * 1000 * 1000;

struct replay {
    route_t peer;
    uint64_t request;
    uint64_t after, until; /* (after, until] is left to send */
    int64_t credit;
    uint64_t moved_ns; /* when something was sent, or credit came */
    uint64_t retry_ns; /* not before; 0: at once */
    wire_texts_t prefixes;
    uint8_t texts[];
};

sl_err replays_init(replays_t *rs, const replays_options_t *options)
{
    *rs = (replays_t){.o = *options};
    rs->list = calloc(options->max, sizeof(replay_t *));
    return rs->list != NULL ? SL_OK : SL_ENOMEM;
}

void replays_fini(replays_t *rs)
{
    for (uint32_t i = 0; i < rs->count; i++)
        free(rs->list[i]);
    free(rs->list);
    sl_buf_fini(&rs->frame);
    *rs = (replays_t){0};
}

static inline void count(replays_t *rs, int counter, uint64_t n)
{
    counter_add(&rs->o.counters[counter], n);
}

/* -- the list -------------------------------------------------------------------------------- */

/* @return its place; rs->count: it does not run. */
static uint32_t find(const replays_t *rs, const route_t *peer, uint64_t request)
{
    uint32_t i = 0;
    while (i < rs->count &&
           (rs->list[i]->request != request || !route_is(&rs->list[i]->peer, peer)))
        i++;
    return i;
}

static void drop(replays_t *rs, uint32_t i)
{
    free(rs->list[i]);
    rs->list[i] = rs->list[--rs->count];
    counter_set(&rs->o.counters[BROKER_REPLAYS], rs->count);
}

static int64_t clamp(uint64_t credit)
{
    return credit < WIRE_REPLAY_CREDIT_MAX ? (int64_t)credit : WIRE_REPLAY_CREDIT_MAX;
}

/* -- sending --------------------------------------------------------------------------------- */

/* @return false: no memory, and no frame. */
static bool make_frames(zmq_msg_t frames[BATCH_PARTS], const sl_buf_t *head, const record_t *record)
{
    const struct {
        const void *data;
        size_t len;
    } parts[BATCH_PARTS] = {{head->data, head->len},
                            {record->topic, record->topic_len},
                            {record->header, record->header_len},
                            {record->body, record->body_len}};
    int made = 0;
    while (made < BATCH_PARTS && route_frame(&frames[made], parts[made].data, parts[made].len))
        made++;
    if (made == BATCH_PARTS)
        return true;
    while (made > 0)
        zmq_msg_close(&frames[--made]);
    return false;
}

static route_result_t send_batch(replays_t *rs, replay_t *r, const record_t *record)
{
    zmq_msg_t frames[BATCH_PARTS];
    sl_buf_clear(&rs->frame);
    wire_put_query(&rs->frame, WIRE_QUERY_BATCH, r->request, 0);
    if (rs->frame.failed || !make_frames(frames, &rs->frame, record))
        return ROUTE_FULL;
    route_result_t result =
        route_send_frames(rs->o.router, r->peer.bytes, r->peer.len, frames, BATCH_PARTS);
    if (result != ROUTE_OK)
        return result;
    size_t bytes = record->topic_len + record->header_len + record->body_len;
    r->credit -= (int64_t)bytes;
    count(rs, BROKER_REPLAY_BATCHES, 1);
    count(rs, BROKER_REPLAY_EVENTS, record->count);
    count(rs, BROKER_REPLAY_BYTES, bytes);
    return ROUTE_OK;
}

static route_result_t send_frame_of(replays_t *rs, replay_t *r)
{
    return rs->frame.failed ? ROUTE_FULL
                            : route_send(rs->o.router, &r->peer, rs->frame.data, rs->frame.len);
}

static route_result_t send_lost(replays_t *rs, replay_t *r, uint64_t from, uint64_t to,
                                wire_lost_reason_t reason)
{
    sl_buf_clear(&rs->frame);
    wire_put_lost(&rs->frame, r->request, &(wire_lost_t){from, to, reason});
    route_result_t result = send_frame_of(rs, r);
    count(rs, BROKER_REPLAY_LOST, result == ROUTE_OK);
    return result;
}

static route_result_t send_done(replays_t *rs, replay_t *r)
{
    sl_buf_clear(&rs->frame);
    wire_put_done(&rs->frame, r->request, &(wire_done_t){r->until});
    return send_frame_of(rs, r);
}

static route_result_t send_error(replays_t *rs, replay_t *r, wire_code_t code)
{
    sl_buf_clear(&rs->frame);
    wire_put_query_error(&rs->frame, r->request, code, NULL);
    return send_frame_of(rs, r);
}

/* -- slices ---------------------------------------------------------------------------------- */

typedef struct slice {
    replays_t *rs;
    replay_t *r;
    route_result_t result; /* of the last send */
    uint64_t kept_back;    /* the number before what could not be sent */
} slice_t;

static bool on_shown(void *ctx, const record_t *record, const journal_hole_t *hole)
{
    slice_t *s = ctx;
    replay_t *r = s->r;
    uint64_t from = record != NULL ? record->first : hole->from;
    if (from <= r->after)
        from = r->after + 1;
    if (hole != NULL)
        s->result = send_lost(s->rs, r, from, hole->to < r->until ? hole->to : r->until,
                              hole->damage ? WIRE_LOST_DAMAGE : WIRE_LOST_RETENTION);
    else if (wire_prefixes_match(r->prefixes, record->topic, record->topic_len))
        s->result = send_batch(s->rs, r, record);
    s->kept_back = from - 1;
    return s->result == ROUTE_OK && r->credit > 0;
}

/* @return the journal's error.  A slice that gets nowhere counts as one: it would be tried for
 * ever. */
static sl_err read_slice(replays_t *rs, replay_t *r, route_result_t *result)
{
    slice_t slice = {.rs = rs, .r = r, .result = ROUTE_OK};
    uint64_t upto = r->after;
    sl_err err =
        journal_read(rs->o.journal, r->after, r->until, SLICE_BYTES, on_shown, &slice, &upto);
    *result = slice.result;
    if (slice.result != ROUTE_OK)
        upto = slice.kept_back;
    else if (err == SL_OK && upto <= r->after)
        err = SL_EIO;
    if (upto > r->after) {
        r->after = upto;
        r->moved_ns = rs->now_ns;
    }
    return err;
}

/* One slice, and the end when it is reached.  @return does it go on? */
static bool advance(replays_t *rs, replay_t *r)
{
    route_result_t result = ROUTE_OK;
    sl_err err = SL_OK;
    if (r->after < r->until)
        err = read_slice(rs, r, &result);
    bool ends = err != SL_OK || r->after >= r->until;
    if (result == ROUTE_OK && ends)
        result = err == SL_OK ? send_done(rs, r) : send_error(rs, r, WIRE_CODE_DISK);
    if (result == ROUTE_GONE) {
        count(rs, BROKER_REPLAYS_DROPPED, 1);
        return false;
    }
    r->retry_ns = result == ROUTE_FULL ? rs->now_ns + RETRY_NS : 0;
    return result == ROUTE_FULL || !ends;
}

/* Credit is for batches: the end costs none. */
static bool may_send(const replay_t *r)
{
    return r->credit > 0 || r->after >= r->until;
}

/* One that is only slow hears of it, and may ask again. */
static void drop_silent(replays_t *rs, uint32_t i)
{
    send_error(rs, rs->list[i], WIRE_CODE_BUSY);
    count(rs, BROKER_REPLAYS_DROPPED, 1);
    drop(rs, i);
}

static void drop_all_silent(replays_t *rs)
{
    for (uint32_t i = rs->count; i-- > 0;)
        if (rs->now_ns - rs->list[i]->moved_ns >= rs->o.silent_ns)
            drop_silent(rs, i);
}

static uint32_t of_a_peer_max(const replays_t *rs)
{
    uint32_t half = rs->o.max > 1 ? rs->o.max / 2 : 1;
    return half < OF_A_PEER_MAX ? half : OF_A_PEER_MAX;
}

static uint32_t count_of(const replays_t *rs, const route_t *peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rs->count; i++)
        count += route_is(&rs->list[i]->peer, peer);
    return count;
}

/* A peer that left without a credit to send to is not found out by sending.  So who waits longest
 * for credit, if for long, gives its place to one that comes.
 * @param of  only among this peer's; NULL: among all. */
static bool make_room(replays_t *rs, const route_t *of)
{
    uint32_t longest = rs->count;
    for (uint32_t i = 0; i < rs->count; i++)
        if ((of == NULL || route_is(&rs->list[i]->peer, of)) &&
            (longest == rs->count || rs->list[i]->moved_ns < rs->list[longest]->moved_ns))
            longest = i;
    if (longest == rs->count || rs->now_ns - rs->list[longest]->moved_ns < IDLE_NS)
        return false;
    drop_silent(rs, longest);
    return true;
}

/* -- what the service does with them --------------------------------------------------------- */

sl_err replays_add(replays_t *rs, const route_t *peer, uint64_t request,
                   const wire_replay_t *replay)
{
    uint32_t i = find(rs, peer, request);
    if (i < rs->count)
        drop(rs, i);
    if (count_of(rs, peer) >= of_a_peer_max(rs) && !make_room(rs, peer))
        return SL_ELIMIT;
    if (rs->count >= rs->o.max && !make_room(rs, NULL))
        return SL_ELIMIT;
    replay_t *r = malloc(sizeof *r + replay->prefixes.len);
    if (r == NULL)
        return SL_ENOMEM;
    *r = (replay_t){.peer = *peer,
                    .request = request,
                    .after = replay->after,
                    .until = replay->until,
                    .credit = clamp(replay->credit_bytes),
                    .moved_ns = rs->now_ns,
                    .prefixes = replay->prefixes};
    if (replay->prefixes.len > 0)
        memcpy(r->texts, replay->prefixes.data, replay->prefixes.len);
    r->prefixes.data = r->texts;
    rs->list[rs->count++] = r;
    counter_set(&rs->o.counters[BROKER_REPLAYS], rs->count);
    count(rs, BROKER_REPLAYS_BEGUN, 1);
    return SL_OK;
}

void replays_credit(replays_t *rs, const route_t *peer, uint64_t request, uint64_t bytes)
{
    uint32_t i = find(rs, peer, request);
    if (i == rs->count)
        return;
    replay_t *r = rs->list[i];
    int64_t sum = r->credit + clamp(bytes); /* both are within a few MiB of 0 */
    r->credit = sum < WIRE_REPLAY_CREDIT_MAX ? sum : WIRE_REPLAY_CREDIT_MAX;
    r->moved_ns = rs->now_ns;
}

void replays_cancel(replays_t *rs, const route_t *peer, uint64_t request)
{
    uint32_t i = find(rs, peer, request);
    if (i < rs->count)
        drop(rs, i);
}

int replays_turn(replays_t *rs, uint64_t now_ns)
{
    int work = 0;
    rs->now_ns = now_ns;
    drop_all_silent(rs);
    for (uint32_t looked = rs->count; looked > 0 && work < SLICES_A_TURN; looked--) {
        if (rs->turn >= rs->count)
            rs->turn = 0;
        replay_t *r = rs->list[rs->turn];
        if (!may_send(r) || r->retry_ns > now_ns) {
            rs->turn++;
        } else {
            work++;
            if (advance(rs, r))
                rs->turn++;
            else
                drop(rs, rs->turn); /* the last one takes its place, and its turn */
        }
    }
    return work;
}

uint64_t replays_deadline_ns(const replays_t *rs)
{
    uint64_t deadline = UINT64_MAX;
    for (uint32_t i = 0; i < rs->count; i++) {
        const replay_t *r = rs->list[i];
        uint64_t at = may_send(r) ? r->retry_ns : r->moved_ns + rs->o.silent_ns;
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

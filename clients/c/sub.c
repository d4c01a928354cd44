/* sub.c - the subscriber's handle and its loop.
 *
 *     next()   notices left?     ->  LOST, STREAM
 *              events in hand?   ->  EVENT, pointing into the libzmq message they came in
 *              held, and due?    ->  in hand
 *              else take one message, let the state judge it, and begin again
 *
 * The feed goes first, for what is not read there is lost to it; a replay's answers are taken when
 * the feed has nothing, and after each batch that it had. */
#include "sub_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WATCHDOG_MS_DEFAULT = 3500,
    RECEIVE_HWM_DEFAULT = 1000,
    HOLD_BYTES_DEFAULT = 64 * 1024 * 1024,
    TURN_MESSAGES_MAX = 256, /* looked at between two looks at the clock */
};

/* -- messages -------------------------------------------------------------------------------- */

void sub_list_push(sub_batches_t *list, sub_message_t *m)
{
    m->batch.next = NULL;
    if (list->end != NULL)
        list->end->next = &m->batch;
    else
        list->first = &m->batch;
    list->end = &m->batch;
}

sub_message_t *sub_list_pop(sub_batches_t *list)
{
    sub_batch_t *first = list->first;
    if (first == NULL)
        return NULL;
    list->first = first->next;
    if (list->first == NULL)
        list->end = NULL;
    return (sub_message_t *)first;
}

sub_message_t *sub_message_take(sluice_sub_t *sub)
{
    sub_message_t *m = sub_list_pop(&sub->spare);
    if (m != NULL) {
        sub->spare_count--;
        return m;
    }
    m = calloc(1, sizeof *m);
    for (int i = 0; m != NULL && i < SUB_FRAMES; i++)
        zmq_msg_init(&m->frames[i]);
    return m;
}

static void message_free(sub_message_t *m)
{
    for (int i = 0; i < SUB_FRAMES; i++)
        zmq_msg_close(&m->frames[i]);
    free(m);
}

/* The frames go at once, the message stays for the next one.  At the front: it is in the cache. */
void sub_message_give_back(sluice_sub_t *sub, sub_message_t *m)
{
    if (m->request != 0)
        sub_query_credit(sub, m);
    if (sub->spare_count == SUB_SPARE_MAX) {
        message_free(m);
        return;
    }
    for (int i = 0; i < SUB_FRAMES; i++) {
        zmq_msg_close(&m->frames[i]);
        zmq_msg_init(&m->frames[i]);
    }
    m->request = 0;
    m->batch.next = sub->spare.first;
    sub->spare.first = &m->batch;
    if (sub->spare.end == NULL)
        sub->spare.end = &m->batch;
    sub->spare_count++;
}

/* Without memory it stays where it is, and costs more. */
static void move_out(zmq_msg_t *frame)
{
    zmq_msg_t copy;
    size_t len = zmq_msg_size(frame);
    if (len >= SUB_PINNED_BYTES || zmq_msg_init_size(&copy, len) != 0)
        return;
    memcpy(zmq_msg_data(&copy), zmq_msg_data(frame), len);
    zmq_msg_move(frame, &copy);
    zmq_msg_close(&copy);
}

/* It will be held for long: small frames move out of the buffers that they were received in, which
 * they would keep whole. */
static void settle_down(sub_message_t *m)
{
    size_t ends_at = (size_t)(m->batch.header.ends - (const uint8_t *)zmq_msg_data(&m->frames[1]));
    for (int i = 0; i < SUB_FRAMES; i++)
        move_out(&m->frames[i]);
    m->batch.header.ends = (const uint8_t *)zmq_msg_data(&m->frames[1]) + ends_at;
}

static void free_all(sub_batches_t *list)
{
    sub_message_t *m;
    while ((m = sub_list_pop(list)) != NULL)
        message_free(m);
}

static void take_in_hand(sluice_sub_t *sub, sub_message_t *m)
{
    const wire_feed_header_t *header = &m->batch.header;
    sub->in_hand = m;
    sub->at = m->batch.skip;
    sub->body_at = sub->at > 0 ? wire_end(header->ends, sub->at - 1) : 0;
    sub->batches++;
}

void sub_message_judged(sluice_sub_t *sub, sub_message_t *m, sub_verdict_t verdict)
{
    if (verdict == SUB_DELIVER)
        take_in_hand(sub, m);
    else if (verdict == SUB_DROP)
        sub_message_give_back(sub, m);
    else
        settle_down(m);
}

sluice_err sub_zmq_error(void)
{
    return errno == EAGAIN || errno == EINTR ? SLUICE_EAGAIN
           : errno == ETERM                  ? SLUICE_ECLOSED
                                             : SLUICE_EIO;
}

/* The frames of a message arrive together: only the first can be missing. */
sluice_err sub_receive_frames(void *socket, zmq_msg_t *frames, int count)
{
    int got = 0;
    bool more = true;
    for (; more && got < count; got++) {
        if (zmq_msg_recv(&frames[got], socket, ZMQ_DONTWAIT) < 0)
            return sub_zmq_error();
        more = zmq_msg_more(&frames[got]);
    }
    bool whole = got == count && !more;
    while (more && zmq_msg_recv(&frames[0], socket, ZMQ_DONTWAIT) >= 0)
        more = zmq_msg_more(&frames[0]);
    return whole ? SLUICE_OK : SLUICE_EPROTO;
}

sl_err sub_message_decode(sub_message_t *m, wire_feed_header_t *header)
{
    zmq_msg_t *f = m->frames;
    return wire_feed_decode(header, zmq_msg_data(&f[1]), zmq_msg_size(&f[1]), zmq_msg_data(&f[0]),
                            zmq_msg_size(&f[0]), zmq_msg_data(&f[2]), zmq_msg_size(&f[2]));
}

/* -- creating -------------------------------------------------------------------------------- */

static bool options_valid(const sluice_sub_options_t *opt)
{
    return opt->watchdog_ms <= INT32_MAX && opt->receive_hwm <= INT32_MAX &&
           opt->from <= SLUICE_FROM_TIME && opt->order <= SLUICE_ORDER_STREAM &&
           opt->repair <= SLUICE_REPAIR_OFF &&
           (opt->feed == NULL || link_endpoint_valid(opt->feed)) &&
           (opt->query == NULL || link_endpoint_valid(opt->query));
}

/* What needs memory; the connection comes after it. */
static sluice_err prepare(sluice_sub_t *sub, const sluice_sub_options_t *opt)
{
    sub_rules_t rules = {
        .patterns = opt->patterns,
        .in_order = opt->order == SLUICE_ORDER_STREAM,
        .repair = opt->repair == SLUICE_REPAIR_ON,
        .hold_bytes = opt->hold_bytes != 0 ? opt->hold_bytes : HOLD_BYTES_DEFAULT,
    };
    sub->watchdog_ms = opt->watchdog_ms != 0 ? opt->watchdog_ms : WATCHDOG_MS_DEFAULT;
    sub->receive_hwm = opt->receive_hwm != 0 ? opt->receive_hwm : RECEIVE_HWM_DEFAULT;
    sub->feed_endpoint = strdup(opt->feed != NULL ? opt->feed : "tcp://127.0.0.1:5551");
    sub->query_endpoint = strdup(opt->query != NULL ? opt->query : "tcp://127.0.0.1:5552");
    if (sub->feed_endpoint == NULL || sub->query_endpoint == NULL)
        return SLUICE_ENOMEM;
    sluice_err err = (sluice_err)sub_state_init(&sub->state, &rules);
    return err == SLUICE_OK ? sub_cursor_init(sub, opt) : err;
}

sluice_err sluice_sub_create(sluice_sub_t **out, const sluice_sub_options_t *options)
{
    sluice_sub_options_t opt = {0};
    if (options == NULL || !options_copy(&opt, sizeof opt, options, options->size) ||
        !options_valid(&opt))
        return SLUICE_EINVAL;
    sluice_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return SLUICE_ENOMEM;
    sluice_err err = link_init(&sub->link, opt.zmq_context);
    if (err == SLUICE_OK)
        err = prepare(sub, &opt);
    if (err == SLUICE_OK && sub->phase == SUB_STARTED)
        err = sub_feed_open(sub);
    if (err != SLUICE_OK) {
        sluice_sub_destroy(&sub);
        return err;
    }
    link_wake_at(&sub->link, 0);
    *out = sub;
    return SLUICE_OK;
}

void sluice_sub_destroy(sluice_sub_t **out)
{
    sluice_sub_t *sub = *out;
    sub_batch_t *held;
    if (sub == NULL)
        return;
    while ((held = sub_state_clear(&sub->state)) != NULL)
        sub_message_give_back(sub, (sub_message_t *)held);
    if (sub->in_hand != NULL)
        sub_message_give_back(sub, sub->in_hand);
    free_all(&sub->arrived);
    free_all(&sub->spare);
    link_close(&sub->link, &sub->feed);
    link_close(&sub->link, &sub->query);
    link_fini(&sub->link);
    sub_state_fini(&sub->state);
    sl_buf_fini(&sub->rest_ends);
    sl_buf_fini(&sub->prefixes);
    sl_buf_fini(&sub->patterns);
    sl_buf_fini(&sub->scratch);
    free(sub->feed_endpoint);
    free(sub->query_endpoint);
    free(sub->name);
    free(sub);
    *out = NULL;
}

/* -- the loop -------------------------------------------------------------------------------- */

static bool has_item(const sluice_sub_t *sub)
{
    return (sub->in_hand != NULL && sub->at < sub->in_hand->batch.header.count) ||
           sub_state_has_notice(&sub->state);
}

uint64_t sub_returned(const sluice_sub_t *sub)
{
    return has_item(sub) ? sub->state.confirmed : sub->state.reached;
}

static sluice_err take_message(sluice_sub_t *sub)
{
    if (sub->fed && sub->arrived.first != NULL)
        return sub_query_take(sub);
    sluice_err err = sub_feed_take(sub);
    return err == SLUICE_EAGAIN ? sub_query_take(sub) : err;
}

/* Takes messages until there is an item.  @return SLUICE_OK without an item: much came, none of it
 * ours; SLUICE_EAGAIN: nothing is left. */
static sluice_err receive_item(sluice_sub_t *sub)
{
    for (int i = 0; i < TURN_MESSAGES_MAX && !has_item(sub); i++) {
        sub_verdict_t verdict;
        uint64_t next_ns = UINT64_MAX;
        sluice_err err = SLUICE_OK;
        sub_state_settle(&sub->state);
        sub_batch_t *due = sub_state_next(&sub->state, &verdict);
        if (due != NULL) {
            sub_message_judged(sub, (sub_message_t *)due, verdict);
            continue;
        }
        if (sub_query_busy(sub)) {
            uint64_t now = link_now_ns();
            sub_cursor_by_itself(sub, now, &next_ns);
            err = sub_query_look(sub, now, false, &next_ns);
        }
        if (err == SLUICE_OK)
            err = take_message(sub);
        if (err != SLUICE_OK)
            return err;
    }
    return SLUICE_OK;
}

/* Nothing is left to receive.  Does what is due, and sets the time of the next look.
 *  @param idle_ns  receives how long one may sleep. */
static sluice_err look_after(sluice_sub_t *sub, uint64_t *idle_ns)
{
    uint64_t now = link_now_ns(), next_ns = UINT64_MAX;
    link_timer_taken(&sub->link, now);
    sub_state_settle(&sub->state);
    sub_cursor_by_itself(sub, now, &next_ns);
    sluice_err err = sub_feed_look(sub, now, &next_ns);
    if (err == SLUICE_OK)
        err = sub_query_look(sub, now, true, &next_ns);
    if (sub->arrived.first != NULL)
        next_ns = now;
    if (next_ns != UINT64_MAX)
        link_wake_at(&sub->link, next_ns);
    *idle_ns = next_ns > now ? next_ns - now : 0;
    return err;
}

static void drop_in_hand(sluice_sub_t *sub)
{
    if (sub->in_hand != NULL)
        sub_message_give_back(sub, sub->in_hand);
    sub->in_hand = NULL;
}

/* Brings an item, waiting as long as told. */
static sluice_err await_item(sluice_sub_t *sub, int timeout_ms)
{
    uint64_t idle_ns, left_ns = UINT64_MAX;
    uint64_t deadline = timeout_ms > 0 ? link_now_ns() + (uint64_t)timeout_ms * SUB_NS_PER_MS : 0;
    drop_in_hand(sub);
    sub->unread = false;
    for (;;) {
        sluice_err err = receive_item(sub);
        if (has_item(sub) || (err != SLUICE_OK && err != SLUICE_EAGAIN))
            return has_item(sub) ? SLUICE_OK : err;
        if (timeout_ms >= 0) {
            uint64_t now = timeout_ms > 0 ? link_now_ns() : 0;
            left_ns = now < deadline ? deadline - now : 0;
        }
        if (err == SLUICE_OK) { /* there is more: no sleep, and the descriptor must fire again */
            if (left_ns > 0)
                continue;
            link_wake_at(&sub->link, 0);
            return SLUICE_EAGAIN;
        }
        err = look_after(sub, &idle_ns);
        if (err != SLUICE_OK)
            return err;
        if (left_ns == 0)
            return SLUICE_EAGAIN;
        if (idle_ns > 0 && link_wait(&sub->link, left_ns < idle_ns ? left_ns : idle_ns) < 0)
            return SLUICE_EAGAIN;
    }
}

/* -- items ----------------------------------------------------------------------------------- */

static void put_notice(sluice_sub_t *sub, sluice_item_t *item)
{
    sub_notice_t notice = sub_state_take_notice(&sub->state);
    *item = (sluice_item_t){.stream = notice.stream};
    if (notice.kind == SUB_STREAM) {
        item->kind = SLUICE_ITEM_STREAM;
        item->parent_stream = notice.parent.stream;
        item->parent_last = notice.parent.last;
        sub_cursor_stream(sub, notice.parent);
        return;
    }
    if (notice.kind == SUB_PATTERNS) {
        item->kind = SLUICE_ITEM_PATTERNS;
        item->number = notice.to;
        return;
    }
    item->kind = SLUICE_ITEM_LOST;
    item->topic = notice.topic != NULL ? notice.topic->key.name : NULL;
    item->topic_len = notice.topic != NULL ? notice.topic->key.len : 0;
    item->lost_from = notice.from;
    item->lost_to = notice.to;
    item->reason = notice.reason;
}

/* Events sub->at … sub->at+count-1 of the batch in hand, which end at `end`. */
static inline void put_events(sluice_sub_t *sub, sluice_item_t *item, uint32_t count, uint32_t end,
                              const uint8_t *ends)
{
    sub_message_t *m = sub->in_hand;
    const wire_feed_header_t *header = &m->batch.header;
    *item = (sluice_item_t){
        .kind = SLUICE_ITEM_EVENT,
        .topic = m->batch.topic->key.name,
        .topic_len = m->batch.topic->key.len,
        .stream =
            sub->state.stream, /* a replayed batch may be of a parent: the number is the same */
        .number = header->first + sub->at,
        .prev = header->prev,
        .time_ns = header->time_ns,
        .data = (const uint8_t *)zmq_msg_data(&m->frames[2]) + sub->body_at,
        .len = end - sub->body_at,
        .count = count,
        .ends = ends,
    };
    sub->returned = item->number + count - 1;
    sub->events += count;
    sub->bytes += item->len;
    sub->at += count;
    sub->body_at = end;
}

/* Sees to it that there is an item. */
static inline sluice_err ready(sluice_sub_t *sub, int timeout_ms)
{
    if (sub->fenced)
        return SLUICE_EFENCED;
    return has_item(sub) ? SLUICE_OK : await_item(sub, timeout_ms);
}

sluice_err sluice_sub_next(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms)
{
    sluice_err err = ready(sub, timeout_ms);
    if (err != SLUICE_OK)
        return err;
    if (sub_state_has_notice(&sub->state))
        put_notice(sub, item);
    else
        put_events(sub, item, 1, wire_end(sub->in_hand->batch.header.ends, sub->at), NULL);
    return SLUICE_OK;
}

/* The ends of what is left, counted from where it begins; the header's own when that is all. */
static const uint8_t *ends_of_rest(sluice_sub_t *sub)
{
    const wire_feed_header_t *header = &sub->in_hand->batch.header;
    if (sub->at == 0)
        return header->ends;
    sl_buf_clear(&sub->rest_ends);
    for (uint32_t i = sub->at; i < header->count; i++) {
        uint8_t end[4];
        wire_put_end(end, wire_end(header->ends, i) - sub->body_at);
        sl_buf_append(&sub->rest_ends, end, sizeof end);
    }
    return sub->rest_ends.failed ? NULL : sub->rest_ends.data;
}

sluice_err sluice_sub_next_batch(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms)
{
    sluice_err err = ready(sub, timeout_ms);
    if (err != SLUICE_OK)
        return err;
    if (sub_state_has_notice(&sub->state)) {
        put_notice(sub, item);
        return SLUICE_OK;
    }
    const uint8_t *ends = ends_of_rest(sub);
    if (ends == NULL)
        return SLUICE_ENOMEM;
    const wire_feed_header_t *header = &sub->in_hand->batch.header;
    put_events(sub, item, header->count - sub->at, wire_end(header->ends, header->count - 1), ends);
    return SLUICE_OK;
}

sluice_err sluice_sub_commit(sluice_sub_t *sub, uint64_t number)
{
    if (sub->name == NULL)
        return SLUICE_EINVAL;
    if (sub->fenced)
        return SLUICE_EFENCED;
    if (sub->phase != SUB_STARTED || !sub->state.placed)
        return number == 0 ? SLUICE_EAGAIN : SLUICE_EINVAL;
    if (number == 0 && !has_item(sub))
        sub_state_settle(&sub->state);
    return sub_cursor_commit(sub, number);
}

/* -- looking at the handle ------------------------------------------------------------------- */

int sluice_sub_fd(const sluice_sub_t *sub)
{
    return sub->link.epoll_fd;
}

bool sluice_sub_joined(const sluice_sub_t *sub)
{
    return sub->state.joined;
}

static uint64_t query_silent_ms(const sluice_sub_t *sub)
{
    if (sub->query_owed_ns == 0)
        return 0;
    return (link_now_ns() - sub->query_owed_ns) / SUB_NS_PER_MS + 1;
}

void sluice_sub_stats(const sluice_sub_t *sub, sluice_sub_stats_t *stats)
{
    const sub_state_t *state = &sub->state;
    sluice_sub_stats_t ours = {
        .events = sub->events,
        .batches = sub->batches,
        .bytes = sub->bytes,
        .gaps = state->gaps,
        .repeats = state->repeats,
        .malformed = sub->malformed,
        .unknown_version = sub->unknown_version,
        .reconnects = sub->reopened + state->resyncs,
        .streams = state->streams,
        .ticks = state->ticks,
        .confirmed = sub_returned(sub),
        .replays = sub->replays,
        .replayed_batches = sub->replayed_batches,
        .held_bytes = state->held_bytes,
        .lost_numbers = state->lost_numbers,
        .commits = sub->commits,
        .committed = sub->kept.number,
        .stream = state->placed ? state->stream : 0,
        .query_silent_ms = query_silent_ms(sub),
    };
    stats_copy(stats, &ours, sizeof ours);
}

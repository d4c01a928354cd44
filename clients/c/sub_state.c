#include "sub_state_impl.h"

#include <assert.h>
#include <stdlib.h>

enum {
    NOTICES_FIRST = 16,
    PLACE_NOTICES_MAX = 3, /* of take_place; a change of the stream has one */
};

sl_err sub_state_init(sub_state_t *state, const sub_rules_t *rules)
{
    *state = (sub_state_t){.in_order = rules->in_order,
                           .repair = rules->repair,
                           .repair_wanted = rules->repair,
                           .hold_bytes = rules->hold_bytes,
                           .start = {.now = true}};
    return patterns_init(&state->patterns, rules->patterns);
}

void sub_state_fini(sub_state_t *state)
{
    patterns_fini(&state->patterns);
    topic_map_fini(&state->topics);
    free(state->notices);
    *state = (sub_state_t){0};
}

void sub_state_start(sub_state_t *state, const sub_start_t *start)
{
    assert(!state->placed);
    state->start = *start;
}

static sub_topic_t *topic_create(sub_state_t *state, uint32_t hash, const char *name, size_t len,
                                 sl_err *err)
{
    *err = SL_EPROTO;
    if (!wire_topic_valid(name, len) || state->topics.count >= SUB_TOPICS_MAX)
        return NULL;
    *err = SL_ENOMEM;
    sub_topic_t *topic = calloc(1, sizeof *topic);
    if (topic == NULL || topic_map_insert(&state->topics, &topic->key, hash, name, len) != SL_OK) {
        free(topic);
        return NULL;
    }
    topic->mine = patterns_match(&state->patterns, name, len);
    *err = SL_OK;
    return topic;
}

sub_topic_t *sub_state_topic(sub_state_t *state, const char *name, size_t len, sl_err *err)
{
    uint32_t hash = topic_hash(name, len);
    topic_key_t *key = topic_map_find(&state->topics, hash, name, len);
    *err = SL_OK;
    return key != NULL ? (sub_topic_t *)key : topic_create(state, hash, name, len, err);
}

/* -- notices --------------------------------------------------------------------------------- */

sl_err sub_reserve_notices(sub_state_t *state, size_t more)
{
    size_t need = state->notice_count + more + state->unreadable; /* which will be told yet */
    if (need <= state->notice_cap)
        return SL_OK;
    size_t cap = state->notice_cap > 0 ? state->notice_cap : NOTICES_FIRST;
    while (cap < need)
        cap *= 2;
    sub_notice_t *notices = realloc(state->notices, cap * sizeof *notices);
    if (notices == NULL)
        return SL_ENOMEM;
    state->notices = notices;
    state->notice_cap = cap;
    return SL_OK;
}

static void put_notice(sub_state_t *state, sub_notice_t notice)
{
    assert(state->notice_count < state->notice_cap);
    notice.stream = state->stream;
    state->notices[state->notice_count++] = notice;
}

sub_notice_t sub_state_take_notice(sub_state_t *state)
{
    assert(sub_state_has_notice(state));
    sub_notice_t notice = state->notices[state->notice_at++];
    if (state->notice_at == state->notice_count)
        state->notice_at = state->notice_count = 0;
    return notice;
}

void sub_put_lost(sub_state_t *state, const sub_topic_t *topic, uint64_t from, uint64_t to,
                  const char *reason)
{
    put_notice(
        state,
        (sub_notice_t){.kind = SUB_LOST, .topic = topic, .from = from, .to = to, .reason = reason});
    state->lost_numbers += to - from + 1;
}

void sub_lose(sub_state_t *state, sub_topic_t *topic, uint64_t to, const char *reason)
{
    sub_put_lost(state, topic, sub_known(state, topic) + 1, to, reason);
    topic->last = to;
}

/* -- batches that wait ----------------------------------------------------------------------- */

static void push(sub_batches_t *list, sub_batch_t *batch)
{
    batch->next = NULL;
    if (list->end != NULL)
        list->end->next = batch;
    else
        list->first = batch;
    list->end = batch;
}

static sub_batch_t *pop(sub_batches_t *list)
{
    sub_batch_t *batch = list->first;
    if (batch == NULL)
        return NULL;
    list->first = batch->next;
    if (list->first == NULL)
        list->end = NULL;
    return batch;
}

/* They are of no use any more. */
static void spend(sub_state_t *state, sub_batches_t *list)
{
    sub_batch_t *batch;
    while ((batch = pop(list)) != NULL) {
        state->held_bytes -= batch->bytes;
        push(&state->spent, batch);
    }
}

static bool room_to_hold(const sub_state_t *state, const sub_batch_t *batch)
{
    return state->held_bytes + batch->bytes <= state->hold_bytes;
}

/* Keeps a batch of the current stream until its time comes.  Where there is no room all are let go:
 * the replay goes further instead. */
static sub_verdict_t hold(sub_state_t *state, sub_batch_t *batch)
{
    sub_topic_t *topic = batch->topic;
    uint64_t last = sub_last(batch);
    topic->tail = sub_max(topic->tail, last);
    if (state->repair) {
        uint64_t accounted = sub_max(sub_max(sub_known(state, topic), topic->seen), state->wanted);
        if (batch->header.prev > accounted) {
            state->gaps++;
            state->wanted = batch->header.first - 1;
        }
        if (last <= state->wanted) /* a replay will bring it */
            return SUB_DROP;
        if (!room_to_hold(state, batch)) {
            spend(state, &state->held);
            state->wanted = last;
            return SUB_DROP;
        }
    }
    push(&state->held, batch);
    state->held_bytes += batch->bytes;
    topic->seen = last;
    return SUB_HOLD;
}

/* A batch of a stream that no tick has named yet.  Those that find no room the tick will show. */
static sub_verdict_t hold_foreign(sub_state_t *state, sub_batch_t *batch)
{
    if (!room_to_hold(state, batch)) {
        spend(state, &state->foreign);
        return SUB_DROP;
    }
    push(&state->foreign, batch);
    state->held_bytes += batch->bytes;
    return SUB_HOLD;
}

void sub_hand_out(sub_state_t *state, sub_batch_t *batch, const char *reason)
{
    const wire_feed_header_t *header = &batch->header;
    if (header->prev > sub_known(state, batch->topic)) {
        sub_lose(state, batch->topic, header->prev, reason);
        state->gaps++;
    }
    uint64_t had = sub_known(state, batch->topic);
    batch->skip = had < header->first ? 0 : (uint32_t)(had + 1 - header->first);
    batch->topic->last = sub_last(batch);
}

/* The oldest of those held: is nothing before it missing any more? */
static bool is_due(const sub_state_t *state, const sub_batch_t *batch)
{
    if (!state->repair)
        return true;
    return state->reached >= state->wanted && (!state->in_order || sub_last(batch) <= state->clear);
}

void sub_advance(sub_state_t *state)
{
    const sub_batch_t *first = state->held.first;
    if (state->reached >= state->wanted && (first == NULL || sub_last(first) > state->clear))
        state->reached = sub_max(state->reached, state->clear);
}

sub_batch_t *sub_state_next(sub_state_t *state, sub_verdict_t *verdict)
{
    sub_batch_t *batch = pop(&state->spent);
    *verdict = SUB_DROP;
    if (batch != NULL)
        return batch;
    batch = state->held.first;
    if (batch == NULL || !is_due(state, batch)) {
        sub_advance(state);
        return NULL;
    }
    pop(&state->held);
    state->held_bytes -= batch->bytes;
    if (sub_last(batch) <= sub_known(state, batch->topic))
        return batch;                             /* a replay has brought it meanwhile */
    if (sub_reserve_notices(state, 1) != SL_OK) { /* as if it had never come */
        if (state->repair)
            state->wanted = sub_max(state->wanted, sub_last(batch));
        return batch;
    }
    sub_hand_out(state, batch, state->repair ? SUB_REASON_DAMAGE : SUB_REASON_NO_REPAIR);
    if (state->in_order && state->repair)
        state->reached = sub_max(state->reached, sub_last(batch));
    *verdict = SUB_DELIVER;
    return batch;
}

sub_batch_t *sub_state_clear(sub_state_t *state)
{
    spend(state, &state->held);
    spend(state, &state->foreign);
    return pop(&state->spent);
}

/* -- streams --------------------------------------------------------------------------------- */

/* They come newest first, and each begins behind the one before it: what one claims beyond the end
 * of a newer one, or of the line, was numbered again. */
static wire_parent_t find_parent(const wire_feed_header_t *header, uint64_t stream)
{
    uint64_t there = header->first - 1;
    for (uint32_t i = 0; i < header->parent_count; i++) {
        there = sub_min(there, header->parents[i].last);
        if (header->parents[i].stream == stream)
            return (wire_parent_t){stream, there};
    }
    return (wire_parent_t){0};
}

static void tell_stream(sub_state_t *state, wire_parent_t parent)
{
    state->streams++;
    put_notice(state, (sub_notice_t){.kind = SUB_STREAM, .parent = parent});
}

/* Puts aside what belongs to the old numbering, and takes up what waited for the new one. */
static void sort_held(sub_state_t *state)
{
    sub_batches_t waiting = state->foreign;
    sub_batch_t *batch;
    spend(state, &state->held);
    state->foreign = (sub_batches_t){0};
    while ((batch = pop(&waiting)) != NULL) {
        state->held_bytes -= batch->bytes;
        if (batch->header.stream != state->stream || hold(state, batch) == SUB_DROP)
            push(&state->spent, batch);
    }
}

static void switch_stream(sub_state_t *state, const wire_feed_header_t *header)
{
    wire_parent_t parent = find_parent(header, state->stream);
    sub_topic_t *topic;
    state->stream = header->stream;
    state->reached = sub_min(state->reached, parent.last);
    state->confirmed = sub_min(state->confirmed, parent.last);
    state->wanted = state->clear = 0;
    SUB_FOR_TOPICS(state, topic)
    {
        topic->last = sub_min(topic->last, parent.last);
        topic->seen = topic->tail = 0;
    }
    if (state->replay != 0)
        state->cancelled = state->replay;
    state->replay = 0;
    state->unreadable = false;
    tell_stream(state, parent);
    sort_held(state);
}

/* Where everything begins: the first answer to our sync. */
static void take_place(sub_state_t *state, const wire_feed_header_t *header)
{
    const sub_start_t *start = &state->start;
    uint64_t head = header->first - 1;
    wire_parent_t parent = {0};
    state->placed = true;
    state->stream = header->stream;
    if (start->now) {
        state->reached = head;
    } else if (start->stream == header->stream || (start->stream == 0 && start->number <= head)) {
        state->reached = sub_min(start->number, head);
    } else { /* a number that this stream has not reached is of another one, too */
        if (start->stream != 0)
            parent = find_parent(header, start->stream);
        state->reached = sub_min(start->number, parent.last);
        tell_stream(state, parent);
    }
    state->confirmed = state->reached;
    if (start->taken != 0 && state->reached > 0)
        sub_put_lost(state, NULL, 1, sub_min(start->taken, state->reached), SUB_REASON_RETENTION);
    if (start->other_patterns)
        put_notice(state, (sub_notice_t){.kind = SUB_PATTERNS, .to = state->reached});
}

/* -- the rules ------------------------------------------------------------------------------- */

sl_err sub_state_batch(sub_state_t *state, sub_batch_t *batch, sub_verdict_t *verdict)
{
    sub_topic_t *topic = batch->topic;
    *verdict = SUB_DROP;
    if (!state->placed || !topic->mine)
        return SL_OK;
    if (batch->header.stream != state->stream) {
        *verdict = hold_foreign(state, batch);
        return SL_OK;
    }
    uint64_t known = sub_known(state, topic);
    if (sub_last(batch) <= known) {
        state->repeats++;
        return SL_OK;
    }
    if (state->repair && (state->in_order || batch->header.prev > known)) {
        *verdict = hold(state, batch);
        return SL_OK;
    }
    if (sub_reserve_notices(state, 1) != SL_OK)
        return SL_ENOMEM;
    topic->tail = sub_max(topic->tail, sub_last(batch));
    sub_hand_out(state, batch, SUB_REASON_NO_REPAIR);
    *verdict = SUB_DELIVER;
    return SL_OK;
}

/* Reads all tails once before any of them counts: a malformed tick changes nothing. */
static sl_err check_tails(sub_state_t *state, const wire_feed_header_t *header, wire_tails_t tails)
{
    wire_tail_t tail;
    sl_err err;
    if (tails.left > SUB_TOPICS_MAX)
        return SL_EPROTO;
    while ((err = wire_tails_next(&tails, &tail)) == SL_OK) {
        if (tail.last >= header->first)
            return SL_EPROTO;
        if (sub_state_topic(state, tail.topic, tail.topic_len, &err) == NULL)
            return err;
    }
    return err == SL_EAGAIN ? SL_OK : err;
}

/* Without repair what the tails show is lost.  With it, one replay up to `head` brings it all. */
static void apply_tails(sub_state_t *state, wire_tails_t tails, uint64_t head)
{
    wire_tail_t tail;
    sl_err err;
    bool hole = false;
    while (wire_tails_next(&tails, &tail) == SL_OK) {
        sub_topic_t *topic = sub_state_topic(state, tail.topic, tail.topic_len, &err);
        if (!topic->mine)
            continue;
        topic->tail = sub_max(topic->tail, tail.last);
        if (tail.last <= sub_max(sub_known(state, topic), sub_max(topic->seen, state->wanted)))
            continue;
        hole = true;
        state->gaps += !state->repair;
        if (!state->repair)
            sub_lose(state, topic, tail.last, SUB_REASON_NO_REPAIR);
    }
    if (hole && state->repair) {
        state->gaps++;
        state->wanted = head;
    }
}

sl_err sub_state_tick(sub_state_t *state, const wire_feed_header_t *header, const void *body,
                      size_t len, bool sync)
{
    wire_tails_t tails;
    sl_err err = wire_tails_open(&tails, body, len);
    if (err == SL_OK)
        err = check_tails(state, header, tails);
    if (err == SL_OK)
        err = sub_reserve_notices(state, PLACE_NOTICES_MAX + (size_t)tails.left);
    if (err != SL_OK)
        return err;
    state->ticks++;
    if (sync) {
        state->resyncs += state->joined;
        state->joined = true;
        state->repair = state->repair_wanted; /* perhaps a broker that can */
    }
    if (!state->placed && !sync)
        return SL_OK;
    if (!state->placed)
        take_place(state, header);
    else if (header->stream != state->stream)
        switch_stream(state, header);
    state->stalled = false;
    if (!state->repair && state->held.first != NULL)
        return SL_OK; /* those first; what else the tails show, the next tick shows too */
    apply_tails(state, tails, header->first - 1);
    state->clear = sub_max(state->clear, header->first - 1);
    sub_advance(state);
    return SL_OK;
}

void sub_state_reconnected(sub_state_t *state)
{
    state->joined = false;
}

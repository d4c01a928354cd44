#include "sub_state.h"

#include <assert.h>
#include <stdlib.h>

enum { NOTICES_FIRST = 16 };

sl_err sub_state_init(sub_state_t *state, const char *const *patterns)
{
    *state = (sub_state_t){0};
    return patterns_init(&state->patterns, patterns);
}

void sub_state_fini(sub_state_t *state)
{
    patterns_fini(&state->patterns);
    topic_map_fini(&state->topics);
    free(state->notices);
    *state = (sub_state_t){0};
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

static uint64_t known(const sub_state_t *state, const sub_topic_t *topic)
{
    return topic->last > state->confirmed ? topic->last : state->confirmed;
}

/* -- notices --------------------------------------------------------------------------------- */

/* Makes room before anything changes, so that nothing changes by halves. */
static sl_err reserve_notices(sub_state_t *state, size_t more)
{
    size_t need = state->notice_count + more;
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

/* -- the rules ------------------------------------------------------------------------------- */

static void begin_stream(sub_state_t *state, uint64_t stream)
{
    state->stream = stream;
    state->confirmed = 0;
    for (size_t i = 0; i < state->topics.slot_count; i++)
        if (state->topics.slots[i] != NULL)
            ((sub_topic_t *)state->topics.slots[i])->last = 0;
    state->streams++;
    put_notice(state, (sub_notice_t){.kind = SUB_STREAM});
}

/* Something on the topic, up to `to`, was numbered and has not come. */
static void lose(sub_state_t *state, sub_topic_t *topic, uint64_t to)
{
    put_notice(state, (sub_notice_t){SUB_LOST, topic, known(state, topic) + 1, to});
    topic->last = to;
    state->gaps++;
}

sl_err sub_state_batch(sub_state_t *state, sub_topic_t *topic, const wire_feed_header_t *header,
                       uint32_t *skip)
{
    *skip = header->count;
    if (!state->placed || !topic->mine)
        return SL_OK;
    if (reserve_notices(state, 2) != SL_OK)
        return SL_ENOMEM;
    if (header->stream != state->stream)
        begin_stream(state, header->stream);
    uint64_t last = header->first + header->count - 1;
    if (last <= known(state, topic)) {
        state->repeats++;
        return SL_OK;
    }
    if (header->prev > known(state, topic))
        lose(state, topic, header->prev);
    uint64_t had = known(state, topic);
    *skip = had < header->first ? 0 : (uint32_t)(had + 1 - header->first);
    topic->last = last;
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

static void apply_tails(sub_state_t *state, wire_tails_t tails)
{
    wire_tail_t tail;
    sl_err err;
    while (wire_tails_next(&tails, &tail) == SL_OK) {
        sub_topic_t *topic = sub_state_topic(state, tail.topic, tail.topic_len, &err);
        if (topic->mine && tail.last > known(state, topic))
            lose(state, topic, tail.last);
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
        err = reserve_notices(state, 1 + (size_t)tails.left);
    if (err != SL_OK)
        return err;
    state->ticks++;
    if (sync) {
        state->resyncs += state->joined;
        state->joined = true;
    }
    if (!state->placed && sync) { /* where everything begins */
        state->placed = true;
        state->stream = header->stream;
        state->confirmed = header->first - 1;
    }
    if (!state->placed)
        return SL_OK;
    if (header->stream != state->stream)
        begin_stream(state, header->stream);
    apply_tails(state, tails);
    if (header->first - 1 > state->confirmed)
        state->confirmed = header->first - 1;
    return SL_OK;
}

void sub_state_reconnected(sub_state_t *state)
{
    state->joined = false;
}

#include "sub_testing.h"

int script_setup(void **state, const sub_rules_t *rules)
{
    script_t *s = calloc(1, sizeof *s);
    *state = s;
    return sub_state_init(&s->state, rules);
}

int script_teardown(void **state)
{
    script_t *s = *state;
    sub_batch_t *held;
    while ((held = sub_state_clear(&s->state)) != NULL)
        free(held);
    assert_int_equal(s->state.held_bytes, 0);
    sub_state_fini(&s->state);
    free(s);
    return 0;
}

/* -- what comes ------------------------------------------------------------------------------- */

static uint32_t put(script_t *s, uint64_t request, uint64_t stream, const char *name, uint64_t prev,
                    uint64_t first, uint64_t last)
{
    sl_err err;
    sub_verdict_t verdict;
    sub_batch_t *b = calloc(1, sizeof *b);
    b->topic = sub_state_topic(&s->state, name, strlen(name), &err);
    b->bytes = BATCH_BYTES;
    b->header = (wire_feed_header_t){
        .stream = stream, .prev = prev, .first = first, .count = (uint32_t)(last - first + 1)};
    assert_non_null(b->topic);
    err = request == 0 ? sub_state_batch(&s->state, b, &verdict)
                       : sub_state_replayed(&s->state, request, b, &verdict);
    assert_int_equal(err, SL_OK);
    uint32_t delivered = verdict == SUB_DELIVER ? b->header.count - b->skip : 0;
    if (verdict != SUB_HOLD)
        free(b);
    return delivered;
}

uint32_t batch_of(script_t *s, uint64_t stream, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last)
{
    return put(s, 0, stream, topic, prev, first, last);
}

uint32_t batch(script_t *s, const char *topic, uint64_t prev, uint64_t first, uint64_t last)
{
    return put(s, 0, STREAM, topic, prev, first, last);
}

uint32_t replayed(script_t *s, uint64_t request, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last)
{
    return put(s, request, STREAM, topic, prev, first, last);
}

sl_err tick_of(script_t *s, uint64_t stream, uint64_t next, const tail_t *tails, size_t count,
               bool sync)
{
    sl_buf_t body = SL_BUF_INIT;
    wire_tails_begin(&body, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        wire_tails_put(&body, tails[i].topic, strlen(tails[i].topic), tails[i].last);
    wire_feed_header_t h = {
        .stream = stream, .first = next, .parents = s->parents, .parent_count = s->parent_count};
    sl_err err = sub_state_tick(&s->state, &h, body.data, body.len, sync);
    sl_buf_fini(&body);
    if (!sub_state_has_notice(&s->state) && s->state.held.first == NULL)
        sub_state_settle(&s->state);
    return err;
}

void tick(script_t *s, uint64_t next, const char *topic, uint64_t last)
{
    tail_t tail = {topic, last};
    assert_int_equal(tick_of(s, STREAM, next, &tail, topic != NULL, false), SL_OK);
}

void sync_answer(script_t *s, uint64_t next, const tail_t *tail)
{
    assert_int_equal(tick_of(s, STREAM, next, tail, tail != NULL, true), SL_OK);
}

uint64_t expect_replay(script_t *s, uint64_t after, uint64_t until)
{
    uint64_t wanted_after, wanted_until;
    assert_true(sub_state_wants_replay(&s->state, &wanted_after, &wanted_until));
    assert_int_equal(wanted_after, after);
    assert_int_equal(wanted_until, until);
    sub_state_replay_asked(&s->state, ++s->requests, until);
    return s->requests;
}

void expect_no_replay(script_t *s)
{
    uint64_t after, until;
    assert_false(sub_state_wants_replay(&s->state, &after, &until));
}

/* -- what follows ----------------------------------------------------------------------------- */

static sub_notice_t take_notice(script_t *s)
{
    assert_true(sub_state_has_notice(&s->state));
    sub_notice_t notice = sub_state_take_notice(&s->state);
    if (!sub_state_has_notice(&s->state))
        sub_state_settle(&s->state);
    return notice;
}

void expect_lost(script_t *s, const char *topic, uint64_t from, uint64_t to)
{
    sub_notice_t notice = take_notice(s);
    assert_int_equal(notice.kind, SUB_LOST);
    if (topic != NULL)
        assert_string_equal(notice.topic->key.name, topic);
    else
        assert_null(notice.topic);
    assert_int_equal(notice.from, from);
    assert_int_equal(notice.to, to);
    assert_non_null(notice.reason);
}

void expect_stream_from(script_t *s, uint64_t stream, uint64_t parent, uint64_t last)
{
    sub_notice_t notice = take_notice(s);
    assert_int_equal(notice.kind, SUB_STREAM);
    assert_int_equal(notice.stream, stream);
    assert_int_equal(notice.parent.stream, parent);
    assert_int_equal(notice.parent.last, last);
}

void expect_stream(script_t *s, uint64_t stream)
{
    expect_stream_from(s, stream, 0, 0);
}

/* The next of those held that is delivered; what a replay brought meanwhile is passed over. */
static sub_batch_t *next_held(script_t *s)
{
    sub_verdict_t verdict;
    sub_batch_t *b;
    while ((b = sub_state_next(&s->state, &verdict)) != NULL && verdict == SUB_DROP)
        free(b);
    return b;
}

void expect_held(script_t *s, const char *topic, uint64_t from, uint64_t to)
{
    sub_batch_t *b = next_held(s);
    assert_non_null(b);
    assert_string_equal(b->topic->key.name, topic);
    assert_int_equal(b->header.first + b->skip, from);
    assert_int_equal(b->header.first + b->header.count - 1, to);
    free(b);
}

void expect_nothing(script_t *s)
{
    assert_false(sub_state_has_notice(&s->state));
    assert_null(next_held(s));
    sub_state_settle(&s->state);
}

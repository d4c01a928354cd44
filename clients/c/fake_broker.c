#include "fake_broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* -- setting up ------------------------------------------------------------------------------- */

/* Binds anew to where it was before, which may still be closing. */
static void *bind_again(fake_t *f, int type, const char *endpoint)
{
    int no_linger = 0;
    void *socket = zmq_socket(f->context, type);
    zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger);
    while (zmq_bind(socket, endpoint) != 0) {
        assert_int_equal(errno, EADDRINUSE);
        poll(NULL, 0, 1);
    }
    return socket;
}

void fake_bind_feed(fake_t *f)
{
    int on = 1;
    f->xpub = f->endpoint[0] == '\0'
                  ? test_bind(f->context, ZMQ_XPUB, f->endpoint, sizeof f->endpoint)
                  : bind_again(f, ZMQ_XPUB, f->endpoint);
    zmq_setsockopt(f->xpub, ZMQ_XPUB_VERBOSE, &on, sizeof on);
}

void fake_bind_query(fake_t *f)
{
    f->router = f->query_endpoint[0] == '\0'
                    ? test_bind(f->context, ZMQ_ROUTER, f->query_endpoint, sizeof f->query_endpoint)
                    : bind_again(f, ZMQ_ROUTER, f->query_endpoint);
}

int fake_setup(void **state)
{
    fake_t *f = calloc(1, sizeof *f);
    f->context = zmq_ctx_new();
    fake_bind_feed(f);
    fake_bind_query(f);
    zmq_msg_init(&f->question);
    *state = f;
    return 0;
}

int fake_setup_inproc(void **state)
{
    fake_setup(state);
    fake_t *f = *state;
    zmq_close(f->xpub);
    zmq_close(f->router);
    strcpy(f->endpoint, "inproc://feed");
    strcpy(f->query_endpoint, "inproc://query");
    fake_bind_feed(f);
    fake_bind_query(f);
    return 0;
}

int fake_teardown(void **state)
{
    fake_t *f = *state;
    sluice_sub_destroy(&f->sub);
    zmq_msg_close(&f->question);
    zmq_close(f->xpub);
    zmq_close(f->router);
    zmq_ctx_term(f->context);
    free(f);
    return 0;
}

/* -- the subscriber --------------------------------------------------------------------------- */

void fake_subscribe(fake_t *f, sluice_sub_options_t options, const char *const *patterns)
{
    options.size = sizeof options;
    if (options.watchdog_ms == 0) /* it would help a descriptor along that does not fire */
        options.watchdog_ms = 10 * TEST_PATIENCE_MS;
    options.feed = f->endpoint;
    options.query = f->query_endpoint;
    options.zmq_context = strncmp(f->endpoint, "inproc", 6) == 0 ? f->context : NULL;
    options.patterns = patterns;
    assert_int_equal(sluice_sub_create(&f->sub, &options), SLUICE_OK);
}

void await_sync(fake_t *f)
{
    f->sync[0] = '\0';
    f->subscribed_count = 0;
    for (int waited = 0; f->sync[0] == '\0'; waited++) {
        sluice_item_t item;
        assert_true(waited < TEST_PATIENCE_MS);
        sluice_sub_next(f->sub, &item, 0);
        if (!test_readable(f->xpub, 1))
            continue;
        char text[64] = "";
        int len = zmq_recv(f->xpub, text, sizeof text - 1, 0);
        assert_in_range(len, 1, sizeof text - 1);
        if (text[0] != 1)
            continue; /* one that leaves */
        assert_true(f->subscribed_count < SUBSCRIPTIONS_MAX);
        strcpy(f->subscribed[f->subscribed_count++], text + 1);
        if (wire_is_sync_topic(text + 1, (size_t)len - 1))
            strcpy(f->sync, text + 1);
    }
}

void await_joined(fake_t *f)
{
    for (int waited = 0; !sluice_sub_joined(f->sub); waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        assert_int_equal(sluice_sub_next(f->sub, &f->item, 1), SLUICE_EAGAIN);
    }
}

void fake_join(fake_t *f, sluice_sub_options_t options, uint64_t next, const char *topic,
               uint64_t last)
{
    fake_subscribe(f, options, LIST("Job."));
    if (options.from == SLUICE_FROM_EARLIEST && options.repair == SLUICE_REPAIR_ON)
        answer_found(f, 0, 0, next, 0);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, next, topic, last);
    await_joined(f);
}

const sluice_item_t *expect(fake_t *f, sluice_item_kind kind)
{
    assert_int_equal(sluice_sub_next(f->sub, &f->item, TEST_PATIENCE_MS), SLUICE_OK);
    assert_int_equal(f->item.kind, kind);
    return &f->item;
}

void expect_event(fake_t *f, const char *topic, uint64_t number)
{
    const sluice_item_t *item = expect(f, SLUICE_ITEM_EVENT);
    assert_string_equal(item->topic, topic);
    assert_int_equal(item->number, number);
    assert_int_equal(item->count, 1);
    assert_int_equal(item->len, 4);
    assert_int_equal(((const uint8_t *)item->data)[3], number & 0x7f);
}

void expect_lost(fake_t *f, const char *topic, uint64_t from, uint64_t to)
{
    const sluice_item_t *item = expect(f, SLUICE_ITEM_LOST);
    if (topic != NULL)
        assert_string_equal(item->topic, topic);
    else
        assert_null(item->topic);
    assert_int_equal(item->lost_from, from);
    assert_int_equal(item->lost_to, to);
}

void expect_err(fake_t *f, sluice_err err)
{
    assert_int_equal(sluice_sub_next(f->sub, &f->item, TEST_PATIENCE_MS), err);
}

void expect_silence(fake_t *f)
{
    assert_int_equal(sluice_sub_next(f->sub, &f->item, 30), SLUICE_EAGAIN);
}

sluice_sub_stats_t stats(fake_t *f)
{
    sluice_sub_stats_t s = {.size = sizeof s};
    sluice_sub_stats(f->sub, &s);
    return s;
}

/* -- batches and ticks ------------------------------------------------------------------------ */

typedef struct frames {
    const char *topic;
    sl_buf_t header, body;
} frames_t;

static void send_frames(void *socket, frames_t *frames)
{
    zmq_send(socket, frames->topic, strlen(frames->topic), ZMQ_SNDMORE);
    zmq_send(socket, frames->header.data, frames->header.len, ZMQ_SNDMORE);
    assert_int_equal(zmq_send(socket, frames->body.data, frames->body.len, 0), frames->body.len);
    sl_buf_fini(&frames->header);
    sl_buf_fini(&frames->body);
}

static frames_t make_batch(uint64_t stream, const char *topic, uint64_t prev, uint64_t first,
                           uint64_t last)
{
    frames_t frames = {.topic = topic};
    sl_buf_t ends = SL_BUF_INIT;
    for (uint64_t n = first; n <= last; n++) {
        uint8_t end[4];
        sl_buf_append(&frames.body, "\x81\xa1n", 3);
        sl_buf_append_byte(&frames.body, (uint8_t)(n & 0x7f));
        wire_put_end(end, (uint32_t)frames.body.len);
        sl_buf_append(&ends, end, 4);
    }
    wire_feed_header_t h = {.stream = stream,
                            .prev = prev,
                            .first = first,
                            .count = (uint32_t)(last - first + 1),
                            .time_ns = 1000 + first,
                            .ends = ends.data};
    wire_feed_encode(&frames.header, &h, topic, strlen(topic), frames.body.data, frames.body.len);
    sl_buf_fini(&ends);
    return frames;
}

void put_batch_of(fake_t *f, uint64_t stream, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last)
{
    frames_t frames = make_batch(stream, topic, prev, first, last);
    send_frames(f->xpub, &frames);
}

void put_batch(fake_t *f, const char *topic, uint64_t prev, uint64_t first, uint64_t last)
{
    put_batch_of(f, STREAM, topic, prev, first, last);
}

void put_tick_of(fake_t *f, uint64_t stream, const char *on, uint64_t next, const char *topic,
                 uint64_t last)
{
    frames_t frames = {.topic = on};
    wire_tails_begin(&frames.body, topic != NULL);
    if (topic != NULL)
        wire_tails_put(&frames.body, topic, strlen(topic), last);
    wire_feed_header_t h = {.stream = stream,
                            .first = next,
                            .time_ns = 1,
                            .parents = f->parents,
                            .parent_count = f->parent_count};
    wire_feed_encode(&frames.header, &h, on, strlen(on), frames.body.data, frames.body.len);
    send_frames(f->xpub, &frames);
}

void put_tick(fake_t *f, uint64_t next, const char *topic, uint64_t last)
{
    put_tick_of(f, STREAM, "$tick", next, topic, last);
}

/* -- the query side --------------------------------------------------------------------------- */

void expect_question(fake_t *f, wire_query_type_t type)
{
    for (int waited = 0; !test_readable(f->router, 0); waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        assert_int_equal(sluice_sub_next(f->sub, &f->item, TEST_STEP_MS), SLUICE_EAGAIN);
    }
    int len = zmq_recv(f->router, f->peer, sizeof f->peer, 0);
    assert_in_range(len, 1, sizeof f->peer);
    f->peer_len = (size_t)len;
    assert_true(zmq_msg_recv(&f->question, f->router, 0) >= 0);
    assert_false(zmq_msg_more(&f->question));
    assert_int_equal(
        wire_query_decode(&f->asked, zmq_msg_data(&f->question), zmq_msg_size(&f->question)),
        SL_OK);
    assert_string_equal(wire_query_name(f->asked.type), wire_query_name(type));
}

uint64_t expect_replay(fake_t *f, uint64_t after, uint64_t until)
{
    wire_replay_t replay;
    expect_question(f, WIRE_QUERY_REPLAY);
    assert_int_equal(wire_replay_decode(&replay, &f->asked), SL_OK);
    assert_int_equal(replay.after, after);
    assert_int_equal(replay.until, until);
    return f->asked.request;
}

void answer_found(fake_t *f, uint64_t since_ns, uint64_t after, uint64_t next, uint64_t taken)
{
    wire_find_t find;
    sl_buf_t out = SL_BUF_INIT;
    expect_question(f, WIRE_QUERY_FIND);
    assert_int_equal(wire_find_decode(&find, &f->asked), SL_OK);
    assert_int_equal(find.since_ns, since_ns);
    wire_put_found(&out, f->asked.request, &(wire_found_t){STREAM, after, next, taken});
    answer(f, &out);
}

void expect_no_question(fake_t *f)
{
    expect_silence(f);
    assert_false(test_readable(f->router, 0));
}

static void address(fake_t *f)
{
    assert_true(zmq_send(f->router, f->peer, f->peer_len, ZMQ_SNDMORE) >= 0);
}

void answer(fake_t *f, sl_buf_t *out)
{
    assert_false(out->failed);
    address(f);
    assert_true(zmq_send(f->router, out->data, out->len, 0) >= 0);
    sl_buf_fini(out);
}

void answer_batch(fake_t *f, uint64_t request, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last)
{
    sl_buf_t out = SL_BUF_INIT;
    frames_t frames = make_batch(STREAM, topic, prev, first, last);
    wire_put_query(&out, WIRE_QUERY_BATCH, request, 0);
    address(f);
    assert_true(zmq_send(f->router, out.data, out.len, ZMQ_SNDMORE) >= 0);
    send_frames(f->router, &frames);
    sl_buf_fini(&out);
}

void answer_unreadable(fake_t *f, uint64_t request, const char *topic, uint8_t version)
{
    sl_buf_t out = SL_BUF_INIT;
    frames_t frames = make_batch(STREAM, topic, 0, 1, 1);
    frames.header.data[1] = version; /* the array's first element */
    frames.header.len = version == 0 ? 1 : frames.header.len;
    wire_put_query(&out, WIRE_QUERY_BATCH, request, 0);
    address(f);
    assert_true(zmq_send(f->router, out.data, out.len, ZMQ_SNDMORE) >= 0);
    send_frames(f->router, &frames);
    sl_buf_fini(&out);
}

void answer_lost(fake_t *f, uint64_t request, uint64_t from, uint64_t to, wire_lost_reason_t why)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_lost(&out, request, &(wire_lost_t){from, to, why});
    answer(f, &out);
}

void answer_done(fake_t *f, uint64_t request, uint64_t upto)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_done(&out, request, &(wire_done_t){upto});
    answer(f, &out);
}

void answer_error(fake_t *f, uint64_t request, wire_code_t code)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query_error(&out, request, code, NULL);
    answer(f, &out);
}

/* The subscriber against a broker that says what the test tells it to: repair, where it begins, and
 * cursors.  What is right in which case is sub_state.h's, tested there; here it is asked, answered
 * and waited for. */
#include "fake_broker.h"
#include "sub_impl.h"

#include <poll.h>
#include <time.h>

enum { GENERATION = 3 };

static const sluice_sub_options_t plain = {0};

/* Joined at 10, and the batch of 20 shows that up to 15 something is missing. */
static uint64_t with_a_hole(fake_t *f, sluice_sub_options_t options)
{
    fake_join(f, options, 10, NULL, 0);
    put_batch(f, "Job.A", 15, 20, 20);
    return expect_replay(f, 9, 19);
}

/* -- repair ----------------------------------------------------------------------------------- */

static void hole_is_replayed_and_what_waited_follows(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    put_batch(f, "Job.B", 0, 21, 21);
    expect_event(f, "Job.B", 21);
    answer_batch(f, request, "Job.A", 0, 14, 15);
    expect_event(f, "Job.A", 14);
    expect_event(f, "Job.A", 15);
    expect_silence(f);
    assert_true(stats(f).held_bytes > 0);
    answer_done(f, request, 19);
    expect_event(f, "Job.A", 20);
    expect_silence(f);
    put_tick(f, 30, "Job.A", 20);
    expect_silence(f);
    assert_int_equal(stats(f).confirmed, 29);
    assert_int_equal(stats(f).replays, 1);
    assert_int_equal(stats(f).replayed_batches, 1);
    assert_int_equal(stats(f).held_bytes, 0);
    assert_int_equal(stats(f).stream, STREAM);
}

static void replay_is_asked_for_what_is_ours(void **state)
{
    fake_t *f = *state;
    wire_replay_t replay;
    const char *text;
    uint32_t len;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_EARLIEST},
                   LIST("", "Job.*", "$dead.*"));
    answer_found(f, 0, 0, 10, 0);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, "Job.A", 9);
    expect_question(f, WIRE_QUERY_REPLAY);
    assert_int_equal(wire_replay_decode(&replay, &f->asked), SL_OK);
    assert_int_equal(replay.stream, STREAM);
    assert_int_equal(replay.after, 0);
    assert_int_equal(replay.until, 9);
    assert_in_range(replay.credit_bytes, 1, WIRE_REPLAY_CREDIT_MAX);
    assert_true(wire_texts_next(&replay.prefixes, &text, &len));
    assert_int_equal(len, 0);
    assert_true(wire_texts_next(&replay.prefixes, &text, &len));
    assert_int_equal(len, 6);
    assert_memory_equal(text, "$dead.", 6);
}

static void lost_range_says_why(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_lost(f, request, 10, 19, WIRE_LOST_RETENTION);
    answer_done(f, request, 19);
    expect_lost(f, NULL, 10, 19);
    assert_string_equal(f->item.reason, "RETENTION");
    assert_int_equal(f->item.stream, STREAM);
    expect_event(f, "Job.A", 20);
    assert_int_equal(stats(f).lost_numbers, 10);
}

static void broker_without_replay_loses_what_is_missing(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_error(f, request, WIRE_CODE_TYPE);
    expect_lost(f, NULL, 10, 19);
    assert_string_equal(f->item.reason, "NO_REPAIR");
    expect_event(f, "Job.A", 20);
    put_batch(f, "Job.A", 21, 22, 22);
    expect_lost(f, "Job.A", 21, 21);
    expect_event(f, "Job.A", 22);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void busy_broker_is_asked_again_later(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain), begin_ms = now_ms();
    for (int i = 0; i < 3; i++) {
        answer_error(f, request, WIRE_CODE_BUSY);
        uint64_t again = expect_replay(f, 9, 19);
        assert_true(again > request);
        request = again;
    }
    assert_true(now_ms() - begin_ms >= 300);
}

static void replay_has_its_turn_though_the_feed_is_never_dry(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_batch(f, request, "Job.A", 0, 15, 15);
    for (uint64_t n = 21; n <= 30; n++)
        put_batch(f, "Job.B", n == 21 ? 0 : n - 1, n, n);
    uint64_t place = 1;
    while (strcmp(expect(f, SLUICE_ITEM_EVENT)->topic, "Job.A") != 0)
        place++;
    assert_in_range(place, 1, 2);
}

static void refusal_for_good_is_told(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_error(f, request, WIRE_CODE_LIMIT);
    expect_err(f, SLUICE_EREFUSED);
    expect_replay(f, 9, 19);
}

static void silent_query_side_is_connected_to_anew(void **state)
{
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){.watchdog_ms = 300}, 10, NULL, 0);
    put_batch(f, "Job.A", 15, 20, 20);
    uint64_t request = expect_replay(f, 9, 19);
    answer_batch(f, request, "Job.A", 0, 11, 12);
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    uint8_t before[sizeof f->peer];
    size_t before_len = f->peer_len;
    memcpy(before, f->peer, before_len);
    uint64_t again = 0;
    while (again == 0) { /* the feed is kept awake meanwhile */
        put_tick(f, 21, "Job.A", 20);
        sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        if (test_readable(f->router, 0))
            again = expect_replay(f, 12, 19);
    }
    assert_true(again > request);
    assert_true(f->peer_len != before_len || memcmp(f->peer, before, before_len) != 0);
    answer_batch(f, request, "Job.A", 12, 13, 13); /* too late */
    answer_batch(f, again, "Job.A", 12, 15, 15);
    expect_event(f, "Job.A", 15);
}

static void silence_of_the_query_side_is_told_across_its_connections(void **state)
{
    enum { WATCHDOG_MS = 50 };
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){.watchdog_ms = WATCHDOG_MS}, 10, NULL, 0);
    assert_int_equal(stats(f).query_silent_ms, 0); /* nothing was asked */
    put_batch(f, "Job.A", 15, 20, 20);
    uint64_t request = expect_replay(f, 9, 19);
    while (stats(f).query_silent_ms <= 4 * WATCHDOG_MS) { /* the feed is kept awake meanwhile */
        put_tick(f, 21, "Job.A", 20);
        sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        assert_true(stats(f).query_silent_ms > 0);
        if (test_readable(f->router, 0))
            request = expect_replay(f, 9, 19);
    }
    answer_done(f, request, 19);
    while (sluice_sub_next(f->sub, &f->item, TEST_STEP_MS) != SLUICE_OK)
        put_tick(f, 21, "Job.A", 20);
    expect_silence(f);
    assert_int_equal(stats(f).query_silent_ms, 0);
}

static void broker_that_comes_back_is_asked_at_once(void **state)
{
    fake_t *f = *state;
    with_a_hole(f, plain);
    zmq_close(f->xpub);
    zmq_close(f->router);
    fake_bind_query(f);
    fake_bind_feed(f);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 31, "Job.A", 30);
    uint64_t request = expect_replay(f, 9, 30);
    answer_batch(f, request, "Job.A", 0, 11, 15);
    answer_batch(f, request, "Job.A", 15, 20, 20);
    for (uint64_t n = 11; n <= 15; n++)
        expect_event(f, "Job.A", n);
    expect_event(f, "Job.A", 20);
}

static void query_side_is_connected_to_along_with_a_feed_that_was_silent(void **state)
{
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){.watchdog_ms = 300}, 10, NULL, 0);
    zmq_socket_monitor(f->router, "inproc://monitor", ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    void *monitor = zmq_socket(f->context, ZMQ_PAIR);
    zmq_connect(monitor, "inproc://monitor");
    for (int waited = 0; !test_readable(monitor, 0); waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        sluice_sub_next(f->sub, &f->item, 1);
    }
    assert_false(sluice_sub_joined(f->sub));
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 31, "Job.A", 30);
    expect_replay(f, 9, 30);
    zmq_socket_monitor(f->router, NULL, 0);
    zmq_close(monitor);
}

static void replay_that_flows_goes_on_though_the_feed_is_connected_to_anew(void **state)
{
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){.watchdog_ms = 300}, 10, NULL, 0);
    put_batch(f, "Job.A", 1000, 1001, 1001);
    uint64_t request = expect_replay(f, 9, 1000), number = 9;
    uint64_t before = stats(f).reconnects;
    while (stats(f).reconnects == before) {
        assert_in_range(number, 9, 900);
        number++;
        answer_batch(f, request, "Job.A", number - 1, number, number);
        expect_event(f, "Job.A", number);
        poll(NULL, 0, 1);
    }
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 1002, "Job.A", 1001);
    await_joined(f);
    answer_batch(f, request, "Job.A", number, number + 1, 1000);
    for (number++; number <= 1001; number++)
        expect_event(f, "Job.A", number);
    assert_int_equal(stats(f).replays, 1);
}

static void malformed_batch_of_a_replay_is_not_passed_over(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, WIRE_QUERY_BATCH, request, 0);
    zmq_send(f->router, f->peer, f->peer_len, ZMQ_SNDMORE);
    zmq_send(f->router, out.data, out.len, ZMQ_SNDMORE);
    zmq_send(f->router, "Job.A", 5, ZMQ_SNDMORE);
    zmq_send(f->router, "x", 1, ZMQ_SNDMORE);
    zmq_send(f->router, "y", 1, 0);
    sl_buf_fini(&out);
    answer_batch(f, request, "Job.A", 0, 15, 15);
    expect_err(f, SLUICE_EPROTO);
    expect_question(f, WIRE_QUERY_CANCEL);
    expect_replay(f, 9, 19);
    assert_int_equal(stats(f).malformed, 1);
}

static void batch_of_another_version_is_lost_and_what_follows_is_not(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_batch(f, request, "Job.A", 0, 10, 10);
    answer_unreadable(f, request, "Job.B", 99);
    answer_batch(f, request, "Job.A", 10, 13, 15);
    answer_unreadable(f, request, "Job.B", 99);
    answer_done(f, request, 19);
    expect_event(f, "Job.A", 10);
    expect_lost(f, NULL, 11, 12);
    assert_string_equal(f->item.reason, "UNREADABLE");
    for (uint64_t n = 13; n <= 15; n++)
        expect_event(f, "Job.A", n);
    expect_lost(f, NULL, 16, 19);
    expect_event(f, "Job.A", 20);
    expect_no_question(f);
    assert_int_equal(stats(f).unknown_version, 2);
}

static void malformed_batch_that_stays_so_is_lost(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_unreadable(f, request, "Job.A", 0);
    expect_err(f, SLUICE_EPROTO);
    expect_question(f, WIRE_QUERY_CANCEL);
    request = expect_replay(f, 9, 19);
    answer_unreadable(f, request, "Job.A", 0);
    answer_batch(f, request, "Job.A", 11, 15, 15);
    expect_lost(f, NULL, 10, 14);
    assert_string_equal(f->item.reason, "UNREADABLE");
    expect_event(f, "Job.A", 15);
    answer_done(f, request, 19);
    expect_event(f, "Job.A", 20);
    assert_int_equal(stats(f).malformed, 2);
}

static void batch_with_a_frame_too_few_that_stays_so_is_lost(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    for (int i = 0; i < 2; i++) {
        sl_buf_t out = SL_BUF_INIT;
        wire_put_query(&out, WIRE_QUERY_BATCH, request, 0);
        answer(f, &out);
        if (i > 0)
            break;
        expect_err(f, SLUICE_EPROTO);
        expect_question(f, WIRE_QUERY_CANCEL);
        request = expect_replay(f, 9, 19);
    }
    answer_done(f, request, 19);
    expect_lost(f, NULL, 10, 19);
    expect_event(f, "Job.A", 20);
}

static void malformed_word_of_a_replay_is_not_passed_over(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    for (int cut = 0; cut < 2; cut++) {
        sl_buf_t out = SL_BUF_INIT;
        wire_put_query(&out, WIRE_QUERY_LOST, request, 0); /* of what, it does not say */
        out.len -= (size_t)cut;
        answer(f, &out);
        expect_err(f, SLUICE_EPROTO);
        expect_question(f, WIRE_QUERY_CANCEL);
        request = expect_replay(f, 9, 19);
    }
}

static void answers_that_make_no_sense_are_skipped(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    answer_done(f, request + 7, 19);
    answer_done(f, 0, 19);
    answer_batch(f, request + 7, "Job.A", 0, 15, 15);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, WIRE_QUERY_CREDIT, request, 0);
    answer(f, &out);
    expect_silence(f);
    answer_batch(f, request, "Job.A", 0, 15, 15);
    expect_event(f, "Job.A", 15);
}

static void user_who_stops_reading_stops_the_replay(void **state)
{
    enum { EVENTS = WIRE_BATCH_EVENTS_MAX, BATCHES = 20 };
    fake_t *f = *state;
    wire_credit_t credit;
    fake_join(f, (sluice_sub_options_t){.from = SLUICE_FROM_EARLIEST}, 1 + EVENTS * BATCHES,
              "Job.A", EVENTS * BATCHES);
    uint64_t request = expect_replay(f, 0, EVENTS * BATCHES);
    for (uint64_t i = 0; i < BATCHES; i++)
        answer_batch(f, request, "Job.A", i * EVENTS, i * EVENTS + 1, (i + 1) * EVENTS);
    for (uint64_t i = 0; i < BATCHES; i++) {
        assert_int_equal(sluice_sub_next_batch(f->sub, &f->item, TEST_PATIENCE_MS), SLUICE_OK);
        assert_int_equal(f->item.number, i * EVENTS + 1);
        if (i < BATCHES / 2) /* what has come is not what was taken */
            assert_false(test_readable(f->router, 0));
    }
    expect_question(f, WIRE_QUERY_CREDIT);
    assert_int_equal(f->asked.request, request);
    assert_int_equal(wire_credit_decode(&credit, &f->asked), SL_OK);
    assert_in_range(credit.bytes, BATCHES / 2 * 8 * EVENTS, BATCHES * 9 * EVENTS);
}

static void descriptor_alone_is_enough_to_repair(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    for (uint64_t n = 10; n <= 16; n++) {
        if (n < 16)
            answer_batch(f, request, "Job.A", n - 1, n, n);
        else
            answer_done(f, request, 19);
        uint64_t before = stats(f).events;
        while (stats(f).events == before) {
            assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
            while (sluice_sub_next(f->sub, &f->item, 0) == SLUICE_OK)
                assert_int_equal(f->item.number, n < 16 ? n : 20);
        }
    }
}

/* -- streams ---------------------------------------------------------------------------------- */

static void change_of_the_stream_tells_the_parent_and_replays_of_the_new_one(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    f->parents[0] = (wire_parent_t){STREAM, 12};
    f->parent_count = 1;
    put_tick_of(f, 8, "$tick", 13, "Job.A", 12);
    const sluice_item_t *item = expect(f, SLUICE_ITEM_STREAM);
    assert_int_equal(item->stream, 8);
    assert_int_equal(item->parent_stream, STREAM);
    assert_int_equal(item->parent_last, 12);
    expect_question(f, WIRE_QUERY_CANCEL);
    assert_int_equal(f->asked.request, request);
    request = expect_replay(f, 9, 12);
    answer_batch(f, request, "Job.A", 0, 11, 12); /* numbered in the parent */
    expect_event(f, "Job.A", 11);
    assert_int_equal(f->item.stream, 8);
}

static void wrong_stream_waits_for_the_feed_to_say_which(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_wrong_stream(&out, request, &(wire_wrong_stream_t){.stream = 8, .next = 50});
    answer(f, &out);
    expect_no_question(f);
    put_tick_of(f, 8, "$tick", 50, "Job.A", 49);
    expect(f, SLUICE_ITEM_STREAM);
    expect_replay(f, 0, 49);
}

/* -- where it begins -------------------------------------------------------------------------- */

static void start_at_a_time_finds_the_number_first(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_TIME, .from_time_ns = 12345},
                   LIST("Job."));
    answer_found(f, 12345, 40, 100, 0);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 100, "Job.A", 99);
    expect_replay(f, 40, 99);
}

static void time_before_what_is_kept_is_told(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_TIME, .from_time_ns = 12345},
                   LIST("Job."));
    answer_found(f, 12345, 40, 100, 40);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 100, "Job.A", 99);
    expect_lost(f, NULL, 1, 40);
    assert_string_equal(f->item.reason, "RETENTION");
    expect_replay(f, 40, 99);
}

static void earliest_is_the_oldest_there_is_and_nothing_is_lost(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_EARLIEST, .from_time_ns = 9},
                   LIST("Job."));
    answer_found(f, 0, 40, 100, 40);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 100, "Job.A", 99);
    uint64_t request = expect_replay(f, 40, 99);
    answer_batch(f, request, "Job.A", 30, 41, 41);
    expect_event(f, "Job.A", 41);
    assert_int_equal(stats(f).lost_numbers, 0);
}

static void start_that_a_broker_refuses_is_told_and_asked_again(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_TIME}, LIST("Job."));
    expect_question(f, WIRE_QUERY_FIND);
    answer_error(f, f->asked.request, WIRE_CODE_TYPE);
    expect_err(f, SLUICE_EREFUSED);
    expect_question(f, WIRE_QUERY_FIND);
}

static void number_of_another_stream_is_told_before_anything_else(void **state)
{
    fake_t *f = *state;
    fake_subscribe(
        f, (sluice_sub_options_t){.from = SLUICE_FROM_NUMBER, .from_stream = 5, .from_number = 70},
        LIST("Job."));
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 100, "Job.A", 99);
    expect(f, SLUICE_ITEM_STREAM);
    assert_int_equal(f->item.stream, STREAM);
    assert_int_equal(f->item.parent_stream, 0);
    expect_replay(f, 0, 99);
}

/* -- stream order ----------------------------------------------------------------------------- */

static void in_stream_order_a_tick_lets_go(void **state)
{
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){.order = SLUICE_ORDER_STREAM}, 1, NULL, 0);
    put_batch(f, "Job.A", 0, 1, 2);
    put_batch(f, "Job.B", 0, 3, 3);
    put_batch(f, "Job.A", 2, 4, 4);
    expect_silence(f);
    put_tick(f, 5, "Job.A", 4);
    expect_event(f, "Job.A", 1);
    expect_event(f, "Job.A", 2);
    expect_event(f, "Job.B", 3);
    expect_event(f, "Job.A", 4);
    expect_silence(f);
    assert_int_equal(stats(f).confirmed, 4);
}

/* -- cursors ---------------------------------------------------------------------------------- */

static void answer_opened(fake_t *f, bool placed, uint64_t number)
{
    wire_cursor_open_t open;
    sl_buf_t out = SL_BUF_INIT;
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    assert_int_equal(wire_cursor_open_decode(&open, &f->asked), SL_OK);
    assert_int_equal(open.name_len, 5);
    assert_memory_equal(open.name, "audit", 5);
    assert_int_equal(open.patterns.count, 1);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION,
                                                   .placed = placed,
                                                   .stream = placed ? STREAM : 0,
                                                   .number = number});
    answer(f, &out);
}

/* A named subscriber that joins when 10 is the next number. */
static void join_named(fake_t *f, sluice_sub_options_t options, bool placed, uint64_t number)
{
    options.name = "audit";
    fake_subscribe(f, options, LIST("Job."));
    answer_opened(f, placed, number);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    await_joined(f);
}

static uint64_t expect_commit(fake_t *f, uint64_t number)
{
    wire_cursor_place_t place;
    expect_question(f, WIRE_QUERY_CURSOR_COMMIT);
    assert_int_equal(wire_cursor_place_decode(&place, &f->asked), SL_OK);
    assert_int_equal(place.name_len, 5);
    assert_int_equal(place.generation, GENERATION);
    assert_int_equal(place.stream, STREAM);
    assert_int_equal(place.number, number);
    return f->asked.request;
}

static void answer_commit(fake_t *f, uint64_t request, uint64_t number)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_placed(&out, WIRE_QUERY_CURSOR_COMMIT, request,
                           &(wire_cursor_placed_t){number});
    answer(f, &out);
}

static const sluice_sub_options_t by_hand = {.commit_ms = UINT32_MAX};

static void cursor_is_opened_before_anything_is_subscribed_to(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit"}, LIST("Job."));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    expect_silence(f);
    assert_false(test_readable(f->xpub, 0));
}

static void new_cursor_is_kept_at_once_where_it_begins(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000}, false, 0);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_no_question(f);
    assert_int_equal(stats(f).committed, 9);
    assert_int_equal(stats(f).commits, 1);
}

static void cursor_goes_on_where_it_stood(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                   LIST("Job."));
    answer_opened(f, true, 4);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, "Job.A", 8);
    uint64_t request = expect_replay(f, 4, 9);
    answer_batch(f, request, "Job.A", 0, 3, 6);
    expect_event(f, "Job.A", 5);
}

static void what_was_taken_is_committed_by_itself(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1}, true, 9);
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    assert_false(test_readable(f->router, 20)); /* the last one is not dealt with yet */
    uint64_t request = expect_commit(f, 12);
    put_tick(f, 20, "Job.A", 12);
    expect_no_question(f); /* one at a time */
    answer_commit(f, request, 12);
    answer_commit(f, expect_commit(f, 19), 19);
    expect_silence(f);
    assert_int_equal(stats(f).committed, 19);
}

static void commit_by_hand_is_done_when_the_broker_says_so(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_OK); /* there it is already */
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    assert_int_equal(sluice_sub_commit(f->sub, 10), SLUICE_EINVAL); /* topic order: not by halves */
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 13), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_commit(f, expect_commit(f, 12), 12);
    for (int waited = 0; sluice_sub_commit(f->sub, 12) == SLUICE_EAGAIN; waited++)
        assert_true(waited < TEST_PATIENCE_MS && poll(NULL, 0, 1) == 0);
    assert_int_equal(stats(f).committed, 12);
    assert_int_equal(sluice_sub_commit(f->sub, 11), SLUICE_OK); /* that far and further */
    expect_no_question(f);
}

static void commit_of_a_number_leaves_what_was_not_named(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1, .order = SLUICE_ORDER_STREAM}, true, 9);
    put_batch(f, "Job.A", 0, 10, 11);
    put_batch(f, "Job.A", 11, 12, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    poll(NULL, 0, 2); /* a commit by itself is due, but 12 is not dealt with yet */
    assert_int_equal(sluice_sub_commit(f->sub, 13), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 11), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    answer_commit(f, expect_commit(f, 11), 11);
}

static void in_stream_order_the_last_item_can_be_committed(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = UINT32_MAX, .order = SLUICE_ORDER_STREAM},
               true, 9);
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    assert_int_equal(sluice_sub_commit(f->sub, 12), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    expect_commit(f, 11);
}

static void commit_is_answered_although_a_replay_fills_the_line(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    put_batch(f, "Job.A", 15, 20, 20);
    uint64_t request = expect_replay(f, 9, 19);
    answer_batch(f, request, "Job.A", 0, 12, 12);
    expect_event(f, "Job.A", 12);
    answer_batch(f, request, "Job.A", 12, 14, 15);
    assert_int_equal(sluice_sub_commit(f->sub, 12), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    answer_commit(f, expect_commit(f, 12), 12);
    for (int waited = 0; sluice_sub_commit(f->sub, 12) == SLUICE_EAGAIN; waited++)
        assert_true(waited < TEST_PATIENCE_MS && poll(NULL, 0, 1) == 0);
    expect_event(f, "Job.A", 14);
}

/* The user waits for the commit with the descriptor, and leaves what else comes for later. */
static void who_waits_for_a_commit_alone_is_not_kept_busy(void **state)
{
    enum { PAUSE_MS = 300 };
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    put_batch(f, "Job.A", 0, 10, 10);
    put_tick(f, 11, "Job.A", 10);
    expect_event(f, "Job.A", 10);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    put_batch(f, "Job.A", 10, 11, 11);
    int calls = 0;
    for (uint64_t begin_ms = now_ms(); now_ms() - begin_ms < PAUSE_MS; calls++) {
        poll(&fd, 1, PAUSE_MS);
        assert_int_equal(sluice_sub_commit(f->sub, 10), SLUICE_EAGAIN);
    }
    assert_in_range(calls, 1, PAUSE_MS / 10);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS)); /* so that nothing is taken here */
    answer_commit(f, expect_commit(f, 10), 10);
    while (sluice_sub_commit(f->sub, 10) == SLUICE_EAGAIN)
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
    assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1); /* and the batch is not forgotten */
    expect_event(f, "Job.A", 11);
}

static void commit_is_sent_again_on_a_new_connection(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000, .watchdog_ms = 500}, false, 0);
    uint64_t request = expect_commit(f, 9);
    uint64_t again = 0;
    while (again == 0) { /* the feed is kept awake meanwhile */
        put_tick(f, 10, NULL, 0);
        sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        if (test_readable(f->router, 0))
            again = expect_commit(f, 9);
    }
    assert_true(again > request);
    answer_commit(f, again, 9);
    expect_silence(f);
    assert_int_equal(stats(f).committed, 9);
}

static void fenced_holder_delivers_nothing_more(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_FENCED);
    expect_err(f, SLUICE_EFENCED);
    put_batch(f, "Job.A", 0, 10, 10);
    expect_err(f, SLUICE_EFENCED);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EFENCED);
}

static void commit_that_fails_on_the_brokers_disk_is_made_when_it_is_due_again(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 20}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_DISK);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    assert_int_equal(stats(f).commits, 1);
}

static void commit_by_hand_is_not_forgotten_when_the_brokers_disk_fails(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_DISK);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_BUSY);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_OK);
}

static void new_cursor_is_kept_where_it_begins_though_commits_are_by_hand(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, false, 0);
    answer_commit(f, expect_commit(f, 9), 9);
    put_batch(f, "Job.A", 0, 10, 10);
    put_tick(f, 11, "Job.A", 10);
    expect_event(f, "Job.A", 10);
    expect_no_question(f);
    assert_int_equal(stats(f).committed, 9);
}

/* -- a cursor that the broker does not have any more ------------------------------------------- */

static void expect_commit_of(fake_t *f, uint64_t generation, uint64_t stream, uint64_t number)
{
    wire_cursor_place_t place;
    expect_question(f, WIRE_QUERY_CURSOR_COMMIT);
    assert_int_equal(wire_cursor_place_decode(&place, &f->asked), SL_OK);
    assert_int_equal(place.generation, generation);
    assert_int_equal(place.stream, stream);
    assert_int_equal(place.number, number);
}

static void expect_opened_again(fake_t *f)
{
    sl_buf_t out = SL_BUF_INIT;
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION + 5});
    answer(f, &out);
}

/* The broker comes back on stream 8, which goes on behind 12 of the one before. */
static void restart_broker(fake_t *f)
{
    zmq_close(f->xpub);
    zmq_close(f->router);
    fake_bind_query(f);
    fake_bind_feed(f);
    await_sync(f);
    f->parents[0] = (wire_parent_t){STREAM, 12};
    f->parent_count = 1;
    put_tick_of(f, 8, f->sync, 13, "Job.A", 12);
    expect(f, SLUICE_ITEM_STREAM);
}

static void cursor_that_a_restore_lost_is_opened_again_and_put_where_we_are(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1}, true, 9);
    put_batch(f, "Job.A", 0, 10, 15);
    put_tick(f, 16, "Job.A", 15);
    for (uint64_t n = 10; n <= 15; n++)
        expect_event(f, "Job.A", n);
    answer_commit(f, expect_commit(f, 15), 15);
    expect_silence(f);
    restart_broker(f);
    expect_commit_of(f, GENERATION, 8, 12);
    answer_error(f, f->asked.request, WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, 8, 12);
    answer_commit(f, f->asked.request, 12);
    put_batch_of(f, 8, "Job.A", 12, 13, 13);
    expect_event(f, "Job.A", 13);
    assert_int_equal(stats(f).committed, 12);
}

static void commit_by_hand_goes_over_to_the_stream_that_follows(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    restart_broker(f);
    expect_replay(f, 9, 12);
    expect_commit_of(f, GENERATION, 8, 9);
    answer_error(f, f->asked.request, WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, 8, 9);
}

static void cursor_may_be_lost_before_the_feed_shows_that_the_broker_is_another(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, STREAM, 9);
}

static void dropped_cursor_is_an_end(void **state)
{
    fake_t *f = *state;
    sluice_err err = SLUICE_EAGAIN;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000, .watchdog_ms = 100}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    for (int waited = 0; err == SLUICE_EAGAIN; waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        put_tick(f, 10, NULL, 0);
        err = sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        if (test_readable(f->router, 0))
            answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    }
    assert_int_equal(err, SLUICE_EFENCED);
}

static void answer_opened_with(fake_t *f, const char *const *patterns, uint32_t count)
{
    sl_buf_t out = SL_BUF_INIT, texts = SL_BUF_INIT;
    for (uint32_t i = 0; i < count; i++)
        wire_texts_put(&texts, patterns[i], strlen(patterns[i]));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION,
                                                   .placed = true,
                                                   .stream = STREAM,
                                                   .number = 9,
                                                   .known = true,
                                                   .patterns = wire_texts(&texts, count)});
    answer(f, &out);
    sl_buf_fini(&texts);
}

static void other_patterns_than_the_cursors_are_told(void **state)
{
    static const char *const others[][2] = {{"Job.*", NULL}, {"Job.*", "Node.*"}};
    fake_t *f = *state;
    for (uint32_t i = 0; i < ARRAY_LEN(others); i++) {
        fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                       LIST("Cluster.*", "Job.*"));
        answer_opened_with(f, others[i], i + 1);
        await_sync(f);
        put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
        assert_int_equal(expect(f, SLUICE_ITEM_PATTERNS)->number, 9);
        assert_int_equal(f->item.stream, STREAM);
        sluice_sub_destroy(&f->sub);
    }
}

static void same_patterns_in_another_order_are_the_same(void **state)
{
    static const char *const same[] = {"Job.*", "Cluster.*"};
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                   LIST("Cluster.*", "Job.*"));
    answer_opened_with(f, same, 2);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    expect_silence(f);
    assert_true(sluice_sub_joined(f->sub));
}

/* `count` patterns, each of 120 bytes and none within another; NULL behind them. */
static const char **many_patterns(size_t count)
{
    const char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        char *text = calloc(1, 121);
        memset(text, 'a', 120);
        text[0] = 'A';
        for (size_t at = 1, left = i; at <= 3; at++, left /= 10)
            text[at] = (char)('0' + left % 10);
        text[60] = '.';
        list[i] = text;
    }
    return list;
}

static void free_patterns(const char **list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        free((void *)(uintptr_t)list[i]);
    free((void *)list);
}

static void prefixes_that_a_broker_would_refuse_become_one(void **state)
{
    fake_t *f = *state;
    const char **list = many_patterns(500); /* more than 48 KiB */
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_NUMBER, .from_stream = STREAM},
                   list);
    wire_texts_t prefixes = wire_texts(&f->sub->prefixes, f->sub->prefix_count);
    assert_true(prefixes.len <= WIRE_PREFIXES_BYTES_MAX);
    assert_int_equal(prefixes.count, 2); /* all, and those that begin with $ */
    free_patterns(list);
}

static void patterns_that_a_cursor_cannot_keep_are_refused_at_once(void **state)
{
    fake_t *f = *state;
    const char **list = many_patterns(200); /* more than 16 KiB */
    sluice_sub_options_t options = {.size = sizeof options, .name = "audit", .patterns = list};
    assert_int_equal(sluice_sub_create(&f->sub, &options), SLUICE_ELIMIT);
    options.name = NULL;
    assert_int_equal(sluice_sub_create(&f->sub, &options), SLUICE_OK);
    free_patterns(list);
}

static void one_cursor_too_many_is_told(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit"}, LIST("Job."));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    answer_error(f, f->asked.request, WIRE_CODE_LIMIT);
    expect_err(f, SLUICE_ELIMIT);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
}

static void handle_without_a_name_has_nothing_to_commit(void **state)
{
    fake_t *f = *state;
    fake_join(f, plain, 10, NULL, 0);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EINVAL);
}

/* -- an answer that comes at the last moment ----------------------------------------------------
 */

/* What sluice_sub_next does before it sleeps; the answer came since it looked before. */
static uint64_t look_before_sleep(fake_t *f)
{
    uint64_t next_ns = UINT64_MAX;
    sub_query_look(f->sub, link_now_ns(), true, &next_ns);
    return next_ns;
}

static void start_goes_on_when_its_answer_comes_last(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .from = SLUICE_FROM_TIME},
                   LIST("Job."));
    answer_opened(f, false, 0);
    assert_true(look_before_sleep(f) <= link_now_ns());
    expect_question(f, WIRE_QUERY_FIND);
}

static void refused_start_goes_on_when_its_answer_comes_last(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_TIME}, LIST("Job."));
    expect_question(f, WIRE_QUERY_FIND);
    answer_error(f, f->asked.request, WIRE_CODE_BUSY);
    assert_in_range(look_before_sleep(f), link_now_ns(), link_now_ns() + UINT64_C(2000000000));
    expect_question(f, WIRE_QUERY_FIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hole_is_replayed_and_what_waited_follows),
        TEST(replay_is_asked_for_what_is_ours),
        TEST(lost_range_says_why),
        TEST(broker_without_replay_loses_what_is_missing),
        TEST(busy_broker_is_asked_again_later),
        TEST_INPROC(replay_has_its_turn_though_the_feed_is_never_dry),
        TEST(refusal_for_good_is_told),
        TEST(silent_query_side_is_connected_to_anew),
        TEST(silence_of_the_query_side_is_told_across_its_connections),
        TEST(broker_that_comes_back_is_asked_at_once),
        TEST(query_side_is_connected_to_along_with_a_feed_that_was_silent),
        TEST(replay_that_flows_goes_on_though_the_feed_is_connected_to_anew),
        TEST(malformed_batch_of_a_replay_is_not_passed_over),
        TEST(batch_of_another_version_is_lost_and_what_follows_is_not),
        TEST(malformed_batch_that_stays_so_is_lost),
        TEST(batch_with_a_frame_too_few_that_stays_so_is_lost),
        TEST(malformed_word_of_a_replay_is_not_passed_over),
        TEST(answers_that_make_no_sense_are_skipped),
        TEST(user_who_stops_reading_stops_the_replay),
        TEST(descriptor_alone_is_enough_to_repair),
        TEST_INPROC(descriptor_alone_is_enough_to_repair),
        TEST(change_of_the_stream_tells_the_parent_and_replays_of_the_new_one),
        TEST(wrong_stream_waits_for_the_feed_to_say_which),
        TEST(start_at_a_time_finds_the_number_first),
        TEST(time_before_what_is_kept_is_told),
        TEST(earliest_is_the_oldest_there_is_and_nothing_is_lost),
        TEST(other_patterns_than_the_cursors_are_told),
        TEST(same_patterns_in_another_order_are_the_same),
        TEST(prefixes_that_a_broker_would_refuse_become_one),
        TEST(patterns_that_a_cursor_cannot_keep_are_refused_at_once),
        TEST(start_that_a_broker_refuses_is_told_and_asked_again),
        TEST(number_of_another_stream_is_told_before_anything_else),
        TEST(in_stream_order_a_tick_lets_go),
        TEST(cursor_is_opened_before_anything_is_subscribed_to),
        TEST(new_cursor_is_kept_at_once_where_it_begins),
        TEST(cursor_goes_on_where_it_stood),
        TEST(what_was_taken_is_committed_by_itself),
        TEST(commit_by_hand_is_done_when_the_broker_says_so),
        TEST(commit_of_a_number_leaves_what_was_not_named),
        TEST(in_stream_order_the_last_item_can_be_committed),
        TEST_INPROC(start_goes_on_when_its_answer_comes_last),
        TEST_INPROC(refused_start_goes_on_when_its_answer_comes_last),
        TEST(who_waits_for_a_commit_alone_is_not_kept_busy),
        TEST(commit_is_answered_although_a_replay_fills_the_line),
        TEST(commit_is_sent_again_on_a_new_connection),
        TEST(fenced_holder_delivers_nothing_more),
        TEST(commit_that_fails_on_the_brokers_disk_is_made_when_it_is_due_again),
        TEST(commit_by_hand_is_not_forgotten_when_the_brokers_disk_fails),
        TEST(new_cursor_is_kept_where_it_begins_though_commits_are_by_hand),
        TEST(cursor_that_a_restore_lost_is_opened_again_and_put_where_we_are),
        TEST(commit_by_hand_goes_over_to_the_stream_that_follows),
        TEST(cursor_may_be_lost_before_the_feed_shows_that_the_broker_is_another),
        TEST(dropped_cursor_is_an_end),
        TEST(one_cursor_too_many_is_told),
        TEST(handle_without_a_name_has_nothing_to_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

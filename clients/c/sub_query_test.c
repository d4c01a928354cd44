/* The subscriber against a broker that says what the test tells it to: repair, and where it begins.
 * What is right in which case is sub_state.h's, tested there; here it is asked, answered
 * and waited for. */
#include "fake_broker.h"
#include "sub_impl.h"

#include <poll.h>

enum { MS = 1000 * 1000 };

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

static void busy_broker_is_asked_again_later(void **state)
{
    fake_t *f = *state;
    uint64_t request = with_a_hole(f, plain), begin_ms = link_now_ns() / MS;
    for (int i = 0; i < 3; i++) {
        answer_error(f, request, WIRE_CODE_BUSY);
        uint64_t again = expect_replay(f, 9, 19);
        assert_true(again > request);
        request = again;
    }
    assert_true(link_now_ns() / MS - begin_ms >= 300);
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
        TEST(start_that_a_broker_refuses_is_told_and_asked_again),
        TEST(number_of_another_stream_is_told_before_anything_else),
        TEST(in_stream_order_a_tick_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

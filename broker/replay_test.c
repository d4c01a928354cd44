/* What the journal holds, sent again: order, prefixes, credit, places, holes. */
#include "query_fixture.h"

/* -- replay ---------------------------------------------------------------------------------- */

static void replay_sends_whole_batches_in_order_and_then_the_end(void **state)
{
    (void)state;
    publish(0, 3, 100);
    publish(1, 1, 100);
    publish(2, 4, 100);
    publish(0, 2, 100);
    replay(peer, (wish_t){.request = 9});
    expect_batch(peer, 9, 1);
    assert_int_equal(got.header.count, 3);
    assert_int_equal(got.header.stream, STREAM);
    assert_memory_equal(got.data[1], names[0], got.len[1]);
    expect_batch(peer, 9, 4);
    expect_batch(peer, 9, 5);
    expect_batch(peer, 9, 9);
    assert_int_equal(got.header.prev, 3);
    expect_done(peer, 9, 10);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_BEGUN), 1);
    assert_int_equal(counted(BROKER_REPLAY_BATCHES), 4);
    assert_int_equal(counted(BROKER_REPLAY_EVENTS), 10);
}

static void replay_between_two_numbers_does_not_cut_batches(void **state)
{
    (void)state;
    publish(0, 3, 100);
    publish(0, 3, 100);
    publish(0, 3, 100);
    replay(peer, (wish_t){.request = 1, .after = 2, .until = 5});
    expect_batch(peer, 1, 1);
    expect_batch(peer, 1, 4);
    expect_done(peer, 1, 5);
    replay(peer, (wish_t){.request = 2, .after = 3, .until = 1000});
    expect_batch(peer, 2, 4);
    expect_batch(peer, 2, 7);
    expect_done(peer, 2, 9);
    replay(peer, (wish_t){.request = 3, .after = 9});
    expect_done(peer, 3, 9);
}

static void replay_of_an_empty_journal_is_done_at_once(void **state)
{
    (void)state;
    replay(peer, (wish_t){.request = 1});
    expect_done(peer, 1, 0);
}

static void replay_keeps_to_its_prefixes(void **state)
{
    (void)state;
    for (int topic = 0; topic <= TOPICS; topic++)
        publish(topic, 1, 100);
    replay(peer, (wish_t){.request = 1, .prefix = "Job."});
    expect_batch(peer, 1, 1);
    expect_batch(peer, 1, 2);
    expect_done(peer, 1, 4);
    replay(peer, (wish_t){.request = 2, .prefix = "$dead."});
    expect_batch(peer, 2, 4);
    expect_done(peer, 2, 4);
    replay(peer, (wish_t){.request = 3});
    for (uint64_t n = 1; n <= 3; n++)
        expect_batch(peer, 3, n);
    expect_done(peer, 3, 4);
}

static void replay_stops_when_its_credit_is_spent(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 3500});
    size_t bytes = 0;
    uint64_t n = 1;
    for (; bytes < 3500; n++) {
        expect_batch(peer, 1, n);
        bytes += got.len[1] + got.len[2] + got.len[3];
    }
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAY_BYTES), bytes);
    credit(peer, 1, 1);
    expect_silence(peer); /* it was below zero by more than that */
    credit(peer, 1, 1000);
    expect_batch(peer, 1, n++);
    expect_silence(peer);
    credit(peer, 1, UINT64_MAX);
    for (; n <= 100; n++)
        expect_batch(peer, 1, n);
    expect_done(peer, 1, 100);
}

static void stopped_reader_costs_a_bounded_amount(void **state)
{
    (void)state;
    void *stopped = new_peer(SEND_HWM);
    for (int i = 0; i < 400; i++)
        publish(0, 1, 60000);
    replay(stopped, (wish_t){.request = 1, .credit = UINT64_MAX});
    turns(1);
    for (int i = 0; i < 100; i++) {
        credit(stopped, 1, UINT64_MAX / 2);
        sl_clock_manual_advance(&hand_clock, 1000000);
        turns(2);
    }
    /* However much it pretends to have read, its queue has an end (here on both sides). */
    assert_true(counted(BROKER_REPLAY_BATCHES) <= 2 * SEND_HWM);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
}

static void credit_beyond_8_mib_is_not_kept(void **state)
{
    (void)state;
    int unbounded = 0;
    zmq_setsockopt(router, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    void *reader = new_peer(0);
    for (int i = 0; i < 600; i++)
        publish(0, 1, 60000);
    replay(reader, (wish_t){.request = 1, .credit = UINT64_MAX});
    turns(200);
    assert_in_range(counted(BROKER_REPLAY_BYTES), WIRE_REPLAY_CREDIT_MAX,
                    WIRE_REPLAY_CREDIT_MAX + 61000);
    credit(reader, 1, UINT64_MAX);
    credit(reader, 1, UINT64_MAX); /* both in one turn */
    turns(200);
    assert_in_range(counted(BROKER_REPLAY_BYTES), 2 * WIRE_REPLAY_CREDIT_MAX - 61000,
                    2 * WIRE_REPLAY_CREDIT_MAX + 2 * 61000);
}

static void cancel_ends_a_replay(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    ask_plain(peer, WIRE_QUERY_CANCEL, 1);
    ask_plain(peer, WIRE_QUERY_CANCEL, 2); /* nobody's */
    credit(peer, 1, 1 << 20);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
}

static void replay_of_a_request_that_runs_replaces_it(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    replay(peer, (wish_t){.request = 1, .after = 8});
    expect_batch(peer, 1, 9);
    expect_batch(peer, 1, 10);
    expect_done(peer, 1, 10);
}

static void replay_of_another_stream_hears_which_one_it_is(void **state)
{
    (void)state;
    publish(0, 3, 100);
    replay(peer, (wish_t){.request = 1, .stream = 76});
    receive_on(peer);
    assert_int_equal(got.msg.type, WIRE_QUERY_WRONG_STREAM);
    wire_wrong_stream_t wrong;
    assert_int_equal(wire_wrong_stream_decode(&wrong, &got.msg), SL_OK);
    assert_int_equal(wrong.stream, STREAM);
    assert_int_equal(wrong.oldest, 1);
    assert_int_equal(wrong.next, 4);
    assert_int_equal(wrong.parent_count, 2);
    assert_int_equal(wrong.parents[0].stream, 76);
    assert_int_equal(wrong.parents[1].last, 300);
}

static void too_many_replays_are_told_to_come_back(void **state)
{
    (void)state;
    void *second = new_peer(0), *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < REPLAYS_MAX; i++) {
        void *one = i < OF_A_PEER ? peer : second;
        replay(one, (wish_t){.request = i, .credit = 1});
        expect_batch(one, i, 1);
    }
    replay(other, (wish_t){.request = 0});
    expect_error(other, 0, WIRE_CODE_BUSY);
    ask_plain(peer, WIRE_QUERY_CANCEL, 0);
    turns(1);
    replay(other, (wish_t){.request = 0});
    expect_batch(other, 0, 1);
}

static void one_peer_cannot_have_all_the_replays(void **state)
{
    (void)state;
    void *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < OF_A_PEER; i++) {
        replay(peer, (wish_t){.request = i, .credit = 1});
        expect_batch(peer, i, 1);
    }
    replay(peer, (wish_t){.request = 9});
    expect_error(peer, 9, WIRE_CODE_BUSY);
    replay(peer, (wish_t){.request = 1, .credit = 1}); /* in its own one's place */
    expect_batch(peer, 1, 1);
    replay(other, (wish_t){.request = 9});
    expect_batch(other, 9, 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(5) * 1000000000);
    replay(peer, (wish_t){.request = 9}); /* and in that of one that waits for long */
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
}

static void reader_without_credit_for_long_gives_its_place_away(void **state)
{
    (void)state;
    void *second = new_peer(0), *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < REPLAYS_MAX; i++) {
        void *one = i < OF_A_PEER ? peer : second;
        replay(one, (wish_t){.request = i, .credit = 1});
        expect_batch(one, i, 1);
        if (i < OF_A_PEER)
            sl_clock_manual_advance(&hand_clock, UINT64_C(3) * 1000000000);
    }
    replay(other, (wish_t){.request = 0});
    expect_batch(other, 0, 1);
    expect_error(peer, 0, WIRE_CODE_BUSY); /* the one that waited longest */
    turns(5);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
    credit(peer, 1, 1000);
    expect_batch(peer, 1, 2);
}

static void retention_that_passes_a_reader_is_told_exactly(void **state)
{
    (void)state;
    teardown(NULL);
    open_service(40000); /* some nine of these batches */
    for (int i = 0; i < 4; i++)
        publish(0, 2, 1000);
    replay(peer, (wish_t){.request = 1, .until = 40, .credit = 1});
    expect_batch(peer, 1, 1);
    expect_silence(peer);
    for (int i = 0; i < 100; i++)
        publish(0, 2, 1000);
    assert_true(journal->oldest > 100);
    credit(peer, 1, 1 << 20);
    expect_lost(peer, 3, 8, WIRE_LOST_RETENTION); /* to the head of when it was asked */
    expect_done(peer, 1, 8);

    replay(peer, (wish_t){.request = 2, .after = 4});
    uint64_t oldest = journal->oldest;
    expect_lost(peer, 5, oldest - 1, WIRE_LOST_RETENTION);
    for (uint64_t n = oldest; n <= 207; n += 2)
        expect_batch(peer, 2, n);
    expect_done(peer, 2, 208);
    assert_int_equal(counted(BROKER_REPLAY_LOST), 2);
}

static void many_small_batches_pass_a_reader_whose_queue_is_short(void **state)
{
    (void)state;
    void *slow = new_peer(1);
    for (int i = 0; i < 500; i++)
        publish(i % 3, 1, 10);
    replay(slow, (wish_t){.request = 1, .after = 3});
    turns(5);
    assert_true(counted(BROKER_REPLAY_BATCHES) < 100);
    for (uint64_t n = 4; n <= 500; n++)
        expect_batch(slow, 1, n);
    expect_done(slow, 1, 500);
}

static void replays_share_the_turns(void **state)
{
    (void)state;
    int unbounded = 0;
    zmq_setsockopt(router, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    void *readers[2] = {new_peer(0), new_peer(0)};
    for (int i = 0; i < 100; i++)
        publish(0, 1, 60000);
    for (int r = 0; r < 2; r++)
        replay(readers[r], (wish_t){.request = 1});
    for (uint64_t n = 1; n <= 100; n++) /* each turn is one for both */
        for (int r = 0; r < 2; r++)
            expect_batch(readers[r], 1, n);
    for (int r = 0; r < 2; r++)
        expect_done(readers[r], 1, 100);
}

static void silent_reader_is_dropped_after_a_minute(void **state)
{
    (void)state;
    publish(0, 1, 100);
    publish(0, 1, 100);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(59) * 1000000000);
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(2) * 1000000000);
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
    expect_error(peer, 1, WIRE_CODE_BUSY); /* it was only slow: it may ask again */
}

static void reader_that_vanishes_is_dropped(void **state)
{
    (void)state;
    void *reader = new_peer(1);
    for (int i = 0; i < 100; i++)
        publish(0, 1, 1000);
    replay(reader, (wish_t){.request = 1});
    expect_batch(reader, 1, 1);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
    close_peer(reader);
    for (int i = 0; i < 1000 && counted(BROKER_REPLAYS) > 0; i++) {
        sl_clock_manual_advance(&hand_clock, 10000000);
        turns(1);
    }
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
}

static void holes_stand_in_their_place_with_their_reason(void **state)
{
    (void)state;
    use_scripted_journal();
    replay(peer, (wish_t){.request = 1, .after = 5});
    expect_lost(peer, 6, 10, WIRE_LOST_RETENTION); /* not what lies before */
    expect_lost(peer, 15, 20, WIRE_LOST_DAMAGE);
    expect_done(peer, 1, 30);
    replay(peer, (wish_t){.request = 2, .after = 5, .until = 17});
    expect_lost(peer, 6, 10, WIRE_LOST_RETENTION);
    expect_lost(peer, 15, 17, WIRE_LOST_DAMAGE); /* nor what lies behind */
    expect_done(peer, 2, 17);
}

static void journal_that_cannot_be_read_ends_a_replay_with_an_error(void **state)
{
    (void)state;
    use_scripted_journal();
    disk_fails = true;
    replay(peer, (wish_t){.request = 1});
    expect_error(peer, 1, WIRE_CODE_DISK);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replay_sends_whole_batches_in_order_and_then_the_end),
        TEST(replay_between_two_numbers_does_not_cut_batches),
        TEST(replay_of_an_empty_journal_is_done_at_once),
        TEST(replay_keeps_to_its_prefixes),
        TEST(replay_stops_when_its_credit_is_spent),
        TEST(stopped_reader_costs_a_bounded_amount),
        TEST(credit_beyond_8_mib_is_not_kept),
        TEST(cancel_ends_a_replay),
        TEST(replay_of_a_request_that_runs_replaces_it),
        TEST(replay_of_another_stream_hears_which_one_it_is),
        TEST(too_many_replays_are_told_to_come_back),
        TEST(one_peer_cannot_have_all_the_replays),
        TEST(reader_without_credit_for_long_gives_its_place_away),
        TEST(retention_that_passes_a_reader_is_told_exactly),
        TEST(many_small_batches_pass_a_reader_whose_queue_is_short),
        TEST(replays_share_the_turns),
        TEST(silent_reader_is_dropped_after_a_minute),
        TEST(reader_that_vanishes_is_dropped),
        TEST(holes_stand_in_their_place_with_their_reason),
        TEST(journal_that_cannot_be_read_ends_a_replay_with_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

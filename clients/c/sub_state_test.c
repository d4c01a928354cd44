/* The rules of docs/protocol.md, "How to subscribe and know what you missed", one by one: without
 * repair, so that a hole is reported at once. */
#include "sub_testing.h"

#include <stdio.h>

static int setup(void **state)
{
    return script_setup(state, &(sub_rules_t){.patterns = LIST("Job."), .hold_bytes = 1000});
}

/* Joined with 100 as the next number. */
static script_t *joined(void **state)
{
    script_t *s = *state;
    sync_answer(s, 100, NULL);
    return s;
}

/* -- joining ---------------------------------------------------------------------------------- */

static void before_the_sync_answer_all_is_dropped(void **state)
{
    script_t *s = *state;
    assert_int_equal(batch(s, "Job.A", 0, 1, 5), 0);
    tick(s, 6, "Job.A", 5);
    assert_false(s->state.joined);
    assert_int_equal(batch(s, "Job.A", 5, 6, 6), 0);
    expect_nothing(s);
}

static void sync_answer_is_where_everything_begins(void **state)
{
    script_t *s = *state;
    static const tail_t tails[] = {{"Job.A", 99}, {"Job.B", 42}};
    assert_int_equal(tick_of(s, STREAM, 100, tails, 2, true), SL_OK);
    assert_true(s->state.joined);
    assert_int_equal(s->state.confirmed, 99);
    assert_int_equal(batch(s, "Job.A", 99, 100, 102), 3);
    assert_int_equal(batch(s, "Job.B", 42, 103, 103), 1);
    assert_int_equal(batch(s, "Job.New", 0, 104, 104), 1);
    expect_nothing(s);
}

static void batch_from_before_the_join_is_a_repeat(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 90, 95, 99), 0);
    assert_int_equal(s->state.repeats, 1);
    expect_nothing(s);
}

/* -- batches ---------------------------------------------------------------------------------- */

static void chain_of_predecessors_is_delivered(void **state)
{
    script_t *s = joined(state);
    uint64_t prev = 17; /* long before the join */
    for (uint64_t first = 100; first < 200; prev = first + 4, first += 10)
        assert_int_equal(batch(s, "Job.A", prev, first, first + 4), 5);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 99);
}

static void missing_predecessor_is_lost_up_to_it_and_the_batch_delivered(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch(s, "Job.A", 130, 140, 141), 2);
    expect_lost(s, "Job.A", 105, 130);
    expect_nothing(s);
    assert_int_equal(s->state.gaps, 1);
    assert_int_equal(batch(s, "Job.A", 141, 150, 150), 1);
    expect_nothing(s);
}

static void single_missing_event_is_a_hole_too(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch(s, "Job.A", 105, 106, 106), 1);
    expect_lost(s, "Job.A", 105, 105);
    tick(s, 108, "Job.A", 107);
    expect_lost(s, "Job.A", 107, 107);
    expect_nothing(s);
}

static void loss_right_after_the_join_begins_behind_it(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 1);
    expect_lost(s, "Job.A", 100, 110);
}

static void repeated_batch_is_dropped_and_counted(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 0);
    assert_int_equal(s->state.repeats, 1);
    expect_nothing(s);
}

static void batch_that_overlaps_is_delivered_from_what_is_new(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 95, 104), 5);
    assert_int_equal(batch(s, "Job.A", 99, 103, 109), 5);
    expect_nothing(s);
}

static void topics_do_not_disturb_each_other(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 100), 1);
    assert_int_equal(batch(s, "Job.B", 0, 101, 101), 1);
    assert_int_equal(batch(s, "Job.A", 100, 102, 102), 1);
    assert_int_equal(batch(s, "Job.B", 103, 104, 104), 1);
    expect_lost(s, "Job.B", 102, 103);
    expect_nothing(s);
}

static void topic_of_no_pattern_is_neither_delivered_nor_missed(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Cluster.A", 500, 501, 501), 0);
    tick(s, 600, "Cluster.A", 599);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 599);
}

/* -- ticks ------------------------------------------------------------------------------------ */

static void tick_that_agrees_moves_what_is_confirmed(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    tick(s, 110, "Job.A", 104);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 109);
}

static void tick_shows_a_lost_tail(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    tick(s, 120, "Job.A", 115);
    expect_lost(s, "Job.A", 105, 115);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 119);
    assert_int_equal(batch(s, "Job.A", 115, 120, 120), 1);
    expect_nothing(s);
}

static void tick_shows_a_loss_on_a_topic_never_seen(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 105}, {"Job.B", 110}};
    assert_int_equal(tick_of(s, STREAM, 111, tails, 2, false), SL_OK);
    expect_lost(s, "Job.A", 100, 105);
    expect_lost(s, "Job.B", 100, 110);
    expect_nothing(s);
}

static void topic_named_twice_in_a_tick_is_told_once(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 105}, {"Job.A", 105}};
    assert_int_equal(tick_of(s, STREAM, 111, tails, 2, false), SL_OK);
    expect_lost(s, "Job.A", 100, 105);
    expect_nothing(s);
}

static void loss_that_a_batch_told_is_not_told_again_by_the_tick(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 125), 6);
    expect_lost(s, "Job.A", 100, 110);
    tick(s, 126, "Job.A", 125);
    expect_nothing(s);
}

static void confirmed_never_goes_back(void **state)
{
    script_t *s = joined(state);
    tick(s, 200, "Job.A", 99);
    tick(s, 150, "Job.A", 99);
    assert_int_equal(s->state.confirmed, 199);
    expect_nothing(s);
}

static void malformed_tick_changes_nothing(void **state)
{
    script_t *s = joined(state);
    wire_feed_header_t h = {.stream = STREAM, .first = 200};
    static const struct {
        const char *body;
        size_t len;
    } bad[] = {{"", 0},
               {"\x90", 1},
               {"\x82\xa5Job.A\x70", 8},
               {"\x81\xa5Job.A\xcc\xc8", 9}, /* 200: not yet numbered */
               {"\x81\xa5Job.A\xff", 8},
               {"\x81\xa3Job\x01", 6},
               {"\xdf\xff\xff\xff\xff", 5}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sub_state_tick(&s->state, &h, bad[i].body, bad[i].len, false), SL_EPROTO);
    assert_int_equal(s->state.confirmed, 99);
    expect_nothing(s);
}

/* -- connections and streams ------------------------------------------------------------------ */

static void unasked_sync_answer_is_a_tick_of_a_new_connection(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 150}};
    assert_int_equal(tick_of(s, STREAM, 160, tails, 1, true), SL_OK);
    expect_lost(s, "Job.A", 100, 150);
    assert_int_equal(s->state.confirmed, 159);
    assert_int_equal(s->state.resyncs, 1);
}

static void after_a_reconnect_the_place_still_holds(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    sub_state_reconnected(&s->state);
    assert_false(s->state.joined);
    static const tail_t tails[] = {{"Job.A", 150}};
    assert_int_equal(tick_of(s, STREAM, 160, tails, 1, true), SL_OK);
    expect_lost(s, "Job.A", 105, 150);
    assert_true(s->state.joined);
    assert_int_equal(s->state.resyncs, 0);
}

static void batch_of_another_stream_waits_for_its_tick_and_counts_from_nothing(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch_of(s, 8, "Job.A", 3, 6, 7), 0);
    expect_nothing(s);
    static const tail_t tails[] = {{"Job.A", 7}};
    assert_int_equal(tick_of(s, 8, 8, tails, 1, false), SL_OK);
    expect_stream(s, 8);
    assert_int_equal(s->state.confirmed, 0);
    expect_held(s, "Job.A", 6, 7);
    expect_lost(s, "Job.A", 1, 3);
    expect_nothing(s);
    assert_int_equal(batch_of(s, 8, "Job.A", 7, 8, 8), 1);
    expect_nothing(s);
}

static void place_in_a_parent_is_a_place_in_its_child(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    s->parents[0] = (wire_parent_t){9, 150};
    s->parents[1] = (wire_parent_t){STREAM, 102};
    s->parent_count = 2;
    static const tail_t tails[] = {{"Job.A", 104}};
    assert_int_equal(tick_of(s, 8, 160, tails, 1, true), SL_OK);
    expect_stream_from(s, 8, STREAM, 102);
    expect_lost(s, "Job.A", 103, 104);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 159);
}

/* Numbers 100 to 104 were cut off, and 50 to 159 given out again since. */
static void parent_that_claims_more_than_a_newer_one_does_not_move_the_place_past_it(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    s->parents[0] = (wire_parent_t){9, 49};
    s->parents[1] = (wire_parent_t){STREAM, 500};
    s->parent_count = 2;
    static const tail_t tails[] = {{"Job.A", 104}};
    assert_int_equal(tick_of(s, 8, 160, tails, 1, true), SL_OK);
    expect_stream_from(s, 8, STREAM, 49);
    expect_lost(s, "Job.A", 50, 104);
    expect_nothing(s);
}

static void tick_of_another_stream_tells_what_of_it_was_missed(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 4}, {"Cluster.A", 5}};
    assert_int_equal(tick_of(s, 8, 6, tails, 2, true), SL_OK);
    expect_stream(s, 8);
    expect_lost(s, "Job.A", 1, 4);
    expect_nothing(s);
    assert_int_equal(s->state.confirmed, 5);
    assert_int_equal(s->state.streams, 1);
}

/* -- bounds ----------------------------------------------------------------------------------- */

static void name_that_is_no_topic_is_refused(void **state)
{
    script_t *s = *state;
    sl_err err;
    assert_null(sub_state_topic(&s->state, "Job", 3, &err));
    assert_int_equal(err, SL_EPROTO);
    assert_null(sub_state_topic(&s->state, "", 0, &err));
    assert_int_equal(err, SL_EPROTO);
}

static void peer_cannot_fill_the_memory_with_topics(void **state)
{
    script_t *s = *state;
    char name[32];
    sl_err err = SL_OK;
    for (int i = 0; i < SUB_TOPICS_MAX; i++) {
        snprintf(name, sizeof name, "Job.T%d", i);
        assert_non_null(sub_state_topic(&s->state, name, strlen(name), &err));
    }
    assert_null(sub_state_topic(&s->state, "Job.More", 8, &err));
    assert_int_equal(err, SL_EPROTO);
    assert_non_null(sub_state_topic(&s->state, "Job.T77", 7, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(before_the_sync_answer_all_is_dropped),
        TEST(sync_answer_is_where_everything_begins),
        TEST(batch_from_before_the_join_is_a_repeat),
        TEST(chain_of_predecessors_is_delivered),
        TEST(missing_predecessor_is_lost_up_to_it_and_the_batch_delivered),
        TEST(single_missing_event_is_a_hole_too),
        TEST(loss_right_after_the_join_begins_behind_it),
        TEST(repeated_batch_is_dropped_and_counted),
        TEST(batch_that_overlaps_is_delivered_from_what_is_new),
        TEST(topics_do_not_disturb_each_other),
        TEST(topic_of_no_pattern_is_neither_delivered_nor_missed),
        TEST(tick_that_agrees_moves_what_is_confirmed),
        TEST(tick_shows_a_lost_tail),
        TEST(tick_shows_a_loss_on_a_topic_never_seen),
        TEST(topic_named_twice_in_a_tick_is_told_once),
        TEST(loss_that_a_batch_told_is_not_told_again_by_the_tick),
        TEST(confirmed_never_goes_back),
        TEST(malformed_tick_changes_nothing),
        TEST(unasked_sync_answer_is_a_tick_of_a_new_connection),
        TEST(after_a_reconnect_the_place_still_holds),
        TEST(batch_of_another_stream_waits_for_its_tick_and_counts_from_nothing),
        TEST(place_in_a_parent_is_a_place_in_its_child),
        TEST(parent_that_claims_more_than_a_newer_one_does_not_move_the_place_past_it),
        TEST(tick_of_another_stream_tells_what_of_it_was_missed),
        TEST(name_that_is_no_topic_is_refused),
        TEST(peer_cannot_fill_the_memory_with_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

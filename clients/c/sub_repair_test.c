/* The rules of docs/protocol.md with repair: what is held, what is asked for, what is lost after
 * all. */
#include "sub_testing.h"

enum { HOLD_BYTES = 4 * BATCH_BYTES };

static int setup(void **state)
{
    return script_setup(
        state, &(sub_rules_t){.patterns = LIST("Job."), .repair = true, .hold_bytes = HOLD_BYTES});
}

static int setup_in_order(void **state)
{
    return script_setup(state, &(sub_rules_t){.patterns = LIST("Job."),
                                              .repair = true,
                                              .in_order = true,
                                              .hold_bytes = HOLD_BYTES});
}

/* Joined with 100 as the next number. */
static script_t *joined(void **state)
{
    script_t *s = *state;
    sync_answer(s, 100, NULL);
    return s;
}

static uint64_t reached(const script_t *s)
{
    return s->state.reached;
}

/* -- holes ------------------------------------------------------------------------------------ */

static void batch_behind_a_hole_waits_for_the_replay(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 121), 0);
    uint64_t request = expect_replay(s, 99, 119);
    expect_no_replay(s);
    assert_int_equal(replayed(s, request, "Job.A", 90, 105, 110), 6);
    expect_nothing(s);
    sub_state_replay_done(&s->state, request, 119);
    expect_held(s, "Job.A", 120, 121);
    expect_nothing(s);
    assert_int_equal(reached(s), 119);
    assert_int_equal(s->state.gaps, 1);
}

static void topic_without_a_hole_goes_on_meanwhile(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 121), 0);
    assert_int_equal(batch(s, "Job.B", 50, 122, 125), 4);
    assert_int_equal(batch(s, "Job.A", 121, 126, 126), 0);
    assert_int_equal(batch(s, "Job.B", 125, 127, 127), 1);
    uint64_t request = expect_replay(s, 99, 119);
    sub_state_replay_done(&s->state, request, 119);
    expect_held(s, "Job.A", 120, 121);
    expect_held(s, "Job.A", 126, 126);
    expect_nothing(s);
}

static void replay_skips_exactly_what_was_delivered(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch(s, "Job.B", 0, 105, 109), 5);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(replayed(s, request, "Job.A", 0, 96, 104), 0);
    assert_int_equal(replayed(s, request, "Job.B", 0, 105, 109), 0);
    assert_int_equal(replayed(s, request, "Job.A", 104, 110, 115), 6);
    sub_state_replay_done(&s->state, request, 119);
    expect_nothing(s);
    assert_int_equal(reached(s), 119);
    assert_int_equal(s->state.repeats, 0);
}

static void hole_found_during_a_replay_is_asked_for_when_it_ends(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(batch(s, "Job.B", 130, 140, 140), 0);
    expect_no_replay(s);
    sub_state_replay_done(&s->state, request, 119);
    expect_nothing(s);
    request = expect_replay(s, 119, 139);
    assert_int_equal(replayed(s, request, "Job.A", 110, 120, 120), 1);
    assert_int_equal(replayed(s, request, "Job.B", 0, 125, 130), 6);
    sub_state_replay_done(&s->state, request, 139);
    expect_held(s, "Job.B", 140, 140);
    expect_nothing(s);
}

static void tick_moves_nothing_past_a_hole(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    tick(s, 150, "Job.A", 120);
    assert_int_equal(reached(s), 99);
    sub_state_replay_done(&s->state, request, 119);
    assert_int_equal(reached(s), 119);
    expect_held(s, "Job.A", 120, 120);
    expect_nothing(s); /* and now what the tick said holds */
    assert_int_equal(reached(s), 149);
    expect_no_replay(s);
}

static void tick_that_shows_more_extends_what_is_wanted(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    tick(s, 150, "Job.B", 140);
    sub_state_replay_done(&s->state, request, 119);
    request = expect_replay(s, 119, 149);
    sub_state_replay_done(&s->state, request, 149);
    assert_int_equal(reached(s), 149);
    expect_nothing(s);
}

static void what_a_replay_will_bring_is_neither_held_nor_asked_for_again(void **state)
{
    script_t *s = joined(state);
    tick(s, 150, "Job.A", 140);
    tick(s, 160, "Job.A", 140);
    assert_int_equal(batch(s, "Job.A", 140, 149, 149), 0);
    assert_int_equal(s->state.held_bytes, 0);
    expect_replay(s, 99, 149);
    assert_int_equal(s->state.gaps, 1);
}

static void done_short_of_what_was_asked_is_asked_on(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    sub_state_replay_done(&s->state, request, 110);
    request = expect_replay(s, 110, 119);
    sub_state_replay_done(&s->state, request, 500); /* and no word counts for more than asked */
    assert_int_equal(reached(s), 119);
}

static void broken_replay_begins_where_it_came_to(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(replayed(s, request, "Job.A", 0, 101, 105), 5);
    sub_state_replay_broken(&s->state, request);
    uint64_t again = expect_replay(s, 105, 119);
    assert_int_equal(replayed(s, request, "Job.A", 105, 106, 107), 0); /* too late */
    sub_state_replay_done(&s->state, request, 119);
    sub_state_replay_lost(&s->state, request, 106, 115, "DAMAGE");
    expect_nothing(s);
    assert_int_equal(reached(s), 105);
    assert_int_equal(replayed(s, again, "Job.A", 105, 106, 107), 2);
}

static void replay_shows_that_other_topics_are_done_too(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(replayed(s, request, "Cluster.A", 0, 100, 112), 0);
    assert_int_equal(reached(s), 112);
}

static void confirmed_waits_until_all_is_taken(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(replayed(s, request, "Job.A", 0, 101, 105), 5);
    assert_int_equal(s->state.confirmed, 99);
    sub_state_settle(&s->state);
    assert_int_equal(s->state.confirmed, 105);
}

/* -- memory ----------------------------------------------------------------------------------- */

static void past_the_bound_all_that_waits_is_dropped_and_replayed(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    for (uint64_t n = 121; n < 121 + HOLD_BYTES / BATCH_BYTES; n++)
        assert_int_equal(batch(s, "Job.A", n - 1, n, n), 0);
    assert_int_equal(s->state.held_bytes, 0);
    expect_nothing(s);
    assert_int_equal(batch(s, "Job.A", 124, 125, 125), 0);
    assert_int_equal(s->state.held_bytes, BATCH_BYTES);
    sub_state_replay_done(&s->state, request, 119);
    request = expect_replay(s, 119, 124);
    assert_int_equal(replayed(s, request, "Job.A", 110, 120, 124), 5);
    sub_state_replay_done(&s->state, request, 124);
    expect_held(s, "Job.A", 125, 125);
    assert_int_equal(s->state.gaps, 1);
}

/* -- what is gone ------------------------------------------------------------------------------ */

static void lost_range_is_told_as_narrowly_as_the_tails_allow(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    tick(s, 200, "Job.A", 150);
    uint64_t request = expect_replay(s, 99, 199);
    sub_state_replay_lost(&s->state, request, 100, 180, "DAMAGE");
    expect_lost(s, "Job.A", 105, 150);
    expect_nothing(s);
    assert_int_equal(reached(s), 180);
    assert_int_equal(s->state.lost_numbers, 46);
    sub_state_replay_lost(&s->state, request, 170, 190, "DAMAGE");
    expect_nothing(s);
}

static void range_that_held_none_of_ours_is_not_told(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 110}, {"Cluster.A", 180}};
    assert_int_equal(tick_of(s, STREAM, 200, tails, 2, false), SL_OK);
    uint64_t request = expect_replay(s, 99, 199);
    sub_state_replay_lost(&s->state, request, 111, 190, "DAMAGE");
    expect_nothing(s);
    assert_int_equal(reached(s), 190);
}

static void range_behind_the_last_tick_may_have_been_on_any_topic(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    sub_state_replay_lost(&s->state, request, 105, 130, "RETENTION");
    expect_lost(s, NULL, 105, 119);
    sub_state_replay_done(&s->state, request, 119);
    expect_held(s, "Job.A", 120, 120);
    assert_int_equal(s->state.gaps, 1);
    assert_int_equal(batch(s, "Job.A", 130, 140, 140), 0);
    request = expect_replay(s, 119, 139);
    sub_state_replay_lost(&s->state, request, 90, 125, "DAMAGE");
    expect_lost(s, NULL, 120, 125);
}

static void several_topics_that_may_have_lost_make_one_range(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 150}, {"Job.B", 130}};
    assert_int_equal(tick_of(s, STREAM, 200, tails, 2, false), SL_OK);
    uint64_t request = expect_replay(s, 99, 199);
    sub_state_replay_lost(&s->state, request, 100, 199, "RETENTION");
    expect_lost(s, NULL, 100, 150);
    expect_nothing(s);
}

static void broker_that_skips_in_a_replay_is_told_of(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 119);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(replayed(s, request, "Job.A", 110, 111, 119), 9);
    expect_lost(s, "Job.A", 100, 110);
    expect_nothing(s);
}

static void broker_without_replay_makes_holes_into_losses(void **state)
{
    script_t *s = joined(state);
    static const tail_t tails[] = {{"Job.A", 115}};
    assert_int_equal(batch(s, "Job.B", 110, 112, 112), 0);
    assert_int_equal(tick_of(s, STREAM, 120, tails, 1, false), SL_OK);
    uint64_t request = expect_replay(s, 99, 119);
    assert_int_equal(sub_state_replay_impossible(&s->state, request), SL_OK);
    expect_lost(s, NULL, 100, 115);
    expect_nothing(s);
    assert_int_equal(batch(s, "Job.A", 125, 126, 126), 1);
    expect_lost(s, "Job.A", 120, 125);
    expect_no_replay(s);
    sync_answer(s, 130, NULL); /* another broker, perhaps one that can */
    assert_int_equal(batch(s, "Job.A", 135, 136, 136), 0);
    expect_replay(s, 129, 135);
}

/* -- where it begins -------------------------------------------------------------------------- */

static void begin(script_t *s, uint64_t stream, uint64_t number)
{
    sub_state_start(&s->state, &(sub_start_t){.stream = stream, .number = number});
    sync_answer(s, 100, &(tail_t){"Job.A", 90});
}

static void start_at_a_number_asks_for_what_is_behind_it(void **state)
{
    begin(*state, STREAM, 40);
    expect_replay(*state, 40, 99);
    expect_nothing(*state);
}

static void start_where_nothing_of_ours_follows_asks_for_nothing(void **state)
{
    begin(*state, STREAM, 90);
    expect_no_replay(*state);
    assert_int_equal(reached(*state), 99);
}

static void start_at_the_beginning_tells_what_retention_took(void **state)
{
    script_t *s = *state;
    begin(s, 0, 0);
    uint64_t request = expect_replay(s, 0, 99);
    sub_state_replay_lost(&s->state, request, 1, 30, "RETENTION");
    expect_lost(s, "Job.A", 1, 30);
    assert_int_equal(replayed(s, request, "Job.A", 20, 31, 90), 60);
    expect_nothing(s);
}

static void start_in_a_parent_begins_at_its_end(void **state)
{
    script_t *s = *state;
    s->parents[0] = (wire_parent_t){5, 30};
    s->parent_count = 1;
    begin(s, 5, 40);
    expect_stream_from(s, STREAM, 5, 30);
    expect_replay(s, 30, 99);
}

static void start_in_a_stream_that_nobody_knows_begins_at_the_beginning(void **state)
{
    begin(*state, 6, 40);
    expect_stream(*state, STREAM);
    expect_replay(*state, 0, 99);
}

static void number_that_is_still_to_come_is_of_another_stream(void **state)
{
    begin(*state, 0, 100);
    expect_stream(*state, STREAM);
    expect_replay(*state, 0, 99);
}

static void pattern_that_matches_nothing_follows_the_ticks(void **state)
{
    script_t *s = *state;
    sub_state_start(&s->state, &(sub_start_t){.number = 0});
    sync_answer(s, 100, &(tail_t){"Cluster.A", 90});
    expect_no_replay(s);
    assert_int_equal(reached(s), 99);
    tick(s, 200, "Cluster.A", 190);
    assert_int_equal(reached(s), 199);
}

/* -- streams ---------------------------------------------------------------------------------- */

static void change_of_the_stream_cancels_the_replay_and_drops_what_waits(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    assert_int_equal(batch(s, "Job.A", 110, 120, 120), 0);
    uint64_t request = expect_replay(s, 99, 119);
    s->parents[0] = (wire_parent_t){STREAM, 112};
    s->parent_count = 1;
    static const tail_t tails[] = {{"Job.A", 110}};
    assert_int_equal(tick_of(s, 8, 113, tails, 1, true), SL_OK);
    assert_int_equal(sub_state_take_cancelled(&s->state), request);
    assert_int_equal(sub_state_take_cancelled(&s->state), 0);
    expect_stream_from(s, 8, STREAM, 112);
    expect_nothing(s);
    assert_int_equal(replayed(s, request, "Job.A", 104, 105, 110), 0);
    request = expect_replay(s, 99, 112);
    assert_int_equal(replayed(s, request, "Job.A", 90, 100, 104), 0);
    assert_int_equal(replayed(s, request, "Job.A", 104, 105, 110), 6);
}

static void what_the_parent_lost_is_not_ours_any_more(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 5);
    tick(s, 105, "Job.A", 104);
    s->parents[0] = (wire_parent_t){STREAM, 101};
    s->parent_count = 1;
    static const tail_t tails[] = {{"Job.A", 101}};
    assert_int_equal(tick_of(s, 8, 102, tails, 1, true), SL_OK);
    assert_int_equal(s->state.confirmed, 101);
    expect_stream_from(s, 8, STREAM, 101);
    assert_int_equal(batch_of(s, 8, "Job.A", 101, 102, 103), 2); /* other events, old numbers */
    expect_nothing(s);
}

static void batches_of_the_new_stream_wait_for_its_tick(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch_of(s, 8, "Job.A", 90, 100, 101), 0);
    assert_int_equal(batch_of(s, 9, "Job.A", 0, 1, 1), 0);
    assert_int_equal(batch_of(s, 8, "Job.A", 101, 102, 102), 0);
    expect_nothing(s);
    s->parents[0] = (wire_parent_t){STREAM, 99};
    s->parent_count = 1;
    static const tail_t tails[] = {{"Job.A", 102}};
    assert_int_equal(tick_of(s, 8, 103, tails, 1, false), SL_OK);
    expect_stream_from(s, 8, STREAM, 99);
    expect_held(s, "Job.A", 100, 101);
    expect_held(s, "Job.A", 102, 102);
    expect_nothing(s);
    expect_no_replay(s);
    assert_int_equal(reached(s), 102);
}

static void query_side_of_another_stream_waits_for_the_feed(void **state)
{
    script_t *s = joined(state);
    tick(s, 120, "Job.A", 115);
    uint64_t request = expect_replay(s, 99, 119);
    sub_state_replay_wrong_stream(&s->state, request);
    expect_no_replay(s);
    tick(s, 120, "Job.A", 115);
    expect_replay(s, 99, 119);
}

/* -- in order --------------------------------------------------------------------------------- */

static void in_order_what_a_tick_confirmed_is_delivered(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 0);
    assert_int_equal(batch(s, "Job.B", 0, 105, 105), 0);
    assert_int_equal(batch(s, "Job.A", 104, 106, 107), 0);
    expect_nothing(s);
    static const tail_t tails[] = {{"Job.A", 104}, {"Job.B", 105}};
    assert_int_equal(tick_of(s, STREAM, 106, tails, 2, false), SL_OK);
    assert_int_equal(reached(s), 99);
    expect_held(s, "Job.A", 100, 104);
    assert_int_equal(reached(s), 104);
    expect_held(s, "Job.B", 105, 105);
    expect_nothing(s);
    assert_int_equal(reached(s), 105);
}

static void in_order_a_loss_on_one_topic_holds_all(void **state)
{
    script_t *s = joined(state);
    assert_int_equal(batch(s, "Job.A", 0, 100, 104), 0);
    assert_int_equal(batch(s, "Job.A", 104, 110, 110), 0);
    tick(s, 111, "Job.B", 107);
    expect_nothing(s);
    uint64_t request = expect_replay(s, 99, 110);
    assert_int_equal(replayed(s, request, "Job.A", 0, 100, 104), 5);
    assert_int_equal(replayed(s, request, "Job.B", 0, 105, 107), 3);
    assert_int_equal(replayed(s, request, "Job.A", 104, 110, 110), 1);
    expect_nothing(s);
    sub_state_replay_done(&s->state, request, 110);
    expect_nothing(s);
    assert_int_equal(s->state.held_bytes, 0);
    assert_int_equal(reached(s), 110);
}

#define TEST(name)          cmocka_unit_test_setup_teardown(name, setup, script_teardown)
#define TEST_IN_ORDER(name) cmocka_unit_test_setup_teardown(name, setup_in_order, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batch_behind_a_hole_waits_for_the_replay),
        TEST(topic_without_a_hole_goes_on_meanwhile),
        TEST(replay_skips_exactly_what_was_delivered),
        TEST(hole_found_during_a_replay_is_asked_for_when_it_ends),
        TEST(tick_moves_nothing_past_a_hole),
        TEST(tick_that_shows_more_extends_what_is_wanted),
        TEST(what_a_replay_will_bring_is_neither_held_nor_asked_for_again),
        TEST(done_short_of_what_was_asked_is_asked_on),
        TEST(broken_replay_begins_where_it_came_to),
        TEST(replay_shows_that_other_topics_are_done_too),
        TEST(confirmed_waits_until_all_is_taken),
        TEST(past_the_bound_all_that_waits_is_dropped_and_replayed),
        TEST(lost_range_is_told_as_narrowly_as_the_tails_allow),
        TEST(range_that_held_none_of_ours_is_not_told),
        TEST(range_behind_the_last_tick_may_have_been_on_any_topic),
        TEST(several_topics_that_may_have_lost_make_one_range),
        TEST(broker_that_skips_in_a_replay_is_told_of),
        TEST(broker_without_replay_makes_holes_into_losses),
        TEST(start_at_a_number_asks_for_what_is_behind_it),
        TEST(start_where_nothing_of_ours_follows_asks_for_nothing),
        TEST(start_at_the_beginning_tells_what_retention_took),
        TEST(start_in_a_parent_begins_at_its_end),
        TEST(start_in_a_stream_that_nobody_knows_begins_at_the_beginning),
        TEST(number_that_is_still_to_come_is_of_another_stream),
        TEST(pattern_that_matches_nothing_follows_the_ticks),
        TEST(change_of_the_stream_cancels_the_replay_and_drops_what_waits),
        TEST(what_the_parent_lost_is_not_ours_any_more),
        TEST(batches_of_the_new_stream_wait_for_its_tick),
        TEST(query_side_of_another_stream_waits_for_the_feed),
        TEST_IN_ORDER(in_order_what_a_tick_confirmed_is_delivered),
        TEST_IN_ORDER(in_order_a_loss_on_one_topic_holds_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

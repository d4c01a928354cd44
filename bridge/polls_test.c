/* How many polls: what each reply does, and what comes of it against a queue in numbers. */
#include "polls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ASKED = 16, LEAST = 1, MOST = 16 };

static polls_t polls_with(uint32_t wanted)
{
    polls_t polls;
    polls_init(&polls, LEAST, MOST);
    polls.wanted = wanted;
    return polls;
}

static void polls_begin_with_the_least(void **state)
{
    (void)state;
    polls_t polls;
    polls_init(&polls, 3, 8);
    assert_int_equal(polls.wanted, 3);
    assert_false(polls.backlog);
}

static void polls_double_with_each_full_reply_up_to_the_most(void **state)
{
    (void)state;
    polls_t polls = polls_with(1);
    const uint32_t expected[] = {2, 4, 8, 16, 16};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        polls_replied(&polls, ASKED, ASKED);
        assert_int_equal(polls.wanted, expected[i]);
        assert_true(polls.backlog);
    }
}

static void polls_stay_while_replies_are_half_full(void **state)
{
    (void)state;
    polls_t polls = polls_with(5);
    for (size_t i = 0; i < 1000; i++)
        polls_replied(&polls, ASKED / 2 + i % (ASKED / 2), ASKED);
    assert_int_equal(polls.wanted, 5);
}

static void polls_shrink_by_one_a_round_of_scant_replies(void **state)
{
    (void)state;
    polls_t polls = polls_with(4);
    for (int i = 0; i < 3; i++)
        polls_replied(&polls, 1, ASKED);
    assert_int_equal(polls.wanted, 4);
    polls_replied(&polls, 1, ASKED);
    assert_int_equal(polls.wanted, 3);
    for (int i = 0; i < 3 + 2 + 1 + 1; i++)
        polls_replied(&polls, 1, ASKED);
    assert_int_equal(polls.wanted, LEAST);
}

static void polls_count_scant_replies_anew_after_a_better_one(void **state)
{
    (void)state;
    polls_t polls = polls_with(4);
    for (int i = 0; i < 100; i++)
        polls_replied(&polls, i % 4 == 0 ? ASKED / 2 : 1, ASKED);
    assert_int_equal(polls.wanted, 4);
}

static void polls_halve_when_a_reply_is_empty_or_fails(void **state)
{
    (void)state;
    polls_t polls = polls_with(16);
    polls_replied(&polls, 0, ASKED);
    assert_int_equal(polls.wanted, 8);
    polls_failed(&polls);
    assert_int_equal(polls.wanted, 4);
    for (int i = 0; i < 10; i++)
        polls_replied(&polls, 0, ASKED);
    assert_int_equal(polls.wanted, LEAST);
}

static void polls_fall_to_the_least_when_throttled(void **state)
{
    (void)state;
    polls_t polls = polls_with(16);
    polls.backlog = true;
    polls_throttled(&polls);
    assert_int_equal(polls.wanted, LEAST);
    assert_false(polls.backlog);
}

static void polls_that_may_not_vary_do_not(void **state)
{
    (void)state;
    polls_t polls;
    polls_init(&polls, 7, 7);
    for (size_t i = 0; i < 1000; i++) {
        polls_replied(&polls, i * 7 % (ASKED + 1), ASKED);
        if (i % 50 == 0)
            polls_throttled(&polls);
        if (i % 30 == 0)
            polls_failed(&polls);
        assert_int_equal(polls.wanted, 7);
    }
}

/* A queue into which `inflow` messages come each round trip, after `backlog` at first; each poll
 * takes up to 16 of them.  @return rounds until the backlog is gone. */
static size_t rounds_to_empty(polls_t *polls, size_t backlog, size_t inflow)
{
    for (size_t round = 1; round < 100000; round++) {
        backlog += inflow;
        for (uint32_t poll = 0, count = polls->wanted; poll < count; poll++) {
            size_t got = backlog < ASKED ? backlog : ASKED;
            backlog -= got;
            polls_replied(polls, got, ASKED);
        }
        if (backlog == 0)
            return round;
    }
    return SIZE_MAX;
}

static void polls_lose_no_round_to_speak_of_at_a_full_queue(void **state)
{
    (void)state;
    polls_t polls = polls_with(1);
    size_t most = 100000 / (MOST * ASKED); /* had they all been there from the start */
    assert_in_range(rounds_to_empty(&polls, 100000, 0), most, most + 5);
}

static void polls_settle_at_what_a_steady_inflow_needs(void **state)
{
    (void)state;
    const size_t inflows[] = {1, 5, 16, 40, 100, 200};
    for (size_t i = 0; i < sizeof inflows / sizeof *inflows; i++) {
        polls_t polls = polls_with(1);
        uint64_t sum = 0;
        size_t backlog = 0;
        for (int round = 0; round < 2000; round++) {
            backlog += inflows[i];
            uint32_t count = polls.wanted;
            for (uint32_t poll = 0; poll < count; poll++) {
                size_t got = backlog < ASKED ? backlog : ASKED;
                backlog -= got;
                polls_replied(&polls, got, ASKED);
            }
            sum += round >= 1000 ? count : 0;
        }
        assert_true(backlog <= 4 * inflows[i] + ASKED);
        assert_true(sum / 1000 <= inflows[i] / ASKED * 2 + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polls_begin_with_the_least),
        cmocka_unit_test(polls_double_with_each_full_reply_up_to_the_most),
        cmocka_unit_test(polls_stay_while_replies_are_half_full),
        cmocka_unit_test(polls_shrink_by_one_a_round_of_scant_replies),
        cmocka_unit_test(polls_count_scant_replies_anew_after_a_better_one),
        cmocka_unit_test(polls_halve_when_a_reply_is_empty_or_fails),
        cmocka_unit_test(polls_fall_to_the_least_when_throttled),
        cmocka_unit_test(polls_that_may_not_vary_do_not),
        cmocka_unit_test(polls_lose_no_round_to_speak_of_at_a_full_queue),
        cmocka_unit_test(polls_settle_at_what_a_steady_inflow_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

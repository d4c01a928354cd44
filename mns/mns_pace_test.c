#include "mns_pace.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MS = 1000000 };

static void a_pause_doubles_up_to_the_longest(void **state)
{
    (void)state;
    mns_backoff_t backoff;
    mns_backoff_init(&backoff, 100, 1000, 7);
    static const uint32_t whole[] = {100, 200, 400, 800, 1000, 1000};
    for (int round = 0; round < 1000; round++)
        for (uint32_t i = 0; i < 6; i++)
            assert_in_range(mns_backoff_ms(&backoff, i + 1), whole[i] / 2, whole[i]);
    assert_in_range(mns_backoff_ms(&backoff, UINT32_MAX), 500, 1000);
}

static void chance_spreads_the_pauses(void **state)
{
    (void)state;
    mns_backoff_t backoff;
    uint32_t low = 0, high = 0;
    mns_backoff_init(&backoff, 1000, 1000, 7);
    for (int i = 0; i < 1000; i++) {
        uint32_t pause_ms = mns_backoff_ms(&backoff, 1);
        low += pause_ms < 600;
        high += pause_ms > 900;
    }
    assert_in_range(low, 100, 300);
    assert_in_range(high, 100, 300);
}

static void a_first_pause_longer_than_the_longest_is_cut(void **state)
{
    (void)state;
    mns_backoff_t backoff;
    mns_backoff_init(&backoff, 5000, 1000, 0);
    assert_in_range(mns_backoff_ms(&backoff, 1), 500, 1000);
}

static void without_a_limit_nobody_waits(void **state)
{
    (void)state;
    mns_rate_t rate = {0};
    mns_rate_take(&rate, 1000000, 0);
    assert_int_equal(mns_rate_wait_ns(&rate, 1000000, 0), 0);
}

static void a_burst_goes_at_once_and_then_the_rate_rules(void **state)
{
    (void)state;
    mns_rate_t rate = {.per_s = 100, .burst = 5};
    int64_t now_ns = 1000 * (int64_t)MS;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mns_rate_wait_ns(&rate, 1, now_ns), 0);
        mns_rate_take(&rate, 1, now_ns);
    }
    for (int i = 0; i < 10; i++) {
        int64_t wait_ns = mns_rate_wait_ns(&rate, 1, now_ns);
        assert_int_equal(wait_ns, 10 * MS);
        now_ns += wait_ns;
        assert_int_equal(mns_rate_wait_ns(&rate, 1, now_ns), 0);
        mns_rate_take(&rate, 1, now_ns);
    }
}

static void a_pause_earns_a_burst_and_no_more(void **state)
{
    (void)state;
    mns_rate_t rate = {.per_s = 100, .burst = 5};
    int64_t now_ns = 3600 * 1000 * (int64_t)MS;
    for (int i = 0; i < 5; i++)
        mns_rate_take(&rate, 1, now_ns);
    assert_int_equal(mns_rate_wait_ns(&rate, 1, now_ns), 10 * MS);
}

static void more_than_a_burst_goes_when_nothing_is_owed_and_is_paid_for(void **state)
{
    (void)state;
    mns_rate_t rate = {.per_s = 100, .burst = 4};
    assert_int_equal(mns_rate_wait_ns(&rate, 16, 0), 0);
    mns_rate_take(&rate, 16, 0);
    assert_int_equal(mns_rate_wait_ns(&rate, 16, 0), 160 * MS);
    assert_int_equal(mns_rate_wait_ns(&rate, 1, 0), 130 * MS);
}

static void a_long_run_keeps_the_rate(void **state)
{
    (void)state;
    mns_rate_t rate = {.per_s = 700, .burst = 16};
    int64_t now_ns = 0;
    for (int i = 0; i < 7000; i++) {
        now_ns += mns_rate_wait_ns(&rate, 1, now_ns);
        mns_rate_take(&rate, 1, now_ns);
    }
    assert_in_range(now_ns / MS, 9970, 10000);
}

static void who_is_due_first_comes_first(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static int64_t dues[MANY];
    mns_pauses_t pauses = {0};
    uint32_t random = 1;
    assert_true(mns_pauses_due_ns(&pauses) == INT64_MAX);
    for (size_t i = 0; i < MANY; i++) {
        random = random * 1664525 + 1013904223;
        dues[i] = random >> 20;
        assert_true(mns_pauses_add(&pauses, dues[i], &dues[i]));
    }
    int64_t last = 0;
    for (size_t i = 0; i < MANY; i++) {
        int64_t due_ns = mns_pauses_due_ns(&pauses);
        const int64_t *who = mns_pauses_take(&pauses);
        assert_int_equal(*who, due_ns);
        assert_true(due_ns >= last);
        last = due_ns;
    }
    assert_int_equal(pauses.count, 0);
    mns_pauses_fini(&pauses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_doubles_up_to_the_longest),
        cmocka_unit_test(chance_spreads_the_pauses),
        cmocka_unit_test(a_first_pause_longer_than_the_longest_is_cut),
        cmocka_unit_test(without_a_limit_nobody_waits),
        cmocka_unit_test(a_burst_goes_at_once_and_then_the_rate_rules),
        cmocka_unit_test(a_pause_earns_a_burst_and_no_more),
        cmocka_unit_test(more_than_a_burst_goes_when_nothing_is_owed_and_is_paid_for),
        cmocka_unit_test(a_long_run_keeps_the_rate),
        cmocka_unit_test(who_is_due_first_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

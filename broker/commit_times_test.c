#include "commit_times.h"

#include "counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

typedef struct fixture {
    commit_times_t times;
    counter_t counters[BROKER_COUNTER_COUNT];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    f->times.counters = f->counters;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static uint64_t gauge(const fixture_t *f, size_t counter)
{
    return counter_get(&f->counters[counter]);
}

static void the_percentiles_are_told_once_a_second(void **state)
{
    fixture_t *f = *state;
    commit_times_add(&f->times, 100 * S, MS);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P50_US), 990, 1010);
    for (int i = 0; i < 97; i++)
        commit_times_add(&f->times, 100 * S + MS, 2 * MS);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P50_US), 990, 1010); /* not yet */
    for (int i = 0; i < 2; i++)
        commit_times_add(&f->times, 101 * S, 50 * MS);
    commit_times_add(&f->times, 102 * S, 50 * MS);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P50_US), 1980, 2020);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P99_US), 49500, 50500);
    assert_int_equal(gauge(f, BROKER_JOURNAL_COMMIT_MAX_US), 50000);
    assert_int_equal(gauge(f, BROKER_JOURNAL_COMMIT_US), 1000 + 97 * 2000 + 3 * 50000);
}

static void what_was_a_minute_ago_is_forgotten(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 100; i++)
        commit_times_add(&f->times, 100 * S, 500 * MS);
    commit_times_add(&f->times, 131 * S, MS);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P50_US), 495000, 505000);
    commit_times_add(&f->times, 162 * S, MS);
    assert_in_range(gauge(f, BROKER_JOURNAL_COMMIT_P99_US), 990, 1010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_percentiles_are_told_once_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_a_minute_ago_is_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

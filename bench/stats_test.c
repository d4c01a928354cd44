#include "stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void the_median_ignores_one_disturbed_run(void **state)
{
    (void)state;
    stats_t stats = stats_of((double[]){10, 11, 900}, 3);
    assert_float_equal(stats.median, 11, 1e-9);
    assert_float_equal(stats.min, 10, 1e-9);
    assert_float_equal(stats.max, 900, 1e-9);
}

static void an_even_count_takes_the_mean_of_the_middle_two(void **state)
{
    (void)state;
    stats_t stats = stats_of((double[]){4, 1, 3, 2}, 4);
    assert_float_equal(stats.median, 2.5, 1e-9);
}

static void the_values_keep_their_order(void **state)
{
    (void)state;
    double values[] = {3, 1, 2};
    stats_of(values, 3);
    assert_float_equal(values[0], 3, 1e-9);
    assert_float_equal(values[2], 2, 1e-9);
}

static void spread_is_the_range_over_the_median(void **state)
{
    (void)state;
    stats_t stats = stats_of((double[]){90, 100, 110}, 3);
    assert_float_equal(stats_spread(&stats), 0.2, 1e-9);
    stats_t zero = stats_of((double[]){0}, 1);
    assert_float_equal(stats_spread(&zero), 0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_ignores_one_disturbed_run),
        cmocka_unit_test(an_even_count_takes_the_mean_of_the_middle_two),
        cmocka_unit_test(the_values_keep_their_order),
        cmocka_unit_test(spread_is_the_range_over_the_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

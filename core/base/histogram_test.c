#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = calloc(2, sizeof(histogram_t));
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void every_value_comes_back_within_a_hundredth(void **state)
{
    histogram_t *h = *state;
    for (uint64_t ns = 1; ns < (uint64_t)1 << 41; ns = ns * 3 / 2 + 1) {
        histogram_clear(h);
        histogram_add(h, ns);
        double back = (double)histogram_quantile(h, 1, 0.5);
        assert_true(back >= (double)ns * 0.99 && back <= (double)ns * 1.01);
    }
}

static void a_quantile_is_the_value_that_so_many_lie_below(void **state)
{
    histogram_t *h = *state;
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(h, us * 1000);
    assert_in_range(histogram_quantile(h, 1, 0.5), 496000, 506000);
    assert_in_range(histogram_quantile(h, 1, 0.99), 982000, 1000000);
    assert_in_range(histogram_quantile(h, 1, 1), 992000, 1008000);
}

static void several_histograms_count_together(void **state)
{
    histogram_t *histograms = *state;
    for (int i = 0; i < 10; i++) {
        histogram_add(&histograms[0], 1000);
        histogram_add(&histograms[1], 1000000);
    }
    assert_in_range(histogram_quantile(histograms, 2, 0.25), 990, 1010);
    assert_in_range(histogram_quantile(histograms, 2, 0.75), 990000, 1010000);
}

static void an_empty_one_has_no_quantile_and_a_huge_value_counts(void **state)
{
    histogram_t *h = *state;
    assert_int_equal(histogram_quantile(h, 1, 0.99), 0);
    histogram_add(h, UINT64_MAX);
    assert_true(histogram_quantile(h, 1, 0.99) > (uint64_t)3600 * 1000000000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_value_comes_back_within_a_hundredth, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_quantile_is_the_value_that_so_many_lie_below, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(several_histograms_count_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_has_no_quantile_and_a_huge_value_counts,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

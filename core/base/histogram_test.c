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

static void every_value_comes_back_within_the_error_that_is_documented(void **state)
{
    histogram_t *h = *state;
    for (uint64_t ns = 1; ns < (uint64_t)1 << 43; ns = ns + ns / 7 + 1) {
        histogram_clear(h);
        histogram_add(h, ns);
        double back = (double)histogram_quantile(h, 1, 0.5);
        assert_true(back >= (double)ns * (1 - HISTOGRAM_ERROR));
        assert_true(back <= (double)ns * (1 + HISTOGRAM_ERROR));
    }
}

static void a_quantile_is_the_value_that_so_many_lie_at_or_below(void **state)
{
    histogram_t *h = *state;
    for (uint64_t value = 1; value <= 100; value++) /* each in a bucket of its own */
        histogram_add(h, value);
    assert_int_equal(histogram_quantile(h, 1, 0), 1);
    assert_int_equal(histogram_quantile(h, 1, 0.005), 1);
    assert_int_equal(histogram_quantile(h, 1, 0.5), 50);
    assert_int_equal(histogram_quantile(h, 1, 0.501), 51);
    assert_int_equal(histogram_quantile(h, 1, 0.55), 55); /* 0.55 * 100 is more than 55 */
    assert_int_equal(histogram_quantile(h, 1, 0.99), 99);
    assert_int_equal(histogram_quantile(h, 1, 0.9999), 100);
    assert_int_equal(histogram_quantile(h, 1, 1), 100);
    assert_int_equal(histogram_total(h, 1), 100);
}

static void several_histograms_count_together_and_as_one_when_merged(void **state)
{
    histogram_t *histograms = *state;
    for (int i = 0; i < 10; i++) {
        histogram_add(&histograms[0], 100);
        histogram_add(&histograms[1], 200);
    }
    assert_int_equal(histogram_quantile(histograms, 2, 0.5), 100);
    assert_int_equal(histogram_quantile(histograms, 2, 0.51), 200);
    histogram_merge(&histograms[0], &histograms[1], 1);
    assert_int_equal(histogram_total(&histograms[0], 1), 20);
    assert_int_equal(histogram_quantile(&histograms[0], 1, 0.5), 100);
    assert_int_equal(histogram_quantile(&histograms[0], 1, 0.51), 200);
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
        cmocka_unit_test_setup_teardown(every_value_comes_back_within_the_error_that_is_documented,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_quantile_is_the_value_that_so_many_lie_at_or_below,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_histograms_count_together_and_as_one_when_merged,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_has_no_quantile_and_a_huge_value_counts,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

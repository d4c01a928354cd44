#include "axis.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The labels of an axis, with blanks between. */
static const char *labels(axis_kind_t kind, double min, double max)
{
    static char text[512];
    axis_t axis = {.max_px = 100};
    axis_tick_t ticks[AXIS_TICKS_MAX];
    axis_fit(&axis, kind, min, max);
    size_t count = axis_ticks(&axis, ticks);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(text, i == 0 ? "" : " ");
        strcat(text, ticks[i].label);
    }
    return text;
}

static void linear_ticks_are_round_and_begin_at_nothing(void **state)
{
    (void)state;
    assert_string_equal(labels(AXIS_LINEAR, 3, 9.7), "0 2 4 6 8 10");
    assert_string_equal(labels(AXIS_LINEAR, 1e6, 7183557), "0 2M 4M 6M 8M");
    assert_string_equal(labels(AXIS_LINEAR, 0.1, 0.254), "0 0.1 0.2 0.3");
    assert_string_equal(labels(AXIS_LINEAR, -3, 4), "-4 -2 0 2 4");
    assert_string_equal(labels(AXIS_LINEAR, 10, 10), "0 2 4 6 8 10");
    assert_string_equal(labels(AXIS_LINEAR, 0, 0), "0 0.2 0.4 0.6 0.8 1");
}

static void log_ticks_are_powers_of_ten_or_more_where_those_are_few(void **state)
{
    (void)state;
    assert_string_equal(labels(AXIS_LOG, 1, 100000), "1 10 100 1k 10k 100k");
    assert_string_equal(labels(AXIS_LOG, 0.3, 8), "0.2 0.5 1 2 5 10");
    assert_string_equal(labels(AXIS_LOG, 1, 1000), "1 2 5 10 20 50 100 200 500 1k");
    assert_string_equal(labels(AXIS_LOG, 7, 7), "5 10");
    assert_string_equal(labels(AXIS_LOG, 10, 10), "10 20 50 100");
    assert_string_equal(labels(AXIS_LOG, 1, 1e12), "1 100 10k 1M 100M 10G 1e+03G");
}

static void each_nine_is_as_wide_as_the_one_before(void **state)
{
    (void)state;
    assert_string_equal(labels(AXIS_PERCENTILE, 0, 99.99), "0 50 90 99 99.9 99.99");
    axis_t axis = {.max_px = 300};
    axis_fit(&axis, AXIS_PERCENTILE, 50, 99.9);
    assert_float_equal(axis_px(&axis, 0), 0, 1e-9);
    assert_float_equal(axis_px(&axis, 90), 100, 1e-6);
    assert_float_equal(axis_px(&axis, 99), 200, 1e-6);
    assert_float_equal(axis_px(&axis, 99.9), 300, 1e-6);
    assert_float_equal(axis_px(&axis, 100), 300, 1e-6);
}

static void a_value_stands_in_its_place_and_never_outside(void **state)
{
    (void)state;
    axis_t y = {.min_px = 200, .max_px = 0}; /* upwards, as y does in SVG */
    axis_fit(&y, AXIS_LINEAR, 0, 10);
    assert_float_equal(axis_px(&y, 0), 200, 1e-9);
    assert_float_equal(axis_px(&y, 2.5), 150, 1e-9);
    assert_float_equal(axis_px(&y, 11), 0, 1e-9);
    assert_float_equal(axis_px(&y, -1), 200, 1e-9);
    assert_float_equal(axis_px(&y, NAN), 200, 1e-9);
    axis_t x = {.max_px = 400};
    axis_fit(&x, AXIS_LOG, 1, 10000);
    assert_float_equal(axis_px(&x, 100), 200, 1e-9);
    assert_float_equal(axis_px(&x, 0), 0, 1e-9);
}

static void both_ends_are_ticks_whatever_is_fitted(void **state)
{
    (void)state;
    axis_tick_t ticks[AXIS_TICKS_MAX];
    double value = 1.3e-7;
    for (int i = 0; i < 400; i++) {
        value *= 1.11;
        for (int kind = AXIS_LINEAR; kind <= AXIS_LOG; kind++) {
            axis_t axis = {.max_px = 1};
            axis_fit(&axis, (axis_kind_t)kind, value / (1 + i * i), value);
            size_t count = axis_ticks(&axis, ticks);
            assert_in_range(count, 2, AXIS_TICKS_MAX - 1);
            assert_float_equal(ticks[0].value / value, axis.min / value, 1e-6);
            assert_float_equal(ticks[count - 1].value / value, axis.max / value, 1e-6);
            assert_true(axis.max >= value * (1 - 1e-9));
        }
    }
}

static void an_axis_holds_what_it_can_show(void **state)
{
    (void)state;
    assert_true(axis_holds(AXIS_LINEAR, -1));
    assert_false(axis_holds(AXIS_LINEAR, NAN));
    assert_false(axis_holds(AXIS_LINEAR, INFINITY));
    assert_true(axis_holds(AXIS_LOG, 1e-9));
    assert_false(axis_holds(AXIS_LOG, 0));
    assert_true(axis_holds(AXIS_PERCENTILE, 99.999));
    assert_false(axis_holds(AXIS_PERCENTILE, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_ticks_are_round_and_begin_at_nothing),
        cmocka_unit_test(log_ticks_are_powers_of_ten_or_more_where_those_are_few),
        cmocka_unit_test(each_nine_is_as_wide_as_the_one_before),
        cmocka_unit_test(a_value_stands_in_its_place_and_never_outside),
        cmocka_unit_test(both_ends_are_ticks_whatever_is_fitted),
        cmocka_unit_test(an_axis_holds_what_it_can_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

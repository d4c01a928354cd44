#include "plot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *text_of(sl_buf_t *out)
{
    sl_buf_append_byte(out, '\0');
    assert_false(out->failed);
    return (const char *)out->data;
}

static size_t times(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        count++;
    return count;
}

/* -- names ---------------------------------------------------------------------------------- */

static void places_keep_their_order_and_their_distance(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 1000; round++) {
        double places[12];
        size_t count = 1 + (size_t)rand() % 12;
        for (size_t i = 0; i < count; i++)
            places[i] = i == 0 ? rand() % 200 : fmin(200, places[i - 1] + rand() % 20);
        plot_spread(places, count, 16, 0, 200);
        for (size_t i = 0; i < count; i++) {
            assert_true(places[i] >= -1e-9 && places[i] <= 200 + 1e-9);
            assert_true(i == 0 || places[i] - places[i - 1] >= 16 - 1e-9);
        }
    }
}

static void places_far_enough_apart_stay(void **state)
{
    (void)state;
    double places[] = {10, 40, 90};
    plot_spread(places, 3, 16, 0, 100);
    assert_float_equal(places[0], 10, 1e-9);
    assert_float_equal(places[1], 40, 1e-9);
    assert_float_equal(places[2], 90, 1e-9);
}

static void places_that_do_not_fit_stand_evenly(void **state)
{
    (void)state;
    double places[] = {50, 50, 50, 50, 50};
    plot_spread(places, 5, 16, 0, 40);
    for (size_t i = 0; i < 5; i++)
        assert_float_equal(places[i], 10 * (double)i, 1e-9);
}

/* -- lines ---------------------------------------------------------------------------------- */

static plot_t lines_of(const plot_series_t *series, size_t count)
{
    return (plot_t){.title = "deliveries & more",
                    .x_label = "subscribers",
                    .y_label = "a second",
                    .x_kind = AXIS_LOG,
                    .ticks_at_points = true,
                    .series = series,
                    .count = count};
}

static void a_plot_has_a_line_and_a_name_for_each_series(void **state)
{
    (void)state;
    const plot_point_t ours[] = {{1, 10}, {64, 90}, {1000, 80}}, theirs[] = {{1, 5}, {64, 90}};
    const plot_series_t series[] = {{.name = "sluice <1>", .points = ours, .count = 3},
                                    {.name = "nats", .points = theirs, .count = 2, .hue = 1}};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 2);
    assert_true(plot_lines(&out, &plot));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "<polyline"), 2);
    assert_int_equal(times(text, "<circle"), 5);
    assert_int_equal(times(text, "class=\"name"), 2);
    assert_int_equal(times(text, "sluice <1>"), 0);
    assert_non_null(strstr(text, "sluice &lt;1&gt;"));
    assert_non_null(strstr(text, "deliveries &amp; more"));
    assert_non_null(strstr(text, ">1,000</text>")); /* a tick where a point is */
    sl_buf_fini(&out);
}

static void what_an_axis_cannot_hold_is_left_out(void **state)
{
    (void)state;
    const plot_point_t points[] = {{0, 1}, {1, NAN}, {2, INFINITY}, {4, 8}, {8, 9}};
    const plot_series_t series[] = {{.name = "a", .points = points, .count = 5}};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 1);
    assert_true(plot_lines(&out, &plot));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "<circle"), 2);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    sl_buf_fini(&out);
}

static void nothing_to_show_is_nothing_on_the_page(void **state)
{
    (void)state;
    const plot_point_t points[] = {{0, 1}, {-1, 2}};
    const plot_series_t series[] = {{.name = "a", .points = points, .count = 2}};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 1);
    assert_false(plot_lines(&out, &plot));
    assert_int_equal(out.len, 0);
    const plot_bar_t bar = {.label = "a", .text = "–", .value = NAN, .aim = NAN, .style = ""};
    assert_false(
        plot_bars(&out, &(plot_bars_t){.title = "", .x_label = "", .bars = &bar, .count = 1}));
    assert_int_equal(out.len, 0);
    sl_buf_fini(&out);
}

static void names_of_lines_that_end_together_do_not_overlap(void **state)
{
    (void)state;
    const plot_point_t points[] = {{1, 10}, {64, 50}};
    plot_series_t series[20];
    for (size_t i = 0; i < 20; i++)
        series[i] = (plot_series_t){.name = "same", .points = points, .count = 2};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 20);
    assert_true(plot_lines(&out, &plot));
    double before = -INFINITY;
    const char *at = text_of(&out);
    for (int names = 0; names < 20; names++) {
        at = strstr(at + 1, "class=\"name");
        assert_non_null(at);
        double x, y;
        assert_int_equal(sscanf(strstr(at, " x="), " x=\"%lf\" y=\"%lf\"", &x, &y), 2);
        assert_true(y - before >= 15);
        before = y;
    }
    sl_buf_fini(&out);
}

static void a_point_whose_runs_lie_apart_has_a_whisker_that_the_axis_holds(void **state)
{
    (void)state;
    const plot_point_t points[] = {{1, 10, 8, 1500}, {8, 20, 20, 20}, {64, 30}, {128, 40, NAN, 41}};
    const plot_series_t series[] = {{.name = "a", .points = points, .count = 4, .hue = 3}};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 1);
    assert_true(plot_lines(&out, &plot));
    const char *text = text_of(&out), *whisker = strstr(text, "<path class=\"whisker h3\"");
    assert_int_equal(times(text, "class=\"whisker"), 1);
    assert_non_null(whisker);
    assert_non_null(strstr(text, ">1.5k</text>")); /* the axis reaches as far */
    assert_null(strstr(text, "nan"));
    double x, top, bottom;
    assert_int_equal(
        sscanf(strstr(whisker, " d=\""), " d=\"M%lf %lfh6m-3 0V%lf", &x, &top, &bottom), 3);
    assert_true(top < bottom);
    sl_buf_fini(&out);
}

static void on_a_log_axis_a_whisker_that_reaches_nothing_is_left_out(void **state)
{
    (void)state;
    const plot_point_t points[] = {{1, 10, 0, 20}, {8, 20, -1, 30}};
    const plot_series_t series[] = {{.name = "a", .points = points, .count = 2}};
    sl_buf_t out = SL_BUF_INIT;
    plot_t plot = lines_of(series, 1);
    plot.y_kind = AXIS_LOG;
    assert_true(plot_lines(&out, &plot));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "class=\"whisker"), 0);
    assert_int_equal(times(text, "<circle"), 2);
    sl_buf_fini(&out);
}

static void a_limit_is_a_line_with_a_name_and_without_marks(void **state)
{
    (void)state;
    const plot_point_t ours[] = {{1, 10}, {64, 90}}, most[] = {{1, 50, 40, 60}, {64, 95, 94, 96}};
    const plot_series_t series[] = {
        {.name = "sluice", .points = ours, .count = 2},
        {.name = "bare loopback TCP", .points = most, .count = 2, .limit = true}};
    sl_buf_t out = SL_BUF_INIT;
    const plot_t plot = lines_of(series, 2);
    assert_true(plot_lines(&out, &plot));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "<polyline class=\"line limit\""), 1);
    assert_int_equal(times(text, "<polyline class=\"line h0 d0\""), 1);
    assert_int_equal(times(text, "<circle"), 2);
    assert_int_equal(times(text, "class=\"whisker"), 0);
    assert_non_null(strstr(text, ">bare loopback TCP</text>"));
    assert_int_equal(times(text, "class=\"name limit\""), 1);
    sl_buf_fini(&out);
}

/* -- bars ----------------------------------------------------------------------------------- */

static void a_bar_tells_its_value_and_its_aim(void **state)
{
    (void)state;
    const plot_bar_t bars[] = {
        {.label = "over", .text = "4.0 × (aim 6)", .value = 1.3, .aim = 2, .style = "near"},
        {.label = "under", .text = "0.5 ×", .value = 0.5, .aim = NAN, .style = "under"},
        {.label = "not measured", .text = "–", .value = NAN, .aim = 2, .style = "none"}};
    sl_buf_t out = SL_BUF_INIT;
    assert_true(plot_bars(&out, &(plot_bars_t){.title = "budgets",
                                               .x_label = "times the floor",
                                               .kind = AXIS_LOG,
                                               .base = 1,
                                               .base_name = "floor",
                                               .aim_name = "aim",
                                               .bars = bars,
                                               .count = 3}));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "<rect"), 2);
    assert_int_equal(times(text, "class=\"aim\""), 3); /* and one in the legend */
    assert_non_null(strstr(text, "4.0 × (aim 6)"));
    assert_non_null(strstr(text, "not measured"));
    assert_non_null(strstr(text, ">floor</text>"));
    sl_buf_fini(&out);
}

static void a_bars_dash_shows_without_colour(void **state)
{
    (void)state;
    const plot_bar_t bars[] = {
        {.label = "nats", .text = "3", .value = 3, .aim = NAN, .style = "h1 d0"},
        {.label = "nats-lean", .text = "4", .value = 4, .aim = NAN, .style = "h1 d1", .dash = 1},
        {.label = "none", .text = "–", .value = NAN, .aim = NAN, .style = "h1 d1", .dash = 1}};
    sl_buf_t out = SL_BUF_INIT;
    assert_true(
        plot_bars(&out, &(plot_bars_t){.title = "", .x_label = "", .bars = bars, .count = 3}));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "class=\"hatch"), 1);
    assert_int_equal(times(text, "class=\"hatch h1 d1\""), 1);
    sl_buf_fini(&out);
}

/* Where an attribute of the element that begins so says it stands. */
static double place_of(const char *text, const char *element, const char *attribute)
{
    const char *at = strstr(text, element);
    assert_non_null(at);
    at = strstr(at, attribute);
    assert_non_null(at);
    return strtod(at + strlen(attribute), NULL);
}

static void a_bar_whose_runs_lie_apart_has_a_whisker_and_its_text_behind_that(void **state)
{
    (void)state;
    const plot_bar_t bars[] = {
        {.label = "a", .text = "five", .value = 5, .min = 4, .max = 9, .aim = NAN, .style = ""},
        {.label = "b", .text = "six", .value = 6, .min = 6, .max = 6, .aim = NAN, .style = ""}};
    sl_buf_t out = SL_BUF_INIT;
    assert_true(
        plot_bars(&out, &(plot_bars_t){.title = "", .x_label = "", .bars = bars, .count = 2}));
    const char *text = text_of(&out), *span = strstr(text, "class=\"span\"");
    assert_int_equal(times(text, "class=\"span\""), 1);
    double least = place_of(span, "d=", "M"), most = place_of(span, "d=", "H");
    double rect = place_of(text, "<rect", " x=\"") + place_of(text, "<rect", " width=\"");
    assert_true(least < rect && rect < most);
    assert_true(place_of(text, "<text class=\"value\"", " x=\"") > most + 4);
    sl_buf_fini(&out);
}

static void a_limit_of_bars_is_a_line_that_all_texts_lie_over(void **state)
{
    (void)state;
    const plot_bar_t bar = {.label = "a", .text = "five", .value = 5, .aim = NAN, .style = ""};
    sl_buf_t out = SL_BUF_INIT;
    plot_bars_t bars = {.title = "",
                        .x_label = "",
                        .limit = 30,
                        .limit_name = "bare loopback TCP",
                        .bars = &bar,
                        .count = 1};
    assert_true(plot_bars(&out, &bars));
    const char *text = text_of(&out);
    assert_int_equal(times(text, "<line class=\"limit\""), 2); /* one is in the legend */
    assert_non_null(strstr(text, ">bare loopback TCP</text>"));
    const char *paper = strstr(text, "class=\"paper\""); /* hides what runs under a text */
    assert_non_null(paper);
    assert_null(strstr(paper, "class=\"limit\""));
    assert_true(strstr(text, "class=\"value\"") > paper);
    assert_non_null(strstr(text, ">30</text>")); /* the axis reaches as far */
    sl_buf_clear(&out);
    bars.limit = NAN;
    assert_true(plot_bars(&out, &bars));
    text = text_of(&out);
    assert_int_equal(times(text, "limit"), 0);
    assert_null(strstr(text, "loopback"));
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_keep_their_order_and_their_distance),
        cmocka_unit_test(places_far_enough_apart_stay),
        cmocka_unit_test(places_that_do_not_fit_stand_evenly),
        cmocka_unit_test(a_plot_has_a_line_and_a_name_for_each_series),
        cmocka_unit_test(what_an_axis_cannot_hold_is_left_out),
        cmocka_unit_test(nothing_to_show_is_nothing_on_the_page),
        cmocka_unit_test(names_of_lines_that_end_together_do_not_overlap),
        cmocka_unit_test(a_point_whose_runs_lie_apart_has_a_whisker_that_the_axis_holds),
        cmocka_unit_test(on_a_log_axis_a_whisker_that_reaches_nothing_is_left_out),
        cmocka_unit_test(a_limit_is_a_line_with_a_name_and_without_marks),
        cmocka_unit_test(a_bar_tells_its_value_and_its_aim),
        cmocka_unit_test(a_bars_dash_shows_without_colour),
        cmocka_unit_test(a_bar_whose_runs_lie_apart_has_a_whisker_and_its_text_behind_that),
        cmocka_unit_test(a_limit_of_bars_is_a_line_that_all_texts_lie_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "budgets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Figures in memory, of one source. */
static figures_t figures_of(figures_source_t *source, const char *name, const char *json)
{
    *source = (figures_source_t){.json = cJSON_Parse(json)};
    assert_non_null(source->json);
    strcpy(source->name, name);
    return (figures_t){source, 1};
}

#define FIGURE(name, value) \
    "\"" name "\":" value ",\"" name "_min\":" value ",\"" name "_max\":" value

static void a_figure_is_held_against_floor_and_aim(void **state)
{
    (void)state;
    const budget_t more = {.floor = 3, .aim = 6, .sense = BUDGET_MORE};
    assert_int_equal(budgets_state(&more, 2.9), BUDGET_UNDER);
    assert_int_equal(budgets_state(&more, 3), BUDGET_FLOOR);
    assert_int_equal(budgets_state(&more, 6), BUDGET_AIM);
    assert_int_equal(budgets_state(&more, NAN), BUDGET_UNKNOWN);
    const budget_t less = {.floor = 12, .aim = 6, .sense = BUDGET_LESS};
    assert_int_equal(budgets_state(&less, 12.1), BUDGET_UNDER);
    assert_int_equal(budgets_state(&less, 12), BUDGET_FLOOR);
    assert_int_equal(budgets_state(&less, 6), BUDGET_AIM);
    const budget_t reported = {.floor = NAN, .aim = 1, .sense = BUDGET_LESS};
    assert_int_equal(budgets_state(&reported, 5), BUDGET_FLOOR);
}

static void all_budgets_have_one_scale_on_which_more_is_better(void **state)
{
    (void)state;
    const budget_t more = {.floor = 3, .sense = BUDGET_MORE},
                   less = {.floor = 12, .sense = BUDGET_LESS};
    assert_float_equal(budgets_share(&more, 6), 2, 1e-9);
    assert_float_equal(budgets_share(&less, 6), 2, 1e-9);
    assert_float_equal(budgets_share(&less, 24), 0.5, 1e-9);
    assert_float_equal(budgets_share(&less, -3), 100, 1e-9);
    assert_true(isnan(budgets_share(&more, NAN)));
}

static void a_figure_that_is_not_there_is_not_known(void **state)
{
    (void)state;
    figures_source_t source;
    figures_t figures = figures_of(&source, "peers-8", "{" FIGURE("nats_ratio", "4") "}");
    const budget_t there = {.source = "peers-8", .figure = "nats_ratio"};
    assert_float_equal(budgets_value(&there, &figures).median, 4, 1e-9);
    const budget_t elsewhere = {.source = "peers-64", .figure = "nats_ratio"};
    assert_true(isnan(budgets_value(&elsewhere, &figures).median));
    const budget_t nobody = {.source = "peers-8", .figure = "redis_ratio"};
    assert_true(isnan(budgets_value(&nobody, &figures).median));
    const budget_t alone = {.source = "peers-8", .figure = "nats_ratio", .divisor = "_cpu"};
    assert_true(isnan(budgets_value(&alone, &figures).median));
    cJSON_Delete(source.json);
}

static void the_cheapest_peer_is_none_of_ours(void **state)
{
    (void)state;
    figures_source_t source;
    figures_t figures = figures_of(
        &source, "peers-64",
        "{" FIGURE("sluice_cpu", "0.2") "," FIGURE("sluice_packed_cpu", "0.1") "," FIGURE(
            "nats_cpu", "0.8") "," FIGURE("redis_cpu", "0.4") "}");
    const budget_t budget = {.source = "peers-64", .figure = "sluice_cpu", .divisor = "_cpu"};
    assert_float_equal(budgets_value(&budget, &figures).median, 0.5, 1e-9);
    cJSON_Delete(source.json);
}

static void a_mark_is_read_as_it_was_set(void **state)
{
    (void)state;
    const budget_t more = {.sense = BUDGET_MORE}, less = {.sense = BUDGET_LESS};
    char text[32];
    budgets_mark(&more, 0.9, text, sizeof text);
    assert_string_equal(text, "≥ 0.9");
    budgets_mark(&less, 12, text, sizeof text);
    assert_string_equal(text, "≤ 12");
    budgets_mark(&more, 50e3, text, sizeof text);
    assert_string_equal(text, "≥ 50,000");
    budgets_mark(&more, NAN, text, sizeof text);
    assert_string_equal(text, "");
}

static void a_budget_knows_how_many_runs_its_figure_is_of(void **state)
{
    (void)state;
    figures_source_t source;
    figures_t figures =
        figures_of(&source, "peers-8", "{\"runs\":5,\"nats_ratio_runs\":[4,null,3.9,4.1,4]}");
    const budget_t all = {.source = "peers-8", .figure = "redis_ratio"},
                   some = {.source = "peers-8", .figure = "nats_ratio"},
                   elsewhere = {.source = "peers-64", .figure = "nats_ratio"};
    assert_float_equal(budgets_runs(&all, &figures), 5, 1e-9);
    assert_float_equal(budgets_runs(&some, &figures), 4, 1e-9);
    assert_true(isnan(budgets_runs(&elsewhere, &figures)));
    cJSON_Delete(source.json);
}

static void every_aim_lies_beyond_its_floor(void **state)
{
    (void)state;
    for (size_t i = 0; i < budgets_count; i++) {
        assert_int_not_equal(budgets_state(&budgets[i], budgets[i].aim), BUDGET_UNKNOWN);
        if (!isnan(budgets[i].floor))
            assert_int_equal(budgets_state(&budgets[i], budgets[i].floor), BUDGET_FLOOR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_is_held_against_floor_and_aim),
        cmocka_unit_test(all_budgets_have_one_scale_on_which_more_is_better),
        cmocka_unit_test(a_figure_that_is_not_there_is_not_known),
        cmocka_unit_test(the_cheapest_peer_is_none_of_ours),
        cmocka_unit_test(a_mark_is_read_as_it_was_set),
        cmocka_unit_test(a_budget_knows_how_many_runs_its_figure_is_of),
        cmocka_unit_test(every_aim_lies_beyond_its_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

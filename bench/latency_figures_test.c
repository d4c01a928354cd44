#include "latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const carrier_ops_t proxy = {.name = "proxy"}, nats = {.name = "nats-lean"};

static latency_options_t base_point(void)
{
    return (latency_options_t){
        .rate = 1000, .subs = 1, .size = 320, .transport = DAEMONS_TCP, .durability = DAEMONS_OS};
}

enum { ROUNDS = 10 };

/* `rounds` times 100 latencies: 1 µs, 2 µs, … times `times`. */
static histogram_t *latencies(uint64_t rounds, uint64_t times)
{
    histogram_t *latency = calloc(1, sizeof *latency);
    assert_non_null(latency);
    for (uint64_t i = 0; i < 100 * rounds; i++)
        histogram_add(latency, (i % 100 + 1) * 1000 * times);
    return latency;
}

static void put_carrier(const bench_run_t *bench, const carrier_ops_t *ops, uint64_t times)
{
    histogram_t *latency = latencies(ROUNDS, times);
    latency_put(bench, ops,
                &(latency_outcome_t){
                    .latency = latency,
                    .kept_up = true,
                    .late_ms = 0.25,
                    .batch = {.events = ops == &carrier_sluice ? 12.5 : 0, .bytes = 4321}});
    free(latency);
}

static void put_run(result_t *result, const latency_options_t *options, bool with_ours)
{
    const bench_run_t bench = {.options = options, .result = result};
    roster_t roster = {.items = {&carrier_sluice, &proxy, &nats}, .count = 3};
    put_carrier(&bench, &proxy, 2);
    put_carrier(&bench, &nats, 4);
    if (with_ours)
        put_carrier(&bench, &carrier_sluice, 1);
    latency_put_ratios(&bench, &roster);
    result_end_run(result);
}

static double median(const result_t *result, const char *name)
{
    size_t figure = result_find(result, name);
    assert_true(figure < result->count);
    return result_median(result, figure);
}

static void percentiles_are_told_in_microseconds_and_ratios_are_of_the_same_run(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    result_t result;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    put_run(&result, &options, true);
    assert_float_equal(median(&result, "sluice_p50_us"), 50, 0.2);
    assert_float_equal(median(&result, "sluice_p99_us"), 99, 0.4);
    assert_float_equal(median(&result, "nats_lean_max_us"), 400, 1.6);
    assert_float_equal(median(&result, "proxy_samples"), 100 * ROUNDS, 1e-9);
    assert_float_equal(median(&result, "proxy_late_ms"), 0.25, 1e-9);
    assert_float_equal(median(&result, "sluice_events_per_batch"), 12.5, 1e-9);
    assert_float_equal(median(&result, "sluice_batch_bytes"), 4321, 1e-9);
    assert_int_equal(result_find(&result, "proxy_events_per_batch"), result.count);
    assert_float_equal(median(&result, "p99_to_proxy"), 0.5, 0.01);
    assert_float_equal(median(&result, "p50_to_nats_lean"), 0.25, 0.01);
    assert_int_equal(result_find(&result, "p99_to_sluice"), result.count);
    result_fini(&result);
}

static void a_run_in_which_ours_has_no_figure_has_no_ratio(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    result_t result;
    stats_t stats;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    put_run(&result, &options, false);
    assert_int_equal(result_find(&result, "p99_to_proxy"), result.count);
    put_run(&result, &options, true);
    put_run(&result, &options, false);
    assert_int_equal(result_stats(&result, result_find(&result, "p99_to_proxy"), &stats), 1);
    result_fini(&result);
}

static bool has(const result_t *result, const char *name)
{
    return result_find(result, name) < result->count;
}

static void a_percentile_is_told_of_a_run_with_ten_values_beyond_it(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    result_t result;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    const bench_run_t bench = {.options = &options, .result = &result};
    histogram_t *latency = latencies(10, 1); /* 1,000: 10 beyond p99, 1 beyond p99.9 */
    latency_put(&bench, &proxy, &(latency_outcome_t){.latency = latency});
    assert_true(has(&result, "proxy_p99_us"));
    assert_false(has(&result, "proxy_p99_9_us"));
    assert_true(has(&result, "proxy_max_us"));
    histogram_clear(latency);
    for (uint64_t i = 0; i < 999; i++) /* one fewer */
        histogram_add(latency, 1000);
    latency_put(&bench, &nats, &(latency_outcome_t){.latency = latency});
    assert_true(has(&result, "nats_lean_p90_us"));
    assert_false(has(&result, "nats_lean_p99_us"));
    histogram_clear(latency); /* everything was lost */
    latency_put(&bench, &carrier_sluice, &(latency_outcome_t){.latency = latency, .lost = 1});
    assert_false(has(&result, "sluice_p50_us"));
    assert_false(has(&result, "sluice_max_us"));
    result_end_run(&result);
    result_fini(&result);
    free(latency);
}

/* Two runs of 1,000; a thousand rounds would have 10 beyond p99.99, and a hundred p99.9. */
static void what_no_run_has_values_for_is_of_all_runs_together_or_left_out(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    result_t result;
    stats_t stats;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    const bench_run_t bench = {.options = &options, .result = &result};
    histogram_t *all = latencies(100, 1);
    put_run(&result, &options, true);
    put_carrier(&bench, &proxy, 2);
    latency_put_merged(&bench, &proxy, all);
    result_end_run(&result);
    assert_int_equal(result_stats(&result, result_find(&result, "proxy_p99_9_us"), &stats), 1);
    assert_float_equal(stats.median, 100, 0.4);
    assert_float_equal(stats_spread(&stats), 0, 1e-9);
    assert_float_equal(median(&result, "proxy_p99_us"), 198, 0.8); /* the runs', not of all */
    assert_false(has(&result, "proxy_p99_99_us"));
    assert_false(has(&result, "p99_9_to_proxy"));
    assert_string_equal(
        result.notes->child->valuestring,
        "proxy, p99.9: of all runs together, one value, since no run alone has 10 values "
        "beyond it");
    assert_null(result.notes->child->next);
    result_fini(&result);
    free(all);
}

static void the_table_has_a_dash_where_a_percentile_is_not_told(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    result_t result;
    char text[4096] = "", number[32], p99[32], dash[2], after[2];
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    put_run(&result, &options, true);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    latency_print(&result, out);
    fclose(out);
    const char *line = strstr(text, "\n  proxy ");
    assert_non_null(line);
    assert_int_equal(sscanf(line, " proxy %31s %*s %*s %31s %1s %1s", number, p99, dash, after), 4);
    assert_string_equal(number, "1000");
    assert_float_equal(strtod(p99, NULL), 198, 0.8);
    assert_string_equal(dash, "-");
    assert_string_equal(after, "-");
    assert_non_null(strstr(text, "  - sluice: 12.5 events, 4,321 bytes a batch on the feed\n"));
    result_fini(&result);
}

/* The ceiling of the ratio to `carrier`; 0: there is none. */
static double ceiling(const latency_options_t *options, const char *carrier)
{
    char name[64];
    result_t result;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    put_run(&result, options, true);
    snprintf(name, sizeof name, "p99_to_%s", carrier);
    const figure_def_t *def = &result.defs[result_find(&result, name)];
    double limit = def->bound == BOUND_CEILING ? def->limit : 0;
    result_fini(&result);
    return limit;
}

static void a_ceiling_holds_for_the_options_it_was_set_for(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    assert_float_equal(ceiling(&options, "proxy"), 1.5, 1e-9);
    assert_float_equal(ceiling(&options, "nats_lean"), 0, 1e-9);
    options.durability = DAEMONS_MEMORY;
    assert_float_equal(ceiling(&options, "proxy"), 1.2, 1e-9);
    options.stall_ms = 200;
    assert_float_equal(ceiling(&options, "proxy"), 0, 1e-9);
    options = base_point();
    options.rate = 20000;
    options.subs = 8;
    assert_float_equal(ceiling(&options, "nats_lean"), 1.2, 1e-9);
    assert_float_equal(ceiling(&options, "proxy"), 0, 1e-9);
}

static void a_curve_rises_from_the_least_value_as_far_as_there_are_values(void **state)
{
    (void)state;
    latency_options_t options = base_point();
    histogram_t *latency = latencies(1, 1);
    result_t result;
    assert_int_equal(result_init(&result, "latency", NULL, 0), SL_OK);
    assert_int_equal(
        latency_put_curve(&(bench_run_t){.options = &options, .result = &result}, &nats, latency),
        SL_OK);
    const cJSON *curve = cJSON_GetObjectItem(result.facts, "nats_lean_curve_us");
    assert_int_equal(cJSON_GetArraySize(curve), 14); /* 1 − 1/64 is the last halving of 100 */
    double share = -1, us = 0;
    for (const cJSON *point = curve->child; point != NULL; point = point->next) {
        assert_true(point->child->valuedouble > share && point->child->valuedouble < 1);
        share = point->child->valuedouble;
        assert_true(point->child->next->valuedouble >= us);
        us = point->child->next->valuedouble;
        double exact = share * 100 < 1 ? 1 : share * 100;
        assert_true(us >= exact * 0.99 && us <= exact * 1.01 + 1);
    }
    result_fini(&result);
    free(latency);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_told_in_microseconds_and_ratios_are_of_the_same_run),
        cmocka_unit_test(a_run_in_which_ours_has_no_figure_has_no_ratio),
        cmocka_unit_test(a_percentile_is_told_of_a_run_with_ten_values_beyond_it),
        cmocka_unit_test(what_no_run_has_values_for_is_of_all_runs_together_or_left_out),
        cmocka_unit_test(the_table_has_a_dash_where_a_percentile_is_not_told),
        cmocka_unit_test(a_ceiling_holds_for_the_options_it_was_set_for),
        cmocka_unit_test(a_curve_rises_from_the_least_value_as_far_as_there_are_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "peers_bench.h"

#include "feed_figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const carrier_ops_t ours = {.name = "sluice"}, nats = {.name = "nats"},
                           packed = {.name = "nats-lean-packed"};

static peers_options_t base_point(void)
{
    return (peers_options_t){
        .subs = 64, .size = 320, .transport = DAEMONS_TCP, .durability = DAEMONS_OS};
}

static void put_run(result_t *result, const peers_options_t *options)
{
    const bench_run_t bench = {.options = options, .result = result};
    assert_int_equal(result_init(result, "peers", NULL, 0), SL_OK);
    peers_put(&bench, &ours, PEERS_DELIVERIES, 7183557);
    peers_put(&bench, &ours, PEERS_PUBLISHER_RSS, 3.5);
    peers_put(&bench, &ours, PEERS_SUBSCRIBER_RSS, 2.25);
    feed_figures_put(result, &ours, &(feed_batch_t){.events = 143.21, .bytes = 47012});
    feed_figures_put(result, &nats, &(feed_batch_t){0});
    peers_put(&bench, &nats, PEERS_DELIVERIES, 1500000);
    peers_put(&bench, &nats, PEERS_RATIO, 4.8);
    peers_put(&bench, &packed, PEERS_RATIO, 0.7);
    peers_put_loopback(&bench, 4.28e9, 2.3);
    result_end_run(result);
}

static bool bounded(const result_t *result, const char *name)
{
    size_t figure = result_find(result, name);
    assert_true(figure < result->count);
    return result->defs[figure].bound == BOUND_FLOOR;
}

static double limit(const result_t *result, const char *name)
{
    return result->defs[result_find(result, name)].limit;
}

static void a_floor_holds_for_the_options_it_was_set_for(void **state)
{
    (void)state;
    peers_options_t options = base_point();
    result_t result;
    put_run(&result, &options);
    assert_true(bounded(&result, "nats_ratio"));
    assert_true(bounded(&result, "nats_lean_packed_ratio"));
    assert_true(bounded(&result, "loopback_ratio"));
    assert_false(bounded(&result, "nats_deliveries_per_s"));
    assert_float_equal(limit(&result, "nats_ratio"), 3, 1e-9);
    assert_false(result_bounds_met(&result)); /* 0.7 of the packed one */
    result_fini(&result);
}

static void other_options_have_other_floors_or_none(void **state)
{
    (void)state;
    peers_options_t options = base_point();
    result_t result;
    options.subs = 1;
    options.durability = DAEMONS_MEMORY;
    put_run(&result, &options);
    assert_float_equal(limit(&result, "nats_ratio"), 2, 1e-9);
    assert_false(bounded(&result, "nats_lean_packed_ratio"));
    assert_true(result_bounds_met(&result));
    result_fini(&result);
    options = base_point();
    options.size = 1024;
    put_run(&result, &options);
    assert_false(bounded(&result, "nats_ratio"));
    result_fini(&result);
}

static void loopback_is_owed_by_what_is_journalled_in_the_system_alone(void **state)
{
    (void)state;
    static const daemons_durability_t all[] = {DAEMONS_MEMORY, DAEMONS_OS, DAEMONS_DISK};
    static const daemons_transport_t ways[] = {DAEMONS_TCP, DAEMONS_IPC};
    for (size_t i = 0; i < 6; i++) {
        peers_options_t options = base_point();
        result_t result;
        options.durability = (int)all[i % 3];
        options.transport = (int)ways[i / 3];
        put_run(&result, &options);
        assert_true(bounded(&result, "loopback_ratio") == (all[i % 3] == DAEMONS_OS));
        result_fini(&result);
    }
}

static void memory_of_workers_and_our_batches_are_figures(void **state)
{
    (void)state;
    peers_options_t options = base_point();
    result_t result;
    put_run(&result, &options);
    static const struct {
        const char *name;
        double value;
    } figures[] = {{"sluice_publisher_mib", 3.5},
                   {"sluice_subscriber_mib", 2.25},
                   {"sluice_events_per_batch", 143.21},
                   {"sluice_batch_bytes", 47012}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        size_t figure = result_find(&result, figures[i].name);
        assert_true(figure < result.count);
        assert_float_equal(result_median(&result, figure), figures[i].value, 1e-9);
    }
    assert_int_equal(result_find(&result, "nats_events_per_batch"), result.count);
    result_fini(&result);
}

static void the_table_has_a_line_for_each_that_was_measured(void **state)
{
    (void)state;
    peers_options_t options = base_point();
    result_t result;
    put_run(&result, &options);
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    peers_print(&result, out);
    fclose(out);
    const char *line = strstr(text, "\n  sluice ");
    assert_non_null(line);
    assert_non_null(strstr(line, "7.184"));
    assert_non_null(strstr(text, "\n  nats "));
    assert_null(strstr(text, "\n  nats_lean_packed ")); /* it has a ratio alone */
    assert_non_null(strstr(text, "\n  - sluice: 143.2 events, 47,012 bytes a batch on the feed\n"));
    assert_non_null(strstr(text, "floor 3.00: met"));
    assert_non_null(strstr(text, "floor 0.90: MISSED"));
    result_fini(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_floor_holds_for_the_options_it_was_set_for),
        cmocka_unit_test(other_options_have_other_floors_or_none),
        cmocka_unit_test(loopback_is_owed_by_what_is_journalled_in_the_system_alone),
        cmocka_unit_test(memory_of_workers_and_our_batches_are_figures),
        cmocka_unit_test(the_table_has_a_line_for_each_that_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

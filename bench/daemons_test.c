#include "daemons.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_brokers_counters_are_found_by_their_names(void **state)
{
    (void)state;
    broker_counters_t counters = daemons_counters_of("# HELP sluice_broker_feed_events_total so\n"
                                                     "sluice_broker_feed_events_total 600\n"
                                                     "sluice_broker_feed_batches_total 20\n"
                                                     "sluice_broker_feed_bytes_total 4000\n"
                                                     "sluice_broker_feed_lossy_sends_total 3\n"
                                                     "sluice_broker_dedup_memory_bytes 1024\n");
    assert_float_equal(counters.feed_events, 600, 1e-9);
    assert_float_equal(counters.feed_batches, 20, 1e-9);
    assert_float_equal(counters.feed_bytes, 4000, 1e-9);
    assert_float_equal(counters.lossy_sends, 3, 1e-9);
    assert_float_equal(counters.dedup_bytes, 1024, 1e-9);
}

static void a_batch_is_what_was_sent_between_two_looks(void **state)
{
    (void)state;
    const broker_counters_t begin = {.feed_events = 100, .feed_batches = 50, .feed_bytes = 10000};
    const broker_counters_t end = {.feed_events = 400, .feed_batches = 60, .feed_bytes = 130000};
    feed_batch_t batch = daemons_feed_batch(&begin, &end);
    assert_float_equal(batch.events, 30, 1e-9);
    assert_float_equal(batch.bytes, 12000, 1e-9);
    assert_float_equal(batch.event_bytes, 400, 1e-9);
}

static void where_nothing_was_sent_there_is_no_batch(void **state)
{
    (void)state;
    const broker_counters_t counters = {.feed_events = 9, .feed_batches = 3, .feed_bytes = 900};
    feed_batch_t batch = daemons_feed_batch(&counters, &counters);
    assert_float_equal(batch.events, 0, 1e-9);
    assert_float_equal(batch.bytes, 0, 1e-9);
    assert_float_equal(batch.event_bytes, 0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_brokers_counters_are_found_by_their_names),
        cmocka_unit_test(a_batch_is_what_was_sent_between_two_looks),
        cmocka_unit_test(where_nothing_was_sent_there_is_no_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

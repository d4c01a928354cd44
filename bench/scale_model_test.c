#include "scale_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The sequencer: 1 µs an event, and 0.01 µs to hand it to a subscriber. */
static const scale_costs_t costs = {.feed_bytes_per_event = 324,
                                    .events_per_batch = 100,
                                    .feed_s_per_delivery = 0.1e-6,
                                    .sequencer_s_to_one = 1.01e-6,
                                    .sequencer_s_to_many = 1.64e-6,
                                    .many_subs = 64};

static void assert_near(double value, double expected)
{
    assert_float_equal((float)(value / expected), 1.0F, 0.001F);
}

static void a_cheap_feed_fills_the_wire(void **state)
{
    (void)state;
    scale_model_t model = scale_model(&costs);
    assert_near(model.wire_deliveries_per_s, 1.25e9 * 1448 / 1538 / 324.2);
    assert_near(model.feed_deliveries_per_s, 10e6);
    assert_near(model.deliveries_per_s, model.wire_deliveries_per_s);
}

static void a_dear_feed_does_not(void **state)
{
    (void)state;
    scale_costs_t dear = costs;
    dear.feed_s_per_delivery = 1e-6;
    assert_near(scale_model(&dear).deliveries_per_s, 1e6);
}

static void small_batches_cost_the_wire_their_framing(void **state)
{
    (void)state;
    scale_costs_t single = costs;
    single.events_per_batch = 1;
    assert_near(scale_model(&single).wire_deliveries_per_s, 1.25e9 * 1448 / 1538 / 344);
}

static void the_sequencers_cost_is_split_into_the_events_and_the_deliveries(void **state)
{
    (void)state;
    scale_model_t model = scale_model(&costs);
    assert_near(model.sequencer_s_per_event, 1e-6);
    assert_near(model.sequencer_s_per_delivery, 0.01e-6);
}

static void left_of_the_knee_the_sequencer_is_the_limit_and_right_of_it_the_wire(void **state)
{
    (void)state;
    scale_model_t model = scale_model(&costs);
    assert_near(scale_model_events_per_s(&model, 1), 1 / 1.01e-6);
    assert_near(scale_model_events_per_s(&model, model.knee_subs),
                model.wire_deliveries_per_s / model.knee_subs);
    assert_near(scale_model_events_per_s(&model, model.knee_subs),
                1 / (1e-6 + 0.01e-6 * model.knee_subs));
    assert_near(scale_model_events_per_s(&model, 1000), model.wire_deliveries_per_s / 1000);
}

static void a_sequencer_that_hands_over_slowly_is_the_limit_for_any_number(void **state)
{
    (void)state;
    scale_costs_t slow = costs;
    slow.sequencer_s_to_many = 64e-6;
    scale_model_t model = scale_model(&slow);
    assert_near(model.deliveries_per_s, 1e6);
    assert_true(model.knee_subs == 0);
    assert_near(scale_model_events_per_s(&model, 1000), 1e3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cheap_feed_fills_the_wire),
        cmocka_unit_test(a_dear_feed_does_not),
        cmocka_unit_test(small_batches_cost_the_wire_their_framing),
        cmocka_unit_test(the_sequencers_cost_is_split_into_the_events_and_the_deliveries),
        cmocka_unit_test(left_of_the_knee_the_sequencer_is_the_limit_and_right_of_it_the_wire),
        cmocka_unit_test(a_sequencer_that_hands_over_slowly_is_the_limit_for_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

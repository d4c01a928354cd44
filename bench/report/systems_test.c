#include "systems.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_family_has_one_hue_in_all_its_ways(void **state)
{
    (void)state;
    int hue = systems_look("nats", SYSTEMS_HUE_OTHERS).hue;
    assert_int_equal(systems_look("nats_lean", SYSTEMS_HUE_OTHERS).hue, hue);
    assert_int_equal(systems_look("nats_lean_packed", SYSTEMS_HUE_OTHERS).hue, hue);
    assert_int_equal(systems_look("batch_jetstream_ids", SYSTEMS_HUE_OTHERS).hue, hue);
    assert_int_equal(systems_look("jetstream", SYSTEMS_HUE_OTHERS).hue, hue);
    assert_int_not_equal(systems_look("redis", SYSTEMS_HUE_OTHERS).hue, hue);
    assert_int_equal(systems_look("redis_stream", SYSTEMS_HUE_OTHERS).hue,
                     systems_look("redis", SYSTEMS_HUE_OTHERS).hue);
    assert_int_equal(systems_look("sluice", SYSTEMS_HUE_OTHERS).hue, SYSTEMS_HUE_OURS);
}

static void a_name_that_only_begins_alike_is_another(void **state)
{
    (void)state;
    assert_int_equal(systems_look("natsuki", SYSTEMS_HUE_OTHERS).hue, SYSTEMS_HUE_OTHERS);
    assert_int_equal(systems_look("", SYSTEMS_HUE_OTHERS).hue, SYSTEMS_HUE_OTHERS);
    assert_int_equal(systems_look("batch_disk", SYSTEMS_HUE_OURS).hue, SYSTEMS_HUE_OURS);
    assert_int_equal(systems_look("redis_streams", 0).dash, 0);
    assert_int_equal(systems_look("batch_jetstream_ids", 0).dash, 0); /* a figure of the journal */
}

static void each_way_has_a_dash_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(systems_look("redis", 0).dash, 0);
    assert_int_equal(systems_look("redis_lean", 0).dash, 1);
    assert_int_equal(systems_look("redis_lean_packed", 0).dash, 2);
    assert_int_equal(systems_look("redis_packed", 0).dash, 2);
    assert_int_equal(systems_look("redis_stream", 0).dash, 3);
    assert_int_equal(systems_look("jetstream", 0).dash, 3);
    assert_int_equal(systems_look("jetstream_packed", 0).dash, 2);
}

static void a_name_is_read_as_the_carrier_is_called(void **state)
{
    (void)state;
    char name[32];
    systems_name("nats_lean_packed", name, sizeof name);
    assert_string_equal(name, "nats-lean-packed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_has_one_hue_in_all_its_ways),
        cmocka_unit_test(a_name_that_only_begins_alike_is_another),
        cmocka_unit_test(each_way_has_a_dash_of_its_own),
        cmocka_unit_test(a_name_is_read_as_the_carrier_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void a_manual_clock_stands_still_until_moved(void **state)
{
    (void)state;
    sl_clock_manual_t manual;
    sl_clock_manual_init(&manual, 5000000, 7000);
    assert_int_equal(sl_clock_mono_ns(&manual.clock), 5000000);
    assert_int_equal(sl_clock_mono_ms(&manual.clock), 5);
    assert_int_equal(sl_clock_wall_ns(&manual.clock), 7000);
    sl_clock_manual_advance(&manual, 1000000);
    assert_int_equal(sl_clock_mono_ns(&manual.clock), 6000000);
    assert_int_equal(sl_clock_wall_ns(&manual.clock), 1007000);
}

static void a_manual_wall_clock_may_jump_by_itself(void **state)
{
    (void)state;
    sl_clock_manual_t manual;
    sl_clock_manual_init(&manual, 100, 200);
    manual.wall_ns = 50; /* as after a correction by NTP */
    assert_int_equal(sl_clock_wall_ns(&manual.clock), 50);
    assert_int_equal(sl_clock_mono_ns(&manual.clock), 100);
}

static void the_system_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t before = sl_clock_mono_ns(&sl_clock_system);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = sl_clock_mono_ns(&sl_clock_system);
        assert_true(now >= before);
        before = now;
    }
}

static void the_system_wall_clock_is_unix_time(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    uint64_t wall_ns = sl_clock_wall_ns(&sl_clock_system);
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(wall_ns / 1000000000u >= (uint64_t)before.tv_sec);
    assert_true(wall_ns / 1000000000u <= (uint64_t)after.tv_sec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manual_clock_stands_still_until_moved),
        cmocka_unit_test(a_manual_wall_clock_may_jump_by_itself),
        cmocka_unit_test(the_system_clock_never_goes_back),
        cmocka_unit_test(the_system_wall_clock_is_unix_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

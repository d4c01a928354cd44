/* The schedules of retries. */
#include "push_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void backoff_retries_three_times_after_10_to_20_seconds(void **state)
{
    (void)state;
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t random = 0; random < 20000; random++)
        for (uint32_t failures = 1; failures <= 3; failures++) {
            uint64_t wait = push_wait_ms(NOTIFY_BACKOFF_RETRY, failures, random);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
    assert_int_equal(least, 10000);
    assert_int_equal(most, 20000);
    assert_true(push_wait_ms(NOTIFY_BACKOFF_RETRY, 4, 7) == PUSH_GIVE_UP);
}

static void decay_retries_176_times_in_a_day(void **state)
{
    (void)state;
    static const uint64_t first[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512};
    uint64_t all_ms = 0;
    uint32_t retries = 0;
    for (uint64_t wait; (wait = push_wait_ms(NOTIFY_EXPONENTIAL_DECAY_RETRY, retries + 1,
                                             retries)) != PUSH_GIVE_UP;
         retries++) {
        size_t at = retries < 10 ? retries : 10;
        assert_int_equal(wait, first[at] * 1000);
        all_ms += wait;
    }
    assert_int_equal(retries, 176);
    assert_int_equal(all_ms, (511 + 167 * 512) * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_retries_three_times_after_10_to_20_seconds),
        cmocka_unit_test(decay_retries_176_times_in_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How much may be received and not deleted in a second. */
#include "pace.h"

#include "backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW_MS = 1000050, BATCH = 16 };

static size_t receive_all_that_is_allowed(pace_t *pace, uint64_t now_ms)
{
    size_t received = 0;
    for (; pace_allows(pace, BATCH, now_ms) && received < 100000; received += BATCH)
        pace_received(pace, BATCH, now_ms);
    return received;
}

static void pace_allows_a_burst_of_what_the_service_bears(void **state)
{
    (void)state;
    pace_t pace = {0};
    assert_int_equal(receive_all_that_is_allowed(&pace, NOW_MS), PACE_MOST / BATCH * BATCH);
    assert_false(pace_allows(&pace, BATCH, NOW_MS + 1000));
    assert_true(pace_allows(&pace, BATCH, NOW_MS + 1000 + PACE_SLICE_MS));
}

static void pace_allows_as_much_as_is_deleted(void **state)
{
    (void)state;
    pace_t pace = {0};
    for (uint64_t i = 0; i < 100000; i++) {
        assert_true(pace_allows(&pace, BATCH, NOW_MS + i / 10));
        pace_received(&pace, BATCH, NOW_MS + i / 10);
        pace_deleted(&pace, BATCH, NOW_MS + i / 10);
    }
}

static void pace_takes_a_great_delete_as_no_leave_for_a_great_receive(void **state)
{
    (void)state;
    pace_t pace = {0};
    pace_deleted(&pace, 100000, NOW_MS);
    assert_true(receive_all_that_is_allowed(&pace, NOW_MS) <= PACE_MOST);
    assert_int_equal(receive_all_that_is_allowed(&pace, NOW_MS + PACE_SLICE_MS), 0);
}

static void pace_is_due_when_its_slice_ends(void **state)
{
    (void)state;
    assert_int_equal(pace_due_ms(0), PACE_SLICE_MS);
    assert_int_equal(pace_due_ms(NOW_MS), NOW_MS + PACE_SLICE_MS / 2);
    assert_int_equal(pace_due_ms(NOW_MS + PACE_SLICE_MS / 2), NOW_MS + 3 * PACE_SLICE_MS / 2);
}

/* By the plain way: no second, wherever it begins, leaves more than that. */
static void pace_keeps_every_second_below_the_bound_whatever_comes(void **state)
{
    (void)state;
    enum { STEPS = 4000, STEP_MS = 5 };
    static int64_t net[STEPS];
    pace_t pace = {0};
    uint64_t random = 1;
    size_t held = 0;
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t now_ms = NOW_MS + i * STEP_MS;
        size_t deleted =
            backoff_random(&random) % 3 == 0 ? backoff_random(&random) % (held + 1) : 0;
        pace_deleted(&pace, deleted, now_ms);
        size_t received =
            backoff_random(&random) % 2 == 0 ? receive_all_that_is_allowed(&pace, now_ms) : 0;
        held += received - deleted;
        net[i] = (int64_t)received - (int64_t)deleted;
        int64_t sum = 0;
        for (size_t back = 0; back < 1000 / STEP_MS && back <= i; back++) {
            sum += net[i - back];
            assert_true(sum <= PACE_MOST);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_allows_a_burst_of_what_the_service_bears),
        cmocka_unit_test(pace_allows_as_much_as_is_deleted),
        cmocka_unit_test(pace_takes_a_great_delete_as_no_leave_for_a_great_receive),
        cmocka_unit_test(pace_is_due_when_its_slice_ends),
        cmocka_unit_test(pace_keeps_every_second_below_the_bound_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

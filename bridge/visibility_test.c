#include "visibility.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 60000, NOW_MS = 1000000 };

/* The service's clock at our NOW_MS: any other number, the two are not compared. */
static const int64_t SERVICE_MS = 1780315200000;

static void visibility_lasts_the_queues_timeout_whatever_the_clocks_say(void **state)
{
    (void)state;
    const int64_t skews_ms[] = {-900000, -1, 0, 1, 900000, -SERVICE_MS + 1};
    for (size_t i = 0; i < sizeof skews_ms / sizeof *skews_ms; i++) {
        visibility_t v;
        visibility_init(&v);
        int64_t received_ms = SERVICE_MS + skews_ms[i];
        visibility_learn(&v, NOW_MS, received_ms, received_ms + TIMEOUT_MS, 1);
        assert_int_equal(visibility_deadline_ms(&v, NOW_MS, received_ms + TIMEOUT_MS),
                         NOW_MS + TIMEOUT_MS);
    }
}

static void visibility_finds_a_reply_that_lay_unread_as_old_as_it_is(void **state)
{
    (void)state;
    visibility_t v;
    visibility_init(&v);
    visibility_learn(&v, NOW_MS, SERVICE_MS, SERVICE_MS + TIMEOUT_MS, 1);
    /* Received ten minutes later by the service's clock, read after we stood still for a while. */
    int64_t received_ms = SERVICE_MS + 600000;
    uint64_t read_ms = NOW_MS + 600000 + TIMEOUT_MS + 1;
    visibility_learn(&v, read_ms, received_ms, received_ms + TIMEOUT_MS, 1);
    assert_true(visibility_deadline_ms(&v, read_ms, received_ms + TIMEOUT_MS) < read_ms);
}

static void visibility_follows_a_clock_that_was_set_back(void **state)
{
    (void)state;
    visibility_t v;
    visibility_init(&v);
    int64_t back_ms = 2 * TIMEOUT_MS;
    for (int64_t ms = 0; ms <= 180000; ms += 1000) {
        int64_t received_ms = SERVICE_MS + ms - (ms > 1000 ? back_ms : 0);
        visibility_learn(&v, NOW_MS + (uint64_t)ms, received_ms, received_ms + TIMEOUT_MS, 1);
    }
    int64_t received_ms = SERVICE_MS + 180000 - back_ms;
    assert_int_equal(visibility_deadline_ms(&v, NOW_MS + 180000, received_ms + TIMEOUT_MS),
                     NOW_MS + 180000 + TIMEOUT_MS);
}

static void visibility_takes_a_message_as_fresh_while_nothing_is_known(void **state)
{
    (void)state;
    visibility_t v;
    visibility_init(&v);
    visibility_learn(&v, NOW_MS, SERVICE_MS - 500000, SERVICE_MS + TIMEOUT_MS, 7);
    assert_int_equal(visibility_deadline_ms(&v, NOW_MS, SERVICE_MS + TIMEOUT_MS), NOW_MS + 30000);
}

static void visibility_survives_times_that_make_no_sense(void **state)
{
    (void)state;
    const int64_t odd[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, (int64_t)1 << 52, INT64_MAX};
    const size_t count = sizeof odd / sizeof *odd;
    for (size_t i = 0; i < count * count; i++) {
        visibility_t v;
        visibility_init(&v);
        visibility_learn(&v, NOW_MS, odd[i / count], odd[i % count], 1);
        visibility_deadline_ms(&v, NOW_MS, odd[i % count]);
        visibility_learn(&v, NOW_MS, SERVICE_MS, SERVICE_MS + TIMEOUT_MS, 1);
        visibility_deadline_ms(&v, NOW_MS, odd[i % count]);
        assert_in_range(v.timeout_ms, 1000, 43200000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visibility_lasts_the_queues_timeout_whatever_the_clocks_say),
        cmocka_unit_test(visibility_finds_a_reply_that_lay_unread_as_old_as_it_is),
        cmocka_unit_test(visibility_follows_a_clock_that_was_set_back),
        cmocka_unit_test(visibility_takes_a_message_as_fresh_while_nothing_is_known),
        cmocka_unit_test(visibility_survives_times_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What may still count at MNS, and for how long. */
#include "unseen.h"

#include "backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000, VISIBILITY_MS = 30000, WAIT_MS = 20000, SLACK_MS = 2 * 512 };

/* Counts so many until `until_ms`, and none a little later. */
static void expect_until(unseen_t *u, size_t count, uint64_t until_ms)
{
    unseen_expire(u, until_ms - 1, VISIBILITY_MS);
    assert_int_equal(u->count, count);
    assert_true(unseen_due_ms(u) >= until_ms);
    unseen_expire(u, until_ms + SLACK_MS, VISIBILITY_MS);
    assert_int_equal(u->count, 0);
    assert_int_equal(unseen_due_ms(u), UINT64_MAX);
}

static void expect(unseen_t *u, uint64_t now_ms, size_t count)
{
    unseen_expire(u, now_ms, VISIBILITY_MS);
    assert_int_equal(u->count, count);
}

static void unseen_counts_what_was_given_up_until_it_shows_again(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_give_up(&u, 3, NOW_MS + 5000, NOW_MS);
    unseen_give_up(&u, 1, NOW_MS + 5000, NOW_MS + 1);
    expect_until(&u, 4, NOW_MS + 5000);
}

static void unseen_does_not_count_what_shows_already(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_give_up(&u, 3, NOW_MS, NOW_MS);
    unseen_give_up(&u, 3, NOW_MS - 1, NOW_MS);
    assert_int_equal(u.count, 0);
    assert_int_equal(u.len, 0);
}

static void unseen_counts_a_lost_poll_for_a_visibility_after_the_next_answer(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_lose(&u, 16, NOW_MS, NOW_MS);
    unseen_answered(&u, NOW_MS + 100, VISIBILITY_MS);
    unseen_answered(&u, NOW_MS + 20000, VISIBILITY_MS); /* changes nothing any more */
    expect_until(&u, 16, NOW_MS + 100 + VISIBILITY_MS);
}

static void unseen_counts_a_lost_poll_as_waiting_to_the_end_of_its_time(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_lose(&u, 16, NOW_MS, NOW_MS + WAIT_MS);
    unseen_lose(&u, 1, NOW_MS + 50, NOW_MS + 50);
    unseen_answered(&u, NOW_MS + 100, VISIBILITY_MS);
    expect(&u, NOW_MS + 100 + VISIBILITY_MS + SLACK_MS, 16);
    unseen_answered(&u, NOW_MS + WAIT_MS + VISIBILITY_MS, VISIBILITY_MS);
    expect_until(&u, 16, NOW_MS + WAIT_MS + 2 * VISIBILITY_MS); /* since it stood still before */
}

static void unseen_counts_on_while_the_service_is_silent(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_lose(&u, 16, NOW_MS, NOW_MS);
    unseen_lose(&u, 1, NOW_MS + 60000, NOW_MS + 60000);
    unseen_expire(&u, NOW_MS + 600000, VISIBILITY_MS);
    assert_int_equal(u.count, 17);
    unseen_answered(&u, NOW_MS + 600000, VISIBILITY_MS); /* it took them now, for all we know */
    expect_until(&u, 17, NOW_MS + 600000 + VISIBILITY_MS);
}

static void unseen_ends_when_the_service_would_refuse_so_old_a_request(void **state)
{
    (void)state;
    unseen_t u = {0};
    unseen_lose(&u, 16, NOW_MS, NOW_MS);
    assert_int_equal(unseen_due_ms(&u), NOW_MS + UNSEEN_DATE_LIMIT_MS);
    unseen_expire(&u, NOW_MS + UNSEEN_DATE_LIMIT_MS, VISIBILITY_MS);
    expect_until(&u, 16, NOW_MS + UNSEEN_DATE_LIMIT_MS + VISIBILITY_MS);
}

static void unseen_forgets_no_lost_poll_however_many(void **state)
{
    (void)state;
    unseen_t u = {0};
    for (size_t i = 0; i < 1000; i++)
        unseen_lose(&u, 1, NOW_MS + i, NOW_MS + i + WAIT_MS);
    assert_int_equal(u.count, 1000);
    unseen_answered(&u, NOW_MS + 1000 + WAIT_MS, VISIBILITY_MS);
    expect_until(&u, 1000, NOW_MS + 1000 + WAIT_MS + VISIBILITY_MS);
}

/* Against the plain way: every message by itself, to the millisecond. */
static void unseen_never_counts_too_short_and_not_much_too_long(void **state)
{
    (void)state;
    enum { ROUNDS = 20000, SPAN = 64 };
    static const uint64_t visibilities_ms[] = {1000, 30000, 43200000};
    static uint64_t until_ms[ROUNDS];
    for (size_t v = 0; v < 3; v++) {
        unseen_t u = {0};
        uint64_t random = v + 1, now_ms = NOW_MS;
        for (size_t i = 0; i < ROUNDS; i++) {
            now_ms += backoff_random(&random) % (visibilities_ms[v] / 200);
            uint64_t for_ms = backoff_random(&random) % visibilities_ms[v];
            until_ms[i] = now_ms + for_ms;
            unseen_give_up(&u, 1, until_ms[i], now_ms);
            if (i % 100 != 0)
                continue;
            unseen_expire(&u, now_ms, visibilities_ms[v]);
            size_t least = 0, most = 0;
            uint64_t slack_ms = visibilities_ms[v] / 32 + 512;
            for (size_t k = 0; k <= i; k++) {
                least += until_ms[k] > now_ms;
                most += until_ms[k] + slack_ms > now_ms;
            }
            assert_in_range(u.count, least, most);
            assert_true(u.len < UNSEEN_NOTES); /* it never had to merge what lies apart */
        }
    }
}

static void unseen_counts_everything_though_the_notes_are_full(void **state)
{
    (void)state;
    unseen_t u = {0};
    uint64_t for_ms = 1;
    for (size_t i = 0; i < 1000; i++, for_ms += 700 + i)
        unseen_give_up(&u, 2, NOW_MS + for_ms, NOW_MS + i);
    assert_int_equal(u.count, 2000);
    unseen_expire(&u, NOW_MS + for_ms + for_ms / 16, VISIBILITY_MS);
    assert_int_equal(u.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unseen_counts_what_was_given_up_until_it_shows_again),
        cmocka_unit_test(unseen_does_not_count_what_shows_already),
        cmocka_unit_test(unseen_counts_a_lost_poll_for_a_visibility_after_the_next_answer),
        cmocka_unit_test(unseen_counts_a_lost_poll_as_waiting_to_the_end_of_its_time),
        cmocka_unit_test(unseen_counts_on_while_the_service_is_silent),
        cmocka_unit_test(unseen_ends_when_the_service_would_refuse_so_old_a_request),
        cmocka_unit_test(unseen_forgets_no_lost_poll_however_many),
        cmocka_unit_test(unseen_never_counts_too_short_and_not_much_too_long),
        cmocka_unit_test(unseen_counts_everything_though_the_notes_are_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

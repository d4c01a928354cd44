#include "rate_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Something that holds every rate up to `limit`; but at a try whose bit is set it is disturbed and
 * misses, or is lucky and holds. */
typedef struct server {
    uint64_t limit, highest;
    uint32_t disturbed, lucky;
    int tries, fails_at;
} server_t;

static sl_err try_rate(void *ctx, uint64_t rate, bool *holds)
{
    server_t *server = ctx;
    int number = server->tries++;
    if (server->fails_at > 0 && number + 1 == server->fails_at)
        return SL_EIO;
    assert_true(rate > 0);
    server->highest = rate > server->highest ? rate : server->highest;
    *holds = rate <= server->limit;
    if (number < 32)
        *holds = (*holds && (server->disturbed >> number & 1) == 0) ||
                 (server->lucky >> number & 1) != 0;
    return SL_OK;
}

static uint64_t found(server_t *server, uint64_t start, uint64_t most)
{
    uint64_t best = 12345;
    assert_int_equal(rate_search(try_rate, server, start, most, &best), SL_OK);
    return best;
}

static void the_highest_rate_is_found_within_a_sixteenth(void **state)
{
    (void)state;
    for (uint64_t limit = 1; limit < 10000000; limit = limit * 5 / 3 + 1) {
        server_t server = {.limit = limit};
        uint64_t best = found(&server, 1000, 100000000);
        assert_true(best <= limit && limit - best <= best / 16);
        assert_true(server.tries <= 50);
    }
}

static void a_server_that_holds_nothing_has_no_rate(void **state)
{
    (void)state;
    server_t server = {.limit = 0};
    assert_int_equal(found(&server, 1000, 4000), 0);
}

static void no_rate_above_the_most_is_tried(void **state)
{
    (void)state;
    server_t server = {.limit = UINT64_MAX};
    assert_int_equal(found(&server, 1000, 5000), 5000);
    assert_int_equal(server.highest, 5000);
    server = (server_t){.limit = UINT64_MAX};
    assert_int_equal(found(&server, 9000, 5000), 5000);
}

static void a_single_disturbed_try_changes_nothing(void **state)
{
    (void)state;
    server_t calm = {.limit = 6000}, disturbed = {.limit = 6000, .disturbed = 0x41};
    assert_int_equal(found(&disturbed, 1000, 100000), found(&calm, 1000, 100000));
    assert_int_equal(disturbed.tries, calm.tries + 2);
}

static void two_of_three_tries_that_miss_are_a_miss(void **state)
{
    (void)state;
    for (uint32_t disturbed = 3; disturbed <= 6; disturbed++) {
        if (disturbed == 4)
            continue; /* one alone */
        server_t server = {.limit = 6000, .disturbed = disturbed};
        uint64_t best = found(&server, 1000, 100000);
        assert_in_range(best, 500, 999); /* halved to 500, and closed in on 1,000 */
    }
}

static void a_single_lucky_try_changes_nothing(void **state)
{
    (void)state;
    server_t calm = {.limit = 6000}, lucky = {.limit = 6000, .lucky = 1 << 6}; /* of 8,000 */
    assert_int_equal(found(&lucky, 1000, 100000), found(&calm, 1000, 100000));
    assert_int_equal(lucky.tries, calm.tries + 1);
    server_t twice = {.limit = 6000, .lucky = 1 << 6 | 1 << 8};
    assert_in_range(found(&twice, 1000, 100000), 8000, 15999);
}

static void a_try_that_fails_ends_the_search(void **state)
{
    (void)state;
    for (int fails_at = 1; fails_at <= 6; fails_at++) {
        server_t server = {.limit = 6000, .fails_at = fails_at};
        uint64_t best = 12345;
        assert_int_equal(rate_search(try_rate, &server, 1000, 100000, &best), SL_EIO);
        assert_int_equal(server.tries, fails_at);
        assert_int_equal(best, 12345);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_rate_is_found_within_a_sixteenth),
        cmocka_unit_test(a_server_that_holds_nothing_has_no_rate),
        cmocka_unit_test(no_rate_above_the_most_is_tried),
        cmocka_unit_test(a_single_disturbed_try_changes_nothing),
        cmocka_unit_test(two_of_three_tries_that_miss_are_a_miss),
        cmocka_unit_test(a_single_lucky_try_changes_nothing),
        cmocka_unit_test(a_try_that_fails_ends_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

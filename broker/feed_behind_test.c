#include "feed.h"
#include "testing.h"

#include <time.h>

enum { MS = 1000 * 1000 };

static feed_t feed;
static batch_t held; /* the last ones that were sent: libzmq has not freed them */

/* The I/O thread is this one, so its load is the test's to make. */
static int open_feed(void **state)
{
    (void)state;
    feed = (feed_t){.o.io_clock = {.known = true, .id = CLOCK_THREAD_CPUTIME_ID},
                    .now_ns = 1000 * (uint64_t)MS,
                    .load_ns = 1000 * (uint64_t)MS};
    feed.load_cpu_ns = io_clock_ns(&feed.o.io_clock);
    held = (batch_t){.unsent = 1, .opened_ns = feed.now_ns};
    for (int i = 0; i < FEED_RECENT; i++)
        feed.recent[i] = &held;
    return 0;
}

/* Time goes by in which the I/O thread used so much CPU, at least; then there is a turn. */
static void pass(uint64_t passed_ns, uint64_t used_ns)
{
    uint64_t begin_ns = io_clock_ns(&feed.o.io_clock);
    while (io_clock_ns(&feed.o.io_clock) - begin_ns < used_ns)
        continue;
    feed.now_ns += passed_ns;
    assert_int_equal(feed_turn(&feed, 1), 0);
}

static void feed_is_behind_while_its_latest_batches_are_unsent(void **state)
{
    (void)state;
    assert_true(feed_is_behind(&feed));
    held.unsent = 0;
    assert_false(feed_is_behind(&feed));
}

/* What libzmq holds for long hangs at somebody who does not read, and the others need not wait. */
static void feed_is_not_behind_for_one_slow_subscriber(void **state)
{
    (void)state;
    pass(19 * MS, 0);
    assert_true(feed_is_behind(&feed));
    pass(500 * MS, 0);
    assert_false(feed_is_behind(&feed));
}

/* All wait, each for its turn, when there is more to send than the I/O thread can. */
static void feed_is_behind_when_the_io_thread_has_much_to_send(void **state)
{
    (void)state;
    pass(500 * MS, 400 * MS); /* long ago, most of it */
    assert_false(feed_is_behind(&feed));
    pass(10 * MS, 5 * MS);
    assert_true(feed_is_behind(&feed));
    held.unsent = 0;
    assert_false(feed_is_behind(&feed));
    held.unsent = 1;
    pass(50 * MS, 0);
    assert_false(feed_is_behind(&feed));
}

static void feed_without_the_io_threads_clock_goes_by_time_alone(void **state)
{
    (void)state;
    feed.o.io_clock.known = false;
    pass(10 * MS, 0);
    assert_true(feed_is_behind(&feed));
    pass(15 * MS, 0);
    assert_false(feed_is_behind(&feed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(feed_is_behind_while_its_latest_batches_are_unsent, open_feed),
        cmocka_unit_test_setup(feed_is_not_behind_for_one_slow_subscriber, open_feed),
        cmocka_unit_test_setup(feed_is_behind_when_the_io_thread_has_much_to_send, open_feed),
        cmocka_unit_test_setup(feed_without_the_io_threads_clock_goes_by_time_alone, open_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

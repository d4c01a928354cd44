/* The subscriber against a feed that says what the test tells it to; holes are reported, not
 * repaired. */
#include "fake_broker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

/* Joined to a stream whose next number is 1. */
static void join(fake_t *f, const char *const *patterns)
{
    fake_subscribe(f, (sluice_sub_options_t){.repair = SLUICE_REPAIR_OFF}, patterns);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 1, NULL, 0);
    await_joined(f);
}

/* -- items ------------------------------------------------------------------------------------ */

static void sync_is_subscribed_to_after_all_else(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){0}, LIST("Job.OnTask*", "Job.", "Cluster.*Deleted"));
    await_sync(f);
    assert_int_equal(f->subscribed_count, 4);
    assert_string_equal(f->subscribed[0], "$tick");
    assert_string_equal(f->subscribed[1], "Cluster.");
    assert_string_equal(f->subscribed[2], "Job.");
    assert_string_equal(f->subscribed[3], f->sync);
}

static void events_come_one_by_one_with_what_their_batch_says(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch(f, "Job.A", 0, 1, 3);
    for (uint64_t number = 1; number <= 3; number++) {
        expect_event(f, "Job.A", number);
        assert_int_equal(f->item.topic_len, 5);
        assert_int_equal(f->item.stream, STREAM);
        assert_int_equal(f->item.prev, 0);
        assert_int_equal(f->item.time_ns, 1001);
        assert_null(f->item.ends);
    }
    assert_int_equal(stats(f).events, 3);
    assert_int_equal(stats(f).batches, 1);
    assert_int_equal(stats(f).bytes, 12);
}

static void batch_comes_whole_or_what_is_left_of_it(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch(f, "Job.A", 0, 1, 3);
    assert_int_equal(sluice_sub_next_batch(f->sub, &f->item, TEST_PATIENCE_MS), SLUICE_OK);
    assert_int_equal(f->item.number, 1);
    assert_int_equal(f->item.count, 3);
    assert_int_equal(f->item.len, 12);
    assert_int_equal(wire_end(f->item.ends, 1), 8);
    put_batch(f, "Job.A", 3, 4, 6);
    expect_event(f, "Job.A", 4);
    assert_int_equal(sluice_sub_next_batch(f->sub, &f->item, TEST_PATIENCE_MS), SLUICE_OK);
    assert_int_equal(f->item.number, 5);
    assert_int_equal(f->item.count, 2);
    assert_int_equal(f->item.len, 8);
    assert_true(wire_ends_valid(f->item.ends, 2, 8));
    assert_memory_equal(f->item.data, "\x81\xa1n\x05\x81\xa1n\x06", 8);
}

static void pattern_is_matched_exactly_behind_its_prefix(void **state)
{
    fake_t *f = *state;
    join(f, LIST("Job.OnJobFailed", "*.*Done"));
    put_batch(f, "Job.OnJobFailedTwice", 0, 1, 1);
    put_batch(f, "$dead.Done", 0, 2, 2);
    put_tick_of(f, STREAM, "~sync.0123456789abcdef", 50, "Job.OnJobFailed", 49); /* another's */
    put_batch(f, "Job.OnJobFailed", 0, 3, 3);
    put_batch(f, "X.Done", 0, 4, 4);
    expect_event(f, "Job.OnJobFailed", 3);
    expect_event(f, "X.Done", 4);
}

static void loss_is_told_before_the_batch_that_shows_it(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch(f, "Job.A", 0, 1, 2);
    put_batch(f, "Job.A", 9, 10, 10);
    put_tick(f, 31, "Job.A", 30);
    expect_event(f, "Job.A", 1);
    expect_event(f, "Job.A", 2);
    expect_lost(f, "Job.A", 3, 9);
    expect_event(f, "Job.A", 10);
    expect_lost(f, "Job.A", 11, 30);
    assert_int_equal(stats(f).gaps, 2);
    assert_int_equal(stats(f).confirmed, 30);
}

static void another_stream_is_told_with_its_identity(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch_of(f, 8, "Job.A", 0, 1, 1);
    put_tick_of(f, 8, "$tick", 2, "Job.A", 1);
    assert_int_equal(expect(f, SLUICE_ITEM_STREAM)->stream, 8);
    expect_event(f, "Job.A", 1);
    assert_int_equal(f->item.stream, 8);
    assert_int_equal(stats(f).streams, 1);
}

/* -- what a feed should not say --------------------------------------------------------------- */

static void malformed_message_is_told_once_and_the_next_one_delivered(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    static const int frame_counts[] = {1, 2, 3, 4, 7};
    for (size_t i = 0; i < ARRAY_LEN(frame_counts); i++)
        for (int n = frame_counts[i]; n > 0; n--)
            zmq_send(f->xpub, "Job.A", 5, n > 1 ? ZMQ_SNDMORE : 0);
    zmq_send(f->xpub, "nodot", 5, ZMQ_SNDMORE);
    zmq_send(f->xpub, "", 0, ZMQ_SNDMORE);
    zmq_send(f->xpub, "", 0, 0);
    put_tick_of(f, STREAM, "Job.A", 1, NULL, 0); /* no events on a topic */
    put_batch(f, "$tick", 0, 1, 1);              /* events on a tick */
    for (size_t i = 0; i < ARRAY_LEN(frame_counts) + 3; i++)
        expect_err(f, SLUICE_EPROTO);
    put_batch(f, "Job.A", 0, 1, 1);
    expect_event(f, "Job.A", 1);
    assert_int_equal(stats(f).malformed, ARRAY_LEN(frame_counts) + 3);
}

static void another_version_is_told_once_then_counted(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    for (int i = 0; i < 3; i++) {
        zmq_send(f->xpub, "Job.A", 5, ZMQ_SNDMORE);
        zmq_send(f->xpub, "\x91\x02", 2, ZMQ_SNDMORE);
        zmq_send(f->xpub, "", 0, 0);
    }
    put_batch(f, "Job.A", 0, 1, 1);
    expect_err(f, SLUICE_EVERSION);
    expect_event(f, "Job.A", 1);
    assert_int_equal(stats(f).unknown_version, 3);
}

static void topic_of_the_feeds_own_that_is_new_to_us_is_skipped(void **state)
{
    fake_t *f = *state;
    join(f, LIST("", "$dead."));
    put_batch(f, "$later", 0, 1, 1);
    put_batch(f, "~later", 0, 2, 2);
    put_batch(f, "$dead.JSON", 0, 3, 3);
    expect_event(f, "$dead.JSON", 3);
    assert_int_equal(stats(f).malformed, 0);
}

/* -- connections ------------------------------------------------------------------------------ */

/* Answers every sync that comes, however many connections that takes, until there is an item or,
 * with `item` false, until joined. */
static void answer_until(fake_t *f, bool item, uint64_t next, const char *topic, uint64_t last)
{
    for (int waited = 0; waited < TEST_PATIENCE_MS; waited++) {
        char text[64] = "";
        if (sluice_sub_next(f->sub, &f->item, 1) == SLUICE_OK)
            return;
        if (!item && sluice_sub_joined(f->sub))
            return;
        while (test_readable(f->xpub, 0)) {
            int len = zmq_recv(f->xpub, text, sizeof text - 1, 0);
            if (len > 1 && text[0] == 1 && wire_is_sync_topic(text + 1, (size_t)len - 1)) {
                strcpy(f->sync, text + 1);
                put_tick_of(f, STREAM, f->sync, next, topic, last);
            }
        }
    }
    fail_msg("no answer was enough");
}

static void silent_feed_is_connected_to_anew_and_the_place_kept(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.watchdog_ms = 100, .repair = SLUICE_REPAIR_OFF},
                   NULL);
    answer_until(f, false, 5, NULL, 0);
    char before[sizeof f->sync];
    strcpy(before, f->sync);
    answer_until(f, true, 10, "Job.A", 9);
    assert_int_equal(f->item.kind, SLUICE_ITEM_LOST);
    assert_int_equal(f->item.lost_from, 5);
    assert_int_equal(f->item.lost_to, 9);
    assert_string_not_equal(before, f->sync);
    assert_true(stats(f).reconnects >= 1);
}

static void unanswered_sync_is_asked_anew_although_ticks_come(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.watchdog_ms = 100, .repair = SLUICE_REPAIR_OFF},
                   NULL);
    await_sync(f);
    for (int waited = 0; stats(f).reconnects == 0; waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        put_tick(f, 5, NULL, 0);
        sluice_sub_next(f->sub, &f->item, 1);
    }
    assert_false(sluice_sub_joined(f->sub));
}

static void feed_that_comes_back_by_itself_answers_the_same_sync(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch(f, "Job.A", 0, 1, 1);
    expect_event(f, "Job.A", 1);
    char before[sizeof f->sync];
    strcpy(before, f->sync);
    zmq_close(f->xpub);
    fake_bind_feed(f);
    await_sync(f);
    assert_string_equal(before, f->sync);
    put_tick_of(f, STREAM, f->sync, 21, "Job.A", 20);
    expect_lost(f, "Job.A", 2, 20);
    assert_int_equal(stats(f).reconnects, 1);
}

/* -- waiting ---------------------------------------------------------------------------------- */

static void descriptor_fires_for_every_message_that_waits(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    for (uint64_t number = 1; number <= 200; number++) {
        put_batch(f, "Job.A", number - 1, number, number);
        uint64_t before = stats(f).events;
        while (stats(f).events == before) {
            assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
            while (sluice_sub_next(f->sub, &f->item, 0) == SLUICE_OK)
                assert_int_equal(f->item.number, number);
        }
    }
}

/* Nothing is called but when the descriptor says so. */
static void descriptor_alone_is_enough_to_join(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){0}, NULL);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    char text[64] = "";
    while (text[0] != 1 || !wire_is_sync_topic(text + 1, strlen(text + 1))) {
        memset(text, 0, sizeof text);
        assert_true(zmq_recv(f->xpub, text, sizeof text - 1, 0) > 0);
    }
    put_tick_of(f, STREAM, text + 1, 1, NULL, 0);
    while (!sluice_sub_joined(f->sub)) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_sub_next(f->sub, &f->item, 0) == SLUICE_OK)
            continue;
    }
}

static void flood_for_others_ends_the_turn_but_not_the_news(void **state)
{
    enum { FLOOD = 600 };
    fake_t *f = *state;
    join(f, LIST("*.Mine"));
    for (uint64_t number = 1; number < FLOOD; number++)
        put_batch(f, "Job.Other", number - 1, number, number);
    put_batch(f, "Job.Mine", 0, FLOOD, FLOOD);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    while (sluice_sub_next(f->sub, &f->item, 0) != SLUICE_OK)
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
    assert_int_equal(f->item.number, FLOOD);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

static void signal_ends_the_wait(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval soon = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}};
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(sluice_sub_next(f->sub, &f->item, -1), SLUICE_EAGAIN);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigaction(SIGALRM, &before, NULL);
}

/* -- creating --------------------------------------------------------------------------------- */

static void malformed_options_make_nothing(void **state)
{
    (void)state;
    sluice_sub_t *sub = NULL;
    const sluice_sub_options_t bad[] = {
        {.size = sizeof bad[0], .feed = "nonsense"},
        {.size = sizeof bad[0], .patterns = LIST("Job")},
        {.size = sizeof bad[0], .patterns = (const char *const[]){NULL}},
        {.size = sizeof bad[0], .query = "nonsense"},
        {.size = sizeof bad[0], .query = "tcp://nowhere"},
        {.size = sizeof bad[0], .name = ""},
        {.size = sizeof bad[0], .name = "a name"},
        {.size = sizeof bad[0], .from = (sluice_from)(SLUICE_FROM_TIME + 1)},
        {.size = 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sluice_sub_create(&sub, &bad[i]), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_create(&sub, NULL), SLUICE_EINVAL);
    assert_null(sub);
    sluice_sub_destroy(&sub);
}

static void context_may_be_shared_and_stays_the_owners(void **state)
{
    fake_t *f = *state;
    join(f, NULL);
    put_batch(f, "Job.A", 0, 1, 1);
    expect_event(f, "Job.A", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sync_is_subscribed_to_after_all_else),
        TEST(events_come_one_by_one_with_what_their_batch_says),
        TEST(batch_comes_whole_or_what_is_left_of_it),
        TEST(pattern_is_matched_exactly_behind_its_prefix),
        TEST(loss_is_told_before_the_batch_that_shows_it),
        TEST(another_stream_is_told_with_its_identity),
        TEST(malformed_message_is_told_once_and_the_next_one_delivered),
        TEST(another_version_is_told_once_then_counted),
        TEST(topic_of_the_feeds_own_that_is_new_to_us_is_skipped),
        TEST(silent_feed_is_connected_to_anew_and_the_place_kept),
        TEST(unanswered_sync_is_asked_anew_although_ticks_come),
        TEST(feed_that_comes_back_by_itself_answers_the_same_sync),
        TEST(descriptor_fires_for_every_message_that_waits),
        TEST(descriptor_alone_is_enough_to_join),
        TEST_INPROC(descriptor_alone_is_enough_to_join),
        TEST_INPROC(flood_for_others_ends_the_turn_but_not_the_news),
        TEST(signal_ends_the_wait),
        TEST(malformed_options_make_nothing),
        TEST_INPROC(context_may_be_shared_and_stays_the_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

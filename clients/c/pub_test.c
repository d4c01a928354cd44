/* The publisher on a good day: batches, window, receipts, descriptor. */
#include "fake_intake.h"

#include <poll.h>

static void hello_tells_the_name_and_nothing_goes_before_welcome(void **state)
{
    fake_t *f = *state;
    fake_start(f, (sluice_pub_options_t){.name = "bridge-7"});
    fake_send_alone(f, "one", 1);
    fake_expect_hello(f);
    assert_int_equal(f->said.hello.name_len, 8);
    assert_memory_equal(f->said.hello.name, "bridge-7", 8);
    fake_expect_silence(f);
    fake_welcome(f, 4, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "one");
    assert_int_equal(fake_stats(f).stream, 77);
}

static void events_of_a_topic_share_a_batch_and_keep_their_order(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 4);
    fake_send_text(f, "a.b", "one", 1);
    fake_send_text(f, "c.d", "other", 2);
    fake_send_text(f, "a.b", "two", 3);
    fake_expect_pub(f, 1, "a.b", "onetwo");
    assert_int_equal(f->said.pub.count, 2);
    assert_int_equal(wire_end(f->said.pub.ends, 0), 3);
    fake_expect_pub(f, 2, "c.d", "other");
    fake_ack(f, 1, 2, 0);
    fake_ack(f, 2, 0, 1);
    fake_expect_receipts(f, 3);
    fake_expect_receipt(f, 0, 1, SLUICE_OK, "");
    fake_expect_receipt(f, 1, 3, SLUICE_OK, "");
    fake_expect_receipt(f, 2, 2, SLUICE_OK, "");
    assert_int_equal(fake_stats(f).acked_events, 3);
    assert_int_equal(fake_stats(f).duplicate_events, 1);
    assert_int_equal(fake_stats(f).pending_bytes, 0);
    assert_int_equal(fake_stats(f).silent_ms, 0);
}

static void batch_leaves_when_it_is_full(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.batch_events = 2, .linger_us = 3600000000u}, 4);
    fake_send_text(f, "a.b", "1", 1);
    fake_expect_silence(f);
    fake_send_text(f, "a.b", "2", 2);
    fake_expect_pub(f, 1, "a.b", "12");
}

static void batch_keeps_below_its_bytes(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.batch_bytes = 10, .linger_us = 3600000000u}, 4);
    fake_send_text(f, "a.b", "123456", 1);
    fake_send_text(f, "a.b", "abcdef", 2); /* together 12 */
    fake_expect_pub(f, 1, "a.b", "123456");
    fake_send_text(f, "a.b", "wxyz", 3); /* together 10 */
    fake_expect_pub(f, 2, "a.b", "abcdefwxyz");
}

static void linger_sends_what_waited_long_enough_by_the_descriptor_alone(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.linger_us = 2000}, 4);
    fake_send_text(f, "a.b", "one", 1);
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    while (fake_stats(f).requests == 0) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
            continue;
    }
    fake_expect_pub(f, 1, "a.b", "one");
}

/* Nothing is called but when the descriptor says so. */
static void descriptor_alone_is_enough_to_be_welcome(void **state)
{
    fake_t *f = *state;
    fake_start(f, (sluice_pub_options_t){0});
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    fake_expect_hello(f);
    fake_welcome(f, 1, 1000, 100);
    while (fake_stats(f).stream == 0) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
            continue;
    }
}

static void answer_shows_on_the_descriptor(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 1000);
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    for (uint64_t request = 1; request <= 200; request++) {
        fake_send_alone(f, "x", 1);
        fake_expect_pub(f, request, "a.b", "x");
        fake_ack(f, request, 1, 0);
        while (f->receipt_count < request) {
            assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
            while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
                continue;
        }
    }
}

/* The send takes their news from the descriptor. */
static void answers_that_are_there_are_taken_by_whoever_sends(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 1000);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_ack(f, 1, 1, 0);
    assert_int_equal(f->receipt_count, 0);
    fake_send_alone(f, "2", 2);
    assert_int_equal(f->receipt_count, 1);
}

static void window_holds_back_what_has_no_room(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 2);
    fake_send_alone(f, "1", 1);
    fake_send_alone(f, "2", 2);
    fake_send_alone(f, "3", 3);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_expect_pub(f, 2, "a.b", "2");
    fake_expect_silence(f);
    fake_ack(f, 1, 1, 0);
    fake_expect_pub(f, 3, "a.b", "3");
}

static void batch_in_line_goes_on_taking_events_until_it_is_sent(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.batch_events = 3}, 1);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_send_alone(f, "2", 2);
    fake_send_alone(f, "3", 3);
    fake_send_text(f, "c.d", "other", 4);
    sluice_pub_flush(f->pub);
    fake_send_alone(f, "4", 5); /* the batch of a.b is full and still before that of c.d */
    fake_send_alone(f, "5", 6);
    for (uint64_t request = 1; request <= 3; request++) {
        fake_ack(f, request, 1, 0);
        fake_expect_pub(f, request + 1, (const char *[]){"a.b", "c.d", "a.b"}[request - 1],
                        (const char *[]){"234", "other", "5"}[request - 1]);
    }
}

static void ids_are_sent_always_and_are_unique_where_not_given(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 4);
    static const uint8_t id[16] = "0123456789abcdef";
    sluice_pub_send(f->pub, "a.b", 3, "1", 1, id, NULL);
    fake_send_text(f, "a.b", "2", 0);
    fake_send_text(f, "a.b", "3", 0);
    fake_expect_pub(f, 1, "a.b", "123");
    assert_non_null(f->said.pub.ids);
    assert_memory_equal(f->said.pub.ids, id, 16);
    assert_memory_not_equal(f->said.pub.ids + 16, f->said.pub.ids + 32, 16);
}

static void send_says_no_to_what_can_never_go(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.pending_bytes = 10}, 4);
    static const char big[1001];
    assert_int_equal(sluice_pub_send(f->pub, "nodot", 5, "x", 1, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "$tick", 5, "x", 1, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, "", 0, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 1001, NULL, NULL), SLUICE_ELIMIT);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 8, NULL, NULL), SLUICE_OK);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 8, NULL, NULL), SLUICE_EAGAIN);
}

static void topics_beyond_any_brokers_are_refused_but_a_dead_letter_has_room(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 4);
    char topic[32];
    sluice_err err = SLUICE_OK;
    int taken = 0;
    for (; err == SLUICE_OK && taken <= 4 * 1024; taken += err == SLUICE_OK) {
        int len = snprintf(topic, sizeof topic, "Job.x%d", taken);
        err = sluice_pub_send(f->pub, topic, (size_t)len, "x", 1, NULL, NULL);
    }
    assert_int_equal(err, SLUICE_EREFUSED);
    assert_int_equal(taken, 4 * 1024);
    assert_int_equal(sluice_pub_send(f->pub, "$dead.Refused", 13, "x", 1, NULL, NULL), SLUICE_OK);
}

static void event_may_be_sent_from_a_receipt(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.batch_events = 1}, 1);
    f->resend_in_receipt = 3;
    fake_send_text(f, "a.b", "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_ack(f, 1, 1, 0);
    for (uint64_t request = 2; request <= 4; request++) {
        fake_expect_pub(f, request, "a.b", "\x80");
        fake_ack(f, request, 1, 0);
    }
    fake_expect_receipts(f, 4);
    fake_expect_receipt(f, 3, 999, SLUICE_OK, "");
}

static void destroy_gives_every_event_left_a_receipt(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 1);
    fake_send_alone(f, "1", 1);
    fake_send_alone(f, "2", 2);
    fake_send_text(f, "c.d", "3", 3);
    fake_expect_pub(f, 1, "a.b", "1");
    sluice_pub_destroy(&f->pub);
    assert_null(f->pub);
    assert_int_equal(f->receipt_count, 3);
    for (size_t i = 0; i < 3; i++)
        fake_expect_receipt(f, i, (intptr_t)i + 1, SLUICE_ECLOSED, "");
}

static void drain_comes_back_when_all_have_their_receipt_or_time_is_up(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 4);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    assert_int_equal(sluice_pub_drain(f->pub, 20), SLUICE_ETIMEDOUT);
    fake_ack(f, 1, 1, 0);
    assert_int_equal(sluice_pub_drain(f->pub, TEST_PATIENCE_MS), SLUICE_OK);
    assert_int_equal(f->receipt_count, 1);
}

static void options_of_another_size_are_taken_or_refused_by_what_they_say(void **state)
{
    fake_t *f = *state;
    struct {
        sluice_pub_options_t known;
        uint64_t later;
    } grown = {.known = {.size = sizeof grown, .intake = f->endpoint}, .later = 1};
    assert_int_equal(sluice_pub_create(&f->pub, &grown.known), SLUICE_EINVAL);
    grown.later = 0;
    assert_int_equal(sluice_pub_create(&f->pub, &grown.known), SLUICE_OK);
    sluice_pub_destroy(&f->pub);
    grown.known.size = 0;
    assert_int_equal(sluice_pub_create(&f->pub, &grown.known), SLUICE_EINVAL);
    sluice_pub_options_t bad = {.size = sizeof bad, .intake = "nonsense"};
    assert_int_equal(sluice_pub_create(&f->pub, &bad), SLUICE_EINVAL);
    assert_null(f->pub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hello_tells_the_name_and_nothing_goes_before_welcome),
        TEST(events_of_a_topic_share_a_batch_and_keep_their_order),
        TEST(batch_leaves_when_it_is_full),
        TEST(batch_keeps_below_its_bytes),
        TEST(linger_sends_what_waited_long_enough_by_the_descriptor_alone),
        TEST(descriptor_alone_is_enough_to_be_welcome),
        TEST_INPROC(descriptor_alone_is_enough_to_be_welcome),
        TEST(answer_shows_on_the_descriptor),
        TEST_INPROC(answers_that_are_there_are_taken_by_whoever_sends),
        TEST(window_holds_back_what_has_no_room),
        TEST(batch_in_line_goes_on_taking_events_until_it_is_sent),
        TEST(ids_are_sent_always_and_are_unique_where_not_given),
        TEST(send_says_no_to_what_can_never_go),
        TEST(topics_beyond_any_brokers_are_refused_but_a_dead_letter_has_room),
        TEST(event_may_be_sent_from_a_receipt),
        TEST(destroy_gives_every_event_left_a_receipt),
        TEST(drain_comes_back_when_all_have_their_receipt_or_time_is_up),
        TEST(options_of_another_size_are_taken_or_refused_by_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fixture.h"

#include "base/mp.h"

#include <stdio.h>

enum { MS = 1000000 };

static fixture_t f;
static journal_scripted_t journal;

static int open_broker(void **state)
{
    (void)state;
    fixture_prepare(&f);
    fixture_open(&f);
    return 0;
}

/* With a journal that completes only when the test says so. */
static int open_scripted(void **state)
{
    (void)state;
    journal_scripted_init(&journal);
    fixture_prepare(&f);
    f.use_journal = &journal.base;
    fixture_open(&f);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void send_pub(void *dealer, uint64_t request, uint32_t count, uint64_t id)
{
    publisher_send(dealer, &(pub_t){request, "Job.OnJobFailed", count, 10, id});
}

/* A PUB's first frame with whatever the test wants in it. */
static void send_raw_pub(void *dealer, uint64_t version, uint64_t request, uint64_t count,
                         const void *ends, size_t ends_len, const void *ids, size_t ids_len,
                         const char *topic, const void *events, size_t events_len)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_put_array(&out, 6);
    mp_put_uint(&out, version);
    mp_put_lit(&out, "PUB");
    mp_put_uint(&out, request);
    mp_put_uint(&out, count);
    mp_put_bin(&out, ends, ends_len);
    if (ids != NULL)
        mp_put_bin(&out, ids, ids_len);
    else
        mp_put_nil(&out);
    const void *frames[] = {out.data, topic, events};
    size_t lens[] = {out.len, strlen(topic), events_len};
    fixture_send(dealer, frames, lens, 3);
    sl_buf_fini(&out);
}

/* -- the good way ---------------------------------------------------------------------------- */

static void intake_acknowledges_with_numbers(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 3, 1);
    publisher_expect_ack(&f, dealer, 1, 1, 3, 0);
    send_pub(dealer, 2, 2, 10);
    publisher_expect_ack(&f, dealer, 2, 4, 5, 0);
    send_pub(dealer, 3, 2, 0); /* no ids */
    publisher_expect_ack(&f, dealer, 3, 6, 7, 0);
}

static void intake_recognises_what_is_sent_again_after_hello(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 3, 1);
    send_pub(dealer, 2, 3, 4);
    publisher_expect_ack(&f, dealer, 1, 1, 3, 0);
    publisher_expect_ack(&f, dealer, 2, 4, 6, 0);
    publisher_hello(&f, dealer);
    send_pub(dealer, 1, 3, 4);
    publisher_expect_ack(&f, dealer, 1, 0, 0, 3);
    send_pub(dealer, 2, 3, 6);
    publisher_expect_ack(&f, dealer, 2, 7, 8, 1);
}

static void intake_recognises_what_another_publisher_sent(void **state)
{
    (void)state;
    void *one = fixture_publisher(&f), *other = fixture_publisher(&f);
    send_pub(one, 1, 3, 1);
    publisher_expect_ack(&f, one, 1, 1, 3, 0);
    send_pub(other, 1, 4, 1);
    publisher_expect_ack(&f, other, 1, 4, 4, 3);
}

static void intake_takes_any_number_first_after_hello(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 7, 1, 1);
    publisher_expect_ack(&f, dealer, 7, 1, 1, 0);
    send_pub(dealer, 8, 1, 2);
    publisher_expect_ack(&f, dealer, 8, 2, 2, 0);
}

static void intake_answers_in_the_order_of_the_requests(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 1, 1);
    send_pub(dealer, 2, 1, 2);
    publisher_send(dealer, &(pub_t){3, "no topic", 1, 10, 3});
    send_pub(dealer, 4, 1, 4);
    for (int i = 0; i < 20; i++)
        fixture_turn(&f);
    parts_t parts;
    assert_false(fixture_try_receive(dealer, &parts)); /* the NAK waits behind the ACKs */
    journal.prompt = true;
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    publisher_expect_ack(&f, dealer, 2, 2, 2, 0);
    publisher_expect_nak(&f, dealer, 3, WIRE_NAK_TOPIC);
    publisher_expect_nak(&f, dealer, 4, WIRE_NAK_ORDER);
}

static void intake_acknowledges_only_what_the_journal_has(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 3, 1);
    send_pub(dealer, 2, 3, 1); /* duplicates of what is not durable yet */
    for (int i = 0; i < 20; i++)
        fixture_turn(&f);
    parts_t parts;
    assert_false(fixture_try_receive(dealer, &parts));
    assert_int_equal(fixture_count(&f, BROKER_FEED_BATCHES), 0);
    journal.due = 100;
    publisher_expect_ack(&f, dealer, 1, 1, 3, 0);
    publisher_expect_ack(&f, dealer, 2, 0, 0, 3);
    assert_int_equal(fixture_count(&f, BROKER_FEED_BATCHES), 1);
}

/* -- refusals -------------------------------------------------------------------------------- */

static void intake_wants_hello_first(void **state)
{
    (void)state;
    void *dealer = fixture_dealer(&f, f.broker.intake_endpoint);
    send_pub(dealer, 1, 1, 1);
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_HELLO);
    publisher_hello(&f, dealer);
    send_pub(dealer, 1, 1, 1);
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
}

static void intake_refuses_what_follows_a_refused_request_until_it_comes_again(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "$tick", 1, 10, 1});
    send_pub(dealer, 2, 1, 2);
    send_pub(dealer, 3, 1, 3);
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_TOPIC);
    publisher_expect_nak(&f, dealer, 2, WIRE_NAK_ORDER);
    publisher_expect_nak(&f, dealer, 3, WIRE_NAK_ORDER);
    send_pub(dealer, 1, 1, 1);
    send_pub(dealer, 2, 1, 2);
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    publisher_expect_ack(&f, dealer, 2, 2, 2, 0);
}

static void intake_refuses_a_gap_and_restarts_a_publisher_that_goes_back(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 1, 1);
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    send_pub(dealer, 3, 1, 3);
    publisher_expect_nak(&f, dealer, 3, WIRE_NAK_ORDER);
    send_pub(dealer, 1, 1, 1);
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_HELLO);
    send_pub(dealer, 2, 1, 2);
    publisher_expect_nak(&f, dealer, 2, WIRE_NAK_HELLO);
}

static void intake_takes_nothing_of_a_request_that_is_wrong(void **state)
{
    (void)state;
    static const uint8_t rising[8] = {5, 0, 0, 0, 10}, falling[8] = {10, 0, 0, 0, 5},
                         level[8] = {10, 0, 0, 0, 10}, early[8] = {5, 0, 0, 0, 9},
                         late[8] = {5, 0, 0, 0, 11}, zero[8] = {0, 0, 0, 0, 10},
                         huge[8] = {5, 0, 0, 0, 255, 255, 255, 255};
    static const uint8_t ids[32] = {1}, body[10] = {0x80};
    static const struct {
        uint64_t version, count;
        const void *ends;
        size_t ends_len;
        const void *ids;
        size_t ids_len;
        const char *topic;
        wire_nak_t code;
    } cases[] = {
        {1, 2, falling, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, level, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, early, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, late, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, zero, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, huge, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, rising, 7, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 3, rising, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 0, rising, 0, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, UINT32_MAX, rising, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, UINT64_MAX, rising, 8, NULL, 0, "Job.x", WIRE_NAK_FRAME},
        {1, 2, rising, 8, ids, 31, "Job.x", WIRE_NAK_FRAME},
        {1, 2, rising, 8, ids, 16, "Job.x", WIRE_NAK_FRAME},
        {2, 2, rising, 8, ids, 32, "Job.x", WIRE_NAK_VERSION},
        {1, 2, rising, 8, ids, 32, "Job", WIRE_NAK_TOPIC},
        {1, 2, rising, 8, ids, 32, "", WIRE_NAK_TOPIC},
        {1, 2, rising, 8, ids, 32, "$tick", WIRE_NAK_TOPIC},
        {1, 2, rising, 8, ids, 32, "~sync.0123456789abcdef", WIRE_NAK_TOPIC},
        {1, 2, rising, 8, ids, 32, "$other.x", WIRE_NAK_TOPIC},
        {1, 2, rising, 8, ids, 32, "Job.x.y", WIRE_NAK_TOPIC},
    };
    void *dealer = fixture_publisher(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        send_raw_pub(dealer, cases[i].version, 1, cases[i].count, cases[i].ends, cases[i].ends_len,
                     cases[i].ids, cases[i].ids_len, cases[i].topic, body, sizeof body);
        publisher_expect_nak(&f, dealer, 1, cases[i].code);
    }
    send_raw_pub(dealer, 1, 1, 2, rising, 8, ids, 32, "$dead.NotJson", body, sizeof body);
    publisher_expect_ack(&f, dealer, 1, 1, 2, 0);
}

static void intake_refuses_too_many_and_too_few_frames(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    sl_buf_t out = SL_BUF_INIT;
    uint8_t ends[4] = {10};
    wire_put_pub(&out, 1, 1, ends, NULL);
    const void *frames[] = {out.data, "Job.x", "0123456789", "", "more"};
    size_t lens[] = {out.len, 5, 10, 0, 4};
    for (size_t count = 1; count <= 5; count++) {
        if (count == 3)
            continue;
        fixture_send(dealer, frames, lens, count);
        publisher_expect_nak(&f, dealer, 1, WIRE_NAK_FRAME);
    }
    fixture_send(dealer, frames, lens, 3);
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    sl_buf_fini(&out);
}

static void intake_refuses_what_is_larger_than_it_said(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.x", 1, f.options.max_bytes + 1, 1});
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_SIZE);
    publisher_send(dealer, &(pub_t){1, "Job.x", 4097, 1, 1});
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_SIZE);
    publisher_send(dealer, &(pub_t){1, "Job.x", 1, f.options.max_bytes, 1});
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    publisher_send(dealer, &(pub_t){2, "Job.x", 4096, 1, 2});
    publisher_expect_ack(&f, dealer, 2, 2, 4097, 0);
}

static void intake_survives_a_giant_frame(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.x", 1, 16 << 20, 1});
    /* The connection is closed; the new one is a stranger. */
    uint64_t closed = fixture_count(&f, BROKER_INTAKE_MESSAGES);
    while (fixture_count(&f, BROKER_INTAKE_MESSAGES) == closed) {
        send_pub(dealer, 1, 1, 1);
        fixture_settle(&f);
    }
    publisher_expect_nak(&f, dealer, 1, WIRE_NAK_HELLO);
}

static void intake_refuses_one_topic_too_many(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    char topic[32];
    unsigned most = topics_ordinary(WIRE_TOPICS_PER_STREAM);
    for (unsigned n = 0; n <= most; n++) {
        snprintf(topic, sizeof topic, "Job.x%u", n);
        publisher_send(dealer, &(pub_t){n + 1, topic, 1, 10, 0});
        if (n < most)
            publisher_expect_ack(&f, dealer, n + 1, n + 1, n + 1, 0);
    }
    publisher_expect_nak(&f, dealer, most + 1, WIRE_NAK_TOPICS);
    publisher_send(dealer, &(pub_t){most + 1, "$dead.Refused", 1, 10, 0});
    publisher_expect_ack(&f, dealer, most + 1, most + 1, most + 1, 0);
}

static void intake_holds_publishers_to_their_window(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    uint64_t window = f.options.window;
    for (uint64_t n = 1; n <= window + 1; n++)
        send_pub(dealer, n, 1, n);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 1 + window + 1);
    journal.prompt = true;
    for (uint64_t n = 1; n <= window; n++)
        publisher_expect_ack(&f, dealer, n, n, n, 0);
    publisher_expect_nak(&f, dealer, window + 1, WIRE_NAK_BUSY);
}

static void intake_forgets_a_publisher_that_floods(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    for (uint64_t n = 1; n <= 10 * f.options.window; n++)
        send_pub(dealer, n, 1, n);
    fixture_await(&f, BROKER_PUBLISHERS_FORGOTTEN, 1);
    fixture_await(&f, BROKER_NAK_HELLO, 1);
    journal.prompt = true; /* what was taken is still published */
    fixture_await(&f, BROKER_FEED_EVENTS, f.options.window);
}

static void intake_makes_room_for_new_publishers(void **state)
{
    (void)state;
    void *first = fixture_publisher(&f);
    for (uint64_t n = 1; n <= f.options.publishers; n++)
        fixture_publisher(&f);
    assert_int_equal(fixture_count(&f, BROKER_PUBLISHERS_FORGOTTEN), 1);
    send_pub(first, 1, 1, 1);
    publisher_expect_nak(&f, first, 1, WIRE_NAK_HELLO);
}

static void intake_draining_refuses_what_is_new_and_finishes_what_it_has(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 1, 1);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 2);
    broker_begin_drain(&f.broker);
    assert_false(broker_is_drained(&f.broker));
    send_pub(dealer, 2, 1, 2);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 3);
    journal.due = 1;
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    publisher_expect_nak(&f, dealer, 2, WIRE_NAK_DRAINING);
    assert_true(broker_is_drained(&f.broker));
    void *late = fixture_dealer(&f, f.broker.intake_endpoint);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_hello(&out, "late", 4);
    zmq_send(late, out.data, out.len, 0);
    sl_buf_fini(&out);
    publisher_expect_nak(&f, late, 0, WIRE_NAK_DRAINING);
}

/* -- the journal ----------------------------------------------------------------------------- */

static void intake_failed_group_is_refused_and_can_be_sent_again_in_order(void **state)
{
    (void)state;
    void *one = fixture_publisher(&f), *other = fixture_publisher(&f);
    send_pub(one, 1, 2, 1);
    send_pub(one, 2, 2, 3);
    send_pub(other, 1, 2, 11);
    send_pub(one, 3, 2, 5);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 6);
    journal.failing = true;
    for (uint64_t n = 1; n <= 3; n++)
        publisher_expect_nak(&f, one, n, WIRE_NAK_BUSY);
    publisher_expect_nak(&f, other, 1, WIRE_NAK_BUSY);
    assert_int_equal(journal.resumed, 1);
    send_pub(one, 2, 2, 3); /* out of turn: 1 is due */
    publisher_expect_nak(&f, one, 2, WIRE_NAK_ORDER);
    sl_clock_manual_advance(&f.clock, 101 * MS); /* intake opens again */
    for (uint64_t n = 1; n <= 3; n++) {
        send_pub(one, n, 2, 2 * n - 1);
        fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1);
        journal.due = 100;
        publisher_expect_ack(&f, one, n, 2 * n - 1, 2 * n, 0);
    }
}

/* Fails the journal under request `n`.  @return what its refusal advises. */
static uint64_t fail_request(void *dealer, uint64_t n)
{
    send_pub(dealer, n, 1, n);
    fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1);
    journal.failing = true;
    wire_intake_t answer = publisher_answer(&f, dealer);
    assert_int_equal(answer.type, WIRE_NAK);
    assert_int_equal(answer.nak.code, WIRE_NAK_BUSY);
    return answer.nak.retry_ms;
}

static void intake_closes_for_longer_with_each_failure_until_one_group_succeeds(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    uint64_t expected_ms = 100;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fail_request(dealer, 1), expected_ms);
        send_pub(dealer, 1, 1, 1); /* too early: not even tried */
        publisher_expect_nak(&f, dealer, 1, WIRE_NAK_BUSY);
        assert_int_equal(fixture_count(&f, BROKER_ROLLBACKS), i + 1);
        sl_clock_manual_advance(&f.clock, expected_ms * MS);
        expected_ms = expected_ms < 2500 ? 2 * expected_ms : 5000;
    }
    send_pub(dealer, 1, 1, 1);
    fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1);
    journal.due = 1;
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    assert_int_equal(fail_request(dealer, 2), 100);
}

/* 2 repeats what is durable, so the failure does not touch it; but an ACK behind 1's NAK would tell
 * its publisher that it is done, and the broker would wait for it after 1. */
static void intake_request_of_duplicates_behind_a_failed_one_is_out_of_turn(void **state)
{
    (void)state;
    void *other = fixture_publisher(&f), *one = fixture_publisher(&f);
    send_pub(other, 1, 3, 1);
    fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1);
    journal.due = 1;
    publisher_expect_ack(&f, other, 1, 1, 3, 0);
    send_pub(one, 1, 2, 11);
    send_pub(one, 2, 3, 1);
    send_pub(one, 3, 2, 21);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 6);
    journal.failing = true;
    publisher_expect_nak(&f, one, 1, WIRE_NAK_BUSY);
    publisher_expect_nak(&f, one, 2, WIRE_NAK_ORDER);
    publisher_expect_nak(&f, one, 3, WIRE_NAK_BUSY);
    sl_clock_manual_advance(&f.clock, 100 * MS);
    send_pub(one, 1, 2, 11);
    send_pub(one, 2, 3, 1);
    send_pub(one, 3, 2, 21);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 9);
    journal.due = 2;
    publisher_expect_ack(&f, one, 1, 4, 5, 0);
    publisher_expect_ack(&f, one, 2, 0, 0, 3);
    journal.due = 2;
    publisher_expect_ack(&f, one, 3, 6, 7, 0);
}

static void intake_batches_grow_while_the_journal_works(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    send_pub(dealer, 1, 1, 1);
    fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1); /* nothing to wait for */
    for (uint64_t n = 2; n <= 4; n++) {
        send_pub(dealer, n, 1, n);
        fixture_await(&f, BROKER_INTAKE_MESSAGES, 1 + n);
    }
    assert_int_equal(fixture_count(&f, BROKER_BATCHES), 1);
    journal.due = 1;
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
    assert_int_equal(fixture_count(&f, BROKER_BATCHES), 2); /* at once */
    send_pub(dealer, 5, 1, 5);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 6);
    sl_clock_manual_advance(&f.clock, 20 * MS); /* a slow disk */
    fixture_settle(&f);
    assert_int_equal(fixture_count(&f, BROKER_BATCHES), 3);
    journal.due = 2;
    for (uint64_t n = 2; n <= 5; n++)
        publisher_expect_ack(&f, dealer, n, n, n, 0);
}

static void intake_stops_when_the_journal_is_behind_and_says_so_when_it_lasts(void **state)
{
    (void)state;
    void *dealer = fixture_publisher(&f);
    uint64_t n = 0;
    do { /* the clock stands still: each request is sealed as it comes */
        n++;
        publisher_send(dealer, &(pub_t){n, "Job.x", 1, 300000, n});
        fixture_await(&f, BROKER_INTAKE_MESSAGES, 1 + n);
    } while (sequencer_pending_bytes(&f.broker.sequencer) < f.options.intake_bytes);
    publisher_send(dealer, &(pub_t){n + 1, "Job.x", 1, 10, n + 1});
    for (int i = 0; i < 20; i++)
        fixture_turn(&f);
    assert_int_equal(fixture_count(&f, BROKER_INTAKE_MESSAGES), 1 + n); /* it is not even read */
    sl_clock_manual_advance(&f.clock, 1001000000);
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 2 + n);
    journal.due = 1000;
    for (uint64_t i = 1; i <= n; i++)
        publisher_expect_ack(&f, dealer, i, i, i, 0);
    publisher_expect_nak(&f, dealer, n + 1, WIRE_NAK_BUSY);
    publisher_send(dealer, &(pub_t){n + 1, "Job.x", 1, 10, n + 1});
    fixture_await(&f, BROKER_JOURNAL_IN_FLIGHT, 1);
    journal.due = 1;
    publisher_expect_ack(&f, dealer, n + 1, n + 1, n + 1, 0);
}

/* All of it is there before the broker looks once: the bound holds within a turn too. */
static void intake_keeps_its_bound_when_much_comes_at_once(void **state)
{
    (void)state;
    enum { REQUESTS = 40, BYTES = 300000 };
    void *dealer = fixture_publisher(&f);
    for (uint64_t n = 1; n <= REQUESTS; n++)
        publisher_send(dealer, &(pub_t){n, "Job.x", 1, BYTES, n});
    fixture_await(&f, BROKER_INTAKE_STOPS, 1);
    assert_in_range(sequencer_pending_bytes(&f.broker.sequencer), f.options.intake_bytes,
                    f.options.intake_bytes + BYTES + 4096);
    for (uint64_t i = 1; i <= REQUESTS; i++) {
        journal.due = 1;
        publisher_expect_ack(&f, dealer, i, i, i, 0);
    }
}

static int open_stopped_clock(void **state)
{
    (void)state;
    journal_scripted_init(&journal);
    fixture_prepare(&f);
    f.use_journal = &journal.base;
    f.options.intake_bytes = 3 << 20;
    sl_clock_manual_init(&f.clock, 1000000000, 1000000000);
    f.use_clock = &f.clock.clock;
    fixture_open(&f);
    return 0;
}

int main(void)
{
#define TEST(name)          cmocka_unit_test_setup_teardown(name, open_broker, close_broker)
#define TEST_STOPPED(name)  cmocka_unit_test_setup_teardown(name, open_stopped_clock, close_broker)
#define TEST_SCRIPTED(name) cmocka_unit_test_setup_teardown(name, open_scripted, close_broker)
    const struct CMUnitTest tests[] = {
        TEST(intake_acknowledges_with_numbers),
        TEST(intake_recognises_what_is_sent_again_after_hello),
        TEST(intake_recognises_what_another_publisher_sent),
        TEST(intake_takes_any_number_first_after_hello),
        TEST_SCRIPTED(intake_answers_in_the_order_of_the_requests),
        TEST_SCRIPTED(intake_acknowledges_only_what_the_journal_has),
        TEST(intake_wants_hello_first),
        TEST(intake_refuses_what_follows_a_refused_request_until_it_comes_again),
        TEST(intake_refuses_a_gap_and_restarts_a_publisher_that_goes_back),
        TEST(intake_takes_nothing_of_a_request_that_is_wrong),
        TEST(intake_refuses_too_many_and_too_few_frames),
        TEST(intake_refuses_what_is_larger_than_it_said),
        TEST(intake_survives_a_giant_frame),
        TEST(intake_refuses_one_topic_too_many),
        TEST_SCRIPTED(intake_holds_publishers_to_their_window),
        TEST_SCRIPTED(intake_forgets_a_publisher_that_floods),
        TEST(intake_makes_room_for_new_publishers),
        TEST_SCRIPTED(intake_draining_refuses_what_is_new_and_finishes_what_it_has),
        TEST_STOPPED(intake_failed_group_is_refused_and_can_be_sent_again_in_order),
        TEST_STOPPED(intake_closes_for_longer_with_each_failure_until_one_group_succeeds),
        TEST_STOPPED(intake_request_of_duplicates_behind_a_failed_one_is_out_of_turn),
        TEST_STOPPED(intake_batches_grow_while_the_journal_works),
        TEST_STOPPED(intake_stops_when_the_journal_is_behind_and_says_so_when_it_lasts),
        TEST_STOPPED(intake_keeps_its_bound_when_much_comes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The publisher when the broker refuses, forgets, falls silent, or lies. */
#include "fake_intake.h"

/* -- refusals -------------------------------------------------------------------------------- */

/* Requests 1 to 4 are sent, 1 is acknowledged, 2 gets this code and the rest NAK ORDER. */
static void refuse_the_second_of_four(fake_t *f, wire_nak_t code, uint32_t retry_ms)
{
    static const char *const bodies[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++)
        fake_send_alone(f, bodies[i], i + 1);
    for (int i = 0; i < 4; i++)
        fake_expect_pub(f, (uint64_t)i + 1, "a.b", bodies[i]);
    fake_ack(f, 1, 1, 0);
    fake_nak(f, 2, code, retry_ms);
    fake_nak(f, 3, WIRE_NAK_ORDER, 0);
    fake_nak(f, 4, WIRE_NAK_ORDER, 0);
}

static void busy_is_sent_again_from_the_refused_request_in_order(void **state)
{
    static const wire_nak_t again[] = {WIRE_NAK_BUSY, WIRE_NAK_DRAINING};
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    uint64_t request = 1;
    refuse_the_second_of_four(f, again[0], 5);
    for (request = 2; request <= 4; request++)
        fake_expect_pub(f, request, "a.b", (const char *[]){"2", "3", "4"}[request - 2]);
    fake_nak(f, 2, again[1], 5); /* and once more */
    fake_nak(f, 3, WIRE_NAK_ORDER, 0);
    fake_nak(f, 4, WIRE_NAK_ORDER, 0);
    for (request = 2; request <= 4; request++) {
        fake_expect_pub(f, request, "a.b", (const char *[]){"2", "3", "4"}[request - 2]);
        fake_ack(f, request, 1, 0);
    }
    fake_expect_receipts(f, 4);
    for (size_t i = 0; i < 4; i++)
        fake_expect_receipt(f, i, (intptr_t)i + 1, SLUICE_OK, "");
    assert_int_equal(fake_stats(f).resends, 6);
    fake_expect_silence(f);
}

static void late_refusals_of_order_take_nothing_back_twice(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    for (int i = 0; i < 3; i++)
        fake_send_alone(f, "x", i);
    for (uint64_t request = 1; request <= 3; request++)
        fake_expect_pub(f, request, "a.b", "x");
    fake_nak(f, 1, WIRE_NAK_BUSY, 1);
    for (uint64_t request = 1; request <= 3; request++)
        fake_expect_pub(f, request, "a.b", "x"); /* sent again before the rest of the answers */
    fake_nak(f, 2, WIRE_NAK_ORDER, 0);
    fake_nak(f, 3, WIRE_NAK_ORDER, 0);
    fake_expect_silence(f);
    for (uint64_t request = 1; request <= 3; request++)
        fake_ack(f, request, 1, 0);
    fake_expect_receipts(f, 3);
    assert_int_equal(fake_stats(f).resends, 3);
    assert_int_equal(fake_stats(f).hellos, 1);
}

static void too_large_a_batch_is_halved_until_the_one_event_stands_alone(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    for (int i = 0; i < 4; i++)
        fake_send_text(f, "a.b", (const char *[]){"1", "2", "3", "4"}[i], i + 1);
    sluice_pub_flush(f->pub);
    fake_send_alone(f, "5", 5);
    fake_expect_pub(f, 1, "a.b", "1234");
    fake_expect_pub(f, 2, "a.b", "5");
    fake_nak(f, 1, WIRE_NAK_SIZE, 0);
    fake_nak(f, 2, WIRE_NAK_ORDER, 0);
    fake_expect_pub(f, 1, "a.b", "12");
    fake_expect_pub(f, 2, "a.b", "34");
    fake_expect_pub(f, 3, "a.b", "5");
    fake_ack(f, 1, 2, 0);
    fake_nak(f, 2, WIRE_NAK_FRAME, 0);
    fake_nak(f, 3, WIRE_NAK_ORDER, 0);
    fake_expect_pub(f, 2, "a.b", "3");
    fake_expect_pub(f, 3, "a.b", "4");
    fake_expect_pub(f, 4, "a.b", "5");
    fake_nak(f, 2, WIRE_NAK_FRAME, 0); /* the one it was about */
    fake_nak(f, 3, WIRE_NAK_ORDER, 0);
    fake_nak(f, 4, WIRE_NAK_ORDER, 0);
    fake_expect_pub(f, 2, "a.b", "4");
    fake_expect_pub(f, 3, "a.b", "5");
    fake_ack(f, 2, 1, 0);
    fake_ack(f, 3, 1, 0);
    fake_expect_receipts(f, 5);
    for (size_t i = 0; i < 5; i++)
        fake_expect_receipt(f, i, (intptr_t)i + 1, i == 2 ? SLUICE_EREFUSED : SLUICE_OK,
                            i == 2 ? "FRAME" : "");
    assert_int_equal(fake_stats(f).refused_events, 1);
}

static void refused_topic_refuses_the_batch_and_nothing_behind_it(void **state)
{
    static const wire_nak_t codes[] = {WIRE_NAK_TOPIC, WIRE_NAK_TOPICS, WIRE_NAK_FORBIDDEN,
                                       WIRE_NAK_VERSION};
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        fake_send_text(f, "no.go", "1", 1);
        fake_send_text(f, "no.go", "2", 2);
        fake_send_alone(f, "3", 3);
        uint64_t request = i + 1;
        fake_expect_pub(f, request, "no.go", "12");
        fake_expect_pub(f, request + 1, "a.b", "3");
        fake_nak(f, request, codes[i], 0);
        fake_nak(f, request + 1, WIRE_NAK_ORDER, 0);
        fake_expect_pub(f, request, "a.b", "3");
        fake_ack(f, request, 1, 0);
        fake_expect_receipts(f, 3 * (i + 1));
        fake_expect_receipt(f, 3 * i, 1, SLUICE_EREFUSED, wire_nak_name(codes[i]));
        fake_expect_receipt(f, 3 * i + 1, 2, SLUICE_EREFUSED, wire_nak_name(codes[i]));
        fake_expect_receipt(f, 3 * i + 2, 3, SLUICE_OK, "");
    }
}

static void batch_formed_before_welcome_is_cut_to_its_limits(void **state)
{
    fake_t *f = *state;
    fake_start(f, (sluice_pub_options_t){0});
    fake_send_text(f, "a.b", "1", 1);
    fake_send_text(f, "a.b", "2", 2);
    fake_send_text(f, "a.b", "way too large", 3);
    fake_send_text(f, "a.b", "4", 4);
    fake_expect_hello(f);
    fake_expect_silence(f);
    fake_welcome(f, 8, 8, 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_expect_pub(f, 2, "a.b", "2");
    fake_expect_silence(f); /* the third is refused in its turn */
    fake_ack(f, 1, 1, 0);
    fake_ack(f, 2, 1, 0);
    fake_expect_pub(f, 3, "a.b", "4");
    fake_ack(f, 3, 1, 0);
    fake_expect_receipts(f, 4);
    fake_expect_receipt(f, 2, 3, SLUICE_EREFUSED, "SIZE");
    fake_expect_receipt(f, 3, 4, SLUICE_OK, "");
}

/* -- a broker that forgets, falls silent, or lies -------------------------------------------- */

static void broker_that_forgot_us_gets_hello_and_all_again_from_one(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_ack(f, 1, 1, 0);
    fake_send_alone(f, "2", 2);
    fake_send_alone(f, "3", 3);
    fake_expect_pub(f, 2, "a.b", "2");
    fake_expect_pub(f, 3, "a.b", "3");
    fake_nak(f, 2, WIRE_NAK_HELLO, 0);
    fake_nak(f, 3, WIRE_NAK_HELLO, 0);
    fake_expect_hello(f);
    fake_welcome(f, 8, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "2");
    fake_expect_pub(f, 2, "a.b", "3");
    fake_ack(f, 1, 0, 1);
    fake_ack(f, 2, 1, 0);
    fake_expect_receipts(f, 3);
    assert_int_equal(fake_stats(f).hellos, 2);
    assert_int_equal(fake_stats(f).duplicate_events, 1);
}

static void silent_broker_gets_hello_and_all_again_with_the_same_ids(void **state)
{
    fake_t *f = *state;
    uint8_t id[16];
    fake_start_ready(f, (sluice_pub_options_t){.ack_timeout_ms = 60}, 8);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    memcpy(id, f->said.pub.ids, sizeof id);
    fake_expect_hello(f);
    fake_welcome(f, 8, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "1");
    assert_memory_equal(f->said.pub.ids, id, sizeof id);
    assert_true(fake_stats(f).silent_ms >= 60);
    fake_ack(f, 1, 1, 0);
    fake_expect_receipts(f, 1);
}

static void answer_to_the_old_numbering_never_reaches_the_new(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){.ack_timeout_ms = 60}, 8);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    uint8_t old[PEER_MAX];
    size_t old_len = f->peer_len;
    memcpy(old, f->peer, old_len);
    fake_expect_hello(f);
    assert_memory_not_equal(old, f->peer, old_len);
    fake_welcome(f, 8, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "1");
    sl_buf_t out = SL_BUF_INIT;
    wire_put_ack(&out, 1, 1, 1, 1, 0);
    zmq_send(f->router, old, old_len, ZMQ_SNDMORE); /* the late answer, to who is gone */
    zmq_send(f->router, out.data, out.len, 0);
    sl_buf_fini(&out);
    sluice_pub_process(f->pub, TEST_STEP_MS);
    assert_int_equal(f->receipt_count, 0);
}

static void hello_without_welcome_is_said_again(void **state)
{
    fake_t *f = *state;
    fake_start(f, (sluice_pub_options_t){.ack_timeout_ms = 60});
    fake_expect_hello(f);
    fake_expect_hello(f);
    fake_nak(f, 0, WIRE_NAK_DRAINING, 20);
    fake_expect_hello(f);
    fake_welcome(f, 1, 1000, 100);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
}

static void welcome_that_nobody_asked_for_changes_nothing(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_welcome(f, 1, 1, 1);
    fake_ack(f, 1, 1, 0);
    fake_expect_receipts(f, 1);
    fake_send_alone(f, "22", 2);
    fake_expect_pub(f, 2, "a.b", "22");
}

static void answer_that_makes_no_sense_costs_the_connection_not_an_event(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, 8);
    fake_send_alone(f, "1", 1);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_ack(f, 7, 1, 0);
    fake_expect_hello(f);
    fake_welcome(f, 8, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_nak(f, 1, WIRE_NAK_ORDER, 0); /* nothing was refused */
    fake_expect_hello(f);
    fake_welcome(f, 8, 1000, 100);
    fake_expect_pub(f, 1, "a.b", "1");
    fake_nak(f, 9, WIRE_NAK_BUSY, 0); /* about nothing we sent */
    zmq_send(f->router, f->peer, f->peer_len, ZMQ_SNDMORE);
    zmq_send(f->router, "\xc1garbage", 8, 0);
    fake_ack(f, 1, 1, 0);
    fake_expect_receipts(f, 1);
    fake_expect_receipt(f, 0, 1, SLUICE_OK, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(busy_is_sent_again_from_the_refused_request_in_order),
        TEST(late_refusals_of_order_take_nothing_back_twice),
        TEST(too_large_a_batch_is_halved_until_the_one_event_stands_alone),
        TEST(refused_topic_refuses_the_batch_and_nothing_behind_it),
        TEST(batch_formed_before_welcome_is_cut_to_its_limits),
        TEST(broker_that_forgot_us_gets_hello_and_all_again_from_one),
        TEST(silent_broker_gets_hello_and_all_again_with_the_same_ids),
        TEST(answer_to_the_old_numbering_never_reaches_the_new),
        TEST(hello_without_welcome_is_said_again),
        TEST(welcome_that_nobody_asked_for_changes_nothing),
        TEST(answer_that_makes_no_sense_costs_the_connection_not_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

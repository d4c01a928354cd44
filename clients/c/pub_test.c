/* The publisher against a broker that says what the test tells it to. */
#include "testing.h"

#include "wire/feed.h"
#include "wire/intake.h"

#include <poll.h>
#include <stdio.h>

enum { RECEIPTS_MAX = 4096, PEER_MAX = 16 };

typedef struct fake {
    void *context, *router;
    char endpoint[64];
    sluice_pub_t *pub;
    uint8_t peer[PEER_MAX]; /* who spoke last */
    size_t peer_len;
    zmq_msg_t frames[3]; /* what it said */
    int frame_count;
    wire_intake_t said;
    sluice_receipt_t receipts[RECEIPTS_MAX];
    size_t receipt_count, resend_in_receipt;
} fake_t;

static void on_receipt(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    fake_t *f = ctx;
    for (size_t i = 0; i < count; i++) {
        assert_true(f->receipt_count < RECEIPTS_MAX);
        f->receipts[f->receipt_count++] = receipts[i];
    }
    for (; f->resend_in_receipt > 0; f->resend_in_receipt--)
        assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, "\x80", 1, NULL, (void *)999),
                         SLUICE_OK);
}

static int setup_with(void **state, bool inproc)
{
    fake_t *f = calloc(1, sizeof *f);
    f->context = zmq_ctx_new();
    f->router = test_bind(f->context, ZMQ_ROUTER, f->endpoint, sizeof f->endpoint);
    if (inproc) {
        strcpy(f->endpoint, "inproc://intake");
        assert_int_equal(zmq_bind(f->router, f->endpoint), 0);
    }
    for (int i = 0; i < 3; i++)
        zmq_msg_init(&f->frames[i]);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, false);
}

/* Messages over inproc are there as soon as they are sent. */
static int setup_inproc(void **state)
{
    return setup_with(state, true);
}

static int teardown(void **state)
{
    fake_t *f = *state;
    sluice_pub_destroy(&f->pub);
    for (int i = 0; i < 3; i++)
        zmq_msg_close(&f->frames[i]);
    zmq_close(f->router);
    zmq_ctx_term(f->context);
    free(f);
    return 0;
}

static void start(fake_t *f, sluice_pub_options_t options)
{
    options.size = sizeof options;
    options.intake = f->endpoint;
    options.zmq_context = strncmp(f->endpoint, "inproc", 6) == 0 ? f->context : NULL;
    options.on_receipt = on_receipt;
    options.ctx = f;
    assert_int_equal(sluice_pub_create(&f->pub, &options), SLUICE_OK);
}

/* The next message of the publisher, which is driven meanwhile. */
static void listen(fake_t *f)
{
    int waited = 0;
    while (!test_readable(f->router, 0)) {
        sluice_pub_process(f->pub, TEST_STEP_MS);
        assert_true((waited += TEST_STEP_MS) < TEST_PATIENCE_MS);
    }
    int len = zmq_recv(f->router, f->peer, sizeof f->peer, 0);
    assert_in_range(len, 1, sizeof f->peer);
    f->peer_len = (size_t)len;
    f->frame_count = 0;
    bool more = true;
    for (; more; f->frame_count++) {
        assert_true(f->frame_count < 3);
        assert_true(zmq_msg_recv(&f->frames[f->frame_count], f->router, 0) >= 0);
        more = zmq_msg_more(&f->frames[f->frame_count]);
    }
    assert_int_equal(
        wire_intake_decode(&f->said, zmq_msg_data(&f->frames[0]), zmq_msg_size(&f->frames[0])),
        SL_OK);
}

static void expect_hello(fake_t *f)
{
    listen(f);
    assert_int_equal(f->said.type, WIRE_HELLO);
}

/* A request of this number, topic and bytes, whatever its cuts. */
static void expect_pub(fake_t *f, uint64_t request, const char *topic, const char *body)
{
    listen(f);
    assert_int_equal(f->said.type, WIRE_PUB);
    assert_int_equal(f->said.request, request);
    assert_int_equal(f->frame_count, 3);
    assert_int_equal(zmq_msg_size(&f->frames[1]), strlen(topic));
    assert_memory_equal(zmq_msg_data(&f->frames[1]), topic, strlen(topic));
    assert_int_equal(zmq_msg_size(&f->frames[2]), strlen(body));
    assert_memory_equal(zmq_msg_data(&f->frames[2]), body, strlen(body));
    assert_true(wire_ends_valid(f->said.pub.ends, f->said.pub.count, strlen(body)));
}

static void expect_silence(fake_t *f)
{
    while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
        continue;
    assert_false(test_readable(f->router, 50));
}

static void answer(fake_t *f, sl_buf_t *out)
{
    assert_false(out->failed);
    assert_true(zmq_send(f->router, f->peer, f->peer_len, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(f->router, out->data, out->len, 0) >= 0);
    sl_buf_fini(out);
}

static void welcome(fake_t *f, uint32_t window, uint32_t max_bytes, uint32_t max_events)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_welcome(&out, 77, window, max_bytes, max_events);
    answer(f, &out);
}

static void ack(fake_t *f, uint64_t request, uint32_t accepted, uint32_t duplicates)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_ack(&out, request, 1, accepted, accepted, duplicates);
    answer(f, &out);
}

static void nak(fake_t *f, uint64_t request, wire_nak_t code, uint32_t retry_ms)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_nak(&out, request, code, wire_nak_text(code), retry_ms);
    answer(f, &out);
}

static void send_text(fake_t *f, const char *topic, const char *text, intptr_t user)
{
    assert_int_equal(
        sluice_pub_send(f->pub, topic, strlen(topic), text, strlen(text), NULL, (void *)user),
        SLUICE_OK);
}

/* One event, one request. */
static void send_alone(fake_t *f, const char *text, intptr_t user)
{
    send_text(f, "a.b", text, user);
    assert_int_equal(sluice_pub_flush(f->pub), SLUICE_OK);
}

static sluice_pub_stats_t stats(fake_t *f)
{
    sluice_pub_stats_t s = {.size = sizeof s};
    sluice_pub_stats(f->pub, &s);
    return s;
}

/* Connected, with nothing in flight. */
static void start_ready(fake_t *f, sluice_pub_options_t options, uint32_t window)
{
    start(f, options);
    expect_hello(f);
    welcome(f, window, 1000, 100);
    for (int waited = 0; stats(f).stream == 0; waited += TEST_STEP_MS) {
        sluice_pub_process(f->pub, TEST_STEP_MS);
        assert_true(waited < TEST_PATIENCE_MS);
    }
}

static void expect_receipts(fake_t *f, size_t count)
{
    for (int waited = 0; f->receipt_count < count; waited += TEST_STEP_MS) {
        sluice_pub_process(f->pub, TEST_STEP_MS);
        assert_true(waited < TEST_PATIENCE_MS);
    }
    assert_int_equal(f->receipt_count, count);
}

static void expect_receipt(fake_t *f, size_t i, intptr_t user, sluice_err err, const char *code)
{
    assert_true(i < f->receipt_count);
    assert_int_equal((intptr_t)f->receipts[i].user, user);
    assert_int_equal(f->receipts[i].err, err);
    assert_string_equal(f->receipts[i].code, code);
}

/* -- the plain way --------------------------------------------------------------------------- */

static void hello_tells_the_name_and_nothing_goes_before_welcome(void **state)
{
    fake_t *f = *state;
    start(f, (sluice_pub_options_t){.name = "bridge-7"});
    send_alone(f, "one", 1);
    expect_hello(f);
    assert_int_equal(f->said.hello.name_len, 8);
    assert_memory_equal(f->said.hello.name, "bridge-7", 8);
    expect_silence(f);
    welcome(f, 4, 1000, 100);
    expect_pub(f, 1, "a.b", "one");
    assert_int_equal(stats(f).stream, 77);
}

static void events_of_a_topic_share_a_batch_and_keep_their_order(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 4);
    send_text(f, "a.b", "one", 1);
    send_text(f, "c.d", "other", 2);
    send_text(f, "a.b", "two", 3);
    expect_pub(f, 1, "a.b", "onetwo");
    assert_int_equal(f->said.pub.count, 2);
    assert_int_equal(wire_end(f->said.pub.ends, 0), 3);
    expect_pub(f, 2, "c.d", "other");
    ack(f, 1, 2, 0);
    ack(f, 2, 0, 1);
    expect_receipts(f, 3);
    expect_receipt(f, 0, 1, SLUICE_OK, "");
    expect_receipt(f, 1, 3, SLUICE_OK, "");
    expect_receipt(f, 2, 2, SLUICE_OK, "");
    assert_int_equal(stats(f).acked_events, 3);
    assert_int_equal(stats(f).duplicate_events, 1);
    assert_int_equal(stats(f).pending_bytes, 0);
    assert_int_equal(stats(f).silent_ms, 0);
}

static void batch_leaves_when_it_is_full(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.batch_events = 2, .linger_us = 3600000000u}, 4);
    send_text(f, "a.b", "1", 1);
    expect_silence(f);
    send_text(f, "a.b", "2", 2);
    expect_pub(f, 1, "a.b", "12");
}

static void batch_keeps_below_its_bytes(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.batch_bytes = 10, .linger_us = 3600000000u}, 4);
    send_text(f, "a.b", "123456", 1);
    send_text(f, "a.b", "abcdef", 2); /* together 12 */
    expect_pub(f, 1, "a.b", "123456");
    send_text(f, "a.b", "wxyz", 3); /* together 10 */
    expect_pub(f, 2, "a.b", "abcdefwxyz");
}

static void linger_sends_what_waited_long_enough_by_the_descriptor_alone(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.linger_us = 2000}, 4);
    send_text(f, "a.b", "one", 1);
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    while (stats(f).requests == 0) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
            continue;
    }
    expect_pub(f, 1, "a.b", "one");
}

/* Nothing is called but when the descriptor says so. */
static void descriptor_alone_is_enough_to_be_welcome(void **state)
{
    fake_t *f = *state;
    start(f, (sluice_pub_options_t){0});
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    expect_hello(f);
    welcome(f, 1, 1000, 100);
    while (stats(f).stream == 0) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
            continue;
    }
}

static void answer_shows_on_the_descriptor(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 1000);
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    for (uint64_t request = 1; request <= 200; request++) {
        send_alone(f, "x", 1);
        expect_pub(f, request, "a.b", "x");
        ack(f, request, 1, 0);
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
    start_ready(f, (sluice_pub_options_t){0}, 1000);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    ack(f, 1, 1, 0);
    assert_int_equal(f->receipt_count, 0);
    send_alone(f, "2", 2);
    assert_int_equal(f->receipt_count, 1);
}

static void window_holds_back_what_has_no_room(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 2);
    send_alone(f, "1", 1);
    send_alone(f, "2", 2);
    send_alone(f, "3", 3);
    expect_pub(f, 1, "a.b", "1");
    expect_pub(f, 2, "a.b", "2");
    expect_silence(f);
    ack(f, 1, 1, 0);
    expect_pub(f, 3, "a.b", "3");
}

static void batch_in_line_goes_on_taking_events_until_it_is_sent(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.batch_events = 3}, 1);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    send_alone(f, "2", 2);
    send_alone(f, "3", 3);
    send_text(f, "c.d", "other", 4);
    sluice_pub_flush(f->pub);
    send_alone(f, "4", 5); /* the batch of a.b is full and still before that of c.d */
    send_alone(f, "5", 6);
    for (uint64_t request = 1; request <= 3; request++) {
        ack(f, request, 1, 0);
        expect_pub(f, request + 1, (const char *[]){"a.b", "c.d", "a.b"}[request - 1],
                   (const char *[]){"234", "other", "5"}[request - 1]);
    }
}

static void ids_are_sent_always_and_are_unique_where_not_given(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 4);
    static const uint8_t id[16] = "0123456789abcdef";
    sluice_pub_send(f->pub, "a.b", 3, "1", 1, id, NULL);
    send_text(f, "a.b", "2", 0);
    send_text(f, "a.b", "3", 0);
    expect_pub(f, 1, "a.b", "123");
    assert_non_null(f->said.pub.ids);
    assert_memory_equal(f->said.pub.ids, id, 16);
    assert_memory_not_equal(f->said.pub.ids + 16, f->said.pub.ids + 32, 16);
}

static void send_says_no_to_what_can_never_go(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.pending_bytes = 10}, 4);
    static const char big[1001];
    assert_int_equal(sluice_pub_send(f->pub, "nodot", 5, "x", 1, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "$tick", 5, "x", 1, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, "", 0, NULL, NULL), SLUICE_EINVAL);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 1001, NULL, NULL), SLUICE_ELIMIT);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 8, NULL, NULL), SLUICE_OK);
    assert_int_equal(sluice_pub_send(f->pub, "a.b", 3, big, 8, NULL, NULL), SLUICE_EAGAIN);
}

static void event_may_be_sent_from_a_receipt(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.batch_events = 1}, 1);
    f->resend_in_receipt = 3;
    send_text(f, "a.b", "1", 1);
    expect_pub(f, 1, "a.b", "1");
    ack(f, 1, 1, 0);
    for (uint64_t request = 2; request <= 4; request++) {
        expect_pub(f, request, "a.b", "\x80");
        ack(f, request, 1, 0);
    }
    expect_receipts(f, 4);
    expect_receipt(f, 3, 999, SLUICE_OK, "");
}

static void destroy_gives_every_event_left_a_receipt(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 1);
    send_alone(f, "1", 1);
    send_alone(f, "2", 2);
    send_text(f, "c.d", "3", 3);
    expect_pub(f, 1, "a.b", "1");
    sluice_pub_destroy(&f->pub);
    assert_null(f->pub);
    assert_int_equal(f->receipt_count, 3);
    for (size_t i = 0; i < 3; i++)
        expect_receipt(f, i, (intptr_t)i + 1, SLUICE_ECLOSED, "");
}

static void drain_comes_back_when_all_have_their_receipt_or_time_is_up(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 4);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    assert_int_equal(sluice_pub_drain(f->pub, 20), SLUICE_ETIMEDOUT);
    ack(f, 1, 1, 0);
    assert_int_equal(sluice_pub_drain(f->pub, TEST_PATIENCE_MS), SLUICE_OK);
    assert_int_equal(f->receipt_count, 1);
}

/* -- refusals -------------------------------------------------------------------------------- */

/* Requests 1 to 4 are sent, 1 is acknowledged, 2 gets this code and the rest NAK ORDER. */
static void refuse_the_second_of_four(fake_t *f, wire_nak_t code, uint32_t retry_ms)
{
    static const char *const bodies[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++)
        send_alone(f, bodies[i], i + 1);
    for (int i = 0; i < 4; i++)
        expect_pub(f, (uint64_t)i + 1, "a.b", bodies[i]);
    ack(f, 1, 1, 0);
    nak(f, 2, code, retry_ms);
    nak(f, 3, WIRE_NAK_ORDER, 0);
    nak(f, 4, WIRE_NAK_ORDER, 0);
}

static void busy_is_sent_again_from_the_refused_request_in_order(void **state)
{
    static const wire_nak_t again[] = {WIRE_NAK_BUSY, WIRE_NAK_DRAINING};
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    uint64_t request = 1;
    refuse_the_second_of_four(f, again[0], 5);
    for (request = 2; request <= 4; request++)
        expect_pub(f, request, "a.b", (const char *[]){"2", "3", "4"}[request - 2]);
    nak(f, 2, again[1], 5); /* and once more */
    nak(f, 3, WIRE_NAK_ORDER, 0);
    nak(f, 4, WIRE_NAK_ORDER, 0);
    for (request = 2; request <= 4; request++) {
        expect_pub(f, request, "a.b", (const char *[]){"2", "3", "4"}[request - 2]);
        ack(f, request, 1, 0);
    }
    expect_receipts(f, 4);
    for (size_t i = 0; i < 4; i++)
        expect_receipt(f, i, (intptr_t)i + 1, SLUICE_OK, "");
    assert_int_equal(stats(f).resends, 6);
    expect_silence(f);
}

static void late_refusals_of_order_take_nothing_back_twice(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    for (int i = 0; i < 3; i++)
        send_alone(f, "x", i);
    for (uint64_t request = 1; request <= 3; request++)
        expect_pub(f, request, "a.b", "x");
    nak(f, 1, WIRE_NAK_BUSY, 1);
    for (uint64_t request = 1; request <= 3; request++)
        expect_pub(f, request, "a.b", "x"); /* sent again before the rest of the answers */
    nak(f, 2, WIRE_NAK_ORDER, 0);
    nak(f, 3, WIRE_NAK_ORDER, 0);
    expect_silence(f);
    for (uint64_t request = 1; request <= 3; request++)
        ack(f, request, 1, 0);
    expect_receipts(f, 3);
    assert_int_equal(stats(f).resends, 3);
    assert_int_equal(stats(f).hellos, 1);
}

static void too_large_a_batch_is_halved_until_the_one_event_stands_alone(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    for (int i = 0; i < 4; i++)
        send_text(f, "a.b", (const char *[]){"1", "2", "3", "4"}[i], i + 1);
    sluice_pub_flush(f->pub);
    send_alone(f, "5", 5);
    expect_pub(f, 1, "a.b", "1234");
    expect_pub(f, 2, "a.b", "5");
    nak(f, 1, WIRE_NAK_SIZE, 0);
    nak(f, 2, WIRE_NAK_ORDER, 0);
    expect_pub(f, 1, "a.b", "12");
    expect_pub(f, 2, "a.b", "34");
    expect_pub(f, 3, "a.b", "5");
    ack(f, 1, 2, 0);
    nak(f, 2, WIRE_NAK_FRAME, 0);
    nak(f, 3, WIRE_NAK_ORDER, 0);
    expect_pub(f, 2, "a.b", "3");
    expect_pub(f, 3, "a.b", "4");
    expect_pub(f, 4, "a.b", "5");
    nak(f, 2, WIRE_NAK_FRAME, 0); /* the one it was about */
    nak(f, 3, WIRE_NAK_ORDER, 0);
    nak(f, 4, WIRE_NAK_ORDER, 0);
    expect_pub(f, 2, "a.b", "4");
    expect_pub(f, 3, "a.b", "5");
    ack(f, 2, 1, 0);
    ack(f, 3, 1, 0);
    expect_receipts(f, 5);
    for (size_t i = 0; i < 5; i++)
        expect_receipt(f, i, (intptr_t)i + 1, i == 2 ? SLUICE_EREFUSED : SLUICE_OK,
                       i == 2 ? "FRAME" : "");
    assert_int_equal(stats(f).refused_events, 1);
}

static void refused_topic_refuses_the_batch_and_nothing_behind_it(void **state)
{
    static const wire_nak_t codes[] = {WIRE_NAK_TOPIC, WIRE_NAK_TOPICS, WIRE_NAK_FORBIDDEN,
                                       WIRE_NAK_VERSION};
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        send_text(f, "no.go", "1", 1);
        send_text(f, "no.go", "2", 2);
        send_alone(f, "3", 3);
        uint64_t request = i + 1;
        expect_pub(f, request, "no.go", "12");
        expect_pub(f, request + 1, "a.b", "3");
        nak(f, request, codes[i], 0);
        nak(f, request + 1, WIRE_NAK_ORDER, 0);
        expect_pub(f, request, "a.b", "3");
        ack(f, request, 1, 0);
        expect_receipts(f, 3 * (i + 1));
        expect_receipt(f, 3 * i, 1, SLUICE_EREFUSED, wire_nak_name(codes[i]));
        expect_receipt(f, 3 * i + 1, 2, SLUICE_EREFUSED, wire_nak_name(codes[i]));
        expect_receipt(f, 3 * i + 2, 3, SLUICE_OK, "");
    }
}

static void batch_formed_before_welcome_is_cut_to_its_limits(void **state)
{
    fake_t *f = *state;
    start(f, (sluice_pub_options_t){0});
    send_text(f, "a.b", "1", 1);
    send_text(f, "a.b", "2", 2);
    send_text(f, "a.b", "way too large", 3);
    send_text(f, "a.b", "4", 4);
    expect_hello(f);
    expect_silence(f);
    welcome(f, 8, 8, 1);
    expect_pub(f, 1, "a.b", "1");
    expect_pub(f, 2, "a.b", "2");
    expect_silence(f); /* the third is refused in its turn */
    ack(f, 1, 1, 0);
    ack(f, 2, 1, 0);
    expect_pub(f, 3, "a.b", "4");
    ack(f, 3, 1, 0);
    expect_receipts(f, 4);
    expect_receipt(f, 2, 3, SLUICE_EREFUSED, "SIZE");
    expect_receipt(f, 3, 4, SLUICE_OK, "");
}

/* -- a broker that forgets, falls silent, or lies -------------------------------------------- */

static void broker_that_forgot_us_gets_hello_and_all_again_from_one(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    ack(f, 1, 1, 0);
    send_alone(f, "2", 2);
    send_alone(f, "3", 3);
    expect_pub(f, 2, "a.b", "2");
    expect_pub(f, 3, "a.b", "3");
    nak(f, 2, WIRE_NAK_HELLO, 0);
    nak(f, 3, WIRE_NAK_HELLO, 0);
    expect_hello(f);
    welcome(f, 8, 1000, 100);
    expect_pub(f, 1, "a.b", "2");
    expect_pub(f, 2, "a.b", "3");
    ack(f, 1, 0, 1);
    ack(f, 2, 1, 0);
    expect_receipts(f, 3);
    assert_int_equal(stats(f).hellos, 2);
    assert_int_equal(stats(f).duplicate_events, 1);
}

static void silent_broker_gets_hello_and_all_again_with_the_same_ids(void **state)
{
    fake_t *f = *state;
    uint8_t id[16];
    start_ready(f, (sluice_pub_options_t){.ack_timeout_ms = 60}, 8);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    memcpy(id, f->said.pub.ids, sizeof id);
    expect_hello(f);
    welcome(f, 8, 1000, 100);
    expect_pub(f, 1, "a.b", "1");
    assert_memory_equal(f->said.pub.ids, id, sizeof id);
    assert_true(stats(f).silent_ms >= 60);
    ack(f, 1, 1, 0);
    expect_receipts(f, 1);
}

static void answer_to_the_old_numbering_never_reaches_the_new(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){.ack_timeout_ms = 60}, 8);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    uint8_t old[PEER_MAX];
    size_t old_len = f->peer_len;
    memcpy(old, f->peer, old_len);
    expect_hello(f);
    assert_memory_not_equal(old, f->peer, old_len);
    welcome(f, 8, 1000, 100);
    expect_pub(f, 1, "a.b", "1");
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
    start(f, (sluice_pub_options_t){.ack_timeout_ms = 60});
    expect_hello(f);
    expect_hello(f);
    nak(f, 0, WIRE_NAK_DRAINING, 20);
    expect_hello(f);
    welcome(f, 1, 1000, 100);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
}

static void welcome_that_nobody_asked_for_changes_nothing(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    welcome(f, 1, 1, 1);
    ack(f, 1, 1, 0);
    expect_receipts(f, 1);
    send_alone(f, "22", 2);
    expect_pub(f, 2, "a.b", "22");
}

static void answer_that_makes_no_sense_costs_the_connection_not_an_event(void **state)
{
    fake_t *f = *state;
    start_ready(f, (sluice_pub_options_t){0}, 8);
    send_alone(f, "1", 1);
    expect_pub(f, 1, "a.b", "1");
    ack(f, 7, 1, 0);
    expect_hello(f);
    welcome(f, 8, 1000, 100);
    expect_pub(f, 1, "a.b", "1");
    nak(f, 1, WIRE_NAK_ORDER, 0); /* nothing was refused */
    expect_hello(f);
    welcome(f, 8, 1000, 100);
    expect_pub(f, 1, "a.b", "1");
    nak(f, 9, WIRE_NAK_BUSY, 0); /* about nothing we sent */
    zmq_send(f->router, f->peer, f->peer_len, ZMQ_SNDMORE);
    zmq_send(f->router, "\xc1garbage", 8, 0);
    ack(f, 1, 1, 0);
    expect_receipts(f, 1);
    expect_receipt(f, 0, 1, SLUICE_OK, "");
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

#define TEST(name)        cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_INPROC(name) cmocka_unit_test_setup_teardown(name, setup_inproc, teardown)

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
        TEST(event_may_be_sent_from_a_receipt),
        TEST(destroy_gives_every_event_left_a_receipt),
        TEST(drain_comes_back_when_all_have_their_receipt_or_time_is_up),
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
        TEST(options_of_another_size_are_taken_or_refused_by_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fake_intake.h"

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

int fake_setup(void **state)
{
    return setup_with(state, false);
}

int fake_setup_inproc(void **state)
{
    return setup_with(state, true);
}

int fake_teardown(void **state)
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

void fake_start(fake_t *f, sluice_pub_options_t options)
{
    options.size = sizeof options;
    options.intake = f->endpoint;
    options.zmq_context = strncmp(f->endpoint, "inproc", 6) == 0 ? f->context : NULL;
    options.on_receipt = on_receipt;
    options.ctx = f;
    assert_int_equal(sluice_pub_create(&f->pub, &options), SLUICE_OK);
}

/* The next message of the publisher, which is driven meanwhile. */
static void hear(fake_t *f)
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

void fake_expect_hello(fake_t *f)
{
    hear(f);
    assert_int_equal(f->said.type, WIRE_HELLO);
}

void fake_expect_pub(fake_t *f, uint64_t request, const char *topic, const char *body)
{
    hear(f);
    assert_int_equal(f->said.type, WIRE_PUB);
    assert_int_equal(f->said.request, request);
    assert_int_equal(f->frame_count, 3);
    assert_int_equal(zmq_msg_size(&f->frames[1]), strlen(topic));
    assert_memory_equal(zmq_msg_data(&f->frames[1]), topic, strlen(topic));
    assert_int_equal(zmq_msg_size(&f->frames[2]), strlen(body));
    assert_memory_equal(zmq_msg_data(&f->frames[2]), body, strlen(body));
    assert_true(wire_ends_valid(f->said.pub.ends, f->said.pub.count, strlen(body)));
}

void fake_expect_silence(fake_t *f)
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

void fake_welcome(fake_t *f, uint32_t window, uint32_t max_bytes, uint32_t max_events)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_welcome(&out, 77, window, max_bytes, max_events);
    answer(f, &out);
}

void fake_ack(fake_t *f, uint64_t request, uint32_t accepted, uint32_t duplicates)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_ack(&out, request, 1, accepted, accepted, duplicates);
    answer(f, &out);
}

void fake_nak(fake_t *f, uint64_t request, wire_nak_t code, uint32_t retry_ms)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_nak(&out, request, code, wire_nak_text(code), retry_ms);
    answer(f, &out);
}

void fake_send_text(fake_t *f, const char *topic, const char *text, intptr_t user)
{
    assert_int_equal(
        sluice_pub_send(f->pub, topic, strlen(topic), text, strlen(text), NULL, (void *)user),
        SLUICE_OK);
}

void fake_send_alone(fake_t *f, const char *text, intptr_t user)
{
    fake_send_text(f, "a.b", text, user);
    assert_int_equal(sluice_pub_flush(f->pub), SLUICE_OK);
}

sluice_pub_stats_t fake_stats(fake_t *f)
{
    sluice_pub_stats_t s = {.size = sizeof s};
    sluice_pub_stats(f->pub, &s);
    return s;
}

void fake_start_ready(fake_t *f, sluice_pub_options_t options, uint32_t window)
{
    fake_start(f, options);
    fake_expect_hello(f);
    fake_welcome(f, window, 1000, 100);
    for (int waited = 0; fake_stats(f).stream == 0; waited += TEST_STEP_MS) {
        sluice_pub_process(f->pub, TEST_STEP_MS);
        assert_true(waited < TEST_PATIENCE_MS);
    }
}

void fake_expect_receipts(fake_t *f, size_t count)
{
    for (int waited = 0; f->receipt_count < count; waited += TEST_STEP_MS) {
        sluice_pub_process(f->pub, TEST_STEP_MS);
        assert_true(waited < TEST_PATIENCE_MS);
    }
    assert_int_equal(f->receipt_count, count);
}

void fake_expect_receipt(fake_t *f, size_t i, intptr_t user, sluice_err err, const char *code)
{
    assert_true(i < f->receipt_count);
    assert_int_equal((intptr_t)f->receipts[i].user, user);
    assert_int_equal(f->receipts[i].err, err);
    assert_string_equal(f->receipts[i].code, code);
}

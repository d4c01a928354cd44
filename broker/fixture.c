#include "fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

enum { PATIENCE_S = 20, TURN_NS = 1000000 };

void fixture_prepare(fixture_t *f)
{
    memset(f, 0, sizeof *f);
    f->use_clock = &sl_clock_system;
    f->options = (broker_options_t){.feed = "tcp://127.0.0.1:*",
                                    .intake = "tcp://127.0.0.1:*",
                                    .query = "tcp://127.0.0.1:*",
                                    .name = "test",
                                    .data = "",
                                    .memory_bytes = 1 << 20,
                                    .window = 16,
                                    .max_bytes = 1 << 20,
                                    .max_events = 4096,
                                    .publishers = 64,
                                    .topics = 1024,
                                    .replays = 16,
                                    .cursors = 64,
                                    .intake_bytes = 64 << 20,
                                    .retry_ms = 50,
                                    .dedup_count = 100000,
                                    .dedup_age_ms = 3600000,
                                    .feed_hwm = 32,
                                    .sndbuf_bytes = 64 << 10,
                                    .patience_ms = 50,
                                    .tick_ms = 100,
                                    .idle_tick_ms = 1000,
                                    .linger_us = 1000,
                                    .connections = 1000,
                                    .backlog = 100,
                                    .drain_ms = 1000};
}

void fixture_open(fixture_t *f)
{
    const char *failed;
    assert_int_equal(broker_init(&f->broker, &f->options, f->use_journal, f->use_clock, &failed),
                     SL_OK);
    f->context = zmq_ctx_new();
}

void fixture_close(fixture_t *f)
{
    for (size_t i = 0; i < f->peer_count; i++)
        if (f->peers[i] != NULL)
            zmq_close(f->peers[i]);
    zmq_ctx_term(f->context);
    broker_fini(&f->broker, 0);
}

static uint64_t seconds(void)
{
    return sl_clock_mono_ns(&sl_clock_system) / 1000000000u;
}

void fixture_turn(fixture_t *f)
{
    broker_turn(&f->broker, TURN_NS, -1);
}

uint64_t fixture_count(const fixture_t *f, int counter)
{
    return counter_get(&f->broker.counters[counter]);
}

void fixture_await(fixture_t *f, int counter, uint64_t value)
{
    uint64_t until = seconds() + PATIENCE_S;
    while (fixture_count(f, counter) < value) {
        fixture_turn(f);
        if (seconds() > until)
            fail_msg("%s stays at %llu", broker_counter_defs[counter].name,
                     (unsigned long long)fixture_count(f, counter));
    }
}

void fixture_settle(fixture_t *f)
{
    for (int quiet = 0; quiet < 50;)
        quiet = broker_turn(&f->broker, TURN_NS, -1) == 0 ? quiet + 1 : 0;
}

bool fixture_try_receive(void *socket, parts_t *parts)
{
    parts->count = 0;
    zmq_msg_t msg;
    bool more = true;
    while (more) {
        zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, socket, parts->count == 0 ? ZMQ_DONTWAIT : 0) < 0) {
            zmq_msg_close(&msg);
            return false;
        }
        assert_true(parts->count < ARRAY_LEN(parts->data));
        size_t len = zmq_msg_size(&msg);
        parts->len[parts->count] = len;
        parts->data[parts->count] = malloc(len + 1);
        memcpy(parts->data[parts->count], zmq_msg_data(&msg), len);
        parts->count++;
        more = zmq_msg_more(&msg);
        zmq_msg_close(&msg);
    }
    return true;
}

void fixture_receive(fixture_t *f, void *socket, parts_t *parts)
{
    uint64_t until = seconds() + PATIENCE_S;
    while (!fixture_try_receive(socket, parts)) {
        fixture_turn(f);
        if (seconds() > until)
            fail_msg("no message came");
    }
}

void parts_free(parts_t *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->data[i]);
    parts->count = 0;
}

static void *peer(fixture_t *f, int type, const char *endpoint)
{
    int linger = 0, unbounded = 0;
    void *socket = zmq_socket(f->context, type);
    assert_non_null(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    assert_true(f->peer_count < ARRAY_LEN(f->peers));
    f->peers[f->peer_count++] = socket;
    return socket;
}

int fixture_tcp(const char *endpoint)
{
    unsigned port;
    assert_int_equal(sscanf(endpoint, "tcp://127.0.0.1:%u", &port), 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* -- publishers ------------------------------------------------------------------------------ */

void *fixture_dealer(fixture_t *f, const char *endpoint)
{
    return peer(f, ZMQ_DEALER, endpoint);
}

void fixture_send(void *socket, const void *const frames[], const size_t lens[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(zmq_send(socket, frames[i], lens[i], i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
}

void publisher_hello(fixture_t *f, void *dealer)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_hello(&out, "test", 4);
    zmq_send(dealer, out.data, out.len, 0);
    sl_buf_fini(&out);
    wire_intake_t answer = publisher_answer(f, dealer);
    assert_int_equal(answer.type, WIRE_WELCOME);
    assert_int_equal(answer.welcome.stream, f->broker.sequencer.o.stream);
    assert_int_equal(answer.welcome.window, f->options.window);
    assert_int_equal(answer.welcome.max_bytes, f->options.max_bytes);
    assert_int_equal(answer.welcome.max_events, f->options.max_events);
}

void *fixture_publisher(fixture_t *f)
{
    void *dealer = fixture_dealer(f, f->broker.intake_endpoint);
    publisher_hello(f, dealer);
    return dealer;
}

void publisher_send(void *dealer, const pub_t *pub)
{
    uint8_t *ends = malloc(4 * (size_t)pub->count + 1);
    uint8_t *ids = malloc(WIRE_ID_BYTES * (size_t)pub->count + 1);
    uint8_t *events = malloc(pub->count * pub->len + 1);
    memset(events, 0x80, pub->count * pub->len);
    for (uint32_t i = 0; i < pub->count; i++) {
        wire_put_end(ends + 4 * (size_t)i, (uint32_t)((i + 1) * pub->len));
        test_id(ids + WIRE_ID_BYTES * (size_t)i, pub->id + i);
    }
    sl_buf_t out = SL_BUF_INIT;
    wire_put_pub(&out, pub->request, pub->count, ends, pub->id != 0 ? ids : NULL);
    const void *frames[] = {out.data, pub->topic, events};
    size_t lens[] = {out.len, strlen(pub->topic), pub->count * pub->len};
    fixture_send(dealer, frames, lens, 3);
    sl_buf_fini(&out);
    free(ends);
    free(ids);
    free(events);
}

wire_intake_t publisher_answer(fixture_t *f, void *dealer)
{
    parts_t parts;
    wire_intake_t answer;
    fixture_receive(f, dealer, &parts);
    assert_int_equal(parts.count, 1);
    assert_int_equal(wire_intake_decode(&answer, parts.data[0], parts.len[0]), SL_OK);
    parts_free(&parts); /* no test looks at the borrowed text of a NAK */
    return answer;
}

void publisher_expect_ack(fixture_t *f, void *dealer, uint64_t request, uint64_t first,
                          uint64_t last, uint32_t duplicates)
{
    wire_intake_t answer = publisher_answer(f, dealer);
    assert_int_equal(answer.type, WIRE_ACK);
    assert_int_equal(answer.request, request);
    assert_int_equal(answer.ack.first, first);
    assert_int_equal(answer.ack.last, last);
    assert_int_equal(answer.ack.duplicates, duplicates);
}

void publisher_expect_nak(fixture_t *f, void *dealer, uint64_t request, wire_nak_t code)
{
    wire_intake_t answer = publisher_answer(f, dealer);
    assert_int_equal(answer.type, WIRE_NAK);
    assert_int_equal(answer.request, request);
    assert_string_equal(wire_nak_name(answer.nak.code), wire_nak_name(code));
    assert_int_equal(answer.nak.retry_ms, wire_nak_again(code) ? f->broker.intake.retry_ms : 0);
}

/* -- subscribers ----------------------------------------------------------------------------- */

void subscriber_subscribe(void *sub, const void *topic, size_t len)
{
    assert_int_equal(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, len), 0);
}

void *fixture_subscriber(fixture_t *f, const char *prefix)
{
    void *sub = peer(f, ZMQ_SUB, f->broker.feed_endpoint);
    subscriber_subscribe(sub, prefix, strlen(prefix));
    return sub;
}

void subscriber_receive(fixture_t *f, void *sub, message_t *m)
{
    fixture_receive(f, sub, &m->parts);
    const parts_t *p = &m->parts;
    assert_int_equal(p->count, BATCH_FRAMES);
    assert_int_equal(wire_feed_decode(&m->header, p->data[1], p->len[1], p->data[0], p->len[0],
                                      p->data[2], p->len[2]),
                     SL_OK);
    assert_true(p->len[0] <= WIRE_TOPIC_MAX);
    memcpy(m->topic, p->data[0], p->len[0]);
    m->topic[p->len[0]] = '\0';
}

void subscriber_await(fixture_t *f, void *sub, const char *topic, message_t *m)
{
    subscriber_receive(f, sub, m);
    while (strcmp(m->topic, topic) != 0) {
        message_free(m);
        subscriber_receive(f, sub, m);
    }
}

void subscriber_join(fixture_t *f, void *sub, message_t *m)
{
    static unsigned serial;
    char topic[WIRE_SYNC_TOPIC_LEN + 1];
    snprintf(topic, sizeof topic, WIRE_SYNC_PREFIX "%016x", ++serial);
    subscriber_subscribe(sub, topic, WIRE_SYNC_TOPIC_LEN);
    subscriber_await(f, sub, topic, m);
    assert_int_equal(m->header.count, 0);
}

void subscriber_drain(fixture_t *f, void *sub)
{
    parts_t parts;
    for (int quiet = 0; quiet < 50; quiet++) {
        fixture_turn(f);
        while (fixture_try_receive(sub, &parts)) {
            parts_free(&parts);
            quiet = 0;
        }
    }
}

void message_free(message_t *m)
{
    parts_free(&m->parts);
}

uint64_t message_tail(const message_t *m, const char *topic)
{
    wire_tails_t tails;
    wire_tail_t tail;
    assert_int_equal(wire_tails_open(&tails, m->parts.data[2], m->parts.len[2]), SL_OK);
    while (wire_tails_next(&tails, &tail) == SL_OK)
        if (tail.topic_len == strlen(topic) && memcmp(tail.topic, topic, tail.topic_len) == 0)
            return tail.last;
    return 0;
}

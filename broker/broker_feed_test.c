#include "fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 1000000 };

static fixture_t f;
static void *dealer;
static uint64_t request;

static int open_broker(void **state)
{
    (void)state;
    fixture_prepare(&f);
    fixture_open(&f);
    request = 0;
    dealer = fixture_publisher(&f);
    return 0;
}

static int open_manual_clock(void **state)
{
    (void)state;
    fixture_prepare(&f);
    sl_clock_manual_init(&f.clock, 5000ull * MS, 1700000000000ull * MS);
    f.use_clock = &f.clock.clock;
    fixture_open(&f);
    request = 0;
    dealer = fixture_publisher(&f);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* Publishes and waits for the ACK: the batch is with the feed. */
static void publish(const char *topic, uint32_t count, size_t len)
{
    publisher_send(dealer, &(pub_t){++request, topic, count, len, 0});
    wire_intake_t answer = publisher_answer(&f, dealer);
    assert_int_equal(answer.type, WIRE_ACK);
}

static void *joined(const char *prefix)
{
    message_t m;
    void *sub = fixture_subscriber(&f, prefix);
    subscriber_join(&f, sub, &m);
    message_free(&m);
    return sub;
}

static void expect_batch(void *sub, const char *topic, uint64_t prev, uint64_t first,
                         uint32_t count)
{
    message_t m;
    subscriber_receive(&f, sub, &m);
    assert_string_equal(m.topic, topic);
    assert_int_equal(m.header.stream, f.broker.sequencer.o.stream);
    assert_int_equal(m.header.prev, prev);
    assert_int_equal(m.header.first, first);
    assert_int_equal(m.header.count, count);
    message_free(&m);
}

/* -- batches --------------------------------------------------------------------------------- */

static void feed_carries_numbers_and_the_chain_of_each_topic(void **state)
{
    (void)state;
    void *all = joined("Job."), *one = joined("Job.a");
    publish("Job.a", 3, 10);
    publish("Job.b", 2, 10);
    publish("Job.a", 100, 320);  /* forwarded as it is */
    publish("Job.b", 1, 400000); /* larger than a batch */
    expect_batch(all, "Job.a", 0, 1, 3);
    expect_batch(all, "Job.b", 0, 4, 2);
    expect_batch(all, "Job.a", 3, 6, 100);
    expect_batch(all, "Job.b", 5, 106, 1);
    expect_batch(one, "Job.a", 0, 1, 3);
    expect_batch(one, "Job.a", 3, 6, 100);
}

static void feed_times_never_go_back(void **state)
{
    (void)state;
    void *sub = joined("");
    uint64_t time_ns = 0;
    for (int i = 0; i < 5; i++) {
        publish("Job.a", 1, 10);
        f.clock.wall_ns -= 1000ull * MS; /* someone sets the clock back */
        f.clock.mono_ns += 100ull * MS;
        message_t m;
        for (int two = 0; two < 2; two++) { /* the batch, and a tick */
            subscriber_receive(&f, sub, &m);
            assert_true(m.header.time_ns >= time_ns);
            time_ns = m.header.time_ns;
            message_free(&m);
        }
    }
}

/* -- ticks ----------------------------------------------------------------------------------- */

static void tick_follows_the_first_batch_it_covers_after_100_ms(void **state)
{
    (void)state;
    void *sub = joined("");
    publish("Job.a", 3, 10);
    sl_clock_manual_advance(&f.clock, 60 * MS);
    publish("Job.b", 2, 10);
    fixture_settle(&f);
    assert_int_equal(fixture_count(&f, BROKER_FEED_TICKS), 0);
    sl_clock_manual_advance(&f.clock, 40 * MS);
    fixture_await(&f, BROKER_FEED_TICKS, 1);
    expect_batch(sub, "Job.a", 0, 1, 3);
    expect_batch(sub, "Job.b", 0, 4, 2);
    message_t m;
    subscriber_receive(&f, sub, &m);
    assert_string_equal(m.topic, WIRE_TICK_TOPIC);
    assert_int_equal(m.header.count, 0);
    assert_int_equal(m.header.first, 6);
    assert_int_equal(message_tail(&m, "Job.a"), 3);
    assert_int_equal(message_tail(&m, "Job.b"), 5);
    message_free(&m);
}

static void tick_comes_once_a_second_when_idle(void **state)
{
    (void)state;
    void *sub = joined(WIRE_TICK_TOPIC);
    for (uint64_t n = 1; n <= 3; n++) {
        sl_clock_manual_advance(&f.clock, 999ull * MS);
        fixture_settle(&f);
        assert_int_equal(fixture_count(&f, BROKER_FEED_TICKS), n - 1);
        sl_clock_manual_advance(&f.clock, 1 * MS);
        fixture_await(&f, BROKER_FEED_TICKS, n);
        message_t m;
        subscriber_receive(&f, sub, &m);
        assert_int_equal(m.header.first, 1);
        assert_int_equal(m.parts.len[2], 1); /* an empty map */
        message_free(&m);
    }
}

static void tick_of_all_long_topics_is_one_message(void **state)
{
    (void)state;
    char topic[WIRE_TOPIC_MAX + 1];
    const unsigned most = topics_ordinary(WIRE_TOPICS_PER_STREAM);
    for (unsigned n = 0; n < most; n++) {
        snprintf(topic, sizeof topic, "%064u.%064u", n, n);
        publish(topic, 1, 10);
    }
    message_t m;
    void *sub = fixture_subscriber(&f, "none");
    subscriber_join(&f, sub, &m);
    assert_int_equal(m.header.first, most + 1);
    assert_int_equal(message_tail(&m, topic), most);
    assert_true(m.parts.len[0] + m.parts.len[1] + m.parts.len[2] <= WIRE_BATCH_BYTES_MAX);
    message_free(&m);
}

/* -- sync ------------------------------------------------------------------------------------ */

static void sync_answer_proves_that_all_subscriptions_are_in_force(void **state)
{
    (void)state;
    enum { TOPICS = 500 };
    char topic[32];
    message_t m;
    void *sub = fixture_subscriber(&f, "Job.x0");
    for (unsigned n = 1; n < TOPICS; n++) {
        int len = snprintf(topic, sizeof topic, "Job.x%u", n);
        subscriber_subscribe(sub, topic, (size_t)len);
    }
    publish("Job.before", 2, 10);
    subscriber_join(&f, sub, &m);
    assert_int_equal(m.header.first, 3);
    assert_int_equal(message_tail(&m, "Job.before"), 2);
    message_free(&m);
    for (unsigned n = 0; n < TOPICS; n++) {
        snprintf(topic, sizeof topic, "Job.x%u", n);
        publish(topic, 1, 10);
    }
    for (unsigned n = 0; n < TOPICS; n++) {
        snprintf(topic, sizeof topic, "Job.x%u", n);
        expect_batch(sub, topic, 0, n + 3, 1);
    }
}

static void sync_is_answered_to_each_asker_and_again_after_a_reconnect(void **state)
{
    (void)state;
    static const char topic[] = "~sync.00000000000000aa";
    message_t m;
    void *one = fixture_subscriber(&f, "Job."), *two = fixture_subscriber(&f, "Job.");
    subscriber_subscribe(one, topic, WIRE_SYNC_TOPIC_LEN);
    subscriber_await(&f, one, topic, &m);
    message_free(&m);
    subscriber_subscribe(two, topic, WIRE_SYNC_TOPIC_LEN); /* the same: verbose shows it again */
    subscriber_await(&f, two, topic, &m);
    message_free(&m);
    assert_int_equal(fixture_count(&f, BROKER_FEED_SYNCS), 2);
    assert_int_equal(zmq_disconnect(one, f.broker.feed_endpoint), 0);
    assert_int_equal(zmq_connect(one, f.broker.feed_endpoint), 0);
    fixture_await(&f, BROKER_FEED_SYNCS, 3);
}

static void sync_answers_no_other_topic(void **state)
{
    (void)state;
    static const char *const others[] = {
        "~sync.", "~sync.00000000000000AA", "~sync.0000", "~sync.00000000000000aa0", "~", "$tick"};
    void *sub = fixture_subscriber(&f, "Job.");
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        subscriber_subscribe(sub, others[i], strlen(others[i]));
    message_t m;
    subscriber_join(&f, sub, &m);
    message_free(&m);
    assert_int_equal(fixture_count(&f, BROKER_FEED_SYNCS), 1);
}

static void feed_ignores_what_is_no_subscription(void **state)
{
    (void)state;
    void *xsub = zmq_socket(f.context, ZMQ_XSUB);
    f.peers[f.peer_count++] = xsub;
    int linger = 0;
    zmq_setsockopt(xsub, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(xsub, f.broker.feed_endpoint), 0);
    uint64_t random = 11;
    for (int i = 0; i < 500; i++) {
        uint8_t bytes[900];
        size_t len = test_random(&random) % sizeof bytes;
        for (size_t at = 0; at < len; at++)
            bytes[at] = (uint8_t)test_random(&random);
        if (len > 0)
            bytes[0] |= 2;
        zmq_send(xsub, bytes, len, i % 7 == 0 ? ZMQ_SNDMORE : 0);
    }
    zmq_send(xsub, "\x05", 1, 0);
    fixture_await(&f, BROKER_FEED_JUNK, 400);
    void *sub = joined("Job.");
    publish("Job.a", 1, 10);
    expect_batch(sub, "Job.a", 0, 1, 1);
}

/* -- slow subscribers ------------------------------------------------------------------------ */

/* A subscriber to everything that never reads, with little room of its own. */
static void *stopped_subscriber(void)
{
    int small = 1, buffer = 4096;
    void *sub = zmq_socket(f.context, ZMQ_SUB);
    f.peers[f.peer_count++] = sub;
    int linger = 0;
    zmq_setsockopt(sub, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(sub, ZMQ_RCVHWM, &small, sizeof small);
    zmq_setsockopt(sub, ZMQ_RCVBUF, &buffer, sizeof buffer);
    assert_int_equal(zmq_connect(sub, f.broker.feed_endpoint), 0);
    subscriber_subscribe(sub, "Job.", 4);
    return sub;
}

static void feed_goes_on_past_a_stopped_subscriber_and_the_healthy_lose_nothing(void **state)
{
    (void)state;
    enum { EVENTS = 300, LEN = 50000 };
    void *stopped = stopped_subscriber();
    message_t m;
    subscriber_join(&f, stopped, &m);
    message_free(&m);
    void *healthy = joined("Job.");
    for (uint64_t n = 1; n <= EVENTS; n++) {
        publish("Job.a", 1, LEN);
        expect_batch(healthy, "Job.a", n - 1, n, 1);
    }
    assert_true(fixture_count(&f, BROKER_FEED_WAITS) > 0);
    assert_true(fixture_count(&f, BROKER_FEED_LOSSY) > 0);
    /* The stopped one, when it reads again, sees from the chain that it missed something. */
    uint64_t last = 0;
    bool gap = false;
    while (!gap) {
        publish("Job.a", 1, 10);
        while (!gap && fixture_try_receive(stopped, &m.parts)) {
            const parts_t *p = &m.parts;
            assert_int_equal(wire_feed_decode(&m.header, p->data[1], p->len[1], p->data[0],
                                              p->len[0], p->data[2], p->len[2]),
                             SL_OK);
            gap = m.header.prev > last;
            last = m.header.first;
            message_free(&m);
        }
    }
    subscriber_drain(&f, stopped);
}

static void feed_waits_for_a_healthy_subscriber_that_is_only_busy(void **state)
{
    (void)state;
    enum { EVENTS = 200, LEN = 50000 };
    f.broker.feed.o.patience_ns = 20000ull * MS;
    f.broker.feed.o.io_clock.known = false;
    void *busy = stopped_subscriber();
    message_t m;
    subscriber_join(&f, busy, &m);
    message_free(&m);
    uint64_t taken = 0, sent = 0;
    for (; fixture_count(&f, BROKER_FEED_WAITS) == 0 && sent < EVENTS; sent++)
        publish("Job.a", 1, LEN);
    assert_true(fixture_count(&f, BROKER_FEED_WAITS) > 0);
    while (taken < sent) { /* now it reads: everything is there */
        subscriber_receive(&f, busy, &m);
        assert_int_equal(m.header.prev, taken);
        taken = m.header.first;
        message_free(&m);
    }
    assert_int_equal(fixture_count(&f, BROKER_FEED_LOSSY), 0);
}

/* Waits for nobody's time but the feed's: counts what it waited until it went past full queues. */
static uint64_t waited_us_for_lossy(uint64_t lossy)
{
    uint64_t before = fixture_count(&f, BROKER_FEED_WAIT_US);
    while (fixture_count(&f, BROKER_FEED_LOSSY) < lossy)
        publish("Job.a", 1, 50000);
    return fixture_count(&f, BROKER_FEED_WAIT_US) - before;
}

static void feed_waits_a_quarter_as_long_for_who_stops_right_after_another(void **state)
{
    (void)state;
    f.broker.feed.o.patience_ns = 200ull * MS;
    f.broker.feed.o.io_clock.known = false;
    void *one = stopped_subscriber(), *other;
    message_t m;
    subscriber_join(&f, one, &m);
    message_free(&m);
    assert_in_range(waited_us_for_lossy(1), 200000, 300000);
    uint64_t since_ns = f.broker.feed.stuck_ns;
    other = stopped_subscriber();
    subscriber_join(&f, other, &m);
    message_free(&m);
    assert_in_range(waited_us_for_lossy(2), 50000, 100000);
    assert_int_equal(f.broker.feed.stuck_ns, since_ns); /* it does not renew itself */
    f.broker.feed.stuck_ns -= 6000ull * MS;             /* a while ago */
    void *late = stopped_subscriber();
    subscriber_join(&f, late, &m);
    message_free(&m);
    assert_in_range(waited_us_for_lossy(3), 200000, 300000);
    subscriber_drain(&f, one);
    subscriber_drain(&f, other);
    subscriber_drain(&f, late);
}

/* A process that is stopped: it speaks just enough ZMTP 3.0 to subscribe, and never reads.
 * (libzmq's own SUB leaks a little when it is closed while its input is held back.) */
static int stopped_process(void)
{
    static const uint8_t greeting[64] = {0xff, 0,    0, 0, 0,   0,   0,   0,
                                         0,    0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const uint8_t ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    static const uint8_t subscription[] = "\0\x05\x01Job.";
    int fd = fixture_tcp(f.broker.feed_endpoint);
    assert_int_equal(write(fd, greeting, sizeof greeting), sizeof greeting);
    assert_int_equal(write(fd, ready, sizeof ready - 1), sizeof ready - 1);
    uint8_t answer[256]; /* its greeting, and its READY: flags, length, body */
    assert_int_equal(recv(fd, answer, sizeof greeting, MSG_WAITALL), sizeof greeting);
    assert_int_equal(recv(fd, answer, 2, MSG_WAITALL), 2);
    assert_int_equal(recv(fd, answer + 2, answer[1], MSG_WAITALL), answer[1]);
    assert_int_equal(write(fd, subscription, sizeof subscription - 1), sizeof subscription - 1);
    return fd;
}

static void broker_frees_every_batch_when_it_is_closed_with_stopped_subscribers(void **state)
{
    (void)state;
    int fd = stopped_process();
    fixture_await(&f, BROKER_HANDSHAKES, 2);
    while (fixture_count(&f, BROKER_FEED_WAITS) == 0)
        publish("Job.a", 1, 50000);
    close_broker(
        NULL); /* the pool asserts that nothing is held, the sanitizer that nothing leaks */
    close(fd);
    open_broker(NULL);
}

int main(void)
{
#define TEST(name)        cmocka_unit_test_setup_teardown(name, open_broker, close_broker)
#define TEST_MANUAL(name) cmocka_unit_test_setup_teardown(name, open_manual_clock, close_broker)
    const struct CMUnitTest tests[] = {
        TEST(feed_carries_numbers_and_the_chain_of_each_topic),
        TEST_MANUAL(feed_times_never_go_back),
        TEST_MANUAL(tick_follows_the_first_batch_it_covers_after_100_ms),
        TEST_MANUAL(tick_comes_once_a_second_when_idle),
        TEST(tick_of_all_long_topics_is_one_message),
        TEST_MANUAL(sync_answer_proves_that_all_subscriptions_are_in_force),
        TEST(sync_is_answered_to_each_asker_and_again_after_a_reconnect),
        TEST(sync_answers_no_other_topic),
        TEST(feed_ignores_what_is_no_subscription),
        TEST(feed_goes_on_past_a_stopped_subscriber_and_the_healthy_lose_nothing),
        TEST(feed_waits_for_a_healthy_subscriber_that_is_only_busy),
        TEST(feed_waits_a_quarter_as_long_for_who_stops_right_after_another),
        TEST(broker_frees_every_batch_when_it_is_closed_with_stopped_subscribers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

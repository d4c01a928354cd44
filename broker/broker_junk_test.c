/* What comes to the ports and is no request, or is one connection too many. */
#include "fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static fixture_t f;

static int open_broker(void **state)
{
    (void)state;
    fixture_prepare(&f);
    fixture_open(&f);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* -- junk ------------------------------------------------------------------------------------ */

static void intake_ignores_random_messages(void **state)
{
    (void)state;
    uint64_t random = 99;
    void *dealer = fixture_dealer(&f, f.broker.intake_endpoint), *good = fixture_publisher(&f);
    for (int i = 0; i < 3000; i++) {
        uint8_t bytes[64];
        size_t len = test_random(&random) % sizeof bytes;
        for (size_t at = 0; at < len; at++)
            bytes[at] = (uint8_t)test_random(&random);
        if (i % 3 == 0 && len > 8)
            memcpy(bytes, "\x96\x01\xa3PUB", 6); /* a PUB that turns into junk later */
        const void *frames[] = {bytes, bytes, bytes, bytes};
        size_t lens[] = {len, len / 2, len / 3, 0};
        fixture_send(dealer, frames, lens, 1 + i % 4);
    }
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 3001);
    assert_true(fixture_count(&f, BROKER_INTAKE_JUNK) > 1000);
    assert_int_equal(fixture_count(&f, BROKER_INTAKE_EVENTS), 0);
    publisher_send(good, &(pub_t){1, "Job.OnJobFailed", 1, 10, 1});
    publisher_expect_ack(&f, good, 1, 1, 1, 0);
}

static void intake_mangled_requests_never_stop_it(void **state)
{
    (void)state;
    uint64_t random = 5;
    void *good = fixture_publisher(&f);
    uint8_t ends[8] = {5, 0, 0, 0, 10}, ids[32] = {1};
    sl_buf_t out = SL_BUF_INIT;
    wire_put_pub(&out, 1, 2, ends, ids);
    void *dealer = fixture_publisher(&f);
    for (int i = 0; i < 3000; i++) {
        uint8_t frame[128];
        memcpy(frame, out.data, out.len);
        frame[test_random(&random) % out.len] = (uint8_t)test_random(&random);
        const void *frames[] = {frame, "Job.x", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"};
        size_t lens[] = {i % 5 == 0 ? test_random(&random) % out.len : out.len, 5, 10};
        fixture_send(dealer, frames, lens, 3);
    }
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 3002);
    sl_buf_fini(&out);
    publisher_send(good, &(pub_t){1, "Job.OnJobFailed", 1, 10, 1000});
    wire_intake_t answer = publisher_answer(&f, good);
    assert_int_equal(answer.type, WIRE_ACK);
}

/* A TCP connection that speaks something else than ZMTP 3. */
static void speak_junk(const char *endpoint, const void *bytes, size_t len)
{
    int fd = fixture_tcp(endpoint);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    struct timeval patience = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char answer[256];
    ssize_t got;
    while ((got = read(fd, answer, sizeof answer)) > 0)
        ;
    assert_true(got == 0 || errno == ECONNRESET); /* it hung up, and in time */
    close(fd);
}

static void every_port_hangs_up_on_bytes_that_are_no_zmtp_3(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    /* ZMTP 1.0: an empty identity, then a message of 5 bytes, and a subscription to everything. */
    static const uint8_t zmtp1[] = {1, 0, 6, 0, 'h', 'e', 'l', 'l', 'o', 2, 0, 1};
    const char *endpoints[] = {f.broker.intake_endpoint, f.broker.feed_endpoint,
                               f.broker.query_endpoint};
    uint8_t noise[4096];
    uint64_t random = 3;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&random);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        speak_junk(endpoints[i], http, sizeof http - 1);
        speak_junk(endpoints[i], zmtp1, sizeof zmtp1);
        speak_junk(endpoints[i], noise, sizeof noise);
    }
    fixture_await(&f, BROKER_CONNECTIONS_ACCEPTED, 9);
    assert_int_equal(fixture_count(&f, BROKER_HANDSHAKES), 0);
    assert_int_equal(fixture_count(&f, BROKER_INTAKE_MESSAGES), 0);
    assert_int_equal(fixture_count(&f, BROKER_QUERY_JUNK), 0);
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.OnJobFailed", 1, 10, 1});
    publisher_expect_ack(&f, dealer, 1, 1, 1, 0);
}

static int open_two_connections(void **state)
{
    (void)state;
    fixture_prepare(&f);
    f.options.connections = 2;
    fixture_open(&f);
    return 0;
}

static void every_port_refuses_connections_past_its_limit(void **state)
{
    (void)state;
    void *one = fixture_publisher(&f), *two = fixture_publisher(&f);
    void *three = fixture_dealer(&f, f.broker.intake_endpoint);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_hello(&out, "three", 5);
    zmq_send(three, out.data, out.len, 0);
    sl_buf_fini(&out);
    fixture_await(&f, BROKER_CONNECTIONS_REFUSED, 1);
    assert_int_equal(fixture_count(&f, BROKER_PUBLISHERS), 2);
    publisher_send(one, &(pub_t){1, "Job.OnJobFailed", 1, 10, 1});
    publisher_expect_ack(&f, one, 1, 1, 1, 0);
    publisher_send(two, &(pub_t){1, "Job.OnJobFailed", 1, 10, 2});
    publisher_expect_ack(&f, two, 1, 2, 2, 0);
}

static void who_was_refused_gets_in_when_there_is_room(void **state)
{
    (void)state;
    char end[128];
    size_t end_len = sizeof end;
    void *one = fixture_publisher(&f);
    fixture_publisher(&f);
    void *three = fixture_dealer(&f, f.broker.intake_endpoint);
    fixture_await(&f, BROKER_CONNECTIONS_REFUSED, 1);
    assert_int_equal(zmq_getsockopt(one, ZMQ_LAST_ENDPOINT, end, &end_len), 0);
    assert_int_equal(zmq_disconnect(one, end), 0);
    int events;
    size_t events_len = sizeof events;
    while (fixture_count(&f, BROKER_HANDSHAKES) < 3) { /* three's socket tries again by itself */
        zmq_getsockopt(one, ZMQ_EVENTS, &events, &events_len); /* else it does not go on closing */
        fixture_turn(&f);
    }
    publisher_hello(&f, three);
    publisher_send(three, &(pub_t){1, "Job.OnJobFailed", 1, 10, 1});
    publisher_expect_ack(&f, three, 1, 1, 1, 0);
}

int main(void)
{
#define TEST(name)         cmocka_unit_test_setup_teardown(name, open_broker, close_broker)
#define TEST_CROWDED(name) cmocka_unit_test_setup_teardown(name, open_two_connections, close_broker)
    const struct CMUnitTest tests[] = {
        TEST(intake_ignores_random_messages),
        TEST(intake_mangled_requests_never_stop_it),
        TEST(every_port_hangs_up_on_bytes_that_are_no_zmtp_3),
        TEST_CROWDED(every_port_refuses_connections_past_its_limit),
        TEST_CROWDED(who_was_refused_gets_in_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

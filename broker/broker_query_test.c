#include "fixture.h"

#include "base/mp.h"
#include "wire/query.h"

static fixture_t f;
static void *dealer;

static int open_broker(void **state)
{
    (void)state;
    fixture_prepare(&f);
    fixture_open(&f);
    dealer = fixture_dealer(&f, f.broker.query_endpoint);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void ask(uint64_t version, const char *type, uint64_t request)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_put_array(&out, 3);
    mp_put_uint(&out, version);
    mp_put_str(&out, type, strlen(type));
    mp_put_uint(&out, request);
    zmq_send(dealer, out.data, out.len, 0);
    sl_buf_fini(&out);
}

static wire_query_t answer(parts_t *parts)
{
    wire_query_t msg;
    fixture_receive(&f, dealer, parts);
    assert_int_equal(wire_query_decode(&msg, parts->data[0], parts->len[0]), SL_OK);
    return msg;
}

/* The value of a key in STATUS's map, whatever its type; the cursor stands at it. */
static mp_cursor_t status_value(const wire_query_t *status, const char *key)
{
    mp_cursor_t in = mp_cursor(status->rest, status->rest_len);
    uint32_t pairs, len;
    const char *name;
    assert_true(mp_get_map(&in, &pairs));
    for (; pairs > 0; pairs--) {
        assert_true(mp_get_str(&in, &name, &len));
        if (len == strlen(key) && memcmp(name, key, len) == 0)
            return in;
        assert_true(mp_skip(&in));
    }
    fail_msg("STATUS has no %s", key);
    return in;
}

/* The number under a key of the map at which the cursor stands. */
static uint64_t map_number(mp_cursor_t in, const char *key)
{
    uint32_t pairs, len;
    const char *name;
    uint64_t number;
    assert_true(mp_get_map(&in, &pairs));
    for (; pairs > 0; pairs--) {
        assert_true(mp_get_str(&in, &name, &len));
        if (len == strlen(key) && memcmp(name, key, len) == 0) {
            assert_true(mp_get_uint(&in, &number));
            return number;
        }
        assert_true(mp_skip(&in));
    }
    fail_msg("the map has no %s", key);
    return 0;
}

static void publish_some(void)
{
    void *publisher = fixture_dealer(&f, f.broker.intake_endpoint);
    publisher_hello(&f, publisher);
    publisher_send(publisher, &(pub_t){1, "Job.a", 3, 10, 1});
    publisher_expect_ack(&f, publisher, 1, 1, 3, 0);
}

static void query_tick_has_every_tail(void **state)
{
    (void)state;
    publish_some();
    ask(1, "TICK", 42);
    message_t m;
    wire_query_t msg = answer(&m.parts);
    assert_int_equal(msg.type, WIRE_QUERY_TICK);
    assert_int_equal(msg.request, 42);
    const parts_t *p = &m.parts;
    assert_int_equal(p->count, 1 + BATCH_FRAMES);
    assert_int_equal(wire_feed_decode(&m.header, p->data[2], p->len[2], p->data[1], p->len[1],
                                      p->data[3], p->len[3]),
                     SL_OK);
    assert_int_equal(m.header.first, 4);
    wire_tails_t tails;
    wire_tail_t tail;
    assert_int_equal(wire_tails_open(&tails, p->data[3], p->len[3]), SL_OK);
    assert_int_equal(wire_tails_next(&tails, &tail), SL_OK);
    assert_int_equal(tail.last, 3);
    message_free(&m);
}

static void query_status_tells_what_people_ask_for(void **state)
{
    (void)state;
    publish_some();
    ask(1, "STATUS", 7);
    parts_t parts;
    wire_query_t msg = answer(&parts);
    assert_int_equal(msg.type, WIRE_QUERY_STATUS);
    assert_int_equal(msg.request, 7);
    uint64_t number;
    mp_cursor_t at = status_value(&msg, "next");
    assert_true(mp_get_uint(&at, &number));
    assert_int_equal(number, 4);
    at = status_value(&msg, "stream");
    assert_true(mp_get_uint(&at, &number));
    assert_int_equal(number, f.broker.sequencer.o.stream);
    uint32_t count;
    at = status_value(&msg, "topics");
    assert_true(mp_get_map(&at, &count));
    assert_int_equal(count, 1);
    at = status_value(&msg, "publishers");
    assert_true(mp_get_array(&at, &count));
    assert_int_equal(count, 1);
    at = status_value(&msg, "counters");
    assert_true(mp_get_map(&at, &count));
    assert_int_equal(count, BROKER_COUNTER_COUNT);
    at = status_value(&msg, "parents");
    assert_true(mp_get_array(&at, &count));
    assert_int_equal(count, 0);
    at = status_value(&msg, "journal");
    assert_int_equal(map_number(at, "next"), 4);
    assert_int_equal(map_number(at, "oldest"), 1);
    assert_int_equal(map_number(at, "records"), 1);
    at = status_value(&msg, "dedup");
    assert_int_equal(map_number(at, "window_events"), f.options.dedup_count);
    assert_int_equal(map_number(at, "window_ms"), f.options.dedup_age_ms);
    assert_true(mp_skip(&at));
    at = mp_cursor(parts.data[0], parts.len[0]);
    assert_true(mp_skip(&at) && at.at == at.end); /* the whole of it is one good value */
    parts_free(&parts);
}

static void query_says_error_to_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const types[] = {"REPLAY", "CURSOR.OPEN", "tick", ""};
    parts_t parts;
    for (uint64_t i = 0; i < ARRAY_LEN(types); i++) {
        ask(1, types[i], i);
        wire_query_t msg = answer(&parts);
        assert_int_equal(msg.type, WIRE_QUERY_ERROR);
        assert_int_equal(msg.request, i);
        parts_free(&parts);
    }
    ask(9, "TICK", 5);
    wire_query_t msg = answer(&parts);
    assert_int_equal(msg.type, WIRE_QUERY_ERROR);
    assert_int_equal(msg.request, 5);
    parts_free(&parts);
}

static void query_ignores_junk(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[64];
        size_t len = test_random(&random) % sizeof bytes;
        for (size_t at = 0; at < len; at++)
            bytes[at] = (uint8_t)test_random(&random);
        const void *frames[] = {bytes, bytes, bytes};
        size_t lens[] = {len, len, 0};
        fixture_send(dealer, frames, lens, 1 + i % 3);
    }
    fixture_await(&f, BROKER_QUERY_JUNK, 1500);
    dealer = fixture_dealer(&f, f.broker.query_endpoint);
    ask(1, "TICK", 1);
    parts_t parts;
    assert_int_equal(answer(&parts).type, WIRE_QUERY_TICK);
    parts_free(&parts);
}

static void query_flood_without_reading_holds_up_nobody(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++)
        ask(1, "STATUS", i);
    publish_some();
    fixture_await(&f, BROKER_QUERY_REQUESTS, 2000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_broker, close_broker)
    const struct CMUnitTest tests[] = {
        TEST(query_tick_has_every_tail),
        TEST(query_status_tells_what_people_ask_for),
        TEST(query_says_error_to_what_it_does_not_know),
        TEST(query_ignores_junk),
        TEST(query_flood_without_reading_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fixture.h"

#include "base/mp.h"
#include "wire/query.h"

#include <stdio.h>

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
    void *publisher = fixture_publisher(&f);
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

/* -- replay and cursors, with the real thread ------------------------------------------------- */

static void send_frame(const sl_buf_t *frame)
{
    assert_true(zmq_send(dealer, frame->data, frame->len, 0) >= 0);
}

static void ask_replay(uint64_t request, uint64_t after, uint64_t credit)
{
    sl_buf_t out = SL_BUF_INIT, prefixes = SL_BUF_INIT;
    wire_texts_put(&prefixes, "Job.", 4);
    wire_put_replay(&out, request,
                    &(wire_replay_t){f.broker.sequencer.o.stream, after, WIRE_HEAD,
                                     wire_texts(&prefixes, 1), credit});
    send_frame(&out);
    sl_buf_fini(&out);
    sl_buf_fini(&prefixes);
}

static void ask_credit(uint64_t request, uint64_t bytes)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_credit(&out, request, &(wire_credit_t){bytes});
    send_frame(&out);
    sl_buf_fini(&out);
}

/* Reads a replay to its end, giving credit as it goes; each number must come once, in order.
 * @return DONE's upto. */
static uint64_t read_replay(uint64_t request, uint64_t after)
{
    uint64_t next = after + 1;
    for (;;) {
        parts_t p;
        wire_feed_header_t header;
        wire_done_t done;
        wire_query_t msg = answer(&p);
        assert_int_equal(msg.request, request);
        if (msg.type == WIRE_QUERY_DONE) {
            assert_int_equal(wire_done_decode(&done, &msg), SL_OK);
            assert_int_equal(next, done.upto + 1);
            parts_free(&p);
            return done.upto;
        }
        assert_int_equal(msg.type, WIRE_QUERY_BATCH);
        assert_int_equal(p.count, 4);
        assert_int_equal(wire_feed_decode(&header, p.data[2], p.len[2], p.data[1], p.len[1],
                                          p.data[3], p.len[3]),
                         SL_OK);
        assert_int_equal(header.first, next);
        next += header.count;
        ask_credit(request, p.len[1] + p.len[2] + p.len[3]);
        parts_free(&p);
    }
}

static void publish_requests(void *publisher, uint64_t from, uint64_t to)
{
    for (uint64_t request = from; request <= to; request++) {
        publisher_send(publisher, &(pub_t){request, "Job.a", 10, 100, 10 * request});
        publisher_expect_ack(&f, publisher, request, 10 * request - 9, 10 * request, 0);
    }
}

static void query_replays_what_was_published_while_more_comes(void **state)
{
    (void)state;
    void *publisher = fixture_publisher(&f);
    publish_requests(publisher, 1, 50);
    ask_replay(1, 0, 2000);
    publish_requests(publisher, 51, 60);
    uint64_t upto = read_replay(1, 0);
    assert_true(upto >= 500);
    ask_replay(2, upto, 2000);
    assert_int_equal(read_replay(2, upto), 600);
}

/* As if it were a second broker on the same directory. */
static void restart(void)
{
    fixture_close(&f);
    fixture_open(&f);
    dealer = fixture_dealer(&f, f.broker.query_endpoint);
}

static uint64_t open_cursor(wire_cursor_opened_t *opened)
{
    parts_t parts;
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_open(&out, 1, &(wire_cursor_open_t){.name = "me", .name_len = 2});
    send_frame(&out);
    sl_buf_fini(&out);
    wire_query_t msg = answer(&parts);
    assert_int_equal(msg.type, WIRE_QUERY_CURSOR_OPEN);
    assert_int_equal(wire_cursor_opened_decode(opened, &msg), SL_OK);
    parts_free(&parts);
    return opened->generation;
}

static wire_query_type_t commit(uint64_t generation, uint64_t number)
{
    parts_t parts;
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_place(
        &out, WIRE_QUERY_CURSOR_COMMIT, 1,
        &(wire_cursor_place_t){"me", 2, generation, f.broker.sequencer.o.stream, number});
    send_frame(&out);
    sl_buf_fini(&out);
    wire_query_t msg = answer(&parts);
    parts_free(&parts);
    return msg.type;
}

static void query_replay_and_cursor_go_on_after_a_restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-query-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    fixture_close(&f);
    f.options.durability = DURABILITY_OS;
    f.options.data = dir;
    f.options.retain_bytes = 16 << 20;
    fixture_open(&f);
    dealer = fixture_dealer(&f, f.broker.query_endpoint);
    void *publisher = fixture_publisher(&f);
    publish_requests(publisher, 1, 30);
    wire_cursor_opened_t opened;
    uint64_t older = open_cursor(&opened);
    assert_int_equal(commit(older, 120), WIRE_QUERY_CURSOR_COMMIT);
    restart();
    assert_int_equal(commit(older, 130), WIRE_QUERY_CURSOR_COMMIT);
    uint64_t newer = open_cursor(&opened);
    assert_true(newer > older && opened.placed);
    assert_int_equal(opened.number, 130);
    assert_int_equal(opened.stream, f.broker.sequencer.o.stream);
    assert_int_equal(commit(older, 140), WIRE_QUERY_ERROR);
    ask_replay(7, opened.number, 1000);
    assert_int_equal(read_replay(7, opened.number), 300);
    fixture_close(&f);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    fixture_prepare(&f);
    fixture_open(&f); /* for close_broker */
}

static void query_status_lists_replays_and_cursors(void **state)
{
    (void)state;
    publish_some();
    wire_cursor_opened_t opened;
    commit(open_cursor(&opened), 1);
    ask(1, "STATUS", 7);
    parts_t parts;
    wire_query_t msg = answer(&parts);
    uint64_t number;
    uint32_t count;
    mp_cursor_t at = status_value(&msg, "replays");
    assert_true(mp_get_uint(&at, &number));
    assert_int_equal(number, 0);
    at = status_value(&msg, "cursors");
    assert_true(mp_get_array(&at, &count));
    assert_int_equal(count, 1);
    at = mp_cursor(parts.data[0], parts.len[0]);
    assert_true(mp_skip(&at) && at.at == at.end);
    parts_free(&parts);
}

/* Readers that come, take some and vanish, again and again. */
static void query_replays_outlive_readers_that_vanish(void **state)
{
    (void)state;
    void *publisher = fixture_publisher(&f);
    publish_requests(publisher, 1, 50);
    for (int i = 0; i < 20; i++) {
        parts_t parts;
        ask_replay(1, 0, i % 2 == 0 ? 1 << 20 : 1000);
        answer(&parts);
        parts_free(&parts);
        for (size_t n = 0; n < f.peer_count; n++)
            if (f.peers[n] == dealer)
                f.peers[n] = NULL;
        zmq_close(dealer);
        dealer = fixture_dealer(&f, f.broker.query_endpoint);
    }
    ask(1, "TICK", 1);
    parts_t parts;
    assert_int_equal(answer(&parts).type, WIRE_QUERY_TICK);
    parts_free(&parts);
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
        TEST(query_replays_what_was_published_while_more_comes),
        TEST(query_replay_and_cursor_go_on_after_a_restart),
        TEST(query_status_lists_replays_and_cursors),
        TEST(query_replays_outlive_readers_that_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

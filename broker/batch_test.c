#include "batch.h"
#include "testing.h"

#include <pthread.h>

enum { STREAM = 77, TIME = 1000000 };

static batch_pool_t pool;
static topics_t topics;
static topic_t *topic;

static int open_pool(void **state)
{
    (void)state;
    batch_pool_init(&pool);
    topics_init(&topics, 4);
    topic = topics_add(&topics, "Job.OnJobFailed", 15);
    return 0;
}

static int close_pool(void **state)
{
    (void)state;
    batch_pool_fini(&pool);
    topics_fini(&topics);
    return 0;
}

static void add_events(batch_t *b, uint32_t count, size_t len)
{
    static uint8_t event[WIRE_BATCH_BYTES_MAX];
    memset(event, 0x80, len);
    assert_int_equal(batch_reserve(b, count * len, count), SL_OK);
    for (uint32_t i = 0; i < count; i++)
        batch_append(b, event, len, NULL);
}

/* What the owner does when a batch is through. */
static void end_batch(batch_t *b)
{
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
}

static void close_frames(zmq_msg_t frames[BATCH_FRAMES])
{
    for (int i = 0; i < BATCH_FRAMES; i++)
        zmq_msg_close(&frames[i]);
}

static sl_err decode(zmq_msg_t frames[BATCH_FRAMES], wire_feed_header_t *header)
{
    return wire_feed_decode(header, zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]),
                            zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]),
                            zmq_msg_data(&frames[2]), zmq_msg_size(&frames[2]));
}

static void batch_frames_are_a_feed_message(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 100);
    add_events(b, 3, 10);
    batch_seal(b, STREAM, 40, 42, TIME);
    zmq_msg_t frames[BATCH_FRAMES];
    assert_int_equal(batch_frames(b, frames), SL_OK);
    wire_feed_header_t header;
    assert_int_equal(decode(frames, &header), SL_OK);
    assert_int_equal(header.stream, STREAM);
    assert_int_equal(header.prev, 40);
    assert_int_equal(header.first, 42);
    assert_int_equal(header.count, 3);
    assert_int_equal(header.time_ns, TIME);
    assert_int_equal(wire_end(header.ends, 1), 20);
    close_frames(frames);
    end_batch(b);
}

static void batch_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 0);
    for (uint32_t i = 0; batch_fits(b, 101, 1); i++) {
        uint8_t event[101];
        memset(event, (uint8_t)i, sizeof event);
        assert_int_equal(batch_reserve(b, sizeof event, 1), SL_OK);
        batch_append(b, event, sizeof event, NULL);
    }
    assert_true(b->count > 1500);
    for (uint32_t i = 0; i < b->count; i++) {
        assert_int_equal(batch_body(b)[(size_t)i * 101], (uint8_t)i);
        assert_int_equal(batch_body(b)[(size_t)i * 101 + 100], (uint8_t)i);
    }
    end_batch(b);
}

static void batch_that_is_full_makes_frames_within_the_limit(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 0);
    while (batch_fits(b, 1000, 1))
        add_events(b, 1, 1000);
    batch_seal(b, STREAM, UINT64_MAX - 9000, UINT64_MAX - 8000, UINT64_MAX);
    size_t bytes = topic->len + batch_bytes(b);
    assert_in_range(bytes, WIRE_BATCH_BYTES_MAX - 1200, WIRE_BATCH_BYTES_MAX);
    end_batch(b);
}

static void batch_holds_no_more_events_than_the_wire_allows(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 0);
    add_events(b, WIRE_BATCH_EVENTS_MAX - 1, 1);
    assert_true(batch_fits(b, 1, 1));
    assert_false(batch_fits(b, 2, 2));
    add_events(b, 1, 1);
    assert_false(batch_fits(b, 1, 1));
    batch_seal(b, STREAM, 0, 1, TIME);
    zmq_msg_t frames[BATCH_FRAMES];
    wire_feed_header_t header;
    assert_int_equal(batch_frames(b, frames), SL_OK);
    assert_int_equal(decode(frames, &header), SL_OK);
    close_frames(frames);
    end_batch(b);
}

static void batch_forwards_a_message_without_copying(void **state)
{
    (void)state;
    enum { LEN = 20000 };
    zmq_msg_t events;
    zmq_msg_init_size(&events, LEN);
    memset(zmq_msg_data(&events), 0x80, LEN);
    const void *bytes = zmq_msg_data(&events);
    uint8_t ends[8];
    wire_put_end(ends, LEN / 2);
    wire_put_end(ends + 4, LEN);
    batch_t *b = batch_open(&pool, topic, 0);
    assert_int_equal(batch_reserve(b, 0, 2), SL_OK);
    batch_forward(b, &events, 2, ends, NULL);
    batch_seal(b, STREAM, 0, 1, TIME);
    zmq_msg_t frames[BATCH_FRAMES];
    wire_feed_header_t header;
    assert_int_equal(batch_frames(b, frames), SL_OK);
    assert_ptr_equal(zmq_msg_data(&frames[2]), bytes);
    assert_int_equal(decode(frames, &header), SL_OK);
    close_frames(frames);
    zmq_msg_close(&events);
    end_batch(b);
}

static void batch_lives_until_its_last_frame_is_freed(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 0);
    add_events(b, 1, 10);
    batch_seal(b, STREAM, 0, 1, TIME);
    zmq_msg_t frames[BATCH_FRAMES];
    assert_int_equal(batch_frames(b, frames), SL_OK);
    assert_int_equal(atomic_load(&b->unsent), 2);
    end_batch(b);
    batch_pool_collect(&pool);
    assert_true(pool.used_bytes > 0);
    close_frames(frames);
    batch_pool_collect(&pool);
    assert_int_equal(pool.used_bytes, 0);
}

static void batch_ticket_names_it_only_while_it_is_pending(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 0);
    uint32_t ticket = b->ticket;
    assert_ptr_equal(batch_pool_pending(&pool, ticket), b);
    assert_null(batch_pool_pending(&pool, ticket + BATCH_CHUNK));
    end_batch(b);
    assert_null(batch_pool_pending(&pool, ticket));
    batch_pool_collect(&pool);
    batch_t *again = batch_open(&pool, topic, 0);
    assert_ptr_equal(again, b); /* the same object, under another name */
    assert_null(batch_pool_pending(&pool, ticket));
    end_batch(again);
}

static void batch_buffers_are_used_again(void **state)
{
    (void)state;
    batch_t *b = batch_open(&pool, topic, 50000);
    const uint8_t *data = b->data;
    end_batch(b);
    batch_pool_collect(&pool);
    assert_true(pool.free_bytes >= 50000);
    b = batch_open(&pool, topic, 50000);
    assert_ptr_equal(b->data, data);
    end_batch(b);
}

static void *free_frames(void *arg)
{
    close_frames(arg);
    return NULL;
}

static void batch_may_be_freed_by_other_threads(void **state)
{
    (void)state;
    enum { THREADS = 8, ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        zmq_msg_t frames[THREADS][BATCH_FRAMES];
        for (int i = 0; i < THREADS; i++) {
            batch_t *b = batch_open(&pool, topic, 0);
            add_events(b, 1, 10);
            batch_seal(b, STREAM, 0, 1, TIME);
            assert_int_equal(batch_frames(b, frames[i]), SL_OK);
            end_batch(b);
            pthread_create(&threads[i], NULL, free_frames, frames[i]);
            batch_pool_collect(&pool);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    batch_pool_collect(&pool);
    assert_int_equal(pool.used_bytes, 0);
    assert_true(pool.made <= BATCH_CHUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batch_frames_are_a_feed_message, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(batch_grows_and_keeps_its_bytes, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(batch_that_is_full_makes_frames_within_the_limit, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(batch_holds_no_more_events_than_the_wire_allows, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(batch_forwards_a_message_without_copying, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(batch_lives_until_its_last_frame_is_freed, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(batch_ticket_names_it_only_while_it_is_pending, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(batch_buffers_are_used_again, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(batch_may_be_freed_by_other_threads, open_pool, close_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "pub_batch.h"
#include "testing.h"

#include "wire/feed.h"

#include <zmq.h>

enum { EVENT_BYTES = 100, KIB = 1024 };

typedef struct fixture {
    pub_spare_t spare;
    topic_key_t topic;
    void *context, *push, *pull;
    sl_buf_t scratch;
} fixture_t;

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->topic.len = 3;
    memcpy(f->topic.name, "A.x", 4);
    f->context = zmq_ctx_new();
    f->push = zmq_socket(f->context, ZMQ_PUSH);
    f->pull = zmq_socket(f->context, ZMQ_PULL);
    assert_int_equal(zmq_bind(f->pull, "inproc://batches"), 0);
    assert_int_equal(zmq_connect(f->push, "inproc://batches"), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    zmq_close(f->push);
    zmq_close(f->pull);
    zmq_ctx_term(f->context);
    pub_spare_fini(&f->spare);
    sl_buf_fini(&f->scratch);
    free(f);
    return 0;
}

static pub_batch_t *batch_of(fixture_t *f, uint32_t events, uint8_t byte)
{
    uint8_t event[EVENT_BYTES], id[16] = {0};
    memset(event, byte, sizeof event);
    pub_batch_t *batch = pub_batch_create(&f->spare, &f->topic, EVENT_BYTES, 1);
    assert_non_null(batch);
    for (uint32_t i = 0; i < events; i++)
        assert_int_equal(pub_batch_add(batch, event, sizeof event, id, f), SL_OK);
    return batch;
}

/* The last frame of what was sent. */
static void receive(fixture_t *f, zmq_msg_t *msg)
{
    zmq_msg_init(msg);
    do
        assert_true(zmq_msg_recv(msg, f->pull, ZMQ_DONTWAIT) >= 0);
    while (zmq_msg_more(msg));
}

static void pub_batch_that_is_done_with_is_the_next_one(void **state)
{
    fixture_t *f = *state;
    pub_batch_t *first = batch_of(f, 20, 1);
    first->queued = true;
    pub_batch_release(&f->spare, first);
    pub_batch_t *second = batch_of(f, 1, 2);
    assert_ptr_equal(second, first);
    assert_int_equal(second->count, 1);
    assert_int_equal(second->len, EVENT_BYTES);
    assert_false(second->queued);
    assert_int_equal(f->spare.bytes, 0);
    pub_batch_release(&f->spare, second);
}

static void pub_batch_has_room_from_the_beginning_also_when_used_again(void **state)
{
    fixture_t *f = *state;
    pub_batch_release(&f->spare, batch_of(f, 1, 1));
    pub_batch_t *batch = pub_batch_create(&f->spare, &f->topic, 64 * KIB, 500);
    assert_int_equal(f->spare.bytes, 0);
    assert_true(batch->cap >= 500);
    pub_batch_release(&f->spare, batch);
    assert_true(f->spare.bytes >= 64 * KIB);
}

static void pub_batch_whose_body_is_still_held_is_not_used_again(void **state)
{
    fixture_t *f = *state;
    pub_batch_t *sent = batch_of(f, 2, 1);
    assert_int_equal(pub_batch_send(sent, f->push, 1, &f->scratch), SL_OK);
    pub_batch_release(&f->spare, sent);
    assert_null(f->spare.first);
    pub_batch_t *other = batch_of(f, 2, 2);
    zmq_msg_t msg;
    receive(f, &msg);
    assert_int_equal(zmq_msg_size(&msg), 2 * EVENT_BYTES);
    assert_int_equal(((uint8_t *)zmq_msg_data(&msg))[2 * EVENT_BYTES - 1], 1);
    zmq_msg_close(&msg);
    pub_batch_release(&f->spare, other);
}

static void pub_batch_whose_body_is_free_again_is_used_again(void **state)
{
    fixture_t *f = *state;
    pub_batch_t *sent = batch_of(f, 2, 1);
    assert_int_equal(pub_batch_send(sent, f->push, 1, &f->scratch), SL_OK);
    zmq_msg_t msg;
    receive(f, &msg);
    zmq_msg_close(&msg);
    pub_batch_release(&f->spare, sent);
    assert_ptr_equal(f->spare.first, sent);
}

static void pub_batch_cut_in_two_has_its_other_half_in_a_spare_one(void **state)
{
    fixture_t *f = *state;
    pub_batch_t *spare = batch_of(f, 1, 9), *whole = batch_of(f, 101, 1);
    pub_batch_release(&f->spare, spare);
    pub_batch_t *rest = pub_batch_split(&f->spare, whole);
    assert_ptr_equal(rest, spare);
    assert_int_equal(whole->count, 50);
    assert_int_equal(rest->count, 51);
    assert_int_equal(rest->len, 51 * EVENT_BYTES);
    assert_int_equal(wire_end(rest->ends, 50), rest->len);
    pub_batch_release(&f->spare, whole);
    pub_batch_release(&f->spare, rest);
}

static void pub_spare_keeps_no_more_than_its_bound(void **state)
{
    fixture_t *f = *state;
    pub_batch_t *batches[10];
    for (int i = 0; i < 10; i++)
        batches[i] = pub_batch_create(&f->spare, &f->topic, 1000 * KIB, 1);
    for (int i = 0; i < 10; i++)
        pub_batch_release(&f->spare, batches[i]);
    assert_true(f->spare.bytes > 3 * 1000 * KIB);
    assert_true(f->spare.bytes <= PUB_SPARE_BYTES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pub_batch_that_is_done_with_is_the_next_one),
        TEST(pub_batch_has_room_from_the_beginning_also_when_used_again),
        TEST(pub_batch_whose_body_is_still_held_is_not_used_again),
        TEST(pub_batch_whose_body_is_free_again_is_used_again),
        TEST(pub_batch_cut_in_two_has_its_other_half_in_a_spare_one),
        TEST(pub_spare_keeps_no_more_than_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

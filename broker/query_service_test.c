/* The service's other questions: FIND, cursors, and what the sequencer knows; and answers that do
 * not get through. */
#include "query.h"
#include "query_fixture.h"

/* -- memory that runs out: the linker puts these before libzmq's (--wrap) --------------------- */

enum { INLINE_MAX = 33 }; /* what libzmq keeps in the message itself */

static size_t frames_left = SIZE_MAX; /* that may still be allocated */

static bool no_memory_for(size_t len)
{
    if (len <= INLINE_MAX || frames_left == SIZE_MAX)
        return false;
    if (frames_left > 0) {
        frames_left--;
        return false;
    }
    errno = ENOMEM;
    return true;
}

/* The linker's own names, see --wrap.  NOLINTBEGIN(bugprone-reserved-identifier) */
int __real_zmq_send(void *socket, const void *data, size_t len, int flags);
int __wrap_zmq_send(void *socket, const void *data, size_t len, int flags);
int __real_zmq_msg_init_size(zmq_msg_t *msg, size_t len);
int __wrap_zmq_msg_init_size(zmq_msg_t *msg, size_t len);

int __wrap_zmq_send(void *socket, const void *data, size_t len, int flags)
{
    return no_memory_for(len) ? -1 : __real_zmq_send(socket, data, len, flags);
}

int __wrap_zmq_msg_init_size(zmq_msg_t *msg, size_t len)
{
    return no_memory_for(len) ? -1 : __real_zmq_msg_init_size(msg, len);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* -- other questions ------------------------------------------------------------------------- */

static void find_says_where_to_begin(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_found_t found;
    publish(0, 3, 100); /* sealed at 1000 */
    publish(0, 3, 100); /* at 4000 */
    static const uint64_t rows[][2] = {{0, 0}, {1001, 3}, {4000, 3}, {4001, 6}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_clear(&out);
        wire_put_find(&out, i, &(wire_find_t){rows[i][0]});
        ask(peer, &out);
        receive_on(peer);
        assert_int_equal(got.msg.type, WIRE_QUERY_FIND);
        assert_int_equal(got.msg.request, i);
        assert_int_equal(wire_found_decode(&found, &got.msg), SL_OK);
        assert_int_equal(found.stream, STREAM);
        assert_int_equal(found.after, rows[i][1]);
        assert_int_equal(found.next, 7);
        assert_int_equal(found.taken, 0); /* there is nothing before 1 */
    }
    sl_buf_fini(&out);
}

static wire_found_t find_since(uint64_t since_ns)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_found_t found;
    wire_put_find(&out, 1, &(wire_find_t){since_ns});
    ask(peer, &out);
    receive_on(peer);
    assert_int_equal(got.msg.type, WIRE_QUERY_FIND);
    assert_int_equal(wire_found_decode(&found, &got.msg), SL_OK);
    sl_buf_fini(&out);
    return found;
}

static void find_says_what_retention_may_have_taken(void **state)
{
    (void)state;
    use_scripted_journal();
    scripted_oldest = 11;
    scripted_oldest_time_ns = 5000;
    assert_int_equal(find_since(0).taken, 10);
    assert_int_equal(find_since(4999).taken, 10);
    assert_int_equal(find_since(5000).taken, 10); /* of the same turn, perhaps */
    assert_int_equal(find_since(5001).taken, 0);
    scripted_oldest = 0; /* all of it, by age */
    scripted_age_ms = 1000;
    sl_clock_manual_advance(&hand_clock, UINT64_C(5000000000));
    uint64_t wall_ns = sl_clock_wall_ns(&hand_clock.clock);
    assert_int_equal(find_since(wall_ns - 2000000000).taken, 30);
    assert_int_equal(find_since(wall_ns - 500000000).taken, 0);
    scripted_oldest = 11;
}

static void what_lacks_elements_is_answered_frame(void **state)
{
    (void)state;
    static const wire_query_type_t types[] = {WIRE_QUERY_FIND,          WIRE_QUERY_REPLAY,
                                              WIRE_QUERY_CREDIT,        WIRE_QUERY_CURSOR_OPEN,
                                              WIRE_QUERY_CURSOR_COMMIT, WIRE_QUERY_CURSOR_RESET,
                                              WIRE_QUERY_CURSOR_DROP};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        ask_plain(peer, types[i], i);
        expect_error(peer, i, WIRE_CODE_FRAME);
    }
    static const wire_query_type_t answers[] = {WIRE_QUERY_BATCH, WIRE_QUERY_LOST, WIRE_QUERY_DONE,
                                                WIRE_QUERY_WRONG_STREAM};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        ask_plain(peer, answers[i], i);
        expect_error(peer, i, WIRE_CODE_TYPE);
    }
    ask_plain(peer, WIRE_QUERY_ERROR, 1);
    expect_silence(peer);
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, WIRE_QUERY_TICK, 5, 0);
    zmq_send(peer, out.data, out.len, ZMQ_SNDMORE);
    zmq_send(peer, "more", 4, 0);
    expect_error(peer, 5, WIRE_CODE_FRAME);
    sl_buf_fini(&out);
}

static void too_many_or_too_long_prefixes_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t count, len;
        bool fits;
    } rows[] = {
        {1024, 20, true}, {1025, 20, false}, {1, 256, true}, {1, 257, false}, {200, 250, false}};
    char text[300];
    memset(text, 'p', sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT, prefixes = SL_BUF_INIT;
        for (size_t n = 0; n < rows[i].count; n++)
            wire_texts_put(&prefixes, text, rows[i].len);
        wire_put_replay(&out, i,
                        &(wire_replay_t){STREAM, 0, WIRE_HEAD,
                                         wire_texts(&prefixes, (uint32_t)rows[i].count), 1});
        ask(peer, &out);
        if (rows[i].fits)
            expect_done(peer, i, 0);
        else
            expect_error(peer, i, WIRE_CODE_LIMIT);
        sl_buf_fini(&out);
        sl_buf_fini(&prefixes);
    }
}

static void open_cursor(void *socket, uint64_t request, wire_cursor_opened_t *opened)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_open(&out, request, &(wire_cursor_open_t){.name = "me", .name_len = 2});
    ask(socket, &out);
    sl_buf_fini(&out);
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_CURSOR_OPEN);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_cursor_opened_decode(opened, &got.msg), SL_OK);
}

static void place_cursor(void *socket, wire_query_type_t type, uint64_t request,
                         uint64_t generation, uint64_t number)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_place(&out, type, request,
                          &(wire_cursor_place_t){"me", 2, generation, STREAM, number});
    ask(socket, &out);
    sl_buf_fini(&out);
}

static void expect_placed(void *socket, wire_query_type_t type, uint64_t request, uint64_t number)
{
    wire_cursor_placed_t placed;
    receive_on(socket);
    assert_int_equal(got.msg.type, type);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_cursor_placed_decode(&placed, &got.msg), SL_OK);
    assert_int_equal(placed.number, number);
}

static void cursor_passes_from_one_holder_to_the_next(void **state)
{
    (void)state;
    void *other = new_peer(0);
    wire_cursor_opened_t mine, theirs;
    publish(0, 50, 10);
    open_cursor(peer, 1, &mine);
    assert_false(mine.placed);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 2, mine.generation, 41);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 3, mine.generation, 42); /* one turn, one flush */
    expect_placed(peer, WIRE_QUERY_CURSOR_COMMIT, 2, 41);
    expect_placed(peer, WIRE_QUERY_CURSOR_COMMIT, 3, 42);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 4, mine.generation, 40);
    expect_error(peer, 4, WIRE_CODE_BACKWARDS);
    open_cursor(other, 1, &theirs);
    assert_true(theirs.placed);
    assert_int_equal(theirs.number, 42);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 5, mine.generation, 43);
    expect_error(peer, 5, WIRE_CODE_FENCED);
    place_cursor(other, WIRE_QUERY_CURSOR_RESET, 2, theirs.generation, 7);
    expect_placed(other, WIRE_QUERY_CURSOR_RESET, 2, 7);
    sl_buf_t out = SL_BUF_INIT;
    for (uint64_t request = 6; request <= 7; request++) {
        sl_buf_clear(&out);
        wire_put_cursor_drop(&out, request, &(wire_cursor_drop_t){"me", 2});
        ask(peer, &out);
    }
    expect_error(peer, 7, WIRE_CODE_NAME); /* it is staged already, not yet kept */
    receive_on(peer);
    assert_int_equal(got.msg.type, WIRE_QUERY_CURSOR_DROP);
    sl_buf_fini(&out);
    assert_int_equal(counted(BROKER_CURSORS), 0);
    assert_int_equal(counted(BROKER_CURSOR_FENCED), 1);
}

static void cursor_cannot_stand_where_the_stream_is_not_yet(void **state)
{
    (void)state;
    wire_cursor_opened_t mine;
    publish(0, 10, 10);
    open_cursor(peer, 1, &mine);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 2, mine.generation, 11);
    expect_error(peer, 2, WIRE_CODE_AHEAD);
    place_cursor(peer, WIRE_QUERY_CURSOR_RESET, 3, mine.generation, UINT64_MAX);
    expect_error(peer, 3, WIRE_CODE_AHEAD);
    place_cursor(peer, WIRE_QUERY_CURSOR_COMMIT, 4, mine.generation, 10);
    expect_placed(peer, WIRE_QUERY_CURSOR_COMMIT, 4, 10);
}

static void answers_wait_for_a_peer_that_is_slow_to_read(void **state)
{
    (void)state;
    void *slow = new_peer(1);
    wire_cursor_opened_t mine;
    publish(0, 200, 10);
    open_cursor(slow, 0, &mine);
    for (uint64_t n = 1; n <= 200; n++)
        place_cursor(slow, WIRE_QUERY_CURSOR_COMMIT, n, mine.generation, n);
    turns(20);
    for (uint64_t n = 1; n <= 200; n++)
        expect_placed(slow, WIRE_QUERY_CURSOR_COMMIT, n, n);
    assert_int_equal(counted(BROKER_QUERY_UNANSWERED), 0);
}

/* A message that is begun and not finished would have the next one for its rest. */
static void without_memory_nothing_is_sent_by_half(void **state)
{
    (void)state;
    publish(1, 2, 100);
    for (size_t given = 0; given <= 3; given++) {
        frames_left = SIZE_MAX;
        replay(peer, (wish_t){.request = given});
        frames_left = given;
        turns(3);
        frames_left = SIZE_MAX;
        expect_batch(peer, given, 1);
        expect_done(peer, given, 2);
    }
    replay(peer, (wish_t){.request = 9, .stream = 1});
    frames_left = 0;
    turns(3);
    frames_left = SIZE_MAX;
    receive_on(peer); /* a little later, but whole */
    assert_int_equal(got.msg.type, WIRE_QUERY_WRONG_STREAM);
    assert_int_equal(got.msg.request, 9);
}

/* -- what the sequencer knows ---------------------------------------------------------------- */

/* The sequencer's end: takes one question and gives back frames behind its route. */
static void answer_as_sequencer(const char *const frames[], const size_t lens[], int count)
{
    uint8_t route[256], question[64];
    int route_len = zmq_recv(far_pair, route, sizeof route, 0);
    assert_true(zmq_recv(far_pair, question, sizeof question, 0) > 0);
    zmq_send(far_pair, route, (size_t)route_len, ZMQ_SNDMORE);
    for (int i = 0; i < count; i++)
        zmq_send(far_pair, frames[i], lens[i], i + 1 < count ? ZMQ_SNDMORE : 0);
}

static void status_gets_replays_and_cursors_appended(void **state)
{
    (void)state;
    wire_cursor_opened_t mine;
    publish(0, 2, 100);
    publish(0, 2, 100);
    open_cursor(peer, 1, &mine);
    replay(peer, (wish_t){.request = 2, .credit = 1});
    expect_batch(peer, 2, 1);
    ask_plain(peer, WIRE_QUERY_STATUS, 3);
    turns(1);
    sl_buf_t head = SL_BUF_INIT;
    wire_put_query(&head, WIRE_QUERY_STATUS, 3, 1);
    mp_put_map(&head, 1 + QUERY_STATUS_MORE);
    mp_put_lit(&head, "name");
    mp_put_lit(&head, "test");
    answer_as_sequencer((const char *const[]){(const char *)head.data}, (size_t[]){head.len}, 1);
    sl_buf_fini(&head);
    receive_on(peer);
    assert_int_equal(got.msg.type, WIRE_QUERY_STATUS);
    static const char wanted[] =
        "\xa7replays\x01\xa7"
        "cursors\x91\x87\xa4name\xa2me\xa6stream\xc0\xa6number\xc0\xa3lag\x04";
    const uint8_t *rest = got.msg.rest + 1 + 5 + 5;
    assert_memory_equal(rest, wanted, sizeof wanted - 1);
}

static void questions_beyond_what_the_sequencer_answers_wait(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 500; i++)
        ask_plain(peer, WIRE_QUERY_STATUS, i);
    turns(20);
    uint8_t bytes[256];
    int waiting = 0;
    while (zmq_recv(far_pair, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0) {
        zmq_recv(far_pair, bytes, sizeof bytes, 0);
        waiting++;
    }
    assert_int_equal(waiting, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(find_says_where_to_begin),
        TEST(find_says_what_retention_may_have_taken),
        TEST(what_lacks_elements_is_answered_frame),
        TEST(too_many_or_too_long_prefixes_are_refused),
        TEST(cursor_passes_from_one_holder_to_the_next),
        TEST(cursor_cannot_stand_where_the_stream_is_not_yet),
        TEST(answers_wait_for_a_peer_that_is_slow_to_read),
        TEST(without_memory_nothing_is_sent_by_half),
        TEST(status_gets_replays_and_cursors_appended),
        TEST(questions_beyond_what_the_sequencer_answers_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The service turned by hand: its peers, and the sequencer's end, share the test's thread. */
#include "query_service.h"

#include "base/mp.h"
#include "journal/record.h"
#include "query.h"
#include "testing.h"

#include <stdio.h>

enum { STREAM = 77, TOPICS = 3, PARTS_MAX = 8, SEND_HWM = 16, REPLAYS_MAX = 6, OF_A_PEER = 3 };

static void *context, *router, *pair, *far_pair, *peer;
static sl_clock_manual_t hand_clock;
static counter_t counters[BROKER_COUNTER_COUNT];
static batch_pool_t pool;
static topics_t topics;
static journal_t *journal;
static cursors_t *cursors;
static query_service_t *service;
static const wire_parent_t parents[2] = {{76, 500}, {75, 300}};
static void *peers[16];
static size_t peer_count;
static uint64_t next_number, tails[TOPICS + 1];
static journal_ops_t scripted_ops; /* a journal that shows what a test wants */

static const char *const names[TOPICS + 1] = {"Job.OnJobFailed",
                                              "Job.OnJobFinished.WhoseNameIsNotKeptInline",
                                              "Cluster.a", "$dead.BrokenJson"};

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

/* -- the service ----------------------------------------------------------------------------- */

static void on_done(void *ctx, batch_t *b, sl_err err)
{
    (void)ctx, (void)b;
    assert_int_equal(err, SL_OK);
}

static void *socket_of(int type, const char *endpoint, bool bind)
{
    void *socket = zmq_socket(context, type);
    int linger = 0, hwm = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    assert_int_equal(bind ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint), 0);
    return socket;
}

static void *new_peer(int receive_hwm)
{
    int linger = 0;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &receive_hwm, sizeof receive_hwm);
    assert_int_equal(zmq_connect(socket, "inproc://query"), 0);
    assert_true(peer_count < ARRAY_LEN(peers));
    peers[peer_count++] = socket;
    return socket;
}

static void open_service(size_t journal_bytes)
{
    const char *failed;
    int hwm = SEND_HWM, mandatory = 1;
    context = zmq_ctx_new();
    router = zmq_socket(context, ZMQ_ROUTER);
    zmq_setsockopt(router, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(router, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    assert_int_equal(zmq_bind(router, "inproc://query"), 0);
    pair = socket_of(ZMQ_PAIR, "inproc://pair", true);
    far_pair = socket_of(ZMQ_PAIR, "inproc://pair", false);
    sl_clock_manual_init(&hand_clock, 1, 1);
    memset(counters, 0, sizeof counters);
    batch_pool_init(&pool);
    topics_init(&topics, 100);
    journal = journal_memory_create(journal_bytes);
    journal_attach(journal, on_done, NULL);
    assert_int_equal(cursors_create(&cursors,
                                    &(cursors_options_t){.max = 10, .clock = &hand_clock.clock},
                                    &failed),
                     SL_OK);
    query_service_options_t options = {.router = router,
                                       .pair = pair,
                                       .journal = journal,
                                       .cursors = cursors,
                                       .counters = counters,
                                       .clock = &hand_clock.clock,
                                       .stream = STREAM,
                                       .parents = parents,
                                       .parent_count = 2,
                                       .replays_max = REPLAYS_MAX};
    assert_int_equal(query_service_create(&service, &options), SL_OK);
    peer = new_peer(0);
    next_number = 1;
    memset(tails, 0, sizeof tails);
}

static int setup(void **state)
{
    (void)state;
    open_service(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    query_service_destroy(&service, far_pair);
    cursors_destroy(&cursors);
    journal_destroy(&journal);
    while (peer_count > 0)
        if (peers[--peer_count] != NULL)
            zmq_close(peers[peer_count]);
    zmq_close(router);
    zmq_close(pair);
    zmq_close(far_pair);
    zmq_ctx_term(context);
    batch_pool_fini(&pool);
    topics_fini(&topics);
    return 0;
}

/* -- words ----------------------------------------------------------------------------------- */

/* A batch of events in the journal.  @return its first number. */
static uint64_t publish(int topic, uint32_t count, size_t len)
{
    uint8_t *event = calloc(1, len);
    event[0] = 0x80;
    topic_t *t = topics_add(&topics, names[topic], strlen(names[topic]));
    batch_t *b = batch_open(&pool, t, 0);
    assert_int_equal(batch_reserve(b, count * len, count), SL_OK);
    for (uint32_t i = 0; i < count; i++)
        batch_append(b, event, len, NULL);
    uint64_t first = next_number;
    batch_seal(b, STREAM, tails[topic], first, 1000 * first);
    next_number += count;
    tails[topic] = next_number - 1;
    journal_append(journal, b);
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
    batch_pool_collect(&pool);
    free(event);
    return first;
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        assert_true(query_service_turn(service, 0));
}

static void ask(void *socket, const sl_buf_t *frame)
{
    assert_true(zmq_send(socket, frame->data, frame->len, 0) >= 0);
}

/* An answer, taken apart.  LOST, DONE and the like are decoded by who wants them. */
typedef struct reply {
    uint8_t data[PARTS_MAX][1 << 16];
    size_t len[PARTS_MAX];
    int parts;
    wire_query_t msg;
    wire_feed_header_t header; /* of a BATCH or a TICK */
} reply_t;

static reply_t got;

static bool receive_now(void *socket)
{
    got.parts = 0;
    bool more = true;
    while (more) {
        int flags = got.parts == 0 ? ZMQ_DONTWAIT : 0;
        int len = zmq_recv(socket, got.data[got.parts], sizeof got.data[0], flags);
        if (len < 0)
            return false;
        assert_true((size_t)len <= sizeof got.data[0]);
        got.len[got.parts++] = (size_t)len;
        int value;
        size_t size = sizeof value;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &value, &size);
        more = value != 0;
        assert_true(got.parts < PARTS_MAX);
    }
    assert_int_equal(wire_query_decode(&got.msg, got.data[0], got.len[0]), SL_OK);
    if (got.msg.type == WIRE_QUERY_BATCH || got.msg.type == WIRE_QUERY_TICK) {
        assert_int_equal(got.parts, 4);
        assert_int_equal(wire_feed_decode(&got.header, got.data[2], got.len[2], got.data[1],
                                          got.len[1], got.data[3], got.len[3]),
                         SL_OK);
    } else {
        assert_int_equal(got.parts, 1);
    }
    return true;
}

static void receive_on(void *socket)
{
    for (int i = 0; i < 1000; i++) {
        if (receive_now(socket))
            return;
        turns(1);
        sl_clock_manual_advance(&hand_clock, 1000000); /* what waits tries again by time */
    }
    fail_msg("no answer came");
}

static void expect_silence(void *socket)
{
    turns(20);
    assert_false(receive_now(socket));
}

static void expect_batch(void *socket, uint64_t request, uint64_t first)
{
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_BATCH);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(got.header.first, first);
}

static void expect_done(void *socket, uint64_t request, uint64_t upto)
{
    wire_done_t done;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_DONE);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_done_decode(&done, &got.msg), SL_OK);
    assert_int_equal(done.upto, upto);
}

static void expect_lost(void *socket, uint64_t from, uint64_t to, wire_lost_reason_t reason)
{
    wire_lost_t lost;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_LOST);
    assert_int_equal(wire_lost_decode(&lost, &got.msg), SL_OK);
    assert_int_equal(lost.from, from);
    assert_int_equal(lost.to, to);
    assert_int_equal(lost.reason, reason);
}

static void expect_error(void *socket, uint64_t request, wire_code_t code)
{
    wire_query_error_t error;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_ERROR);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_query_error_decode(&error, &got.msg), SL_OK);
    assert_string_equal(wire_code_name(error.code), wire_code_name(code));
}

typedef struct wish {
    uint64_t request, after, until, credit;
    const char *prefix;
    uint64_t stream;
} wish_t;

static void replay(void *socket, wish_t wish)
{
    sl_buf_t out = SL_BUF_INIT, prefix = SL_BUF_INIT;
    wire_texts_put(&prefix, wish.prefix != NULL ? wish.prefix : "",
                   wish.prefix != NULL ? strlen(wish.prefix) : 0);
    wire_put_replay(&out, wish.request,
                    &(wire_replay_t){wish.stream != 0 ? wish.stream : STREAM, wish.after,
                                     wish.until != 0 ? wish.until : WIRE_HEAD,
                                     wire_texts(&prefix, 1),
                                     wish.credit != 0 ? wish.credit : WIRE_REPLAY_CREDIT_MAX});
    ask(socket, &out);
    sl_buf_fini(&out);
    sl_buf_fini(&prefix);
}

static void credit(void *socket, uint64_t request, uint64_t bytes)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_credit(&out, request, &(wire_credit_t){bytes});
    ask(socket, &out);
    sl_buf_fini(&out);
}

static void ask_plain(void *socket, wire_query_type_t type, uint64_t request)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, type, request, 0);
    ask(socket, &out);
    sl_buf_fini(&out);
}

static uint64_t counted(int counter)
{
    return counter_get(&counters[counter]);
}

/* -- replay ---------------------------------------------------------------------------------- */

static void replay_sends_whole_batches_in_order_and_then_the_end(void **state)
{
    (void)state;
    publish(0, 3, 100);
    publish(1, 1, 100);
    publish(2, 4, 100);
    publish(0, 2, 100);
    replay(peer, (wish_t){.request = 9});
    expect_batch(peer, 9, 1);
    assert_int_equal(got.header.count, 3);
    assert_int_equal(got.header.stream, STREAM);
    assert_memory_equal(got.data[1], names[0], got.len[1]);
    expect_batch(peer, 9, 4);
    expect_batch(peer, 9, 5);
    expect_batch(peer, 9, 9);
    assert_int_equal(got.header.prev, 3);
    expect_done(peer, 9, 10);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_BEGUN), 1);
    assert_int_equal(counted(BROKER_REPLAY_BATCHES), 4);
    assert_int_equal(counted(BROKER_REPLAY_EVENTS), 10);
}

static void replay_between_two_numbers_does_not_cut_batches(void **state)
{
    (void)state;
    publish(0, 3, 100);
    publish(0, 3, 100);
    publish(0, 3, 100);
    replay(peer, (wish_t){.request = 1, .after = 2, .until = 5});
    expect_batch(peer, 1, 1);
    expect_batch(peer, 1, 4);
    expect_done(peer, 1, 5);
    replay(peer, (wish_t){.request = 2, .after = 3, .until = 1000});
    expect_batch(peer, 2, 4);
    expect_batch(peer, 2, 7);
    expect_done(peer, 2, 9);
    replay(peer, (wish_t){.request = 3, .after = 9});
    expect_done(peer, 3, 9);
}

static void replay_of_an_empty_journal_is_done_at_once(void **state)
{
    (void)state;
    replay(peer, (wish_t){.request = 1});
    expect_done(peer, 1, 0);
}

static void replay_keeps_to_its_prefixes(void **state)
{
    (void)state;
    for (int topic = 0; topic <= TOPICS; topic++)
        publish(topic, 1, 100);
    replay(peer, (wish_t){.request = 1, .prefix = "Job."});
    expect_batch(peer, 1, 1);
    expect_batch(peer, 1, 2);
    expect_done(peer, 1, 4);
    replay(peer, (wish_t){.request = 2, .prefix = "$dead."});
    expect_batch(peer, 2, 4);
    expect_done(peer, 2, 4);
    replay(peer, (wish_t){.request = 3});
    for (uint64_t n = 1; n <= 3; n++)
        expect_batch(peer, 3, n);
    expect_done(peer, 3, 4);
}

static void replay_stops_when_its_credit_is_spent(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 3500});
    size_t bytes = 0;
    uint64_t n = 1;
    for (; bytes < 3500; n++) {
        expect_batch(peer, 1, n);
        bytes += got.len[1] + got.len[2] + got.len[3];
    }
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAY_BYTES), bytes);
    credit(peer, 1, 1);
    expect_silence(peer); /* it was below zero by more than that */
    credit(peer, 1, 1000);
    expect_batch(peer, 1, n++);
    expect_silence(peer);
    credit(peer, 1, UINT64_MAX);
    for (; n <= 100; n++)
        expect_batch(peer, 1, n);
    expect_done(peer, 1, 100);
}

static void stopped_reader_costs_a_bounded_amount(void **state)
{
    (void)state;
    void *stopped = new_peer(SEND_HWM);
    for (int i = 0; i < 400; i++)
        publish(0, 1, 60000);
    replay(stopped, (wish_t){.request = 1, .credit = UINT64_MAX});
    turns(1);
    for (int i = 0; i < 100; i++) {
        credit(stopped, 1, UINT64_MAX / 2);
        sl_clock_manual_advance(&hand_clock, 1000000);
        turns(2);
    }
    /* However much it pretends to have read, its queue has an end (here on both sides). */
    assert_true(counted(BROKER_REPLAY_BATCHES) <= 2 * SEND_HWM);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
}

static void credit_beyond_8_mib_is_not_kept(void **state)
{
    (void)state;
    int unbounded = 0;
    zmq_setsockopt(router, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    void *reader = new_peer(0);
    for (int i = 0; i < 600; i++)
        publish(0, 1, 60000);
    replay(reader, (wish_t){.request = 1, .credit = UINT64_MAX});
    turns(200);
    assert_in_range(counted(BROKER_REPLAY_BYTES), WIRE_REPLAY_CREDIT_MAX,
                    WIRE_REPLAY_CREDIT_MAX + 61000);
    credit(reader, 1, UINT64_MAX);
    credit(reader, 1, UINT64_MAX); /* both in one turn */
    turns(200);
    assert_in_range(counted(BROKER_REPLAY_BYTES), 2 * WIRE_REPLAY_CREDIT_MAX - 61000,
                    2 * WIRE_REPLAY_CREDIT_MAX + 2 * 61000);
}

static void cancel_ends_a_replay(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    ask_plain(peer, WIRE_QUERY_CANCEL, 1);
    ask_plain(peer, WIRE_QUERY_CANCEL, 2); /* nobody's */
    credit(peer, 1, 1 << 20);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
}

static void replay_of_a_request_that_runs_replaces_it(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        publish(0, 1, 1000);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    replay(peer, (wish_t){.request = 1, .after = 8});
    expect_batch(peer, 1, 9);
    expect_batch(peer, 1, 10);
    expect_done(peer, 1, 10);
}

static void replay_of_another_stream_hears_which_one_it_is(void **state)
{
    (void)state;
    publish(0, 3, 100);
    replay(peer, (wish_t){.request = 1, .stream = 76});
    receive_on(peer);
    assert_int_equal(got.msg.type, WIRE_QUERY_WRONG_STREAM);
    wire_wrong_stream_t wrong;
    assert_int_equal(wire_wrong_stream_decode(&wrong, &got.msg), SL_OK);
    assert_int_equal(wrong.stream, STREAM);
    assert_int_equal(wrong.oldest, 1);
    assert_int_equal(wrong.next, 4);
    assert_int_equal(wrong.parent_count, 2);
    assert_int_equal(wrong.parents[0].stream, 76);
    assert_int_equal(wrong.parents[1].last, 300);
}

static void too_many_replays_are_told_to_come_back(void **state)
{
    (void)state;
    void *second = new_peer(0), *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < REPLAYS_MAX; i++) {
        void *one = i < OF_A_PEER ? peer : second;
        replay(one, (wish_t){.request = i, .credit = 1});
        expect_batch(one, i, 1);
    }
    replay(other, (wish_t){.request = 0});
    expect_error(other, 0, WIRE_CODE_BUSY);
    ask_plain(peer, WIRE_QUERY_CANCEL, 0);
    turns(1);
    replay(other, (wish_t){.request = 0});
    expect_batch(other, 0, 1);
}

static void one_peer_cannot_have_all_the_replays(void **state)
{
    (void)state;
    void *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < OF_A_PEER; i++) {
        replay(peer, (wish_t){.request = i, .credit = 1});
        expect_batch(peer, i, 1);
    }
    replay(peer, (wish_t){.request = 9});
    expect_error(peer, 9, WIRE_CODE_BUSY);
    replay(peer, (wish_t){.request = 1, .credit = 1}); /* in its own one's place */
    expect_batch(peer, 1, 1);
    replay(other, (wish_t){.request = 9});
    expect_batch(other, 9, 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(5) * 1000000000);
    replay(peer, (wish_t){.request = 9}); /* and in that of one that waits for long */
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
}

static void reader_without_credit_for_long_gives_its_place_away(void **state)
{
    (void)state;
    void *second = new_peer(0), *other = new_peer(0);
    publish(0, 1, 100);
    publish(0, 1, 100);
    for (uint64_t i = 0; i < REPLAYS_MAX; i++) {
        void *one = i < OF_A_PEER ? peer : second;
        replay(one, (wish_t){.request = i, .credit = 1});
        expect_batch(one, i, 1);
        if (i < OF_A_PEER)
            sl_clock_manual_advance(&hand_clock, UINT64_C(3) * 1000000000);
    }
    replay(other, (wish_t){.request = 0});
    expect_batch(other, 0, 1);
    expect_error(peer, 0, WIRE_CODE_BUSY); /* the one that waited longest */
    turns(5);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
    credit(peer, 1, 1000);
    expect_batch(peer, 1, 2);
}

static void retention_that_passes_a_reader_is_told_exactly(void **state)
{
    (void)state;
    teardown(NULL);
    open_service(40000); /* some nine of these batches */
    for (int i = 0; i < 4; i++)
        publish(0, 2, 1000);
    replay(peer, (wish_t){.request = 1, .until = 40, .credit = 1});
    expect_batch(peer, 1, 1);
    expect_silence(peer);
    for (int i = 0; i < 100; i++)
        publish(0, 2, 1000);
    assert_true(journal->oldest > 100);
    credit(peer, 1, 1 << 20);
    expect_lost(peer, 3, 8, WIRE_LOST_RETENTION); /* to the head of when it was asked */
    expect_done(peer, 1, 8);

    replay(peer, (wish_t){.request = 2, .after = 4});
    uint64_t oldest = journal->oldest;
    expect_lost(peer, 5, oldest - 1, WIRE_LOST_RETENTION);
    for (uint64_t n = oldest; n <= 207; n += 2)
        expect_batch(peer, 2, n);
    expect_done(peer, 2, 208);
    assert_int_equal(counted(BROKER_REPLAY_LOST), 2);
}

static void many_small_batches_pass_a_reader_whose_queue_is_short(void **state)
{
    (void)state;
    void *slow = new_peer(1);
    for (int i = 0; i < 500; i++)
        publish(i % 3, 1, 10);
    replay(slow, (wish_t){.request = 1, .after = 3});
    turns(5);
    assert_true(counted(BROKER_REPLAY_BATCHES) < 100);
    for (uint64_t n = 4; n <= 500; n++)
        expect_batch(slow, 1, n);
    expect_done(slow, 1, 500);
}

static void replays_share_the_turns(void **state)
{
    (void)state;
    int unbounded = 0;
    zmq_setsockopt(router, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    void *readers[2] = {new_peer(0), new_peer(0)};
    for (int i = 0; i < 100; i++)
        publish(0, 1, 60000);
    for (int r = 0; r < 2; r++)
        replay(readers[r], (wish_t){.request = 1});
    for (uint64_t n = 1; n <= 100; n++) /* each turn is one for both */
        for (int r = 0; r < 2; r++)
            expect_batch(readers[r], 1, n);
    for (int r = 0; r < 2; r++)
        expect_done(readers[r], 1, 100);
}

static void silent_reader_is_dropped_after_a_minute(void **state)
{
    (void)state;
    publish(0, 1, 100);
    publish(0, 1, 100);
    replay(peer, (wish_t){.request = 1, .credit = 1});
    expect_batch(peer, 1, 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(59) * 1000000000);
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
    sl_clock_manual_advance(&hand_clock, UINT64_C(2) * 1000000000);
    turns(1);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
    expect_error(peer, 1, WIRE_CODE_BUSY); /* it was only slow: it may ask again */
}

static void reader_that_vanishes_is_dropped(void **state)
{
    (void)state;
    void *reader = new_peer(1);
    for (int i = 0; i < 100; i++)
        publish(0, 1, 1000);
    replay(reader, (wish_t){.request = 1});
    expect_batch(reader, 1, 1);
    assert_int_equal(counted(BROKER_REPLAYS), 1);
    zmq_close(reader);
    peers[peer_count - 1] = NULL;
    for (int i = 0; i < 1000 && counted(BROKER_REPLAYS) > 0; i++) {
        sl_clock_manual_advance(&hand_clock, 10000000);
        turns(1);
    }
    assert_int_equal(counted(BROKER_REPLAYS), 0);
    assert_int_equal(counted(BROKER_REPLAYS_DROPPED), 1);
}

/* -- a journal that shows what a test wants -------------------------------------------------- */

static bool disk_fails;

static sl_err scripted_read(journal_t *j, uint64_t after, uint64_t until, size_t bytes,
                            journal_visit_fn *visit, void *ctx, uint64_t *upto)
{
    (void)j, (void)bytes;
    *upto = after;
    if (disk_fails)
        return SL_EIO;
    static const journal_hole_t holes[] = {{1, 10, false}, {15, 20, true}};
    for (size_t i = 0; i < ARRAY_LEN(holes) && *upto < until; i++) {
        if (holes[i].to <= after)
            continue;
        journal_hole_t hole = holes[i];
        *upto = hole.to;
        if (!visit(ctx, NULL, &hole))
            return SL_OK;
    }
    *upto = until;
    return SL_OK;
}

static uint64_t scripted_oldest = 11, scripted_oldest_time_ns, scripted_age_ms;

static void scripted_stat(journal_t *j, journal_stat_t *out)
{
    (void)j;
    *out = (journal_stat_t){.backend = "scripted",
                            .oldest = scripted_oldest,
                            .next = 31,
                            .oldest_time_ns = scripted_oldest_time_ns,
                            .retain_age_ms = scripted_age_ms};
}

static void use_scripted_journal(void)
{
    scripted_ops = *journal->ops;
    scripted_ops.read = scripted_read;
    scripted_ops.stat = scripted_stat;
    journal->ops = &scripted_ops;
    disk_fails = false;
}

static void holes_stand_in_their_place_with_their_reason(void **state)
{
    (void)state;
    use_scripted_journal();
    replay(peer, (wish_t){.request = 1, .after = 5});
    expect_lost(peer, 6, 10, WIRE_LOST_RETENTION); /* not what lies before */
    expect_lost(peer, 15, 20, WIRE_LOST_DAMAGE);
    expect_done(peer, 1, 30);
    replay(peer, (wish_t){.request = 2, .after = 5, .until = 17});
    expect_lost(peer, 6, 10, WIRE_LOST_RETENTION);
    expect_lost(peer, 15, 17, WIRE_LOST_DAMAGE); /* nor what lies behind */
    expect_done(peer, 2, 17);
}

static void journal_that_cannot_be_read_ends_a_replay_with_an_error(void **state)
{
    (void)state;
    use_scripted_journal();
    disk_fails = true;
    replay(peer, (wish_t){.request = 1});
    expect_error(peer, 1, WIRE_CODE_DISK);
    expect_silence(peer);
    assert_int_equal(counted(BROKER_REPLAYS), 0);
}

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(replay_sends_whole_batches_in_order_and_then_the_end),
        TEST(replay_between_two_numbers_does_not_cut_batches),
        TEST(replay_of_an_empty_journal_is_done_at_once),
        TEST(replay_keeps_to_its_prefixes),
        TEST(replay_stops_when_its_credit_is_spent),
        TEST(stopped_reader_costs_a_bounded_amount),
        TEST(credit_beyond_8_mib_is_not_kept),
        TEST(cancel_ends_a_replay),
        TEST(replay_of_a_request_that_runs_replaces_it),
        TEST(replay_of_another_stream_hears_which_one_it_is),
        TEST(too_many_replays_are_told_to_come_back),
        TEST(one_peer_cannot_have_all_the_replays),
        TEST(reader_without_credit_for_long_gives_its_place_away),
        TEST(retention_that_passes_a_reader_is_told_exactly),
        TEST(many_small_batches_pass_a_reader_whose_queue_is_short),
        TEST(replays_share_the_turns),
        TEST(silent_reader_is_dropped_after_a_minute),
        TEST(reader_that_vanishes_is_dropped),
        TEST(holes_stand_in_their_place_with_their_reason),
        TEST(journal_that_cannot_be_read_ends_a_replay_with_an_error),
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

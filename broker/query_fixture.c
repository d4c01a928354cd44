#include "query_fixture.h"

#include "journal/record.h"

void *peer, *router, *far_pair;
sl_clock_manual_t hand_clock;
query_service_t *service;
journal_t *journal;
reply_t got;
bool disk_fails;
uint64_t scripted_oldest, scripted_oldest_time_ns, scripted_age_ms;

static void *context, *pair;
static counter_t counters[BROKER_COUNTER_COUNT];
static batch_pool_t pool;
static topics_t topics;
static cursors_t *cursors;
static const wire_parent_t parents[2] = {{76, 500}, {75, 300}};
static void *peers[16];
static size_t peer_count;
static uint64_t next_number, tails[TOPICS + 1];
static journal_ops_t scripted_ops;

const char *const names[TOPICS + 1] = {"Job.OnJobFailed",
                                       "Job.OnJobFinished.WhoseNameIsNotKeptInline", "Cluster.a",
                                       "$dead.BrokenJson"};

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

void *new_peer(int receive_hwm)
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

void close_peer(void *socket)
{
    zmq_close(socket);
    for (size_t i = 0; i < peer_count; i++)
        if (peers[i] == socket)
            peers[i] = NULL;
}

void open_service(size_t journal_bytes)
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

int setup(void **state)
{
    (void)state;
    open_service(64 << 20);
    return 0;
}

int teardown(void **state)
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
uint64_t publish(int topic, uint32_t count, size_t len)
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

void turns(int count)
{
    for (int i = 0; i < count; i++)
        assert_true(query_service_turn(service, 0));
}

void ask(void *socket, const sl_buf_t *frame)
{
    assert_true(zmq_send(socket, frame->data, frame->len, 0) >= 0);
}

bool receive_now(void *socket)
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

void receive_on(void *socket)
{
    for (int i = 0; i < 1000; i++) {
        if (receive_now(socket))
            return;
        turns(1);
        sl_clock_manual_advance(&hand_clock, 1000000); /* what waits tries again by time */
    }
    fail_msg("no answer came");
}

void expect_silence(void *socket)
{
    turns(20);
    assert_false(receive_now(socket));
}

void expect_batch(void *socket, uint64_t request, uint64_t first)
{
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_BATCH);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(got.header.first, first);
}

void expect_done(void *socket, uint64_t request, uint64_t upto)
{
    wire_done_t done;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_DONE);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_done_decode(&done, &got.msg), SL_OK);
    assert_int_equal(done.upto, upto);
}

void expect_lost(void *socket, uint64_t from, uint64_t to, wire_lost_reason_t reason)
{
    wire_lost_t lost;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_LOST);
    assert_int_equal(wire_lost_decode(&lost, &got.msg), SL_OK);
    assert_int_equal(lost.from, from);
    assert_int_equal(lost.to, to);
    assert_int_equal(lost.reason, reason);
}

void expect_error(void *socket, uint64_t request, wire_code_t code)
{
    wire_query_error_t error;
    receive_on(socket);
    assert_int_equal(got.msg.type, WIRE_QUERY_ERROR);
    assert_int_equal(got.msg.request, request);
    assert_int_equal(wire_query_error_decode(&error, &got.msg), SL_OK);
    assert_string_equal(wire_code_name(error.code), wire_code_name(code));
}

void replay(void *socket, wish_t wish)
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

void credit(void *socket, uint64_t request, uint64_t bytes)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_credit(&out, request, &(wire_credit_t){bytes});
    ask(socket, &out);
    sl_buf_fini(&out);
}

void ask_plain(void *socket, wire_query_type_t type, uint64_t request)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, type, request, 0);
    ask(socket, &out);
    sl_buf_fini(&out);
}

uint64_t counted(int counter)
{
    return counter_get(&counters[counter]);
}

/* -- a journal that shows what a test wants -------------------------------------------------- */

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

static void scripted_stat(journal_t *j, journal_stat_t *out)
{
    (void)j;
    *out = (journal_stat_t){.backend = "scripted",
                            .oldest = scripted_oldest,
                            .next = 31,
                            .oldest_time_ns = scripted_oldest_time_ns,
                            .retain_age_ms = scripted_age_ms};
}

void use_scripted_journal(void)
{
    scripted_ops = *journal->ops;
    scripted_ops.read = scripted_read;
    scripted_ops.stat = scripted_stat;
    journal->ops = &scripted_ops;
    disk_fails = false;
    scripted_oldest = 11;
    scripted_oldest_time_ns = scripted_age_ms = 0;
}

/* The subscriber's place under a name, against a broker that says what the test tells it to:
 * opened, committed, lost, taken over.  And starts whose answer comes at the last moment. */
#include "fake_broker.h"
#include "sub_impl.h"

#include <poll.h>

enum { GENERATION = 3, MS = 1000 * 1000 };

/* -- cursors ---------------------------------------------------------------------------------- */

static void answer_opened(fake_t *f, bool placed, uint64_t number)
{
    wire_cursor_open_t open;
    sl_buf_t out = SL_BUF_INIT;
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    assert_int_equal(wire_cursor_open_decode(&open, &f->asked), SL_OK);
    assert_int_equal(open.name_len, 5);
    assert_memory_equal(open.name, "audit", 5);
    assert_int_equal(open.patterns.count, 1);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION,
                                                   .placed = placed,
                                                   .stream = placed ? STREAM : 0,
                                                   .number = number});
    answer(f, &out);
}

/* A named subscriber that joins when 10 is the next number. */
static void join_named(fake_t *f, sluice_sub_options_t options, bool placed, uint64_t number)
{
    options.name = "audit";
    fake_subscribe(f, options, LIST("Job."));
    answer_opened(f, placed, number);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    await_joined(f);
}

static uint64_t expect_commit(fake_t *f, uint64_t number)
{
    wire_cursor_place_t place;
    expect_question(f, WIRE_QUERY_CURSOR_COMMIT);
    assert_int_equal(wire_cursor_place_decode(&place, &f->asked), SL_OK);
    assert_int_equal(place.name_len, 5);
    assert_int_equal(place.generation, GENERATION);
    assert_int_equal(place.stream, STREAM);
    assert_int_equal(place.number, number);
    return f->asked.request;
}

static void answer_commit(fake_t *f, uint64_t request, uint64_t number)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_put_cursor_placed(&out, WIRE_QUERY_CURSOR_COMMIT, request,
                           &(wire_cursor_placed_t){number});
    answer(f, &out);
}

static const sluice_sub_options_t by_hand = {.commit_ms = UINT32_MAX};

static void cursor_is_opened_before_anything_is_subscribed_to(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit"}, LIST("Job."));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    expect_silence(f);
    assert_false(test_readable(f->xpub, 0));
}

static void new_cursor_is_kept_at_once_where_it_begins(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000}, false, 0);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_no_question(f);
    assert_int_equal(stats(f).committed, 9);
    assert_int_equal(stats(f).commits, 1);
}

static void cursor_goes_on_where_it_stood(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                   LIST("Job."));
    answer_opened(f, true, 4);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, "Job.A", 8);
    uint64_t request = expect_replay(f, 4, 9);
    answer_batch(f, request, "Job.A", 0, 3, 6);
    expect_event(f, "Job.A", 5);
}

static void what_was_taken_is_committed_by_itself(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1}, true, 9);
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    assert_false(test_readable(f->router, 20)); /* the last one is not dealt with yet */
    uint64_t request = expect_commit(f, 12);
    put_tick(f, 20, "Job.A", 12);
    expect_no_question(f); /* one at a time */
    answer_commit(f, request, 12);
    answer_commit(f, expect_commit(f, 19), 19);
    expect_silence(f);
    assert_int_equal(stats(f).committed, 19);
}

static void commit_by_hand_is_done_when_the_broker_says_so(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_OK); /* there it is already */
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    assert_int_equal(sluice_sub_commit(f->sub, 10), SLUICE_EINVAL); /* topic order: not by halves */
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 13), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_commit(f, expect_commit(f, 12), 12);
    for (int waited = 0; sluice_sub_commit(f->sub, 12) == SLUICE_EAGAIN; waited++)
        assert_true(waited < TEST_PATIENCE_MS && poll(NULL, 0, 1) == 0);
    assert_int_equal(stats(f).committed, 12);
    assert_int_equal(sluice_sub_commit(f->sub, 11), SLUICE_OK); /* that far and further */
    expect_no_question(f);
}

static void commit_of_a_number_leaves_what_was_not_named(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1, .order = SLUICE_ORDER_STREAM}, true, 9);
    put_batch(f, "Job.A", 0, 10, 11);
    put_batch(f, "Job.A", 11, 12, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    expect_event(f, "Job.A", 12);
    poll(NULL, 0, 2); /* a commit by itself is due, but 12 is not dealt with yet */
    assert_int_equal(sluice_sub_commit(f->sub, 13), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 11), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    answer_commit(f, expect_commit(f, 11), 11);
}

static void in_stream_order_the_last_item_can_be_committed(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = UINT32_MAX, .order = SLUICE_ORDER_STREAM},
               true, 9);
    put_batch(f, "Job.A", 0, 10, 12);
    put_tick(f, 13, "Job.A", 12);
    expect_event(f, "Job.A", 10);
    expect_event(f, "Job.A", 11);
    assert_int_equal(sluice_sub_commit(f->sub, 12), SLUICE_EINVAL);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    expect_commit(f, 11);
}

static void commit_is_answered_although_a_replay_fills_the_line(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    put_batch(f, "Job.A", 15, 20, 20);
    uint64_t request = expect_replay(f, 9, 19);
    answer_batch(f, request, "Job.A", 0, 12, 12);
    expect_event(f, "Job.A", 12);
    answer_batch(f, request, "Job.A", 12, 14, 15);
    assert_int_equal(sluice_sub_commit(f->sub, 12), SLUICE_EAGAIN);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS));
    answer_commit(f, expect_commit(f, 12), 12);
    for (int waited = 0; sluice_sub_commit(f->sub, 12) == SLUICE_EAGAIN; waited++)
        assert_true(waited < TEST_PATIENCE_MS && poll(NULL, 0, 1) == 0);
    expect_event(f, "Job.A", 14);
}

/* The user waits for the commit with the descriptor, and leaves what else comes for later. */
static void who_waits_for_a_commit_alone_is_not_kept_busy(void **state)
{
    enum { PAUSE_MS = 300 };
    fake_t *f = *state;
    join_named(f, by_hand, true, 9);
    struct pollfd fd = {.fd = sluice_sub_fd(f->sub), .events = POLLIN};
    put_batch(f, "Job.A", 0, 10, 10);
    put_tick(f, 11, "Job.A", 10);
    expect_event(f, "Job.A", 10);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    put_batch(f, "Job.A", 10, 11, 11);
    int calls = 0;
    for (uint64_t begin_ms = link_now_ns() / MS; link_now_ns() / MS - begin_ms < PAUSE_MS;
         calls++) {
        poll(&fd, 1, PAUSE_MS);
        assert_int_equal(sluice_sub_commit(f->sub, 10), SLUICE_EAGAIN);
    }
    assert_in_range(calls, 1, PAUSE_MS / 10);
    assert_true(test_readable(f->router, TEST_PATIENCE_MS)); /* so that nothing is taken here */
    answer_commit(f, expect_commit(f, 10), 10);
    while (sluice_sub_commit(f->sub, 10) == SLUICE_EAGAIN)
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
    assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1); /* and the batch is not forgotten */
    expect_event(f, "Job.A", 11);
}

static void commit_is_sent_again_on_a_new_connection(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000, .watchdog_ms = 500}, false, 0);
    uint64_t request = expect_commit(f, 9);
    uint64_t again = 0;
    while (again == 0) { /* the feed is kept awake meanwhile */
        put_tick(f, 10, NULL, 0);
        sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        if (test_readable(f->router, 0))
            again = expect_commit(f, 9);
    }
    assert_true(again > request);
    answer_commit(f, again, 9);
    expect_silence(f);
    assert_int_equal(stats(f).committed, 9);
}

static void fenced_holder_delivers_nothing_more(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_FENCED);
    expect_err(f, SLUICE_EFENCED);
    put_batch(f, "Job.A", 0, 10, 10);
    expect_err(f, SLUICE_EFENCED);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EFENCED);
}

static void commit_that_fails_on_the_brokers_disk_is_made_when_it_is_due_again(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 20}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_DISK);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    assert_int_equal(stats(f).commits, 1);
}

static void commit_by_hand_is_not_forgotten_when_the_brokers_disk_fails(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_DISK);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_BUSY);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_OK);
}

static void new_cursor_is_kept_where_it_begins_though_commits_are_by_hand(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, false, 0);
    answer_commit(f, expect_commit(f, 9), 9);
    put_batch(f, "Job.A", 0, 10, 10);
    put_tick(f, 11, "Job.A", 10);
    expect_event(f, "Job.A", 10);
    expect_no_question(f);
    assert_int_equal(stats(f).committed, 9);
}

/* -- a cursor that the broker does not have any more ------------------------------------------- */

static void expect_commit_of(fake_t *f, uint64_t generation, uint64_t stream, uint64_t number)
{
    wire_cursor_place_t place;
    expect_question(f, WIRE_QUERY_CURSOR_COMMIT);
    assert_int_equal(wire_cursor_place_decode(&place, &f->asked), SL_OK);
    assert_int_equal(place.generation, generation);
    assert_int_equal(place.stream, stream);
    assert_int_equal(place.number, number);
}

static void expect_opened_again(fake_t *f)
{
    sl_buf_t out = SL_BUF_INIT;
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION + 5});
    answer(f, &out);
}

/* The broker comes back on stream 8, which goes on behind 12 of the one before. */
static void restart_broker(fake_t *f)
{
    zmq_close(f->xpub);
    zmq_close(f->router);
    fake_bind_query(f);
    fake_bind_feed(f);
    await_sync(f);
    f->parents[0] = (wire_parent_t){STREAM, 12};
    f->parent_count = 1;
    put_tick_of(f, 8, f->sync, 13, "Job.A", 12);
    expect(f, SLUICE_ITEM_STREAM);
}

static void cursor_that_a_restore_lost_is_opened_again_and_put_where_we_are(void **state)
{
    fake_t *f = *state;
    join_named(f, (sluice_sub_options_t){.commit_ms = 1}, true, 9);
    put_batch(f, "Job.A", 0, 10, 15);
    put_tick(f, 16, "Job.A", 15);
    for (uint64_t n = 10; n <= 15; n++)
        expect_event(f, "Job.A", n);
    answer_commit(f, expect_commit(f, 15), 15);
    expect_silence(f);
    restart_broker(f);
    expect_commit_of(f, GENERATION, 8, 12);
    answer_error(f, f->asked.request, WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, 8, 12);
    answer_commit(f, f->asked.request, 12);
    put_batch_of(f, 8, "Job.A", 12, 13, 13);
    expect_event(f, "Job.A", 13);
    assert_int_equal(stats(f).committed, 12);
}

static void commit_by_hand_goes_over_to_the_stream_that_follows(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_commit(f, expect_commit(f, 9), 9);
    expect_silence(f);
    restart_broker(f);
    expect_replay(f, 9, 12);
    expect_commit_of(f, GENERATION, 8, 9);
    answer_error(f, f->asked.request, WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, 8, 9);
}

static void cursor_may_be_lost_before_the_feed_shows_that_the_broker_is_another(void **state)
{
    fake_t *f = *state;
    join_named(f, by_hand, true, 8);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    expect_opened_again(f);
    expect_commit_of(f, GENERATION + 5, STREAM, 9);
}

static void dropped_cursor_is_an_end(void **state)
{
    fake_t *f = *state;
    sluice_err err = SLUICE_EAGAIN;
    join_named(f, (sluice_sub_options_t){.commit_ms = 600000, .watchdog_ms = 100}, false, 0);
    answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    for (int waited = 0; err == SLUICE_EAGAIN; waited++) {
        assert_true(waited < TEST_PATIENCE_MS);
        put_tick(f, 10, NULL, 0);
        err = sluice_sub_next(f->sub, &f->item, TEST_STEP_MS);
        if (test_readable(f->router, 0))
            answer_error(f, expect_commit(f, 9), WIRE_CODE_NAME);
    }
    assert_int_equal(err, SLUICE_EFENCED);
}

/* -- patterns --------------------------------------------------------------------------------- */

static void answer_opened_with(fake_t *f, const char *const *patterns, uint32_t count)
{
    sl_buf_t out = SL_BUF_INIT, texts = SL_BUF_INIT;
    for (uint32_t i = 0; i < count; i++)
        wire_texts_put(&texts, patterns[i], strlen(patterns[i]));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    wire_put_cursor_opened(&out, f->asked.request,
                           &(wire_cursor_opened_t){.generation = GENERATION,
                                                   .placed = true,
                                                   .stream = STREAM,
                                                   .number = 9,
                                                   .known = true,
                                                   .patterns = wire_texts(&texts, count)});
    answer(f, &out);
    sl_buf_fini(&texts);
}

static void other_patterns_than_the_cursors_are_told(void **state)
{
    static const char *const others[][2] = {{"Job.*", NULL}, {"Job.*", "Node.*"}};
    fake_t *f = *state;
    for (uint32_t i = 0; i < ARRAY_LEN(others); i++) {
        fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                       LIST("Cluster.*", "Job.*"));
        answer_opened_with(f, others[i], i + 1);
        await_sync(f);
        put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
        assert_int_equal(expect(f, SLUICE_ITEM_PATTERNS)->number, 9);
        assert_int_equal(f->item.stream, STREAM);
        sluice_sub_destroy(&f->sub);
    }
}

static void same_patterns_in_another_order_are_the_same(void **state)
{
    static const char *const same[] = {"Job.*", "Cluster.*"};
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .commit_ms = UINT32_MAX},
                   LIST("Cluster.*", "Job.*"));
    answer_opened_with(f, same, 2);
    await_sync(f);
    put_tick_of(f, STREAM, f->sync, 10, NULL, 0);
    expect_silence(f);
    assert_true(sluice_sub_joined(f->sub));
}

/* `count` patterns, each of 120 bytes and none within another; NULL behind them. */
static const char **many_patterns(size_t count)
{
    const char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        char *text = calloc(1, 121);
        memset(text, 'a', 120);
        text[0] = 'A';
        for (size_t at = 1, left = i; at <= 3; at++, left /= 10)
            text[at] = (char)('0' + left % 10);
        text[60] = '.';
        list[i] = text;
    }
    return list;
}

static void free_patterns(const char **list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        free((void *)(uintptr_t)list[i]);
    free((void *)list);
}

static void prefixes_that_a_broker_would_refuse_become_one(void **state)
{
    fake_t *f = *state;
    const char **list = many_patterns(500); /* more than 48 KiB */
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_NUMBER, .from_stream = STREAM},
                   list);
    wire_texts_t prefixes = wire_texts(&f->sub->prefixes, f->sub->prefix_count);
    assert_true(prefixes.len <= WIRE_PREFIXES_BYTES_MAX);
    assert_int_equal(prefixes.count, 2); /* all, and those that begin with $ */
    free_patterns(list);
}

static void patterns_that_a_cursor_cannot_keep_are_refused_at_once(void **state)
{
    fake_t *f = *state;
    const char **list = many_patterns(200); /* more than 16 KiB */
    sluice_sub_options_t options = {.size = sizeof options, .name = "audit", .patterns = list};
    assert_int_equal(sluice_sub_create(&f->sub, &options), SLUICE_ELIMIT);
    options.name = NULL;
    assert_int_equal(sluice_sub_create(&f->sub, &options), SLUICE_OK);
    free_patterns(list);
}

static void one_cursor_too_many_is_told(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit"}, LIST("Job."));
    expect_question(f, WIRE_QUERY_CURSOR_OPEN);
    answer_error(f, f->asked.request, WIRE_CODE_LIMIT);
    expect_err(f, SLUICE_ELIMIT);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EAGAIN);
}

static void handle_without_a_name_has_nothing_to_commit(void **state)
{
    fake_t *f = *state;
    fake_join(f, (sluice_sub_options_t){0}, 10, NULL, 0);
    assert_int_equal(sluice_sub_commit(f->sub, 0), SLUICE_EINVAL);
}

/* -- an answer that comes at the last moment ----------------------------------------------------
 */

/* What sluice_sub_next does before it sleeps; the answer came since it looked before. */
static uint64_t look_before_sleep(fake_t *f)
{
    uint64_t next_ns = UINT64_MAX;
    sub_query_look(f->sub, link_now_ns(), true, &next_ns);
    return next_ns;
}

static void start_goes_on_when_its_answer_comes_last(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.name = "audit", .from = SLUICE_FROM_TIME},
                   LIST("Job."));
    answer_opened(f, false, 0);
    assert_true(look_before_sleep(f) <= link_now_ns());
    expect_question(f, WIRE_QUERY_FIND);
}

static void refused_start_goes_on_when_its_answer_comes_last(void **state)
{
    fake_t *f = *state;
    fake_subscribe(f, (sluice_sub_options_t){.from = SLUICE_FROM_TIME}, LIST("Job."));
    expect_question(f, WIRE_QUERY_FIND);
    answer_error(f, f->asked.request, WIRE_CODE_BUSY);
    assert_in_range(look_before_sleep(f), link_now_ns(), link_now_ns() + UINT64_C(2000000000));
    expect_question(f, WIRE_QUERY_FIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_patterns_than_the_cursors_are_told),
        TEST(same_patterns_in_another_order_are_the_same),
        TEST(prefixes_that_a_broker_would_refuse_become_one),
        TEST(patterns_that_a_cursor_cannot_keep_are_refused_at_once),
        TEST(cursor_is_opened_before_anything_is_subscribed_to),
        TEST(new_cursor_is_kept_at_once_where_it_begins),
        TEST(cursor_goes_on_where_it_stood),
        TEST(what_was_taken_is_committed_by_itself),
        TEST(commit_by_hand_is_done_when_the_broker_says_so),
        TEST(commit_of_a_number_leaves_what_was_not_named),
        TEST(in_stream_order_the_last_item_can_be_committed),
        TEST_INPROC(start_goes_on_when_its_answer_comes_last),
        TEST_INPROC(refused_start_goes_on_when_its_answer_comes_last),
        TEST(who_waits_for_a_commit_alone_is_not_kept_busy),
        TEST(commit_is_answered_although_a_replay_fills_the_line),
        TEST(commit_is_sent_again_on_a_new_connection),
        TEST(fenced_holder_delivers_nothing_more),
        TEST(commit_that_fails_on_the_brokers_disk_is_made_when_it_is_due_again),
        TEST(commit_by_hand_is_not_forgotten_when_the_brokers_disk_fails),
        TEST(new_cursor_is_kept_where_it_begins_though_commits_are_by_hand),
        TEST(cursor_that_a_restore_lost_is_opened_again_and_put_where_we_are),
        TEST(commit_by_hand_goes_over_to_the_stream_that_follows),
        TEST(cursor_may_be_lost_before_the_feed_shows_that_the_broker_is_another),
        TEST(dropped_cursor_is_an_end),
        TEST(one_cursor_too_many_is_told),
        TEST(handle_without_a_name_has_nothing_to_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

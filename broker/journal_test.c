#include "journal.h"
#include "journal/record.h"
#include "testing.h"

#include <pthread.h>
#include <stdio.h>

static batch_pool_t pool;
static topics_t topics;
static topic_t *topic;
static journal_t *journal;
static uint64_t done_last, done_count;

static void on_done(void *ctx, batch_t *b, sl_err err)
{
    assert_null(ctx);
    assert_int_equal(err, SL_OK);
    assert_true(b->first > done_last);
    done_last = b->first;
    done_count++;
}

static int open_journal(void **state)
{
    (void)state;
    batch_pool_init(&pool);
    topics_init(&topics, 1);
    topic = topics_add(&topics, "Job.OnJobFailed", 15);
    done_last = done_count = 0;
    return 0;
}

static int close_journal(void **state)
{
    (void)state;
    journal_destroy(&journal);
    batch_pool_fini(&pool); /* asserts that nothing is held any more */
    topics_fini(&topics);
    return 0;
}

static void create(size_t bytes)
{
    journal = journal_memory_create(bytes);
    assert_non_null(journal);
    journal_attach(journal, on_done, NULL);
}

/* Appends a batch and lets go of it, as the feed does. */
static void append_events(uint64_t first, uint32_t count, uint64_t time_ns)
{
    uint8_t event[100] = {0x80};
    batch_t *b = batch_open(&pool, topic, 0);
    assert_int_equal(batch_reserve(b, count * sizeof event, count), SL_OK);
    for (uint32_t i = 0; i < count; i++)
        batch_append(b, event, sizeof event, NULL);
    batch_seal(b, 1, first - 1, first, time_ns);
    journal_append(journal, b);
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
    batch_pool_collect(&pool);
}

static void append(uint64_t number)
{
    append_events(number, 1, number);
}

/* -- reading --------------------------------------------------------------------------------- */

/* What a read showed, as text: "[1-3]" for a batch, "(1-3)" for a hole that retention left. */
typedef struct shown {
    char text[512];
    size_t len;
    size_t stop_after; /* so many */
} shown_t;

static bool note(void *ctx, const record_t *record, const journal_hole_t *hole)
{
    shown_t *shown = ctx;
    uint64_t from = record != NULL ? record->first : hole->from;
    uint64_t to = record != NULL ? record->first + record->count - 1 : hole->to;
    assert_true(hole == NULL || !hole->damage);
    if (shown->len < sizeof shown->text)
        shown->len +=
            (size_t)snprintf(shown->text + shown->len, sizeof shown->text - shown->len,
                             record != NULL ? "[%u-%u]" : "(%u-%u)", (unsigned)from, (unsigned)to);
    if (record != NULL) {
        wire_feed_header_t header;
        assert_int_equal(wire_feed_decode(&header, record->header, record->header_len,
                                          record->topic, record->topic_len, record->body,
                                          record->body_len),
                         SL_OK);
        assert_int_equal(header.first, record->first);
        assert_int_equal(header.prev, record->prev);
        assert_int_equal(header.time_ns, record->time_ns);
        assert_int_equal(header.count, record->count);
    }
    return shown->stop_after == 0 || --shown->stop_after > 0;
}

static void expect_read(uint64_t after, uint64_t until, size_t bytes, size_t stop_after,
                        const char *wanted, uint64_t wanted_upto)
{
    shown_t shown = {.stop_after = stop_after};
    uint64_t upto;
    assert_int_equal(journal_read(journal, after, until, bytes, note, &shown, &upto), SL_OK);
    assert_string_equal(shown.text, wanted);
    assert_int_equal(upto, wanted_upto);
}

static void journal_memory_shows_what_lies_between_two_numbers(void **state)
{
    (void)state;
    create(1 << 20);
    expect_read(0, UINT64_MAX, 1000, 0, "", 0);
    append_events(1, 3, 10);
    append_events(4, 1, 20);
    append_events(5, 4, 30);
    expect_read(0, UINT64_MAX, 10000, 0, "[1-3][4-4][5-8]", 8);
    expect_read(3, UINT64_MAX, 10000, 0, "[4-4][5-8]", 8);
    expect_read(2, 4, 10000, 0, "[1-3][4-4]", 4);
    expect_read(5, 6, 10000, 0, "[5-8]", 6);
    expect_read(8, UINT64_MAX, 10000, 0, "", 8);
    expect_read(100, UINT64_MAX, 10000, 0, "", 100);
    expect_read(4, 4, 10000, 0, "", 4);
    expect_read(0, UINT64_MAX, 0, 0, "[1-3]", 3);
    expect_read(0, UINT64_MAX, 350, 0, "[1-3][4-4]", 4);
    expect_read(0, UINT64_MAX, 10000, 1, "[1-3]", 3);
    expect_read(0, 2, 10000, 1, "[1-3]", 2);
}

static void journal_memory_shows_what_retention_took_as_a_hole(void **state)
{
    (void)state;
    create(0); /* one batch */
    append_events(1, 3, 10);
    append_events(4, 2, 20);
    expect_read(0, UINT64_MAX, 10000, 0, "(1-3)[4-5]", 5);
    expect_read(2, UINT64_MAX, 10000, 0, "(3-3)[4-5]", 5);
    expect_read(0, 2, 10000, 0, "(1-2)", 2);
    expect_read(0, UINT64_MAX, 10000, 1, "(1-3)", 3);
    expect_read(3, UINT64_MAX, 10000, 0, "[4-5]", 5);
}

static void journal_memory_finds_what_was_sealed_since(void **state)
{
    (void)state;
    uint64_t after = 99;
    create(1 << 20);
    assert_int_equal(journal_find(journal, 0, &after), SL_OK);
    assert_int_equal(after, 0);
    append_events(1, 3, 10);
    append_events(4, 1, 20);
    append_events(5, 4, 20);
    append_events(9, 1, 30);
    static const uint64_t rows[][2] = {{0, 0},  {10, 0}, {11, 3}, {20, 3},
                                       {21, 8}, {30, 8}, {31, 9}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(journal_find(journal, rows[i][0], &after), SL_OK);
        assert_int_equal(after, rows[i][1]);
    }
}

static void journal_memory_tells_what_it_holds(void **state)
{
    (void)state;
    journal_stat_t stat;
    create(1000);
    journal_stat(journal, &stat);
    assert_int_equal(stat.oldest, 0);
    assert_int_equal(stat.next, 1);
    for (uint64_t n = 1; n <= 20; n++)
        append(n);
    journal_stat(journal, &stat);
    assert_string_equal(stat.backend, "memory");
    assert_int_equal(stat.oldest, journal->oldest);
    assert_int_equal(stat.next, 21);
    assert_int_equal(stat.records, 21 - stat.oldest);
    assert_int_equal(stat.oldest_time_ns, stat.oldest);
    assert_int_equal(stat.newest_time_ns, 20);
    assert_int_equal(stat.retain_bytes, 1000);
}

/* One reads from the beginning again and again while the other appends and forgets. */
static void *read_all_the_time(void *arg)
{
    _Atomic bool *stop = arg;
    for (uint64_t after = 0; !atomic_load(stop);) {
        shown_t shown = {0};
        uint64_t upto;
        assert_int_equal(journal_read(journal, after, UINT64_MAX, 2000, note, &shown, &upto),
                         SL_OK);
        assert_true(upto >= after);
        after = upto % 1000 == 0 ? 0 : upto;
    }
    return NULL;
}

static void journal_memory_is_read_while_it_is_written(void **state)
{
    (void)state;
    _Atomic bool stop = false;
    pthread_t reader;
    create(32 << 10);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &stop), 0);
    for (uint64_t n = 1; n <= 1000; n++)
        append(n);
    atomic_store(&stop, true);
    pthread_join(reader, NULL);
    batch_pool_collect(&pool);
}

static void journal_memory_completes_in_place_and_in_order(void **state)
{
    (void)state;
    create(1 << 20);
    assert_int_equal(journal->fd, -1);
    for (uint64_t n = 1; n <= 10; n++) {
        append(n);
        assert_int_equal(done_count, n);
    }
    journal_poll(journal);
    journal_flush(journal);
    journal_resume(journal);
    assert_int_equal(done_count, 10);
}

static void journal_memory_keeps_the_newest_within_its_bytes(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    create(BYTES);
    for (uint64_t n = 1; n <= 100; n++)
        append(n);
    assert_int_equal(journal->oldest, 1);
    for (uint64_t n = 101; n <= 5000; n++) {
        append(n);
        assert_true(pool.used_bytes <= BYTES);
    }
    assert_in_range(journal->oldest, 4700, 4900);
    assert_true(pool.used_bytes > BYTES * 9 / 10);
}

static void journal_memory_of_no_bytes_keeps_one_batch(void **state)
{
    (void)state;
    create(0);
    for (uint64_t n = 1; n <= 3; n++) {
        append(n);
        assert_int_equal(journal->oldest, n);
    }
}

static void journal_memory_forgets_when_it_has_too_many_batches(void **state)
{
    (void)state;
    create((size_t)1 << 40);
    for (uint64_t n = 1; n <= 65536 + 10; n++)
        append(n);
    assert_int_equal(journal->oldest, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(journal_memory_completes_in_place_and_in_order,
                                        open_journal, close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_keeps_the_newest_within_its_bytes,
                                        open_journal, close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_of_no_bytes_keeps_one_batch, open_journal,
                                        close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_forgets_when_it_has_too_many_batches,
                                        open_journal, close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_shows_what_lies_between_two_numbers,
                                        open_journal, close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_shows_what_retention_took_as_a_hole,
                                        open_journal, close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_finds_what_was_sealed_since, open_journal,
                                        close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_tells_what_it_holds, open_journal,
                                        close_journal),
        cmocka_unit_test_setup_teardown(journal_memory_is_read_while_it_is_written, open_journal,
                                        close_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

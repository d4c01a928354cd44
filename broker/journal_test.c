#include "journal.h"
#include "testing.h"

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

/* Appends a batch of one event and lets go of it, as the feed does. */
static void append(uint64_t number)
{
    uint8_t event[100] = {0x80};
    batch_t *b = batch_open(&pool, topic, 0);
    assert_int_equal(batch_reserve(b, sizeof event, 1), SL_OK);
    batch_append(b, event, sizeof event, NULL);
    batch_seal(b, 1, number - 1, number, 1);
    journal_append(journal, b);
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

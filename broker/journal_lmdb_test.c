#include "journal_lmdb.h"
#include "testing.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, GROUPS_MAX = 1024 };

/* The disk, as the test wants it: shut, it keeps a commit waiting; broken, it fails it. */
typedef struct disk {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shut, entered;
    int broken;       /* errno; 0: it works */
    uint64_t slow_ns; /* what a commit takes, by the test's clock */
    pthread_t sequencer;
    size_t in_place;                        /* of the commits, in the sequencer's thread */
    bool overtaken;                         /* one of those, while the disk was shut */
    size_t groups[GROUPS_MAX], group_count; /* batches of each commit that was tried */
    bool cut;                               /* one ended with a joined batch */
} disk_t;

static char dir[TEST_DIR_BYTES];
static batch_pool_t pool;
static topics_t topics;
static topic_t *topic;
static journal_t *journal;
static uint64_t map_bytes;
static bool in_place;
static counter_t counters[BROKER_COUNTER_COUNT];
static store_found_t found;
static sl_clock_manual_t
    time_; /* moved by whoever commits, or while the thread has nothing to do */
static disk_t disk;
static uint64_t done_first[JOURNAL_IN_FLIGHT_MAX]; /* of the batches that completed, in order */
static sl_err done_err[JOURNAL_IN_FLIGHT_MAX];
static size_t done_count;
static uint64_t next;

static sl_err on_commit(void *ctx, store_t *store, const record_t *records, size_t count)
{
    disk_t *d = ctx;
    pthread_mutex_lock(&d->lock);
    d->entered = true;
    pthread_cond_broadcast(&d->changed);
    bool by_sequencer = pthread_equal(pthread_self(), d->sequencer);
    d->in_place += by_sequencer;
    d->overtaken |= by_sequencer && d->shut;
    while (d->shut && !by_sequencer)
        pthread_cond_wait(&d->changed, &d->lock);
    if (d->group_count < GROUPS_MAX)
        d->groups[d->group_count++] = count;
    d->cut |= records[count - 1].joined;
    sl_clock_manual_advance(&time_, d->slow_ns);
    int broken = d->broken;
    pthread_mutex_unlock(&d->lock);
    if (broken == 0)
        return store_commit(store, records, count);
    errno = broken;
    return SL_EIO;
}

static void set_disk(bool shut, int broken)
{
    pthread_mutex_lock(&disk.lock);
    disk.shut = shut;
    disk.broken = broken;
    disk.entered = false;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
}

/* Waits until a commit stands before the shut disk. */
static void await_commit(void)
{
    pthread_mutex_lock(&disk.lock);
    while (!disk.entered)
        pthread_cond_wait(&disk.changed, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

/* As the sequencer does it: what fails is taken back, so its numbers are free again. */
static void on_done(void *ctx, batch_t *b, sl_err err)
{
    assert_null(ctx);
    assert_true(done_count < JOURNAL_IN_FLIGHT_MAX);
    done_first[done_count] = b->first;
    done_err[done_count++] = err;
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
}

static void create(void)
{
    const char *failed;
    journal_lmdb_options_t options = {
        .store = {.dir = dir, .map_bytes = map_bytes, .sync = STORE_SYNC_OS, .clock = &time_.clock},
        .in_place = in_place,
        .counters = counters,
        .commit = on_commit,
        .commit_ctx = &disk};
    assert_int_equal(journal_lmdb_create(&journal, &options, &found, &failed), SL_OK);
    journal_attach(journal, on_done, NULL);
    next = found.next;
}

static int open_journal(void **state)
{
    (void)state;
    test_dir_create(dir);
    batch_pool_init(&pool);
    topics_init(&topics, 1);
    topic = topics_add(&topics, "Job.OnJobFailed", 15);
    memset(counters, 0, sizeof counters);
    disk =
        (disk_t){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .sequencer = pthread_self()};
    done_count = 0;
    sl_clock_manual_init(&time_, 1000000000, 1000000000);
    create();
    return 0;
}

static int open_in_place(void **state)
{
    in_place = true;
    return open_journal(state);
}

static int close_journal(void **state)
{
    (void)state;
    in_place = false;
    set_disk(false, 0);
    journal_destroy(&journal);
    batch_pool_fini(&pool); /* asserts that nothing is held any more */
    topics_fini(&topics);
    test_dir_remove(dir);
    return 0;
}

/* Appends a batch of `count` events of `len` bytes. */
static batch_t *append(uint32_t count, size_t len, bool joined)
{
    static uint8_t event[200000];
    event[0] = 0x80;
    batch_t *b = batch_open(&pool, topic, 0);
    assert_int_equal(batch_reserve(b, count * len, count), SL_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t id[WIRE_ID_BYTES];
        test_id(id, next + i);
        batch_append(b, event, len, id);
    }
    batch_seal(b, found.stream, next - 1, next, 1000 + next);
    b->joined = joined;
    next += count;
    journal_append(journal, b);
    return b;
}

/* Polls until so many have completed. */
static void await_done(size_t count)
{
    while (done_count < count) {
        struct pollfd fd = {.fd = journal->fd, .events = POLLIN};
        if (poll(&fd, 1, PATIENCE_MS) != 1)
            fail_msg("%zu of %zu completed", done_count, count);
        journal_poll(journal);
    }
    assert_int_equal(done_count, count);
}

static void assert_done(size_t from, size_t to, sl_err err)
{
    for (size_t i = from; i < to; i++)
        assert_int_equal(done_err[i], err);
}

static bool has_news(void)
{
    struct pollfd fd = {.fd = journal->fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static uint64_t counted(int counter)
{
    return counter_get(&counters[counter]);
}

/* -- groups ---------------------------------------------------------------------------------- */

static void journal_lmdb_group_is_what_came_while_the_disk_worked(void **state)
{
    (void)state;
    set_disk(true, 0);
    append(2, 10, false);
    journal_flush(journal);
    await_commit();
    for (int i = 0; i < 5; i++)
        append(1, 10, false);
    journal_flush(journal);
    assert_false(has_news());
    set_disk(false, 0);
    await_done(6);
    assert_done(0, 6, SL_OK);
    assert_false(has_news());
    assert_int_equal(disk.group_count, 2);
    assert_int_equal(disk.groups[0], 1);
    assert_int_equal(disk.groups[1], 5);
    assert_int_equal(counted(BROKER_JOURNAL_COMMITS), 2);
    assert_int_equal(counted(BROKER_JOURNAL_COMMITTED), 6);
    assert_int_equal(journal->oldest, 1);
    journal_stat_t stat;
    journal_stat(journal, &stat);
    assert_int_equal(stat.next, 8);
    assert_int_equal(stat.commits, 2);
    assert_string_equal(stat.backend, "lmdb");
}

static void journal_lmdb_waits_for_the_flush(void **state)
{
    (void)state;
    append(1, 10, false);
    append(1, 10, false);
    assert_int_equal(disk.group_count, 0);
    journal_flush(journal);
    await_done(2);
    assert_int_equal(disk.groups[0], 2);
}

static void journal_lmdb_does_not_wait_for_the_flush_when_it_is_much(void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++)
        append(1, 180000, false);
    await_done(6); /* 1 MiB */
    journal_flush(journal);
    await_done(7);
}

static void journal_lmdb_bounds_a_group_but_never_cuts_a_joined_one(void **state)
{
    (void)state;
    enum { LARGE = 190000, MANY = 60 }; /* more than 8 MiB */
    set_disk(true, 0);
    append(1, 10, false);
    journal_flush(journal);
    await_commit();
    for (int i = 1; i <= MANY; i++)
        append(1, LARGE, i < MANY);
    for (int i = 1; i <= MANY; i++)
        append(1, LARGE, i % 2 == 1);
    journal_flush(journal);
    set_disk(false, 0);
    await_done(1 + 2 * (size_t)MANY);
    assert_false(disk.cut);
    assert_int_equal(disk.groups[1], MANY);
    assert_int_equal(disk.group_count, 4);
    assert_in_range(disk.groups[2], (8 << 20) / LARGE, (8 << 20) / LARGE + 2);
}

static void journal_lmdb_keeps_a_group_small_in_a_small_map(void **state)
{
    (void)state;
    enum { LARGE = 190000, MANY = 12 };
    journal_destroy(&journal);
    map_bytes = 8 << 20;
    create();
    map_bytes = 0;
    set_disk(true, 0);
    append(1, 10, false);
    journal_flush(journal);
    await_commit();
    for (int i = 0; i < MANY; i++)
        append(1, LARGE, false);
    journal_flush(journal);
    set_disk(false, 0);
    await_done(1 + MANY);
    assert_int_equal(disk.groups[1], (1 << 20) / LARGE + 1);
}

/* -- in place -------------------------------------------------------------------------------- */

/* Appends a small batch.  @return whether the flush completed it. */
static bool flush_completes(size_t len)
{
    size_t before = done_count;
    append(1, len, false);
    journal_flush(journal);
    return done_count > before;
}

/* Until the thread has come to rest it commits what comes. */
static void await_in_place(void)
{
    for (int tries = 0; !flush_completes(10); tries++) {
        assert_true(tries < GROUPS_MAX / 2);
        await_done(done_count + 1);
    }
    assert_false(has_news());
}

static void journal_lmdb_in_place_completes_within_the_flush(void **state)
{
    (void)state;
    await_in_place();
    for (int i = 0; i < 10; i++)
        assert_true(flush_completes(10));
    assert_false(has_news());
    assert_done(0, done_count, SL_OK);
    assert_int_equal(counted(BROKER_JOURNAL_COMMITS), done_count);
    journal_stat_t stat;
    journal_stat(journal, &stat);
    assert_int_equal(stat.next, next);
}

static void journal_lmdb_in_place_leaves_much_to_the_thread(void **state)
{
    (void)state;
    await_in_place();
    assert_false(flush_completes(20000));
    await_done(done_count + 1);
}

static void journal_lmdb_in_place_overtakes_no_group_at_work(void **state)
{
    (void)state;
    await_in_place();
    size_t before = done_count;
    set_disk(true, 0);
    assert_false(flush_completes(20000));
    await_commit();
    assert_false(flush_completes(10));
    assert_false(disk.overtaken);
    set_disk(false, 0);
    await_done(before + 2);
    assert_true(done_first[before] < done_first[before + 1]);
}

static void journal_lmdb_in_place_failure_comes_with_the_next_poll(void **state)
{
    (void)state;
    await_in_place();
    size_t before = done_count, in_place_before = disk.in_place;
    set_disk(false, ENOSPC);
    assert_false(flush_completes(10));
    assert_int_equal(disk.in_place, in_place_before + 1);
    await_done(before + 1);
    assert_false(has_news());
    assert_int_equal(done_err[before], SL_EIO);
    assert_int_equal(counted(BROKER_JOURNAL_ERRNO), ENOSPC);
    set_disk(false, 0);
    next = done_first[before];
    journal_resume(journal);
    assert_false(flush_completes(10)); /* the thread's: there may be something to mend */
    await_done(before + 2);
    await_in_place();
    assert_done(before + 1, done_count, SL_OK);
}

/* The system makes writers wait: for a second nobody but the thread does. */
static void journal_lmdb_in_place_rests_after_a_slow_commit(void **state)
{
    (void)state;
    await_in_place();
    disk.slow_ns = 2 * 1000 * 1000;
    assert_true(flush_completes(10));
    disk.slow_ns = 0;
    assert_false(flush_completes(10));
    await_done(done_count + 1);
    sl_clock_manual_advance(&time_, 999 * 1000 * 1000);
    assert_false(flush_completes(10));
    await_done(done_count + 1);
    sl_clock_manual_advance(&time_, 1000 * 1000);
    await_in_place();
}

/* -- failures -------------------------------------------------------------------------------- */

static void journal_lmdb_failed_group_takes_all_behind_it_along(void **state)
{
    (void)state;
    append(3, 10, false);
    journal_flush(journal);
    await_done(1);
    set_disk(true, EIO);
    append(1, 10, false);
    append(1, 10, false);
    journal_flush(journal);
    await_commit();
    append(1, 10, false);
    journal_flush(journal);
    append(1, 10, false); /* not even flushed */
    set_disk(false, EIO);
    await_done(5);
    assert_done(1, 5, SL_EIO);
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(done_first[i], i + 3);
    append(1, 10, false); /* refused until it is resumed */
    journal_flush(journal);
    journal_poll(journal);
    assert_int_equal(done_count, 6);
    assert_int_equal(done_err[5], SL_EIO);
    assert_int_equal(disk.group_count, 2);
    assert_int_equal(counted(BROKER_JOURNAL_FAILED_COMMITS), 1);
    assert_int_equal(counted(BROKER_JOURNAL_ERRNO), EIO);

    set_disk(false, 0);
    journal_resume(journal);
    assert_false(has_news());
    next = 4;
    append(2, 10, false);
    journal_flush(journal);
    await_done(7);
    assert_int_equal(done_err[6], SL_OK);
    assert_int_equal(done_first[6], 4);
    assert_int_equal(counted(BROKER_JOURNAL_ERRNO), 0);
    journal_stat_t stat;
    journal_stat(journal, &stat);
    assert_int_equal(stat.next, 6);
    assert_int_equal(stat.failed_commits, 1);
}

static int lines_failed, lines_works;

static void on_line(const char *line, size_t len, void *ctx)
{
    (void)ctx;
    lines_failed += memmem(line, len, "JOURNAL-FAILED", 14) != NULL;
    lines_works += memmem(line, len, "JOURNAL-WORKS failures=7 ", 25) != NULL;
}

static void fail_once(int broken)
{
    set_disk(false, broken);
    size_t before = done_count;
    append(1, 10, false);
    journal_flush(journal);
    await_done(before + 1);
    if (broken == 0)
        return;
    journal_resume(journal);
    next--;
}

static void journal_lmdb_says_each_kind_of_failure_once_and_when_it_works_again(void **state)
{
    (void)state;
    lines_failed = lines_works = 0;
    log_set_sink(on_line, NULL);
    fail_once(ENOSPC);
    fail_once(ENOSPC);
    fail_once(ENOSPC);
    assert_int_equal(lines_failed, 1);
    fail_once(0); /* a small one that found room */
    assert_int_equal(lines_works, 0);
    fail_once(ENOSPC);
    assert_int_equal(lines_failed, 1);
    fail_once(EIO);
    fail_once(ENOSPC);
    fail_once(EIO);
    assert_int_equal(lines_failed, 2);
    fail_once(0);
    assert_int_equal(lines_works, 0);
    sl_clock_manual_advance(&time_, 1000000000);
    fail_once(0);
    fail_once(0);
    log_set_sink(NULL, NULL);
    assert_int_equal(lines_failed, 2);
    assert_int_equal(lines_works, 1);
}

/* Each completes once, in the order of the appends; what follows a failure fails until resumed. */
static void journal_lmdb_keeps_its_order_under_random_failures(void **state)
{
    (void)state;
    enum { STEPS = 400 };
    uint64_t random = 11, committed = 0, failed = 0;
    size_t appended = 0;
    for (int step = 0; step < STEPS; step++) {
        set_disk(false, test_random(&random) % 4 == 0 ? EIO : 0);
        for (uint64_t many = test_random(&random) % 8; many > 0; many--, appended++)
            append(1 + test_random(&random) % 3, 10, many > 1 && test_random(&random) % 4 == 0);
        journal_flush(journal);
        if (test_random(&random) % 2 == 0)
            journal_poll(journal);
        else
            await_done(appended);
        size_t good = 0;
        while (good < done_count && done_err[good] == SL_OK)
            good++;
        assert_done(good, done_count, SL_EIO);
        committed += good;
        failed += done_count - good;
        if (good < done_count) { /* all that was appended came back */
            assert_int_equal(done_count, appended);
            next = done_first[good];
            journal_resume(journal);
        }
        appended -= done_count;
        done_count = 0;
    }
    set_disk(false, 0);
    journal_flush(journal);
    await_done(appended);
    assert_false(disk.cut);
    assert_true(committed > 100 && failed > 100);
    assert_int_equal(disk.in_place > 0, in_place);
}

/* -- life ------------------------------------------------------------------------------------ */

static void journal_lmdb_ends_without_completing_what_is_in_flight(void **state)
{
    (void)state;
    batch_t *b = append(1, 10, false);
    batch_t *c = append(1, 10, false);
    journal_destroy(&journal);
    assert_int_equal(done_count, 0);
    b->pending = c->pending = false;
    batch_drop(b);
    batch_drop(c);
}

static void journal_lmdb_opened_again_goes_on(void **state)
{
    (void)state;
    append(3, 10, false);
    append(4, 10, false);
    journal_flush(journal);
    await_done(2);
    uint64_t stream = found.stream;
    journal_destroy(&journal);
    create();
    assert_true(found.was_clean && !found.new_stream);
    assert_int_equal(found.stream, stream);
    assert_int_equal(found.next, 8);
    assert_int_equal(found.records, 2);
    assert_int_equal(journal->oldest, 1);
}

static void journal_lmdb_counts_what_lies_in_the_quarantine(void **state)
{
    (void)state;
    char path[2 * TEST_DIR_BYTES];
    assert_int_equal(counted(BROKER_JOURNAL_QUARANTINE_BYTES), 0);
    snprintf(path, sizeof path, "%s/quarantine", dir);
    assert_int_equal(mkdir(path, 0750), 0);
    snprintf(path, sizeof path, "%s/quarantine/cursors-1", dir);
    assert_int_equal(mkdir(path, 0750), 0);
    snprintf(path, sizeof path, "%s/quarantine/cursors-1/data.mdb", dir);
    FILE *aside = fopen(path, "w");
    assert_int_equal(fwrite("damaged", 1, 7, aside), 7);
    fclose(aside);
    journal_destroy(&journal);
    create();
    assert_int_equal(counted(BROKER_JOURNAL_QUARANTINE_BYTES), 7);
    unlink(path);
    snprintf(path, sizeof path, "%s/quarantine/cursors-1", dir);
    rmdir(path);
}

static void journal_lmdb_says_why_it_cannot_be_opened(void **state)
{
    (void)state;
    journal_lmdb_options_t options = {.store = {.dir = dir}, .counters = counters};
    journal_t *second = NULL;
    const char *failed = NULL;
    assert_int_equal(journal_lmdb_create(&second, &options, &found, &failed), SL_EEXIST);
    assert_null(second);
    assert_non_null(failed);
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, open_journal, close_journal)
#define PLACE(name) cmocka_unit_test_setup_teardown(name, open_in_place, close_journal)
    const struct CMUnitTest tests[] = {
        TEST(journal_lmdb_group_is_what_came_while_the_disk_worked),
        TEST(journal_lmdb_waits_for_the_flush),
        TEST(journal_lmdb_does_not_wait_for_the_flush_when_it_is_much),
        TEST(journal_lmdb_bounds_a_group_but_never_cuts_a_joined_one),
        TEST(journal_lmdb_keeps_a_group_small_in_a_small_map),
        PLACE(journal_lmdb_in_place_completes_within_the_flush),
        PLACE(journal_lmdb_in_place_leaves_much_to_the_thread),
        PLACE(journal_lmdb_in_place_overtakes_no_group_at_work),
        PLACE(journal_lmdb_in_place_failure_comes_with_the_next_poll),
        PLACE(journal_lmdb_in_place_rests_after_a_slow_commit),
        TEST(journal_lmdb_failed_group_takes_all_behind_it_along),
        TEST(journal_lmdb_says_each_kind_of_failure_once_and_when_it_works_again),
        TEST(journal_lmdb_keeps_its_order_under_random_failures),
        PLACE(journal_lmdb_keeps_its_order_under_random_failures),
        TEST(journal_lmdb_ends_without_completing_what_is_in_flight),
        TEST(journal_lmdb_opened_again_goes_on),
        TEST(journal_lmdb_counts_what_lies_in_the_quarantine),
        TEST(journal_lmdb_says_why_it_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The journal on disk in good times: what was committed is read again, retention takes the oldest,
 * and the stream goes on when it may. */
#include "store_impl.h"
#include "testing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct fixture {
    char *dir;
    store_t *s;
    store_found_t found;
    store_options_t o;
    sl_clock_manual_t clock;
    uint64_t next; /* of the records it makes */
} fixture_t;

static void fixture_open(fixture_t *f)
{
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    if (err != SL_OK)
        fail_msg("store_open: %s (%s)", sl_err_name(err), failed);
    f->next = f->found.next;
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->dir = test_dir_make();
    sl_clock_manual_init(&f->clock, 1, 1);
    f->o = (store_options_t){.dir = f->dir, .clock = &f->clock.clock, .boot_id = "boot-a"};
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    test_dir_remove(f->dir);
    free(f);
    return 0;
}

static void reopen(fixture_t *f, bool clean)
{
    store_close(&f->s, clean);
    fixture_open(f);
}

/* One group of `records` records of `count` events each, in turn on topics a and b. */
static sl_err commit(fixture_t *f, int records, uint32_t count, size_t body)
{
    record_t group[TEST_SLOTS];
    uint64_t next = f->next;
    for (int i = 0; i < records; i++) {
        group[i] = test_record(i, next, count, i % 2 == 0 ? "a" : "b", body);
        next += count;
    }
    sl_err err = store_commit(f->s, group, (size_t)records);
    if (err == SL_OK)
        f->next = next;
    return err;
}

/* -- commit and read -------------------------------------------------------------------------- */

static void new_journal_is_empty_and_begins_at_one(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(f->found.next, 1);
    assert_int_equal(f->found.oldest, 1);
    assert_int_equal(f->found.records, 0);
    assert_int_equal(f->found.parent_count, 0);
    assert_true(f->found.new_stream);
    assert_int_not_equal(f->found.stream, 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "");
}

static bool check_same(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    size_t *seen = ctx;
    assert_null(hole);
    record_t expected = test_record(0, r->first, r->count, *seen % 2 == 0 ? "a" : "b", r->body_len);
    assert_true(test_same(r, &expected));
    ++*seen;
    return true;
}

static void what_was_committed_is_read_byte_by_byte(void **state)
{
    fixture_t *f = *state;
    const size_t sizes[] = {0, 1, 300, 1900, 2100, 5000, 190000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(commit(f, 4, 10, sizes[i]), SL_OK);
    size_t seen = 0;
    uint64_t upto;
    assert_int_equal(store_read(f->s, 0, UINT64_MAX, SIZE_MAX, check_same, &seen, &upto), SL_OK);
    assert_int_equal(seen, 4 * ARRAY_LEN(sizes));
    assert_int_equal(upto, f->next - 1);
}

static void read_begins_with_the_batch_that_holds_the_number(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 5, 10, 100), SL_OK);
    assert_string_equal(test_line(f->s, 0, 20, 1), "1-10 11-20");
    assert_string_equal(test_line(f->s, 10, 20, 1), "11-20");
    assert_string_equal(test_line(f->s, 9, 20, 1), "1-10 11-20");
    assert_string_equal(test_line(f->s, 15, 21, 1), "11-20 21-30");
    assert_string_equal(test_line(f->s, 49, UINT64_MAX, 1), "41-50");
    assert_string_equal(test_line(f->s, 50, UINT64_MAX, 1), "");
    assert_string_equal(test_line(f->s, 5000, UINT64_MAX, 1), "");
}

static bool stop_at_once(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)r;
    (void)hole;
    ++*(int *)ctx;
    return false;
}

static void read_ends_when_the_visitor_says_so_or_bytes_are_shown(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 5, 10, 100), SL_OK);
    int visits = 0;
    uint64_t upto;
    assert_int_equal(store_read(f->s, 0, 50, SIZE_MAX, stop_at_once, &visits, &upto), SL_OK);
    assert_int_equal(visits, 1);
    assert_int_equal(upto, 10);
    size_t seen = 0;
    assert_int_equal(store_read(f->s, 0, 50, 1, check_same, &seen, &upto), SL_OK);
    assert_int_equal(seen, 1);
    assert_int_equal(upto, 10);
}

static void numbers_that_do_not_follow_are_refused(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 1, 10, 100), SL_OK);
    f->next = 12;
    assert_int_equal(commit(f, 1, 10, 100), SL_EINVAL);
    f->next = 10;
    assert_int_equal(commit(f, 1, 10, 100), SL_EINVAL);
    f->next = 11;
    assert_int_equal(commit(f, 1, 10, 100), SL_OK);
}

/* -- across a restart ------------------------------------------------------------------------- */

static void collect_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    assert_int_equal(len, 1);
    ((uint64_t *)ctx)[topic[0] - 'a'] = last;
}

static void tails_are_there_after_a_restart(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    reopen(f, true);
    uint64_t tails[2] = {0, 0};
    assert_int_equal(store_tails(f->s, collect_tail, tails), SL_OK);
    assert_int_equal(tails[0], 30);
    assert_int_equal(tails[1], 20);
}

static void numbering_goes_on_after_a_restart(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    uint64_t stream = f->found.stream;
    reopen(f, true);
    assert_true(f->found.was_clean);
    assert_false(f->found.new_stream);
    assert_int_equal(f->found.stream, stream);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.last_time_ns, 21000);
    assert_int_equal(f->found.records, 3);
    assert_int_equal(f->found.events, 30);
    assert_int_equal(commit(f, 1, 1, 100), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-30 31-31");
}

typedef struct ids_seen {
    uint64_t first, last, records;
} ids_seen_t;

static void see_ids(void *ctx, const record_t *r)
{
    ids_seen_t *seen = ctx;
    if (seen->records++ == 0)
        seen->first = r->first;
    else
        assert_int_equal(r->first, seen->last + 1);
    seen->last = record_last(r);
    assert_non_null(r->ids);
}

static void ids_come_from_the_newest_records_oldest_first(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(commit(f, TEST_SLOTS, 10, 100), SL_OK);
    ids_seen_t seen = {0};
    assert_int_equal(store_ids(f->s, 25, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 3);
    assert_int_equal(seen.last, f->next - 1);
    seen = (ids_seen_t){0};
    assert_int_equal(store_ids(f->s, UINT64_MAX, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 3 * TEST_SLOTS);
    assert_int_equal(seen.first, 1);
    seen = (ids_seen_t){0};
    assert_int_equal(store_ids(f->s, 0, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 0);
}

/* -- which stream ----------------------------------------------------------------------------- */

static void new_stream_names_the_old_one_as_parent(fixture_t *f, uint64_t old)
{
    assert_true(f->found.new_stream);
    assert_int_not_equal(f->found.stream, old);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.parent_count, 1);
    assert_int_equal(f->found.parents[0].stream, old);
    assert_int_equal(f->found.parents[0].last, 30);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-30");
}

static void killed_on_the_same_boot_the_stream_goes_on(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    reopen(f, false);
    assert_false(f->found.was_clean);
    assert_false(f->found.new_stream);
}

static void another_boot_after_a_run_that_was_not_synced_begins_a_new_stream(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    uint64_t old = f->found.stream;
    f->o.boot_id = "boot-b";
    reopen(f, false);
    new_stream_names_the_old_one_as_parent(f, old);
    reopen(f, false);
    assert_false(f->found.new_stream);
    assert_int_equal(f->found.parent_count, 1);
}

static void another_boot_after_an_orderly_end_or_a_synced_run_goes_on(void **state)
{
    fixture_t *f = *state;
    f->o.boot_id = "boot-b";
    f->o.sync = STORE_SYNC_DISK;
    reopen(f, true);
    assert_false(f->found.new_stream);
    f->o.boot_id = "boot-c";
    reopen(f, false);
    assert_false(f->found.new_stream);
}

/* As on a disk that is full: no file may become longer than the journal's is. */
static void killed_where_nothing_has_room_it_opens_again(void **state)
{
    fixture_t *f = *state;
    struct stat st;
    struct rlimit before, limit;
    assert_int_equal(commit(f, 1, 10, 100), SL_OK);
    store_close(&f->s, false);
    char *path = store_path(f->dir, STORE_FILE);
    assert_int_equal(stat(path, &st), 0);
    free(path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)st.st_size;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    if (err != SL_OK)
        fail_msg("%s", failed);
    assert_false(f->found.new_stream);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10");
}

/* Does something to the files while nobody has them open. */
static void shell(const fixture_t *f, const char *what)
{
    char command[512];
    snprintf(command, sizeof command, "cd %s && %s", f->dir, what);
    assert_int_equal(system(command), 0);
}

static void copied_file_begins_a_new_stream(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    uint64_t old = f->found.stream;
    store_close(&f->s, true);
    shell(f, "cp journal.mdb copy && mv copy journal.mdb");
    fixture_open(f);
    new_stream_names_the_old_one_as_parent(f, old);
}

/* Puts the file back, in place, as it was before a run that had a stream of its own. */
static void make_a_run_that_leaves_no_trace(fixture_t *f, uint64_t *last)
{
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "cp journal.mdb before");
    fixture_open(f);
    f->o.boot_id = "boot-b";
    reopen(f, false);
    assert_true(f->found.new_stream);
    *last = f->found.stream;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "cat before > journal.mdb");
}

static void run_that_left_no_trace_in_the_file_is_a_parent(void **state)
{
    fixture_t *f = *state;
    uint64_t first = f->found.stream, last;
    make_a_run_that_leaves_no_trace(f, &last);
    fixture_open(f);
    assert_true(f->found.new_stream);
    assert_int_not_equal(f->found.stream, first);
    assert_int_equal(f->found.parent_count, 2);
    assert_int_equal(f->found.parents[0].stream, last);
    assert_int_equal(f->found.parents[0].last, 30);
    assert_int_equal(f->found.parents[1].stream, first);
    assert_int_equal(f->found.parents[1].last, 30);
    reopen(f, true);
    assert_false(f->found.new_stream);
}

/* First 1..60, then a run of its own; the file of the first 30 is put back: who had up to 60 of the
 * first stream shall ask from 31 on, for those numbers are given out again. */
static void no_parent_holds_more_than_there_is(void **state)
{
    fixture_t *f = *state;
    uint64_t first = f->found.stream;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "cp journal.mdb before");
    fixture_open(f);
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    f->o.boot_id = "boot-b";
    reopen(f, false);
    assert_int_equal(f->found.parents[0].stream, first);
    assert_int_equal(f->found.parents[0].last, 60);
    store_close(&f->s, true);
    shell(f, "cat before > journal.mdb");
    fixture_open(f);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.parent_count, 2);
    assert_int_equal(f->found.parents[1].stream, first);
    assert_int_equal(f->found.parents[1].last, 30);
}

static void run_beside_the_file_that_is_damaged_says_nothing(void **state)
{
    fixture_t *f = *state;
    uint64_t first = f->found.stream, last;
    make_a_run_that_leaves_no_trace(f, &last);
    shell(f, "printf x | dd of=run bs=1 seek=40 conv=notrunc 2>&1 | grep -q copied");
    shell(f, "printf x | dd of=run bs=1 seek=4136 conv=notrunc 2>&1 | grep -q copied");
    fixture_open(f);
    assert_int_equal(f->found.stream, first);
}

/* A power cut tears one of the two at most: then the other says what it said before. */
static void run_beside_the_file_is_told_by_either_of_two(void **state)
{
    fixture_t *f = *state;
    for (int slot = 0; slot < 2; slot++) {
        char tear[128];
        snprintf(tear, sizeof tear,
                 "dd if=/dev/zero of=run bs=1 seek=%d count=100 conv=notrunc 2>&1 | grep -q copied",
                 slot * 4096);
        assert_int_equal(store_ready(f->s), SL_OK); /* so that both are of this run */
        uint64_t stream = f->found.stream;
        store_close(&f->s, true);
        shell(f, tear);
        shell(f, "rm journal.mdb");
        fixture_open(f);
        assert_int_equal(f->found.parents[0].stream, stream);
    }
}

static void is_refused(fixture_t *f, sl_err expected, const char *why)
{
    const char *failed = NULL;
    store_found_t found;
    assert_int_equal(store_open(&f->s, &f->o, &found, &failed), expected);
    assert_string_equal(failed, why);
}

/* Not to know the last run is to hand out its numbers again. */
static void run_beside_the_file_that_cannot_be_read_refuses_the_start(void **state)
{
    fixture_t *f = *state;
    uint64_t stream = f->found.stream;
    store_close(&f->s, true);
    shell(f, "mv run away && mkdir run");
    is_refused(f, SL_EIO, "the file that names the last run cannot be read");
    shell(f, "rmdir run && mv away run");
    fixture_open(f);
    assert_int_equal(f->found.stream, stream);
}

static void run_beside_the_file_of_a_newer_program_refuses_the_start(void **state)
{
    fixture_t *f = *state;
    uint8_t run[STATE_BYTES];
    store_close(&f->s, true);
    char *path = store_path(f->dir, STORE_RUN_FILE);
    int fd = open(path, O_RDWR);
    free(path);
    assert_int_equal(pread(fd, run, sizeof run, 0), sizeof run);
    run[8]++;
    uint64_t sum = htole64(XXH3_64bits(run, sizeof run - sizeof sum));
    memcpy(run + sizeof run - sizeof sum, &sum, sizeof sum);
    assert_int_equal(pwrite(fd, run, sizeof run, 0), sizeof run);
    is_refused(f, SL_EVERSION, "a newer program wrote this journal");
    run[8]--;
    assert_int_equal(pwrite(fd, run, sizeof run, 0), sizeof run); /* damaged: the sum is not its */
    close(fd);
    fixture_open(f);
}

static void file_that_is_gone_leaves_its_stream_as_a_parent_of_nothing(void **state)
{
    fixture_t *f = *state;
    uint64_t old = f->found.stream;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "rm journal.mdb");
    fixture_open(f);
    assert_true(f->found.new_stream);
    assert_int_equal(f->found.next, 1);
    assert_int_equal(f->found.parent_count, 1);
    assert_int_equal(f->found.parents[0].stream, old);
    assert_int_equal(f->found.parents[0].last, 0);
}

static void parents_are_kept_newest_first_and_eight_at_most(void **state)
{
    fixture_t *f = *state;
    uint64_t last_stream = 0;
    for (int i = 0; i < 12; i++) {
        char boot[16];
        snprintf(boot, sizeof boot, "other-%d", i);
        assert_int_equal(commit(f, 1, 1, 10), SL_OK);
        last_stream = f->found.stream;
        f->o.boot_id = boot;
        reopen(f, false);
    }
    assert_int_equal(f->found.parent_count, STORE_PARENTS_MAX);
    assert_int_equal(f->found.parents[0].stream, last_stream);
    assert_int_equal(f->found.parents[0].last, 12);
    assert_int_equal(f->found.parents[7].last, 5);
}

/* -- retention, find, stat -------------------------------------------------------------------- */

static void retention_by_bytes_takes_the_oldest(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 1 << 20;
    reopen(f, true);
    for (int i = 0; i < 30; i++)
        assert_int_equal(commit(f, 10, 10, 10000), SL_OK);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_in_range(stat.bytes, 900 << 10, 1 << 20);
    assert_true(stat.oldest > 1);
    char hole[64];
    snprintf(hole, sizeof hole, "[1-%" PRIu64 " retention]", stat.oldest - 1);
    assert_string_equal(test_line(f->s, 0, stat.oldest - 1, 1), hole);
    reopen(f, true);
    assert_int_equal(f->found.lost_events, 0);
    assert_int_equal(f->found.oldest, stat.oldest);
    assert_int_equal(f->found.records, stat.records);
    assert_int_equal(f->found.bytes, stat.bytes);
}

static void retention_by_age_takes_what_is_too_old_even_when_nothing_comes(void **state)
{
    fixture_t *f = *state;
    f->o.retain_age_ms = 1000;
    reopen(f, true);
    assert_int_equal(commit(f, 3, 10, 100), SL_OK); /* at 1, 11 and 21 µs */
    f->clock.wall_ns = 11000 + 1000999999;
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-10 retention] 11-20 21-30");
    f->clock.wall_ns += 1000000000;
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-30 retention]");
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_int_equal(stat.oldest, 31);
    assert_int_equal(stat.next, 31);
    reopen(f, true);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.lost_events, 0);
    assert_int_equal(commit(f, 1, 1, 100), SL_OK);
}

static uint64_t found_after(fixture_t *f, uint64_t since_ns)
{
    uint64_t after = UINT64_MAX;
    assert_int_equal(store_find(f->s, since_ns, &after), SL_OK);
    return after;
}

static void find_answers_where_a_time_begins(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(found_after(f, 0), 0);
    assert_int_equal(found_after(f, 5), 0);
    assert_int_equal(commit(f, TEST_SLOTS, 10, 100), SL_OK); /* first * 1000 ns */
    for (uint64_t first = 1; first < f->next; first += 10) {
        assert_int_equal(found_after(f, first * 1000), first - 1);
        assert_int_equal(found_after(f, first * 1000 + 1),
                         first + 10 < f->next ? first + 9 : f->next - 1);
    }
    assert_int_equal(found_after(f, 0), 0);
    assert_int_equal(found_after(f, UINT64_MAX), f->next - 1);
}

static void find_never_answers_below_the_oldest(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 256 << 10;
    reopen(f, true);
    for (int i = 0; i < 20; i++)
        assert_int_equal(commit(f, 10, 10, 10000), SL_OK);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_int_equal(found_after(f, 0), stat.oldest - 1);
    assert_int_equal(found_after(f, stat.oldest_time_ns), stat.oldest - 1);
    assert_int_equal(found_after(f, stat.newest_time_ns + 1), stat.next - 1);
}

/* -- who may open ----------------------------------------------------------------------------- */

static void second_writer_is_refused(void **state)
{
    fixture_t *f = *state;
    store_t *second = NULL;
    const char *failed = NULL;
    assert_int_equal(store_open(&second, &f->o, NULL, &failed), SL_EEXIST);
    assert_null(second);
    assert_string_equal(failed, "another process has this journal");
}

static void directory_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    store_t *s = NULL;
    const char *failed = NULL;
    store_options_t o = {.dir = "/proc/nowhere/journal"};
    assert_int_equal(store_open(&s, &o, NULL, &failed), SL_EIO);
    assert_non_null(failed);
    o.read_only = true;
    assert_int_equal(store_open(&s, &o, NULL, &failed), SL_ENOENT);
}

/* In a process of its own: LMDB forbids one process to open a file twice. */
static void reader_beside_the_writer_sees_what_is_committed(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(commit(f, 3, 10, 100), SL_OK);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        store_t *s = NULL;
        store_options_t o = f->o;
        o.read_only = true;
        if (store_open(&s, &o, NULL, NULL) != SL_OK)
            _exit(1);
        record_t r = test_record(0, 31, 1, "a", 1);
        bool refused = store_commit(s, &r, 1) == SL_EINVAL;
        bool same = strcmp(test_line(s, 0, UINT64_MAX, 1), "1-10 11-20 21-30") == 0;
        store_close(&s, true);
        _exit(refused && same ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(commit(f, 1, 1, 1), SL_OK);
}

/* -- topics ----------------------------------------------------------------------------------- */

static void count_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    (void)len;
    (void)last;
    char seen[2] = {topic[0], '\0'};
    strcat(ctx, seen);
}

static const char *tails(fixture_t *f)
{
    static char seen[27];
    seen[0] = '\0';
    assert_int_equal(store_tails(f->s, count_tail, seen), SL_OK);
    return seen;
}

static void topics_of_which_nothing_is_kept_are_dropped_when_they_run_out(void **state)
{
    fixture_t *f = *state;
    uint64_t stream = f->found.stream;
    f->o.retain_bytes = 16384; /* three records or so */
    f->o.topics_max = 8;
    reopen(f, true);
    for (const char *topic = "abcdef"; *topic != '\0'; topic++) {
        char name[2] = {*topic, '\0'};
        record_t r = test_record(0, f->next, 1, name, 4200);
        assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
        f->next++;
    }
    reopen(f, true); /* three quarters, and no more */
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(tails(f), "abcdef");
    record_t r = test_record(0, f->next, 1, "g", 4200);
    assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
    reopen(f, true);
    assert_int_not_equal(f->found.stream, stream);
    assert_int_equal(f->found.parents[0].stream, stream);
    assert_int_equal(f->found.parents[0].last, 7);
    const char *kept = "abcdefg" + f->found.oldest - 1;
    assert_true(f->found.oldest > 2 && *kept != '\0');
    assert_string_equal(tails(f), kept);
    stream = f->found.stream;
    reopen(f, false);
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(tails(f), kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_journal_is_empty_and_begins_at_one),
        TEST(what_was_committed_is_read_byte_by_byte),
        TEST(read_begins_with_the_batch_that_holds_the_number),
        TEST(read_ends_when_the_visitor_says_so_or_bytes_are_shown),
        TEST(numbers_that_do_not_follow_are_refused),
        TEST(tails_are_there_after_a_restart),
        TEST(numbering_goes_on_after_a_restart),
        TEST(ids_come_from_the_newest_records_oldest_first),
        TEST(killed_on_the_same_boot_the_stream_goes_on),
        TEST(another_boot_after_a_run_that_was_not_synced_begins_a_new_stream),
        TEST(another_boot_after_an_orderly_end_or_a_synced_run_goes_on),
        TEST(killed_where_nothing_has_room_it_opens_again),
        TEST(copied_file_begins_a_new_stream),
        TEST(run_that_left_no_trace_in_the_file_is_a_parent),
        TEST(no_parent_holds_more_than_there_is),
        TEST(run_beside_the_file_that_is_damaged_says_nothing),
        TEST(run_beside_the_file_is_told_by_either_of_two),
        TEST(run_beside_the_file_that_cannot_be_read_refuses_the_start),
        TEST(run_beside_the_file_of_a_newer_program_refuses_the_start),
        TEST(file_that_is_gone_leaves_its_stream_as_a_parent_of_nothing),
        TEST(parents_are_kept_newest_first_and_eight_at_most),
        TEST(retention_by_bytes_takes_the_oldest),
        TEST(retention_by_age_takes_what_is_too_old_even_when_nothing_comes),
        TEST(find_answers_where_a_time_begins),
        TEST(find_never_answers_below_the_oldest),
        TEST(topics_of_which_nothing_is_kept_are_dropped_when_they_run_out),
        TEST(second_writer_is_refused),
        TEST(directory_that_cannot_be_made_is_an_error),
        TEST(reader_beside_the_writer_sees_what_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

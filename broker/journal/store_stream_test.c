/* Which stream a start goes on with, and what it says of the others: boots, copies, older files,
 * and the run that is named beside the file. */
#include "store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

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
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    fixture_reopen(f, false);
    assert_false(f->found.was_clean);
    assert_false(f->found.new_stream);
}

static void another_boot_after_a_run_that_was_not_synced_begins_a_new_stream(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    uint64_t old = f->found.stream;
    f->o.boot_id = "boot-b";
    fixture_reopen(f, false);
    new_stream_names_the_old_one_as_parent(f, old);
    fixture_reopen(f, false);
    assert_false(f->found.new_stream);
    assert_int_equal(f->found.parent_count, 1);
}

static void another_boot_after_an_orderly_end_or_a_synced_run_goes_on(void **state)
{
    fixture_t *f = *state;
    f->o.boot_id = "boot-b";
    f->o.sync = STORE_SYNC_DISK;
    fixture_reopen(f, true);
    assert_false(f->found.new_stream);
    f->o.boot_id = "boot-c";
    fixture_reopen(f, false);
    assert_false(f->found.new_stream);
}

/* As on a disk that is full: no file may become longer than the journal's is. */
static void killed_where_nothing_has_room_it_opens_again(void **state)
{
    fixture_t *f = *state;
    struct stat st;
    struct rlimit before, limit;
    assert_int_equal(fixture_commit(f, 1, 10, 100), SL_OK);
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
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    uint64_t old = f->found.stream;
    store_close(&f->s, true);
    shell(f, "cp journal.mdb copy && mv copy journal.mdb");
    fixture_open(f);
    new_stream_names_the_old_one_as_parent(f, old);
}

/* Puts the file back, in place, as it was before a run that had a stream of its own. */
static void make_a_run_that_leaves_no_trace(fixture_t *f, uint64_t *last)
{
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "cp journal.mdb before");
    fixture_open(f);
    f->o.boot_id = "boot-b";
    fixture_reopen(f, false);
    assert_true(f->found.new_stream);
    *last = f->found.stream;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
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
    fixture_reopen(f, true);
    assert_false(f->found.new_stream);
}

/* First 1..60, then a run of its own; the file of the first 30 is put back: who had up to 60 of the
 * first stream shall ask from 31 on, for those numbers are given out again. */
static void no_parent_holds_more_than_there_is(void **state)
{
    fixture_t *f = *state;
    uint64_t first = f->found.stream;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    store_close(&f->s, true);
    shell(f, "cp journal.mdb before");
    fixture_open(f);
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    f->o.boot_id = "boot-b";
    fixture_reopen(f, false);
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
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
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
        assert_int_equal(fixture_commit(f, 1, 1, 10), SL_OK);
        last_stream = f->found.stream;
        f->o.boot_id = boot;
        fixture_reopen(f, false);
    }
    assert_int_equal(f->found.parent_count, STORE_PARENTS_MAX);
    assert_int_equal(f->found.parents[0].stream, last_stream);
    assert_int_equal(f->found.parents[0].last, 12);
    assert_int_equal(f->found.parents[7].last, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

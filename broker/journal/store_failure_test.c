/* What the disk refuses is not half there, and the store goes on when the disk does.
 *
 * The calls by which LMDB writes are this program's own: each does what it should, or what the test
 * tells it to. */
#include "store_impl.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* -- the disk -----------------------------------------------------------------------------------
 */

typedef enum { META_FINE, META_REFUSED, META_WRITTEN_BUT_FAILED } meta_fault_t;

static struct {
    int reads; /* errno with which reads fail that are at least so long: */
    size_t reads_from;
    int pages; /* errno with which pages are refused; 0: they are written */
    bool full; /* pages are cut short, and nothing is free */
    int syncs; /* errno with which a sync fails */
    int files; /* errno with which plain writes fail */
    int metas; /* errno */
    meta_fault_t meta;
    int failed;
} disk;

enum { PAGE = 4096 };

#define INTERPOSED __attribute__((visibility("default")))
INTERPOSED ssize_t pread(int fd, void *bytes, size_t len, off_t at);
INTERPOSED ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at);
INTERPOSED ssize_t writev(int fd, const struct iovec *parts, int count);
INTERPOSED ssize_t write(int fd, const void *bytes, size_t len);
INTERPOSED int fdatasync(int fd);
INTERPOSED int statvfs(const char *path, struct statvfs *fs);

static int refuse(int error)
{
    disk.failed++;
    errno = error;
    return -1;
}

/* A meta page is written alone and not whole: so it is told from the others. */
static ssize_t write_meta(int fd, const void *bytes, size_t len, off_t at)
{
    if (disk.meta == META_WRITTEN_BUT_FAILED && disk.failed == 0)
        syscall(SYS_pwrite64, fd, bytes, len, at); /* the second try is to undo it, and fails too */
    return refuse(EIO);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
    if (disk.reads != 0 && len >= disk.reads_from)
        return refuse(disk.reads);
    return syscall(SYS_pread64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    if (len < PAGE && at < 2 * PAGE && disk.meta != META_FINE)
        return write_meta(fd, bytes, len, at);
    if (len >= PAGE && disk.pages != 0)
        return refuse(disk.pages);
    if (len >= PAGE && disk.full) {
        disk.failed++;
        len = PAGE / 2;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int statvfs(const char *path, struct statvfs *fs)
{
    (void)path;
    *fs = (struct statvfs){.f_frsize = PAGE, .f_bavail = disk.full ? 0 : 1000000};
    return 0;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (disk.full)
        return pwrite(fd, parts[0].iov_base, parts[0].iov_len, lseek(fd, 0, SEEK_CUR));
    return disk.pages != 0 ? refuse(disk.pages) : syscall(SYS_writev, fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return fd > 2 && disk.files != 0 ? refuse(disk.files) : syscall(SYS_write, fd, bytes, len);
}

int fdatasync(int fd)
{
    return disk.syncs != 0 ? refuse(disk.syncs) : (int)syscall(SYS_fdatasync, fd);
}

/* -- the store ----------------------------------------------------------------------------------
 */

typedef struct fixture {
    char *dir;
    store_t *s;
    store_options_t o;
    store_found_t found;
    uint64_t next;
} fixture_t;

static void fixture_open(fixture_t *f)
{
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    if (err != SL_OK)
        fail_msg("store_open: %s (%s)", sl_err_name(err), failed);
    f->next = f->found.next;
}

static sl_err commit(fixture_t *f, const char *topic, uint32_t count, size_t body)
{
    record_t r = test_record(0, f->next, count, topic, body);
    sl_err err = store_commit(f->s, &r, 1);
    if (err == SL_OK)
        f->next += count;
    return err;
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    memset(&disk, 0, sizeof disk);
    f->dir = test_dir_make();
    f->o = (store_options_t){.dir = f->dir, .sync = STORE_SYNC_DISK, .map_bytes = 4 << 20};
    fixture_open(f);
    assert_int_equal(commit(f, "a", 10, 100), SL_OK);
    assert_int_equal(commit(f, "b", 10, 100), SL_OK);
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

static void collect_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    assert_int_equal(len, 1);
    ((uint64_t *)ctx)[topic[0] - 'a'] = last;
}

static void check_tails(fixture_t *f, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t tails[3] = {0};
    assert_int_equal(store_tails(f->s, collect_tail, tails), SL_OK);
    assert_int_equal(tails[0], a);
    assert_int_equal(tails[1], b);
    assert_int_equal(tails[2], c);
}

/* A group on a known topic and on a new one is refused; the store is as it was, also after a kill.
 */
static void nothing_of_a_group_is_there(fixture_t *f, int error)
{
    record_t group[] = {test_record(0, 21, 5, "a", 9000), test_record(1, 26, 5, "c", 9000)};
    disk.failed = 0;
    errno = 0;
    assert_int_equal(store_commit(f->s, group, 2), SL_EIO);
    assert_int_equal(errno, error);
    assert_true(disk.failed > 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20");
    check_tails(f, 10, 20, 0);
}

/* The disk is well again: other events get those numbers. */
static void store_goes_on(fixture_t *f)
{
    memset(&disk, 0, sizeof disk);
    assert_int_equal(commit(f, "b", 3, 50), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-23");
    check_tails(f, 10, 23, 0);
    store_close(&f->s, false);
    fixture_open(f);
    assert_string_equal(f->found.damage, "");
    assert_int_equal(f->found.lost_events, 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-23");
    check_tails(f, 10, 23, 0);
}

/* -- what fails ---------------------------------------------------------------------------------
 */

static void full_disk_leaves_nothing_of_a_group(void **state)
{
    disk.pages = ENOSPC;
    nothing_of_a_group_is_there(*state, ENOSPC);
    nothing_of_a_group_is_there(*state, ENOSPC);
    store_goes_on(*state);
}

/* The kernel writes what has room and says how much it was: LMDB takes that for an I/O error. */
static void disk_that_cuts_a_write_short_is_said_to_be_full(void **state)
{
    disk.full = true;
    nothing_of_a_group_is_there(*state, ENOSPC);
    store_goes_on(*state);
}

static void end_that_cannot_be_marked_is_told(void **state)
{
    fixture_t *f = *state;
    disk.syncs = EIO;
    errno = 0;
    assert_int_equal(store_close(&f->s, true), SL_EIO);
    assert_int_equal(errno, EIO);
    assert_null(f->s);
    memset(&disk, 0, sizeof disk);
    fixture_open(f);
    assert_false(f->found.was_clean);
    assert_int_equal(store_close(&f->s, true), SL_OK);
    fixture_open(f);
    assert_true(f->found.was_clean);
}

static void failed_sync_leaves_nothing_of_a_group(void **state)
{
    disk.syncs = EIO;
    nothing_of_a_group_is_there(*state, EIO);
    store_goes_on(*state);
}

static void refused_meta_page_makes_the_store_open_anew(void **state)
{
    fixture_t *f = *state;
    disk.meta = META_REFUSED;
    nothing_of_a_group_is_there(f, EIO);
    nothing_of_a_group_is_there(f, EIO);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_int_equal(stat.failed_commits, 2);
    assert_true(stat.reopened > 0);
    store_goes_on(f);
}

static void group_that_stands_in_the_file_though_it_failed_is_cut_off(void **state)
{
    fixture_t *f = *state;
    disk.meta = META_WRITTEN_BUT_FAILED;
    assert_true(store_is_tidy(f->s));
    nothing_of_a_group_is_there(f, EIO);
    assert_false(store_is_tidy(f->s));
    store_goes_on(f);
    assert_true(store_is_tidy(f->s));
}

static void group_that_stands_in_the_file_and_cannot_be_cut_off_is_not_shown(void **state)
{
    fixture_t *f = *state;
    disk.meta = META_WRITTEN_BUT_FAILED;
    nothing_of_a_group_is_there(f, EIO);
    disk.meta = META_FINE;
    disk.pages = ENOSPC; /* it is opened anew, and then no page can be written */
    nothing_of_a_group_is_there(f, ENOSPC);
    nothing_of_a_group_is_there(f, ENOSPC);
    store_goes_on(f);
}

static void file_that_cannot_be_opened_anew_is_tried_again(void **state)
{
    fixture_t *f = *state;
    char away[512];
    snprintf(away, sizeof away, "%s.away", f->dir);
    disk.meta = META_REFUSED;
    assert_int_equal(rename(f->dir, away), 0);
    assert_int_equal(commit(f, "a", 1, 1), SL_EIO);
    memset(&disk, 0, sizeof disk);
    assert_int_equal(commit(f, "a", 1, 1), SL_EIO);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "error");
    assert_int_equal(rename(away, f->dir), 0);
    store_goes_on(f);
}

static void damage_meta_page(fixture_t *f)
{
    char *path = store_path(f->dir, STORE_FILE);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 16), 1); /* its magic number */
    close(fd);
    free(path);
}

static void is_refused_for_reads(fixture_t *f)
{
    const char *failed = NULL;
    errno = 0;
    assert_int_equal(store_open(&f->s, &f->o, &f->found, &failed), SL_EIO);
    assert_int_equal(errno, EIO);
    assert_non_null(failed);
    memset(&disk, 0, sizeof disk);
}

/* What cannot be read now is not damaged: it may be read later. */
static void start_that_cannot_read_is_refused_and_loses_nothing(void **state)
{
    fixture_t *f = *state;
    uint64_t stream = f->found.stream;
    store_close(&f->s, true);
    disk.reads = EIO;
    disk.reads_from = PAGE;
    is_refused_for_reads(f);
    fixture_open(f);
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(f->found.damage, "");
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20");
}

static void salvage_that_cannot_read_is_refused_and_loses_nothing(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    damage_meta_page(f);
    disk.reads = EIO;
    disk.reads_from = 2 * (size_t)PAGE; /* pages can be read one by one */
    is_refused_for_reads(f);
    fixture_open(f);
    assert_int_equal(f->found.salvaged, 2);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20");
}

/* The free pages hold what was refused, whole and with a right sum; its second record would even
 * fit behind the one that got the numbers of its first. */
static void what_failed_is_void_when_the_file_is_salvaged(void **state)
{
    fixture_t *f = *state;
    disk.meta = META_REFUSED;
    record_t group[] = {test_record(0, 21, 2, "a", 9000), test_record(1, 23, 2, "c", 9000)};
    assert_int_equal(store_commit(f->s, group, 2), SL_EIO);
    memset(&disk, 0, sizeof disk);
    assert_int_equal(commit(f, "b", 2, 100), SL_OK);
    store_close(&f->s, false);
    damage_meta_page(f);
    fixture_open(f);
    assert_string_not_equal(f->found.damage, "");
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-22");
    assert_int_equal(f->found.salvaged, 3);
    assert_int_equal(f->found.next, 23);
    check_tails(f, 10, 22, 0);
}

static void damage_record(fixture_t *f, uint64_t first)
{
    static uint8_t file[4 << 20];
    char *path = store_path(f->dir, STORE_FILE);
    record_t r = test_record(0, first, 10, "x", 64);
    int fd = open(path, O_RDWR);
    ssize_t n = read(fd, file, sizeof file);
    assert_true(n > 0);
    const uint8_t *at = memmem(file, (size_t)n, r.body, 64);
    assert_non_null(at);
    assert_int_equal(pwrite(fd, "damaged!", 8, at - file), 8);
    close(fd);
    free(path);
}

/* What is in no quarantine is not deleted: somebody may want it. */
static void damaged_record_that_cannot_be_put_aside_stays(void **state)
{
    fixture_t *f = *state;
    char is_aside[512];
    snprintf(is_aside, sizeof is_aside, "test -s %s/quarantine/record-11", f->dir);
    f->o.boot_id = "boot";
    store_close(&f->s, false);
    damage_record(f, 11);
    for (int starts = 0; starts < 2; starts++) {
        disk.files = ENOSPC;
        fixture_open(f);
        assert_true(disk.failed > 0);
        assert_int_equal(f->found.damaged_records, 1);
        assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
        store_close(&f->s, false);
        memset(&disk, 0, sizeof disk);
        assert_int_not_equal(system(is_aside), 0);
    }
    fixture_open(f); /* now there is room */
    assert_int_equal(f->found.damaged_records, 1);
    assert_int_equal(system(is_aside), 0);
    store_close(&f->s, false);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
}

/* Eras of failures are in memory until a commit succeeds.  What failed stands in the free pages, of
 * an era that the file does not know; what the next run commits must not be void because of it. */
static void what_failed_before_a_kill_does_not_void_what_the_next_run_commits(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 5; i++) {
        disk.syncs = EIO; /* its pages are written */
        record_t group[] = {test_record(0, 21, 2, "a", 9000), test_record(1, 23, 2, "c", 9000)};
        assert_int_equal(store_commit(f->s, group, 2), SL_EIO);
    }
    memset(&disk, 0, sizeof disk);
    store_close(&f->s, false);
    fixture_open(f);
    assert_int_equal(commit(f, "b", 2, 100), SL_OK);
    store_close(&f->s, false);
    damage_meta_page(f);
    fixture_open(f);
    assert_string_not_equal(f->found.damage, "");
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-22");
}

static void eras_of_a_run_do_not_reach_the_next(void **state)
{
    (void)state;
    assert_int_equal(store_next_run(0), STORE_RUN_ERAS);
    assert_int_equal(store_next_run(STORE_RUN_ERAS + 7), 2 * STORE_RUN_ERAS);
    assert_int_equal(store_next_failure(STORE_RUN_ERAS), STORE_RUN_ERAS + 1);
    assert_int_equal(store_next_failure(2 * STORE_RUN_ERAS - 1), 2 * STORE_RUN_ERAS - 1);
}

/* -- readers that stand still -------------------------------------------------------------------
 */

typedef struct stuck {
    store_t *s;
    sem_t seen, go;
} stuck_t;

static bool stand_still(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    stuck_t *k = ctx;
    (void)r;
    (void)hole;
    sem_post(&k->seen);
    sem_wait(&k->go);
    return false;
}

static void *read_and_stand_still(void *ctx)
{
    stuck_t *k = ctx;
    uint64_t upto;
    store_read(k->s, 0, UINT64_MAX, SIZE_MAX, stand_still, k, &upto);
    return NULL;
}

static void full_map_refuses_and_goes_on_when_the_reader_does(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 1 << 20;
    store_close(&f->s, true);
    fixture_open(f);
    stuck_t k = {.s = f->s};
    sem_init(&k.seen, 0, 0);
    sem_init(&k.go, 0, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_and_stand_still, &k), 0);
    sem_wait(&k.seen);
    int commits = 0;
    while (commit(f, "a", 1, 100000) == SL_OK)
        assert_true(++commits < 1000);
    assert_int_equal(errno, ENOSPC);
    assert_true(commits > 10); /* the map has room for four times what is kept */
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_in_range(stat.bytes, 900 << 10, 1 << 20); /* nothing was deleted in vain */
    sem_post(&k.go);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(commit(f, "a", 1, 100000), SL_OK);
    store_stat(f->s, &stat);
    assert_true(stat.file_bytes <= f->o.map_bytes);
    sem_destroy(&k.seen);
    sem_destroy(&k.go);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full_disk_leaves_nothing_of_a_group),
        TEST(disk_that_cuts_a_write_short_is_said_to_be_full),
        TEST(end_that_cannot_be_marked_is_told),
        TEST(failed_sync_leaves_nothing_of_a_group),
        TEST(refused_meta_page_makes_the_store_open_anew),
        TEST(group_that_stands_in_the_file_though_it_failed_is_cut_off),
        TEST(group_that_stands_in_the_file_and_cannot_be_cut_off_is_not_shown),
        TEST(file_that_cannot_be_opened_anew_is_tried_again),
        TEST(start_that_cannot_read_is_refused_and_loses_nothing),
        TEST(salvage_that_cannot_read_is_refused_and_loses_nothing),
        TEST(what_failed_is_void_when_the_file_is_salvaged),
        TEST(damaged_record_that_cannot_be_put_aside_stays),
        TEST(what_failed_before_a_kill_does_not_void_what_the_next_run_commits),
        TEST(eras_of_a_run_do_not_reach_the_next),
        TEST(full_map_refuses_and_goes_on_when_the_reader_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

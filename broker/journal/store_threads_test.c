/* Readers in threads of their own, beside a writer whose disk fails now and then: each sees an
 * unbroken line of what was committed, and nothing that was refused. */
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READERS = 3, GROUPS = 300, GROUP = 4, EVENTS = 10, PAGE = 4096, REFUSED_COUNT = EVENTS + 1 };

/* -- the disk: refuses a meta page when it is told to ----------------------------------------- */

static _Atomic bool refusing;

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *bytes, size_t len,
                                                      off_t at);

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    if (len < PAGE && at < 2 * PAGE && atomic_load(&refusing)) {
        syscall(SYS_pwrite64, fd, bytes, len, at); /* it is there all the same */
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* -- readers ---------------------------------------------------------------------------------- */

typedef struct reader {
    store_t *s;
    pthread_t thread;
    uint64_t upto;
    _Atomic bool *done;
    bool broken;
    unsigned errors, records;
} reader_t;

static bool follow(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    reader_t *reader = ctx;
    uint64_t from = r != NULL ? r->first : hole->from;
    bool wrong = r != NULL ? r->count == REFUSED_COUNT : hole->damage;
    reader->broken = reader->broken || wrong || from != reader->upto + 1;
    reader->records += r != NULL;
    reader->upto = r != NULL ? record_last(r) : hole->to;
    return !reader->broken;
}

/* Reads on and on; from the beginning again when it is at the head. */
static void *read_on(void *ctx)
{
    reader_t *reader = ctx;
    while (!reader->broken) {
        bool last = atomic_load(reader->done);
        uint64_t before = reader->upto, upto, after;
        if (store_read(reader->s, before, UINT64_MAX, 100000, follow, reader, &upto) != SL_OK)
            reader->errors++; /* the moment between a failure and opening anew */
        store_find(reader->s, before * 1000, &after);
        if (upto == before && last)
            break;
        if (upto == before)
            reader->upto = 0;
    }
    return NULL;
}

/* -- the writer ------------------------------------------------------------------------------- */

static sl_err commit(store_t *s, uint64_t next, uint32_t events)
{
    record_t group[GROUP];
    for (int i = 0; i < GROUP; i++)
        group[i] = test_record(i, next + (uint64_t)i * events, events, "a", 3000);
    return store_commit(s, group, GROUP);
}

static uint64_t write_all(store_t *s)
{
    uint64_t next = 1;
    for (int i = 0; i < GROUPS; i++) {
        if (i % 10 == 9) {
            atomic_store(&refusing, true);
            assert_int_equal(commit(s, next, REFUSED_COUNT), SL_EIO);
            atomic_store(&refusing, false);
        }
        assert_int_equal(commit(s, next, EVENTS), SL_OK);
        next += GROUP * EVENTS;
    }
    return next;
}

static void readers_see_an_unbroken_line_whatever_fails(void **state)
{
    (void)state;
    char *dir = test_dir_make();
    store_t *s = NULL;
    store_options_t o = {.dir = dir, .retain_bytes = 1 << 20, .sync = STORE_SYNC_DISK};
    assert_int_equal(store_open(&s, &o, NULL, NULL), SL_OK);
    _Atomic bool done = false;
    reader_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader_t){.s = s, .done = &done};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    uint64_t next = write_all(s);
    atomic_store(&done, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].broken);
        assert_true(readers[i].records > 0);
        assert_int_equal(readers[i].upto, next - 1);
    }
    store_stat_t stat;
    store_stat(s, &stat);
    assert_int_equal(stat.failed_commits, GROUPS / 10);
    assert_true(stat.reopened >= GROUPS / 10);
    store_close(&s, true);
    test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_an_unbroken_line_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

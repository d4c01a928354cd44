/* testing.h - what the tests of this room share: cmocka, ids, directories, and a journal that fails
 * as told. */
#ifndef BROKER_TESTING_H
#define BROKER_TESTING_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(a)[0])

/** xorshift64*: the same bytes on every run. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

enum { TEST_DIR_BYTES = 64 };

/** Makes an empty directory of the test's own. */
static inline void test_dir_create(char dir[TEST_DIR_BYTES])
{
    strcpy(dir, "/tmp/sluice-broker-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static inline int test_remove(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

/** Removes it with all that is in it. */
static inline void test_dir_remove(const char *dir)
{
    nftw(dir, test_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/** The id of event `n`: never zeros. */
static inline void test_id(uint8_t id[WIRE_ID_BYTES], uint64_t n)
{
    memset(id, 0, WIRE_ID_BYTES);
    memcpy(id, &n, sizeof n);
    id[WIRE_ID_BYTES - 1] = 1;
}

/** A journal that completes when told, in groups, and fails when told. */
typedef struct journal_scripted {
    journal_t base;
    batch_t *in_flight[JOURNAL_IN_FLIGHT_MAX];
    size_t count;
    size_t due;   /**< complete so many at the next poll */
    bool prompt;  /**< complete all there are at every poll */
    bool failing; /**< complete them with SL_EIO, and all that follow, until resumed */
    unsigned resumed, flushed, destroyed;
} journal_scripted_t;

static inline void scripted_append(journal_t *j, batch_t *b)
{
    journal_scripted_t *s = (journal_scripted_t *)j;
    assert_true(s->count < JOURNAL_IN_FLIGHT_MAX);
    s->in_flight[s->count++] = b;
}

static inline void scripted_poll(journal_t *j)
{
    journal_scripted_t *s = (journal_scripted_t *)j;
    size_t done = s->failing || s->prompt || s->due > s->count ? s->count : s->due;
    s->due = 0;
    for (size_t i = 0; i < done; i++)
        j->done(j->ctx, s->in_flight[i], s->failing ? SL_EIO : SL_OK);
    s->count -= done;
    memmove(s->in_flight, s->in_flight + done, s->count * sizeof *s->in_flight);
}

static inline void scripted_resume(journal_t *j)
{
    journal_scripted_t *s = (journal_scripted_t *)j;
    assert_int_equal(s->count, 0);
    s->failing = false;
    s->resumed++;
}

static inline sl_err scripted_destroy(journal_t *j)
{
    ((journal_scripted_t *)j)->destroyed++;
    return SL_OK;
}

static inline void journal_scripted_init(journal_scripted_t *s)
{
    static const journal_ops_t ops = {.append = scripted_append,
                                      .poll = scripted_poll,
                                      .resume = scripted_resume,
                                      .destroy = scripted_destroy};
    memset(s, 0, sizeof *s);
    s->base = (journal_t){.ops = &ops, .fd = -1};
}

#endif

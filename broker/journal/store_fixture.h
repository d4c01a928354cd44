/* store_fixture.h - a journal of a test's own, and how it is closed and opened again. */
#ifndef JOURNAL_STORE_FIXTURE_H
#define JOURNAL_STORE_FIXTURE_H

#include "store_impl.h"
#include "testing.h"

typedef struct fixture {
    char *dir;
    store_t *s;
    store_found_t found;
    store_options_t o;
    sl_clock_manual_t clock;
    uint64_t next; /**< of the records it makes */
} fixture_t;

/** For cmocka: a new journal on boot-a, under a clock that stands still; and its end. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_open(fixture_t *f);
void fixture_reopen(fixture_t *f, bool clean);

/** One group of `records` records of `count` events each, in turn on topics a and b. */
sl_err fixture_commit(fixture_t *f, int records, uint32_t count, size_t body);

#endif

/* testing.h - what the tests of this room share: cmocka, a directory of their own, records. */
#ifndef JOURNAL_TESTING_H
#define JOURNAL_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/store.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(a)[0])

enum { TEST_BODY_MAX = 200 * 1024, TEST_IDS_MAX = 64 };

/** xorshift64*: the same bytes on every run. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/** A record whose bytes follow from its first number: what is read can be held against it.  Its
 *  arrays are static: `slot` keeps as many apart as a group needs. */
enum { TEST_SLOTS = 64 };
record_t test_record(int slot, uint64_t first, uint32_t count, const char *topic, size_t body_len);

/** Is this the record that test_record made of the same numbers, byte by byte? */
bool test_same(const record_t *a, const record_t *b);

/** A new directory, in memory where that can be: a sync costs nothing.  The caller gives it back to
 *  test_dir_remove. */
char *test_dir_make(void);
void test_dir_remove(char *dir);

/** Everything a read shows, as text: "5-9 10-12 [13-19 damage] [..] 20-24". */
const char *test_line(store_t *s, uint64_t after, uint64_t until, size_t bytes);

#endif

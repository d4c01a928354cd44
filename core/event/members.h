/* members.h - which member of an object came again?
 *
 *     out:  key value key value key value ...
 *           ^at[0]    ^at[1]    ^at[2]                sig[i]: the first 8 bytes of key i
 *
 * While an object is written, its first 32 keys are noted.  A filter of 64 bits says for nearly
 * every key that none like it was seen; only else are the signatures compared, and only for equal
 * ones the bytes.  An object with more members is sorted when it ends: O(n log n) comparisons,
 * whatever its keys are, and no hash that a sender could aim at.
 *
 * The last of equal members wins, in the last one's place.  The others are marked with a first byte
 * that msgpack never uses, and squeezed out in one go. */
#ifndef EVENT_MEMBERS_H
#define EVENT_MEMBERS_H

#include "base/buf.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

enum { MEMBERS_NOTED = 32 };

typedef struct members {
    uint64_t seen;  /* the filter */
    uint32_t count; /* of all members, also those that are not noted */
    uint32_t dead;  /* bit i: noted member i came again */
    uint32_t at[MEMBERS_NOTED];
    uint64_t sig[MEMBERS_NOTED];
} members_t;

static inline void members_init(members_t *m)
{
    m->seen = 0;
    m->count = 0;
    m->dead = 0;
}

/* Compares the new key, `len` bytes of msgpack, with the noted ones. */
void members_find(members_t *m, const uint8_t *first, const uint8_t *key, size_t len, uint64_t sig);

/* Notes the member whose key was just written, `len` bytes of msgpack at `key`; its bytes without
 * the head are at `name`, where eight may be read in any case.  `first` is where the members begin.
 */
static inline void members_add(members_t *m, const uint8_t *first, const uint8_t *key,
                               const uint8_t *name, size_t len)
{
    uint32_t i = m->count++;
    if (i >= MEMBERS_NOTED)
        return;
    uint64_t sig;
    size_t name_len = len - (size_t)(name - key);
    memcpy(&sig, name, sizeof sig);
    if (name_len < sizeof sig)
        sig = le64toh(sig) & (((uint64_t)1 << 8 * name_len) - 1);
    uint64_t bit = (uint64_t)1 << ((sig + name_len) * 0x9e3779b97f4a7c15u >> 58);
    if (m->seen & bit)
        members_find(m, first, key, len, sig);
    m->seen |= bit;
    m->at[i] = (uint32_t)(key - first);
    m->sig[i] = sig;
}

/* Ends the object whose members lie in out from offset `first` to `*end`: drops what came again,
 * and moves *end.  Memory behind *end, and the buffer itself, may move.
 * @return how many were dropped; without memory none, and out->failed is set. */
uint32_t members_close(members_t *m, sl_buf_t *out, size_t first, size_t *end);

/* Stable merge sort of `count` numbers; `spare` has room for as many. */
typedef int members_compare_fn(const void *ctx, uint32_t a, uint32_t b);
void members_sort(uint32_t *at, uint32_t *spare, size_t count, members_compare_fn *compare,
                  const void *ctx);

#endif

/* record.h - one stored batch as bytes that explain themselves.
 *
 *     head | topic | header frame | body frame | ids | sum
 *     104    the feed's three frames, exactly    16 an event, or none
 *
 * The head has magic, format version, lengths and numbers; the sum is XXH3-64 over everything
 * before it.  So a record can be found, measured and judged without the tree that leads to it, and
 * a file whose tree is broken can be searched for records.
 *
 * Four members of the head serve that search alone, and the store fills them in: `journal` is a
 * secret of the file, so that an event which contains bytes that look like a record fools nobody;
 * `era` rises whenever something handed to the file may be void: by one at a commit that failed, by
 * far more at a start, and everything of an earlier era from `era_base` on is void; everything
 * below `oldest` was taken by retention.
 *
 * Threads: pure functions. */
#ifndef JOURNAL_RECORD_H
#define JOURNAL_RECORD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RECORD_ID_BYTES = 16,
    RECORD_HEAD_BYTES = 104,
    RECORD_SUM_BYTES = 8,
    RECORD_MAGIC_BYTES = 8,
};

/** What a record begins with. */
extern const uint8_t record_magic[RECORD_MAGIC_BYTES];

typedef struct record {
    uint64_t stream, first, prev, time_ns; /**< as in the feed's header */
    uint32_t count;                        /**< events; never 0 */
    bool joined;                           /**< was committed together with the batch behind it */
    const char *topic;
    size_t topic_len;
    const uint8_t *header; /**< the feed's frames 2 and 3, exactly */
    size_t header_len;
    const uint8_t *body;
    size_t body_len;
    const uint8_t *ids; /**< 16 bytes an event, zeros: none; NULL: none at all */
    uint64_t journal, era, era_base, oldest; /**< the store's own */
} record_t;

/** Numbers that are not there any more. */
typedef struct journal_hole {
    uint64_t from, to;
    bool damage; /**< else retention took them */
} journal_hole_t;

/** Shows one stored batch or one hole; the other is NULL.
 *  @param record  borrowed during the call.
 *  @return false: stop after this one. */
typedef bool journal_visit_fn(void *ctx, const record_t *record, const journal_hole_t *hole);

static inline uint64_t record_last(const record_t *r)
{
    return r->first + r->count - 1;
}

size_t record_size(const record_t *r);

/** Writes record_size(r) bytes. */
void record_write(uint8_t *at, const record_t *r);

/** Reads one record that fills `len` bytes exactly, and checks its sum.
 *  @param r  pointers into data.
 *  @return SL_OK; SL_EPROTO: damaged; SL_EVERSION: whole, but of a format this program does not
 * know. */
sl_err record_read(record_t *r, const void *data, size_t len);

/** The numbers of a record of which only the head was read; nothing is proven by them.  Of the
 *  pointers only `ids` says something: NULL when it has none.
 *  @return false: this is no head. */
bool record_peek(record_t *r, const void *data, size_t len);

/** Reads one record that fills `len` bytes exactly, but does not look at its sum: for one that is
 *  proven, or trusted.  Touches its head alone.
 *  @return as record_read. */
sl_err record_trust(record_t *r, const void *data, size_t len);

/** How many bytes the record that begins here claims to be; 0: no record begins here.
 *  @param len  at least RECORD_HEAD_BYTES are looked at. */
size_t record_claims(const void *data, size_t len);

#endif

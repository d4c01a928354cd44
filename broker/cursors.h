/* cursors.h - where does this subscriber go on?
 *
 * A cursor is a name, and behind it a place (stream, number), the patterns of who opened it last,
 * and a generation: each open gets a larger one, and who holds an older one is fenced.
 *
 *     open, place, drop  --staged-->  flush: one transaction for all that is staged  -->  kept
 *
 * What is staged is seen by the questions that follow it, but may be answered only after the flush;
 * when that fails, everything that was staged since the last one is undone.
 *
 * The table is in memory; the file behind it (LMDB) is read when it is opened and written ever
 * after.  A file that cannot be read is moved aside, and the cursors begin anew.
 *
 * Threads: one owns it. */
#ifndef BROKER_CURSORS_H
#define BROKER_CURSORS_H

#include "base/clock.h"
#include "wire/query.h"

typedef struct cursors cursors_t;

typedef struct cursors_options {
    const char *dir;    /**< the broker's data; NULL: cursors are kept in memory only */
    bool synced;        /**< a flush waits for the disk */
    uint32_t max;       /**< cursors at most */
    uint64_t map_bytes; /**< how large the file can get; 0: 256 MiB */
    const sl_clock_t *clock;
} cursors_options_t;

/** @param failed  receives what could not be done, for people; static.
 *  @return SL_OK, SL_ENOMEM, SL_EIO. */
sl_err cursors_create(cursors_t **out, const cursors_options_t *options, const char **failed);

/** Drops what is staged. */
void cursors_destroy(cursors_t **cursors);

/* Each returns true and stages the change, or false and says why not: then nothing is changed. */

/** @param opened  the answer; its patterns are borrowed until the next call. */
bool cursors_open(cursors_t *c, const wire_cursor_open_t *open, wire_cursor_opened_t *opened,
                  wire_code_t *why);
/** @param backwards  a RESET: may go back. */
bool cursors_place(cursors_t *c, const wire_cursor_place_t *place, bool backwards,
                   wire_code_t *why);
bool cursors_drop(cursors_t *c, const wire_cursor_drop_t *drop, wire_code_t *why);

bool cursors_staged(const cursors_t *c);

/** Keeps what is staged, all of it or, after an error, nothing.
 *  @return SL_OK, SL_EIO (errno), SL_ENOMEM. */
sl_err cursors_flush(cursors_t *c);

uint32_t cursors_count(const cursors_t *c);

/** The number line that lag is measured on. */
typedef struct cursors_line {
    uint64_t stream, next;
    const wire_parent_t *parents;
    uint32_t parent_count;
} cursors_line_t;

/** STATUS's array: a map for each cursor, the one with most before it first. */
void cursors_put_status(cursors_t *c, sl_buf_t *out, const cursors_line_t *line);

#endif

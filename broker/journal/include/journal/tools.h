/* tools.h - looking at a journal from outside: `sluice journal stat|verify|export|backup`.
 *
 * All of these work beside a broker that writes; all but export and backup also where it holds a
 * snapshot while another tool does.  None changes the journal.  None is brought down by damage: the
 * file is walked without LMDB first (store.h), and where that fails, searched for records.
 *
 * A process that has a store open for writing must not call them for the same directory: LMDB opens
 * a file once in a process.
 *
 * stat is store_open with read_only, and store_stat.  Each of them reads the whole file once, at
 * about 1 GB/s, and keeps a snapshot meanwhile, which makes the file of a busy broker grow. */
#ifndef JOURNAL_TOOLS_H
#define JOURNAL_TOOLS_H

#include "journal/store.h"

typedef struct store_verdict {
    bool sound;                      /**< the tree, that is; damaged records are counted apart */
    char damage[STORE_DAMAGE_BYTES]; /**< what is wrong with the tree */
    uint64_t stream, oldest, next;   /**< 0: not known */
    uint64_t records, events,
        bytes;                /**< sound records; of a tree that is not: what a start would save */
    uint64_t damaged_records; /**< in a sound tree */
    uint64_t lost_events;     /**< numbers missing between oldest and next */
    uint64_t pages, free_pages, file_bytes; /**< pages: of a sound tree */
    bool new_stream; /**< a start would begin a new stream: the tree, or an end that was not orderly
                          on another boot, or a copy, or a later run that the file does not know.
                          Whether too many topics are empty only the start's options say */
} store_verdict_t;

/** Something that verify found.
 *  @param from,to  the numbers it is about; 0, 0: it is about the file. */
typedef void store_report_fn(void *ctx, const char *what, uint64_t from, uint64_t to);

/** Examines everything.
 *  @param report   is shown each finding; may be NULL.
 *  @param verdict  filled in on SL_OK and SL_EPROTO.
 *  @return SL_OK: tree and records are sound (numbers may be missing since an earlier damage);
 *          SL_EPROTO: they are not; SL_ENOENT: there is no journal; SL_EVERSION: a newer program
 * wrote it; SL_EIO (errno); SL_ENOMEM. */
sl_err store_verify(const char *dir, store_report_fn *report, void *ctx, store_verdict_t *verdict);

/** Shows what is stored of the numbers (after, until], as store_read does, to its end.  Where the
 * tree is damaged: what a search of the file finds, with holes between; verdict->sound says so.
 *  @return SL_OK; SL_ENOENT, SL_EVERSION, SL_EIO (errno), SL_ENOMEM. */
sl_err store_export(const char *dir, uint64_t after, uint64_t until, journal_visit_fn *visit,
                    void *ctx, bool *sound);

/** Copies a snapshot of a journal, without its free pages, into a new directory, and the cursors
 *  that lie beside it, as they were a moment before.  A broker started there begins a new stream,
 * whose parent is the copied one.
 *  @param dest    is made; must hold no journal.
 *  @param failed  may be NULL; on error receives what failed, for people; static.
 *  @return SL_OK: it is on the disk; SL_EEXIST; SL_EPROTO: the journal is damaged: a start would
 *          salvage it first; SL_ENOENT, SL_EVERSION, SL_EIO (errno), SL_ENOMEM. */
sl_err store_backup(const char *dir, const char *dest, const char **failed);

#endif

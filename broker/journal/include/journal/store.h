/* store.h - the journal on disk: batches by number, whole or not at all.
 *
 *     DIR/lock           held by the one process that writes
 *     DIR/journal.mdb    an LMDB environment: state, the topics' tails, records by first number
 *     DIR/run            the newest run, for when the file knows nothing of it; and how it began
 *     DIR/quarantine/    what was damaged, kept aside
 *
 * The number line.  Numbers run on without a hole over all streams of a journal; a new stream
 * continues behind the last number known, and names its parents [stream, last]: what was numbered
 * up to `last` under `stream` is in this line.  Numbers below the oldest record were taken by
 * retention; a hole further up is damage.
 *
 * One group is one transaction: records, tails, next number and retention together.  With
 * STORE_SYNC_DISK it is synced when store_commit returns; with STORE_SYNC_OS it survives the
 * process, not the machine.
 *
 * Which stream a start goes on with.  The old one when the last run ended in order, or on this
 * boot, or synced every commit; and the file is the one it was (its inode; a backup carries a
 * mark), and is whole.  Else a new one: numbers that were handed out and lost may be handed out
 * again, but never under the same stream.  The mark of a run (boot, durability, not ended) is on
 * the disk before store_open returns, in the file and beside it: an older file that is put back, or
 * a file from which a power cut took all of the last run, does not know the newest run, and then
 * that run's stream ends with what is there.
 *
 * Damage.  LMDB checks little, and a bit that flips in its meta, branch or leaf pages can crash the
 * process that follows it.  So before LMDB opens a file, store_open walks every page that LMDB
 * would follow by its own bounded reader (pages.h), and holds each record against its sum; where
 * the last run ended in order, or died on this boot (what a process wrote outlives it), the large
 * ones behind the oldest are taken as they stand, until they are read.  Not so where a run died
 * before store_ready, nor after four deaths in a row: reading may be what it died of.  Records
 * that are damaged are put aside and become holes.  Where the tree itself is damaged the file goes
 * to the quarantine, and the records found in its bytes (scan.h) fill a new one, under a new
 * stream.  That needs room on the disk for a second copy.  A file that cannot be read is not taken
 * for a damaged one, and one in which nothing is found is left alone: then store_open fails.
 * Reading checks each record again; a damaged one becomes a hole.  What remains: a page of the tree
 * that the disk or the memory damages while the process runs can still end it by a signal; a start
 * finds the damage.  A state of the file that is old but whole (a snapshot of the file system
 * that was rolled back in place) is not damage, and is not seen.
 *
 * Readers see a snapshot, and keep its pages from being used again while they look at it.  So each
 * call looks at a bounded part.  A reader that stands still inside a visit, in this process or in
 * another, lets the file grow up to map_bytes, and then commits fail until it goes on or is gone.
 *
 * Cost: a commit copies and sums each record once, and touches one leaf a few times; a read sums
 * each record and copies nothing.  No work for single events in either.
 *
 * Threads: one thread at a time opens, commits, keeps house and closes; read, find and stat are for
 * any thread, between open and close.  A visit runs within a read: it must not call into the store,
 * and it must end soon, for opening anew after a failure waits for it. */
#ifndef JOURNAL_STORE_H
#define JOURNAL_STORE_H

#include "base/clock.h"
#include "journal/record.h"

typedef struct store store_t;

typedef enum { STORE_SYNC_OS, STORE_SYNC_DISK } store_sync_t;

enum {
    STORE_PARENTS_MAX = 8,
    STORE_MAP_MIN_BYTES = 64 * 1024 * 1024,
    STORE_TOPIC_BYTES_MAX = 500,
    STORE_DAMAGE_BYTES = 160,
};

/** What was numbered up to `last` under `stream` is in the number line. */
typedef struct store_parent {
    uint64_t stream, last;
} store_parent_t;

/** Zero is every default. */
typedef struct store_options {
    const char *dir;        /**< made when it is missing; its parent must be there */
    uint64_t retain_bytes;  /**< the oldest records go when all take more, in pages; 0: no limit */
    uint64_t retain_age_ms; /**< ... or when they were sealed longer ago; 0: no limit */
    uint64_t map_bytes;     /**< the file's limit; 0: 4 x retain_bytes, at least 64 MiB */
    uint32_t topics_max;    /**< the caller's limit, see store_open; 0: none */
    store_sync_t sync;
    const sl_clock_t *clock; /**< NULL: the system's */
    bool read_only;          /**< beside the process that writes; nothing is repaired */
    const char *boot_id;     /**< NULL: the system's; for tests */
} store_options_t;

/** What store_open found, and what it made of it. */
typedef struct store_found {
    uint64_t stream, oldest, next, last_time_ns; /**< oldest == next: no event is there */
    store_parent_t parents[STORE_PARENTS_MAX];   /**< newest first */
    uint32_t parent_count;
    uint64_t records, events, bytes;
    uint64_t damaged_records; /**< found at this start; who cannot be put aside is found again */
    uint64_t lost_events;     /**< holes by damage in the number line, old and new */
    uint64_t salvaged;        /**< records taken out of a damaged file at this start */
    bool new_stream, was_clean;
    const char *why;                 /**< of the new stream; static; NULL: the old one goes on */
    char damage[STORE_DAMAGE_BYTES]; /**< what was wrong with the tree; empty: nothing */
} store_found_t;

typedef struct store_stat {
    uint64_t oldest, next; /**< equal: no event is there */
    uint64_t records, bytes;
    uint64_t oldest_time_ns, newest_time_ns;
    uint64_t map_bytes, used_bytes, file_bytes; /**< used: pages handed out, free or not */
    uint64_t quarantined;                       /**< damaged records put aside since the start */
    uint64_t commits, failed_commits;
    uint64_t reopened; /**< times that LMDB gave up and was opened anew */
} store_stat_t;

/** Syncs a directory: what was made or renamed in it is there after a power cut.
 *  @return SL_OK; SL_EIO (errno). */
sl_err store_sync_dir(const char *path);

/** How many bytes lie in DIR/quarantine; nothing removes them but people. */
uint64_t store_quarantine_bytes(const char *dir);

/** The file's limit that these options mean. */
uint64_t store_map_bytes(const store_options_t *o);

/** Opens or makes a journal.
 *  A topic's tail stays when its records are gone: whoever follows it must be told.  But where more
 *  than three quarters of topics_max are taken, those of which nothing is kept are dropped, under a
 *  new stream: then everybody asks from where he stands, and is told what retention took.
 *  @param found   may be NULL.
 *  @param failed  may be NULL; on error receives what failed, for people; static.
 *  @return SL_OK; SL_EEXIST: another process writes it; SL_ENOENT (read_only): there is none;
 *          SL_EVERSION: a newer program wrote it; SL_EPROTO: it is damaged (read_only), or nothing
 *          of a journal is in the file; SL_EIO (errno): also when it cannot be read; SL_ENOMEM. */
sl_err store_open(store_t **out, const store_options_t *o, store_found_t *found,
                  const char **failed);

/** Says that the start is over: what it had to read, it has read.  A run that dies before is
 * followed by a start that reads every body (decision 9), and so is one that never says it. Between
 * open and close, once; writes and syncs a few bytes.
 *  @return SL_OK; SL_EIO (errno), SL_ENOMEM: it is not written, and the next start reads more. */
sl_err store_ready(store_t *s);

/** Shows the last number of each topic.  The writer's thread. */
sl_err store_tails(store_t *s,
                   void (*tail)(void *ctx, const char *topic, size_t len, uint64_t last),
                   void *ctx);

/** Shows the newest records that have `count` ids together, oldest first: for the ids, right behind
 *  store_open.  No sum is taken again: a bit that flipped in an id since makes it one that nobody
 *  sends. */
sl_err store_ids(store_t *s, uint64_t count, void (*ids)(void *ctx, const record_t *r), void *ctx);

/** Commits one group: records whose numbers follow one another and the last commit.  Applies
 *  retention.  After an error the store is as before the call but for retention, and usable: where
 *  LMDB gave up it is opened anew, now or at the next call.
 *  @return SL_OK; SL_EINVAL: numbers that do not follow, or a topic too long; SL_EIO (errno: ENOSPC
 *          also when the map is full); SL_ENOMEM. */
sl_err store_commit(store_t *s, const record_t *records, size_t count);

/** Retention, and readers that died.  Now and then, by the writer's thread.  Takes some
 *  milliseconds.  @return SL_OK; SL_EAGAIN: more is due, call it again soon; errors as above, and
 *  as harmless. */
sl_err store_housekeep(store_t *s);

/** Will the next commit be short, if it is small: no failure is to be mended, and retention is not
 *  behind?  For the writer. */
bool store_is_tidy(const store_t *s);

/** Shows what is stored of the numbers (after, until], in order: batches, whole, that hold a number
 *  > after, and holes in their place.  Ends at `until`, at the newest committed number, when
 * `bytes` of records were shown (but at least one), or when `visit` says so.
 *  @param upto  receives: all numbers <= *upto were shown; never less than `after`.
 *  @return SL_OK, SL_EIO (errno), SL_ENOMEM. */
sl_err store_read(store_t *s, uint64_t after, uint64_t until, size_t bytes, journal_visit_fn *visit,
                  void *ctx, uint64_t *upto);

/** Behind which number is everything sealed at `since_ns` or later?  oldest-1 at least; next-1 when
 *  nothing is younger. */
sl_err store_find(store_t *s, uint64_t since_ns, uint64_t *after);

void store_stat(store_t *s, store_stat_t *out);

/** Closes it and sets *s to NULL; a pointer to NULL is fine.
 *  @param clean  syncs, and marks the end as orderly; false: as if the process had ended here.
 *  @return SL_OK; SL_EIO (errno), SL_ENOMEM: it is closed, but the mark could not be written. */
sl_err store_close(store_t **s, bool clean);

#endif

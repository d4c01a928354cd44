/* store_impl.h - what the files of the store share.
 *
 *     store.c          open, the stream's decision, close
 *     store_env.c      LMDB's environment, files and locks
 *     store_run.c      the newest run, named beside the file
 *     store_commit.c   groups, retention, what failed
 *     store_read.c     reading, finding, ids
 *     examine.h        is the file sound, and what is in it
 *     salvage.h        a new file out of a damaged one
 *     tools.c          for `sluice journal`
 *
 * Locks: env_lock guards `env` against being closed: readers hold it shared for a whole call,
 * opening anew takes it alone.  stat_lock guards `stat`.  `next` is the committed head, which
 * readers never pass.  Everything else belongs to the writer's thread. */
#ifndef JOURNAL_STORE_IMPL_H
#define JOURNAL_STORE_IMPL_H

#include "entry.h"
#include "journal/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#define HASH_NONFATAL_OOM 1 /* an add without memory leaves hh.tbl NULL */
#include <uthash.h>

#define STORE_FILE       "journal.mdb"
#define STORE_LOCK_FILE  "journal.mdb-lock" /* LMDB's: readers' slots */
#define STORE_OWNER_FILE "lock"
#define STORE_RUN_FILE   "run"
#define STORE_QUARANTINE "quarantine"

/** Eras are counted in two: runs, and the failures within a run.  Those are in memory until a
 * commit succeeds, so a run that is killed may have used more of them than the file knows, and the
 * next run must not meet them. */
#define STORE_RUN_ERAS (UINT64_C(1) << 32)

static inline uint64_t store_next_run(uint64_t era)
{
    return (era / STORE_RUN_ERAS + 1) * STORE_RUN_ERAS;
}

/** Stays in its run: no machine lives to see four thousand million failures. */
static inline uint64_t store_next_failure(uint64_t era)
{
    return (era + 1) % STORE_RUN_ERAS != 0 ? era + 1 : era;
}

/** A topic's tail: as it was committed, and as the group at hand would have it. */
typedef struct store_topic store_topic_t;
struct store_topic {
    UT_hash_handle hh;
    uint64_t last;  /**< committed; 0: none */
    uint64_t draft; /**< of the group at hand */
    store_topic_t *next_dirty;
    bool dirty;
    size_t name_len;
    char name[];
};

/** What is in the tree; kept by the writer. */
typedef struct store_tally {
    uint64_t records, bytes;
    uint64_t oldest_time_ns; /**< of the oldest record */
} store_tally_t;

struct store {
    store_options_t o; /**< dir: own copy; clock and boot_id set */
    char *dir;
    char boot_id[BOOT_ID_BYTES + 1];
    int lock_fd;

    pthread_rwlock_t env_lock;
    MDB_env *env; /**< NULL: could not be opened anew; the next commit tries again */
    MDB_dbi dbi;
    bool stale; /**< LMDB gave up, or what failed may stand in the file: see store_recover */

    store_state_t state; /**< as of the last commit that succeeded */
    store_tally_t tally;
    store_topic_t *topics;

    store_state_t run; /**< the newest run, as it is told beside the file */
    bool has_run;
    unsigned run_slot;
    uint64_t unread; /**< what store_ready writes of this one */

    _Atomic uint64_t next;

    _Atomic uint64_t quarantined;
    _Atomic bool told_aside; /**< that a damaged record could not be put aside */
    pthread_mutex_t stat_lock;
    store_stat_t stat;
};

/* -- store.c ---------------------------------------------------------------------------------- */

/** A store that nothing is opened of yet; store_close takes it.  NULL: no memory. */
store_t *store_create(const store_options_t *o);

/** Is every byte there that the last run wrote, and may bodies stay unread?  It ended in order, or
 *  died on this boot and not because of what it read; and the file is the very same. */
bool store_is_as_left(const store_t *s, const store_state_t *last);

/** Why the next start would begin a new stream; static; NULL: it would go on with this one. */
const char *store_why_new(const store_t *s, const store_state_t *last);

/* -- store_env.c ------------------------------------------------------------------------------ */

/** LMDB's result as one of ours; sets errno for SL_EIO. */
sl_err store_error(int rc);
/** LMDB calls a write that was cut short EIO, and never writes the rest: a full disk says so only
 * to whoever asks.  @return rc, or ENOSPC. */
int store_cause(const store_t *s, int rc);

/** Opens LMDB's environment on DIR/file.  @return LMDB's result. */
int store_env_open(store_t *s, const char *file);
void store_env_close(store_t *s);

sl_err store_random_id(uint64_t *id); /**< never 0 */

/** "DIR/name"; NULL: no memory.  The caller frees it. */
char *store_path(const char *dir, const char *name);
uint64_t store_inode(const char *dir);
uint64_t store_file_bytes(const char *dir);
/** A damaged record into DIR/quarantine, under its number, once; synced.  Counts it, and tells the
 *  first time that it cannot be.  Any thread.
 *  @return is it there now?  Not when nothing more is put aside: enough was in this run, or the
 * disk refuses, or the store is read_only. */
bool store_put_record_aside(store_t *s, uint64_t first, const void *bytes, size_t len);

/** How many bytes of pages an entry takes. */
static inline uint64_t store_footprint(size_t key_len, size_t len)
{
    enum { PAGE = 4096, PAGE_HEAD = 16, NODE_HEAD = 8, NODE_MAX = 2038, POINTER = 2 };
    if (NODE_HEAD + key_len + len <= NODE_MAX)
        return NODE_HEAD + key_len + len + POINTER;
    return (PAGE_HEAD + len + PAGE - 1) / PAGE * PAGE + NODE_HEAD + key_len + sizeof(uint64_t) +
           POINTER;
}

/* -- store_run.c ------------------------------------------------------------------------------ */

enum { STORE_UNREAD_MAX = 3 /**< a death of a run that has this in DIR/run: read everything */ };

/** Reads what is told of the last run beside the file into s->run.  s->has_run: it is; else there
 * is no such file, or it is damaged, which is logged.
 *  @return SL_OK; SL_EVERSION: a newer program wrote it; SL_EIO (errno), SL_ENOMEM: not known. */
sl_err store_run_read(store_t *s);
/** Is the newest run this state's? */
bool store_run_is_of(const store_t *s, const store_state_t *state);
/** Is the newest run of this journal, and later than this state? */
bool store_run_is_later(const store_t *s, const store_state_t *state);
/** Names a run, and how it began; synced.  @return SL_OK, SL_EIO (errno), SL_ENOMEM. */
sl_err store_run_write(store_t *s, const store_state_t *state, uint64_t unread);

/* -- store_commit.c --------------------------------------------------------------------------- */

/** The topic's entry, made when it is new.  NULL: no memory. */
store_topic_t *store_topic(store_t *s, const char *name, size_t len);
void store_topics_free(store_t *s);

/** Writes the state in a transaction; stamps it with the transaction's number. */
int store_put_state(store_t *s, MDB_txn *txn, store_state_t *state);
/** Writes a topic's tail, or removes it (last 0). */
int store_put_tail(store_t *s, MDB_txn *txn, const store_topic_t *topic, uint64_t last);

/** Commits `state` alone, synced whatever the store's durability is. */
int store_commit_mark(store_t *s, store_state_t *state);

/** Makes what readers and store_stat see of what was committed. */
void store_publish(store_t *s);

/* -- store_read.c ----------------------------------------------------------------------------- */

/** The state as a snapshot has it. */
sl_err store_get_state(store_t *s, MDB_txn *txn, store_state_t *state);

#endif

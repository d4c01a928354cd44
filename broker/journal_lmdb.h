/* journal_lmdb.h - the journal on disk: broker/journal/ behind the interface of journal.h, with a
 * thread of its own that commits in groups.  A flush may complete batches in place.
 *
 * Threads: create, attach and destroy belong to the sequencer, as all of journal.h does.  Until the
 * first append the sequencer may also read the store, to begin where it ended. */
#ifndef BROKER_JOURNAL_LMDB_H
#define BROKER_JOURNAL_LMDB_H

#include "counters.h"
#include "journal.h"
#include "journal/store.h"

enum { JOURNAL_GROUP_BYTES = 8 << 20 /**< of one commit; its last request may go beyond */ };

typedef sl_err journal_commit_fn(void *ctx, store_t *store, const record_t *records, size_t count);

typedef struct journal_lmdb_options {
    store_options_t store;
    bool in_place; /**< small groups in the sequencer's thread: for a store that does not sync */
    counter_t
        *counters; /**< BROKER_COUNTER_COUNT of them; whoever commits writes the JOURNAL_ rows */
    journal_commit_fn *commit; /**< NULL: store_commit; tests make it fail or wait */
    void *commit_ctx;
} journal_lmdb_options_t;

/** Opens the store and starts the thread.
 *  @param found   receives what the store held: stream, numbers, and what happened to it.
 *  @param failed  receives what could not be done, for people; errno says why.  Static.
 *  @return SL_OK, SL_EIO, SL_ENOMEM, or what store_open says. */
sl_err journal_lmdb_create(journal_t **out, const journal_lmdb_options_t *options,
                           store_found_t *found, const char **failed);

/** Borrowed. */
store_t *journal_lmdb_store(journal_t *j);

#endif

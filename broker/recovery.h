/* recovery.h - where does a broker begin?  Where its journal ended.
 *
 * The store says which stream goes on, and at which number.  From its tails and its newest ids the
 * sequencer gets back what it keeps in memory: the last number of each topic, and the dedup window.
 *
 * Threads: the sequencer's, before its first turn. */
#ifndef BROKER_RECOVERY_H
#define BROKER_RECOVERY_H

#include "base/clock.h"
#include "journal/store.h"
#include "sequencer.h"

typedef struct recovery {
    store_found_t found;
    uint32_t topics;                         /**< that have a tail */
    uint64_t ids;                            /**< that are in the dedup window again */
    uint64_t took_ns;                        /**< opening the journal, and reading it */
    wire_parent_t parents[WIRE_PARENTS_MAX]; /**< the stream's, newest first */
    uint32_t parent_count;
} recovery_t;

/** Puts the store's tails and ids into a sequencer that is initialised and has taken nothing.
 *  @param r       r->found is filled in; receives the rest.
 *  @param failed  receives what could not be done, for people; errno says why.
 *  @return SL_OK, SL_EIO, SL_ENOMEM; SL_ELIMIT: the journal has more topics than the options. */
sl_err recovery_run(recovery_t *r, sequencer_t *s, store_t *store, const sl_clock_t *clock,
                    const char **failed);

/** One line in the log: what was found, and what was made of it. */
void recovery_tell(const recovery_t *r, const char *dir);

#endif

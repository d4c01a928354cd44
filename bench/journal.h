/* journal.h - what the parts of the bench `journal` share: the plan of one phase, and its roles.
 *
 *     P publisher processes --- W events without an answer each ---> one target, new for the phase
 *     one reader process    <--- everything that is kept ----------- a target filled before */
#ifndef BENCH_JOURNAL_H
#define BENCH_JOURNAL_H

#include "share.h"
#include "target.h"

enum { JOURNAL_WAIT = 0, JOURNAL_LOAD = 1, JOURNAL_STOP = 2 };

/** Forked into every worker. */
typedef struct journal_plan {
    const target_ops_t *ops;
    target_plan_t target;
    size_t publishers, event_bytes;
    uint64_t events; /**< that each publisher sends at most, and that the reader waits for */
    share_t *share;  /**< a slot for each publisher, and the reader's; its stop is a stage */
} journal_plan_t;

static inline share_slot_t *journal_reader_slot(const journal_plan_t *plan)
{
    return &plan->share->slots[plan->publishers];
}

/** Events kept, by the answers that the publishers have. */
uint64_t journal_kept(const journal_plan_t *plan);

/** Connects, is ready, and from JOURNAL_LOAD on publishes until JOURNAL_STOP or until it has
 *  published its events; waits for every answer; leaves with 0.  A proc_worker_fn over a
 *  journal_plan_t. */
int journal_publish(void *plan, size_t publisher);

/** Reads it all; the time that took is in its slot's held_ns. */
int journal_read(void *plan, size_t index);

#endif

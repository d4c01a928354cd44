/* fanout.h - what the parts of a fan-out run share: its plan, and the roles of its processes.
 *
 *     publisher process(es) ---> sluice-broker ---> N subscriber processes
 *            ^                                              |
 *            '------ window: published − min(delivered) <---'   through shared memory
 *
 * The publisher is held within the window of the slowest subscriber, so that nothing need be
 * dropped, and the figure is what all of them really got. */
#ifndef BENCH_FANOUT_H
#define BENCH_FANOUT_H

#include "daemons.h"
#include "fanout_run.h"
#include "share.h"

#include <stddef.h>
#include <stdint.h>

/** The plan: forked into every worker. */
typedef struct fanout_plan {
    fanout_setup_t setup;
    char intake[DAEMONS_ENDPOINT_MAX], feed[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    share_t *share; /**< slots: subscribers first, then publishers */
} fanout_plan_t;

static inline share_slot_t *fanout_sub_slot(const fanout_plan_t *plan, size_t sub)
{
    return &plan->share->slots[sub];
}

static inline share_slot_t *fanout_pub_slot(const fanout_plan_t *plan, size_t publisher)
{
    return &plan->share->slots[plan->setup.subs + publisher];
}

/** Takes over a broker's endpoints. */
void fanout_plan_connect(fanout_plan_t *plan, const broker_daemon_t *broker);

/** Events published by all publishers together. */
uint64_t fanout_published(const fanout_plan_t *plan);
/** Events delivered to the subscriber that has the fewest. */
uint64_t fanout_slowest(const fanout_plan_t *plan);

/** A publisher: publishes within the window until the share's stop is 1, waits for the last
 *  acknowledgement, leaves with 0.  A proc_worker_fn over a fanout_plan_t. */
int fanout_publish(void *plan, size_t publisher);

/** Fills the journal with prefill_bytes of events, waits for the last acknowledgement, leaves
 *  with 0.  The events are large, so that they are few: the dedup window stays as it was. */
int fanout_prefill(void *plan, size_t index);

/** A subscriber to every topic: counts until the share's stop is 2, leaves with 0. */
int fanout_subscribe(void *plan, size_t sub);

enum { FANOUT_RUN = 0, FANOUT_STOP_PUBLISHERS = 1, FANOUT_STOP_SUBSCRIBERS = 2 };

#endif

/* sim.h - a BatchCompute that runs nothing: clusters and jobs living their lives, as notifications.
 *
 *     cluster  OnInstanceCreated -> OnInstanceActive (each machine) ... OnClusterDeleted
 *     job      Waiting -> Running -> Finished | Failed | Stopped -> Waiting again (some)
 *       task     Waiting -> Running -> Finished | Failed | Stopped, after the tasks it depends on
 *         instance Waiting -> Running -> Finished | Failed | Stopped; a failed one may be tried
 *                  again, with RetryCount one higher
 *     and OnPriorityChange while a job waits or rests.
 *
 * A discrete-event simulation in its own time: the same options give the same events, byte by byte,
 * on any machine, at any rate.  It never ends: what dies is replaced.  Fields come from the event
 * catalogue, all of an event's and no others, all values strings, as in BatchCompute's samples.
 * Costs about a microsecond an event.  One thread owns a sim; a sim needs nothing else. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/err.h"
#include "event/catalogue.h"

typedef struct sim sim_t;

/** Zero is every default. */
typedef struct sim_options {
    uint64_t seed;
    uint32_t clusters; /**< alive at a time; 0: 4; at most SIM_SLOTS_MAX */
    uint32_t jobs;     /**< alive at a time; 0: 24; at most SIM_SLOTS_MAX */
} sim_options_t;

enum { SIM_SLOTS_MAX = 10000 };

/** One notification. */
typedef struct sim_event {
    event_kind_t kind;
    const char *topic; /**< "Job.OnJobFailed"; static */
    const char *body;  /**< JSON, NUL-terminated; valid until the next sim_next */
    size_t body_len;
    int64_t time_us; /**< the sim's own time, Unix microseconds */
} sim_event_t;

/** @return SL_OK, SL_EINVAL (too many), SL_ENOMEM. */
sl_err sim_create(sim_t **out, const sim_options_t *options);

/** The next notification.  @return SL_OK; SL_ENOMEM: the sim is no longer of use. */
sl_err sim_next(sim_t *sim, sim_event_t *event);

void sim_destroy(sim_t **sim);

#endif

/* mns_pace.h - not now, but when?
 *
 * Three small answers, all on a clock that the caller holds: how long to pause after a failure,
 * when the rate allows the next request, and who of those that pause is due first. */
#ifndef MNS_PACE_H
#define MNS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** After a failure: a pause that doubles, by chance between half and all of it, so that many
 *  clients that failed together do not come back together. */
typedef struct mns_backoff {
    uint32_t first_ms, most_ms;
    uint64_t random;
} mns_backoff_t;

/** @param seed  0: from the system. */
void mns_backoff_init(mns_backoff_t *backoff, uint32_t first_ms, uint32_t most_ms, uint64_t seed);
/** @param failures  in a row, the last one included: 1, 2, … */
uint32_t mns_backoff_ms(mns_backoff_t *backoff, uint32_t failures);

/** So many a second, and a burst after a pause.  Kept as the moment at which all that was taken is
 *  paid for: what is taken lies ahead of now by its price.
 *
 *      now ---- taken and not yet paid for ---- paid_ns ---- free ---- now + burst */
typedef struct mns_rate {
    uint32_t per_s; /**< 0: no limit */
    uint32_t burst;
    int64_t paid_ns;
} mns_rate_t;

/** How long until `cost` may go; 0: now.  More than a burst at once may go when nothing is owed. */
int64_t mns_rate_wait_ns(const mns_rate_t *rate, uint32_t cost, int64_t now_ns);
void mns_rate_take(mns_rate_t *rate, uint32_t cost, int64_t now_ns);

/** Who is due first: a binary heap.  Of two due at once either may come first. */
typedef struct mns_pause {
    int64_t due_ns;
    void *who;
} mns_pause_t;
typedef struct mns_pauses {
    mns_pause_t *heap;
    size_t count, room;
} mns_pauses_t;

/** @return false: no memory. */
bool mns_pauses_add(mns_pauses_t *pauses, int64_t due_ns, void *who);
/** When the first is due; INT64_MAX: there is none. */
int64_t mns_pauses_due_ns(const mns_pauses_t *pauses);
/** Takes the first.  There must be one. */
void *mns_pauses_take(mns_pauses_t *pauses);
void mns_pauses_fini(mns_pauses_t *pauses);

#endif

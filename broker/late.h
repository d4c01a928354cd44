/* late.h - answers that wait until their peer reads.
 *
 * A peer that asks faster than it reads fills its queue in libzmq.  Its next answers wait here, in
 * their order, a bounded number of them and of bytes, for all peers and for each one; what is past
 * a bound is dropped, and the caller counts it.
 *
 * Cost: sending again looks at each that waits; nothing waits as long as peers read.
 *
 * Threads: the owner's alone. */
#ifndef BROKER_LATE_H
#define BROKER_LATE_H

#include "route.h"

#include <stddef.h>

typedef struct late_answer late_answer_t;

typedef struct late {
    late_answer_t *first, **end; /**< end: where the next one is linked in */
    size_t count, bytes;
} late_t;

void late_init(late_t *l);
void late_fini(late_t *l);

static inline bool late_any(const late_t *l)
{
    return l->first != NULL;
}

/** Do answers of this peer wait?  Then the next one must wait behind them. */
bool late_has(const late_t *l, const route_t *peer);

/** Copies an answer behind those that wait.
 *  @return false: there are too many already, or no memory; it is not kept. */
bool late_keep(late_t *l, const route_t *peer, const void *answer, size_t len);

/** Tries each once; those that still find no room stay, in their order.
 *  @return how many were dropped, for their peers are gone. */
size_t late_send(late_t *l, void *router);

#endif

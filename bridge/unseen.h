/* unseen.h - what MNS may count as received and not deleted though no slot stands for it.
 *
 * MNS counts a message from its receive until it is deleted or its visibility ends.  Most such
 * messages lie in slots.  The others are noted here with the time until which they may count:
 *
 *     given up   a slot was given back while its message was still hidden: until it shows again
 *     lost       a receive whose answer never came may have taken all it asked for, as long as its
 *                waiting at the service lasts; and when the service stood still, at the moment it
 *                goes on.  So a lost one is `silent` until its waiting is over and the service then
 *                answers anything, or would refuse the request as too old (its Date is 15 minutes
 *                off); from then on it counts for one visibility timeout.
 *
 * Times are rounded up, by about a sixty-fourth of how far off they are, so that notes stay few and
 * need no memory of their own: a message may count for a little too long, never for too short.
 *
 * Monotonic ms, handed in; no clock. */
#ifndef BRIDGE_UNSEEN_H
#define BRIDGE_UNSEEN_H

#include <stddef.h>
#include <stdint.h>

enum { UNSEEN_NOTES = 128, UNSEEN_DATE_LIMIT_MS = 15 * 60 * 1000 };

typedef struct unseen {
    struct {
        size_t count;
        uint64_t until_ms;
    } notes[UNSEEN_NOTES];
    size_t len;
    struct {
        size_t count;
        uint64_t ends_ms;    /**< when it stops waiting at the service */
        uint64_t refused_ms; /**< when the service would refuse it */
    } silent[UNSEEN_NOTES];
    size_t silent_len;
    size_t count; /**< messages, all in all */
} unseen_t;

/** Nobody here has these any more, and they are hidden until then. */
void unseen_give_up(unseen_t *unseen, size_t count, uint64_t until_ms, uint64_t now_ms);

/** A receive of up to `count` messages, sent at started_ms to wait until ends_ms, will not be
 *  answered. */
void unseen_lose(unseen_t *unseen, size_t count, uint64_t started_ms, uint64_t ends_ms);

/** The service answered something: it does not stand still now. */
void unseen_answered(unseen_t *unseen, uint64_t now_ms, uint64_t visibility_ms);

/** Forgets what is over. */
void unseen_expire(unseen_t *unseen, uint64_t now_ms, uint64_t visibility_ms);

/** When unseen_expire next forgets something; UINT64_MAX: nothing is noted. */
uint64_t unseen_due_ms(const unseen_t *unseen);

#endif

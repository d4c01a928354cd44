/* polls.h - how many polls at once?
 *
 * A quiet queue needs one: it waits at the service, and a message ends it at once.  A full queue
 * needs many: each brings 16 messages and then costs a way to the service and back.  What the
 * replies bring says which it is:
 *
 *     reply             polls wanted
 *     full              twice as many, up to `most`: there is more where it came from
 *     half full         as before: between the two it must not swing
 *     less              one fewer, after as many such replies as there are polls: about a round
 *     empty, failed     half
 *     throttled         `least`
 *
 * After a full reply the next polls need not wait at the service: there is something to fetch, or
 * an empty reply says at once that there is not.  That keeps short how long a poll whose answer is
 * lost may still take messages.
 *
 * No clock, no memory, no I/O: a few numbers that the queue source feeds. */
#ifndef BRIDGE_POLLS_H
#define BRIDGE_POLLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct polls {
    uint32_t least, most;
    uint32_t wanted; /**< how many to have under way: least … most */
    uint32_t scant;  /**< replies in a row that were less than half full */
    bool backlog;    /**< the last reply was full */
} polls_t;

/** Begins with `least`.  1 <= least <= most. */
void polls_init(polls_t *polls, uint32_t least, uint32_t most);

/** A reply brought `count` of the `asked` messages; 0: it was empty. */
void polls_replied(polls_t *polls, size_t count, size_t asked);
/** A poll failed: until it is known why, fewer are at stake. */
void polls_failed(polls_t *polls);
/** The service wants fewer requests. */
void polls_throttled(polls_t *polls);

#endif

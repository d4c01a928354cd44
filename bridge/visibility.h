/* visibility.h - until when is a received message ours alone?
 *
 * MNS says it in its own clock: NextVisibleTime.  Comparing that with the clock of this machine
 * fails when the two differ: a minute ahead, and every message looks lapsed and is thrown back for
 * ever.  So the difference is learned from the messages themselves.
 * A message that is received for the first time states that moment in both clocks:
 *
 *     service's clock    FirstDequeueTime
 *     our clock (mono)   the reply came a little later
 *
 * The smallest (ours - theirs) seen lately is the difference plus the shortest way of a reply.  A
 * reply that lay in a socket while this process stood still gives a larger one, and its messages
 * are found to be as old as they are.  The smallest is kept over two windows of a minute, so that
 * drift and corrections of either clock are followed.  As long as every message has been received
 * before, a message is taken to be fresh and the timeout to be the last known, at first MNS's
 * default.  That errs towards publishing: a late delete fails harmlessly, and the broker drops the
 * repeat. */
#ifndef BRIDGE_VISIBILITY_H
#define BRIDGE_VISIBILITY_H

#include <stdint.h>

typedef struct visibility {
    int64_t timeout_ms;          /**< the queue's VisibilityTimeout */
    int64_t least, least_before; /**< our clock minus the service's, this window and the last */
    uint64_t window_ends_ms;
} visibility_t;

void visibility_init(visibility_t *visibility);

/** Takes what one message says.  Any numbers may come; nonsense ones are ignored.
 *  @param now_ms  monotonic, when its reply was handled. */
void visibility_learn(visibility_t *visibility, uint64_t now_ms, int64_t first_dequeue_ms,
                      int64_t next_visible_ms, uint32_t dequeue_count);

/** Takes the queue's own word; nonsense is ignored. */
void visibility_set_timeout(visibility_t *visibility, int64_t timeout_s);

/** @return the service's time at our now_ms, or 0 while the difference is unknown. */
int64_t visibility_service_ms(const visibility_t *visibility, uint64_t now_ms);

/** @return the monotonic time at which the message shows again to others; call visibility_learn
 *          with it before. */
uint64_t visibility_deadline_ms(const visibility_t *visibility, uint64_t now_ms,
                                int64_t next_visible_ms);

#endif

/* queue_source.h - one MNS queue: what is being polled, what is in hand, what is to be deleted.
 *
 *     MNS --BATCH_RECEIVE x polls--> waiting --(publish.c)--> sent --> acked --BATCH_DELETE--> gone
 *
 * The service counts a message from its receive until it is deleted or its visibility ends, and
 * throttles who leaves too many.  So, whatever fails:
 *
 *     slots in hand                                from the reply that brought the message until
 *                                                  its delete is confirmed or its handle is dead
 *   + what each poll under way asks for            until it is answered, also while it hangs
 *   + unseen: what lost polls may have taken       until one visibility timeout after the service
 *                                                  is known to be done with them
 *             what was given up (lapsed before it  until its visibility ends
 *             was published, deletes that failed,
 *             an extension of unknown fate)
 *   <= `undeleted`, or nothing is polled
 *
 * and over any second up to now, received - deleted stays below what the service bears (pace.h).
 * A delete of unknown fate, and the failed part of one, is tried again and counts on; a poll counts
 * as lost unless its answer says that nothing was taken.  All times are as late as they may be.
 *
 * So a stalled broker stops the receiving by itself, as do messages that wait for room at the
 * publisher.  Only an acknowledgement, or the source's own filter, leads to a delete.
 *
 * How many polls: as many as the backlog calls for (polls.h).  After a failure, but for one or two
 * in a row, the source is down: one poll that does not wait probes it, further and further apart,
 * and asks for one message when that has failed for a while.  When the service refuses requests as
 * too many, receiving pauses as long as it asks, and begins again with few polls; deletes go on. */
#ifndef BRIDGE_QUEUE_SOURCE_H
#define BRIDGE_QUEUE_SOURCE_H

#include "source.h"

/** @return SL_OK, SL_EINVAL (the MNS client takes no such endpoint, or there are no keys),
 *          SL_ENOMEM. */
sl_err queue_source_create(source_t **out, const source_options_t *options,
                           source_shared_t *shared);

#endif

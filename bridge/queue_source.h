/* queue_source.h - one MNS queue: what is being polled, what is in hand, what is to be deleted.
 *
 *     MNS --BATCH_RECEIVE x polls--> waiting --(publish.c)--> sent --> acked --BATCH_DELETE--> gone
 *
 * Two bounds make a stalled broker stop the receiving by itself: nothing is polled while messages
 * wait for room at the publisher, and in hand + 16 for each poll under way stays within
 * `undeleted`.  Only an acknowledgement, or the source's own filter, leads to a delete.
 *
 * After a failure the source is down: one poll that does not wait probes it, further and further
 * apart, and the full number starts when that is answered. */
#ifndef BRIDGE_QUEUE_SOURCE_H
#define BRIDGE_QUEUE_SOURCE_H

#include "source.h"

/** @return SL_OK, SL_EINVAL (the MNS client takes no such endpoint, or there are no keys),
 *          SL_ENOMEM. */
sl_err queue_source_create(source_t **out, const source_options_t *options,
                           source_shared_t *shared);

#endif

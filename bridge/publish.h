/* publish.h - from message to broker: decode, filter, send, and take the broker's answers.
 *
 *     waiting --decode--> event ------------> sent --OK------> done (deleted from MNS)
 *                 |          +-- not listed --------------------^
 *                 +-> dead letter ----------> sent --REFUSED--> waiting, as dead letter Refused or
 *                                                               TooLarge; refused again: left in
 * MNS
 *
 * One publisher serves all sources: a batch per topic then holds events of all of them, and MNS
 * keeps no order that a publisher of each source could preserve.  When it is full, messages wait in
 * their sources, and the sources stop receiving.
 *
 * When to send a batch that is not full: under load, after `linger`, which is where cheap batches
 * come from; at once when MNS has no more (no full reply this turn) and nothing is unacknowledged.
 */
#ifndef BRIDGE_PUBLISH_H
#define BRIDGE_PUBLISH_H

#include "options.h"
#include "source.h"

#include <sluice.h>

typedef struct publish {
    source_shared_t *shared;
    decoder_t *decoder;
    sluice_pub_t *pub;
    uint64_t sent, receipts; /**< events, since the start */
    uint64_t flushed;        /**< of `sent`, those that are in a batch on its way */
    bool full;               /**< the last send found no room */
} publish_t;

/** Prepares a zeroed publish_t.  @return SL_OK, SL_EINVAL (no such endpoint), SL_ENOMEM, SL_EIO.
 *  Call publish_fini either way. */
sl_err publish_init(publish_t *publish, const bridge_options_t *options, source_shared_t *shared);
void publish_fini(publish_t *publish);

/** Publishes what waits in a source, at most `most` messages.  @return how many it took. */
size_t publish_take(publish_t *publish, source_t *source, size_t most);

/** Sends batches that are due and takes the broker's answers.  The turn's last call on the
 *  publisher: its descriptor tells of what comes after this only.  @return the work done. */
size_t publish_turn(publish_t *publish);

static inline uint64_t publish_pending(const publish_t *publish)
{
    return publish->sent - publish->receipts;
}

#endif

/* pub_batch.h - events of one topic that travel together.
 *
 *     body   event event event ...      shared with libzmq, which sends it from where it lies
 *     ends   |-------^-----^-----^      }
 *     ids    16 bytes each              } one block, in the order of the events
 *     users  a token each               }
 *
 * An event is copied once, into the body.  A batch may be sent several times, and cut in two while
 * libzmq still holds the whole body: what was handed out is never written to again.
 *
 * A batch that is done with is kept for the next one, unless libzmq still has its body: so a
 * publisher that has found its pace allocates nothing. */
#ifndef CLIENT_PUB_BATCH_H
#define CLIENT_PUB_BATCH_H

#include "base/buf.h"
#include "topic_map.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct pub_body pub_body_t;

typedef struct pub_batch {
    struct pub_batch *next, *prev; /**< while it forms; in the window only next */
    topic_key_t *topic;            /**< borrowed */
    pub_body_t *body;
    uint32_t len, count, cap; /**< bytes in the body; events; events there is room for */
    void **users;             /**< cap of each; one block, users at its front */
    uint8_t *ids, *ends;
    uint64_t started_ns; /**< when the first event came */
    uint32_t sends;      /**< times it was sent */
    bool queued;         /**< it stands in line */
} pub_batch_t;

enum { PUB_SPARE_BYTES_MAX = 4 * 1024 * 1024 }; /**< kept; what was more in bad times goes back */

/** Batches to be used again.  All zeros is none. */
typedef struct pub_spare {
    pub_batch_t *first; /**< linked by next; the last one that came */
    size_t bytes;
} pub_spare_t;

/** A spare one, or a new one.
 *  @param bytes, events  room to begin with.  @return NULL: no memory. */
pub_batch_t *pub_batch_create(pub_spare_t *spare, topic_key_t *topic, size_t bytes,
                              uint32_t events);
/** It is done with: spare, or gone. */
void pub_batch_release(pub_spare_t *spare, pub_batch_t *batch);
void pub_spare_fini(pub_spare_t *spare);

/** Appends one event.  The batch may not have been sent.  @return SL_OK; SL_ENOMEM (the batch is as
 * it was). */
sl_err pub_batch_add(pub_batch_t *batch, const void *event, size_t len, const uint8_t *id,
                     void *user);

/** Cuts a batch of two events or more: it keeps the first half.
 *  @return the second half; NULL: no memory, the batch is as it was. */
pub_batch_t *pub_batch_split(pub_spare_t *spare, pub_batch_t *batch);

/** Sends PUB with this number.
 *  @param scratch  room for the header, kept from one to the next.
 *  @return SL_OK; SL_EAGAIN; SL_ECLOSED; SL_EIO; SL_ENOMEM: nothing was sent. */
sl_err pub_batch_send(pub_batch_t *batch, void *socket, uint64_t request, sl_buf_t *scratch);

#endif

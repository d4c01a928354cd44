/* slots.h - the messages in hand: received from MNS and not yet deleted there.
 *
 *     WAITING --> SENT --> ACKED --> DELETING --> (free)
 *        |         | refused           | failed: back to ACKED
 *        |         +--> WAITING, as a dead letter; refused again: LEFT
 *        +--> (free)  its visibility lapsed: it will come again; by way of LAPSING, and perhaps
 * back |            from there, while an extension is under way
 *        +--> ACKED   the source's Events do not list it
 *
 * A slot is in one list at a time, except SENT, which only the publisher's token leads to.  Slots
 * and their buffers are kept and used again: after a while nothing here allocates. */
#ifndef BRIDGE_SLOTS_H
#define BRIDGE_SLOTS_H

#include "base/buf.h"
#include "decode/decode.h"

typedef enum {
    SLOT_FREE,
    SLOT_WAITING,  /**< to be decoded and handed to the publisher */
    SLOT_SENT,     /**< the publisher has it */
    SLOT_ACKED,    /**< the broker has it: may be deleted */
    SLOT_DELETING, /**< a delete request is under way */
    SLOT_LEFT,     /**< refused even as a dead letter: stays in MNS, counts until it shows again */
    SLOT_LAPSING,  /**< its time is up, unless the extension under way is granted */
} slot_state_t;

struct source;

typedef struct slot {
    struct slot *next;
    struct source *source;
    slot_state_t state;
    uint64_t deadline_ms;     /**< monotonic: when MNS shows it to others again, less the margin */
    uint64_t visible_ms;      /**< the same without the margin; while unsure, as late as may be */
    decode_message_t message; /**< points into `bytes` */
    const char *handle;       /**< likewise */
    event_reason_t refused;   /**< why the broker did not take it; NONE: it was not asked yet */
    const char *refused_code; /**< the broker's own word; static */
    struct push *push;        /**< the request that waits for its end: a push source's; or NULL */
    struct slot_ring *ring;   /**< the one it is in, beside any list; NULL: none */
    struct slot *before, *after; /**< in that */
    struct {                     /**< its visibility's extension: a queue's, see queue_extend.c */
        bool under_way;          /**< a request is */
        bool unsure;             /**< the fate of one is unknown: the handle may be dead */
        bool refused;            /**< no use trying again */
    } extend;
    sl_buf_t bytes;
} slot_t;

typedef struct slot_list {
    slot_t *head, *tail;
    size_t count;
} slot_list_t;

void slot_list_push(slot_list_t *list, slot_t *slot);
void slot_list_push_front(slot_list_t *list, slot_t *slot);
/** @return the first, or NULL. */
slot_t *slot_list_pop(slot_list_t *list);

/** Slots that are taken out from anywhere. */
typedef struct slot_ring {
    slot_t *head, *tail;
    size_t count;
} slot_ring_t;

void slot_ring_push(slot_ring_t *ring, slot_t *slot);
/** Before `next`, which is in it; NULL: as the last. */
void slot_ring_insert(slot_ring_t *ring, slot_t *slot, slot_t *next);
/** Takes it out of its ring, if it is in one. */
void slot_ring_remove(slot_t *slot);

typedef struct slot_pool {
    slot_list_t free;
    struct slot_slab *slabs;
} slot_pool_t;

/** @return a slot in state WAITING that holds copies of what these point to, or NULL without
 * memory. */
slot_t *slot_take(slot_pool_t *pool, struct source *source, const decode_message_t *message,
                  const char *handle);
/** Puts another handle in the place of the old, which then is gone.  @return false without memory:
 *  nothing changed. */
bool slot_set_handle(slot_t *slot, const char *handle);
/** Gives a slot back, in whatever state. */
void slot_give(slot_pool_t *pool, slot_t *slot);
/** Frees all, also those not given back. */
void slot_pool_fini(slot_pool_t *pool);

#endif

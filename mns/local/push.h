/* push.h - messages on their way to HTTP endpoints, and what becomes of them.
 *
 *     publish ──> ready: a FIFO ── a slot is free ──> under way ── 2xx ──> gone
 *                   ↑                                    │
 *                   └── due ── waiting: a heap by time <─┴─ anything else ── after the last ──>
 * dead
 *
 * Each subscription has a lane of its own with these three.  A slot, of which there are as many as
 * there may be pushes under way, goes to the lanes in turn, and so that an endpoint that fails or
 * hangs does not hold up the others:
 *
 * - a lane has a window, how many slots it may hold: it grows by one with each success up to three
 *   quarters of all, and halves with each failure;
 * - lanes whose last push failed are sick, and hold half of all slots at most, together.
 *
 * Nothing here is worse than O(log n) a push, whatever waits.  Signing is slow, so a turn starts
 * pushes for a bounded time.  One thread owns all of it, the server's. */
#ifndef LOCAL_PUSH_H
#define LOCAL_PUSH_H

#include "box.h"
#include "courier.h"
#include "envelope.h"
#include "fault.h"
#include "queue.h"

typedef struct pushes pushes_t;
typedef struct push_lane push_lane_t;

/** One push, as others see it. */
typedef struct push_view {
    uint64_t number; /**< unique in the store's life; 0 in pushes_add: a new one */
    const char *message_id, *tag;
    uint64_t publish_ms;
    const void *body;
    size_t body_len;
    uint32_t failures; /**< so far */
    uint64_t due_ms;   /**< when it is tried next; 0, or past: as soon as may be */
} push_view_t;

typedef void push_fn(void *ctx, const subscription_t *subscription, const push_view_t *push);

/** Borrowed until destroy. */
typedef struct pushes_options {
    courier_options_t courier; /**< but for on_back and ctx */
    queue_store_t *store;      /**< time, ids, and the memory that pushes share with messages */
    faults_t *faults;          /**< what befalls pushes: operation Push, by topic */
    const sl_clock_t *clock;   /**< how long a turn has been starting pushes */
    uint64_t time_scale;       /**< waits between tries are so many times shorter */
    /* For who keeps pushes beyond the process; NULL: nobody.  Not called by pushes_destroy, nor for
     * a push that is added with a number. */
    push_fn *on_change; /**< one was added, or has failed and waits */
    push_fn *on_gone;   /**< one was delivered, given up or cancelled */
    void *ctx;
} pushes_options_t;

/** @return as courier_create. */
sl_err pushes_create(pushes_t **out, const pushes_options_t *options);
/** Cuts and forgets all. */
void pushes_destroy(pushes_t **pushes);

/** Adds a push for this subscription, whose endpoint is HTTP.  What is pointed to is copied.
 *  @return SL_OK, SL_ENOMEM, SL_ELIMIT (the store's memory is full). */
sl_err pushes_add(pushes_t *pushes, subscription_t *subscription, const push_view_t *push);

/** The subscription ends: cuts and forgets its pushes. */
void pushes_cancel(pushes_t *pushes, subscription_t *subscription);

/** Does what is due: pushes that waited become ready, ready ones start. */
void pushes_turn(pushes_t *pushes);
/** ms until pushes_turn has something to do by itself; UINT64_MAX: nothing. */
uint64_t pushes_next_ms(const pushes_t *pushes);

/** As courier_fd and courier_turn. */
int pushes_fd(const pushes_t *pushes);
void pushes_on_ready(void *pushes);

/** As courier_certificate. */
const char *pushes_certificate(pushes_t *pushes);

/** Calls fn for every push that is pending, a subscription's oldest not necessarily first. */
void pushes_walk(const pushes_t *pushes, push_fn *fn, void *ctx);

typedef struct push_stats {
    uint64_t delivered, failures; /**< tries */
    uint64_t dead, cancelled;     /**< pushes */
    size_t pending, under_way;
} push_stats_t;
void pushes_stats(const pushes_t *pushes, push_stats_t *stats);

/** Pushes that exhausted their retries, as /local/dead shows them. */
box_t *pushes_dead(pushes_t *pushes);
/** Appends what /local/pushes shows. */
void pushes_write(const pushes_t *pushes, sl_buf_t *out);

#endif

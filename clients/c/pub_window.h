/* pub_window.h - which request is next, and which batch does an answer mean?
 *
 *     head                    unsent                  tail
 *      |  sent, no answer yet   |  waiting for room     |
 *      5        6        7      8 ...
 *      ^ head_request
 *
 * Requests count up by one from HELLO, and nothing leaves the queue but at its head; so a batch's
 * number is its place, and cutting a batch in two renumbers all that follows without a word.
 *
 * After a NAK the broker refuses all that follows (NAK ORDER) until the refused number comes again.
 * `stale` counts those refusals that are still under way: they are about what has been taken back
 * already, and must not take it back once more.  No sockets here. */
#ifndef CLIENT_PUB_WINDOW_H
#define CLIENT_PUB_WINDOW_H

#include "pub_batch.h"

typedef struct pub_window {
    pub_batch_t *head, *tail, *unsent;
    uint64_t head_request;
    uint32_t in_flight; /**< sent and without an answer */
    uint32_t size;      /**< of them at most */
    uint32_t stale;
} pub_window_t;

void pub_window_init(pub_window_t *window);

void pub_window_push(pub_window_t *window, pub_batch_t *batch);

/** A new HELLO: nothing is sent, numbers begin at 1. */
void pub_window_restart(pub_window_t *window, uint32_t size);

/** What to send next and under which number.  @return NULL: nothing, or no room. */
pub_batch_t *pub_window_next(const pub_window_t *window, uint64_t *request);
/** It was sent. */
void pub_window_sent(pub_window_t *window);

/** Puts `batch` behind the next one to send. */
void pub_window_insert_after_next(pub_window_t *window, pub_batch_t *batch);

/** Is this request sent and without an answer? */
bool pub_window_has(const pub_window_t *window, uint64_t request);

/** Takes the head off; it may not be sent (refused by us) or must be answered. */
pub_batch_t *pub_window_pop(pub_window_t *window);

/** This request was refused: it and all that follows are not sent.  pub_window_has(request). */
void pub_window_rewind(pub_window_t *window, uint64_t request);

/** A NAK came.  @return it is one of the stale ones, and done with. */
bool pub_window_stale_nak(pub_window_t *window);

#endif

/* answer.h - when, and how whole, an answer goes out.
 *
 *     call.c ── answer_send ──┬─ held until what it tells of is on disk ──┐
 *                             └─────────────────────────────────────────┤
 *                             ┌─────────────────────────────────────────┘
 *                             ├──────────────────────────> the wire
 *                             ├─ held for a while ──────> the wire      (fault: delay)
 *                             ├─ held for good                          (fault: hang)
 *                             └─ half of it, or none, and an end        (faults: half, reset)
 *
 * An operation knows nothing of this: what is to befall a call is noted under its request before
 * the operation runs, and looked up when the answer comes, at once or after a long poll. */
#ifndef LOCAL_ANSWER_H
#define LOCAL_ANSWER_H

#include "fault.h"
#include "heap.h"
#include "http/server.h"

#include <stdbool.h>
#include <stdint.h>

enum { REQUEST_ID_LEN = 24 };

/** What a request that is not answered yet waits in, as the request's user pointer; the first
 *  member of a larger struct. */
typedef struct parked {
    /** The client hung up: forget the request, free this. */
    void (*on_gone)(struct parked *parked);
} parked_t;

/** An answer; it owns `location` and `body`. */
typedef struct answer {
    unsigned status;
    char id[REQUEST_ID_LEN + 1];
    char *location;         /**< or NULL */
    unsigned retry_after_s; /**< 0: not said */
    sl_buf_t body;
} answer_t;

typedef struct held held_t;
typedef struct plan plan_t;

/** Owned by the server's thread, like all here. */
typedef struct answers {
    struct disk *disk; /**< borrowed; NULL: nothing waits for it */
    held_t *unsaved;   /**< in the order in which they were given */
    heap_t due;        /**< held answers, by when they go out */
    plan_t *plans;     /**< hash by request */
} answers_t;

void answers_fini(answers_t *answers);

/** Notes what is to befall the answer to this request.  @return SL_OK, SL_ENOMEM. */
sl_err answers_plan(answers_t *answers, http_request_t *request, const fault_t *fault);
/** Is that to befall it?  What is noted, or NULL. */
const fault_t *answers_planned(const answers_t *answers, const http_request_t *request,
                               fault_action_t action);

/** Sends an answer, or holds it, as planned.  Takes what *answer owns. */
void answers_send(answers_t *answers, http_request_t *request, answer_t *answer, uint64_t now_ms);
/** Leaves a request without an answer until its client hangs up. */
void answers_hang(answers_t *answers, http_request_t *request);
/** The client of a request that is not answered hung up. */
void answers_gone(answers_t *answers, http_request_t *request);

/** The disk has committed what answers waited for.
 *  @param spoil  NULL, or makes an answer tell of the failure instead. */
void answers_settle(answers_t *answers, void (*spoil)(void *ctx, answer_t *answer), void *ctx,
                    uint64_t now_ms);

/** Sends what is due by now. */
void answers_turn(answers_t *answers, uint64_t now_ms);
/** When the next one is due; UINT64_MAX: none is. */
uint64_t answers_due_ms(const answers_t *answers);

#endif

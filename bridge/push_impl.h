/* push_impl.h - what push_source.c (life and turn), push_judge.c (from request to slot) and
 * push_answer.c (from slot to reply) share. */
#ifndef BRIDGE_PUSH_IMPL_H
#define BRIDGE_PUSH_IMPL_H

#include "http/server.h"
#include "push_source.h"

#include <mns/push.h>

enum {
    PUSH_HEADERS_MAX = 128,
    /** MNS takes bodies of 64 KiB; escaped in an envelope a byte becomes six at most. */
    PUSH_BODY_MAX = 512 << 10,
    /** Why a push is refused: a verdict, or this. */
    PUSH_FOREIGN_OWNER = MNS_PUSH_COUNT,
    PUSH_REFUSAL_COUNT,
};

/** One push, from its request until its answer. */
typedef struct push {
    struct push_source *source;
    http_request_t *request;
    slot_t *slot; /**< NULL: it waits for the certificate */
    uint64_t deadline_ms;
    bool counted; /**< as one that waits for the certificate */
    struct push *prev, *next;
} push_t;

typedef struct push_source {
    source_t base; /**< first: a source_t of ours is one of these */
    http_server_t *server;
    mns_push_verifier_t *verifier;
    push_t *open; /**< not answered, in order of deadline: the time is the same for all */
    size_t open_count, without_slot;    /**< all of these; those that wait for the certificate */
    size_t work;                        /**< requests of this turn */
    uint64_t certificate_down_until_ms; /**< a push did without one lately; 0: none did */
    uint64_t certificates;              /**< that the verifier keeps, when last looked at */
    sl_buf_t down_text;
    mns_push_header_t headers[PUSH_HEADERS_MAX]; /**< of the request being judged */
    size_t header_count;                         /**< more than the maximum: they do not fit */

    counter_t counters[PUSH_COUNTER_COUNT];
    counter_t forged[PUSH_REFUSAL_COUNT];
    counter_set_t forged_sets[PUSH_REFUSAL_COUNT];
    sl_buf_t forged_labels[PUSH_REFUSAL_COUNT];
} push_source_t;

static inline push_source_t *push_source_of(source_t *source)
{
    return (push_source_t *)source;
}

static inline void push_count(push_source_t *p, int counter)
{
    counter_add(&p->counters[counter], 1);
}

/* -- push_judge.c: callbacks of the server ------------------------------------------------- */

void push_on_head(void *ctx, http_request_t *request);
void push_on_request(void *ctx, http_request_t *request);

/** Judges those again that wait for the certificate. */
void push_judge_waiting(push_source_t *p);

/** The name of a refusal, for counters and logs. */
const char *push_refusal_name(int refusal);

/* -- push_source.c ------------------------------------------------------------------------- */

/** A push's certificate could not be had. */
void push_certificate_missed(push_source_t *p);

/* -- push_answer.c ------------------------------------------------------------------------- */

/** @return the push of this request, or NULL without memory. */
push_t *push_open(push_source_t *p, http_request_t *request);

/** Answers and ends a push; its slot, if it has one, goes on without it.
 *  @param text  static; "": no body. */
void push_answer(push_t *push, unsigned status, int counter, const char *text);

/** Refuses it for good, 403.  @param refusal  a verdict, or PUSH_FOREIGN_OWNER. */
void push_refuse(push_t *push, int refusal, const char *cert_url);

/** 503 to those whose time is up. */
void push_answer_overdue(push_source_t *p);

/* Of the server and of the source. */
void push_on_gone(void *ctx, http_request_t *request);
void push_done(slot_t *slot);
void push_left(slot_t *slot);
void push_lapsed(slot_t *slot);
void push_foreign(slot_t *slot);

#endif

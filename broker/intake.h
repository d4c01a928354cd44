/* intake.h - what publishers say, and what they are told.
 *
 * A ROUTER.  Each message is checked from the outside in: frames, version, HELLO, order, sizes,
 * ends, topic; the first thing that does not fit decides the answer.  Every PUB with a readable
 * request number gets exactly one answer, and answers come in the order of the requests, refusals
 * included.  Threads: the sequencer owns it. */
#ifndef BROKER_INTAKE_H
#define BROKER_INTAKE_H

#include "publishers.h"

typedef struct intake_options {
    void *socket; /**< ROUTER, borrowed */
    uint32_t window, max_bytes, max_events, publishers_max;
    uint32_t retry_ms; /**< what refusals advise at first */
    sequencer_t *sequencer;
    counter_t *counters;
} intake_options_t;

typedef struct intake {
    intake_options_t o;
    publishers_t publishers;
    publisher_t *recent; /**< the one the last message came from */
    bool draining;       /**< refuse everything: DRAINING */
    bool busy;           /**< refuse everything: BUSY */
    bool empty;          /**< the last turn read all there was */
    uint32_t retry_ms;   /**< what refusals advise; the owner may raise it */
    sl_buf_t answer;
    zmq_msg_t route, frames[3];
} intake_t;

void intake_init(intake_t *in, const intake_options_t *options);
void intake_fini(intake_t *in);

/** Reads at most `most` messages, and none once `full` says so, except to refuse them (busy). Asked
 * before each message, since one alone may hold max_bytes.  Sets in->empty.  @return how many it
 * read. */
int intake_turn(intake_t *in, int most, bool (*full)(const void *ctx), const void *ctx);

/** The sequencer's callback: the request may be answered. */
void intake_settled(intake_t *in, request_t *r);

/** Sends what may be answered. */
void intake_flush(intake_t *in);

#endif

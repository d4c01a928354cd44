/* query.h - TICK and STATUS, beside the feed.  A ROUTER; threads: the sequencer owns it. */
#ifndef BROKER_QUERY_H
#define BROKER_QUERY_H

#include "feed.h"
#include "intake.h"

typedef struct query_options {
    void *socket; /**< ROUTER, borrowed */
    feed_t *feed;
    intake_t *intake;
    sequencer_t *sequencer;
    journal_t *journal;
    counter_t *counters;
    const char *name, *durability; /**< borrowed */
    uint64_t started_ns, dedup_age_ms;
} query_options_t;

typedef struct query {
    query_options_t o;
    sl_buf_t answer;
    zmq_msg_t route, question;
} query_t;

void query_init(query_t *q, const query_options_t *options);
void query_fini(query_t *q);

/** Answers at most `most` questions.  @return how many messages were read. */
int query_turn(query_t *q, int most);

#endif

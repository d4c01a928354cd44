/* query.h - TICK and STATUS, which only the sequencer knows the answers to.
 *
 * They come from the query service (query_service.h), checked, as [route, question]; the answers go
 * back the same way.  STATUS is a map of which the last pairs are the service's to append.
 *
 * Threads: the sequencer owns it. */
#ifndef BROKER_QUERY_H
#define BROKER_QUERY_H

#include "feed.h"
#include "intake.h"

/** Pairs that the service appends to STATUS's map. */
enum { QUERY_STATUS_MORE = 2 };

typedef struct query_options {
    void *socket; /**< PAIR, the other end is the query service's; borrowed */
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

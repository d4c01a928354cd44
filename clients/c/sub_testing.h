/* sub_testing.h - sub_state.h without its feed: a script says what comes, and what must follow. */
#ifndef CLIENT_SUB_TESTING_H
#define CLIENT_SUB_TESTING_H

#include "sub_state.h"
#include "testing.h"

#include "base/buf.h"

enum { STREAM = 7, BATCH_BYTES = 100 };

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

typedef struct script {
    sub_state_t state;
    uint64_t requests; /* asked for so far; the last one's number */
    wire_parent_t parents[WIRE_PARENTS_MAX];
    uint32_t parent_count; /* in the ticks to come */
} script_t;

int script_setup(void **state, const sub_rules_t *rules);
int script_teardown(void **state);

/* -- what comes ------------------------------------------------------------------------------- */

/** A live batch first … last on the topic.  @return how many of its events are delivered at once.
 */
uint32_t batch(script_t *s, const char *topic, uint64_t prev, uint64_t first, uint64_t last);
uint32_t batch_of(script_t *s, uint64_t stream, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last);
/** The same from a replay. */
uint32_t replayed(script_t *s, uint64_t request, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last);

typedef struct tail {
    const char *topic;
    uint64_t last;
} tail_t;

sl_err tick_of(script_t *s, uint64_t stream, uint64_t next, const tail_t *tails, size_t count,
               bool sync);
/** A tick, or the answer to our sync, with one tail; topic NULL: with none. */
void tick(script_t *s, uint64_t next, const char *topic, uint64_t last);
void sync_answer(script_t *s, uint64_t next, const tail_t *tail);

/** A replay is wished for, of these numbers; it is asked for.  @return its request. */
uint64_t expect_replay(script_t *s, uint64_t after, uint64_t until);
void expect_no_replay(script_t *s);

/* -- what follows ----------------------------------------------------------------------------- */

void expect_lost(script_t *s, const char *topic, uint64_t from, uint64_t to);
void expect_stream(script_t *s, uint64_t stream);
void expect_stream_from(script_t *s, uint64_t stream, uint64_t parent, uint64_t last);
/** What was held is delivered next: events from … to. */
void expect_held(script_t *s, const char *topic, uint64_t from, uint64_t to);
/** No notice, and nothing of what is held. */
void expect_nothing(script_t *s);

#endif

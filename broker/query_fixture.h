/* query_fixture.h - the query service turned by hand: its peers, and the sequencer's end, share the
 * test's thread. */
#ifndef BROKER_QUERY_FIXTURE_H
#define BROKER_QUERY_FIXTURE_H

#include "base/mp.h"
#include "query_service.h"
#include "testing.h"

enum { STREAM = 77, TOPICS = 3, PARTS_MAX = 8, SEND_HWM = 16, REPLAYS_MAX = 6, OF_A_PEER = 3 };

/* An answer, taken apart.  LOST, DONE and the like are decoded by who wants them. */
typedef struct reply {
    uint8_t data[PARTS_MAX][1 << 16];
    size_t len[PARTS_MAX];
    int parts;
    wire_query_t msg;
    wire_feed_header_t header; /* of a BATCH or a TICK */
} reply_t;

typedef struct wish {
    uint64_t request, after, until, credit;
    const char *prefix;
    uint64_t stream;
} wish_t;

extern void *peer, *router;
extern void *far_pair; /**< the sequencer's end */
extern const char *const names[TOPICS + 1];
extern sl_clock_manual_t hand_clock;
extern query_service_t *service;
extern journal_t *journal;
extern reply_t got; /**< what was received last */

/* What the scripted journal does and says. */
extern bool disk_fails;
extern uint64_t scripted_oldest, scripted_oldest_time_ns, scripted_age_ms;

int setup(void **state);
int teardown(void **state);
/** With a memory journal that keeps so much; setup's is large. */
void open_service(size_t journal_bytes);
/** From now on the journal is one that has two holes, or fails. */
void use_scripted_journal(void);

/** A DEALER beside `peer`; teardown closes what is open. */
void *new_peer(int receive_hwm);
void close_peer(void *socket);

/** A batch of events in the journal.  @return its first number. */
uint64_t publish(int topic, uint32_t count, size_t len);
void turns(int count);
uint64_t counted(int counter);

void ask(void *socket, const sl_buf_t *frame);
void ask_plain(void *socket, wire_query_type_t type, uint64_t request);
/** Zero members get what is right: all of it, with all the credit there may be. */
void replay(void *socket, wish_t wish);
void credit(void *socket, uint64_t request, uint64_t bytes);

/** Takes an answer into `got`, if one is there already. */
bool receive_now(void *socket);
/** Turns the service, and the clock, until one comes. */
void receive_on(void *socket);
void expect_silence(void *socket);
void expect_batch(void *socket, uint64_t request, uint64_t first);
void expect_done(void *socket, uint64_t request, uint64_t upto);
void expect_lost(void *socket, uint64_t from, uint64_t to, wire_lost_reason_t reason);
void expect_error(void *socket, uint64_t request, wire_code_t code);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

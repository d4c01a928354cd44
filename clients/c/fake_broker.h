/* fake_broker.h - a broker's feed and query sockets that say what a test tells them to, and the
 * subscriber under test.  All in the test's thread: whoever waits for one side drives the other. */
#ifndef CLIENT_FAKE_BROKER_H
#define CLIENT_FAKE_BROKER_H

#include "testing.h"

#include "wire/feed.h"
#include "wire/query.h"
#include "wire/topic.h"

enum { STREAM = 7, SUBSCRIPTIONS_MAX = 32 };

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

typedef struct fake {
    void *context, *xpub, *router;
    char endpoint[64], query_endpoint[64];
    sluice_sub_t *sub;
    char sync[WIRE_SYNC_TOPIC_LEN + 1];     /* of the last subscriber that came */
    char subscribed[SUBSCRIPTIONS_MAX][64]; /* in the order in which they came */
    size_t subscribed_count;
    wire_parent_t parents[WIRE_PARENTS_MAX]; /* that ticks name */
    uint32_t parent_count;
    sluice_item_t item;

    uint8_t peer[16]; /* who asked last */
    size_t peer_len;
    zmq_msg_t question;
    wire_query_t asked;
} fake_t;

/** For cmocka: *state becomes a fake_t.  Over inproc a message is there as soon as it is sent. */
int fake_setup(void **state);
int fake_setup_inproc(void **state);
int fake_teardown(void **state);

#define TEST(name)        cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
#define TEST_INPROC(name) cmocka_unit_test_setup_teardown(name, fake_setup_inproc, fake_teardown)

/* -- the subscriber --------------------------------------------------------------------------- */

/** Creates it; endpoints are filled in. */
void fake_subscribe(fake_t *f, sluice_sub_options_t options, const char *const *patterns);
/** And answers its sync: `next` is the next number, the tail one topic's last, or NULL. */
void fake_join(fake_t *f, sluice_sub_options_t options, uint64_t next, const char *topic,
               uint64_t last);

const sluice_item_t *expect(fake_t *f, sluice_item_kind kind);
void expect_event(fake_t *f, const char *topic, uint64_t number);
void expect_lost(fake_t *f, const char *topic, uint64_t from, uint64_t to);
void expect_err(fake_t *f, sluice_err err);
/** Nothing to be had, now that it was driven for a while. */
void expect_silence(fake_t *f);
sluice_sub_stats_t stats(fake_t *f);

/* -- the feed --------------------------------------------------------------------------------- */

void fake_bind_feed(fake_t *f);
/** Drives the subscriber while waiting for its subscriptions, up to the sync topic. */
void await_sync(fake_t *f);
void await_joined(fake_t *f);

/** Events "\x81\xa1n<number>", first … last. */
void put_batch(fake_t *f, const char *topic, uint64_t prev, uint64_t first, uint64_t last);
void put_batch_of(fake_t *f, uint64_t stream, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last);
void put_tick(fake_t *f, uint64_t next, const char *topic, uint64_t last);
void put_tick_of(fake_t *f, uint64_t stream, const char *on, uint64_t next, const char *topic,
                 uint64_t last);

/* -- the query side --------------------------------------------------------------------------- */

void fake_bind_query(fake_t *f);
/** Drives the subscriber until it asks something of this type, which stays in f->asked. */
void expect_question(fake_t *f, wire_query_type_t type);
/** A REPLAY of these numbers.  @return its request. */
uint64_t expect_replay(fake_t *f, uint64_t after, uint64_t until);
/** Nothing is asked, though it may be. */
void expect_no_question(fake_t *f);

/** Answers a FIND: the oldest there is begins behind `after`. */
void answer_found(fake_t *f, uint64_t since_ns, uint64_t after, uint64_t next, uint64_t taken);

/** Answers to who asked last: a buffer with one frame, which is freed. */
void answer(fake_t *f, sl_buf_t *out);
void answer_batch(fake_t *f, uint64_t request, const char *topic, uint64_t prev, uint64_t first,
                  uint64_t last);
/** One that nobody here can read: its header is of `version`, or malformed (0). */
void answer_unreadable(fake_t *f, uint64_t request, const char *topic, uint8_t version);
void answer_lost(fake_t *f, uint64_t request, uint64_t from, uint64_t to, wire_lost_reason_t why);
void answer_done(fake_t *f, uint64_t request, uint64_t upto);
void answer_error(fake_t *f, uint64_t request, wire_code_t code);

#endif

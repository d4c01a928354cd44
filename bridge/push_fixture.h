/* push_fixture.h - for tests: an endpoint that is pushed to over real HTTP, with the loop by hand,
 * a verifier and a broker that do as they are told. */
#ifndef BRIDGE_PUSH_FIXTURE_H
#define BRIDGE_PUSH_FIXTURE_H

#include "bridge_fixture.h"
#include "fake_push.h"
#include "raw_client.h"

#define PATH     "/notifications/5f2c?x=1"
#define ID       "AC10020B0019681A95159E591D100001"
#define SOURCE_T "acs:mns:cn-hangzhou:123456789012:/topics/t"
#define M(name)  name "{source=\"p\"}"

enum { ANSWER_WITHIN_MS = 4500 };

/** fixture_setup, with a push source `p` of the topic `t` as the first. */
int push_setup(void **state);
/** Starts the bridge and lets it hear of the broker. */
void push_start(fixture_t *f);
void push_turn(void *fixture);
void push_advance_ms(fixture_t *f, uint64_t ms);
/** The broker is slow: it acknowledges nothing, and is not taken for dead yet. */
void push_stall_broker(void);

void push_client_open(raw_client_t *c, fixture_t *f);
/** Sends a push.  @param head  more headers, each with its line end. */
void push_say(raw_client_t *c, const char *head, const char *body);
void push_say_event(raw_client_t *c);
/** Pushes on a connection of its own.  @return the answer's status. */
int push_one(fixture_t *f, const char *head, const char *body);
int push_one_event(fixture_t *f);

const fake_event_t *push_last_event(void);
/** The last event has a member of that text. */
void push_assert_member(const char *key, const char *expected);
/** Of every request for the path one thing became. */
void push_assert_books_balance(fixture_t *f);

#endif

/* fixture.h - a broker with real sockets, driven by hand, and peers that speak to it.
 *
 * Broker and peers share the test's thread: whoever waits for something turns the broker meanwhile,
 * so nothing depends on time. */
#ifndef BROKER_FIXTURE_H
#define BROKER_FIXTURE_H

#include "broker.h"
#include "testing.h"

typedef struct fixture {
    broker_t broker;
    broker_options_t options;
    sl_clock_manual_t clock;
    const sl_clock_t *use_clock; /**< &sl_clock_system unless a test says else */
    journal_t *use_journal;      /**< NULL: the memory journal */
    void *context;               /**< the peers' */
    void *peers[256];
    size_t peer_count;
} fixture_t;

/** Sets small, quick options.  Change them, then open. */
void fixture_prepare(fixture_t *f);
void fixture_open(fixture_t *f);
/** Closes the peers, then the broker. */
void fixture_close(fixture_t *f);

void fixture_turn(fixture_t *f);
/** Turns until the counter is at least `value`; fails the test after 20 s. */
void fixture_await(fixture_t *f, int counter, uint64_t value);
uint64_t fixture_count(const fixture_t *f, int counter);
/** Turns until nothing is left to do, for a while of wall time. */
void fixture_settle(fixture_t *f);

/** One multipart message received. */
typedef struct parts {
    uint8_t *data[8];
    size_t len[8];
    size_t count;
} parts_t;

/** Turns the broker until a message is there. */
void fixture_receive(fixture_t *f, void *socket, parts_t *parts);
/** Takes a message if one is there already. */
bool fixture_try_receive(void *socket, parts_t *parts);
void parts_free(parts_t *parts);

/** A bare TCP connection. */
int fixture_tcp(const char *endpoint);

/* -- publishers ------------------------------------------------------------------------------ */

void *fixture_dealer(fixture_t *f, const char *endpoint);
void fixture_send(void *socket, const void *const frames[], const size_t lens[], size_t count);

/** A PUB to send; zero members get what is right. */
typedef struct pub {
    uint64_t request;
    const char *topic;
    uint32_t count;
    size_t len;  /**< bytes of each event */
    uint64_t id; /**< of the first event, counting up; 0: nil */
} pub_t;

void publisher_hello(fixture_t *f, void *dealer);
/** A dealer at the intake that said HELLO. */
void *fixture_publisher(fixture_t *f);
void publisher_send(void *dealer, const pub_t *pub);
/** Receives an answer and decodes it; for a WELCOME, an ACK or a NAK. */
wire_intake_t publisher_answer(fixture_t *f, void *dealer);
void publisher_expect_ack(fixture_t *f, void *dealer, uint64_t request, uint64_t first,
                          uint64_t last, uint32_t duplicates);
void publisher_expect_nak(fixture_t *f, void *dealer, uint64_t request, wire_nak_t code);

/* -- subscribers ----------------------------------------------------------------------------- */

void *fixture_subscriber(fixture_t *f, const char *prefix);
void subscriber_subscribe(void *sub, const void *topic, size_t len);

/** A feed message, decoded and found good. */
typedef struct message {
    parts_t parts;
    wire_feed_header_t header;
    char topic[WIRE_TOPIC_MAX + 1];
} message_t;

void subscriber_receive(fixture_t *f, void *sub, message_t *m);
/** Receives until a message on the topic comes. */
void subscriber_await(fixture_t *f, void *sub, const char *topic, message_t *m);
/** Subscribes to a sync topic and waits for the answer: everything before is in force. */
void subscriber_join(fixture_t *f, void *sub, message_t *m);
/** Reads what comes until nothing comes any more. */
void subscriber_drain(fixture_t *f, void *sub);
void message_free(message_t *m);
/** The tail of a topic in a tick; 0: it is not there. */
uint64_t message_tail(const message_t *m, const char *topic);

#endif

/* fake_intake.h - a broker's intake that says what a test tells it to, and the publisher under
 * test. */
#ifndef CLIENT_FAKE_INTAKE_H
#define CLIENT_FAKE_INTAKE_H

#include "testing.h"

#include "wire/feed.h"
#include "wire/intake.h"

enum { RECEIPTS_MAX = 8192, PEER_MAX = 16 };

typedef struct fake {
    void *context, *router;
    char endpoint[64];
    sluice_pub_t *pub;
    uint8_t peer[PEER_MAX]; /* who spoke last */
    size_t peer_len;
    zmq_msg_t frames[3]; /* what it said */
    int frame_count;
    wire_intake_t said;
    sluice_receipt_t receipts[RECEIPTS_MAX];
    size_t receipt_count, resend_in_receipt;
} fake_t;

/** For cmocka: *state becomes a fake_t.  Over inproc a message is there as soon as it is sent. */
int fake_setup(void **state);
int fake_setup_inproc(void **state);
int fake_teardown(void **state);

#define TEST(name)        cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
#define TEST_INPROC(name) cmocka_unit_test_setup_teardown(name, fake_setup_inproc, fake_teardown)

/* -- the publisher ---------------------------------------------------------------------------- */

/** Creates it; endpoint and receipts are filled in. */
void fake_start(fake_t *f, sluice_pub_options_t options);
/** And welcomes it, with this window, 1000 bytes and 100 events at most. */
void fake_start_ready(fake_t *f, sluice_pub_options_t options, uint32_t window);

/** Sends one event on a topic; or one on "a.b" in a request of its own. */
void fake_send_text(fake_t *f, const char *topic, const char *text, intptr_t user);
void fake_send_alone(fake_t *f, const char *text, intptr_t user);

sluice_pub_stats_t fake_stats(fake_t *f);

/** Drives the publisher until there are this many receipts in all; looks at one of them. */
void fake_expect_receipts(fake_t *f, size_t count);
void fake_expect_receipt(fake_t *f, size_t i, intptr_t user, sluice_err err, const char *code);

/* -- the broker ------------------------------------------------------------------------------- */

/* What the publisher says next.  It is driven meanwhile; the message stays in f->said, f->frames.
 */
void fake_expect_hello(fake_t *f);
/** A request of this number, topic and bytes, whatever its cuts. */
void fake_expect_pub(fake_t *f, uint64_t request, const char *topic, const char *body);
/** Nothing, though it may. */
void fake_expect_silence(fake_t *f);

/* Answers to who spoke last. */
void fake_welcome(fake_t *f, uint32_t window, uint32_t max_bytes, uint32_t max_events);
void fake_ack(fake_t *f, uint64_t request, uint32_t accepted, uint32_t duplicates);
void fake_nak(fake_t *f, uint64_t request, wire_nak_t code, uint32_t retry_ms);

#endif

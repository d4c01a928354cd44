/* local_fixture.h - for tests: a server in the test's own thread, on a free port, with a clock that
 * the test moves, and a client that signs. */
#ifndef LOCAL_FIXTURE_H
#define LOCAL_FIXTURE_H

#include "local.h"
#include "raw_client.h"

#define TEST_DATE "Mon, 01 Jun 2026 12:00:00 GMT" /* what the clock says at first */
enum { TEST_DATE_S = 1780315200 };

typedef struct fixture {
    local_t *local;
    local_options_t options;
    sl_clock_manual_t clock;
    raw_client_t client;
} fixture_t;

/** For cmocka_unit_test_setup_teardown. */
int fixture_setup(void **state);
/** The same with options of the test's own; what every server needs is filled in. */
int fixture_setup_with(void **state, local_options_t options);
int fixture_teardown(void **state);

/** Another server with f->options in place of this one, which ends in good order. */
void fixture_restart(fixture_t *f);

/** Another connection; raw_close it. */
void fixture_connect(fixture_t *f, raw_client_t *client);

/** Moves time; what is due happens in the server's next turn. */
void fixture_pass_ms(fixture_t *f, uint64_t ms);

/** One request, right in all that is NULL. */
typedef struct asking {
    const char *verb, *target;
    const char *body;          /**< NULL: none */
    const char *signed_target; /**< what the signature is made for; NULL: target */
    const char *key_id, *secret, *date, *version; /**< NULL: the right ones; "": not sent */
    const char *mns_headers; /**< further x-mns- headers in order, "x-mns-a:1\n…"; before version */
    const char *content_type, *content_md5;
    const char *headers; /**< further header lines, "Name: value\r\n…" */
    bool chunked;
} asking_t;

/** Sends it, without waiting for the answer. */
void ask_raw(raw_client_t *client, const asking_t *asking);
/** Sends it on the fixture's connection and hears the answer. */
raw_reply_t ask(fixture_t *f, const asking_t *asking);
/** One of the server's own pages, without a signature. */
raw_reply_t ask_page(fixture_t *f, const char *verb, const char *path);
/** The usual short form. */
raw_reply_t call(fixture_t *f, const char *verb, const char *target, const char *body);

/** The text of the n-th element of that name, from 0, as it stands there; "" when there is none.
 *  Valid until 8 further calls. */
const char *element(raw_reply_t reply, const char *name, size_t n);
size_t count_elements(raw_reply_t reply, const char *name);
/** A header's value; "" when there is none.  As above. */
const char *header(raw_reply_t reply, const char *name);

/** The answer is an error with this status and code and all that an error must have. */
void assert_error(raw_reply_t reply, int status, const char *code);
#define assert_status(reply, wanted) assert_int_equal((reply).status, (wanted))

uint64_t counted(fixture_t *f, const char *metric);

#endif

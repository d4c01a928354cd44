/* mns_fake.h - for tests: an HTTP server that answers by script.
 *
 * Each request that arrives, on whatever connection, takes the next answer of the script; the last
 * one serves all that follow.  An answer is raw bytes and what happens to the connection after it,
 * so that a test can break HTTP itself.  Threads: one to accept, one for each connection. */
#ifndef MNS_FAKE_H
#define MNS_FAKE_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FAKE_KEEP,  /**< the connection stays */
    FAKE_CLOSE, /**< it ends in good order */
    FAKE_RESET, /**< RST */
    FAKE_HANG,  /**< nothing more is said until the client leaves */
    FAKE_FLOOD, /**< the bytes again and again until the client leaves */
} fake_then_t;

typedef struct fake_answer {
    const char *bytes;
    fake_then_t then;
} fake_answer_t;

typedef struct fake fake_t;

/** Listens on 127.0.0.1.  The script is borrowed.  Never fails: it aborts. */
fake_t *fake_create(const fake_answer_t *script, size_t count);
void fake_destroy(fake_t **fake);

/** "http://127.0.0.1:PORT". */
const char *fake_endpoint(const fake_t *fake);
size_t fake_connections(fake_t *fake);
size_t fake_requests(fake_t *fake);
/** The request line of request `at`, counted from 0; "" when it is not there, or not kept. */
const char *fake_line(fake_t *fake, size_t at);
/** The newest request's head and body; valid until the next request. */
const char *fake_head(fake_t *fake);
const char *fake_body(fake_t *fake);

#endif

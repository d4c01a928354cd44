/* raw_client.h - the client's side of a test: bytes to a server that runs in the same thread.
 *
 * Between its reads the client runs a turn of the server, so nothing races, and a test says exactly
 * which bytes go over the wire.  Mistakes are cmocka assertions.  For tests only. */
#ifndef HTTP_RAW_CLIENT_H
#define HTTP_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct raw_client {
    int fd;
    void (*turn)(void *ctx); /**< one turn of the server, of a few ms at most */
    void *ctx;
    char *in; /**< what came and was not heard yet, NUL-terminated */
    size_t len, cap;
    char *heard; /**< the last reply */
    bool closed; /**< the server hung up */
    bool reset;  /**< and not in an orderly way */
} raw_client_t;

/** One response; its text lives until the client's next call. */
typedef struct raw_reply {
    int status;
    const char *head; /**< status line and headers, NUL-terminated */
    const char *body; /**< NUL-terminated */
    size_t body_len;
} raw_reply_t;

void raw_open(raw_client_t *client, const char *url, void (*turn)(void *ctx), void *ctx);
void raw_send(raw_client_t *client, const void *bytes, size_t len);
void raw_say(raw_client_t *client, const char *text);

/** A turn of the server, then a look whether something came.  @return false: nothing more can. */
bool raw_turn(raw_client_t *client);

/** Waits for a whole response and takes it off. */
raw_reply_t raw_hear(raw_client_t *client);

/** Waits until the condition holds; fails when it does not within a long while. */
#define RAW_WAIT(client, condition)                \
    do {                                           \
        uint64_t until_ = raw_deadline();          \
        while (!(condition) && raw_before(until_)) \
            if (!raw_turn(client) && !(condition)) \
                break;                             \
        assert_true(condition);                    \
    } while (0)
uint64_t raw_deadline(void);
bool raw_before(uint64_t deadline);

/** Leaves nothing behind; a client that is closed already is fine. */
void raw_close(raw_client_t *client);

#endif

/* server.h - a small HTTP/1.1 server that lives in its owner's loop.
 *
 *                 on_request
 *     reading ─────────────────> asked ── http_request_reply ──> sending ──> reading (keep-alive)
 *                                  │                               ↑
 *                                  └─ returned without reply ─> parked ── http_request_reply
 *                                                                 └── on_gone: the client hung up
 *
 * A handler sees a whole request, its target exactly as it was sent, and replies at once or later:
 * a request that on_request leaves unanswered is parked, its socket watched for nothing but a
 * hang-up, and costs no time while it waits.  Keep-alive, pipelining, chunked bodies, Expect:
 * 100-continue, HTTP/1.0 and TLS are libmicrohttpd's work; the bounds are ours: connections, head,
 * body, and how long a slow peer may take over a request or over its reply.
 *
 * Threads: a server belongs to the thread that runs it; nothing here locks. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/clock.h"
#include "base/counter.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_COUNTERS(X)                                                                        \
    X(REQUESTS, TOTAL, "http_requests", "Requests read whole and handed to the program")        \
    X(CONNECTIONS, GAUGE, "http_connections", "Connections open")                               \
    X(ACCEPTED, TOTAL, "http_accepted", "Connections accepted")                                 \
    X(PARKED, GAUGE, "http_parked", "Requests that wait for something to happen")               \
    X(HANGUPS, TOTAL, "http_hangups", "Parked requests whose client hung up")                   \
    X(TIMEOUTS, TOTAL, "http_timeouts", "Connections cut because the peer was silent or slow")  \
    X(CROWDED_OUT, TOTAL, "http_crowded_out",                                                   \
      "Connections cut while silent or slow, to make room for others")                          \
    X(TOO_LARGE, TOTAL, "http_too_large", "Requests refused because the body passes the limit") \
    X(NO_MEMORY, TOTAL, "http_no_memory", "Connections dropped because memory was short")
#define X(name, kind, metric, help) HTTP_COUNT_##name,
enum { HTTP_COUNTERS(X) HTTP_COUNTER_COUNT };
#undef X

typedef struct http_server http_server_t;

/** One request, from on_request until it is replied to or gone. */
typedef struct http_request http_request_t;

/** Zero is every default. */
typedef struct http_server_options {
    const char *listen; /**< "127.0.0.1:8700", "[::1]:0", "*:80"; port 0: a free one; borrowed */
    /** The head of a request is there, its body is not.  Reply now, and the body is not read and
     * the connection closes; or return, and on_request follows.  May be NULL. */
    void (*on_head)(void *ctx, http_request_t *request);
    /** A body passes max_body: reply now, to what the head says; there is no body.  The client has
     *  sent it (up to four times max_body of it), so that it is there to hear the answer, unless it
     *  asked first (Expect).  NULL: the server answers 413 in plain text, at once. */
    void (*on_too_large)(void *ctx, http_request_t *request);
    /** A request is complete.  Reply now, or return and reply later. */
    void (*on_request)(void *ctx, http_request_t *request);
    /** A parked request's client hung up, or the server is being destroyed: forget the request, do
     *  not reply.  May be NULL when every request is answered at once. */
    void (*on_gone)(void *ctx, http_request_t *request);
    void *ctx;
    size_t max_body;          /**< bytes; larger: see above; 0: 128 KiB */
    size_t max_head;          /**< bytes a connection may use for heads; 0: 32 KiB */
    unsigned max_connections; /**< more wait in the listen queue; 0: 1000 */
    /** At the limit nobody waits: of the connections that are silent between requests, else of
     * those that are still sending one, the one that has been for longest is cut.  So slow senders,
     * however many, hold up no quick one. */
    bool make_room;
    uint32_t idle_ms;             /**< silence between requests; 0: 75 s */
    uint32_t request_ms;          /**< to send a request, or to take a reply; 0: 30 s */
    const sl_clock_t *clock;      /**< for the two above; NULL: the system's */
    counter_registry_t *registry; /**< NULL: not shown; borrowed until destroy */
    const char *labels;           /**< of the counters: `source="a"`; borrowed until destroy */
    /** PEM files; both given: HTTPS, TLS 1.2 at least.  Read during create. */
    const char *certificate_file, *key_file;
} http_server_options_t;

/** @return SL_OK, SL_EINVAL (listen malformed, or no certificate with its key in the files), SL_EIO
 *          (cannot bind, cannot read a file; errno), SL_ENOMEM. */
sl_err http_server_create(http_server_t **out, const http_server_options_t *options);

/** "http://127.0.0.1:8700" or "https://…", with the real port.  Valid until destroy. */
const char *http_server_url(const http_server_t *server);

/** Waits at most timeout_ms (-1: for ever) for something to do, and does it.
 *  @return SL_OK, SL_EIO (the loop itself failed; errno). */
sl_err http_server_run(http_server_t *server, int timeout_ms);

/** For an owner with a loop of its own: poll this descriptor (level-triggered, readable) for at
 * most http_server_timeout_ms, then call http_server_run(server, 0). */
int http_server_fd(const http_server_t *server);
/** Milliseconds until the server wants to run even if nothing happens; -1: never. */
int http_server_timeout_ms(const http_server_t *server);

/** Lets http_server_run wait for a descriptor of the owner's as well; on_ready is called whenever
 * it is readable.  The owner closes it after destroy.  @return SL_OK, SL_ENOMEM, SL_EIO. */
sl_err http_server_watch(http_server_t *server, int fd, void (*on_ready)(void *ctx), void *ctx);

/** How many replies are not wholly on their way yet: before an end one runs the server until there
 *  are none. */
size_t http_server_unsent(const http_server_t *server);

/** Cuts every connection; parked requests get on_gone. */
void http_server_destroy(http_server_t **server);

/* -- a request ----------------------------------------------------------------------------- */

const char *http_request_method(const http_request_t *request);

/** The target as sent: nothing decoded, nothing cut; path or absolute form. */
const char *http_request_target(const http_request_t *request);

/** The first header of that name, any case; NULL: none. */
const char *http_request_header(const http_request_t *request, const char *name);

/** Calls fn for every header, as spelled by the client, in the order sent.  Whitespace round the
 *  value may be left. */
typedef void (*http_header_fn)(void *ctx, const char *name, size_t name_len, const char *value,
                               size_t value_len);
void http_request_headers(const http_request_t *request, http_header_fn fn, void *ctx);

/** The body; never NULL, len 0 when there is none. */
const uint8_t *http_request_body(const http_request_t *request, size_t *len);

/** A pointer of the owner's, NULL at first. */
void http_request_set_user(http_request_t *request, void *user);
void *http_request_user(const http_request_t *request);

/** Has the client of this parked request hung up by now?  Asks the socket: use it before work whose
 *  result must not be lost.  When true, on_gone comes with the next run. */
bool http_request_hung_up(const http_request_t *request);

typedef struct http_header {
    const char *name, *value;
} http_header_t;

typedef enum {
    HTTP_BODY_COPY,   /**< borrowed during the call */
    HTTP_BODY_TAKE,   /**< malloc'ed; the server frees it, whatever happens */
    HTTP_BODY_STATIC, /**< outlives the server */
} http_body_t;

typedef struct http_reply {
    unsigned status;
    const char *type; /**< Content-Type; NULL: none */
    const http_header_t *headers;
    size_t header_count; /**< Date, Content-Length and Connection come by themselves */
    const void *body;
    size_t body_len;
    http_body_t ownership;
} http_reply_t;

/** Answers; the request is gone for the owner after the call.  When memory is short the connection
 *  is dropped and counted. */
void http_request_reply(http_request_t *request, const http_reply_t *reply);

/** Ends the connection as a broken server would, for tests of clients; the request is gone for the
 *  owner after the call.
 *  @param reply  half of its bytes go out, then the connection closes; NULL: none go out, and the
 *                connection is reset. */
void http_request_break(http_request_t *request, const http_reply_t *reply);

#endif

/* mns_http.h - many HTTP exchanges in flight from one thread.
 *
 * libcurl's multi handle, driven by its sockets: each socket and one timer hang in one epoll set,
 * and that set's descriptor is the one to wait on.
 *
 *     start -> (epoll: curl_multi_socket_action)* -> done list -> take
 *
 * A request on a kept-alive connection leaves within `start`; an exchange that ends waits in the
 * done list until it is taken.  Exchanges keep their easy handle and buffers and are used again.
 * Knows nothing of MNS.  One thread owns all of it. */
#ifndef MNS_HTTP_H
#define MNS_HTTP_H

#include "base/buf.h"
#include "mns/mns.h"

#include <curl/curl.h>

enum {
    MNS_HTTP_LINES_MAX = 16,
    MNS_HTTP_HEAD_MAX = 64 * 1024,       /**< bytes of all header lines of an answer */
    MNS_HTTP_BODY_MAX = 8 * 1024 * 1024, /**< of its body: 16 x 64 KiB, escaped to the utmost */
};

typedef struct mns_http mns_http_t;

typedef struct mns_http_options {
    const char *base; /**< "http://host:port"; copied */
    const char *ca_file;
    bool loopback; /**< never through a proxy */
    uint32_t connect_timeout_ms;
    uint32_t connections; /**< kept alive */
} mns_http_options_t;

/** One request and its answer. */
typedef struct mns_exchange {
    /* The request: */
    const char *verb;   /**< static */
    const char *target; /**< path and query */
    const void *body;   /**< borrowed until the exchange is done */
    size_t body_len;
    uint32_t timeout_ms;
    /* What one exchange may have apart from its set.  `direct` and `https_only` are read by
     * mns_exchange_init, the others by mns_http_start.  No exchange ever follows a redirect. */
    const char *base; /**< instead of the set's; borrowed while in flight; NULL: the set's */
    size_t body_max;  /**< bytes of the answer's body; 0: MNS_HTTP_BODY_MAX */
    bool direct;      /**< never through a proxy */
    bool https_only;  /**< else http and https */
    /** Send it once and no more.  Else curl sends it again by itself when a kept-alive connection
     * turns out dead before any byte of an answer; whether the first one arrived nobody knows. */
    bool once;

    sl_buf_t lines; /**< header lines, each with its NUL; see mns_exchange_line */
    size_t line_at[MNS_HTTP_LINES_MAX];
    size_t line_count;

    /* The answer: */
    mns_err err; /**< OK: a complete answer came; else ENOMEM, EPROTO, EIO, ETIMEDOUT */
    int status;
    bool unsent;          /**< no byte of the request left: for certain nothing was done */
    bool distrusted;      /**< the other side's certificate was refused */
    sl_buf_t in;          /**< its body */
    char request_id[64];  /**< x-mns-request-id */
    char location[1024];  /**< Location */
    char date[40];        /**< Date */
    char retry_after[40]; /**< Retry-After */
    char note[CURL_ERROR_SIZE];

    void *owner;

    /* mns_http.c's own: */
    CURL *easy;
    sl_buf_t url;
    struct curl_slist list[MNS_HTTP_LINES_MAX];
    size_t head_bytes;
    unsigned sendings;
    bool too_large, no_memory, head_complete;
    struct mns_exchange *next;
} mns_exchange_t;

/** @return MNS_OK, MNS_ENOMEM, MNS_EIO (no descriptor). */
mns_err mns_http_create(mns_http_t **out, const mns_http_options_t *options);
void mns_http_destroy(mns_http_t **http);

/** @return MNS_OK, MNS_ENOMEM.  The exchange must be zeroed before, but for what it has apart. */
mns_err mns_exchange_init(mns_http_t *http, mns_exchange_t *exchange);
/** Ends it, in flight or not. */
void mns_exchange_fini(mns_http_t *http, mns_exchange_t *exchange);

/** Begins the header lines anew. */
void mns_exchange_head(mns_exchange_t *exchange);
/** Adds one; NULL suppresses a header that curl would send.  No memory shows in lines.failed. */
void mns_exchange_line(mns_exchange_t *exchange, const char *name, const char *value);

/** Sends it.  @return MNS_OK: it will come out of mns_http_take once; MNS_ENOMEM: never. */
mns_err mns_http_start(mns_http_t *http, mns_exchange_t *exchange);

/** Waits for something to do, at most timeout_ms (-1: for ever), and does it. */
void mns_http_turn(mns_http_t *http, int timeout_ms);

/** One that is done, in order, or NULL. */
mns_exchange_t *mns_http_take(mns_http_t *http);

/** Readable when mns_http_turn or mns_http_take has something to do. */
int mns_http_fd(const mns_http_t *http);
/** When, on the monotonic clock, somebody else wants the thread; INT64_MAX: never.  It counts for
 * mns_http_turn and, after settling, for the descriptor. */
void mns_http_wake(mns_http_t *http, int64_t at_ns);
/** Call before the thread leaves: makes the descriptor tell of timers and of the done list. */
void mns_http_settle(mns_http_t *http);

#endif

/* server_impl.h - what server.c (life, loop, deadlines) and request.c (one request) share.
 *
 * A connection carries one request at a time, so both are one struct: it is made when libmicrohttpd
 * reports a connection and reused for every request on it. */
#ifndef HTTP_SERVER_IMPL_H
#define HTTP_SERVER_IMPL_H

#include "base/buf.h"
#include "http/server.h"
#include "listen.h"

#include <microhttpd.h>

typedef enum {
    PHASE_IDLE,    /**< between requests */
    PHASE_READING, /**< the request line is there */
    PHASE_REFUSED, /**< too large: the rest is read and forgotten, then refused */
    PHASE_ASKED,   /**< in on_request */
    PHASE_PARKED,
    PHASE_REPLIED, /**< response is set, or dropped */
} http_phase_t;

struct http_request {
    http_server_t *server;
    struct MHD_Connection *connection;
    struct MHD_Response *response; /**< PHASE_REPLIED: NULL means drop the connection */
    unsigned status;
    int fd;
    http_phase_t phase;
    bool head_seen; /**< libmicrohttpd's first call for this request has been */
    bool hung_up;   /**< the client will send no more */
    size_t forgotten;
    const char *method;
    sl_buf_t target, body;
    void *user;
    http_request_t **list; /**< the server's list it is on, or NULL */
    uint64_t deadline_ms;  /**< on idle and busy */
    http_request_t *prev, *next;
};

typedef struct http_watch {
    int fd;
    void (*on_ready)(void *ctx);
    void *ctx;
    struct http_watch *next;
} http_watch_t;

struct http_server {
    struct MHD_Daemon *daemon;
    http_server_options_t options;
    int listen_fd, epoll_fd;
    /** libmicrohttpd must run: its own epoll set has something, or something happened that its set
     *  does not show (a resume, or room below the limit of connections). */
    bool mhd_due;
    uint64_t now_ms;
    http_request_t *idle, *busy; /**< each in order of deadline: its timeout is the same for all */
    http_request_t *parked;
    unsigned connections;
    size_t unsent; /**< requests in PHASE_REPLIED */
    http_watch_t *watches;
    counter_t counters[HTTP_COUNTER_COUNT];
    counter_set_t counter_set;
    char url[HTTP_URL_MAX];
};

/** Puts the connection on one of the server's lists, or on none (NULL).  Its time begins anew. */
void http_place(http_request_t *r, http_request_t **list);

/** Ends a connection that waits for its peer. */
void http_cut(http_request_t *r);

/* libmicrohttpd's callbacks, in request.c */
void *http_on_line(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_on_call(void *cls, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_len, void **state);
void http_on_completed(void *cls, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode code);
void http_on_connection(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code);

/** A parked request ends without a reply: its owner is told, its connection closes. */
void http_request_drop(http_request_t *r);

/** The epoll set says that the client will send no more. */
void http_request_on_hang_up(http_request_t *r);

#endif

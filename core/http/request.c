/* One request: from libmicrohttpd's callbacks to the handler, and back.
 *
 * libmicrohttpd calls http_on_line with the raw target, then http_on_call at least twice: once when
 * the head is there, once for each piece of body, once at the end, and once more after a resume. */
#include "server_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How far past the limit a body is read for the sake of a polite 413; beyond it we hang up. */
enum { FORGET_TIMES = 4 };

static void count(http_server_t *s, int counter)
{
    counter_add(&s->counters[counter], 1);
}

static void set_gauge(http_server_t *s, int counter, int change)
{
    counter_add(&s->counters[counter], (uint64_t)(int64_t)change);
}

static http_request_t *request_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

/* -- connections --------------------------------------------------------------------------- */

/* Whom to cut for a newcomer: who is silent between requests, else who is still sending one; the
 * one that began first.  Both lists are in that order. */
static http_request_t *slowest(const http_server_t *s, const http_request_t *newcomer)
{
    if (s->idle != NULL && s->idle != newcomer)
        return s->idle;
    for (http_request_t *r = s->busy; r != NULL; r = r->next)
        if (r->phase == PHASE_READING || r->phase == PHASE_REFUSED)
            return r;
    return NULL;
}

static void make_room(http_server_t *s, const http_request_t *newcomer)
{
    if (!s->options.make_room || s->connections <= s->options.max_connections)
        return;
    http_request_t *r = slowest(s, newcomer);
    if (r == NULL)
        return;
    http_cut(r);
    count(s, HTTP_COUNT_CROWDED_OUT);
}

static http_request_t *open_connection(http_server_t *s, struct MHD_Connection *connection)
{
    http_request_t *r = calloc(1, sizeof *r);
    if (r == NULL) {
        count(s, HTTP_COUNT_NO_MEMORY);
        return NULL; /* http_on_call hangs up on it */
    }
    r->server = s;
    r->connection = connection;
    r->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    http_place(r, &s->idle);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = r};
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, r->fd, &event) != 0) {
        count(s, HTTP_COUNT_NO_MEMORY);
        shutdown(r->fd, SHUT_RDWR); /* unwatched, a parked request of it would never end */
    }
    count(s, HTTP_COUNT_ACCEPTED);
    counter_set(&s->counters[HTTP_COUNT_CONNECTIONS], ++s->connections);
    make_room(s, r);
    return r;
}

static void close_connection(http_request_t *r)
{
    http_server_t *s = r->server;
    http_place(r, NULL);
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, r->fd, NULL);
    counter_set(&s->counters[HTTP_COUNT_CONNECTIONS], --s->connections);
    s->mhd_due = true; /* it may accept again only at its next run */
    if (r->response != NULL)
        MHD_destroy_response(r->response);
    sl_buf_fini(&r->target);
    sl_buf_fini(&r->body);
    free(r);
}

void http_on_connection(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *context = open_connection(cls, connection);
    else if (*context != NULL)
        close_connection(*context);
}

/* -- a request comes in -------------------------------------------------------------------- */

static void begin(http_request_t *r)
{
    sl_buf_clear(&r->target);
    sl_buf_clear(&r->body);
    r->phase = PHASE_READING;
    r->head_seen = false;
    r->forgotten = 0;
    r->user = NULL;
}

void *http_on_line(void *cls, const char *target, struct MHD_Connection *connection)
{
    http_server_t *s = cls;
    http_request_t *r = request_of(connection);
    if (r == NULL)
        return NULL;
    begin(r);
    sl_buf_append(&r->target, target, strlen(target) + 1);
    http_place(r, &s->busy);
    return r;
}

/* Bytes; 0: nothing is announced. */
static unsigned long long announced(const http_request_t *r)
{
    const char *text = http_request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text != NULL ? strtoull(text, NULL, 10) : 0; /* beyond its range: its greatest */
}

/* Will the client hear an answer only once it has sent its body, and is that bearable? */
static bool hears_later(const http_request_t *r)
{
    const http_server_options_t *o = &r->server->options;
    return o->on_too_large != NULL && announced(r) <= o->max_body * FORGET_TIMES &&
           http_request_header(r, MHD_HTTP_HEADER_EXPECT) == NULL;
}

static enum MHD_Result queue_response(http_request_t *r)
{
    if (r->response == NULL)
        return MHD_NO;
    http_place(r, &r->server->busy);
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return result;
}

static enum MHD_Result refuse_size(http_request_t *r)
{
    static const char text[] = "the body is larger than this server takes\n";
    const http_server_options_t *o = &r->server->options;
    count(r->server, HTTP_COUNT_TOO_LARGE);
    sl_buf_clear(&r->body);
    if (o->on_too_large != NULL)
        o->on_too_large(o->ctx, r);
    else
        http_request_reply(r, &(http_reply_t){.status = 413,
                                              .type = "text/plain",
                                              .body = text,
                                              .body_len = sizeof text - 1,
                                              .ownership = HTTP_BODY_STATIC});
    assert(r->phase == PHASE_REPLIED);
    return queue_response(r);
}

static enum MHD_Result take_piece(http_request_t *r, const char *piece, size_t *len)
{
    size_t max = r->server->options.max_body;
    size_t have = *len;
    *len = 0;
    if (r->phase == PHASE_READING && have > max - r->body.len)
        r->phase = PHASE_REFUSED;
    if (r->phase == PHASE_REFUSED) {
        r->forgotten += have;
        return r->forgotten <= max * FORGET_TIMES ? MHD_YES : MHD_NO;
    }
    if (sl_buf_append(&r->body, piece, have) == SL_OK)
        return MHD_YES;
    count(r->server, HTTP_COUNT_NO_MEMORY);
    return MHD_NO;
}

static void hang_up_parked(http_request_t *r)
{
    count(r->server, HTTP_COUNT_HANGUPS);
    http_request_drop(r);
}

void http_request_on_hang_up(http_request_t *r)
{
    r->hung_up = true;
    if (r->phase == PHASE_PARKED)
        hang_up_parked(r);
    else /* a new edge for libmicrohttpd; what was sent before can still be read, and answered */
        shutdown(r->fd, SHUT_RD);
}

/* The handler returned without a reply. */
static enum MHD_Result park(http_request_t *r)
{
    http_server_t *s = r->server;
    r->phase = PHASE_PARKED;
    http_place(r, &s->parked);
    set_gauge(s, HTTP_COUNT_PARKED, 1);
    MHD_suspend_connection(r->connection);
    if (r->hung_up)
        hang_up_parked(r);
    return MHD_YES;
}

/* The head is there: does anybody want the body? */
static enum MHD_Result look_at_head(http_request_t *r)
{
    const http_server_options_t *o = &r->server->options;
    if (o->on_head != NULL)
        o->on_head(o->ctx, r);
    if (r->phase == PHASE_REPLIED)
        return queue_response(r);
    if (announced(r) <= o->max_body)
        return MHD_YES;
    if (!hears_later(r))
        return refuse_size(r);
    r->phase = PHASE_REFUSED;
    return MHD_YES;
}

static enum MHD_Result ask(http_request_t *r)
{
    http_server_t *s = r->server;
    r->phase = PHASE_ASKED;
    count(s, HTTP_COUNT_REQUESTS);
    s->options.on_request(s->options.ctx, r);
    return r->phase == PHASE_REPLIED ? queue_response(r) : park(r);
}

enum MHD_Result http_on_call(void *cls, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_len, void **state)
{
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    http_request_t *r = *state;
    if (r == NULL || r->target.failed)
        return MHD_NO;
    if (!r->head_seen) {
        r->head_seen = true;
        r->method = method;
        return look_at_head(r);
    }
    if (*upload_len > 0)
        return take_piece(r, upload, upload_len);
    if (r->phase == PHASE_REFUSED)
        return refuse_size(r);
    return r->phase == PHASE_REPLIED ? queue_response(r) : ask(r);
}

void http_on_completed(void *cls, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode code)
{
    http_server_t *s = cls;
    (void)connection;
    (void)code;
    http_request_t *r = *state;
    if (r == NULL)
        return;
    s->unsent -= r->phase == PHASE_REPLIED;
    r->phase = PHASE_IDLE;
    http_place(r, &s->idle);
}

/* -- the handler's side -------------------------------------------------------------------- */

const char *http_request_method(const http_request_t *r)
{
    return r->method;
}

const char *http_request_target(const http_request_t *r)
{
    return (const char *)r->target.data;
}

const char *http_request_header(const http_request_t *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

typedef struct each {
    http_header_fn fn;
    void *ctx;
} each_t;

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    const each_t *each = cls;
    each->fn(each->ctx, name, name_len, value != NULL ? value : "", value_len);
    return MHD_YES;
}

void http_request_headers(const http_request_t *r, http_header_fn fn, void *ctx)
{
    each_t each = {fn, ctx};
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, each_header, &each);
}

const uint8_t *http_request_body(const http_request_t *r, size_t *len)
{
    *len = r->body.len;
    return r->body.len > 0 ? r->body.data : (const uint8_t *)"";
}

void http_request_set_user(http_request_t *r, void *user)
{
    r->user = user;
}

void *http_request_user(const http_request_t *r)
{
    return r->user;
}

bool http_request_hung_up(const http_request_t *r)
{
    char byte;
    if (r->hung_up)
        return true;
    ssize_t got = recv(r->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static struct MHD_Response *make_response(const http_reply_t *reply)
{
    static const enum MHD_ResponseMemoryMode modes[] = {
        [HTTP_BODY_COPY] = MHD_RESPMEM_MUST_COPY,
        [HTTP_BODY_TAKE] = MHD_RESPMEM_MUST_FREE,
        [HTTP_BODY_STATIC] = MHD_RESPMEM_PERSISTENT,
    };
    /* libmicrohttpd's parameter is not const, but it does not write */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply->body_len, (void *)(uintptr_t)reply->body, modes[reply->ownership]);
    if (response == NULL) {
        if (reply->ownership == HTTP_BODY_TAKE)
            free((void *)(uintptr_t)reply->body);
        return NULL;
    }
    bool ok = reply->type == NULL ||
              MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (size_t i = 0; i < reply->header_count && ok; i++)
        ok = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (!ok) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* The owner is done with it.  Was it parked, libmicrohttpd will call http_on_call once more. */
static void replied(http_request_t *r)
{
    http_server_t *s = r->server;
    bool was_parked = r->phase == PHASE_PARKED;
    s->unsent += r->phase != PHASE_REPLIED;
    r->phase = PHASE_REPLIED;
    if (!was_parked)
        return;
    set_gauge(s, HTTP_COUNT_PARKED, -1);
    http_place(r, &s->busy);
    MHD_resume_connection(r->connection);
    s->mhd_due = true;
}

void http_request_reply(http_request_t *r, const http_reply_t *reply)
{
    r->response = make_response(reply);
    r->status = reply->status;
    if (r->response == NULL)
        count(r->server, HTTP_COUNT_NO_MEMORY);
    replied(r);
}

static void append_head(sl_buf_t *out, const http_reply_t *reply)
{
    sl_buf_printf(out, "HTTP/1.1 %u %s\r\nContent-Length: %zu\r\n", reply->status,
                  MHD_get_reason_phrase_for(reply->status), reply->body_len);
    if (reply->type != NULL)
        sl_buf_printf(out, "Content-Type: %s\r\n", reply->type);
    for (size_t i = 0; i < reply->header_count; i++)
        sl_buf_printf(out, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    sl_buf_append_str(out, "\r\n");
}

/* Past libmicrohttpd, which sends nothing by itself before it is given a response. */
static void send_half(http_request_t *r, const http_reply_t *reply)
{
    sl_buf_t bytes = SL_BUF_INIT;
    append_head(&bytes, reply);
    sl_buf_append(&bytes, reply->body, reply->body_len);
    int room = (int)bytes.len;
    setsockopt(r->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    ssize_t sent = send(r->fd, bytes.data, bytes.len / 2, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* fewer bytes, or none, are as good a broken answer */
    sl_buf_fini(&bytes);
    if (reply->ownership == HTTP_BODY_TAKE)
        free((void *)(uintptr_t)reply->body);
}

/* libmicrohttpd shuts a socket down before it closes it, so that the peer would see an orderly end
 * whatever SO_LINGER says; leaving the peer's address resets the connection now. */
static void reset(http_request_t *r)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (connect(r->fd, &nobody, sizeof nobody) != 0)
        shutdown(r->fd, SHUT_RDWR);
}

void http_request_break(http_request_t *r, const http_reply_t *reply)
{
    if (reply != NULL)
        send_half(r, reply);
    else
        reset(r);
    r->response = NULL; /* http_on_call hangs up */
    replied(r);
}

void http_request_drop(http_request_t *r)
{
    http_server_t *s = r->server;
    if (s->options.on_gone != NULL)
        s->options.on_gone(s->options.ctx, r);
    replied(r); /* with no response: http_on_call hangs up */
}

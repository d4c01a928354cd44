/* The server's life and loop.  One epoll set holds libmicrohttpd's own set, every connection for
 * the sake of its hang-up alone, and what the owner wants watched.
 *
 * Why we look for hang-ups ourselves: libmicrohttpd lets go of a suspended connection, so it cannot
 * see a parked client leave; and it reads edge-triggered but stops at a short read, so an end that
 * came together with the last bytes goes unseen until the idle timeout. */
#include "pem.h"
#include "server_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum { EVENTS_A_TURN = 64, CONNECTIONS_SPARE = 32 };

static const char TLS_PRIORITIES[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";

static const counter_def_t counter_defs[] = {HTTP_COUNTERS(COUNTER_DEF)};

/* -- lists and deadlines ------------------------------------------------------------------- */

void http_place(http_request_t *r, http_request_t **list)
{
    http_server_t *s = r->server;
    if (r->list != NULL)
        DL_DELETE(*r->list, r);
    r->list = list;
    if (list == NULL)
        return;
    r->deadline_ms = s->now_ms + (list == &s->idle ? s->options.idle_ms : s->options.request_ms);
    DL_APPEND(*list, r);
}

void http_cut(http_request_t *r)
{
    http_place(r, NULL);
    /* libmicrohttpd has no call to end a connection from outside; it sees this as a hang-up */
    shutdown(r->fd, SHUT_RDWR);
}

static void cut_overdue(http_server_t *s, http_request_t **list)
{
    while (*list != NULL && (*list)->deadline_ms <= s->now_ms) {
        http_cut(*list);
        counter_add(&s->counters[HTTP_COUNT_TIMEOUTS], 1);
    }
}

int http_server_timeout_ms(const http_server_t *s)
{
    MHD_UNSIGNED_LONG_LONG own;
    if (s->mhd_due)
        return 0;
    if (MHD_get_timeout(s->daemon, &own) == MHD_NO)
        own = INT32_MAX;
    uint64_t wait = own;
    uint64_t now = s->idle != NULL || s->busy != NULL ? sl_clock_mono_ms(s->options.clock) : 0;
    for (int i = 0; i < 2; i++) {
        const http_request_t *first = i == 0 ? s->idle : s->busy;
        if (first == NULL)
            continue;
        uint64_t left = first->deadline_ms > now ? first->deadline_ms - now : 0;
        wait = left < wait ? left : wait;
    }
    return wait >= INT32_MAX ? -1 : (int)wait;
}

/* -- the loop ------------------------------------------------------------------------------ */

/* What an epoll event is about is told by the address it carries: the server itself
 * (libmicrohttpd's set), one of its few watches, or else a connection that hung up. */
static void on_event(http_server_t *s, const struct epoll_event *event)
{
    if (event->data.ptr == s) {
        s->mhd_due = true;
        return;
    }
    for (http_watch_t *w = s->watches; w != NULL; w = w->next)
        if (event->data.ptr == w) {
            w->on_ready(w->ctx);
            return;
        }
    http_request_on_hang_up(event->data.ptr);
}

sl_err http_server_run(http_server_t *s, int timeout_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int own = http_server_timeout_ms(s);
    int wait = own >= 0 && (timeout_ms < 0 || own < timeout_ms) ? own : timeout_ms;
    int count = epoll_wait(s->epoll_fd, events, EVENTS_A_TURN, wait);
    if (count < 0 && errno != EINTR)
        return SL_EIO;
    s->now_ms = sl_clock_mono_ms(s->options.clock);
    for (int i = 0; i < count; i++)
        on_event(s, &events[i]);
    MHD_UNSIGNED_LONG_LONG left;
    if (s->mhd_due || (MHD_get_timeout(s->daemon, &left) == MHD_YES && left == 0)) {
        s->mhd_due = false;
        MHD_run(s->daemon);
    }
    cut_overdue(s, &s->idle);
    cut_overdue(s, &s->busy);
    return SL_OK;
}

size_t http_server_unsent(const http_server_t *s)
{
    return s->unsent;
}

int http_server_fd(const http_server_t *s)
{
    return s->epoll_fd;
}

sl_err http_server_watch(http_server_t *s, int fd, void (*on_ready)(void *ctx), void *ctx)
{
    http_watch_t *w = calloc(1, sizeof *w);
    if (w == NULL)
        return SL_ENOMEM;
    *w = (http_watch_t){.fd = fd, .on_ready = on_ready, .ctx = ctx, .next = s->watches};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(w);
        return SL_EIO;
    }
    s->watches = w;
    return SL_OK;
}

/* -- life ---------------------------------------------------------------------------------- */

static void set_defaults(http_server_options_t *o)
{
    o->max_body = o->max_body != 0 ? o->max_body : 128u << 10;
    o->max_head = o->max_head != 0 ? o->max_head : 32u << 10;
    o->max_connections = o->max_connections != 0 ? o->max_connections : 1000;
    o->idle_ms = o->idle_ms != 0 ? o->idle_ms : 75000;
    o->request_ms = o->request_ms != 0 ? o->request_ms : 30000;
    o->clock = o->clock != NULL ? o->clock : &sl_clock_system;
}

static bool is_tls(const http_server_options_t *o)
{
    return o->certificate_file != NULL && o->key_file != NULL;
}

/* Targets are the handler's to decode. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* Of the connections above the limit, how many may be there until those cut for them are closed. */
static unsigned spare(const http_server_t *s)
{
    return s->options.make_room ? CONNECTIONS_SPARE : 0;
}

static struct MHD_Daemon *start_mhd(http_server_t *s, unsigned flags,
                                    const struct MHD_OptionItem *more)
{
    int listen_fd = s->listen_fd;
    s->listen_fd = -1; /* libmicrohttpd closes it, also when it does not start */
    return MHD_start_daemon(
        flags | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_on_call, s,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        s->options.max_connections + spare(s), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        s->options.max_head, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK,
        http_on_line, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        http_on_connection, s, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

/* libmicrohttpd reads certificate and key while it starts, and complains of them by failing. */
static sl_err start_tls(http_server_t *s)
{
    http_pem_t certificate = {0}, key = {0};
    sl_err err = http_pem_read(&certificate, s->options.certificate_file);
    if (err == SL_OK)
        err = http_pem_read(&key, s->options.key_file);
    if (err == SL_OK) {
        const struct MHD_OptionItem tls[] = {
            {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.text},
            {MHD_OPTION_HTTPS_MEM_KEY, 0, key.text},
            {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
            {MHD_OPTION_END, 0, NULL},
        };
        s->daemon = start_mhd(s, MHD_USE_TLS, tls);
        err = s->daemon != NULL ? SL_OK : SL_EINVAL;
    }
    int saved = errno;
    http_pem_fini(&certificate);
    http_pem_fini(&key);
    errno = saved;
    return err;
}

static sl_err start_plain(http_server_t *s)
{
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    s->daemon = start_mhd(s, 0, none);
    return s->daemon != NULL ? SL_OK : SL_EIO;
}

static sl_err start_daemon(http_server_t *s)
{
    sl_err err = is_tls(&s->options) ? start_tls(s) : start_plain(s);
    if (err != SL_OK)
        return err;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    if (info == NULL || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) != 0)
        return SL_EIO;
    return SL_OK;
}

sl_err http_server_create(http_server_t **out, const http_server_options_t *options)
{
    http_server_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SL_ENOMEM;
    s->listen_fd = -1;
    s->options = *options;
    set_defaults(&s->options);
    s->now_ms = sl_clock_mono_ms(s->options.clock);
    s->counter_set =
        (counter_set_t){counter_defs, s->counters, HTTP_COUNTER_COUNT, options->labels, NULL};
    sl_err err = SL_EIO;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        goto fail;
    err = http_listen(options->listen, is_tls(options), &s->listen_fd, s->url);
    if (err != SL_OK)
        goto fail;
    err = start_daemon(s);
    if (err != SL_OK)
        goto fail;
    if (s->options.registry != NULL)
        counter_registry_add(s->options.registry, &s->counter_set);
    *out = s;
    return SL_OK;
fail:
    http_server_destroy(&s);
    return err;
}

const char *http_server_url(const http_server_t *s)
{
    return s->url;
}

void http_server_destroy(http_server_t **server)
{
    http_server_t *s = *server;
    if (s == NULL)
        return;
    int saved = errno;
    while (s->parked != NULL)
        http_request_drop(s->parked); /* libmicrohttpd refuses to stop on suspended connections */
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon); /* closes the listening socket too */
    else if (s->listen_fd >= 0)
        close(s->listen_fd);
    while (s->watches != NULL) {
        http_watch_t *w = s->watches;
        s->watches = w->next;
        free(w);
    }
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    if (s->options.registry != NULL)
        counter_registry_remove(s->options.registry, &s->counter_set);
    free(s);
    *server = NULL;
    errno = saved;
}

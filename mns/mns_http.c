#include "mns_http.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,
    RECEIVE_BUFFER_BYTES = 64 * 1024, /* an answer of 16 messages in one read */
    KEEP_BODY_BYTES = 256 * 1024,     /* a larger buffer is not kept for the next answer */
};

static const int64_t NEVER = INT64_MAX;

struct mns_http {
    CURLM *multi;
    int epoll, timer;
    int64_t due_ns;   /* when curl wants to be called, or NEVER */
    int64_t wake_ns;  /* when somebody else does */
    int64_t armed_ns; /* when the timer will fire; after settling never later than either */
    mns_exchange_t *done, **done_tail;
    mns_http_options_t options; /* strings owned */
    char *base, *ca_file;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* -- what curl asks of us -------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    (void)easy;
    mns_http_t *http = ctx;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    struct epoll_event event = {.data.fd = fd};
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(http->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0 &&
        errno == EEXIST)
        epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event);
    if (known == NULL)
        curl_multi_assign(http->multi, fd, http);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    (void)multi;
    mns_http_t *http = ctx;
    http->due_ns = timeout_ms < 0 ? NEVER : now_ns() + (int64_t)timeout_ms * 1000000;
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
    (void)one;
    mns_exchange_t *exchange = ctx;
    size_t most = exchange->body_max != 0 ? exchange->body_max : MNS_HTTP_BODY_MAX;
    if (len > most - exchange->in.len) {
        exchange->too_large = true;
        return 0;
    }
    if (sl_buf_append(&exchange->in, bytes, len) != SL_OK) {
        exchange->no_memory = true;
        return 0;
    }
    return len;
}

/* Copies a header's value if its name is the one; one that does not fit is left out. */
static void keep_header(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return;
    const char *value = line + name_len + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    size_t value_len = (size_t)(end - value);
    if (value_len >= size || memchr(value, '\0', value_len) != NULL)
        return;
    memcpy(out, value, value_len);
    out[value_len] = '\0';
}

static void forget_headers(mns_exchange_t *exchange)
{
    exchange->request_id[0] = exchange->location[0] = '\0';
    exchange->date[0] = exchange->retry_after[0] = '\0';
    exchange->head_complete = false;
}

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    (void)one;
    mns_exchange_t *exchange = ctx;
    exchange->head_bytes += len;
    if (exchange->head_bytes > MNS_HTTP_HEAD_MAX) {
        exchange->too_large = true;
        return 0;
    }
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* after a 1xx another head begins */
        forget_headers(exchange);
    }
    if (*line == '\r' || *line == '\n')
        exchange->head_complete = true;
    keep_header(line, len, "x-mns-request-id", exchange->request_id, sizeof exchange->request_id);
    keep_header(line, len, "location", exchange->location, sizeof exchange->location);
    keep_header(line, len, "date", exchange->date, sizeof exchange->date);
    keep_header(line, len, "retry-after", exchange->retry_after, sizeof exchange->retry_after);
    return len;
}

/* Before each sending, the second of one request included. */
static int on_sending(void *ctx, char *from, char *to, int from_port, int to_port)
{
    (void)from, (void)to, (void)from_port, (void)to_port;
    mns_exchange_t *exchange = ctx;
    return exchange->once && exchange->sendings++ > 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* -- the set --------------------------------------------------------------------------------- */

static bool http_open(mns_http_t *http)
{
    struct epoll_event event = {.events = EPOLLIN};
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    event.data.fd = http->timer;
    return http->epoll >= 0 && http->timer >= 0 &&
           epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->timer, &event) == 0;
}

static bool http_setup(mns_http_t *http)
{
    CURLM *m = http->multi;
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)http->options.connections) == CURLM_OK;
}

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

mns_err mns_http_create(mns_http_t **out, const mns_http_options_t *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    mns_err err = MNS_ENOMEM;
    mns_http_t *http = calloc(1, sizeof *http);
    if (http == NULL)
        goto fail;
    http->epoll = http->timer = -1;
    http->due_ns = http->wake_ns = http->armed_ns = NEVER;
    http->done_tail = &http->done;
    http->options = *options;
    http->options.base = http->base = strdup(options->base);
    http->options.ca_file = http->ca_file =
        options->ca_file == NULL ? NULL : strdup(options->ca_file);
    http->multi = curl_multi_init();
    if (http->multi == NULL || http->base == NULL ||
        (options->ca_file != NULL && http->ca_file == NULL) || !http_setup(http))
        goto fail;
    err = MNS_EIO;
    if (!http_open(http))
        goto fail;
    *out = http;
    return MNS_OK;
fail:
    mns_http_destroy(&http);
    return err;
}

void mns_http_destroy(mns_http_t **http)
{
    mns_http_t *h = *http;
    if (h == NULL)
        return;
    curl_multi_cleanup(h->multi);
    if (h->timer >= 0)
        close(h->timer);
    if (h->epoll >= 0)
        close(h->epoll);
    free(h->base);
    free(h->ca_file);
    free(h);
    *http = NULL;
}

/* -- an exchange ----------------------------------------------------------------------------- */

#define SET(option, value)                                     \
    if (curl_easy_setopt(easy, (option), (value)) != CURLE_OK) \
    return false

/* What never changes from request to request. */
static bool easy_setup(const mns_http_t *http, mns_exchange_t *exchange)
{
    CURL *easy = exchange->easy;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* else a time limit waits for the thread that looks a name up */
#endif
    SET(CURLOPT_PATH_AS_IS, 1L); /* what is sent is what was signed */
    SET(CURLOPT_PROTOCOLS_STR, exchange->https_only ? "https" : "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, "libmns/" SLUICE_VERSION);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->options.connect_timeout_ms);
    SET(CURLOPT_ERRORBUFFER, exchange->note);
    SET(CURLOPT_PRIVATE, exchange);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, exchange);
    SET(CURLOPT_PREREQFUNCTION, on_sending);
    SET(CURLOPT_PREREQDATA, exchange);
    if (http->ca_file != NULL) {
        SET(CURLOPT_CAINFO, http->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's folder is trusted beside it */
    }
    if (http->options.loopback || exchange->direct)
        SET(CURLOPT_NOPROXY, "*");
    return true;
}

mns_err mns_exchange_init(mns_http_t *http, mns_exchange_t *exchange)
{
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL || !easy_setup(http, exchange)) {
        mns_exchange_fini(http, exchange);
        return MNS_ENOMEM;
    }
    return MNS_OK;
}

void mns_exchange_fini(mns_http_t *http, mns_exchange_t *exchange)
{
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(http->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    exchange->easy = NULL;
    sl_buf_fini(&exchange->lines);
    sl_buf_fini(&exchange->url);
    sl_buf_fini(&exchange->in);
}

void mns_exchange_head(mns_exchange_t *exchange)
{
    sl_buf_clear(&exchange->lines);
    exchange->line_count = 0;
}

void mns_exchange_line(mns_exchange_t *exchange, const char *name, const char *value)
{
    sl_buf_t *lines = &exchange->lines;
    assert(exchange->line_count < MNS_HTTP_LINES_MAX);
    exchange->line_at[exchange->line_count++] = lines->len;
    sl_buf_append_str(lines, name);
    sl_buf_append_str(lines, value == NULL ? ":" : ": ");
    sl_buf_append_str(lines, value == NULL ? "" : value);
    sl_buf_append_byte(lines, '\0');
}

/* curl only reads the list and keeps no copy: ours lives in the exchange and costs no memory. */
static struct curl_slist *link_lines(mns_exchange_t *exchange)
{
    for (size_t i = 0; i < exchange->line_count; i++)
        exchange->list[i] = (struct curl_slist){
            .data = (char *)exchange->lines.data + exchange->line_at[i],
            .next = i + 1 < exchange->line_count ? &exchange->list[i + 1] : NULL};
    return exchange->line_count == 0 ? NULL : exchange->list;
}

static bool easy_request(const mns_http_t *http, mns_exchange_t *exchange)
{
    CURL *easy = exchange->easy;
    sl_buf_clear(&exchange->url);
    sl_buf_append_str(&exchange->url, exchange->base != NULL ? exchange->base : http->base);
    sl_buf_append(&exchange->url, exchange->target, strlen(exchange->target) + 1);
    if (exchange->url.failed || exchange->lines.failed)
        return false;
    SET(CURLOPT_URL, (const char *)exchange->url.data);
    SET(CURLOPT_HTTPHEADER, link_lines(exchange));
    SET(CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
    bool plain_get = strcmp(exchange->verb, "GET") == 0;
    if (exchange->body_len > 0 || strcmp(exchange->verb, "PUT") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, exchange->body_len > 0 ? exchange->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_len);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, plain_get ? NULL : exchange->verb);
    return true;
}

/* -- in flight ------------------------------------------------------------------------------- */

static mns_err transport_err(const mns_exchange_t *exchange, CURLcode code)
{
    if (exchange->too_large)
        return MNS_EPROTO;
    if (exchange->no_memory)
        return MNS_ENOMEM;
    switch (code) {
    case CURLE_OK: /* curl says so of a head that breaks off, too */
        return exchange->head_complete ? MNS_OK : MNS_EIO;
    case CURLE_OUT_OF_MEMORY:
        return MNS_ENOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return MNS_ETIMEDOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or no HTTP at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return MNS_EPROTO;
    default:
        return MNS_EIO;
    }
}

static bool is_distrust(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR;
}

static void finish(mns_http_t *http, mns_exchange_t *exchange, CURLcode code)
{
    long status = 0, sent_bytes = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    exchange->status = (int)status;
    exchange->unsent = code != CURLE_OK && sent_bytes == 0;
    exchange->distrusted = is_distrust(code);
    exchange->err = transport_err(exchange, code);
    if (exchange->too_large)
        snprintf(exchange->note, sizeof exchange->note, "the answer is too large");
    else if (exchange->err != MNS_OK && exchange->note[0] == '\0')
        snprintf(exchange->note, sizeof exchange->note, "%s",
                 code == CURLE_OK ? "the answer broke off" : curl_easy_strerror(code));
    exchange->next = NULL;
    *http->done_tail = exchange;
    http->done_tail = &exchange->next;
}

/* Moves what curl has finished to the done list. */
static void collect(mns_http_t *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* `message` ends with the handle's removal */
        mns_exchange_t *exchange = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&exchange);
        curl_multi_remove_handle(http->multi, easy);
        finish(http, exchange, code);
    }
}

static void act(mns_http_t *http, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(http->multi, fd, events, &running);
}

mns_err mns_http_start(mns_http_t *http, mns_exchange_t *exchange)
{
    if (exchange->in.cap > KEEP_BODY_BYTES)
        sl_buf_fini(&exchange->in);
    sl_buf_clear(&exchange->in);
    exchange->err = MNS_OK;
    exchange->status = 0;
    exchange->head_bytes = 0;
    exchange->sendings = 0;
    exchange->unsent = exchange->distrusted = false;
    exchange->too_large = exchange->no_memory = false;
    exchange->note[0] = '\0';
    forget_headers(exchange);
    if (!easy_request(http, exchange) ||
        curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
        return MNS_ENOMEM;
    act(http, CURL_SOCKET_TIMEOUT, 0); /* on a kept-alive connection it is sent here */
    collect(http);
    return MNS_OK;
}

static int64_t next_ns(const mns_http_t *http)
{
    return http->due_ns < http->wake_ns ? http->due_ns : http->wake_ns;
}

static int wait_ms(const mns_http_t *http, int timeout_ms)
{
    if (http->done != NULL)
        return 0;
    int64_t at_ns = next_ns(http);
    if (at_ns == NEVER)
        return timeout_ms;
    int64_t due_ms = (at_ns - now_ns() + 999999) / 1000000;
    if (due_ms < 0)
        due_ms = 0;
    if (due_ms > INT32_MAX)
        due_ms = INT32_MAX;
    return timeout_ms < 0 || due_ms < timeout_ms ? (int)due_ms : timeout_ms;
}

void mns_http_turn(mns_http_t *http, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(http->epoll, events, EVENTS_MAX, wait_ms(http, timeout_ms));
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd == http->timer) {
            uint64_t fired;
            if (read(http->timer, &fired, sizeof fired) == sizeof fired)
                http->armed_ns = NEVER;
            continue;
        }
        int what = (events[i].events & (EPOLLIN | EPOLLRDHUP) ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        act(http, events[i].data.fd, what);
    }
    int64_t due_ns = http->due_ns, now = now_ns();
    if (due_ns <= now) {
        act(http, CURL_SOCKET_TIMEOUT, 0);
        if (http->due_ns == due_ns) /* curl rounds to ms: we were early, it will not say it again */
            http->due_ns = now + 1000000;
    }
    collect(http);
}

mns_exchange_t *mns_http_take(mns_http_t *http)
{
    mns_exchange_t *exchange = http->done;
    if (exchange == NULL)
        return NULL;
    http->done = exchange->next;
    if (http->done == NULL)
        http->done_tail = &http->done;
    return exchange;
}

int mns_http_fd(const mns_http_t *http)
{
    return http->epoll;
}

void mns_http_wake(mns_http_t *http, int64_t at_ns)
{
    http->wake_ns = at_ns > 0 ? at_ns : 1; /* 0 would disarm the timer */
}

void mns_http_settle(mns_http_t *http)
{
    int64_t at = http->done != NULL ? 1 : next_ns(http);
    if (at >= http->armed_ns) /* it will fire early enough; too early costs one idle turn */
        return;
    struct itimerspec spec = {.it_value = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000}};
    if (timerfd_settime(http->timer, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        http->armed_ns = at;
}

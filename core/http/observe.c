/* A thread with a server; three routes. */
#include "http/observe.h"

#include "http/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct observe {
    http_server_t *server;
    observe_options_t options;
    int stop_fd;
    bool stop, started;
    pthread_t thread;
};

/* -- the pages ----------------------------------------------------------------------------- */

typedef struct page {
    unsigned status;
    const char *type;
    sl_buf_t body;
} page_t;

static void metrics_page(const observe_options_t *o, page_t *page)
{
    page->type = "text/plain; version=0.0.4; charset=utf-8";
    counter_render(o->registry, &page->body);
}

static void health_page(const observe_options_t *o, page_t *page)
{
    (void)o;
    sl_buf_append_str(&page->body, "ok\n");
}

static void ready_page(const observe_options_t *o, page_t *page)
{
    const char *reason = "not ready";
    if (o->ready == NULL || o->ready(o->ctx, &reason)) {
        sl_buf_append_str(&page->body, "ready\n");
        return;
    }
    page->status = 503;
    sl_buf_printf(&page->body, "%s\n", reason);
}

typedef void page_fn(const observe_options_t *options, page_t *page);

static page_fn *find_page(const char *target)
{
    static const struct {
        const char *path;
        page_fn *make;
    } pages[] = {{"/metrics", metrics_page}, {"/healthz", health_page}, {"/readyz", ready_page}};
    size_t len = strcspn(target, "?");
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strlen(pages[i].path) == len && memcmp(pages[i].path, target, len) == 0)
            return pages[i].make;
    return NULL;
}

static void send_page(http_request_t *request, page_t *page)
{
    http_reply_t reply = {.status = page->body.failed ? 500 : page->status,
                          .type = page->type,
                          .ownership = HTTP_BODY_TAKE};
    reply.body = sl_buf_take(&page->body, &reply.body_len);
    http_request_reply(request, &reply);
}

bool observe_reply(const observe_options_t *options, http_request_t *request)
{
    page_fn *make = find_page(http_request_target(request));
    if (make == NULL)
        return false;
    const char *method = http_request_method(request);
    page_t page = {.status = 200, .type = "text/plain; charset=utf-8"};
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        make(options, &page);
    else
        page.status = 405;
    send_page(request, &page);
    return true;
}

/* -- the thread ---------------------------------------------------------------------------- */

static void on_request(void *ctx, http_request_t *request)
{
    const observe_t *o = ctx;
    if (observe_reply(&o->options, request))
        return;
    page_t page = {.status = 404, .type = "text/plain; charset=utf-8"};
    sl_buf_append_str(&page.body, "no such page; try /metrics, /healthz or /readyz\n");
    send_page(request, &page);
}

static void on_stop(void *ctx)
{
    ((observe_t *)ctx)->stop = true;
}

static void *serve(void *ctx)
{
    observe_t *o = ctx;
    while (!o->stop && http_server_run(o->server, -1) == SL_OK)
        ;
    return NULL;
}

static sl_err start(observe_t *o, const char *listen)
{
    o->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->stop_fd < 0)
        return SL_EIO;
    http_server_options_t options = {.listen = listen,
                                     .on_request = on_request,
                                     .ctx = o,
                                     .max_body = 1024,
                                     .max_connections = 64,
                                     .idle_ms = 30000,
                                     .request_ms = 10000};
    sl_err err = http_server_create(&o->server, &options);
    if (err == SL_OK)
        err = http_server_watch(o->server, o->stop_fd, on_stop, o);
    if (err != SL_OK)
        return err;
    o->started = pthread_create(&o->thread, NULL, serve, o) == 0;
    return o->started ? SL_OK : SL_ENOMEM;
}

sl_err observe_create(observe_t **out, const observe_options_t *options)
{
    observe_t *o = calloc(1, sizeof *o);
    if (o == NULL)
        return SL_ENOMEM;
    o->options = *options;
    sl_err err = start(o, options->listen);
    if (err != SL_OK)
        observe_destroy(&o);
    else
        *out = o;
    return err;
}

const char *observe_url(const observe_t *observe)
{
    return http_server_url(observe->server);
}

void observe_destroy(observe_t **observe)
{
    observe_t *o = *observe;
    if (o == NULL)
        return;
    if (o->started) {
        eventfd_write(o->stop_fd, 1);
        pthread_join(o->thread, NULL);
    }
    http_server_destroy(&o->server);
    if (o->stop_fd >= 0)
        close(o->stop_fd);
    free(o);
    *observe = NULL;
}

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
    counter_registry_t *registry;
    bool (*ready)(void *ctx, const char **reason);
    void *ctx;
    int stop_fd;
    bool stop, started;
    pthread_t thread;
};

static unsigned page(observe_t *o, const char *target, size_t len, sl_buf_t *body)
{
    const char *reason = "not ready";
#define IS(text) (len == sizeof(text) - 1 && memcmp(target, text, len) == 0)
    if (IS("/metrics")) {
        counter_render(o->registry, body);
    } else if (IS("/healthz")) {
        sl_buf_append_str(body, "ok\n");
    } else if (!IS("/readyz")) {
        sl_buf_append_str(body, "no such page; try /metrics, /healthz or /readyz\n");
        return 404;
    } else if (o->ready != NULL && !o->ready(o->ctx, &reason)) {
        sl_buf_printf(body, "%s\n", reason);
        return 503;
    } else {
        sl_buf_append_str(body, "ready\n");
    }
#undef IS
    return 200;
}

static void on_request(void *ctx, http_request_t *request)
{
    const char *method = http_request_method(request);
    const char *target = http_request_target(request);
    sl_buf_t body = SL_BUF_INIT;
    http_reply_t reply = {.status = 405, .ownership = HTTP_BODY_TAKE};
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        reply.status = page(ctx, target, strcspn(target, "?"), &body);
    if (body.failed)
        reply.status = 500;
    bool metrics = strncmp(target, "/metrics", strlen("/metrics")) == 0 && reply.status == 200;
    reply.type = metrics ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";
    reply.body = sl_buf_take(&body, &reply.body_len);
    http_request_reply(request, &reply);
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
    o->registry = options->registry;
    o->ready = options->ready;
    o->ctx = options->ctx;
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

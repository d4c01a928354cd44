#include "http/observe.h"

#include "listen.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct observe {
    struct MHD_Daemon *daemon;
    counter_registry_t *registry;
    bool (*ready)(void *ctx, const char **reason);
    void *ctx;
    int fd;
    char url[HTTP_URL_MAX];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, sl_buf_t *body,
                             const char *type)
{
    size_t len;
    uint8_t *bytes = sl_buf_take(body, &len);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(bytes);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static unsigned answer(observe_t *o, const char *path, sl_buf_t *body)
{
    const char *reason = "not ready";
    if (strcmp(path, "/metrics") == 0) {
        counter_render(o->registry, body);
    } else if (strcmp(path, "/healthz") == 0) {
        sl_buf_append_str(body, "ok\n");
    } else if (strcmp(path, "/readyz") != 0) {
        sl_buf_append_str(body, "no such page; try /metrics, /healthz or /readyz\n");
        return 404;
    } else if (o->ready != NULL && !o->ready(o->ctx, &reason)) {
        sl_buf_printf(body, "%s\n", reason);
        return 503;
    } else {
        sl_buf_append_str(body, "ready\n");
    }
    return body->failed ? 500 : 200;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    (void)version;
    (void)upload;
    static int seen;
    if (*state == NULL) { /* the head only: answering now would close the connection */
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_len > 0) { /* nobody has anything to tell here: read past it */
        *upload_len = 0;
        return MHD_YES;
    }
    sl_buf_t body = SL_BUF_INIT;
    unsigned status = 405;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        status = answer(cls, path, &body);
    const char *type =
        strcmp(path, "/metrics") == 0 ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain";
    return reply(connection, status, &body, type);
}

sl_err observe_create(observe_t **out, const observe_options_t *options)
{
    observe_t *o = calloc(1, sizeof *o);
    if (o == NULL)
        return SL_ENOMEM;
    o->fd = -1;
    o->registry = options->registry;
    o->ready = options->ready;
    o->ctx = options->ctx;
    sl_err err = http_listen(options->listen, &o->fd, o->url);
    if (err != SL_OK)
        goto fail;
    o->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request, o,
                         MHD_OPTION_LISTEN_SOCKET, o->fd, MHD_OPTION_CONNECTION_LIMIT, 64u,
                         MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
    err = SL_EIO;
    if (o->daemon == NULL)
        goto fail;
    *out = o;
    return SL_OK;
fail:
    observe_destroy(&o);
    return err;
}

const char *observe_url(const observe_t *observe)
{
    return observe->url;
}

void observe_destroy(observe_t **observe)
{
    observe_t *o = *observe;
    if (o == NULL)
        return;
    if (o->daemon != NULL)
        MHD_stop_daemon(o->daemon); /* closes the listening socket too */
    else if (o->fd >= 0)
        close(o->fd);
    free(o);
    *observe = NULL;
}

/* observe.h - /metrics, /healthz and /readyz of a program, on a thread of its own.
 *
 * /metrics: the registry as Prometheus text.  /healthz: 200 "ok" while the process lives.
 * /readyz: 200 "ready", or 503 and the reason. */
#ifndef HTTP_OBSERVE_H
#define HTTP_OBSERVE_H

#include "base/counter.h"
#include "base/err.h"
#include "http/server.h"

#include <stdbool.h>

typedef struct observe observe_t;

typedef struct observe_options {
    const char *listen; /**< "127.0.0.1:5580"; port 0 picks a free one; borrowed during create */
    counter_registry_t *registry; /**< borrowed until destroy */
    /** Called in the server's thread: is the program ready?  When not, *reason gets a static text.
     */
    bool (*ready)(void *ctx, const char **reason);
    void *ctx;
} observe_options_t;

/** @return SL_OK, SL_EINVAL (listen malformed), SL_EIO (cannot bind; errno), SL_ENOMEM. */
sl_err observe_create(observe_t **out, const observe_options_t *options);

/** "http://127.0.0.1:5580", with the real port.  Valid until destroy. */
const char *observe_url(const observe_t *observe);

void observe_destroy(observe_t **observe);

/** For a program that serves HTTP itself: answers a request for one of the three pages there.
 *  @param options  as above; `listen` is not used.
 *  @return false: the request is for something else, and not answered. */
bool observe_reply(const observe_options_t *options, http_request_t *request);

#endif

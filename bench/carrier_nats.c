/* carrier_nats.c - NATS core as a carrier, through its own client library, libnats, the usual way.
 *
 * - A publisher puts events into the library's buffer, and a thread of the library writes it. Where
 *   nobody holds the publisher, and so latency counts, each call writes by itself (SendAsap).
 * - A subscriber is a callback, which delivers straight into the sink from a thread of the library:
 *   each subscriber has its own.  In an open loop they take turns, since there the subscribers of a
 *   process share a histogram.
 *
 * Tried and left: the library as part of the crowd's event loop (natsOptions_SetEventLoop) with a
 * synchronous subscription.  It costs as much CPU a delivery, was half as fast, and a connection
 * takes half a second to close. */
#include "carrier_servers.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { IO_BYTES = 256 * 1024, FLUSH_TIMEOUT_MS = 10000 };

#define ALL ">"

extern const carrier_ops_t carrier_nats;

static bool sound(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return true;
    fprintf(stderr, "sluice-bench: nats: %s: %s\n", what, natsStatus_GetText(status));
    return false;
}

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_nats(server, setup, plan);
    carrier_add_version(server, "libnats %s", nats_GetVersion());
    return err;
}

static bool make_options(natsOptions **options, const carrier_plan_t *plan)
{
    return sound(natsOptions_Create(options), "options") &&
           sound(natsOptions_SetURL(*options, plan->url), "options") &&
           sound(natsOptions_SetAllowReconnect(*options, false), "options") &&
           sound(natsOptions_SetIOBufSize(*options, IO_BYTES), "options");
}

/* -- publisher ------------------------------------------------------------------------------ */

static void *pub_open(const carrier_plan_t *plan)
{
    natsOptions *options = NULL;
    natsConnection *nats = NULL;
    bool good = make_options(&options, plan) &&
                sound(natsOptions_SetSendAsap(options, !plan->held), "options") &&
                sound(natsConnection_Connect(&nats, options), "connecting");
    natsOptions_Destroy(options);
    return good ? nats : NULL;
}

/* The subject must end in NUL, as the mix's topics do. */
static bool pub_send(void *nats, const mix_event_t *event)
{
    return sound(natsConnection_Publish(nats, event->topic, event->data, (int)event->len),
                 "publishing");
}

/* The library's thread writes; natsConnection_Flush would wait for the server's answer too. */
static bool pub_flush(void *nats)
{
    (void)nats;
    return true;
}

static uint64_t pub_close(void *nats)
{
    sound(natsConnection_FlushTimeout(nats, FLUSH_TIMEOUT_MS), "the last events");
    natsConnection_Destroy(nats);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct nats_sub {
    natsConnection *nats;
    natsSubscription *all;
    carrier_sink_t sink; /* known with the first drain, which subscribes */
    int fd;              /* an eventfd: it is closed */
    bool held;
    _Atomic bool closed;
    bool ready;
    unsigned owed; /* under the lock: calls that the library makes yet, when all has ended */
} nats_sub_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static void owe(nats_sub_t *sub, int more)
{
    pthread_mutex_lock(&lock);
    sub->owed += (unsigned)more;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

static void on_closed(natsConnection *nats, void *ctx)
{
    nats_sub_t *sub = ctx;
    (void)nats;
    atomic_store(&sub->closed, true);
    eventfd_write(sub->fd, 1);
    owe(sub, -1);
}

static void on_complete(void *ctx)
{
    owe(ctx, -1);
}

/* The library dropped some: its own limit of what waits for a callback. */
static void on_error(natsConnection *nats, natsSubscription *all, natsStatus status, void *ctx)
{
    nats_sub_t *sub = ctx;
    (void)nats, (void)all;
    if (status == NATS_SLOW_CONSUMER)
        sub->sink.fault(sub->sink.ctx);
}

static void on_message(natsConnection *nats, natsSubscription *all, natsMsg *msg, void *ctx)
{
    nats_sub_t *sub = ctx;
    (void)nats, (void)all;
    if (!sub->held)
        pthread_mutex_lock(&lock);
    sub->sink.event(sub->sink.ctx, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
    if (!sub->held)
        pthread_mutex_unlock(&lock);
    natsMsg_Destroy(msg);
}

static bool connect_sub(nats_sub_t *sub, const carrier_plan_t *plan)
{
    natsOptions *options = NULL;
    bool good = make_options(&options, plan) &&
                sound(natsOptions_SetClosedCB(options, on_closed, sub), "options") &&
                sound(natsOptions_SetErrorHandler(options, on_error, sub), "options") &&
                sound(natsConnection_Connect(&sub->nats, options), "connecting");
    natsOptions_Destroy(options);
    if (good)
        owe(sub, 1);
    return good;
}

/* Without limits of the library's own, where the window is one.  When the server has answered the
 * flush, the subscription is in force. */
static bool subscribe(nats_sub_t *sub)
{
    if (!sound(natsConnection_Subscribe(&sub->all, sub->nats, ALL, on_message, sub),
               "subscribing") ||
        !sound(natsSubscription_SetOnCompleteCB(sub->all, on_complete, sub), "subscribing"))
        return false;
    owe(sub, 1);
    return (!sub->held || sound(natsSubscription_SetPendingLimits(sub->all, -1, -1), "limits")) &&
           sound(natsConnection_FlushTimeout(sub->nats, FLUSH_TIMEOUT_MS), "subscribing");
}

/* Its callbacks may still run when destroy returns; the last of them are waited for. */
static void sub_close(void *ctx)
{
    nats_sub_t *sub = ctx;
    natsSubscription_Destroy(sub->all);
    natsConnection_Destroy(sub->nats);
    pthread_mutex_lock(&lock);
    while (sub->owed > 0)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    close(sub->fd);
    free(sub);
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    nats_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    sub->held = plan->held;
    *fd = sub->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sub->fd >= 0 && connect_sub(sub, plan))
        return sub;
    sub_close(sub);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    return ((const nats_sub_t *)ctx)->ready;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    nats_sub_t *sub = ctx;
    eventfd_t news;
    eventfd_read(sub->fd, &news);
    if (sub->all == NULL) {
        sub->sink = *sink;
        sub->ready = subscribe(sub);
    }
    return sub->ready && !atomic_load(&sub->closed);
}

const carrier_ops_t carrier_nats = {
    .name = "nats",
    .guarantee = CARRIER_NATS_GUARANTEE,
    .settings = CARRIER_NATS_SETTINGS "; buffers of 256 KiB, callbacks; held: no pending limits, "
                                      "else SendAsap",
    .start = start,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

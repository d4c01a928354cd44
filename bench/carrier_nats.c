/* carrier_nats.c - NATS core as a carrier, through its own client library, libnats.
 *
 *     publisher    natsConnection_Publish into the library's buffer, which its thread writes when
 * it has some; or, where nobody holds the publisher and so latency counts, SendAsap: written by the
 * call itself subscriber   the library as part of an event loop (natsOptions_SetEventLoop) and a
 * synchronous subscription: what is readable is parsed and taken in the thread that drains, so that
 * no event is handed from thread to thread, which a callback's would be */
#include "carrier_servers.h"

#include <nats/nats.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IO_BYTES = 256 * 1024, FLUSH_TIMEOUT_MS = 10000, SUBJECT_BYTES = 64 };

#define ALL   ">"
#define READY "~ready"

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
    int fd;
    _Atomic bool writes; /* the library has something to write: its own thread may say so */
    bool ready;
    char subject[SUBJECT_BYTES]; /* of a message to itself, which proves that it is subscribed */
} nats_sub_t;

/* What the library asks of an event loop; ours is the sub itself. */
static natsStatus on_attach(void **user, void *loop, natsConnection *nats, natsSock fd)
{
    nats_sub_t *sub = loop;
    (void)nats;
    sub->fd = fd;
    *user = sub;
    return NATS_OK;
}

static natsStatus on_read(void *user, bool add)
{
    (void)user, (void)add; /* whoever drains reads always */
    return NATS_OK;
}

static natsStatus on_write(void *user, bool add)
{
    atomic_store(&((nats_sub_t *)user)->writes, add);
    return NATS_OK;
}

static natsStatus on_detach(void *user)
{
    (void)user;
    return NATS_OK;
}

static void write_out(nats_sub_t *sub)
{
    if (atomic_load(&sub->writes))
        natsConnection_ProcessWriteEvent(sub->nats);
}

static bool connect_sub(nats_sub_t *sub, const carrier_plan_t *plan)
{
    natsOptions *options = NULL;
    bool good =
        make_options(&options, plan) && sound(natsOptions_SetSendAsap(options, true), "options") &&
        sound(natsOptions_SetEventLoop(options, sub, on_attach, on_read, on_write, on_detach),
              "options") &&
        sound(natsConnection_Connect(&sub->nats, options), "connecting");
    natsOptions_Destroy(options);
    return good;
}

static void sub_close(void *ctx)
{
    nats_sub_t *sub = ctx;
    natsSubscription_Destroy(sub->all);
    natsConnection_Destroy(sub->nats);
    free(sub);
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    static unsigned number;
    nats_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    snprintf(sub->subject, sizeof sub->subject, READY ".%d.%u", (int)getpid(), number++);
    if (connect_sub(sub, plan) &&
        sound(natsConnection_SubscribeSync(&sub->all, sub->nats, ALL), "subscribing") &&
        sound(natsConnection_Publish(sub->nats, sub->subject, "", 0), "subscribing")) {
        write_out(sub);
        *fd = sub->fd;
        return sub;
    }
    sub_close(sub);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    return ((const nats_sub_t *)ctx)->ready;
}

/* Takes what has been parsed. */
static bool take_parsed(nats_sub_t *sub, const carrier_sink_t *sink)
{
    natsMsg *msg = NULL;
    natsStatus status;
    while ((status = natsSubscription_NextMsg(&msg, sub->all, 0)) == NATS_OK) {
        const char *subject = natsMsg_GetSubject(msg);
        if (subject[0] != READY[0])
            sink->event(sink->ctx, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
        else if (strcmp(subject, sub->subject) == 0)
            sub->ready = true;
        natsMsg_Destroy(msg);
    }
    if (status == NATS_SLOW_CONSUMER) /* the library's own limit: it dropped some */
        sink->fault(sink->ctx);
    return status == NATS_TIMEOUT || status == NATS_SLOW_CONSUMER;
}

static bool readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    return poll(&pfd, 1, 0) > 0;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    nats_sub_t *sub = ctx;
    while (readable(sub->fd)) {
        natsConnection_ProcessReadEvent(sub->nats); /* one read; it would wait for a second */
        if (!take_parsed(sub, sink) || natsConnection_IsClosed(sub->nats))
            return false;
    }
    write_out(sub); /* a PONG */
    return true;
}

const carrier_ops_t carrier_nats = {
    .name = "nats",
    .guarantee = CARRIER_NATS_GUARANTEE,
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

/* carrier_jetstream.c - NATS JetStream as a carrier, as the documentation of its client library,
 * libnats, shows it: events are published asynchronously into one stream in files, each with its id
 * as Nats-Msg-Id, and each subscriber is an ordered push consumer, which brings flow control and
 * heartbeats with it.
 *
 * Acknowledgements come in a thread of the library.  It speaks up only when one is an error
 * (ErrHandler): a call for each of them would cost more, and who waits is held by the window. */
#include "carrier_servers.h"
#include "client_nats.h"

#include <stdio.h>
#include <stdlib.h>

enum { RETRY_MS = 10 };

extern const carrier_ops_t carrier_jetstream;

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_jetstream(server, setup, plan);
    client_nats_add_version(server);
    return err;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct jetstream_pub {
    natsConnection *nats;
    jsCtx *js;
    _Atomic bool refused;
} jetstream_pub_t;

static void on_refused(jsCtx *js, jsPubAckErr *failed, void *ctx)
{
    jetstream_pub_t *pub = ctx;
    (void)js;
    if (!atomic_exchange(&pub->refused, true)) /* the first says why */
        fprintf(stderr, "sluice-bench: nats: an event was refused: %s\n",
                failed->ErrText != NULL ? failed->ErrText : natsStatus_GetText(failed->Err));
}

static void destroy_pub(jetstream_pub_t *pub)
{
    jsCtx_Destroy(pub->js);
    natsConnection_Destroy(pub->nats);
    free(pub);
}

/* Nobody publishes before every subscriber is there, and they wait for the stream: so one publisher
 * makes it for all. */
static void *pub_open(const carrier_plan_t *plan)
{
    jetstream_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.ErrHandler = on_refused;
    options.PublishAsync.ErrHandlerClosure = pub;
    pub->nats = client_nats_connect_pub(plan);
    if (pub->nats != NULL &&
        client_nats_sound(natsConnection_JetStream(&pub->js, pub->nats, &options), "JetStream") &&
        (plan->publisher > 0 || client_nats_make_stream(pub->js)))
        return pub;
    destroy_pub(pub);
    return NULL;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    jetstream_pub_t *pub = ctx;
    return client_nats_publish(pub->js, event, true);
}

/* The library's thread writes. */
static bool pub_flush(void *ctx)
{
    jetstream_pub_t *pub = ctx;
    return !atomic_load(&pub->refused);
}

static uint64_t pub_close(void *ctx)
{
    jetstream_pub_t *pub = ctx;
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = CLIENT_NATS_TIMEOUT_MS;
    if (client_nats_sound(js_PublishAsyncComplete(pub->js, &options), "the last acknowledgements"))
        destroy_pub(pub); /* else its callbacks may still come, and the process ends next */
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

/* From the stream's beginning, which is nothing yet. */
static bool subscribe(client_nats_sub_t *sub, natsMsgHandler on_message)
{
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = CLIENT_NATS_STREAM;
    options.Ordered = true;
    if (!client_nats_sound(natsConnection_JetStream(&sub->js, sub->nats, NULL), "JetStream"))
        return false;
    natsStatus status;
    int waited_ms = 0;
    while ((status = js_Subscribe(&sub->all, sub->js, CLIENT_NATS_ALL, on_message, sub, NULL,
                                  &options, NULL)) != NATS_OK &&
           waited_ms < CLIENT_NATS_TIMEOUT_MS) {
        nats_Sleep(RETRY_MS); /* the stream is not made yet */
        waited_ms += RETRY_MS;
    }
    return client_nats_sound(status, "subscribing");
}

/* What an ordered consumer finds missing, also where the library's own limit of what waits for a
 * callback dropped it, it fetches; and silence is no loss. */
static bool loses(natsStatus status)
{
    return status != NATS_SLOW_CONSUMER && status != NATS_MISMATCH &&
           status != NATS_MISSED_HEARTBEAT;
}

static const client_nats_way_t way = {.subscribe = subscribe, .loses = loses};

const carrier_ops_t carrier_jetstream = {
    .name = "jetstream",
    .guarantee = "acknowledged before it is synced, which nats-server 2.9 does every two minutes; "
                 "duplicates are recognised for two minutes; what a subscriber misses its client "
                 "fetches, as long as the stream keeps it",
    .settings = "the documented client alone: js_PublishAsync with Nats-Msg-Id, and an ordered "
                "push consumer with flow control and heartbeats for each subscriber; one stream in "
                "files; buffers of 256 KiB, callbacks; held: no pending limits, else SendAsap",
    .keeps = true,
    .detail = &way,
    .start = start,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = client_nats_sub_open,
    .sub_ready = client_nats_sub_ready,
    .sub_drain = client_nats_sub_drain,
    .sub_close = client_nats_sub_close,
};

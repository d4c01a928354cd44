/* carrier_nats.c - NATS core as a carrier, through its own client library, libnats, the usual way:
 * a publisher puts events into the library's buffer, and a thread of the library writes it;
 * subscribers are callbacks (client_nats.h).
 *
 * Tried and left: the library as part of the crowd's event loop (natsOptions_SetEventLoop) with a
 * synchronous subscription.  It costs as much CPU a delivery, was half as fast, and a connection
 * takes half a second to close. */
#include "carrier_servers.h"
#include "client_nats.h"

#define ALL ">"

extern const carrier_ops_t carrier_nats;

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_nats(server, setup, plan);
    client_nats_add_version(server);
    return err;
}

/* -- publisher ------------------------------------------------------------------------------ */

static void *pub_open(const carrier_plan_t *plan)
{
    return client_nats_connect_pub(plan);
}

/* The subject must end in NUL, as the mix's topics do. */
static bool pub_send(void *nats, const mix_event_t *event)
{
    return client_nats_sound(
        natsConnection_Publish(nats, event->topic, event->data, (int)event->len), "publishing");
}

/* The library's thread writes; natsConnection_Flush would wait for the server's answer too. */
static bool pub_flush(void *nats)
{
    (void)nats;
    return true;
}

static uint64_t pub_close(void *nats)
{
    client_nats_sound(natsConnection_FlushTimeout(nats, CLIENT_NATS_TIMEOUT_MS), "the last events");
    natsConnection_Destroy(nats);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

static bool subscribe(client_nats_sub_t *sub, natsMsgHandler on_message)
{
    return client_nats_sound(natsConnection_Subscribe(&sub->all, sub->nats, ALL, on_message, sub),
                             "subscribing");
}

/* The library dropped some: its own limit of what waits for a callback. */
static bool loses(natsStatus status)
{
    return status == NATS_SLOW_CONSUMER;
}

static const client_nats_way_t way = {.subscribe = subscribe, .loses = loses};

const carrier_ops_t carrier_nats = {
    .name = "nats",
    .guarantee = CARRIER_NATS_GUARANTEE,
    .settings = CARRIER_NATS_SETTINGS "; buffers of 256 KiB, callbacks; held: no pending limits, "
                                      "else SendAsap",
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

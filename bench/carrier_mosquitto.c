/* carrier_mosquitto.c - mosquitto with QoS 0 as a carrier, through its own client library,
 * libmosquitto, driven from outside as its documentation shows for programs with a loop of their
 * own: a publish is written by the call itself as far as the socket takes it, and a subscriber's
 * callback delivers straight into the sink, in the thread that drains. */
#include "carrier_servers.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEEPALIVE_S = 3600 /* longer than any bench: nobody need ping */ };

extern const carrier_ops_t carrier_mosquitto;

/* One connection, a publisher's or a subscriber's. */
typedef struct mqtt {
    struct mosquitto *mosquitto;
    bool ready;                 /* connected; of a subscriber: subscribed */
    const carrier_sink_t *sink; /* while it drains */
} mqtt_t;

static bool sound(int code, const char *what)
{
    if (code == MOSQ_ERR_SUCCESS)
        return true;
    fprintf(stderr, "sluice-bench: mosquitto: %s: %s\n", what, mosquitto_strerror(code));
    return false;
}

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    int major, minor, revision;
    sl_err err = carrier_start_mosquitto(server, setup, plan);
    mosquitto_lib_version(&major, &minor, &revision);
    carrier_add_version(server, "libmosquitto %d.%d.%d", major, minor, revision);
    return err;
}

static void close_mqtt(mqtt_t *mqtt)
{
    mosquitto_destroy(mqtt->mosquitto);
    free(mqtt);
}

static mqtt_t *open_mqtt(const carrier_plan_t *plan)
{
    mosquitto_lib_init(); /* counts how often */
    mqtt_t *mqtt = calloc(1, sizeof *mqtt);
    if (mqtt == NULL)
        return NULL;
    mqtt->mosquitto = mosquitto_new(NULL, true, mqtt);
    if (mqtt->mosquitto != NULL &&
        sound(mosquitto_int_option(mqtt->mosquitto, MOSQ_OPT_TCP_NODELAY, !plan->held),
              "options") &&
        sound(mosquitto_connect(mqtt->mosquitto, "127.0.0.1", plan->port, KEEPALIVE_S),
              "connecting"))
        return mqtt;
    close_mqtt(mqtt);
    return NULL;
}

/* Reads, and calls back, until nothing is there: one packet a call, and the call does not say
 * whether it found one, but leaves errno as its read did. */
static bool read_all(mqtt_t *mqtt)
{
    for (;;) {
        errno = 0;
        if (mosquitto_loop_read(mqtt->mosquitto, 1) != MOSQ_ERR_SUCCESS)
            return false;
        if (errno == EAGAIN)
            return true;
    }
}

/* -- publisher ------------------------------------------------------------------------------ */

static void on_connect(struct mosquitto *mosquitto, void *ctx, int code)
{
    (void)mosquitto;
    ((mqtt_t *)ctx)->ready = code == 0;
}

static void *pub_open(const carrier_plan_t *plan)
{
    mqtt_t *mqtt = open_mqtt(plan);
    if (mqtt != NULL)
        mosquitto_connect_callback_set(mqtt->mosquitto, on_connect);
    return mqtt;
}

static bool pub_ready(void *ctx)
{
    return ((mqtt_t *)ctx)->ready;
}

/* What the socket did not take lies in the library's queue, which has no limit. */
static bool write_all(mqtt_t *mqtt)
{
    while (mosquitto_want_write(mqtt->mosquitto)) {
        struct pollfd pfd = {.fd = mosquitto_socket(mqtt->mosquitto), .events = POLLOUT};
        if (poll(&pfd, 1, -1) <= 0 || !sound(mosquitto_loop_write(mqtt->mosquitto, 1), "writing"))
            return false;
    }
    return true;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    mqtt_t *mqtt = ctx;
    return sound(mosquitto_publish(mqtt->mosquitto, NULL, event->topic, (int)event->len,
                                   event->data, 0, false),
                 "publishing") &&
           write_all(mqtt);
}

static bool pub_flush(void *ctx)
{
    mqtt_t *mqtt = ctx;
    return write_all(mqtt) && read_all(mqtt);
}

static uint64_t pub_close(void *ctx)
{
    pub_flush(ctx);
    close_mqtt(ctx);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

static void on_message(struct mosquitto *mosquitto, void *ctx,
                       const struct mosquitto_message *message)
{
    const carrier_sink_t *sink = ((mqtt_t *)ctx)->sink;
    (void)mosquitto;
    sink->event(sink->ctx, message->payload, (size_t)message->payloadlen);
}

static void on_subscribed(struct mosquitto *mosquitto, void *ctx, int mid, int count,
                          const int *granted)
{
    bool all = true;
    (void)mosquitto, (void)mid;
    for (int i = 0; i < count; i++)
        all = all && granted[i] == 0;
    ((mqtt_t *)ctx)->ready = all;
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    char *topics[MIX_TOPICS];
    mqtt_t *mqtt = open_mqtt(plan);
    if (mqtt == NULL)
        return NULL;
    for (size_t i = 0; i < MIX_TOPICS; i++)
        topics[i] = (char *)plan->topics[i]; /* it does not write there */
    mosquitto_message_callback_set(mqtt->mosquitto, on_message);
    mosquitto_subscribe_callback_set(mqtt->mosquitto, on_subscribed);
    if (sound(mosquitto_subscribe_multiple(mqtt->mosquitto, NULL, MIX_TOPICS, topics, 0, 0, NULL),
              "subscribing") &&
        write_all(mqtt)) {
        *fd = mosquitto_socket(mqtt->mosquitto);
        return mqtt;
    }
    close_mqtt(mqtt);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    return ((const mqtt_t *)ctx)->ready;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    mqtt_t *mqtt = ctx;
    mqtt->sink = sink;
    return read_all(mqtt);
}

static void sub_close(void *ctx)
{
    close_mqtt(ctx);
}

const carrier_ops_t carrier_mosquitto = {
    .name = "mosquitto",
    .guarantee = CARRIER_MOSQUITTO_GUARANTEE,
    .settings = CARRIER_MOSQUITTO_SETTINGS,
    .start = start,
    .pub_open = pub_open,
    .pub_ready = pub_ready,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

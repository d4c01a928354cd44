/* sluice-broker - takes events from publishers, numbers them, fans them out. */
#include "base/heap.h"
#include "base/log.h"
#include "broker.h"
#include "http/observe.h"
#include "signals.h"
#include "sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

extern char **environ;

enum {
    EXIT_USAGE = 2,
    MS = 1000 * 1000,
    WAIT_NS = 1000 * MS,
    TIMER_SLACK_NS = 1000, /* the feed tries again after 40 us at first, not after 90 */
    DESCRIPTORS_OWN = 64,
    PEERS_SOCKETS = 3,
};

static void tune_process(void)
{
    sl_heap_keep_freed();
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
}

/* At the limit of descriptors libzmq's I/O thread spins, and nobody can connect any more; so fewer
 * connections are admitted than there are descriptors.  The rest is for those that are being
 * refused. */
static void bound_connections(broker_options_t *options)
{
    uint64_t files = sockets_raise_files();
    uint64_t spare = files > DESCRIPTORS_OWN ? (files - DESCRIPTORS_OWN) / 4 * 3 : 0;
    uint64_t most = spare / PEERS_SOCKETS > 0 ? spare / PEERS_SOCKETS : 1;
    if (options->connections <= most)
        return;
    LOG_WARN("BROKER-FILES",
             "limit=%llu wanted=%llu connections=%llu; the process may open too few descriptors: "
             "feed, intake and query admit fewer connections each; raise the limit, or lower "
             "--connections",
             (unsigned long long)files, (unsigned long long)options->connections,
             (unsigned long long)most);
    options->connections = most;
}

/* One sentence. */
static void say_failed(sl_err err, const char *failed)
{
    const char *why = err == SL_EIO ? zmq_strerror(errno) : sl_err_text(err);
    if (err == SL_EEXIST || err == SL_ELIMIT || err == SL_EVERSION || err == SL_EPROTO)
        /* `failed` says it all */
        fprintf(stderr, "sluice-broker: %s\n", failed);
    else
        fprintf(stderr, "sluice-broker: %s: %s\n", failed, why);
}

static bool is_ready(void *ctx, const char **reason)
{
    broker_t *b = ctx;
    *reason = "draining";
    return atomic_load(&b->serving);
}

static sl_err start_http(observe_t **observe, counter_registry_t *registry, broker_t *b)
{
    const char *listen = b->o.http;
    if (*listen == '\0' || strcmp(listen, "off") == 0)
        return SL_OK;
    observe_options_t options = {
        .listen = listen, .registry = registry, .ready = is_ready, .ctx = b};
    sl_err err = observe_create(observe, &options);
    if (err != SL_OK)
        fprintf(stderr, "sluice-broker: cannot serve http on %s: %s\n", listen,
                err == SL_EINVAL ? "no ADDR:PORT" : strerror(errno));
    return err;
}

static void say_ready(const broker_t *b, const observe_t *observe)
{
    printf("ready feed=%s intake=%s query=%s", b->feed_endpoint, b->intake_endpoint,
           b->query_endpoint);
    if (observe != NULL)
        printf(" http=%s", observe_url(observe));
    printf("\n");
    fflush(stdout);
    LOG_INFO("BROKER-READY", "stream=%llu feed=%s intake=%s query=%s",
             (unsigned long long)b->sequencer.o.stream, b->feed_endpoint, b->intake_endpoint,
             b->query_endpoint);
}

/* Serves until a signal; then finishes what was taken, as long as the drain time lasts. */
static void serve(broker_t *b, signals_t *signals)
{
    while (!signals_take(signals))
        for (int turns = 0; turns < 64 && broker_turn(b, WAIT_NS, signals->fd) > 0; turns++)
            ;
    LOG_INFO("BROKER-DRAINING", "drain_ms=%llu", (unsigned long long)b->o.drain_ms);
    broker_begin_drain(b);
    uint64_t until_ns = sl_clock_mono_ns(b->clock) + b->o.drain_ms * MS;
    bool hurry = false;
    do {
        broker_turn(b, MS, signals->fd);
        hurry = hurry || signals_take(signals);
    } while (!broker_is_drained(b) && !hurry && sl_clock_mono_ns(b->clock) < until_ns);
    feed_tick(&b->feed, WIRE_TICK_TOPIC, sizeof WIRE_TICK_TOPIC - 1);
    while (!broker_is_drained(b) && !hurry && sl_clock_mono_ns(b->clock) < until_ns)
        broker_turn(b, MS, signals->fd);
}

static int run(broker_options_t *options)
{
    static broker_t broker;
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    counter_set_t set = {
        .defs = broker_counter_defs, .values = broker.counters, .count = BROKER_COUNTER_COUNT};
    observe_t *observe = NULL;
    const char *failed;
    int status = EXIT_FAILURE;
    bound_connections(options);
    signals_t signals;
    signals_open(&signals);
    sl_err err = broker_init(&broker, options, NULL, &sl_clock_system, &failed);
    signals_started(&signals);
    if (err != SL_OK) {
        say_failed(err, failed);
    } else {
        counter_registry_add(&registry, &set);
        if (start_http(&observe, &registry, &broker) == SL_OK) {
            say_ready(&broker, observe);
            serve(&broker, &signals);
            status = EXIT_SUCCESS;
        }
        observe_destroy(&observe);
        if (broker_fini(&broker, status == EXIT_SUCCESS ? (int)options->drain_ms : 0) != SL_OK)
            status = EXIT_FAILURE;
    }
    signals_close(&signals);
    return status;
}

int main(int argc, char **argv)
{
    broker_options_t options = {0};
    config_t *config = NULL;
    int status = EXIT_SUCCESS;
    switch (config_read(&config, &broker_program, &options, argc, argv, environ, stdout, stderr)) {
    case CONFIG_RUN:
        tune_process();
        status = run(&options);
        break;
    case CONFIG_DONE:
        break;
    case CONFIG_BAD:
        status = EXIT_USAGE;
        break;
    }
    config_free(&config);
    return status;
}

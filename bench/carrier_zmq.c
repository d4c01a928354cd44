/* carrier_zmq.c - raw ZeroMQ as a carrier, each event a message of two frames:
 *
 *     xpub     the publisher binds an XPUB, each subscriber connects a SUB to it
 *     proxy    the publishers connect to the XSUB of a zmq_proxy, the subscribers to its XPUB, with
 *              libzmq's defaults; the proxy is a process of its own, forked from the bench
 *
 * Nobody tells a subscriber that its subscription is in force.  So until its first event a
 * publisher sends a probe with a flush now and then, and who has got one is ready. */
#include "carrier_servers.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { FLUSH_LINGER_MS = 1000, START_TIMEOUT_MS = 10000, PROBE_NS = 20000000 };

#define MONITOR "inproc://monitor"
#define PROBE   "~probe"

#define SETTINGS "two frames an event, one I/O thread a process; held: no high-water marks"

extern const carrier_ops_t carrier_proxy;

/* One context for all sockets of a process, so that they share its I/O thread. */
static void *shared_context(void)
{
    static void *context;
    if (context == NULL)
        context = zmq_ctx_new();
    return context;
}

/* Where the window bounds what waits, the high-water marks must not drop any of it. */
static void lift_limits(void *socket)
{
    zmq_setsockopt(socket, ZMQ_SNDHWM, &(int){0}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &(int){0}, sizeof(int));
}

static void put_version(carrier_server_t *server)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(server->version, sizeof server->version, "libzmq %d.%d.%d", major, minor, patch);
}

/* Where `name` is to be; over TCP its port is still free to choose. */
static void put_endpoint(const carrier_setup_t *setup, const char *name, char *out)
{
    enum { PATH_MAX_BYTES = 200 /* a socket's path is shorter yet */ };
    if (setup->transport == DAEMONS_IPC)
        snprintf(out, DAEMONS_ENDPOINT_MAX, "ipc://%.*s/%s", PATH_MAX_BYTES, setup->place->dir,
                 name);
    else
        snprintf(out, DAEMONS_ENDPOINT_MAX, "tcp://127.0.0.1:*");
}

/* -- publisher ------------------------------------------------------------------------------ */

/* An XPUB as the proxy's publisher too: it is a PUB that shows the subscriptions it gets. */
typedef struct zmq_pub {
    void *socket, *monitor;
    bool subscribed, begun;
    uint64_t probed_ns;
    uint64_t disconnected;
} zmq_pub_t;

static void destroy(zmq_pub_t *pub)
{
    zmq_setsockopt(pub->socket, ZMQ_LINGER, &(int){FLUSH_LINGER_MS}, sizeof(int));
    if (pub->monitor != NULL)
        zmq_close(pub->monitor);
    zmq_close(pub->socket);
    free(pub);
}

static zmq_pub_t *new_pub(const carrier_plan_t *plan)
{
    zmq_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    pub->socket = zmq_socket(shared_context(), ZMQ_XPUB);
    if (pub->socket == NULL) {
        free(pub);
        return NULL;
    }
    if (plan->held)
        lift_limits(pub->socket);
    return pub;
}

static void *sound_pub(zmq_pub_t *pub, bool good)
{
    if (good)
        return pub;
    fprintf(stderr, "sluice-bench: publisher: %s\n", zmq_strerror(errno));
    if (pub != NULL)
        destroy(pub);
    return NULL;
}

static void *xpub_open(const carrier_plan_t *plan)
{
    zmq_pub_t *pub = new_pub(plan);
    if (pub != NULL)
        pub->monitor = zmq_socket(shared_context(), ZMQ_PAIR);
    return sound_pub(
        pub, pub != NULL && pub->monitor != NULL &&
                 zmq_socket_monitor(pub->socket, MONITOR, ZMQ_EVENT_DISCONNECTED) == 0 &&
                 zmq_connect(pub->monitor, MONITOR) == 0 && zmq_bind(pub->socket, plan->feed) == 0);
}

static void *proxied_open(const carrier_plan_t *plan)
{
    zmq_pub_t *pub = new_pub(plan);
    return sound_pub(pub, pub != NULL && zmq_connect(pub->socket, plan->intake) == 0);
}

static bool pub_ready(void *ctx)
{
    zmq_pub_t *pub = ctx;
    uint8_t message[64];
    int len;
    while ((len = zmq_recv(pub->socket, message, sizeof message, ZMQ_DONTWAIT)) >= 0)
        pub->subscribed = pub->subscribed || (len > 0 && message[0] == 1);
    return pub->subscribed;
}

static bool send_two(void *socket, const void *topic, size_t topic_len, const void *data,
                     size_t len)
{
    return zmq_send(socket, topic, topic_len, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, data, len, 0) >= 0;
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    zmq_pub_t *pub = ctx;
    pub->begun = true;
    return send_two(pub->socket, event->topic, event->topic_len, event->data, event->len);
}

/* Each event of a monitor is two frames; the first begins with its number. */
static void count_disconnects(zmq_pub_t *pub)
{
    uint8_t frame[64];
    while (pub->monitor != NULL && zmq_recv(pub->monitor, frame, sizeof frame, ZMQ_DONTWAIT) >= 2) {
        uint16_t number;
        memcpy(&number, frame, sizeof number);
        pub->disconnected += number == ZMQ_EVENT_DISCONNECTED;
        zmq_recv(pub->monitor, frame, sizeof frame, 0);
    }
}

/* Now and then: a thousand subscribers that each get a thousand probes a second join slowly. */
static bool probe(zmq_pub_t *pub)
{
    uint64_t now_ns = bench_now_ns();
    if (now_ns - pub->probed_ns < PROBE_NS)
        return true;
    pub->probed_ns = now_ns;
    return send_two(pub->socket, PROBE, strlen(PROBE), "", 0);
}

static bool pub_flush(void *ctx)
{
    zmq_pub_t *pub = ctx;
    count_disconnects(pub);
    return pub->begun || probe(pub);
}

static uint64_t pub_close(void *ctx)
{
    zmq_pub_t *pub = ctx;
    count_disconnects(pub);
    uint64_t disconnected = pub->disconnected;
    destroy(pub);
    return disconnected;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct zmq_sub {
    void *socket;
    bool ready;
    zmq_msg_t topic, event;
} zmq_sub_t;

static void sub_close(void *ctx)
{
    zmq_sub_t *sub = ctx;
    zmq_msg_close(&sub->topic);
    zmq_msg_close(&sub->event);
    if (sub->socket != NULL)
        zmq_close(sub->socket);
    free(sub);
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    zmq_sub_t *sub = calloc(1, sizeof *sub);
    size_t size = sizeof *fd;
    if (sub == NULL)
        return NULL;
    zmq_msg_init(&sub->topic);
    zmq_msg_init(&sub->event);
    sub->socket = zmq_socket(shared_context(), ZMQ_SUB);
    if (sub->socket != NULL && plan->held)
        lift_limits(sub->socket);
    if (sub->socket != NULL && zmq_setsockopt(sub->socket, ZMQ_SUBSCRIBE, "", 0) == 0 &&
        zmq_connect(sub->socket, plan->feed) == 0 &&
        zmq_getsockopt(sub->socket, ZMQ_FD, fd, &size) == 0)
        return sub;
    fprintf(stderr, "sluice-bench: subscriber: %s\n", zmq_strerror(errno));
    sub_close(sub);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    return ((const zmq_sub_t *)ctx)->ready;
}

/* All topics are the mix's but the probe's. */
static bool is_probe(zmq_msg_t *topic)
{
    return zmq_msg_size(topic) > 0 && *(const char *)zmq_msg_data(topic) == PROBE[0];
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    zmq_sub_t *sub = ctx;
    while (zmq_msg_recv(&sub->topic, sub->socket, ZMQ_DONTWAIT) >= 0) {
        if (zmq_msg_recv(&sub->event, sub->socket, 0) < 0)
            return false;
        if (is_probe(&sub->topic))
            sub->ready = true;
        else
            sink->event(sink->ctx, zmq_msg_data(&sub->event), zmq_msg_size(&sub->event));
    }
    return true;
}

/* -- xpub's server is its publisher --------------------------------------------------------- */

static sl_err start_xpub(carrier_server_t *server, const carrier_setup_t *setup,
                         carrier_plan_t *plan)
{
    put_version(server);
    put_endpoint(setup, "xpub", plan->feed);
    if (setup->transport == DAEMONS_TCP) /* the subscribers must know it before it is bound */
        snprintf(plan->feed, sizeof plan->feed, "tcp://127.0.0.1:%u", peers_free_port());
    return SL_OK;
}

/* -- the proxy ------------------------------------------------------------------------------ */

typedef struct endpoints {
    char intake[DAEMONS_ENDPOINT_MAX], feed[DAEMONS_ENDPOINT_MAX];
} endpoints_t;

typedef struct proxy {
    endpoints_t wanted;
    bool held;
    int out; /* receives the endpoints it has */
} proxy_t;

static bool bind_to(void *socket, const char *wanted, char *got)
{
    size_t size = DAEMONS_ENDPOINT_MAX;
    return socket != NULL && zmq_bind(socket, wanted) == 0 &&
           zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, got, &size) == 0;
}

static int run_proxy(void *ctx, size_t index)
{
    const proxy_t *proxy = ctx;
    endpoints_t got = {0};
    (void)index;
    void *intake = zmq_socket(shared_context(), ZMQ_XSUB);
    void *feed = zmq_socket(shared_context(), ZMQ_XPUB);
    if (intake != NULL && feed != NULL && proxy->held) {
        lift_limits(intake);
        lift_limits(feed);
    }
    if (!bind_to(intake, proxy->wanted.intake, got.intake) ||
        !bind_to(feed, proxy->wanted.feed, got.feed) ||
        write(proxy->out, &got, sizeof got) != sizeof got) {
        fprintf(stderr, "sluice-bench: proxy: %s\n", zmq_strerror(errno));
        return 1;
    }
    zmq_proxy(intake, feed, NULL); /* until it is ended */
    return 1;
}

static sl_err read_endpoints(int fd, carrier_plan_t *plan)
{
    endpoints_t got;
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    if (poll(&pfd, 1, START_TIMEOUT_MS) <= 0 || read(fd, &got, sizeof got) != sizeof got) {
        fprintf(stderr, "sluice-bench: the proxy did not start\n");
        return SL_EIO;
    }
    memcpy(plan->intake, got.intake, sizeof plan->intake);
    memcpy(plan->feed, got.feed, sizeof plan->feed);
    return SL_OK;
}

static sl_err start_proxy(carrier_server_t *server, const carrier_setup_t *setup,
                          carrier_plan_t *plan)
{
    proxy_t proxy = {.held = setup->held};
    int fds[2];
    put_endpoint(setup, "proxy-intake", proxy.wanted.intake);
    put_endpoint(setup, "proxy-feed", proxy.wanted.feed);
    put_version(server);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return SL_EIO;
    proxy.out = fds[1];
    sl_err err = proc_start_worker(setup->set, &server->proc, "zmq-proxy", run_proxy, &proxy, 0);
    close(fds[1]);
    if (err == SL_OK)
        err = read_endpoints(fds[0], plan);
    close(fds[0]);
    return err;
}

/* -- the two -------------------------------------------------------------------------------- */

const carrier_ops_t carrier_xpub = {
    .name = "xpub",
    .guarantee =
        "in memory only, at most once: by default events for a subscriber that 1,000 wait for "
        "already are dropped without a word; no server, so one publisher",
    .settings = SETTINGS,
    .ipc = true,
    .one_publisher = true,
    .start = start_xpub,
    .pub_open = xpub_open,
    .pub_ready = pub_ready,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

const carrier_ops_t carrier_proxy = {
    .name = "proxy",
    .guarantee =
        "in memory only, at most once: by default events for a subscriber that 1,000 wait for "
        "already are dropped without a word",
    .settings = SETTINGS,
    .ipc = true,
    .start = start_proxy,
    .pub_open = proxied_open,
    .pub_ready = pub_ready,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

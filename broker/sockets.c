#include "sockets.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum {
    HANDSHAKE_MS = 1000,
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000,
    TCP_MAXRT_MS = 5000,
    SUBSCRIPTION_BYTES_MAX = 1024,
    QUESTION_BYTES_MAX = 64 * 1024, /* the longest has a replay's prefixes */
    QUESTIONS_HELD = 16,
    ANSWERS_HELD = 256, /* of one peer: replays try again by time, so it bounds no throughput */
    INTAKE_HELD = 128,  /* messages of one publisher; the rest of its window waits in TCP */
    MAX_SOCKETS = 4096,
};

typedef struct socket_plan {
    int type;
    int io_thread;
    int64_t message_bytes_max;
    int send_hwm, receive_hwm;
} socket_plan_t;

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_common(const broker_t *b, void *socket, const socket_plan_t *plan)
{
    uint64_t affinity = (uint64_t)1 << plan->io_thread;
    return zmq_setsockopt(socket, ZMQ_AFFINITY, &affinity, sizeof affinity) == 0 &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &plan->message_bytes_max, sizeof(int64_t)) == 0 &&
           set_int(socket, ZMQ_SNDHWM, plan->send_hwm) &&
           set_int(socket, ZMQ_RCVHWM, plan->receive_hwm) && set_int(socket, ZMQ_LINGER, 0) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           set_int(socket, ZMQ_TCP_MAXRT, TCP_MAXRT_MS) &&
           set_int(socket, ZMQ_BACKLOG, (int)b->o.backlog);
}

static void *open_socket(const broker_t *b, const socket_plan_t *plan, int *fd)
{
    void *socket = zmq_socket(b->context, plan->type);
    size_t len = sizeof *fd;
    if (socket != NULL &&
        (!set_common(b, socket, plan) || zmq_getsockopt(socket, ZMQ_FD, fd, &len) != 0)) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

/* Between the query service and the sequencer.  Who asks bounds what lies in it. */
static bool open_pairs(broker_t *b)
{
    static const char between[] = "inproc://asked";
    size_t len = sizeof b->asked_fd;
    b->service_pair = zmq_socket(b->context, ZMQ_PAIR);
    b->asked = zmq_socket(b->context, ZMQ_PAIR);
    return b->service_pair != NULL && b->asked != NULL && set_int(b->service_pair, ZMQ_SNDHWM, 0) &&
           set_int(b->service_pair, ZMQ_RCVHWM, 0) && set_int(b->asked, ZMQ_SNDHWM, 0) &&
           set_int(b->asked, ZMQ_RCVHWM, 0) && zmq_bind(b->service_pair, between) == 0 &&
           zmq_connect(b->asked, between) == 0 &&
           zmq_getsockopt(b->asked, ZMQ_FD, &b->asked_fd, &len) == 0;
}

/* A request that is a little too large is answered NAK SIZE; one that is far too large costs the
 * connection.  The first frame has 20 bytes an event. */
static int64_t intake_message_max(const broker_options_t *o)
{
    uint64_t first = 20 * o->max_events, events = 2 * o->max_bytes;
    return (int64_t)((first > events ? first : events) + 65536);
}

static bool open_sockets(broker_t *b)
{
    const broker_options_t *o = &b->o;
    const socket_plan_t feed = {ZMQ_XPUB, SOCKETS_IO_FEED, SUBSCRIPTION_BYTES_MAX, (int)o->feed_hwm,
                                1000};
    const socket_plan_t intake = {ZMQ_ROUTER, SOCKETS_IO_INTAKE, intake_message_max(o),
                                  (int)(8 * o->window), INTAKE_HELD};
    const socket_plan_t query = {ZMQ_ROUTER, SOCKETS_IO_QUERY, QUESTION_BYTES_MAX, ANSWERS_HELD,
                                 QUESTIONS_HELD};
    b->feed_socket = open_socket(b, &feed, &b->feed_fd);
    b->intake_socket = open_socket(b, &intake, &b->intake_fd);
    int query_fd;
    b->query_socket = open_socket(b, &query, &query_fd);
    return b->feed_socket != NULL && b->intake_socket != NULL && b->query_socket != NULL &&
           set_int(b->feed_socket, ZMQ_XPUB_VERBOSE, 1) &&
           set_int(b->feed_socket, ZMQ_XPUB_NODROP, 1) &&
           set_int(b->feed_socket, ZMQ_SNDBUF, (int)o->sndbuf_bytes) &&
           set_int(b->intake_socket, ZMQ_ROUTER_MANDATORY, 1) &&
           set_int(b->query_socket, ZMQ_ROUTER_MANDATORY, 1) && open_pairs(b);
}

sl_err sockets_open(broker_t *b, const char **failed)
{
    *failed = "opening sockets";
    b->context = zmq_ctx_new();
    if (b->context == NULL)
        return SL_ENOMEM;
    if (zmq_ctx_set(b->context, ZMQ_IO_THREADS, SOCKETS_IO_THREADS) != 0 ||
        zmq_ctx_set(b->context, ZMQ_MAX_SOCKETS, MAX_SOCKETS) != 0 || !open_sockets(b))
        return SL_EIO;
    const door_way_t ways[DOOR_SOCKETS] = {
        {b->feed_socket, "feed", b->o.connections, BROKER_SUBSCRIBERS},
        {b->intake_socket, "intake", b->o.connections, BROKER_PUBLISHER_CONNECTIONS},
        {b->query_socket, "query", b->o.connections, BROKER_QUERY_CONNECTIONS}};
    return door_create(&b->door, b->context, ways, b->counters);
}

static bool bind_socket(void *socket, const char *endpoint, char real[BROKER_ENDPOINT_MAX])
{
    size_t len = BROKER_ENDPOINT_MAX;
    return zmq_bind(socket, endpoint) == 0 &&
           zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, real, &len) == 0;
}

sl_err sockets_bind(broker_t *b, const char **failed)
{
    *failed = b->o.query;
    if (!bind_socket(b->query_socket, b->o.query, b->query_endpoint))
        return SL_EIO;
    *failed = b->o.feed;
    if (!bind_socket(b->feed_socket, b->o.feed, b->feed_endpoint))
        return SL_EIO;
    *failed = b->o.intake;
    return bind_socket(b->intake_socket, b->o.intake, b->intake_endpoint) ? SL_OK : SL_EIO;
}

static void close_socket(void **socket, int linger_ms)
{
    if (*socket == NULL)
        return;
    set_int(*socket, ZMQ_LINGER, linger_ms);
    zmq_close(*socket);
    *socket = NULL;
}

void sockets_close(broker_t *b, int linger_ms)
{
    int saved_errno = errno;
    if (b->door != NULL)
        door_unwatch(b->door);
    close_socket(&b->intake_socket, linger_ms);
    close_socket(&b->feed_socket, linger_ms);
    close_socket(&b->query_socket, linger_ms);
    close_socket(&b->service_pair, 0);
    close_socket(&b->asked, 0);
    if (b->context != NULL)
        while (zmq_ctx_term(b->context) != 0 && zmq_errno() == EINTR)
            ;
    b->context = NULL;
    door_destroy(&b->door);
    errno = saved_errno;
}

uint64_t sockets_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

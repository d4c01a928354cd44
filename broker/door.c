#include "door.h"

#include "counters.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    ZAP_FRAMES_MAX = 16,
    ZAP_FRAME_MAX = 256,
    ZAP_VERSION = 2, /* behind the route and the empty frame */
    ZAP_REQUEST = 3,
    ZAP_DOMAIN = 4,
    ZAP_MECHANISM = 7,
    ENDPOINT_BYTES = 64,
    WATCHED = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
              ZMQ_EVENT_DISCONNECTED,
};

typedef struct zap_frame {
    char bytes[ZAP_FRAME_MAX];
    size_t len;
} zap_frame_t;

struct door {
    door_way_t ways[DOOR_SOCKETS];
    uint64_t connections[DOOR_SOCKETS];
    void *monitors[DOOR_SOCKETS];
    void *zap;
    zap_frame_t request[ZAP_FRAMES_MAX];
    counter_t *counters;
    pthread_t thread;
    bool running;
};

/* -- ZAP (rfc.zeromq.org, 27) ---------------------------------------------------------------- */

static bool frame_is(const zap_frame_t *frame, const char *text)
{
    return frame->len == strlen(text) && memcmp(frame->bytes, text, frame->len) == 0;
}

/* @return frames read; 0: none, or more or larger ones than a request has. */
static int receive_request(void *zap, zap_frame_t frames[ZAP_FRAMES_MAX])
{
    int count = 0, more = 1;
    bool good = true;
    while (more) {
        zap_frame_t *frame = &frames[count < ZAP_FRAMES_MAX ? count : 0];
        int len = zmq_recv(zap, frame->bytes, sizeof frame->bytes, count == 0 ? ZMQ_DONTWAIT : 0);
        if (len < 0)
            return 0;
        good = good && len <= ZAP_FRAME_MAX && count < ZAP_FRAMES_MAX;
        frame->len = (size_t)len;
        count++;
        size_t more_len = sizeof more;
        zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &more_len);
    }
    return good ? count : 0;
}

static bool admits(const door_t *door, const zap_frame_t *domain)
{
    for (int i = 0; i < DOOR_SOCKETS; i++)
        if (frame_is(domain, door->ways[i].domain))
            return door->connections[i] <= door->ways[i].connections_max;
    return false;
}

static void on_request(door_t *door)
{
    zap_frame_t *frames = door->request;
    int count = receive_request(door->zap, frames);
    if (count <= ZAP_MECHANISM || !frame_is(&frames[ZAP_VERSION], "1.0"))
        return;
    bool admitted = frame_is(&frames[ZAP_MECHANISM], "NULL") && admits(door, &frames[ZAP_DOMAIN]);
    if (!admitted)
        counter_add(&door->counters[BROKER_CONNECTIONS_REFUSED], 1);
    /* 300: come again. After 400 libzmq gives the connection up for good, and a subscriber is
     * silent for ever; so the connection just ends when its handshake takes too long. */
    const char *status = admitted ? "200" : "300";
    const char *text = admitted ? "OK" : "too many connections";
    zmq_send(door->zap, frames[0].bytes, frames[0].len, ZMQ_SNDMORE);
    zmq_send(door->zap, "", 0, ZMQ_SNDMORE);
    zmq_send(door->zap, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(door->zap, frames[ZAP_REQUEST].bytes, frames[ZAP_REQUEST].len, ZMQ_SNDMORE);
    zmq_send(door->zap, status, strlen(status), ZMQ_SNDMORE);
    zmq_send(door->zap, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(door->zap, "", 0, ZMQ_SNDMORE); /* user */
    zmq_send(door->zap, "", 0, 0);           /* metadata */
}

/* -- connections ----------------------------------------------------------------------------- */

/* Frame 1: event u16 and value u32; frame 2: the endpoint. */
static bool receive_event(void *monitor, uint16_t *event)
{
    uint8_t head[6];
    if (zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT) != sizeof head)
        return false;
    char endpoint[1];
    zmq_recv(monitor, endpoint, sizeof endpoint, 0);
    memcpy(event, head, sizeof *event);
    return true;
}

static void on_event(door_t *door, int way)
{
    uint16_t event;
    if (!receive_event(door->monitors[way], &event))
        return;
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        door->connections[way]++;
        counter_add(&door->counters[BROKER_CONNECTIONS_ACCEPTED], 1);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: /* a failed one has no event of its own */
        counter_add(&door->counters[BROKER_HANDSHAKES], 1);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        door->connections[way] -= door->connections[way] > 0;
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        counter_add(&door->counters[BROKER_ACCEPTS_FAILED], 1);
        break;
    default:
        break;
    }
    counter_set(&door->counters[door->ways[way].gauge], door->connections[way]);
}

static void *run(void *arg)
{
    door_t *door = arg;
    zmq_pollitem_t items[1 + DOOR_SOCKETS] = {{.socket = door->zap, .events = ZMQ_POLLIN}};
    for (int i = 0; i < DOOR_SOCKETS; i++)
        items[1 + i] = (zmq_pollitem_t){.socket = door->monitors[i], .events = ZMQ_POLLIN};
    while (zmq_poll(items, 1 + DOOR_SOCKETS, -1) >= 0 || zmq_errno() == EINTR) {
        for (int i = 0; i < DOOR_SOCKETS; i++) /* first: a handshake counts those before it */
            if (items[1 + i].revents & ZMQ_POLLIN)
                on_event(door, i);
        if (items[0].revents & ZMQ_POLLIN)
            on_request(door);
    }
    zmq_close(door->zap); /* the context is being terminated and waits for these */
    for (int i = 0; i < DOOR_SOCKETS; i++)
        zmq_close(door->monitors[i]);
    return NULL;
}

/* -- life ------------------------------------------------------------------------------------ */

static void *open_socket(void *context, int type)
{
    int linger = 0;
    void *socket = zmq_socket(context, type);
    if (socket != NULL)
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

static bool watch(door_t *door, void *context, int way)
{
    char endpoint[ENDPOINT_BYTES];
    const door_way_t *w = &door->ways[way];
    snprintf(endpoint, sizeof endpoint, "inproc://door.%s", w->domain);
    door->monitors[way] = open_socket(context, ZMQ_PAIR);
    return door->monitors[way] != NULL &&
           zmq_setsockopt(w->socket, ZMQ_ZAP_DOMAIN, w->domain, strlen(w->domain)) == 0 &&
           zmq_socket_monitor(w->socket, endpoint, WATCHED) == 0 &&
           zmq_connect(door->monitors[way], endpoint) == 0;
}

static void close_sockets(door_t *door)
{
    if (door->zap != NULL)
        zmq_close(door->zap);
    for (int i = 0; i < DOOR_SOCKETS; i++)
        if (door->monitors[i] != NULL)
            zmq_close(door->monitors[i]);
}

sl_err door_create(door_t **out, void *context, const door_way_t ways[DOOR_SOCKETS],
                   counter_t *counters)
{
    door_t *door = calloc(1, sizeof *door);
    if (door == NULL)
        return SL_ENOMEM;
    memcpy(door->ways, ways, sizeof door->ways);
    door->counters = counters;
    door->zap = open_socket(context, ZMQ_ROUTER);
    bool good = door->zap != NULL && zmq_bind(door->zap, "inproc://zeromq.zap.01") == 0;
    for (int i = 0; good && i < DOOR_SOCKETS; i++)
        good = watch(door, context, i);
    if (!good || pthread_create(&door->thread, NULL, run, door) != 0) {
        close_sockets(door);
        free(door);
        return SL_EIO;
    }
    door->running = true;
    *out = door;
    return SL_OK;
}

void door_unwatch(door_t *door)
{
    for (int i = 0; i < DOOR_SOCKETS; i++)
        zmq_socket_monitor(door->ways[i].socket, NULL, 0);
}

void door_destroy(door_t **door)
{
    if (*door == NULL)
        return;
    pthread_join((*door)->thread, NULL);
    free(*door);
    *door = NULL;
}

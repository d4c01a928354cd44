/* route.h - who asked: a ROUTER's name for a connection, and sending to it.
 *
 * With ROUTER_MANDATORY the first frame of a message, the name, is where it is found out that the
 * peer is gone, or that so much waits for it already that no more is taken.  The frames behind it
 * must not fail any more: what follows would be taken for the rest of the message.  So they are
 * made, which takes memory, before the name is sent. */
#ifndef BROKER_ROUTE_H
#define BROKER_ROUTE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

enum { ROUTE_MAX = 255 };

typedef struct route {
    uint8_t len;
    uint8_t bytes[ROUTE_MAX];
} route_t;

typedef enum { ROUTE_OK, ROUTE_FULL, ROUTE_GONE } route_result_t;

/** @return false: no peer has such a name. */
static inline bool route_set(route_t *route, const void *bytes, size_t len)
{
    if (len == 0 || len > ROUTE_MAX)
        return false;
    memcpy(route->bytes, bytes, len);
    route->len = (uint8_t)len;
    return true;
}

static inline bool route_is(const route_t *a, const route_t *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/** Makes a frame, a copy.  @return false: no memory. */
static inline bool route_frame(zmq_msg_t *frame, const void *data, size_t len)
{
    if (zmq_msg_init_size(frame, len) != 0)
        return false;
    memcpy(zmq_msg_data(frame), data, len);
    return true;
}

/** Begins a message to the peer of that name; the caller sends the rest, which is made already. */
static inline route_result_t route_begin_named(void *router, const void *name, size_t name_len)
{
    if (zmq_send(router, name, name_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return ROUTE_OK;
    return zmq_errno() == EAGAIN || zmq_errno() == ENOMEM ? ROUTE_FULL : ROUTE_GONE;
}

static inline route_result_t route_begin(void *router, const route_t *to)
{
    return route_begin_named(router, to->bytes, to->len);
}

/** Sends the frames, all of them, or, without memory or a peer, none.  They are closed in any case.
 */
static inline route_result_t route_send_frames(void *router, const void *name, size_t name_len,
                                               zmq_msg_t *frames, int count)
{
    route_result_t result = route_begin_named(router, name, name_len);
    for (int i = 0; i < count; i++)
        if (result != ROUTE_OK ||
            zmq_msg_send(&frames[i], router, ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0)) < 0)
            zmq_msg_close(&frames[i]);
    return result;
}

/** A message of one frame.  Without memory the peer seems full: to be tried again. */
static inline route_result_t route_send_named(void *router, const void *name, size_t name_len,
                                              const void *data, size_t len)
{
    zmq_msg_t frame;
    if (!route_frame(&frame, data, len))
        return ROUTE_FULL;
    return route_send_frames(router, name, name_len, &frame, 1);
}

static inline route_result_t route_send(void *router, const route_t *to, const void *data,
                                        size_t len)
{
    return route_send_named(router, to->bytes, to->len, data, len);
}

#endif

/* route.h - who asked: a ROUTER's name for a connection, and sending to it.
 *
 * With ROUTER_MANDATORY the first frame of a message, the name, is where it is found out that the
 * peer is gone, or that so much waits for it already that no more is taken; the frames behind it
 * cannot fail any more. */
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

/** Begins a message; the caller sends the rest. */
static inline route_result_t route_begin(void *router, const route_t *to)
{
    if (zmq_send(router, to->bytes, to->len, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return ROUTE_OK;
    return zmq_errno() == EAGAIN ? ROUTE_FULL : ROUTE_GONE;
}

/** A message of one frame. */
static inline route_result_t route_send(void *router, const route_t *to, const void *frame,
                                        size_t len)
{
    route_result_t result = route_begin(router, to);
    if (result == ROUTE_OK)
        zmq_send(router, frame, len, ZMQ_DONTWAIT);
    return result;
}

#endif

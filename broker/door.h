/* door.h - who may connect?
 *
 * One thread that answers libzmq's ZAP requests and watches the sockets' connections come and go.
 * With a ZAP domain in force libzmq refuses peers that speak no ZMTP 3, whose bytes would else be
 * taken for messages.  Everybody else is admitted, up to a limit per socket: past it, handshakes
 * are refused, so that descriptors and memory stay bounded.
 *
 * Threads: one of its own.  Create before the sockets are bound; the context's termination ends the
 * thread, door_destroy joins it after that. */
#ifndef BROKER_DOOR_H
#define BROKER_DOOR_H

#include "base/counter.h"
#include "base/err.h"

#include <stdint.h>

typedef struct door door_t;

enum { DOOR_SOCKETS = 3, DOOR_DOMAIN_MAX = 16 };

/** One socket that is watched. */
typedef struct door_way {
    void *socket;       /**< not bound yet */
    const char *domain; /**< its ZAP domain, at most DOOR_DOMAIN_MAX bytes; static */
    uint64_t connections_max;
    int gauge; /**< row of the counter that shows its connections */
} door_way_t;

/** Also sets the sockets' ZAP domains.  @return SL_OK, SL_ENOMEM, SL_EIO. */
sl_err door_create(door_t **out, void *context, const door_way_t ways[DOOR_SOCKETS],
                   counter_t *counters);

/** Stops watching; call in the sockets' thread before they are closed. */
void door_unwatch(door_t *door);

/** Joins the thread: after the context's termination. */
void door_destroy(door_t **door);

#endif

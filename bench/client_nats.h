/* client_nats.h - what the carriers and the target that speak through libnats share.
 *
 *     carrier_nats        core: publishers and subscribers
 *     carrier_jetstream   the same connections and callbacks, over a stream in files
 *     target_jetstream    the same stream, published to and read by itself
 *
 * A subscriber is a callback, which delivers straight into the sink from a thread of the library:
 * each subscriber has its own.  In an open loop they take turns, since there the subscribers of a
 * process share a histogram. */
#ifndef BENCH_CLIENT_NATS_H
#define BENCH_CLIENT_NATS_H

#include "carrier.h"

#include <nats/nats.h>
#include <stdatomic.h>

enum { CLIENT_NATS_TIMEOUT_MS = 10000, CLIENT_NATS_VERSION_MAX = 64 };

/** "libnats 3.4.1". */
void client_nats_version(char *out, size_t size);

/** @return false, told on stderr: it is not NATS_OK. */
bool client_nats_sound(natsStatus status, const char *what);

/* -- JetStream ------------------------------------------------------------------------------ */

/** One stream in files, on every topic: "events.<topic>". */
#define CLIENT_NATS_STREAM   "EVENTS"
#define CLIENT_NATS_SUBJECTS "events.>"
#define CLIENT_NATS_ALL      ">" /**< to read: a narrower filter, though it names all, is applied */

/** The same stream again is no error.  @return false, told on stderr; so of the next. */
bool client_nats_make_stream(jsCtx *js);

/** @param with_id  as Nats-Msg-Id, by which the server recognises duplicates. */
bool client_nats_publish(jsCtx *js, const mix_event_t *event, bool with_id);

/* -- connections of carriers ---------------------------------------------------------------- */

/** As carrier_ops_t's start does at its end. */
void client_nats_add_version(carrier_server_t *server);

/** A publisher's: where nobody holds it, and so latency counts, each call writes by itself
 * (SendAsap), else a thread of the library's does.  @return NULL, told on stderr. */
natsConnection *client_nats_connect_pub(const carrier_plan_t *plan);

typedef struct client_nats_sub client_nats_sub_t;

/** In what one carrier's subscribers are unlike another's: the `detail` of its ops. */
typedef struct client_nats_way {
    /** Subscribes to everything, into `all`, with on_message and the sub as its argument.
     *  @return false, told on stderr. */
    bool (*subscribe)(client_nats_sub_t *sub, natsMsgHandler on_message);
    /** Is something lost for good, when the library tells this of a subscription? */
    bool (*loses)(natsStatus status);
} client_nats_way_t;

struct client_nats_sub {
    const client_nats_way_t *way;
    natsConnection *nats;
    jsCtx *js; /**< NULL: it needs none */
    natsSubscription *all;
    carrier_sink_t sink; /**< known with the first drain, which subscribes */
    int fd;              /**< an eventfd: it is closed */
    bool held;
    _Atomic bool closed;
    bool ready;
    unsigned owed; /**< under a lock: calls that the library makes yet, when all has ended */
};

/* As carrier_ops_t's. */
void *client_nats_sub_open(const carrier_plan_t *plan, int *fd);
bool client_nats_sub_ready(const void *sub);
bool client_nats_sub_drain(void *sub, const carrier_sink_t *sink);
void client_nats_sub_close(void *sub);

#endif

/* carrier.h - what carries events from publishers to a crowd of subscribers: ours, and those that
 * stand beside it, behind one seam, so that one harness measures them all.
 *
 *     server       carrier_start                                  ends with the proc_set_t it is in
 *     publisher    pub_open -> pub_flush, … until all are ready
 *                           -> pub_send, …, pub_turn, …, pub_flush -> pub_close
 *     subscriber   sub_open -> fd fires -> sub_drain, …           -> sub_close
 *
 *     name                  server             client
 *     sluice                sluice-broker      libsluice on both sides, repair on
 *     xpub                  the publisher      libzmq: XPUB, SUB
 *     proxy                 zmq_proxy          libzmq: PUB -> XSUB | XPUB -> SUB
 *     nats                  nats-server        libnats, its own client library used the fast way
 *     redis                 redis-server       hiredis, likewise; pub/sub
 *     mosquitto             mosquitto          libmosquitto, likewise; QoS 0
 *     jetstream             nats-server        libnats, likewise; a stream in files
 *     redis-stream          redis-server       hiredis, likewise; streams, appendonly
 *     nats-lean, redis-lean, mosquitto-lean    a reader of our own that does no more than the
 *                                              protocol asks, on a plain socket
 *     <name>-packed                            the same, with batches of events as its messages
 *
 * Many subscribers stand in one process and share its event loop; what they get goes into a sink,
 * which counts it.  Everything of a carrier belongs to the process that
 * opened it; only the server is started from the bench itself. */
#ifndef BENCH_CARRIER_H
#define BENCH_CARRIER_H

#include "daemons.h"
#include "mix.h"
#include "peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CARRIER_SERVER_PROCESSES = 1, /**< at most, in the set of whoever starts one */
    CARRIER_VERSION_MAX = 96,
    CARRIER_PACK_BYTES = 60 * 1024,      /**< of a pack where the plan says 0 */
    CARRIER_PACK_BYTES_MAX = 192 * 1024, /**< as much as the lean readers take in one message */
};

typedef struct carrier_ops carrier_ops_t;

/** What publishers and subscribers are told; forked into every one of them, and kept by none.  A
 * harness fills in what it knows, carrier_start the rest. */
typedef struct carrier_plan {
    /* of carrier_start */
    const carrier_ops_t *ops;
    char intake[DAEMONS_ENDPOINT_MAX], feed[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    char url[DAEMONS_ENDPOINT_MAX]; /**< of a peer */
    uint16_t port;                  /**< likewise */
    bool held;                      /**< as carrier_setup_t says */

    /* of the harness */
    const char *topics[MIX_TOPICS];
    uint32_t publisher; /**< which of the publishers it is: 0, 1, … */
    bool single; /**< ours: each event is to leave at once, without a linger time; libsluice gathers
                    them in spite of it while 16 requests are unanswered.  By the others each is
                    always sent at once */
    uint32_t batch_bytes; /**< ours: of the publisher's batches; 0: libsluice's default */
    size_t pack_bytes;    /**< packed: events of one message; 0: CARRIER_PACK_BYTES */
} carrier_plan_t;

/** What a server is started for. */
typedef struct carrier_setup {
    proc_set_t *set;
    const bench_place_t *place;
    daemons_transport_t transport;
    daemons_durability_t durability;  /**< of ours; the others have one of their own, or none */
    const config_list_t *broker_args; /**< further ones, of ours; NULL: none */

    /** The harness holds the publishers within a window of the slowest subscriber: limits that
     * drop events or disconnect subscribers are lifted, on both sides, since what waits is bounded
     * by the window.  Without it every system has the limits it has by default. */
    bool held;
} carrier_setup_t;

/** What came of it. */
typedef struct carrier_server {
    proc_t *proc;                      /**< NULL: the publisher itself is the server */
    char version[CARRIER_VERSION_MAX]; /**< of server and client: "nats-server 2.9.10, libnats …" */
    broker_daemon_t broker;            /**< of ours, to ask for its counters */
} carrier_server_t;

/** What a subscriber tells: the same for its whole life.  Where a carrier's library has threads of
 * its own (libnats), they call the sink, of one subscriber always the same thread; and, unless the
 * publishers are held, of all subscribers of a process one at a time. */
typedef struct carrier_sink {
    void *ctx;
    void (*event)(void *ctx, const void *data, size_t len);
    void (*fault)(void *ctx); /**< something was lost for good, repeated or malformed */
} carrier_sink_t;

struct carrier_ops {
    const char *name;
    const char *guarantee; /**< what this system promises in this setting: one sentence */
    const char *settings;  /**< where server or client are not as they are by default */
    bool ipc;              /**< can it do without TCP? */
    bool one_publisher;    /**< it has no more than one */
    bool keeps;            /**< events, for who comes later: it does not only pass them on */
    const void *detail;    /**< the carrier's own */

    /** Starts the server and fills in where it is.  Called by carrier_start. */
    sl_err (*start)(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan);

    /** @return NULL, told on stderr. */
    void *(*pub_open)(const carrier_plan_t *plan);
    /** Can what it sends arrive, as far as it can know?  NULL: it need not. */
    bool (*pub_ready)(void *pub);
    /** Takes one event into a buffer, which leaves when it is full.  @return false: it is broken,
     * told on stderr; so of all that return bool here. */
    bool (*pub_send)(void *pub, const mix_event_t *event);
    /** Between events: takes answers, does what is due, and cuts no batch short.  NULL: nothing. */
    bool (*pub_turn)(void *pub);
    /** All that is in buffers leaves; answers are taken.  While subscribers join it must be called
     * every few milliseconds: some carriers try then what gets through. */
    bool (*pub_flush)(void *pub);
    /** Waits for the last answers.  @return subscribers it saw being disconnected. */
    uint64_t (*pub_close)(void *pub);

    /** @param fd  receives what to watch, edge-triggered. */
    void *(*sub_open)(const carrier_plan_t *plan, int *fd);
    /** Is the subscription known to be in force? */
    bool (*sub_ready)(const void *sub);
    /** Takes what is there, until there is no more.  @return false: it is disconnected, for good.
     */
    bool (*sub_drain)(void *sub, const carrier_sink_t *sink);
    void (*sub_close)(void *sub);
};

/** All that this sluice-bench was built with, NULL at the end; none of them packed. */
extern const carrier_ops_t *const carriers[];

/** By name, packed ones too.  @return NULL: there is none, see carriers_package. */
const carrier_ops_t *carriers_find(const char *name);

/** The package whose absence at build time makes carriers_find return NULL; NULL: there is no
 * carrier of that name at all. */
const char *carriers_package(const char *name);

/** The same carrier with packs (pack.h) as its messages: a publisher gathers the events of a topic
 * until it has plan.pack_bytes of them or is flushed, a subscriber splits them again.
 *  @param inner  one of `carriers`. */
const carrier_ops_t *carrier_packed(const carrier_ops_t *inner);

/** Starts the server of a carrier.
 *  @param plan  receives `ops`, `held`, and where the server is.
 *  @return SL_OK; SL_EINVAL: it does not do that transport; SL_ENOENT: no such program; SL_EIO,
 *  SL_ETIMEDOUT: it does not serve.  All told on stderr. */
sl_err carrier_start(const carrier_ops_t *ops, const carrier_setup_t *setup, carrier_plan_t *plan,
                     carrier_server_t *server);

/** Those that `slow` names. */
extern const carrier_ops_t carrier_sluice, carrier_xpub, carrier_redis_lean, carrier_nats_lean;

#endif

/* carrier.h - what carries events from one publisher to a crowd of subscribers: ours, and those
 * that stand beside it in the bench `slow`.
 *
 *     publisher    pub_open -> pub_send, …, pub_flush, …          -> pub_close
 *     subscriber   sub_open -> fd fires -> sub_drain, …           -> sub_close
 *
 * Many subscribers stand in one process and share its event loop; what they get goes into a sink,
 * which counts it.  Everything of a carrier belongs to the process that opened it. */
#ifndef BENCH_CARRIER_H
#define BENCH_CARRIER_H

#include "daemons.h"
#include "mix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct carrier_plan {
    char intake[DAEMONS_ENDPOINT_MAX], feed[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    uint16_t port; /**< of a peer */
    size_t subs;   /**< that the publisher waits for, where only it sees them */
    const char *topics[MIX_TOPICS];
} carrier_plan_t;

/** What a subscriber tells. */
typedef struct carrier_sink {
    void *ctx;
    void (*event)(void *ctx, const void *data, size_t len);
    void (*fault)(void *ctx); /**< something was lost for good, repeated or malformed */
} carrier_sink_t;

typedef struct carrier_ops {
    const char *name;

    /** @return NULL, told on stderr. */
    void *(*pub_open)(const carrier_plan_t *plan);
    /** Are all subscriptions in force, as far as the publisher can know?  NULL: it need not. */
    bool (*pub_ready)(void *pub);
    bool (*pub_send)(void *pub, const mix_event_t *event);
    /** What is in a buffer leaves; answers are taken. */
    bool (*pub_flush)(void *pub);
    /** Waits for the last answers.  @return subscribers it saw being disconnected. */
    uint64_t (*pub_close)(void *pub);

    /** @param fd  receives what to watch, edge-triggered. */
    void *(*sub_open)(const carrier_plan_t *plan, int *fd);
    bool (*sub_ready)(const void *sub);
    /** Takes what is there.  @return false: it is disconnected, for good. */
    bool (*sub_drain)(void *sub, const carrier_sink_t *sink);
    void (*sub_close)(void *sub);
} carrier_ops_t;

extern const carrier_ops_t carrier_sluice, carrier_xpub, carrier_redis, carrier_nats;

#endif

/* daemons.h - starts Sluice's daemons as a bench wants them: on free ports, in its folder. */
#ifndef BENCH_DAEMONS_H
#define BENCH_DAEMONS_H

#include "bench.h"
#include "proc.h"

#include <stddef.h>

enum { DAEMONS_ENDPOINT_MAX = 256, DAEMONS_EXTRA_ARGS_MAX = 64 };

typedef enum { DAEMONS_TCP, DAEMONS_IPC } daemons_transport_t;

/** As --durability calls them. */
#define DAEMONS_DURABILITIES "memory|os|disk"
typedef enum { DAEMONS_MEMORY, DAEMONS_OS, DAEMONS_DISK } daemons_durability_t;
const char *daemons_durability_name(daemons_durability_t durability);

typedef struct broker_setup {
    daemons_transport_t transport;
    daemons_durability_t durability;
    const char *data;          /**< of the journal, a folder in the bench's; NULL: "data" */
    const config_list_t *more; /**< further arguments; NULL: none */
} broker_setup_t;

typedef struct broker_daemon {
    proc_t *proc;
    char feed[DAEMONS_ENDPOINT_MAX], intake[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    char http[DAEMONS_ENDPOINT_MAX];
} broker_daemon_t;

/** sluice-broker.  Warns where its disk would be a tmpfs.  @return as
 * proc_start_daemon. */
sl_err daemons_start_broker(proc_set_t *set, const bench_place_t *place,
                            const broker_setup_t *setup, broker_daemon_t *broker);

/** One of the broker's counters; -1 when it does not answer. */
double daemons_broker_counter(const broker_daemon_t *broker, const char *metric);

/** What a broker has counted so far; of all in it, at one moment. */
typedef struct broker_counters {
    double feed_events, feed_batches;
    double feed_bytes; /**< with the batches' headers, once for all subscribers */
    double dedup_bytes, lossy_sends;
} broker_counters_t;

/** @return SL_OK; the errors of metrics_fetch, not told. */
sl_err daemons_broker_counters(const broker_daemon_t *broker, broker_counters_t *out);

/** Out of the text of its /metrics. */
broker_counters_t daemons_counters_of(const char *page);

/** What a batch was like on the feed, between two looks at its counters; zeros where there was
 * none. */
typedef struct feed_batch {
    double events, bytes; /**< means of a batch */
    double event_bytes;   /**< what an event took of it */
} feed_batch_t;

feed_batch_t daemons_feed_batch(const broker_counters_t *begin, const broker_counters_t *end);

typedef struct mns_daemon {
    proc_t *proc;
    char endpoint[DAEMONS_ENDPOINT_MAX];
} mns_daemon_t;

#define DAEMONS_ACCOUNT "123456789012"
#define DAEMONS_REGION  "cn-hangzhou"

/** Sets, in our environment, the keys that mns-local and all its clients use. */
void daemons_set_keys(void);

/** mns-local.  @param memory_bytes  what messages may take. */
sl_err daemons_start_mns(proc_set_t *set, const bench_place_t *place, size_t memory_bytes,
                         mns_daemon_t *mns);

typedef struct bridge_daemon {
    proc_t *proc;
    char http[DAEMONS_ENDPOINT_MAX];
} bridge_daemon_t;

/** sluice-bridge with one queue source.  @param polls  0: the bridge's default. */
sl_err daemons_start_bridge(proc_set_t *set, const bench_place_t *place,
                            const broker_daemon_t *broker, const mns_daemon_t *mns,
                            const char *queue, size_t polls, bridge_daemon_t *bridge);

#endif

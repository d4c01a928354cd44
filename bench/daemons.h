/* daemons.h - starts Sluice's daemons as a bench wants them: on free ports, in its folder. */
#ifndef BENCH_DAEMONS_H
#define BENCH_DAEMONS_H

#include "bench.h"
#include "proc.h"

#include <stddef.h>

enum { DAEMONS_ENDPOINT_MAX = 256, DAEMONS_EXTRA_ARGS_MAX = 64 };

typedef enum { DAEMONS_TCP, DAEMONS_IPC } daemons_transport_t;

typedef struct broker_daemon {
    proc_t *proc;
    char feed[DAEMONS_ENDPOINT_MAX], intake[DAEMONS_ENDPOINT_MAX], query[DAEMONS_ENDPOINT_MAX];
    char http[DAEMONS_ENDPOINT_MAX];
} broker_daemon_t;

/** sluice-broker with durability memory.  @param extra  further arguments, `extra_count` of them.
 *  @return as proc_start_daemon. */
sl_err daemons_start_broker(proc_set_t *set, const bench_place_t *place,
                            daemons_transport_t transport, const char *const *extra,
                            size_t extra_count, broker_daemon_t *broker);

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

/* owed.h - what the budgets owe: their floors and ceilings, each of them once, for the bench that
 * measures the figure and for the page that shows it beside its aim (report/budgets.c).
 *
 * At 320-byte events over TCP where nothing else is said.  A ratio is ours to theirs: deliveries at
 * 64 subscribers with durability `os`, or a p99. */
#ifndef BENCH_OWED_H
#define BENCH_OWED_H

/* deliveries, at least */
#define OWED_NATS             3.0
#define OWED_NATS_LEAN        2.0
#define OWED_NATS_LEAN_PACKED 0.9
#define OWED_REDIS            2.0
#define OWED_LOOPBACK         0.5
#define OWED_LOOPBACK_IPC     0.8
#define OWED_NATS_1_MEMORY    2.0 /* one subscriber */
#define OWED_NATS_1_OS        0.8
#define OWED_NATS_SINGLE      1.5 /* publishers of single events, 8 subscribers */

/* p99, at most */
#define OWED_P99_PROXY_MEMORY 1.2 /* 1,000 events/s, one subscriber */
#define OWED_P99_PROXY_OS     1.5
#define OWED_P99_NATS_20K     1.2 /* 20,000 events/s, 8 subscribers, `os` */
#define OWED_P99_BESIDE       1.2 /* beside 10 stopped subscribers, to alone */

/* the journal and the bridge */
#define OWED_DURABLE_REDIS     1.5  /* intake, at least */
#define OWED_DURABLE_JETSTREAM 2.0  /* likewise */
#define OWED_REPLAY_PER_S      1e6  /* to one reader, at least */
#define OWED_BRIDGE_PER_S      50e3 /* events of a full queue, at least */
#define OWED_BRIDGE_CPU_US     12.0 /* an event, at most */
#define OWED_STOPPED_MIB       64.0 /* of the broker, for 10 stopped of 100, at most */

#endif

/* peers_bench.h - what the parts of the bench `peers` share.  (peers.h starts the peers' servers.)
 */
#ifndef BENCH_PEERS_BENCH_H
#define BENCH_PEERS_BENCH_H

#include "bench.h"
#include "carrier.h"
#include "roster.h"

typedef struct peers_options {
    bench_common_t common;
    config_list_t carriers;
    uint64_t subs, processes, publishers, size, window, batch_bytes, pack_bytes;
    uint64_t seconds, warmup_ms, loopback_seconds, open_rate, seed;
    int transport;  /* daemons_transport_t */
    int durability; /* daemons_durability_t */
    bool single, decode;
    config_list_t broker_args;
} peers_options_t;

/* What is measured of each carrier; a figure is called <carrier>_<name>.  Order and rows are those
 * of the table that people read: column head, unit, digits, help. */
#define PEERS_METRICS(X)                                                                         \
    X(DELIVERIES, "deliveries_per_s", "1/s", 0, "events delivered, over all subscribers")        \
    X(GB, "gb_per_s", "GB/s", 3, "bytes of events delivered, over all subscribers")              \
    X(CPU_PUBLISHERS, "cpu_s_publishers", "s", 3, "CPU of the publishers, a million deliveries") \
    X(CPU_SERVER, "cpu_s_server", "s", 3, "CPU of the server, a million deliveries")             \
    X(CPU_SUBSCRIBERS, "cpu_s_subscribers", "s", 3,                                              \
      "CPU of the subscribers, a million "                                                       \
      "deliveries")                                                                              \
    X(CPU, "cpu_s_per_million", "s", 3, "CPU of all, a million deliveries")                      \
    X(RSS, "server_rss_mib", "MiB", 1, "RssAnon of what subscribers are connected to, most")     \
    X(PUBLISHER_RSS, "publisher_mib", "MiB", 1,                                                  \
      "RssAnon of a publisher, most; of several the median")                                     \
    X(SUBSCRIBER_RSS, "subscriber_mib", "MiB", 1,                                                \
      "RssAnon of a process of subscribers, most; their median")                                 \
    X(HELD, "publisher_held", "", 2, "share of time that publishers waited for the slowest")     \
    X(RATIO, "ratio", "", 2, "deliveries/s: ours / this one's")                                  \
    X(CPU_TIMES, "cpu_times", "", 2, "CPU of a delivery: this one's / ours")                     \
    X(OPEN_EVENTS, "open_events_per_s", "1/s", 0, "published in the open loop")                  \
    X(OPEN_LOST, "open_lost", "", 4, "share of the deliveries that the open loop lost")          \
    X(OPEN_GONE, "open_disconnected", "", 0, "subscribers disconnected in the open loop")

#define X(id, name, unit, digits, help) PEERS_##id,
typedef enum { PEERS_METRICS(X) PEERS_METRIC_COUNT } peers_metric_t;
#undef X

/** Puts a figure of a carrier. */
void peers_put(const bench_run_t *bench, const carrier_ops_t *ops, peers_metric_t metric,
               double value);

/** Puts bytes/s of bare loopback, and ours against it; 0: ours was not measured. */
void peers_put_loopback(const bench_run_t *bench, double bytes_per_s, double our_gb_per_s);

/** The carriers that these options are about. */
void peers_roster(const peers_options_t *options, roster_t *roster);

/** A line a carrier. */
void peers_print(const result_t *result, FILE *out);

#endif

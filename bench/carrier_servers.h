/* carrier_servers.h - the servers of others, as carriers start them, and what several carriers
 * share. */
#ifndef BENCH_CARRIER_SERVERS_H
#define BENCH_CARRIER_SERVERS_H

#include "carrier.h"

/** As carrier_ops_t's start; the version is the server's alone. */
sl_err carrier_start_nats(carrier_server_t *server, const carrier_setup_t *setup,
                          carrier_plan_t *plan);
/** With a JetStream in files.  Held too it has its own limits: flow control stays within them. */
sl_err carrier_start_jetstream(carrier_server_t *server, const carrier_setup_t *setup,
                               carrier_plan_t *plan);
sl_err carrier_start_redis(carrier_server_t *server, const carrier_setup_t *setup,
                           carrier_plan_t *plan);
/** With a log that is synced every second.  It has no limit of what waits for a reader. */
sl_err carrier_start_redis_stream(carrier_server_t *server, const carrier_setup_t *setup,
                                  carrier_plan_t *plan);
sl_err carrier_start_mosquitto(carrier_server_t *server, const carrier_setup_t *setup,
                               carrier_plan_t *plan);

/** Adds ", <text>" to the version. */
void carrier_add_version(carrier_server_t *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define CARRIER_NATS_GUARANTEE                                                                     \
    "in memory only, at most once: by default a subscriber that falls behind by 64 MiB or for 10 " \
    "s is "                                                                                        \
    "disconnected, what it misses is gone and nobody is told where"
#define CARRIER_REDIS_GUARANTEE                                                                   \
    "in memory only, at most once: by default a subscriber that falls behind by 32 MiB, or by 8 " \
    "MiB for a "                                                                                  \
    "minute, is disconnected, and what it misses is gone"
#define CARRIER_MOSQUITTO_GUARANTEE                                                                \
    "in memory only, QoS 0, at most once: by default events for a subscriber that 1,000 wait for " \
    "already "                                                                                     \
    "are dropped without a word"

/* -- where they are not as they are by default; "held" as carrier_setup_t says -- */
#define CARRIER_NATS_SETTINGS "held: max_pending 4 GB, write_deadline 60 s"
#define CARRIER_REDIS_SETTINGS \
    "no snapshots, no log, CLIENT REPLY OFF for publishers; held: no client-output-buffer-limit"
#define CARRIER_MOSQUITTO_SETTINGS \
    "no persistence; held: max_queued_messages 0, else set_tcp_nodelay"

#endif

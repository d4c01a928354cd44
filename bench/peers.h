/* peers.h - the brokers that ours stands beside: redis-server, nats-server and mosquitto, as Debian
 * has them.
 *
 * Each is started anew on a free port of 127.0.0.1, with its files in the bench's folder, is asked
 * for its version over its own protocol once it answers, and ends with the proc_set_t it is in. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench.h"
#include "proc.h"

#include <stdint.h>

typedef struct peer {
    proc_t *proc;
    uint16_t port;
    char url[48];     /**< "nats://127.0.0.1:4222" */
    char version[32]; /**< "7.0.15" */
} peer_t;

/** What a peer is to keep. */
typedef enum {
    PEER_PLAIN,     /**< nothing on disk; nats: core, no JetStream */
    PEER_UNLIMITED, /**< likewise; and what waits for a slow subscriber has no limit */
    PEER_DURABLE,  /**< redis: appendonly, appendfsync always; nats: JetStream in files, defaults */
    PEER_EVERYSEC, /**< redis: appendonly, with its default sync, everysec */
    PEER_SYNCED,   /**< nats: JetStream that syncs before it acknowledges (sync_interval always) */
} peer_keep_t;

/** Looks for the program in PATH and where Debian puts it.
 *  @return false, told on stderr with the package that has it. */
bool peers_find(const char *name, char *out, size_t size);

/** @return SL_OK; SL_ENOENT: no such program; SL_EIO, SL_ETIMEDOUT: it does not serve.  All told on
 * stderr. */
sl_err peers_start_redis(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                         peer_t *peer);
sl_err peers_start_nats(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                        peer_t *peer);
/** @param keep  PEER_PLAIN or PEER_UNLIMITED.  Plain, its small packets leave at once; unlimited,
 *  the kernel may put them together, as it may by default: it writes each by itself. */
sl_err peers_start_mosquitto(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                             peer_t *peer);

/** Does this nats-server know PEER_SYNCED?  (From 2.10 on; an older one refuses its file.) */
bool peers_nats_can_sync(const bench_place_t *place);

/** A port of 127.0.0.1 that nobody has now.  Somebody else may take it before a peer does: then the
 *  peer does not start, and says so. */
uint16_t peers_free_port(void);

/** Connects to a port of 127.0.0.1.  @return a blocking socket without delay; -1 (errno). */
int peers_connect(uint16_t port);

#endif

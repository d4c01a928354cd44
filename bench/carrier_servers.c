#include "carrier_servers.h"

#include "peers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef sl_err start_peer_fn(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                             peer_t *peer);

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan,
                    const char *program, start_peer_fn *start_peer, peer_keep_t keep)
{
    peer_t peer = {0};
    sl_err err = start_peer(setup->set, setup->place, keep, &peer);
    server->proc = peer.proc;
    snprintf(server->version, sizeof server->version, "%s %s", program, peer.version);
    snprintf(plan->url, sizeof plan->url, "%s", peer.url);
    plan->port = peer.port;
    return err;
}

/* Of who keeps nothing. */
static peer_keep_t limits_of(const carrier_setup_t *setup)
{
    return setup->held ? PEER_UNLIMITED : PEER_PLAIN;
}

sl_err carrier_start_nats(carrier_server_t *server, const carrier_setup_t *setup,
                          carrier_plan_t *plan)
{
    return start(server, setup, plan, "nats-server", peers_start_nats, limits_of(setup));
}

sl_err carrier_start_jetstream(carrier_server_t *server, const carrier_setup_t *setup,
                               carrier_plan_t *plan)
{
    return start(server, setup, plan, "nats-server", peers_start_nats, PEER_DURABLE);
}

sl_err carrier_start_redis(carrier_server_t *server, const carrier_setup_t *setup,
                           carrier_plan_t *plan)
{
    return start(server, setup, plan, "redis-server", peers_start_redis, limits_of(setup));
}

sl_err carrier_start_redis_stream(carrier_server_t *server, const carrier_setup_t *setup,
                                  carrier_plan_t *plan)
{
    return start(server, setup, plan, "redis-server", peers_start_redis, PEER_EVERYSEC);
}

sl_err carrier_start_mosquitto(carrier_server_t *server, const carrier_setup_t *setup,
                               carrier_plan_t *plan)
{
    return start(server, setup, plan, "mosquitto", peers_start_mosquitto, limits_of(setup));
}

void carrier_add_version(carrier_server_t *server, const char *format, ...)
{
    size_t len = strlen(server->version);
    va_list args;
    va_start(args, format);
    if (len + 2 < sizeof server->version) {
        memcpy(server->version + len, ", ", 3);
        vsnprintf(server->version + len + 2, sizeof server->version - len - 2, format, args);
    }
    va_end(args);
}

#include "carrier.h"

#include <stdio.h>
#include <string.h>

#define PACKED "-packed"

extern const carrier_ops_t carrier_proxy, carrier_nats, carrier_jetstream, carrier_redis,
    carrier_redis_stream, carrier_mosquitto, carrier_mosquitto_lean;

const carrier_ops_t *const carriers[] = {
    &carrier_sluice,
    &carrier_xpub,
    &carrier_proxy,
#ifdef BENCH_NATS
    &carrier_nats,
#endif
    &carrier_nats_lean,
#ifdef BENCH_HIREDIS
    &carrier_redis,
#endif
    &carrier_redis_lean,
#ifdef BENCH_MOSQUITTO
    &carrier_mosquitto,
#endif
    &carrier_mosquitto_lean,
#ifdef BENCH_NATS
    &carrier_jetstream,
#endif
#ifdef BENCH_HIREDIS
    &carrier_redis_stream,
#endif
    NULL,
};

/* What a carrier that may be absent is built with. */
static const struct {
    const char *name, *package;
} libraries[] = {
    {"nats", "libnats-dev"},           {"jetstream", "libnats-dev"},
    {"redis", "libhiredis-dev"},       {"redis-stream", "libhiredis-dev"},
    {"mosquitto", "libmosquitto-dev"},
};

/* Is `name` this one, perhaps packed? */
static bool names(const char *name, const char *carrier, bool *packed)
{
    size_t len = strlen(carrier);
    *packed = strncmp(name, carrier, len) == 0 && strcmp(name + len, PACKED) == 0;
    return *packed || strcmp(name, carrier) == 0;
}

const carrier_ops_t *carriers_find(const char *name)
{
    bool packed;
    for (size_t i = 0; carriers[i] != NULL; i++)
        if (names(name, carriers[i]->name, &packed))
            return packed ? carrier_packed(carriers[i]) : carriers[i];
    return NULL;
}

const char *carriers_package(const char *name)
{
    bool packed;
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
        if (names(name, libraries[i].name, &packed))
            return libraries[i].package;
    return NULL;
}

sl_err carrier_start(const carrier_ops_t *ops, const carrier_setup_t *setup, carrier_plan_t *plan,
                     carrier_server_t *server)
{
    *server = (carrier_server_t){0};
    plan->ops = ops;
    plan->held = setup->held;
    if (setup->transport == DAEMONS_IPC && !ops->ipc) {
        fprintf(stderr, "sluice-bench: %s goes over TCP only\n", ops->name);
        return SL_EINVAL;
    }
    return ops->start(server, setup, plan);
}

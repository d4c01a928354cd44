#include "target.h"

extern const target_ops_t target_sluice;
#ifdef BENCH_HIREDIS
extern const target_ops_t target_redis;
#endif
#ifdef BENCH_NATS
extern const target_ops_t target_jetstream;
#endif

typedef struct target_row {
    const target_ops_t *ops;
    const char *package;
} target_row_t;

static const target_row_t rows[TARGETS] = {
    [TARGET_SLUICE] = {&target_sluice, ""},
    [TARGET_REDIS] = {.package = "libhiredis-dev",
#ifdef BENCH_HIREDIS
                      .ops = &target_redis
#endif
    },
    [TARGET_JETSTREAM] = {.package = "libnats-dev",
#ifdef BENCH_NATS
                          .ops = &target_jetstream
#endif
    },
};

const target_ops_t *target_of(target_id_t id)
{
    return rows[id].ops;
}

const char *target_package(target_id_t id)
{
    return rows[id].package;
}

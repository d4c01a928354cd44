#include "budgets.h"

#include "numbers.h"
#include "owed.h"
#include "systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SYSTEMS_MAX = 40 };

#define MORE BUDGET_MORE
#define LESS BUDGET_LESS
const budget_t budgets[] = {
    {"64 subscribers, against nats-server", "peers-64", "nats_ratio", NULL, "×", MORE, OWED_NATS,
     6},
    {"… lean readers, single events", "peers-64", "nats_lean_ratio", NULL, "×", MORE,
     OWED_NATS_LEAN, 3.5},
    {"… nats carrying our batches", "peers-64", "nats_lean_packed_ratio", NULL, "×", MORE,
     OWED_NATS_LEAN_PACKED, 1.2},
    {"… against redis pub/sub", "peers-64", "redis_ratio", NULL, "×", MORE, OWED_REDIS, 4},
    {"… against bare loopback TCP", "peers-64", "loopback_ratio", NULL, "×", MORE, OWED_LOOPBACK,
     0.7},
    {"… over ipc, against loopback TCP", "peers-ipc", "loopback_ratio", NULL, "×", MORE,
     OWED_LOOPBACK_IPC, 1.2},
    {"… CPU, against the cheapest peer", "peers-64", "sluice_cpu_s_per_million",
     "_cpu_s_per_million", "×", LESS, NAN, 1},
    {"1 subscriber, memory, against nats", "peers-1-memory", "nats_ratio", NULL, "×", MORE,
     OWED_NATS_1_MEMORY, 3},
    {"1 subscriber, os, against nats", "peers-1", "nats_ratio", NULL, "×", MORE, OWED_NATS_1_OS, 2},
    {"single events, 8 subscribers, nats", "peers-single", "nats_ratio", NULL, "×", MORE,
     OWED_NATS_SINGLE, 3},
    {"p99 at 1,000/s, memory, XPUB proxy", "latency-memory", "p99_to_proxy", NULL, "×", LESS,
     OWED_P99_PROXY_MEMORY, 1},
    {"p99 at 1,000/s, os, XPUB proxy", "latency-os", "p99_to_proxy", NULL, "×", LESS,
     OWED_P99_PROXY_OS, 1.2},
    {"p99 at 20,000/s, os, nats-server", "latency-20k", "p99_to_nats_lean", NULL, "×", LESS,
     OWED_P99_NATS_20K, 0.8},
    {"durable intake, singly, redis streams", "journal", "single_redis_ratio", NULL, "×", MORE,
     OWED_DURABLE_REDIS, 3},
    {"durable intake, batches, redis streams", "journal", "batch_redis_ratio", NULL, "×", MORE,
     OWED_DURABLE_REDIS, 3},
    {"bridge, a full queue", "ingest", "events_per_s", NULL, "events/s", MORE, OWED_BRIDGE_PER_S,
     100000},
    {"bridge, CPU an event", "ingest", "cpu_us_per_event", NULL, "µs", LESS, OWED_BRIDGE_CPU_US, 6},
    {"memory for 10 stopped of 100", "slow", "broker_growth_mib", NULL, "MiB", LESS,
     OWED_STOPPED_MIB, 32},
};
const size_t budgets_count = sizeof budgets / sizeof budgets[0];

/* The least of all systems' figures that end so, ours left out. */
static double least_of_peers(const figures_source_t *source, const char *suffix)
{
    char keys[SYSTEMS_MAX][FIGURES_NAME_MAX];
    size_t count = figures_prefixes(source, suffix, keys, SYSTEMS_MAX);
    double least = NAN;
    for (size_t i = 0; i < count; i++) {
        char name[2 * FIGURES_NAME_MAX];
        if (strncmp(keys[i], SYSTEMS_OURS, strlen(SYSTEMS_OURS)) == 0)
            continue;
        snprintf(name, sizeof name, "%s%s", keys[i], suffix);
        least = fmin(least, figures_spread(source, name).median); /* fmin passes over NaN */
    }
    return least;
}

figures_spread_t budgets_value(const budget_t *budget, const figures_t *figures)
{
    const figures_source_t *source = figures_find(figures, budget->source);
    if (source == NULL)
        return (figures_spread_t){NAN, NAN, NAN};
    figures_spread_t value = figures_spread(source, budget->figure);
    if (budget->divisor == NULL)
        return value;
    double divisor = least_of_peers(source, budget->divisor);
    double quotient = divisor > 0 ? value.median / divisor : NAN;
    return (figures_spread_t){quotient, quotient, quotient};
}

double budgets_runs(const budget_t *budget, const figures_t *figures)
{
    const figures_source_t *source = figures_find(figures, budget->source);
    return source == NULL ? NAN : figures_runs(source, budget->figure);
}

void budgets_mark(const budget_t *budget, double mark, char *out, size_t size)
{
    const char *sign = budget->sense == BUDGET_MORE ? "≥" : "≤";
    char number[NUMBERS_TEXT_MAX];
    out[0] = '\0';
    if (isnan(mark))
        return;
    if (mark < 1000)
        snprintf(number, sizeof number, "%g", mark); /* 0.9, not 0.900 */
    else
        numbers_plain(number, sizeof number, mark);
    snprintf(out, size, "%s %s", sign, number);
}

static bool reaches(const budget_t *budget, double value, double mark)
{
    return budget->sense == BUDGET_MORE ? value >= mark : value <= mark;
}

budget_state_t budgets_state(const budget_t *budget, double value)
{
    if (isnan(value))
        return BUDGET_UNKNOWN;
    if (reaches(budget, value, budget->aim))
        return BUDGET_AIM;
    return isnan(budget->floor) || reaches(budget, value, budget->floor) ? BUDGET_FLOOR
                                                                         : BUDGET_UNDER;
}

double budgets_share(const budget_t *budget, double value)
{
    if (budget->sense == BUDGET_MORE)
        return value / budget->floor;
    /* memory that shrank is far below any ceiling, and still needs a place on the scale */
    return budget->floor / fmax(value, budget->floor / 100);
}

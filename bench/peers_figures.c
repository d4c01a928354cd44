/* peers_figures.c - the figures of the bench `peers`: what they are called, what is asked of them,
 * and how a person reads them. */
#include "peers_bench.h"

#include "feed_figures.h"
#include "owed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 96, COLUMN = 8 };

#define X(id, name, unit, digits, help) {name, unit, help, digits, BOUND_NONE, 0},
static const figure_def_t metrics[PEERS_METRIC_COUNT] = {PEERS_METRICS(X)};
#undef X

/* -- what is asked of them ------------------------------------------------------------------ */

enum { ANY = -1 };

/* Of events of 320 bytes. */
static const struct floor {
    const char *figure;
    uint64_t subs;
    bool single;
    int transport, durability;
    double least;
} floors[] = {
    {"nats_ratio", 64, false, DAEMONS_TCP, DAEMONS_OS, OWED_NATS},
    {"nats_lean_ratio", 64, false, DAEMONS_TCP, DAEMONS_OS, OWED_NATS_LEAN},
    {"nats_lean_packed_ratio", 64, false, DAEMONS_TCP, DAEMONS_OS, OWED_NATS_LEAN_PACKED},
    {"redis_ratio", 64, false, DAEMONS_TCP, DAEMONS_OS, OWED_REDIS},
    {"loopback_ratio", 64, false, DAEMONS_TCP, DAEMONS_OS, OWED_LOOPBACK},
    {"loopback_ratio", 64, false, DAEMONS_IPC, DAEMONS_OS, OWED_LOOPBACK_IPC},
    {"nats_ratio", 1, false, DAEMONS_TCP, DAEMONS_MEMORY, OWED_NATS_1_MEMORY},
    {"nats_ratio", 1, false, DAEMONS_TCP, DAEMONS_OS, OWED_NATS_1_OS},
    {"nats_ratio", 8, true, DAEMONS_TCP, ANY, OWED_NATS_SINGLE},
};

static bool applies(const struct floor *floor, const peers_options_t *o)
{
    return o->size == 320 && o->subs == floor->subs && o->single == floor->single &&
           o->transport == floor->transport &&
           (floor->durability == ANY || floor->durability == o->durability);
}

/* NULL: nothing is asked of that figure. */
static const struct floor *floor_of(const char *figure, const peers_options_t *o)
{
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++)
        if (strcmp(floors[i].figure, figure) == 0 && applies(&floors[i], o))
            return &floors[i];
    return NULL;
}

/* -- putting them --------------------------------------------------------------------------- */

static void put(const bench_run_t *bench, figure_def_t def, double value)
{
    const struct floor *floor = floor_of(def.name, bench->options);
    if (floor != NULL) {
        def.bound = BOUND_FLOOR;
        def.limit = floor->least;
    }
    result_put_named(bench->result, &def, value);
}

void peers_put(const bench_run_t *bench, const carrier_ops_t *ops, peers_metric_t metric,
               double value)
{
    char key[ROSTER_KEY_MAX], name[NAME_BYTES];
    figure_def_t def = metrics[metric];
    roster_key(ops, key);
    snprintf(name, sizeof name, "%s_%s", key, def.name);
    def.name = name;
    put(bench, def, value);
}

void peers_put_loopback(const bench_run_t *bench, double bytes_per_s, double our_gb_per_s)
{
    const figure_def_t rate = {"loopback_gb_per_s", "GB/s", "bare TCP to as many processes", 3},
                       ratio = {"loopback_ratio", "", "bytes/s: ours / bare loopback's", 3};
    put(bench, rate, bytes_per_s / 1e9);
    if (our_gb_per_s > 0)
        put(bench, ratio, our_gb_per_s * 1e9 / bytes_per_s);
}

/* -- reading them --------------------------------------------------------------------------- */

/* NaN where there is none. */
static double median(const result_t *result, const char *key, peers_metric_t metric, double *spread)
{
    char name[NAME_BYTES];
    stats_t stats = {NAN, NAN, NAN};
    snprintf(name, sizeof name, "%s_%s", key, metrics[metric].name);
    size_t figure = result_find(result, name);
    if (figure < result->count)
        result_stats(result, figure, &stats);
    if (spread != NULL)
        *spread = stats_spread(&stats);
    return stats.median;
}

static void cell(FILE *out, int digits, double scale, double value)
{
    if (isnan(value))
        fprintf(out, " %*s", COLUMN, "-");
    else
        fprintf(out, " %*.*f", COLUMN, digits, value * scale);
}

static void print_row(const result_t *result, const char *key, FILE *out)
{
    double spread, rate = median(result, key, PEERS_DELIVERIES, &spread);
    fprintf(out, "  %-23s", key);
    cell(out, 3, 1e-6, rate);
    cell(out, 0, 100, spread);
    cell(out, 3, 1, median(result, key, PEERS_GB, NULL));
    cell(out, 2, 1, median(result, key, PEERS_RATIO, NULL));
    cell(out, 3, 1, median(result, key, PEERS_CPU, NULL));
    cell(out, 3, 1, median(result, key, PEERS_CPU_PUBLISHERS, NULL));
    cell(out, 3, 1, median(result, key, PEERS_CPU_SERVER, NULL));
    cell(out, 3, 1, median(result, key, PEERS_CPU_SUBSCRIBERS, NULL));
    cell(out, 2, 1, median(result, key, PEERS_CPU_TIMES, NULL));
    cell(out, 1, 1, median(result, key, PEERS_RSS, NULL));
    cell(out, 2, 100, median(result, key, PEERS_OPEN_LOST, NULL));
    fputc('\n', out);
}

static void print_heads(FILE *out)
{
    enum { COLUMNS = 11 };
    static const char *const heads[2][COLUMNS] = {
        {"million", "spread", "GB", "ours is", "CPU s a", "of pub-", "of the", "of sub-", "CPU to",
         "server", "open"},
        {"a second", "%", "a second", "times", "million", "lishers", "server", "scribers", "ours",
         "MiB", "loses %"},
    };
    for (size_t line = 0; line < 2; line++) {
        fprintf(out, "  %-23s", "");
        for (size_t i = 0; i < COLUMNS; i++)
            fprintf(out, " %*s", COLUMN, heads[line][i]);
        fputc('\n', out);
    }
}

void peers_print(const result_t *result, FILE *out)
{
    static const char suffix[] = "_deliveries_per_s";
    result_print_head(result, out);
    print_heads(out);
    for (size_t i = 0; i < result->count; i++) {
        const char *name = result->defs[i].name;
        size_t len = strlen(name);
        char key[ROSTER_KEY_MAX];
        if (len < sizeof suffix || strcmp(name + len - (sizeof suffix - 1), suffix) != 0)
            continue;
        snprintf(key, sizeof key, "%.*s", (int)(len - (sizeof suffix - 1)), name);
        print_row(result, key, out);
    }
    fprintf(out, "  %-23s %*s %*s", "bare loopback TCP", COLUMN, "", COLUMN, "");
    cell(out, 3, 1, result_median(result, result_find(result, "loopback_gb_per_s")));
    fputc('\n', out);
    result_print_bounds(result, out);
    feed_figures_print(result, out);
    result_print_notes(result, out);
}

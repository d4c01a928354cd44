/* latency_figures.c - the figures of the bench `latency`: what they are called, what is asked of
 * them, and how a person, a plotter or a report reads them. */
#include "latency.h"

#include "base/histogram_text.h"
#include "feed_figures.h"
#include "owed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 96, COLUMN = 8 };

/* What is reported of each carrier as <carrier>_<name>_us: the value at a share of all. */
#define PERCENTILES(X)            \
    X("p50", "p50", 0.5)          \
    X("p90", "p90", 0.9)          \
    X("p99", "p99", 0.99)         \
    X("p99_9", "p99.9", 0.999)    \
    X("p99_99", "p99.99", 0.9999) \
    X("max", "max", 1)

#define X(name, head, share) {name, head, share},
static const struct percentile {
    const char *name, *head;
    double share;
} percentiles[] = {PERCENTILES(X)};
#undef X
enum { PERCENTILE_COUNT = sizeof percentiles / sizeof *percentiles };

/* Of which ours is held against another's, as <name>_to_<carrier>. */
static const char *const compared[] = {"p50", "p99", "p99_9"};

/* -- what is asked of them ------------------------------------------------------------------ */

/* The ratio of p99, ours to another's, at events of 320 bytes over TCP. */
static const struct budget {
    const char *carrier;
    uint64_t rate, subs;
    int durability;
    double ceiling;
} budgets[] = {
    {"proxy", 1000, 1, DAEMONS_MEMORY, OWED_P99_PROXY_MEMORY},
    {"proxy", 1000, 1, DAEMONS_OS, OWED_P99_PROXY_OS},
    {"nats_lean", 20000, 8, DAEMONS_OS, OWED_P99_NATS_20K},
};

static void put_bound(const latency_options_t *o, const char *carrier, figure_def_t *def)
{
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        const struct budget *b = &budgets[i];
        if (strcmp(b->carrier, carrier) != 0 || o->rate != b->rate || o->subs != b->subs ||
            o->durability != b->durability || o->size != 320 || o->transport != DAEMONS_TCP ||
            o->stall_ms > 0)
            continue;
        def->bound = BOUND_CEILING;
        def->limit = b->ceiling;
    }
}

/* -- putting them --------------------------------------------------------------------------- */

static void put(const bench_run_t *bench, const carrier_ops_t *ops, figure_def_t def, double value)
{
    char key[ROSTER_KEY_MAX], name[NAME_BYTES];
    roster_key(ops, key);
    snprintf(name, sizeof name, "%s_%s", key, def.name);
    def.name = name;
    result_put_named(bench->result, &def, value);
}

/* May it be told of these?  The most is what it is, of however few. */
static bool is_told(const struct percentile *percentile, const histogram_t *latency)
{
    uint64_t total = histogram_total(latency, 1);
    if (percentile->share == 1)
        return total > 0;
    return total >= histogram_rank(percentile->share, total) + LATENCY_BEYOND_LEAST;
}

static void put_percentile(const bench_run_t *bench, const carrier_ops_t *ops,
                           const struct percentile *percentile, const histogram_t *latency)
{
    char name[NAME_BYTES];
    double ns = (double)histogram_quantile(latency, 1, percentile->share);
    snprintf(name, sizeof name, "%s_us", percentile->name);
    put(bench, ops, (figure_def_t){name, "µs", "from due to delivered", 1}, ns / 1000);
}

void latency_put(const bench_run_t *bench, const carrier_ops_t *ops, const latency_outcome_t *out)
{
    put(bench, ops, (figure_def_t){"samples", "", "deliveries timed in a run", 0},
        (double)histogram_total(out->latency, 1));
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        if (is_told(&percentiles[i], out->latency))
            put_percentile(bench, ops, &percentiles[i], out->latency);
    put(bench, ops, (figure_def_t){"lost", "", "share of the deliveries that never came", 6},
        out->lost);
    put(bench, ops, (figure_def_t){"cores_publisher", "", "CPU seconds a second", 3},
        out->cores_publisher);
    put(bench, ops, (figure_def_t){"cores_server", "", "likewise", 3}, out->cores_server);
    put(bench, ops, (figure_def_t){"cores_subscribers", "", "likewise", 3}, out->cores_subscribers);
    put(bench, ops,
        (figure_def_t){"server_rss_mib", "MiB", "RssAnon of what subscribers are connected to", 1},
        out->server_mib);
    put(bench, ops,
        (figure_def_t){"late_ms", "ms", "how late the publisher came to send what was due, most",
                       2},
        out->late_ms);
    feed_figures_put(bench->result, ops, &out->batch);
}

void latency_put_merged(const bench_run_t *bench, const carrier_ops_t *ops,
                        const histogram_t *latency)
{
    for (size_t i = 0; i < PERCENTILE_COUNT; i++) {
        char key[ROSTER_KEY_MAX], name[NAME_BYTES];
        roster_key(ops, key);
        snprintf(name, sizeof name, "%s_%s_us", key, percentiles[i].name);
        if (result_find(bench->result, name) < bench->result->count ||
            !is_told(&percentiles[i], latency))
            continue;
        put_percentile(bench, ops, &percentiles[i], latency);
        result_note(bench->result,
                    "%s, %s: of all runs together, one value, since no run alone has %d values "
                    "beyond it",
                    ops->name, percentiles[i].head, LATENCY_BEYOND_LEAST);
    }
}

/* 0: it has none in this run. */
static double last_of(const bench_run_t *bench, const char *key, const char *percentile)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s_%s_us", key, percentile);
    size_t figure = result_find(bench->result, name);
    return figure < bench->result->count ? result_last(bench->result, figure) : 0;
}

void latency_put_ratios(const bench_run_t *bench, const roster_t *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        for (size_t j = 0; j < sizeof compared / sizeof *compared; j++) {
            char key[ROSTER_KEY_MAX], name[NAME_BYTES];
            roster_key(roster->items[i], key);
            double ours = last_of(bench, carrier_sluice.name, compared[j]);
            double theirs = last_of(bench, key, compared[j]);
            if (roster->items[i] == &carrier_sluice || ours == 0 || theirs == 0)
                continue;
            snprintf(name, sizeof name, "%s_to_%s", compared[j], key);
            figure_def_t def = {name, "", "ours / this one's", 2};
            if (strcmp(compared[j], "p99") == 0)
                put_bound(bench->options, key, &def);
            result_put_named(bench->result, &def, ours / theirs);
        }
}

void latency_put_rate(const bench_run_t *bench, const carrier_ops_t *ops, uint64_t rate)
{
    put(bench, ops,
        (figure_def_t){"rate_at_p99", "1/s", "the highest that keeps --p99 and loses nothing", 0},
        (double)rate);
}

/* -- curves --------------------------------------------------------------------------------- */

static sl_err write_text(const latency_options_t *o, const carrier_ops_t *ops,
                         const histogram_t *latency)
{
    char path[512];
    snprintf(path, sizeof path, "%s-%s.hgrm", o->hdr, ops->name);
    FILE *file = fopen(path, "we");
    sl_err err = file == NULL ? SL_EIO : histogram_write_text(file, latency, 1, 1000);
    if (file != NULL && fclose(file) != 0)
        err = SL_EIO;
    if (err != SL_OK)
        fprintf(stderr, "sluice-bench: cannot write %s: %s\n", path, strerror(errno));
    return err;
}

static void put_point(cJSON *curve, const histogram_t *latency, double share)
{
    double us = (double)histogram_quantile(latency, 1, share) / 1000;
    cJSON_AddItemToArray(curve, cJSON_CreateDoubleArray((double[]){share, us}, 2));
}

/* In JSON: pairs of a share and the value there, two each time that the distance to 1 halves, as
 * far as there are values. */
sl_err latency_put_curve(const bench_run_t *bench, const carrier_ops_t *ops,
                         const histogram_t *latency)
{
    const latency_options_t *o = bench->options;
    char key[ROSTER_KEY_MAX], name[NAME_BYTES];
    roster_key(ops, key);
    snprintf(name, sizeof name, "%s_curve_us", key);
    cJSON *curve = cJSON_AddArrayToObject(bench->result->facts, name);
    uint64_t total = histogram_total(latency, 1);
    for (int halvings = 0; total >> halvings > 0; halvings++) {
        double distance = 1 / (double)((uint64_t)1 << halvings);
        put_point(curve, latency, 1 - distance);
        put_point(curve, latency, 1 - distance * 0.75);
    }
    return o->hdr != NULL ? write_text(o, ops, latency) : SL_OK;
}

/* -- reading them --------------------------------------------------------------------------- */

/* The figure whose name these three make; where there is none, a dash. */
static void cell(const result_t *result, const char *first, const char *second, const char *third,
                 int digits, FILE *out)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s%s", first, second, third);
    size_t figure = result_find(result, name);
    double median = figure < result->count ? result_median(result, figure) : NAN;
    if (isnan(median))
        fprintf(out, " %*s", COLUMN, "-");
    else
        fprintf(out, " %*.*f", COLUMN, digits, median);
}

static void print_heads(FILE *out)
{
    static const char *const heads[] = {"p50 to", "p99 to", "p99.9 to", "cores", "lost", "late ms"};
    fprintf(out, "  %-22s %*s", "µs", COLUMN + 1, "values"); /* µ is two bytes */
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        fprintf(out, " %*s", COLUMN, percentiles[i].head);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        fprintf(out, " %*s", COLUMN, heads[i]);
    fputc('\n', out);
}

static void print_row(const result_t *result, const char *key, FILE *out)
{
    fprintf(out, "  %-22s", key);
    cell(result, key, "_samples", "", 0, out);
    for (size_t i = 0; i < PERCENTILE_COUNT; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "_%s_us", percentiles[i].name);
        cell(result, key, name, "", 1, out);
    }
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        cell(result, compared[i], "_to_", key, 2, out);
    cell(result, key, "_cores_server", "", 3, out);
    cell(result, key, "_lost", "", 6, out);
    cell(result, key, "_late_ms", "", 2, out);
    fputc('\n', out);
}

static void print_table(const result_t *result, FILE *out)
{
    static const char suffix[] = "_samples";
    print_heads(out);
    for (size_t i = 0; i < result->count; i++) {
        const char *name = result->defs[i].name;
        size_t len = strlen(name), cut = len - (sizeof suffix - 1);
        char key[ROSTER_KEY_MAX];
        if (len < sizeof suffix || strcmp(name + cut, suffix) != 0)
            continue;
        snprintf(key, sizeof key, "%.*s", (int)cut, name);
        print_row(result, key, out);
    }
}

void latency_print(const result_t *result, FILE *out)
{
    if (cJSON_HasObjectItem(result->facts, LATENCY_SEARCHED)) {
        result_print(result, out); /* rates: a line a carrier is what they are */
        return;
    }
    result_print_head(result, out);
    print_table(result, out);
    result_print_bounds(result, out);
    feed_figures_print(result, out);
    result_print_notes(result, out);
}

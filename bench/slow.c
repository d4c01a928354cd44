/* slow.c - what do stopped subscribers cost the others, and what do they lose?
 *
 * A run is a pair of loads on brokers that are new: the live subscribers alone, and the same beside
 * some that are stopped (SIGSTOP) when the measured time begins and woken at its end; which of the
 * two comes first changes from pair to pair.  Nobody waits for a subscriber: the publisher sends at
 * its rate.  Every subscriber, woken ones too, must come to have every event, or the bench fails.
 *
 * In the first run raw ZeroMQ, redis pub/sub and NATS core take the same load beside stopped
 * subscribers: what those had lost once woken, what the live ones lost, and who was disconnected.
 */
#include "slow.h"

#include "bench.h"
#include "benches.h"
#include "owed.h"
#include "peers.h"

#include <stdio.h>

enum { SUBS_MAX = 2000 };

typedef struct slow_options {
    bench_common_t common;
    uint64_t live, stopped, rate, size, seconds, warmup_ms;
    int durability; /* daemons_durability_t */
    bool ours_alone;
    config_list_t broker_args;
} slow_options_t;

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(slow_options_t, member)
static const config_opt_t options_table[] = {
    OPT("live", CONFIG_U64, AT(live), .def = "90", .arg = "N", .help = "subscribers that read",
        .min = 2, .max = SUBS_MAX),
    OPT("stopped", CONFIG_U64, AT(stopped), .def = "10", .arg = "N",
        .help = "subscribers that are stopped", .min = 1, .max = SUBS_MAX),
    OPT("rate", CONFIG_U64, AT(rate), .def = "10000", .arg = "N", .help = "events a second",
        .min = 1, .max = 200000),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES", .help = "of each event",
        .min = MIX_EVENT_MIN, .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "60", .arg = "N",
        .help = "measured in each load, and how long the stopped ones are", .min = 1, .max = 3600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "2s", .arg = "TIME",
        .help = "before the measured time", .max = 60000),
    OPT("durability", CONFIG_CHOICE, AT(durability), .def = "disk", .choices = DAEMONS_DURABILITIES,
        .help = "of sluice-broker"),
    OPT("ours-alone", CONFIG_BOOL, AT(ours_alone), .help = "without ZeroMQ, redis and NATS"),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS_OF("pairs", "9", "pairs of loads; the figures are medians"),
};

enum {
    P99_RATIO,
    RSS_GROWTH,
    ALONE_P50,
    ALONE_P99,
    BESIDE_P50,
    BESIDE_P99,
    ALONE_COMMIT_P99,
    BESIDE_COMMIT_P99,
    ALONE_RSS,
    BESIDE_RSS,
    COMPLETE_S,
    MISSED_LIVE,
    RATE,
    XPUB_LOST,
    XPUB_LOST_LIVE,
    XPUB_DISCONNECTED,
    XPUB_P99,
    REDIS_LOST,
    REDIS_LOST_LIVE,
    REDIS_DISCONNECTED,
    REDIS_P99,
    NATS_LOST,
    NATS_LOST_LIVE,
    NATS_DISCONNECTED,
    NATS_P99,
    FIGURES
};

static const figure_def_t figures[FIGURES] = {
    [P99_RATIO] = {"p99_ratio", "", "p99 of the live: beside stopped ones / alone", 2,
                   BOUND_CEILING, OWED_P99_BESIDE},
    [RSS_GROWTH] = {"broker_growth_mib", "MiB", "RssAnon of the broker, most: beside − alone", 1,
                    BOUND_CEILING, OWED_STOPPED_MIB},
    [ALONE_P50] = {"alone_p50_ms", "ms", "from due to delivered, live ones alone", 2},
    [ALONE_P99] = {"alone_p99_ms", "ms", "likewise", 2},
    [BESIDE_P50] = {"beside_p50_ms", "ms", "live ones beside stopped ones", 2},
    [BESIDE_P99] = {"beside_p99_ms", "ms", "likewise", 2},
    [ALONE_COMMIT_P99] = {"alone_commit_p99_ms", "ms", "of the journal, in the last minute", 2},
    [BESIDE_COMMIT_P99] = {"beside_commit_p99_ms", "ms", "likewise", 2},
    [ALONE_RSS] = {"alone_broker_mib", "MiB", "RssAnon of the broker, most", 1},
    [BESIDE_RSS] = {"beside_broker_mib", "MiB", "likewise", 1},
    [COMPLETE_S] = {"woken_complete_s", "s", "from SIGCONT until the stopped had everything", 2},
    [MISSED_LIVE] = {"feed_lossy_sends", "", "batches the broker sent past full queues", 0},
    [RATE] = {"events_per_s", "1/s", "published", 0},
    [XPUB_LOST] = {"xpub_lost", "", "share of the events that the stopped ones never got", 3},
    [XPUB_LOST_LIVE] = {"xpub_lost_live", "", "and the live ones", 3},
    [XPUB_DISCONNECTED] = {"xpub_disconnected", "", "subscribers", 0},
    [XPUB_P99] = {"xpub_p99_ms", "ms", "of the live ones", 2},
    [REDIS_LOST] = {"redis_lost", "", "likewise", 3},
    [REDIS_LOST_LIVE] = {"redis_lost_live", "", "likewise", 3},
    [REDIS_DISCONNECTED] = {"redis_disconnected", "", "likewise", 0},
    [REDIS_P99] = {"redis_p99_ms", "ms", "likewise", 2},
    [NATS_LOST] = {"nats_lost", "", "likewise", 3},
    [NATS_LOST_LIVE] = {"nats_lost_live", "", "likewise", 3},
    [NATS_DISCONNECTED] = {"nats_disconnected", "", "likewise", 0},
    [NATS_P99] = {"nats_p99_ms", "ms", "likewise", 2},
};

/* -- runs ----------------------------------------------------------------------------------- */

static void put_pair(const slow_outcome_t *alone, const slow_outcome_t *beside, result_t *result)
{
    result_put(result, ALONE_P50, alone->p50_ms);
    result_put(result, ALONE_P99, alone->p99_ms);
    result_put(result, BESIDE_P50, beside->p50_ms);
    result_put(result, BESIDE_P99, beside->p99_ms);
    result_put(result, P99_RATIO, beside->p99_ms / alone->p99_ms);
    result_put(result, ALONE_COMMIT_P99, alone->commit_p99_ms);
    result_put(result, BESIDE_COMMIT_P99, beside->commit_p99_ms);
    result_put(result, ALONE_RSS, alone->rss_mib);
    result_put(result, BESIDE_RSS, beside->rss_mib);
    result_put(result, RSS_GROWTH, beside->rss_mib - alone->rss_mib);
    result_put(result, COMPLETE_S, beside->complete_s);
    result_put(result, MISSED_LIVE, beside->lossy);
    result_put(result, RATE, beside->rate);
}

static sl_err one_load(const bench_run_t *bench, const carrier_ops_t *ops, size_t stopped,
                       const char *title, slow_outcome_t *out)
{
    const slow_options_t *o = bench->options;
    const slow_setup_t setup = {.ops = ops,
                                .title = title,
                                .live = o->live,
                                .stopped = stopped,
                                .event_bytes = o->size,
                                .rate = o->rate,
                                .seconds = o->seconds,
                                .warmup_ms = o->warmup_ms,
                                .durability = (daemons_durability_t)o->durability,
                                .broker_args = &o->broker_args};
    return slow_load(bench, &setup, out);
}

static sl_err pair(const bench_run_t *bench)
{
    const slow_options_t *o = bench->options;
    slow_outcome_t alone = {0}, beside = {0};
    bool alone_first = bench->result->runs % 2 == 0;
    sl_err err = SL_OK;
    for (int half = 0; half < 2 && err == SL_OK; half++)
        err = (half == 0) == alone_first
                  ? one_load(bench, &carrier_sluice, 0, "live ones alone", &alone)
                  : one_load(bench, &carrier_sluice, o->stopped, "beside stopped ones", &beside);
    if (err == SL_OK)
        put_pair(&alone, &beside, bench->result);
    return err;
}

typedef struct other {
    const carrier_ops_t *ops;
    size_t first_figure; /* four: lost, lost_live, disconnected, p99 */
} other_t;

static const other_t others[] = {
    {&carrier_xpub, XPUB_LOST}, {&carrier_redis_lean, REDIS_LOST}, {&carrier_nats_lean, NATS_LOST}};

static sl_err measure_others(const bench_run_t *bench)
{
    const slow_options_t *o = bench->options;
    sl_err err = SL_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others && err == SL_OK; i++) {
        const other_t *other = &others[i];
        slow_outcome_t out = {0};
        err = one_load(bench, other->ops, o->stopped, other->ops->name, &out);
        if (err != SL_OK)
            break;
        result_put(bench->result, other->first_figure, out.lost);
        result_put(bench->result, other->first_figure + 1, out.lost_live);
        result_put(bench->result, other->first_figure + 2, out.disconnected);
        result_put(bench->result, other->first_figure + 3, out.p99_ms);
    }
    return err;
}

static sl_err one_run(const bench_run_t *bench)
{
    const slow_options_t *o = bench->options;
    char path[512];
    if (!o->ours_alone && (!peers_find("redis-server", path, sizeof path) ||
                           !peers_find("nats-server", path, sizeof path)))
        return SL_ENOENT;
    sl_err err = pair(bench);
    if (err == SL_OK && bench->result->runs == 0 && !o->ours_alone)
        err = measure_others(bench);
    return err;
}

static void put_facts(const void *options, result_t *result)
{
    const slow_options_t *o = options;
    result_fact_number(result, "live", (double)o->live);
    result_fact_number(result, "stopped", (double)o->stopped);
    result_fact_number(result, "rate", (double)o->rate);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "seconds", (double)o->seconds);
    const char *durability = daemons_durability_name((daemons_durability_t)o->durability);
    result_fact_text(result, "durability", durability);
    result->checked = o->live == 90 && o->stopped == 10 && o->rate == 10000 && o->size == 320 &&
                      o->seconds >= 60; /* as the bounds */
    result_note(result,
                "sluice-broker: durability %s; every subscriber, each woken one too, ended "
                "with every event, once",
                durability);
    if (o->ours_alone)
        return;
    result_note(result, "xpub, redis, nats: with the limits they have by default; lean clients "
                        "that do not connect again; single events");
}

static double run_seconds(const void *options)
{
    const slow_options_t *o = options;
    double load_s = (double)o->seconds + (double)o->warmup_ms / 1000 + 3;
    return load_s * (2 + (o->ours_alone ? 0 : 3.0 / (double)o->common.runs));
}

const bench_spec_t bench_slow = {
    .program = {.name = "sluice-bench slow",
                .summary = "What stopped subscribers cost the live ones and the broker, and what "
                           "they lose; beside raw ZeroMQ, redis pub/sub and NATS.",
                .table = {options_table, sizeof options_table / sizeof options_table[0],
                          sizeof(slow_options_t)}},
    .figures = figures,
    .figure_count = FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
};

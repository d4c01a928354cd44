/* latency.c - how long does an event take from when it was due until a subscriber has it, beside
 * others?
 *
 * A run measures every carrier once, one after the other, each with a server that is new; who comes
 * first changes from run to run, so that a drift of the machine hits all alike.  Ratios are of the
 * same run.  With --find-rate a run searches, for each carrier, the highest rate at which the 99th
 * percentile stays below --p99 and nothing is lost. */
#include "latency.h"

#include "benches.h"
#include "crowd.h"
#include "proc.h"
#include "rate_search.h"

#include <stdio.h>

enum {
    SUBS_MAX = 1000,
    RATE_MAX = 4000000,
    SEARCH_LOADS = 24, /* about so many for a rate */
};

/* -- options -------------------------------------------------------------------------------- */

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(latency_options_t, member)
static const config_opt_t options_table[] = {
    OPT("carriers", CONFIG_STR_LIST, AT(carriers), .def = "sluice,proxy,nats-lean", .arg = "NAMES",
        .help = "who is measured: sluice, xpub, proxy, nats, redis, mosquitto, …-lean; who keeps "
                "events: jetstream, redis-stream; plain: without those two"),
    OPT("rate", CONFIG_U64, AT(rate), .def = "1000", .arg = "N", .help = "events a second",
        .min = 1, .max = RATE_MAX),
    OPT("subs", CONFIG_U64, AT(subs), .def = "1", .arg = "N",
        .help = "subscribers, each on every topic", .min = 1, .max = SUBS_MAX),
    OPT("processes", CONFIG_U64, AT(processes), .def = "2", .arg = "N",
        .help = "that the subscribers stand in, at most one for each", .min = 1,
        .max = CROWD_PROCESSES_MAX),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES", .help = "of each event",
        .min = MIX_EVENT_MIN, .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "10", .arg = "N",
        .help = "measured, of each carrier in each run", .min = 1, .max = 3600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "1s", .arg = "TIME",
        .help = "before the measured time", .max = 60000),
    OPT("transport", CONFIG_CHOICE, AT(transport), .def = "tcp", .choices = "tcp|ipc",
        .help = "between the processes"),
    OPT("durability", CONFIG_CHOICE, AT(durability), .def = "os", .choices = DAEMONS_DURABILITIES,
        .help = "of sluice-broker"),
    OPT("stall", CONFIG_MS, AT(stall_ms), .def = "0", .arg = "TIME",
        .help = "stop the server for so long amid the measured time, to see that it shows",
        .max = 10000),
    OPT("hdr", CONFIG_STR, AT(hdr), .arg = "FILE",
        .help = "write all runs' latencies to FILE-<carrier>.hgrm, as HdrHistogram's percentile "
                "text, in µs"),
    OPT("find-rate", CONFIG_BOOL, AT(find_rate),
        .help = "search the highest rate that keeps --p99 in two of three tries, from --rate on"),
    OPT("p99", CONFIG_US, AT(p99_us), .def = "2ms", .arg = "TIME",
        .help = "what --find-rate keeps the 99th percentile below: 250us, 2ms", .min = 10,
        .max = 60000000),
    OPT("rate-max", CONFIG_U64, AT(rate_max), .def = "4000000", .arg = "N",
        .help = "the highest rate that --find-rate tries", .min = 1, .max = RATE_MAX),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS("5"),
};

static void check_options(config_t *config, const void *options)
{
    const latency_options_t *o = options;
    roster_check(config, "carriers", &o->carriers, (daemons_transport_t)o->transport);
    if (o->stall_ms >= o->seconds * 1000)
        config_complain(config, "stall", "it does not fit into %llu s",
                        (unsigned long long)o->seconds);
}

static bool takes_part(const carrier_ops_t *ops, const void *options)
{
    const latency_options_t *o = options;
    return ops->ipc || o->transport == DAEMONS_TCP; /* of a group that is no mistake */
}

static void roster_from(const latency_options_t *o, roster_t *roster)
{
    roster_of(roster, &o->carriers, NULL); /* it was checked */
    roster_keep(roster, takes_part, o);
}

/* -- measuring ------------------------------------------------------------------------------ */

/* Latencies of all runs, as the roster has them; a process does one bench. */
static histogram_t all_runs[ROSTER_MAX];

/* A peer that breaks at this rate has no figure; of ours that is the end. */
static bool is_theirs(const carrier_ops_t *ops, sl_err err)
{
    return ops != &carrier_sluice && !proc_interrupted() &&
           (err == SL_EIO || err == SL_EPROTO || err == SL_ETIMEDOUT);
}

static sl_err measure(const bench_run_t *bench, const carrier_ops_t *ops, histogram_t *all)
{
    const latency_options_t *o = bench->options;
    static histogram_t latency;
    histogram_clear(&latency);
    latency_outcome_t out = {.latency = &latency};
    sl_err err = latency_load(bench, ops, o->rate, &out);
    if (err != SL_OK && !is_theirs(ops, err))
        return err;
    if (err != SL_OK || !out.kept_up) { /* what was never sent would be missing */
        result_note(bench->result, "%s: no figure of %s: it does not keep up with %llu events/s",
                    ops->name, bench->title, (unsigned long long)o->rate);
        return SL_OK;
    }
    histogram_merge(all, &latency, 1);
    latency_put(bench, ops, &out);
    return SL_OK;
}

/* -- searching ------------------------------------------------------------------------------ */

typedef struct hunt {
    const bench_run_t *bench;
    const carrier_ops_t *ops;
} hunt_t;

static sl_err try_rate(void *ctx, uint64_t rate, bool *holds)
{
    const hunt_t *hunt = ctx;
    const latency_options_t *o = hunt->bench->options;
    static histogram_t latency;
    histogram_clear(&latency);
    latency_outcome_t out = {.latency = &latency};
    sl_err err = latency_load(hunt->bench, hunt->ops, rate, &out);
    *holds = err == SL_OK && out.kept_up && out.lost == 0 &&
             histogram_quantile(&latency, 1, 0.99) < o->p99_us * 1000;
    return is_theirs(hunt->ops, err) ? SL_OK : err;
}

static sl_err find_rate(const bench_run_t *bench, const carrier_ops_t *ops)
{
    const latency_options_t *o = bench->options;
    hunt_t hunt = {.bench = bench, .ops = ops};
    uint64_t best = 0;
    sl_err err = rate_search(try_rate, &hunt, o->rate, o->rate_max, &best);
    if (err == SL_OK)
        latency_put_rate(bench, ops, best);
    return err;
}

/* -- runs ----------------------------------------------------------------------------------- */

static sl_err put_all_runs(const bench_run_t *bench, const roster_t *roster)
{
    sl_err err = SL_OK;
    for (size_t i = 0; i < roster->count && err == SL_OK; i++) {
        latency_put_merged(bench, roster->items[i], &all_runs[i]);
        err = latency_put_curve(bench, roster->items[i], &all_runs[i]);
    }
    return err;
}

static sl_err one_run(const bench_run_t *bench)
{
    const latency_options_t *o = bench->options;
    roster_t roster;
    roster_from(o, &roster);
    sl_err err = SL_OK;
    for (size_t i = 0; i < roster.count && err == SL_OK; i++) {
        size_t turn = (i + bench->result->runs) % roster.count;
        err = o->find_rate ? find_rate(bench, roster.items[turn])
                           : measure(bench, roster.items[turn], &all_runs[turn]);
    }
    if (err != SL_OK || o->find_rate)
        return err;
    latency_put_ratios(bench, &roster);
    return bench->result->runs + 1 == o->common.runs ? put_all_runs(bench, &roster) : SL_OK;
}

static void put_facts(const void *options, result_t *result)
{
    const latency_options_t *o = options;
    const char *durability = daemons_durability_name((daemons_durability_t)o->durability);
    result_fact_number(result, o->find_rate ? "rate_from" : "rate", (double)o->rate);
    result_fact_number(result, "subs", (double)o->subs);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "seconds", (double)o->seconds);
    result_fact_number(result, "stall_ms", (double)o->stall_ms);
    result_fact_text(result, "transport", o->transport == DAEMONS_IPC ? "ipc" : "tcp");
    result_fact_text(result, "durability", durability);
    if (o->find_rate)
        result_fact_number(result, LATENCY_SEARCHED, (double)o->p99_us / 1000);
    else
        result_note(
            result,
            "a percentile is the median over the runs that have %d values or more beyond it",
            LATENCY_BEYOND_LEAST);
    result_note(
        result,
        "open loop, %llu subscriber%s: a latency counts from when the event was due; values "
        "are within 0.4 %%; sluice-broker: durability %s",
        (unsigned long long)o->subs, o->subs == 1 ? "" : "s", durability);
    if (o->stall_ms > 0)
        result_note(result, "each server was stopped for %llu ms amid the measured time",
                    (unsigned long long)o->stall_ms);
}

static double run_seconds(const void *options)
{
    const latency_options_t *o = options;
    roster_t roster;
    roster_from(o, &roster);
    double load_s = (double)o->seconds + (double)o->warmup_ms / 1000 + 1;
    return load_s * (double)roster.count * (o->find_rate ? SEARCH_LOADS : 1);
}

const bench_spec_t bench_latency = {
    .program =
        {.name = "sluice-bench latency",
         .summary = "How long events take at a steady rate, in an open loop: percentiles of "
                    "Sluice and of others in the same run.",
         .epilog = "A percentile is told of a run that has 10 values or more beyond it, and its "
                   "figure is the median over such runs. Where no run has as many, it is taken "
                   "from all runs together, one value without a spread, or else left out (-). "
                   "…_samples is how many values a run has. A ratio is of one run.\n\n"
                   "…_late_ms is how late the publisher came to send what was due, at most: it was "
                   "starved of CPU, or its client held it up. Latencies count from when an event "
                   "was due, so they contain it. What a batch on our feed had is by the broker's "
                   "counters: sluice_events_per_batch, sluice_batch_bytes.",
         .table = {options_table, sizeof options_table / sizeof options_table[0],
                   sizeof(latency_options_t)},
         .check = check_options},
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
    .print = latency_print,
};

/* peers_bench.c - how many deliveries a second, at what cost, does each carrier make: ours, and
 * those that stand beside it?
 *
 * A run measures bare loopback TCP and then every carrier once, each with a server that is new,
 * over the same publishers and the same crowd of subscribers.  Their order is drawn anew for each
 * run (--seed), so that a machine that drifts hits all alike, and what one leaves behind, warm or
 * busy, does not always meet the same other.  Ratios are of the same run; figures are medians over
 * the runs.
 *
 * The publishers of every carrier are held within a window of the slowest subscriber, so that
 * nothing need be dropped, and every subscriber looks at every event.  A peer that comes to miss or
 * repeat one has no figure in that run; if ours does, the bench fails. */
#include "peers_bench.h"

#include "benches.h"
#include "feed_figures.h"
#include "load.h"
#include "loopback.h"

#include <stdio.h>
#include <string.h>

enum { SUBS_MAX = 1000, RATE_MAX = 10000000 };

/* As clients/c/pub_impl.h has it: PUB_GATHER_REQUESTS. */
#define GATHERED "libsluice gathers them into requests while 16 requests are unanswered"

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(peers_options_t, member)
static const config_opt_t options_table[] = {
    OPT("carriers", CONFIG_STR_LIST, AT(carriers), .def = "all", .arg = "NAMES",
        .help = "who is measured: sluice, xpub, proxy, nats, redis, mosquitto, …-lean, …-packed; "
                "who keeps events: jetstream, redis-stream; all; plain: without those two and "
                "nobody packed"),
    OPT("subs", CONFIG_U64, AT(subs), .def = "64", .arg = "N",
        .help = "subscribers, each on every topic", .min = 1, .max = SUBS_MAX),
    OPT("processes", CONFIG_U64, AT(processes), .def = "0", .arg = "N",
        .help = "that the subscribers stand in; 0: one each, as far as 64 go",
        .max = CROWD_PROCESSES_MAX),
    OPT("publishers", CONFIG_U64, AT(publishers), .def = "1", .arg = "N",
        .help = "publisher processes", .min = 1, .max = CROWD_PUBLISHERS_MAX),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES", .help = "of each event",
        .min = MIX_EVENT_MIN, .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "3", .arg = "N",
        .help = "measured of each carrier in each run", .min = 1, .max = 600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "1s", .arg = "TIME",
        .help = "before the measured phase", .max = 60000),
    OPT("single", CONFIG_BOOL, AT(single),
        .help = "events are published one by one, each to leave at once; " GATHERED
                "; nobody is packed"),
    OPT("transport", CONFIG_CHOICE, AT(transport), .def = "tcp", .choices = "tcp|ipc",
        .help = "of who can do both"),
    OPT("durability", CONFIG_CHOICE, AT(durability), .def = "os", .choices = DAEMONS_DURABILITIES,
        .help = "of sluice-broker"),
    OPT("window", CONFIG_U64, AT(window), .def = "16384", .arg = "EVENTS",
        .help = "how far publishers may be ahead of the slowest subscriber", .min = 16),
    OPT("batch-bytes", CONFIG_BYTES, AT(batch_bytes), .def = "0", .arg = "BYTES",
        .help = "of our publishers' batches; 0: libsluice's default", .max = 1 << 20),
    OPT("pack-bytes", CONFIG_BYTES, AT(pack_bytes), .def = "0", .arg = "BYTES",
        .help = "of the packed carriers' messages; 0: as much as our batches have",
        .max = CARRIER_PACK_BYTES_MAX),
    OPT("decode", CONFIG_BOOL, AT(decode), .help = "subscribers read three fields of every event"),
    OPT("open-rate", CONFIG_U64, AT(open_rate), .def = "0", .arg = "N",
        .help = "events a second of an open loop beside it, which waits for nobody: what is lost?",
        .max = RATE_MAX),
    OPT("loopback-seconds", CONFIG_U64, AT(loopback_seconds), .def = "2", .arg = "N",
        .help = "bare loopback TCP in each run", .min = 1, .max = 60),
    OPT("seed", CONFIG_U64, AT(seed), .def = "1", .arg = "N",
        .help = "of the order of the carriers, which is another in each run", .max = UINT32_MAX),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS("5"),
};

static void check_options(config_t *config, const void *options)
{
    const peers_options_t *o = options;
    roster_check(config, "carriers", &o->carriers, (daemons_transport_t)o->transport);
}

/* -- who ------------------------------------------------------------------------------------ */

/* Not who cannot do it: of a group like "all" that is no mistake. */
static bool takes_part(const carrier_ops_t *ops, const void *options)
{
    const peers_options_t *o = options;
    bool packed = ops != &carrier_sluice && strstr(ops->name, "-packed") != NULL;
    return (ops->ipc || o->transport == DAEMONS_TCP) &&
           (o->publishers == 1 || !ops->one_publisher) && !(packed && o->single);
}

void peers_roster(const peers_options_t *options, roster_t *roster)
{
    roster_of(roster, &options->carriers, NULL); /* it was checked */
    roster_keep(roster, takes_part, options);
}

/* Those who pass events on and those who keep them are not asked the same: a reader of the figures
 * is told when the others are of the second kind alone. */
static bool others_keep(const peers_options_t *o)
{
    roster_t roster;
    size_t others = 0;
    peers_roster(o, &roster);
    for (size_t i = 0; i < roster.count; i++) {
        if (!roster.items[i]->keeps)
            return false;
        others += roster.items[i] != &carrier_sluice;
    }
    return others > 0;
}

static size_t process_count(const peers_options_t *o)
{
    size_t most = o->subs < CROWD_PROCESSES_MAX ? o->subs : CROWD_PROCESSES_MAX;
    return o->processes == 0 || o->processes > most ? most : o->processes;
}

static load_t load_of(const bench_run_t *bench, const carrier_ops_t *ops)
{
    const peers_options_t *o = bench->options;
    return (load_t){.bench = bench,
                    .title = ops->name,
                    .weighs_workers = true,
                    .plan = {.ops = ops,
                             .carrier = {.single = o->single,
                                         .batch_bytes = (uint32_t)o->batch_bytes,
                                         .pack_bytes = o->pack_bytes},
                             .publishers = o->publishers,
                             .subs = o->subs,
                             .processes = process_count(o),
                             .event_bytes = o->size,
                             .decode = o->decode,
                             .window = o->window},
                    .transport = (daemons_transport_t)o->transport,
                    .durability = (daemons_durability_t)o->durability,
                    .broker_args = &o->broker_args};
}

/* -- windowed ------------------------------------------------------------------------------- */

/* What came of one carrier in one run. */
typedef struct outcome {
    const carrier_ops_t *ops;
    bool complete; /* else nothing of the windowed load counts */
    bool opened;   /* likewise, of the open loop */
    double values[PEERS_METRIC_COUNT];
    feed_batch_t batch; /* of ours */
} outcome_t;

static void take_figures(const load_look_t *a, const load_look_t *b, const load_t *load,
                         outcome_t *out)
{
    double seconds = (double)(b->at_ns - a->at_ns) / 1e9;
    double delivered = (double)(b->delivered - a->delivered);
    double a_million = delivered > 0 ? 1e6 / delivered / 1e9 : 0; /* of ns of all, s of a million */
    double publishers = (double)(b->cpu_publishers_ns - a->cpu_publishers_ns) * a_million;
    double server = (double)(b->cpu_server_ns - a->cpu_server_ns) * a_million;
    double subscribers = (double)(b->cpu_subs_ns - a->cpu_subs_ns) * a_million;
    double held_s = (double)(b->held_ns - a->held_ns) / 1e9;
    out->values[PEERS_DELIVERIES] = delivered / seconds;
    out->values[PEERS_GB] = (double)(b->bytes - a->bytes) / seconds / 1e9;
    out->values[PEERS_CPU_PUBLISHERS] = publishers;
    out->values[PEERS_CPU_SERVER] = server;
    out->values[PEERS_CPU_SUBSCRIBERS] = subscribers;
    out->values[PEERS_CPU] = publishers + server + subscribers;
    out->values[PEERS_RSS] = (double)load->rss_max / (1 << 20);
    out->values[PEERS_PUBLISHER_RSS] = load_publisher_mib(load);
    out->values[PEERS_SUBSCRIBER_RSS] = load_subscriber_mib(load);
    out->values[PEERS_HELD] = held_s / seconds / (double)load->plan.publishers;
}

static sl_err measure(load_t *load, outcome_t *out)
{
    const peers_options_t *o = load->bench->options;
    sl_err err = load_begin(load);
    if (err != SL_OK)
        return err;
    crowd_go(&load->plan);
    err = load_pass(load, o->warmup_ms, "warm-up");
    if (err != SL_OK)
        return err;
    load_feed_t feed;
    load_feed_begin(load, &feed);
    load_look_t begin = load_look(load);
    err = load_pass(load, o->seconds * 1000, "measuring");
    if (err != SL_OK)
        return err;
    load_look_t end = load_look(load);
    out->batch = load_feed_end(load, &feed);
    take_figures(&begin, &end, load, out);
    err = load_settle(load, LOAD_COMPLETE);
    bench_meter_clear(load->bench->meter);
    sl_err verdict = err == SL_OK || err == SL_ETIMEDOUT ? crowd_check(&load->plan) : SL_OK;
    out->complete = err == SL_OK && verdict == SL_OK;
    return err == SL_OK ? verdict : err;
}

/* A load that is not complete, or that a peer did not stand, has no figure; of ours that is the
 * end, as it is where nothing can be measured at all. */
static sl_err refuse(const bench_run_t *bench, const carrier_ops_t *ops, sl_err err)
{
    bool theirs = err == SL_EPROTO || err == SL_ETIMEDOUT || err == SL_EIO;
    if (!theirs || ops == &carrier_sluice || proc_interrupted())
        return err;
    fprintf(stderr, "sluice-bench: %s: %s: so it has no figure\n", bench->title, ops->name);
    result_note(bench->result,
                "%s: no figure of %s: it broke, or not every subscriber had every event", ops->name,
                bench->title);
    return SL_OK;
}

static sl_err windowed(const bench_run_t *bench, const carrier_ops_t *ops, outcome_t *out)
{
    load_t load = load_of(bench, ops);
    out->ops = ops;
    sl_err err = measure(&load, out);
    load_end(&load);
    return refuse(bench, ops, err);
}

/* -- open loop ------------------------------------------------------------------------------ */

static void take_open(const load_t *load, const load_look_t *a, const load_look_t *b,
                      outcome_t *out)
{
    const crowd_plan_t *plan = &load->plan;
    double wanted = (double)crowd_published(plan) * (double)plan->subs;
    double got = (double)crowd_delivered(plan, 0, plan->subs);
    out->values[PEERS_OPEN_EVENTS] =
        (double)(b->published - a->published) * 1e9 / (double)(b->at_ns - a->at_ns);
    out->values[PEERS_OPEN_LOST] = wanted > 0 ? 1 - got / wanted : 0;
    out->values[PEERS_OPEN_GONE] = (double)crowd_disconnects(plan);
    out->opened = true;
}

static sl_err open_loop(const bench_run_t *bench, const carrier_ops_t *ops, outcome_t *out)
{
    const peers_options_t *o = bench->options;
    load_t load = load_of(bench, ops);
    load.plan.rate = o->open_rate;
    sl_err err = load_begin(&load);
    if (err == SL_OK) {
        crowd_go(&load.plan);
        load_look_t begin = load_look(&load);
        err = load_pass(&load, o->seconds * 1000, "open loop");
        load_look_t end = load_look(&load);
        if (err == SL_OK)
            err = load_settle(&load, ops == &carrier_sluice ? LOAD_COMPLETE
                                     : ops->keeps           ? LOAD_PATIENT
                                                            : LOAD_QUIET);
        if (err == SL_OK)
            take_open(&load, &begin, &end, out);
        if (err == SL_OK && ops == &carrier_sluice)
            err = crowd_check(&load.plan);
    }
    load_end(&load);
    return refuse(bench, ops, err);
}

/* -- runs ----------------------------------------------------------------------------------- */

static void put_ratios(const bench_run_t *bench, const outcome_t *outcomes, size_t count)
{
    const outcome_t *ours = NULL;
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].ops == &carrier_sluice && outcomes[i].complete)
            ours = &outcomes[i];
    for (size_t i = 0; i < count && ours != NULL; i++) {
        const outcome_t *other = &outcomes[i];
        if (other == ours || !other->complete)
            continue;
        peers_put(bench, other->ops, PEERS_RATIO,
                  ours->values[PEERS_DELIVERIES] / other->values[PEERS_DELIVERIES]);
        peers_put(bench, other->ops, PEERS_CPU_TIMES,
                  other->values[PEERS_CPU] / ours->values[PEERS_CPU]);
    }
}

static void put_range(const bench_run_t *bench, const outcome_t *out, size_t first, size_t last)
{
    for (size_t metric = first; metric <= last; metric++)
        peers_put(bench, out->ops, (peers_metric_t)metric, out->values[metric]);
}

/* In the order in which carriers are named, not in that of the run: so they stand in tables. */
static void put_outcomes(const bench_run_t *bench, const outcome_t *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].complete) {
            put_range(bench, &outcomes[i], 0, PEERS_HELD);
            feed_figures_put(bench->result, outcomes[i].ops, &outcomes[i].batch);
        }
        if (outcomes[i].opened)
            put_range(bench, &outcomes[i], PEERS_OPEN_EVENTS, PEERS_OPEN_GONE);
    }
}

static double our_gb_per_s(const outcome_t *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].ops == &carrier_sluice && outcomes[i].complete)
            return outcomes[i].values[PEERS_GB];
    return 0;
}

static sl_err one_run(const bench_run_t *bench)
{
    const peers_options_t *o = bench->options;
    roster_t roster;
    outcome_t outcomes[ROSTER_MAX] = {0};
    size_t order[ROSTER_MAX];
    double bytes_per_s = 0;
    peers_roster(o, &roster);
    roster_order(roster.count, o->seed, bench->result->runs, order);
    bench_meter_show(bench->meter, "%s: bare loopback", bench->title);
    sl_err err =
        loopback_measure(bench->place->dir, o->subs, (double)o->loopback_seconds, &bytes_per_s);
    for (size_t i = 0; i < roster.count && err == SL_OK; i++) {
        size_t turn = order[i];
        err = windowed(bench, roster.items[turn], &outcomes[turn]);
        if (err == SL_OK && o->open_rate > 0)
            err = open_loop(bench, roster.items[turn], &outcomes[turn]);
    }
    if (err != SL_OK)
        return err;
    put_outcomes(bench, outcomes, roster.count);
    put_ratios(bench, outcomes, roster.count);
    peers_put_loopback(bench, bytes_per_s, our_gb_per_s(outcomes, roster.count));
    return SL_OK;
}

static void put_facts(const void *options, result_t *result)
{
    const peers_options_t *o = options;
    result_fact_number(result, "subs", (double)o->subs);
    result_fact_number(result, "processes", (double)process_count(o));
    result_fact_number(result, "publishers", (double)o->publishers);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "window_events", (double)o->window);
    result_fact_number(result, "batch_bytes", (double)o->batch_bytes);
    result_fact_number(result, "pack_bytes", (double)o->pack_bytes);
    result_fact_number(result, "seconds", (double)o->seconds);
    result_fact_number(result, "open_rate", (double)o->open_rate);
    result_fact_number(result, "seed", (double)o->seed);
    result_fact_text(result, "transport", o->transport == DAEMONS_IPC ? "ipc" : "tcp");
    result_fact_text(result, "durability",
                     daemons_durability_name((daemons_durability_t)o->durability));
    result_fact_text(result, "publishing", o->single ? "single" : "batches");
    result_fact_text(result, "reading", o->decode ? "three fields" : "whose event and which");
    if (others_keep(o))
        result_fact_text(result, "others", "keep events");
    result_note(
        result,
        "%llu subscriber%s in %zu process%s; %llu publisher%s held within %llu events of the "
        "slowest; events of %llu bytes, each looked at by every subscriber",
        (unsigned long long)o->subs, o->subs == 1 ? "" : "s", process_count(o),
        process_count(o) == 1 ? "" : "es", (unsigned long long)o->publishers,
        o->publishers == 1 ? "" : "s", (unsigned long long)o->window, (unsigned long long)o->size);
    if (o->single)
        result_note(result,
                    "events are published one by one, each to leave at once; sluice: " GATHERED);
}

static double run_seconds(const void *options)
{
    const peers_options_t *o = options;
    roster_t roster;
    peers_roster(o, &roster);
    double windowed_s = (double)o->seconds + (double)o->warmup_ms / 1000 + 1.5;
    double open_s = o->open_rate > 0 ? (double)o->seconds + 4 : 0;
    return (double)roster.count * (windowed_s + open_s) + (double)o->loopback_seconds + 1;
}

const bench_spec_t bench_peers = {
    .program = {.name = "sluice-bench peers",
                .summary = "Deliveries per second and their CPU, of Sluice and those that stand "
                           "beside it, in one run and by one harness.",
                .epilog =
                    "In the JSON, beside what the table has: the most memory (RssAnon) of a "
                    "publisher and of a process of subscribers, medians over the processes "
                    "(…_publisher_mib, …_subscriber_mib); what a batch on our feed had in the "
                    "measured time, by the broker's counters (sluice_events_per_batch, "
                    "sluice_batch_bytes).",
                .table = {options_table, sizeof options_table / sizeof options_table[0],
                          sizeof(peers_options_t)},
                .check = check_options},
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
    .print = peers_print,
};

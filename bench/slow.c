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
#include "peers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <zmq.h>

enum {
    SUBS_MAX = 2000,
    JOIN_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 120000,
    LEAVE_TIMEOUT_MS = 20000,
    QUIET_MS = 2000,
    WATCH_MS = 100,
};

#define PUB     "bench-pub"
#define LIVE    "bench-live"
#define STOPPED "bench-stopped"

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
                   BOUND_CEILING, 1.2},
    [RSS_GROWTH] = {"broker_growth_mib", "MiB", "RssAnon of the broker, most: beside − alone", 1,
                    BOUND_CEILING, 64},
    [ALONE_P50] = {"alone_p50_ms", "ms", "from due to delivered, live ones alone", 2},
    [ALONE_P99] = {"alone_p99_ms", "ms", "likewise", 2},
    [BESIDE_P50] = {"beside_p50_ms", "ms", "live ones beside stopped ones", 2},
    [BESIDE_P99] = {"beside_p99_ms", "ms", "likewise", 2},
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

/* What came of one load. */
typedef struct outcome {
    double p50_ms, p99_ms, rss_mib, complete_s, lossy, rate;
    double lost, lost_live; /* shares of the events */
    double disconnected;
} outcome_t;

typedef struct load {
    const bench_run_t *bench;
    const slow_options_t *options;
    const char *title;
    slow_plan_t plan;
    proc_set_t set;
    broker_daemon_t broker;
    peer_t peer;
    proc_t *server, *stopped;
    uint64_t rss_max, seen, quiet_since_ns;
} load_t;

/* -- starting ------------------------------------------------------------------------------- */

static sl_err start_sluice(load_t *load)
{
    const broker_setup_t setup = {.durability = (daemons_durability_t)load->options->durability,
                                  .more = &load->options->broker_args};
    sl_err err = daemons_start_broker(&load->set, load->bench->place, &setup, &load->broker);
    if (err != SL_OK)
        return err;
    carrier_plan_t *carrier = &load->plan.carrier;
    memcpy(carrier->intake, load->broker.intake, sizeof carrier->intake);
    memcpy(carrier->feed, load->broker.feed, sizeof carrier->feed);
    memcpy(carrier->query, load->broker.query, sizeof carrier->query);
    load->server = load->broker.proc;
    return SL_OK;
}

/* The carrier's server; the publisher itself is XPUB's. */
static sl_err start_server(load_t *load)
{
    const carrier_ops_t *ops = load->plan.ops;
    if (ops == &carrier_sluice)
        return start_sluice(load);
    if (ops == &carrier_xpub) {
        load->plan.carrier.port = peers_free_port();
        return SL_OK;
    }
    sl_err err = ops == &carrier_redis
                     ? peers_start_redis(&load->set, load->bench->place, PEER_PLAIN, &load->peer)
                     : peers_start_nats(&load->set, load->bench->place, PEER_PLAIN, &load->peer);
    load->plan.carrier.port = load->peer.port;
    load->server = load->peer.proc;
    if (err == SL_OK)
        result_note(load->bench->result, "%s-server %s", ops->name, load->peer.version);
    return err;
}

static bool all_ready(void *ctx)
{
    const load_t *load = ctx;
    for (size_t i = 0; i < load->plan.share->count; i++)
        if (atomic_load(&load->plan.share->slots[i].ready) == 0)
            return false;
    return true;
}

static sl_err start_all(load_t *load)
{
    slow_plan_t *plan = &load->plan;
    proc_t *publisher = NULL;
    bench_meter_show(load->bench->meter, "%s: %s: starting", load->bench->title, load->title);
    sl_err err = start_server(load);
    if (err == SL_OK)
        err = proc_start_worker(&load->set, &publisher, PUB, slow_publish, plan, 0);
    if (load->server == NULL)
        load->server = publisher;
    if (err == SL_OK)
        err = proc_start_role(&load->set, LIVE, slow_subscribe, plan, SLOW_LIVE_PROCESSES);
    if (err == SL_OK && plan->stopped > 0)
        err = proc_start_worker(&load->set, &load->stopped, STOPPED, slow_subscribe, plan,
                                SLOW_STOPPED_PROCESS);
    if (err == SL_OK)
        err =
            proc_await(&load->set, all_ready, load, JOIN_TIMEOUT_MS, "every subscriber had joined");
    if (err == SL_OK)
        atomic_store(&plan->share->stop, SLOW_LOAD);
    return err;
}

/* -- the load ------------------------------------------------------------------------------- */

static void weigh(load_t *load)
{
    uint64_t rss = proc_rss_anon_bytes(load->server);
    load->rss_max = rss > load->rss_max ? rss : load->rss_max;
}

static sl_err pass_time(load_t *load, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += WATCH_MS) {
        if (!bench_sleep_ms(ms - passed < WATCH_MS ? ms - passed : WATCH_MS))
            return SL_ECLOSED;
        if (!proc_all_well(&load->set))
            return SL_EIO;
        weigh(load);
        bench_meter_show(load->bench->meter, "%s: %s", load->bench->title, load->title);
    }
    return SL_OK;
}

static sl_err measure(load_t *load, outcome_t *out)
{
    slow_clock_t *clock = load->plan.clock;
    const share_slot_t *publisher = slow_publisher_slot(&load->plan);
    sl_err err = pass_time(load, load->options->warmup_ms);
    if (err != SL_OK)
        return err;
    if (load->stopped != NULL)
        kill(load->stopped->pid, SIGSTOP);
    uint64_t begin = share_get(&publisher->events), begin_ns = bench_now_ns();
    atomic_store(&clock->measured_from, begin);
    err = pass_time(load, load->options->seconds * 1000);
    uint64_t end = share_get(&publisher->events), end_ns = bench_now_ns();
    out->rate = (double)(end - begin) * 1e9 / (double)(end_ns - begin_ns);
    return err;
}

/* -- the end -------------------------------------------------------------------------------- */

static uint64_t events_of(const load_t *load, size_t first, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += share_get(&load->plan.share->slots[first + i].events);
    return sum;
}

/* The publisher counts what it sends, and says so when it sends no more. */
static bool published_all(const load_t *load)
{
    return share_get(&slow_publisher_slot(&load->plan)->number_sum) != 0;
}

static bool all_complete(void *ctx)
{
    load_t *load = ctx;
    uint64_t published = share_get(&slow_publisher_slot(&load->plan)->events);
    weigh(load);
    for (size_t i = 0; i < load->plan.live + load->plan.stopped; i++)
        if (share_get(&load->plan.share->slots[i].events) < published)
            return false;
    return published_all(load);
}

/* Nothing has come to anybody for a while. */
static bool all_quiet(void *ctx)
{
    load_t *load = ctx;
    uint64_t events = events_of(load, 0, load->plan.live + load->plan.stopped);
    weigh(load);
    if (events != load->seen || load->quiet_since_ns == 0) {
        load->seen = events;
        load->quiet_since_ns = bench_now_ns();
    }
    return published_all(load) && bench_now_ns() - load->quiet_since_ns > QUIET_MS * 1000000ull;
}

static bool workers_left(void *ctx)
{
    return proc_role_left(&((load_t *)ctx)->set, "bench-");
}

/* The stopped ones are woken, the publisher stops, and they get what there still is for them. */
static sl_err settle(load_t *load, outcome_t *out)
{
    bool ours = load->plan.ops == &carrier_sluice;
    uint64_t begin_ns = bench_now_ns();
    if (load->stopped != NULL)
        kill(load->stopped->pid, SIGCONT);
    atomic_store(&load->plan.share->stop, SLOW_STOP_PUBLISHER);
    sl_err err = proc_await(&load->set, ours ? all_complete : all_quiet, load, SETTLE_TIMEOUT_MS,
                            ours ? "every subscriber had every event" : "nothing more came");
    out->complete_s = (double)(bench_now_ns() - begin_ns) / 1e9;
    if (ours)
        out->lossy = daemons_broker_counter(&load->broker, "sluice_broker_feed_lossy_sends_total");
    atomic_store(&load->plan.share->stop, SLOW_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&load->set, workers_left, load, LEAVE_TIMEOUT_MS, "everybody had left");
    return err;
}

static double share_lost(uint64_t got, uint64_t published, size_t subs)
{
    return subs == 0 ? 0 : 1 - (double)got / ((double)published * (double)subs);
}

static void take_outcome(const load_t *load, outcome_t *out)
{
    const slow_plan_t *plan = &load->plan;
    uint64_t published = share_get(&slow_publisher_slot(plan)->events);
    const histogram_t *latencies = plan->clock->latencies;
    out->p50_ms = (double)histogram_quantile(latencies, SLOW_LIVE_PROCESSES, 0.5) / 1e6;
    out->p99_ms = (double)histogram_quantile(latencies, SLOW_LIVE_PROCESSES, 0.99) / 1e6;
    out->rss_mib = (double)load->rss_max / (1 << 20);
    out->lost_live = share_lost(events_of(load, 0, plan->live), published, plan->live);
    out->lost = share_lost(events_of(load, plan->live, plan->stopped), published, plan->stopped);
    out->disconnected = (double)share_get(&slow_publisher_slot(plan)->faults);
    for (size_t i = 0; i < plan->live + plan->stopped; i++)
        out->disconnected += (double)share_get(&plan->share->slots[i].held_ns);
}

/* Ours: has everybody every event, once? */
static sl_err check(const load_t *load)
{
    const slow_plan_t *plan = &load->plan;
    uint64_t published = share_get(&slow_publisher_slot(plan)->events);
    uint64_t wrong = 0, faults = 0, missing = 0;
    for (size_t i = 0; i < plan->live + plan->stopped; i++) {
        const share_slot_t *slot = &plan->share->slots[i];
        faults += share_get(&slot->faults);
        missing += published - share_get(&slot->events);
        wrong += share_get(&slot->events) != published ||
                 share_get(&slot->number_sum) != published * (published - 1) / 2;
    }
    if (wrong == 0 && faults == 0)
        return SL_OK;
    fprintf(stderr,
            "sluice-bench: %llu ranges lost or messages malformed; %llu of %zu subscribers have "
            "other events than the %llu published, %lld are missing in all\n",
            (unsigned long long)faults, (unsigned long long)wrong, plan->live + plan->stopped,
            (unsigned long long)published, (long long)missing);
    return SL_EPROTO;
}

/* -- one load ------------------------------------------------------------------------------- */

static sl_err prepare(load_t *load)
{
    slow_plan_t *plan = &load->plan;
    mix_t *mix;
    sl_err err = mix_create(&mix, plan->event_bytes, 0);
    if (err != SL_OK)
        return err;
    static char topics[MIX_TOPICS][160]; /* one load at a time */
    for (size_t i = 0; i < MIX_TOPICS; i++) {
        snprintf(topics[i], sizeof topics[i], "%s", mix_topic(mix, i));
        plan->carrier.topics[i] = topics[i];
    }
    mix_destroy(&mix);
    plan->carrier.subs = plan->live + plan->stopped;
    err = share_create(&plan->share, plan->carrier.subs + 1);
    plan->clock =
        mmap(NULL, sizeof *plan->clock, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan->clock == MAP_FAILED) {
        plan->clock = NULL;
        return SL_ENOMEM;
    }
    atomic_store(&plan->clock->measured_from, UINT64_MAX);
    return err;
}

static void finish(load_t *load)
{
    proc_set_fini(&load->set);
    share_destroy(&load->plan.share);
    if (load->plan.clock != NULL)
        munmap(load->plan.clock, sizeof *load->plan.clock);
    bench_clear(load->bench->place);
}

static sl_err one_load(const bench_run_t *bench, const carrier_ops_t *ops, size_t stopped,
                       const char *title, outcome_t *out)
{
    const slow_options_t *o = bench->options;
    load_t load = {.bench = bench,
                   .options = o,
                   .title = title,
                   .plan = {.ops = ops,
                            .live = o->live,
                            .stopped = stopped,
                            .event_bytes = o->size,
                            .rate = o->rate}};
    sl_err err = prepare(&load);
    if (err == SL_OK)
        err = proc_set_init(&load.set, SLOW_LIVE_PROCESSES + 3, bench->place->dir);
    if (err == SL_OK)
        err = start_all(&load);
    if (err == SL_OK)
        err = measure(&load, out);
    if (err == SL_OK)
        err = settle(&load, out);
    if (err == SL_OK)
        take_outcome(&load, out);
    if ((err == SL_OK || err == SL_ETIMEDOUT) && ops == &carrier_sluice && check(&load) != SL_OK)
        err = SL_EPROTO;
    finish(&load);
    return err;
}

/* -- runs ----------------------------------------------------------------------------------- */

static void put_pair(const outcome_t *alone, const outcome_t *beside, result_t *result)
{
    result_put(result, ALONE_P50, alone->p50_ms);
    result_put(result, ALONE_P99, alone->p99_ms);
    result_put(result, BESIDE_P50, beside->p50_ms);
    result_put(result, BESIDE_P99, beside->p99_ms);
    result_put(result, P99_RATIO, beside->p99_ms / alone->p99_ms);
    result_put(result, ALONE_RSS, alone->rss_mib);
    result_put(result, BESIDE_RSS, beside->rss_mib);
    result_put(result, RSS_GROWTH, beside->rss_mib - alone->rss_mib);
    result_put(result, COMPLETE_S, beside->complete_s);
    result_put(result, MISSED_LIVE, beside->lossy);
    result_put(result, RATE, beside->rate);
}

static sl_err pair(const bench_run_t *bench)
{
    const slow_options_t *o = bench->options;
    outcome_t alone = {0}, beside = {0};
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
    {&carrier_xpub, XPUB_LOST}, {&carrier_redis, REDIS_LOST}, {&carrier_nats, NATS_LOST}};

static sl_err measure_others(const bench_run_t *bench)
{
    const slow_options_t *o = bench->options;
    sl_err err = SL_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others && err == SL_OK; i++) {
        const other_t *other = &others[i];
        outcome_t out = {0};
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
    result->checked =
        o->live == 90 && o->stopped == 10 && o->rate == 10000 && o->size == 320; /* as the bounds */
    result_note(result,
                "sluice-broker: durability %s; every subscriber, each woken one too, ended "
                "with every event, once",
                durability);
    if (o->ours_alone)
        return;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    result_note(result,
                "xpub: libzmq %d.%d.%d, defaults: one XPUB socket that each subscriber "
                "connects to",
                major, minor, patch);
    result_note(result, "redis, nats: pub/sub with the limits they have by default; lean clients "
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

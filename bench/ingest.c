/* ingest.c - how fast does the bridge empty a full MNS queue, and what does an event cost it?
 *
 *     mns-local (filled before) ---> sluice-bridge ---> sluice-broker ---> one subscriber process
 *
 * A run: mns-local and the queue; the fill; then broker, subscriber and bridge.  Measured is from
 * the first message received to the last one deleted, by mns-local's own counters: it hands out and
 * deletes, so neither can be earlier or later than it says.  Signatures and MD5 are always checked
 * there.  In the end the subscriber must have exactly as many events as the queue had messages. */
#include "bench.h"
#include "benches.h"
#include "daemons.h"
#include "fanout.h"
#include "fill.h"
#include "metrics.h"
#include "owed.h"
#include "proc.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_MS = 20, /* a look costs mns-local 0.1 ms: half a percent */
    START_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 20000,
    FLOOR_PER_S = 2000, /* slower than this is not waited for */
    MESSAGE_MEMORY = 4096,
};

#define QUEUE "batch-events"
#define SUBS  "bench-sub"

typedef struct ingest_options {
    bench_common_t common;
    uint64_t messages, polls, seed;
    int durability; /* daemons_durability_t */
    config_list_t broker_args;
} ingest_options_t;

#define AT(member) offsetof(ingest_options_t, member)
static const config_opt_t options_table[] = {
    {.key = "messages",
     .kind = CONFIG_U64,
     .offset = AT(messages),
     .def = "500000",
     .arg = "N",
     .help = "JSON-envelope messages the queue is filled with",
     .min = 100,
     .max = 10000000},
    {.key = "polls",
     .kind = CONFIG_U64,
     .offset = AT(polls),
     .def = "0",
     .arg = "N",
     .help = "the bridge's parallel polls; 0: its default",
     .max = 64},
    {.key = "seed",
     .kind = CONFIG_U64,
     .offset = AT(seed),
     .def = "1",
     .arg = "N",
     .help = "of the workload"},
    {.key = "durability",
     .kind = CONFIG_CHOICE,
     .offset = AT(durability),
     .def = "os",
     .choices = DAEMONS_DURABILITIES,
     .help = "of the broker"},
    {.key = "broker-arg",
     .kind = CONFIG_STR_LIST,
     .offset = AT(broker_args),
     .arg = "ARG",
     .help = "a further argument for sluice-broker; may be repeated"},
    BENCH_COMMON_OPTIONS("3"),
};

enum {
    EVENTS_PER_S,
    CPU_US_PER_EVENT,
    REQUESTS_PER_S,
    SECONDS,
    MESSAGES_PER_REQUEST,
    CPU_US_MNS,
    CPU_US_BROKER,
    CPU_US_SUBSCRIBER,
    BRIDGE_RSS,
    FILL_SECONDS,
    FIGURES
};

static const figure_def_t figures[FIGURES] = {
    [EVENTS_PER_S] = {"events_per_s", "1/s", "received, normalised, acknowledged, deleted", 0,
                      BOUND_FLOOR, OWED_BRIDGE_PER_S},
    [CPU_US_PER_EVENT] = {"cpu_us_per_event", "µs", "CPU of the bridge, whole process", 2,
                          BOUND_CEILING, OWED_BRIDGE_CPU_US},
    [REQUESTS_PER_S] = {"requests_per_s", "1/s", "of the bridge to mns-local", 0},
    [SECONDS] = {"seconds", "s", "from the first receive to the last delete", 2},
    [MESSAGES_PER_REQUEST] = {"messages_per_request", "", "receives and deletes together", 2},
    [CPU_US_MNS] = {"cpu_us_mns_local", "µs", "CPU of mns-local for an event", 2},
    [CPU_US_BROKER] = {"cpu_us_broker", "µs", "CPU of the broker for an event", 2},
    [CPU_US_SUBSCRIBER] = {"cpu_us_subscriber", "µs", "CPU of the subscriber for an event", 2},
    [BRIDGE_RSS] = {"bridge_rss_anon_mib", "MiB", "anonymous memory of the bridge, at the end", 1},
    [FILL_SECONDS] = {"fill_seconds", "s", "to fill the queue beforehand", 1},
};

typedef struct run {
    const bench_run_t *bench;
    const ingest_options_t *options;
    fanout_plan_t plan; /* one subscriber, no publisher */
    proc_set_t set;
    mns_daemon_t mns;
    broker_daemon_t broker;
    bridge_daemon_t bridge;
    double fill_s;
} run_t;

/* What mns-local says. */
typedef struct look {
    uint64_t at_ns;
    double received, deleted, calls, refused;
} look_t;

static sl_err take_look(run_t *run, look_t *look)
{
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = metrics_fetch(&text, run->mns.endpoint);
    if (err == SL_OK) {
        const char *page = (const char *)text.data;
        *look = (look_t){.at_ns = bench_now_ns(),
                         .received = metrics_sum(page, "sluice_mns_local_received_messages_total"),
                         .deleted = metrics_sum(page, "sluice_mns_local_deleted_messages_total"),
                         .calls = metrics_sum(page, "sluice_mns_local_calls_total"),
                         .refused = metrics_sum(page, "sluice_mns_local_refused_total")};
    }
    sl_buf_fini(&text);
    return err;
}

/* -- starting ------------------------------------------------------------------------------- */

static sl_err fill(run_t *run)
{
    const ingest_options_t *o = run->options;
    bench_meter_show(run->bench->meter, "%s: filling the queue", run->bench->title);
    sl_err err =
        daemons_start_mns(&run->set, run->bench->place, o->messages * MESSAGE_MEMORY, &run->mns);
    uint64_t begin_ns = bench_now_ns();
    if (err == SL_OK)
        err = fill_queue(&run->set, run->bench->place, &run->mns, QUEUE, o->messages, o->seed);
    run->fill_s = (double)(bench_now_ns() - begin_ns) / 1e9;
    return err;
}

static bool joined(void *ctx)
{
    const run_t *run = ctx;
    return atomic_load(&fanout_sub_slot(&run->plan, 0)->ready) != 0;
}

static sl_err start_rest(run_t *run)
{
    const ingest_options_t *o = run->options;
    sl_err err =
        daemons_start_broker(&run->set, run->bench->place,
                             &(broker_setup_t){.durability = (daemons_durability_t)o->durability,
                                               .more = &o->broker_args},
                             &run->broker);
    if (err != SL_OK)
        return err;
    fanout_plan_connect(&run->plan, &run->broker);
    err = proc_start_role(&run->set, SUBS, fanout_subscribe, &run->plan, 1);
    if (err == SL_OK)
        err = proc_await(&run->set, joined, run, START_TIMEOUT_MS, "the subscriber had joined");
    if (err == SL_OK)
        err = daemons_start_bridge(&run->set, run->bench->place, &run->broker, &run->mns, QUEUE,
                                   o->polls, &run->bridge);
    return err;
}

/* -- measuring ------------------------------------------------------------------------------ */

static void put_figures(run_t *run, const look_t *begin, const look_t *end, result_t *result)
{
    double seconds = (double)(end->at_ns - begin->at_ns) / 1e9;
    double events = end->deleted;
    double calls = end->calls - begin->calls;
    double us = 1e-3 / events;
    result_put(result, EVENTS_PER_S, events / seconds);
    result_put(result, CPU_US_PER_EVENT, (double)proc_cpu_ns(run->bridge.proc) * us);
    result_put(result, REQUESTS_PER_S, calls / seconds);
    result_put(result, SECONDS, seconds);
    result_put(result, MESSAGES_PER_REQUEST, 2 * events / calls);
    result_put(result, CPU_US_BROKER, (double)proc_cpu_ns(run->broker.proc) * us);
    result_put(result, CPU_US_SUBSCRIBER, (double)proc_role_cpu_ns(&run->set, SUBS) * us);
    result_put(result, BRIDGE_RSS, (double)proc_rss_anon_bytes(run->bridge.proc) / (1 << 20));
    result_put(result, FILL_SECONDS, run->fill_s);
}

/* The last look before anything was received is the beginning, the first one after everything was
 * deleted the end: both err on the long side. */
static sl_err measure(run_t *run, result_t *result)
{
    look_t begin = {0}, look;
    sl_err err = take_look(run, &look);
    uint64_t mns_cpu_ns = proc_cpu_ns(run->mns.proc);
    if (err == SL_OK)
        err = start_rest(run);
    double total = (double)run->options->messages;
    uint64_t deadline_ns =
        bench_now_ns() +
        (START_TIMEOUT_MS / 1000 + run->options->messages / FLOOR_PER_S) * 1000000000u;
    while (err == SL_OK && look.deleted < total) {
        if (look.received == 0)
            begin = look;
        bench_meter_show(run->bench->meter, "%s: %.0f of %.0f events", run->bench->title,
                         look.deleted, total);
        if (!bench_sleep_ms(SAMPLE_MS))
            return SL_ECLOSED;
        if (!proc_all_well(&run->set))
            return SL_EIO;
        if (bench_now_ns() > deadline_ns) {
            fprintf(stderr, "sluice-bench: gave up at %.0f of %.0f deleted messages\n",
                    look.deleted, total);
            return SL_ETIMEDOUT;
        }
        err = take_look(run, &look);
    }
    if (err != SL_OK)
        return err;
    put_figures(run, &begin, &look, result);
    result_put(result, CPU_US_MNS,
               (double)(proc_cpu_ns(run->mns.proc) - mns_cpu_ns) / total / 1000);
    return SL_OK;
}

/* -- checking ------------------------------------------------------------------------------- */

static bool all_arrived(void *ctx)
{
    const run_t *run = ctx;
    return share_get(&fanout_sub_slot(&run->plan, 0)->events) >= run->options->messages;
}

static bool subscriber_left(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, SUBS);
}

static sl_err check(run_t *run)
{
    const share_slot_t *slot = fanout_sub_slot(&run->plan, 0);
    sl_err err = proc_await(&run->set, all_arrived, run, SETTLE_TIMEOUT_MS,
                            "the subscriber had every event");
    atomic_store(&run->plan.share->stop, FANOUT_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&run->set, subscriber_left, run, SETTLE_TIMEOUT_MS,
                         "the subscriber had left");
    look_t look = {0};
    if (err == SL_OK)
        err = take_look(run, &look);
    uint64_t events = share_get(&slot->events), faults = share_get(&slot->faults);
    if (err == SL_OK && events == run->options->messages && faults == 0 && look.refused == 0)
        return SL_OK;
    fprintf(stderr,
            "sluice-bench: %llu messages in the queue, %llu events at the subscriber, %llu lost or "
            "malformed, %.0f requests refused\n",
            (unsigned long long)run->options->messages, (unsigned long long)events,
            (unsigned long long)faults, look.refused);
    return err == SL_OK ? SL_EPROTO : err;
}

/* -- runs ----------------------------------------------------------------------------------- */

static sl_err one_run(const bench_run_t *bench)
{
    run_t run = {.bench = bench, .options = bench->options, .plan.setup.subs = 1};
    daemons_set_keys();
    sl_err err = share_create(&run.plan.share, 1);
    if (err == SL_OK)
        err = proc_set_init(&run.set, 4 + FILL_PROCESSES, bench->place->dir);
    if (err == SL_OK)
        err = fill(&run);
    if (err == SL_OK)
        err = measure(&run, bench->result);
    if (err == SL_OK)
        err = check(&run);
    proc_set_fini(&run.set);
    share_destroy(&run.plan.share);
    bench_clear(bench->place);
    return err;
}

static void put_facts(const void *options, result_t *result)
{
    const ingest_options_t *o = options;
    result_fact_number(result, "messages", (double)o->messages);
    result_fact_number(result, "polls", (double)o->polls);
    result_fact_number(result, "seed", (double)o->seed);
    result_fact_text(result, "durability",
                     daemons_durability_name((daemons_durability_t)o->durability));
    result->checked = o->messages >= 500000 && /* what the bounds were set for */
                      o->durability != DAEMONS_MEMORY;
}

static double run_seconds(const void *options)
{
    return (double)((const ingest_options_t *)options)->messages / 20000 + 2;
}

const bench_spec_t bench_ingest = {
    .program = {.name = "sluice-bench ingest",
                .summary = "How fast the bridge empties a full local MNS queue, and what an event "
                           "costs it.",
                .table = {options_table, sizeof options_table / sizeof options_table[0],
                          sizeof(ingest_options_t)}},
    .figures = figures,
    .figure_count = FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
};

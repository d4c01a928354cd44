/* fanout.c - how many deliveries a second does one broker make to N subscribers?
 *
 * A run: bare loopback TCP, for comparison; then broker, subscribers, publishers, each a process of
 * its own and each new for this run; warm-up; the measured phase, between two looks at everybody's
 * counters and CPU clocks; then the publishers stop, and every subscriber must come to have every
 * event, with nothing lost, repeated or malformed, or the bench fails.  What the feed lost on its
 * way and a subscriber fetched from the broker is counted as a repair. */
#include "fanout.h"

#include "bench.h"
#include "benches.h"
#include "daemons.h"
#include "loopback.h"
#include "mix.h"
#include "proc.h"
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUBS_MAX = 1000,
    PUBLISHERS_MAX = 32,
    JOIN_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 20000,
    LEAVE_TIMEOUT_MS = 10000,
    WATCH_MS = 100,
};

/* Roles, as the processes are called. */
#define SUBS "bench-sub"
#define PUBS "bench-pub"

#define LOSSY_SENDS  "sluice_broker_feed_lossy_sends_total"
#define FEED_EVENTS  "sluice_broker_feed_events_total"
#define FEED_BATCHES "sluice_broker_feed_batches_total"

typedef struct fanout_options {
    bench_common_t common;
    uint64_t subs, publishers, size, window, batch_bytes;
    uint64_t seconds, warmup_ms, loopback_seconds;
    int transport;  /* daemons_transport_t */
    int durability; /* daemons_durability_t */
    int read;       /* fanout_read_t */
    config_list_t broker_args;
} fanout_options_t;

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(fanout_options_t, member)
static const config_opt_t options_table[] = {
    OPT("subs", CONFIG_U64, AT(subs), .def = "64", .arg = "N",
        .help = "subscriber processes, each on every topic", .min = 1, .max = SUBS_MAX),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES", .help = "of each event",
        .min = MIX_EVENT_MIN, .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "5", .arg = "N", .help = "measured in each run",
        .min = 1, .max = 600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "1s", .arg = "TIME",
        .help = "before the measured phase", .max = 60000),
    OPT("publishers", CONFIG_U64, AT(publishers), .def = "1", .arg = "N",
        .help = "publisher processes", .min = 1, .max = PUBLISHERS_MAX),
    OPT("transport", CONFIG_CHOICE, AT(transport), .def = "tcp", .choices = "tcp|ipc",
        .help = "of feed and intake"),
    OPT("durability", CONFIG_CHOICE, AT(durability), .def = "memory",
        .choices = DAEMONS_DURABILITIES, .help = "of the broker"),
    OPT("window", CONFIG_U64, AT(window), .def = "16384", .arg = "EVENTS",
        .help = "how far publishers may be ahead of the slowest subscriber", .min = 1024),
    OPT("batch-bytes", CONFIG_BYTES, AT(batch_bytes), .def = "0", .arg = "BYTES",
        .help = "of the publishers' batches; 0: libsluice's default", .max = 1 << 20),
    OPT("read", CONFIG_CHOICE, AT(read), .def = "event", .choices = "batch|event",
        .help = "sluice_sub_next_batch or sluice_sub_next, an event a call"),
    OPT("loopback-seconds", CONFIG_U64, AT(loopback_seconds), .def = "2", .arg = "N",
        .help = "bare loopback TCP before each run", .min = 1, .max = 60),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS("3"),
};

enum {
    DELIVERIES_PER_S,
    GB_PER_S,
    LOOPBACK_GB_PER_S,
    LOOPBACK_RATIO,
    EVENTS_PER_S,
    EVENTS_PER_BATCH,
    CPU_S_PUBLISHERS,
    CPU_S_BROKER,
    CPU_S_SUBSCRIBERS,
    CPU_S_PER_MILLION,
    HELD,
    RSS_ANON,
    LOSSY,
    REPAIRS,
    FIGURES
};

static const figure_def_t figures[FIGURES] = {
    [DELIVERIES_PER_S] = {"deliveries_per_s", "1/s", "events delivered, over all subscribers", 0,
                          BOUND_FLOOR, 3000000},
    [GB_PER_S] = {"gb_per_s", "GB/s", "bytes of events delivered, over all subscribers", 3},
    [LOOPBACK_GB_PER_S] = {"loopback_gb_per_s", "GB/s", "bare TCP to as many processes", 3},
    [LOOPBACK_RATIO] = {"loopback_ratio", "", "gb_per_s / loopback_gb_per_s", 3, BOUND_FLOOR, 0.3},
    [EVENTS_PER_S] = {"events_per_s", "1/s", "events published", 0},
    [EVENTS_PER_BATCH] = {"events_per_batch", "", "on the feed", 1},
    [CPU_S_PUBLISHERS] = {"cpu_s_publishers", "s", "CPU of the publishers, measured phase", 2},
    [CPU_S_BROKER] = {"cpu_s_broker", "s", "CPU of the broker, measured phase", 2},
    [CPU_S_SUBSCRIBERS] = {"cpu_s_subscribers", "s", "CPU of the subscribers, measured phase", 2},
    [CPU_S_PER_MILLION] = {"cpu_s_per_million", "s", "CPU of all, for a million deliveries", 3},
    [HELD] = {"publisher_held", "", "share of time the publishers waited for the slowest", 2},
    [RSS_ANON] = {"broker_rss_anon_mib", "MiB", "anonymous memory of the broker, at the end", 1},
    [LOSSY] = {"feed_lossy_sends", "", "batches the broker sent past full pipes", 0},
    [REPAIRS] = {"repairs", "", "replays that subscribers asked for, to be complete", 0},
};

typedef struct run {
    const bench_run_t *bench;
    const fanout_options_t *options;
    fanout_plan_t plan;
    proc_set_t set;
    broker_daemon_t broker;
} run_t;

/* What is read twice: at the beginning and at the end of the measured phase. */
typedef struct look {
    uint64_t at_ns, delivered, delivered_bytes, published, held_ns;
    double feed_events, feed_batches;
    uint64_t cpu_publishers_ns, cpu_broker_ns, cpu_subs_ns;
} look_t;

/* -- starting ------------------------------------------------------------------------------- */

static sl_err start_broker(run_t *run)
{
    const fanout_options_t *o = run->options;
    sl_err err =
        daemons_start_broker(&run->set, run->bench->place,
                             &(broker_setup_t){.transport = (daemons_transport_t)o->transport,
                                               .durability = (daemons_durability_t)o->durability,
                                               .more = &o->broker_args},
                             &run->broker);
    if (err != SL_OK)
        return err;
    fanout_plan_connect(&run->plan, &run->broker);
    return SL_OK;
}

static bool all_joined(void *ctx)
{
    const run_t *run = ctx;
    for (size_t i = 0; i < run->plan.subs; i++)
        if (atomic_load(&fanout_sub_slot(&run->plan, i)->ready) == 0)
            return false;
    return true;
}

static sl_err start_all(run_t *run)
{
    const fanout_options_t *o = run->options;
    bench_meter_show(run->bench->meter, "%s: starting", run->bench->title);
    sl_err err = start_broker(run);
    if (err == SL_OK)
        err = proc_start_role(&run->set, SUBS, fanout_subscribe, &run->plan, o->subs);
    if (err == SL_OK)
        err =
            proc_await(&run->set, all_joined, run, JOIN_TIMEOUT_MS, "every subscriber had joined");
    if (err == SL_OK)
        err = proc_start_role(&run->set, PUBS, fanout_publish, &run->plan, o->publishers);
    return err;
}

/* -- measuring ------------------------------------------------------------------------------ */

static uint64_t delivered_events(const run_t *run)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < run->plan.subs; i++)
        sum += share_get(&fanout_sub_slot(&run->plan, i)->events);
    return sum;
}

static look_t take_look(run_t *run)
{
    look_t look = {.feed_events = daemons_broker_counter(&run->broker, FEED_EVENTS),
                   .feed_batches = daemons_broker_counter(&run->broker, FEED_BATCHES)};
    look.at_ns = bench_now_ns();
    look.published = fanout_published(&run->plan);
    look.delivered = delivered_events(run);
    for (size_t i = 0; i < run->plan.subs; i++)
        look.delivered_bytes += share_get(&fanout_sub_slot(&run->plan, i)->bytes);
    for (size_t i = 0; i < run->plan.publishers; i++)
        look.held_ns += share_get(&fanout_pub_slot(&run->plan, i)->held_ns);
    look.cpu_publishers_ns = proc_role_cpu_ns(&run->set, PUBS);
    look.cpu_broker_ns = proc_cpu_ns(run->broker.proc);
    look.cpu_subs_ns = proc_role_cpu_ns(&run->set, SUBS);
    return look;
}

static sl_err pass_time(run_t *run, uint64_t ms, const char *phase)
{
    uint64_t last = delivered_events(run);
    for (uint64_t passed = 0; passed < ms; passed += WATCH_MS) {
        uint64_t step_ms = ms - passed < WATCH_MS ? ms - passed : WATCH_MS;
        if (!bench_sleep_ms(step_ms))
            return SL_ECLOSED;
        if (!proc_all_well(&run->set))
            return SL_EIO;
        uint64_t delivered = delivered_events(run);
        bench_meter_show(run->bench->meter, "%s: %s, %.2f M deliveries/s", run->bench->title, phase,
                         (double)(delivered - last) / (double)step_ms / 1000);
        last = delivered;
    }
    return SL_OK;
}

static void put_figures(run_t *run, const look_t *a, const look_t *b, result_t *result)
{
    double seconds = (double)(b->at_ns - a->at_ns) / 1e9;
    double delivered = (double)(b->delivered - a->delivered);
    double batches = b->feed_batches - a->feed_batches;
    double cpu_publishers = (double)(b->cpu_publishers_ns - a->cpu_publishers_ns) / 1e9;
    double cpu_broker = (double)(b->cpu_broker_ns - a->cpu_broker_ns) / 1e9;
    double cpu_subs = (double)(b->cpu_subs_ns - a->cpu_subs_ns) / 1e9;
    result_put(result, DELIVERIES_PER_S, delivered / seconds);
    result_put(result, GB_PER_S, (double)(b->delivered_bytes - a->delivered_bytes) / seconds / 1e9);
    result_put(result, EVENTS_PER_S, (double)(b->published - a->published) / seconds);
    result_put(result, EVENTS_PER_BATCH,
               batches > 0 ? (b->feed_events - a->feed_events) / batches : 0);
    result_put(result, CPU_S_PUBLISHERS, cpu_publishers);
    result_put(result, CPU_S_BROKER, cpu_broker);
    result_put(result, CPU_S_SUBSCRIBERS, cpu_subs);
    result_put(result, CPU_S_PER_MILLION,
               delivered > 0 ? (cpu_publishers + cpu_broker + cpu_subs) * 1e6 / delivered : 0);
    result_put(result, HELD,
               (double)(b->held_ns - a->held_ns) / 1e9 / seconds / (double)run->plan.publishers);
    result_put(result, RSS_ANON, (double)proc_rss_anon_bytes(run->broker.proc) / (1 << 20));
}

static sl_err measure(run_t *run, result_t *result)
{
    sl_err err = pass_time(run, run->options->warmup_ms, "warm-up");
    if (err != SL_OK)
        return err;
    look_t begin = take_look(run);
    err = pass_time(run, run->options->seconds * 1000, "measuring");
    if (err != SL_OK)
        return err;
    look_t end = take_look(run);
    put_figures(run, &begin, &end, result);
    result_put(result, LOSSY, daemons_broker_counter(&run->broker, LOSSY_SENDS));
    return SL_OK;
}

/* -- checking ------------------------------------------------------------------------------- */

static bool publishers_left(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, PUBS);
}

static bool subscribers_left(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, SUBS);
}

static bool all_delivered(void *ctx)
{
    const run_t *run = ctx;
    return fanout_slowest(&run->plan) >= fanout_published(&run->plan);
}

/* Has everybody exactly what was published? */
static sl_err check(const run_t *run)
{
    uint64_t published = fanout_published(&run->plan);
    uint64_t number_sum = share_get(&fanout_sub_slot(&run->plan, 0)->number_sum);
    uint64_t faults = 0, wrong = 0;
    for (size_t i = 0; i < run->plan.share->count; i++)
        faults += share_get(&run->plan.share->slots[i].faults);
    for (size_t i = 0; i < run->plan.subs; i++) {
        const share_slot_t *slot = fanout_sub_slot(&run->plan, i);
        wrong += share_get(&slot->events) != published ||
                 share_get(&slot->bytes) != published * run->options->size ||
                 share_get(&slot->number_sum) != number_sum;
    }
    if (faults == 0 && wrong == 0)
        return SL_OK;
    fprintf(stderr,
            "sluice-bench: %llu lost, malformed or refused; %llu of %zu subscribers have "
            "other events than the %llu published; %.0f lossy sends of the broker\n",
            (unsigned long long)faults, (unsigned long long)wrong, run->plan.subs,
            (unsigned long long)published, daemons_broker_counter(&run->broker, LOSSY_SENDS));
    return SL_EPROTO;
}

static void put_repairs(const run_t *run, result_t *result)
{
    uint64_t repairs = 0;
    for (size_t i = 0; i < run->plan.subs; i++)
        repairs += share_get(&fanout_sub_slot(&run->plan, i)->repairs);
    result_put(result, REPAIRS, (double)repairs);
}

static sl_err stop_and_check(run_t *run)
{
    bench_meter_show(run->bench->meter, "%s: checking", run->bench->title);
    atomic_store(&run->plan.share->stop, FANOUT_STOP_PUBLISHERS);
    sl_err err = proc_await(&run->set, publishers_left, run, SETTLE_TIMEOUT_MS,
                            "the publishers had every answer");
    if (err == SL_OK)
        err = proc_await(&run->set, all_delivered, run, SETTLE_TIMEOUT_MS,
                         "every subscriber had every event");
    atomic_store(&run->plan.share->stop, FANOUT_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&run->set, subscribers_left, run, LEAVE_TIMEOUT_MS,
                         "the subscribers had left");
    bench_meter_clear(run->bench->meter);
    sl_err verdict = check(run); /* also after a timeout: it says what is missing */
    return err == SL_OK ? verdict : err;
}

/* -- runs ----------------------------------------------------------------------------------- */

static sl_err fan_out(run_t *run, result_t *result)
{
    const fanout_options_t *o = run->options;
    sl_err err = share_create(&run->plan.share, o->subs + o->publishers);
    if (err == SL_OK)
        err = proc_set_init(&run->set, o->subs + o->publishers + 1, run->bench->place->dir);
    if (err == SL_OK)
        err = start_all(run);
    if (err == SL_OK)
        err = measure(run, result);
    if (err == SL_OK)
        err = stop_and_check(run);
    if (err == SL_OK)
        put_repairs(run, result);
    proc_set_fini(&run->set);
    share_destroy(&run->plan.share);
    bench_clear(run->bench->place); /* the journal */
    return err;
}

static sl_err one_run(const bench_run_t *bench)
{
    const fanout_options_t *o = bench->options;
    bench_meter_show(bench->meter, "%s: bare loopback", bench->title);
    double bytes_per_s = 0;
    sl_err err =
        loopback_measure(bench->place->dir, o->subs, (double)o->loopback_seconds, &bytes_per_s);
    if (err != SL_OK)
        return err;
    run_t run = {.bench = bench,
                 .options = o,
                 .plan = {.subs = o->subs,
                          .publishers = o->publishers,
                          .event_bytes = o->size,
                          .window = o->window,
                          .batch_bytes = (uint32_t)o->batch_bytes,
                          .read = o->read}};
    err = fan_out(&run, bench->result);
    double gb_per_s = result_last(bench->result, GB_PER_S);
    result_put(bench->result, LOOPBACK_GB_PER_S, bytes_per_s / 1e9);
    result_put(bench->result, LOOPBACK_RATIO, gb_per_s * 1e9 / bytes_per_s);
    return err;
}

static void put_facts(const void *options, result_t *result)
{
    const fanout_options_t *o = options;
    result_fact_number(result, "subs", (double)o->subs);
    result_fact_number(result, "publishers", (double)o->publishers);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "window_events", (double)o->window);
    result_fact_number(result, "batch_bytes", (double)o->batch_bytes);
    result_fact_number(result, "seconds", (double)o->seconds);
    result_fact_text(result, "transport", o->transport == DAEMONS_IPC ? "ipc" : "tcp");
    result_fact_text(result, "durability",
                     daemons_durability_name((daemons_durability_t)o->durability));
    result_fact_text(result, "read", o->read == FANOUT_READ_EVENT ? "event" : "batch");
    /* what the bounds were set for */
    result->checked = o->subs == 64 && o->size == 320 && o->transport == DAEMONS_TCP;
}

static double run_seconds(const void *options)
{
    const fanout_options_t *o = options;
    return (double)(o->seconds + o->loopback_seconds) + (double)o->warmup_ms / 1000 + 1.5;
}

const bench_spec_t bench_fanout = {
    .program = {.name = "sluice-bench fanout",
                .summary = "Deliveries per second from one broker to many subscriber processes, "
                           "beside bare loopback TCP.",
                .table = {options_table, sizeof options_table / sizeof options_table[0],
                          sizeof(fanout_options_t)}},
    .figures = figures,
    .figure_count = FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
};

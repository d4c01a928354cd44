/* fanout.c - how many deliveries a second does one broker make to N subscribers?
 *
 * A run: bare loopback TCP, for comparison; then the fan-out of fanout_run.h. */
#include "fanout_run.h"

#include "benches.h"
#include "loopback.h"
#include "mix.h"
#include "owed.h"

typedef struct fanout_options {
    bench_common_t common;
    uint64_t subs, publishers, topics, size, window, batch_bytes, batch_events, prefill_bytes;
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
        .help = "subscriber processes, each on every topic", .min = 1, .max = FANOUT_SUBS_MAX),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES",
        .help = "of each event; 0: a thousand of batch-sim's events, again and again; sorted by "
                "topic where --batch-events is more than 1; how large they are is sim_bytes_least, "
                "…_median, …_p99, …_most",
        .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "5", .arg = "N", .help = "measured in each run",
        .min = 1, .max = 600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "1s", .arg = "TIME",
        .help = "before the measured phase", .max = 60000),
    OPT("publishers", CONFIG_U64, AT(publishers), .def = "1", .arg = "N",
        .help = "publisher processes", .min = 1, .max = FANOUT_PUBLISHERS_MAX),
    OPT("topics", CONFIG_U64, AT(topics), .def = "4", .arg = "N", .help = "that events are on",
        .min = 1, .max = MIX_TOPICS_MAX),
    OPT("transport", CONFIG_CHOICE, AT(transport), .def = "tcp", .choices = "tcp|ipc",
        .help = "of feed and intake"),
    OPT("durability", CONFIG_CHOICE, AT(durability), .def = "memory",
        .choices = DAEMONS_DURABILITIES, .help = "of the broker"),
    OPT("window", CONFIG_U64, AT(window), .def = "16384", .arg = "EVENTS",
        .help = "how far publishers may be ahead of the slowest subscriber", .min = 1024),
    OPT("batch-bytes", CONFIG_BYTES, AT(batch_bytes), .def = "0", .arg = "BYTES",
        .help = "of the publishers' batches; 0: libsluice's default", .max = 1 << 20),
    OPT("batch-events", CONFIG_U64, AT(batch_events), .def = "0", .arg = "N",
        .help = "of the publishers' batches; 1: single events, 0: libsluice's default",
        .max = 4096),
    OPT("read", CONFIG_CHOICE, AT(read), .def = "event", .choices = FANOUT_READS,
        .help = "sluice_sub_next_batch; or sluice_sub_next, an event a call; or that, and three "
                "fields looked up"),
    OPT("prefill", CONFIG_BYTES, AT(prefill_bytes), .def = "0", .arg = "BYTES",
        .help = "in the journal before anybody subscribes", .max = (uint64_t)64 << 30),
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
    [DELIVERIES_PER_S] = {"deliveries_per_s", "1/s", "events delivered, over all subscribers", 0},
    [GB_PER_S] = {"gb_per_s", "GB/s", "bytes of events delivered, over all subscribers", 3},
    [LOOPBACK_GB_PER_S] = {"loopback_gb_per_s", "GB/s", "bare TCP to as many processes", 3},
    [LOOPBACK_RATIO] = {"loopback_ratio", "", "gb_per_s / loopback_gb_per_s", 3, BOUND_FLOOR,
                        OWED_LOOPBACK},
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

/* -- runs ----------------------------------------------------------------------------------- */

static void put_figures(const fanout_outcome_t *out, result_t *result)
{
    result_put(result, DELIVERIES_PER_S, out->deliveries_per_s);
    result_put(result, GB_PER_S, out->gb_per_s);
    result_put(result, EVENTS_PER_S, out->events_per_s);
    result_put(result, EVENTS_PER_BATCH, out->events_per_batch);
    result_put(result, CPU_S_PUBLISHERS, out->cpu_s_publishers);
    result_put(result, CPU_S_BROKER, out->cpu_s_broker);
    result_put(result, CPU_S_SUBSCRIBERS, out->cpu_s_subscribers);
    result_put(result, CPU_S_PER_MILLION, out->cpu_s_per_million);
    result_put(result, HELD, out->held);
    result_put(result, RSS_ANON, out->rss_anon_mib);
    result_put(result, LOSSY, out->lossy_sends);
    result_put(result, REPAIRS, out->repairs);
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
    fanout_outcome_t out;
    err = fanout_run(bench,
                     &(fanout_setup_t){.subs = o->subs,
                                       .publishers = o->publishers,
                                       .topics = o->topics,
                                       .event_bytes = o->size,
                                       .window = o->window,
                                       .batch_bytes = (uint32_t)o->batch_bytes,
                                       .batch_events = (uint32_t)o->batch_events,
                                       .read = (fanout_read_t)o->read,
                                       .transport = (daemons_transport_t)o->transport,
                                       .durability = (daemons_durability_t)o->durability,
                                       .prefill_bytes = o->prefill_bytes,
                                       .warmup_ms = o->warmup_ms,
                                       .measure_ms = o->seconds * 1000,
                                       .broker_args = &o->broker_args},
                     &out);
    if (err != SL_OK)
        return err;
    put_figures(&out, bench->result);
    result_put(bench->result, LOOPBACK_GB_PER_S, bytes_per_s / 1e9);
    result_put(bench->result, LOOPBACK_RATIO, out.gb_per_s * 1e9 / bytes_per_s);
    return SL_OK;
}

static void put_facts(const void *options, result_t *result)
{
    const fanout_options_t *o = options;
    result_fact_number(result, "subs", (double)o->subs);
    result_fact_number(result, "publishers", (double)o->publishers);
    result_fact_number(result, "topics", (double)o->topics);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "window_events", (double)o->window);
    result_fact_number(result, "batch_bytes", (double)o->batch_bytes);
    result_fact_number(result, "batch_events", (double)o->batch_events);
    result_fact_number(result, "prefill_bytes", (double)o->prefill_bytes);
    result_fact_number(result, "seconds", (double)o->seconds);
    result_fact_text(result, "transport", o->transport == DAEMONS_IPC ? "ipc" : "tcp");
    result_fact_text(result, "durability",
                     daemons_durability_name((daemons_durability_t)o->durability));
    result_fact_text(result, "read", fanout_read_name((fanout_read_t)o->read));
    fanout_put_payload(
        &(fanout_setup_t){.event_bytes = o->size, .batch_events = (uint32_t)o->batch_events},
        result);
    /* what the bound is set for */
    result->checked = o->subs == 64 && o->size == 320 && o->transport == DAEMONS_TCP &&
                      o->durability == DAEMONS_OS && o->batch_events == 0 &&
                      o->read == FANOUT_READ_EVENT;
}

static void check(config_t *config, const void *options)
{
    const fanout_options_t *o = options;
    if (o->size > 0 && o->size < MIX_EVENT_MIN)
        config_complain(config, "size", "must be 0 or at least %d", MIX_EVENT_MIN);
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
                          sizeof(fanout_options_t)},
                .check = check},
    .figures = figures,
    .figure_count = FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
};

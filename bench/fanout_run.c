#include "fanout_run.h"

#include "fanout.h"
#include "mix.h"
#include "thread_cpu.h"

#include <stdio.h>

enum {
    JOIN_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 20000,
    LEAVE_TIMEOUT_MS = 10000,
    MORE_MS_A_SUB = 60, /* to each of these */
    PREFILL_TIMEOUT_MS = 60000,
    WATCH_MS = 100,
};

/* Roles, as the processes are called. */
#define SUBS    "bench-sub"
#define PUBS    "bench-pub"
#define PREFILL "bench-fill"

/* Threads of the broker; the sequencer is its main one. */
#define SEQUENCER_THREAD "sluice-broker"
#define FEED_THREAD      "ZMQbg/IO/1"
#define JOURNAL_THREAD   "journal"

#define LOSSY_SENDS "sluice_broker_feed_lossy_sends_total"

typedef struct run {
    const bench_run_t *bench;
    fanout_plan_t plan;
    proc_set_t set;
    broker_daemon_t broker;
} run_t;

/* What is read twice: at the beginning and at the end of the measured phase. */
typedef struct look {
    uint64_t at_ns, delivered, delivered_bytes, published, held_ns;
    broker_counters_t counters;
    uint64_t cpu_publishers_ns, cpu_broker_ns, cpu_subs_ns;
    uint64_t sequencer_ns, feed_ns, journal_ns;
} look_t;

const char *fanout_read_name(fanout_read_t read)
{
    static const char *const names[] = {"batch", "event", "decode"};
    return names[read];
}

/* How long to wait for something that every subscriber does. */
static int patience_ms(const run_t *run, int ms)
{
    return ms + MORE_MS_A_SUB * (int)run->plan.setup.subs;
}

void fanout_put_payload(const fanout_setup_t *setup, result_t *result)
{
    mix_t *mix;
    mix_sizes_t sizes;
    if (setup->event_bytes != 0 || mix_create_with(&mix, &(mix_options_t){0}) != SL_OK)
        return;
    mix_sizes(mix, &sizes);
    size_t events = mix_topics(mix);
    mix_destroy(&mix);
    result_fact_number(result, "sim_bytes_least", (double)sizes.least);
    result_fact_number(result, "sim_bytes_median", (double)sizes.median);
    result_fact_number(result, "sim_bytes_p99", (double)sizes.p99);
    result_fact_number(result, "sim_bytes_most", (double)sizes.most);
    result_note(result,
                "sim: %zu events of batch-sim, again and again%s; bytes of one: least %zu, median "
                "%zu, 99th percentile %zu, most %zu",
                events, setup->batch_events > 1 ? ", sorted by topic so that batches fill" : "",
                sizes.least, sizes.median, sizes.p99, sizes.most);
}

/* -- starting ------------------------------------------------------------------------------- */

static sl_err start_broker(run_t *run)
{
    const fanout_setup_t *setup = &run->plan.setup;
    sl_err err = daemons_start_broker(&run->set, run->bench->place,
                                      &(broker_setup_t){.transport = setup->transport,
                                                        .durability = setup->durability,
                                                        .more = setup->broker_args},
                                      &run->broker);
    if (err == SL_OK)
        fanout_plan_connect(&run->plan, &run->broker);
    return err;
}

static bool prefilled(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, PREFILL);
}

static sl_err fill_journal(run_t *run)
{
    if (run->plan.setup.prefill_bytes == 0)
        return SL_OK;
    bench_meter_show(run->bench->meter, "%s: filling the journal", run->bench->title);
    sl_err err = proc_start_role(&run->set, PREFILL, fanout_prefill, &run->plan, 1);
    if (err == SL_OK)
        err = proc_await(&run->set, prefilled, run, PREFILL_TIMEOUT_MS, "the journal was filled");
    return err;
}

static bool all_joined(void *ctx)
{
    const run_t *run = ctx;
    for (size_t i = 0; i < run->plan.setup.subs; i++)
        if (atomic_load(&fanout_sub_slot(&run->plan, i)->ready) == 0)
            return false;
    return true;
}

static sl_err start_all(run_t *run)
{
    const fanout_setup_t *setup = &run->plan.setup;
    bench_meter_show(run->bench->meter, "%s: starting", run->bench->title);
    sl_err err = start_broker(run);
    if (err == SL_OK)
        err = fill_journal(run);
    if (err == SL_OK)
        err = proc_start_role(&run->set, SUBS, fanout_subscribe, &run->plan, setup->subs);
    if (err == SL_OK)
        err = proc_await(&run->set, all_joined, run, patience_ms(run, JOIN_TIMEOUT_MS),
                         "every subscriber had joined");
    if (err == SL_OK)
        err = proc_start_role(&run->set, PUBS, fanout_publish, &run->plan, setup->publishers);
    return err;
}

/* -- measuring ------------------------------------------------------------------------------ */

static uint64_t delivered_events(const run_t *run)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < run->plan.setup.subs; i++)
        sum += share_get(&fanout_sub_slot(&run->plan, i)->events);
    return sum;
}

/* @return SL_OK; an error, told on stderr. */
static sl_err take_look(run_t *run, look_t *look)
{
    const fanout_setup_t *setup = &run->plan.setup;
    const pid_t broker = run->broker.proc->pid;
    *look = (look_t){0};
    sl_err err = daemons_broker_counters(&run->broker, &look->counters);
    if (err != SL_OK)
        fprintf(stderr, "sluice-bench: the broker does not tell its counters\n");
    look->at_ns = bench_now_ns();
    look->published = fanout_published(&run->plan);
    look->delivered = delivered_events(run);
    for (size_t i = 0; i < setup->subs; i++)
        look->delivered_bytes += share_get(&fanout_sub_slot(&run->plan, i)->bytes);
    for (size_t i = 0; i < setup->publishers; i++)
        look->held_ns += share_get(&fanout_pub_slot(&run->plan, i)->held_ns);
    look->cpu_publishers_ns = proc_role_cpu_ns(&run->set, PUBS);
    look->cpu_broker_ns = proc_cpu_ns(run->broker.proc);
    look->cpu_subs_ns = proc_role_cpu_ns(&run->set, SUBS);
    look->sequencer_ns = thread_cpu_ns(broker, SEQUENCER_THREAD);
    look->feed_ns = thread_cpu_ns(broker, FEED_THREAD);
    look->journal_ns = thread_cpu_ns(broker, JOURNAL_THREAD);
    return err;
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

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static double ratio(double value, double of)
{
    return of > 0 ? value / of : 0;
}

static void put_rates(const look_t *a, const look_t *b, fanout_outcome_t *out)
{
    double seconds = seconds_between(a->at_ns, b->at_ns);
    double delivered = (double)(b->delivered - a->delivered);
    double bytes = (double)(b->delivered_bytes - a->delivered_bytes);
    feed_batch_t batch = daemons_feed_batch(&a->counters, &b->counters);
    out->deliveries_per_s = delivered / seconds;
    out->gb_per_s = bytes / seconds / 1e9;
    out->events_per_s = (double)(b->published - a->published) / seconds;
    out->events_per_batch = batch.events;
    out->event_bytes = ratio(bytes, delivered);
    out->feed_bytes_per_event = batch.event_bytes;
}

static void put_cpu(const look_t *a, const look_t *b, fanout_outcome_t *out)
{
    double seconds = seconds_between(a->at_ns, b->at_ns);
    double delivered = (double)(b->delivered - a->delivered);
    double sequencer_s = seconds_between(a->sequencer_ns, b->sequencer_ns);
    double feed_s = seconds_between(a->feed_ns, b->feed_ns);
    double events = b->counters.feed_events - a->counters.feed_events;
    out->cpu_s_publishers = seconds_between(a->cpu_publishers_ns, b->cpu_publishers_ns);
    out->cpu_s_broker = seconds_between(a->cpu_broker_ns, b->cpu_broker_ns);
    out->cpu_s_subscribers = seconds_between(a->cpu_subs_ns, b->cpu_subs_ns);
    double all_s = out->cpu_s_publishers + out->cpu_s_broker + out->cpu_s_subscribers;
    out->cpu_s_per_million = 1e6 * ratio(all_s, delivered);
    out->broker_cpu_s_per_million = 1e6 * ratio(out->cpu_s_broker, delivered);
    out->sequencer_cores = sequencer_s / seconds;
    out->feed_cores = feed_s / seconds;
    out->journal_cores = seconds_between(a->journal_ns, b->journal_ns) / seconds;
    out->sequencer_s_per_event = ratio(sequencer_s, events);
    out->feed_s_per_delivery = ratio(feed_s, delivered);
}

static sl_err measure(run_t *run, fanout_outcome_t *out)
{
    const fanout_setup_t *setup = &run->plan.setup;
    look_t begin, end;
    sl_err err = pass_time(run, setup->warmup_ms, "warm-up");
    if (err == SL_OK)
        err = take_look(run, &begin);
    if (err == SL_OK)
        err = pass_time(run, setup->measure_ms, "measuring");
    if (err == SL_OK)
        err = take_look(run, &end);
    if (err != SL_OK)
        return err;
    put_rates(&begin, &end, out);
    put_cpu(&begin, &end, out);
    out->held = seconds_between(begin.held_ns, end.held_ns) /
                seconds_between(begin.at_ns, end.at_ns) / (double)setup->publishers;
    out->rss_anon_mib = (double)proc_rss_anon_bytes(run->broker.proc) / (1 << 20);
    out->dedup_mib = end.counters.dedup_bytes / (1 << 20);
    out->lossy_sends = end.counters.lossy_sends;
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

static uint64_t published_bytes(const run_t *run)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < run->plan.setup.publishers; i++)
        sum += share_get(&fanout_pub_slot(&run->plan, i)->bytes);
    return sum;
}

/* Has everybody exactly what was published? */
static sl_err check(const run_t *run)
{
    uint64_t published = fanout_published(&run->plan), bytes = published_bytes(run);
    uint64_t number_sum = share_get(&fanout_sub_slot(&run->plan, 0)->number_sum);
    uint64_t faults = 0, wrong = 0;
    for (size_t i = 0; i < run->plan.share->count; i++)
        faults += share_get(&run->plan.share->slots[i].faults);
    for (size_t i = 0; i < run->plan.setup.subs; i++) {
        const share_slot_t *slot = fanout_sub_slot(&run->plan, i);
        wrong += share_get(&slot->events) != published || share_get(&slot->bytes) != bytes ||
                 share_get(&slot->number_sum) != number_sum;
    }
    if (faults == 0 && wrong == 0)
        return SL_OK;
    fprintf(stderr,
            "sluice-bench: %llu lost, malformed or refused; %llu of %zu subscribers have "
            "other events than the %llu published; %.0f lossy sends of the broker\n",
            (unsigned long long)faults, (unsigned long long)wrong, run->plan.setup.subs,
            (unsigned long long)published, daemons_broker_counter(&run->broker, LOSSY_SENDS));
    return SL_EPROTO;
}

static double repairs(const run_t *run)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < run->plan.setup.subs; i++)
        sum += share_get(&fanout_sub_slot(&run->plan, i)->repairs);
    return (double)sum;
}

static sl_err stop_and_check(run_t *run)
{
    bench_meter_show(run->bench->meter, "%s: checking", run->bench->title);
    atomic_store(&run->plan.share->stop, FANOUT_STOP_PUBLISHERS);
    sl_err err = proc_await(&run->set, publishers_left, run, patience_ms(run, SETTLE_TIMEOUT_MS),
                            "the publishers had every answer");
    if (err == SL_OK)
        err = proc_await(&run->set, all_delivered, run, patience_ms(run, SETTLE_TIMEOUT_MS),
                         "every subscriber had every event");
    atomic_store(&run->plan.share->stop, FANOUT_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&run->set, subscribers_left, run, patience_ms(run, LEAVE_TIMEOUT_MS),
                         "the subscribers had left");
    bench_meter_clear(run->bench->meter);
    sl_err verdict = check(run); /* also after a timeout: it says what is missing */
    return err == SL_OK ? verdict : err;
}

/* -- all of it ------------------------------------------------------------------------------ */

sl_err fanout_run(const bench_run_t *bench, const fanout_setup_t *setup, fanout_outcome_t *out)
{
    run_t run = {.bench = bench, .plan.setup = *setup};
    *out = (fanout_outcome_t){.window_events = (double)setup->window,
                              .sub_processes = (double)setup->subs};
    sl_err err = share_create(&run.plan.share, setup->subs + setup->publishers);
    if (err == SL_OK) /* the broker, and who fills its journal */
        err = proc_set_init(&run.set, setup->subs + setup->publishers + 2, bench->place->dir);
    if (err == SL_OK)
        err = start_all(&run);
    if (err == SL_OK)
        err = measure(&run, out);
    if (err == SL_OK)
        err = stop_and_check(&run);
    if (err == SL_OK)
        out->repairs = repairs(&run);
    proc_set_fini(&run.set);
    share_destroy(&run.plan.share);
    bench_clear(bench->place); /* the journal */
    return err;
}

/* slow_load.c - one load: server, publisher and crowd, from the first join to the last event. */
#include "slow.h"

#include "crowd.h"
#include "proc.h"

#include <signal.h>
#include <stdio.h>

enum {
    LIVE_PROCESSES = 2,
    TICK_NS = 1000000,
    JOIN_TIMEOUT_MS = 20000,
    SETTLE_TIMEOUT_MS = 300000,
    LEAVE_TIMEOUT_MS = 20000,
    QUIET_MS = 2000,
    WATCH_MS = 100,
};

#define PUB     "bench-pub"
#define LIVE    "bench-live"
#define STOPPED "bench-stopped"

typedef struct load {
    const bench_run_t *bench;
    const slow_setup_t *setup;
    crowd_plan_t plan;
    proc_set_t set;
    carrier_server_t server;
    proc_t *weighed, *stopped;
    uint64_t rss_max, seen, quiet_since_ns;
} load_t;

/* -- starting ------------------------------------------------------------------------------- */

static sl_err start_server(load_t *load)
{
    const carrier_setup_t setup = {.set = &load->set,
                                   .place = load->bench->place,
                                   .durability = load->setup->durability,
                                   .broker_args = load->setup->broker_args};
    sl_err err = carrier_start(load->plan.ops, &setup, &load->plan.carrier, &load->server);
    load->weighed = load->server.proc;
    if (err == SL_OK && load->plan.ops != &carrier_sluice)
        result_note(load->bench->result, "%s: %s: %s", load->plan.ops->name, load->server.version,
                    load->plan.ops->guarantee);
    return err;
}

static bool all_ready(void *ctx)
{
    return crowd_ready(&((load_t *)ctx)->plan);
}

static sl_err start_all(load_t *load)
{
    crowd_plan_t *plan = &load->plan;
    proc_t *publisher = NULL;
    bench_meter_show(load->bench->meter, "%s: %s: starting", load->bench->title,
                     load->setup->title);
    sl_err err = start_server(load);
    if (err == SL_OK)
        err = proc_start_worker(&load->set, &publisher, PUB, crowd_publish, plan, 0);
    if (load->weighed == NULL) /* there is no server: the publisher stands for it */
        load->weighed = publisher;
    if (err == SL_OK)
        err = proc_start_role(&load->set, LIVE, crowd_subscribe, plan, plan->processes);
    if (err == SL_OK && plan->apart > 0)
        err = proc_start_worker(&load->set, &load->stopped, STOPPED, crowd_subscribe, plan,
                                plan->processes);
    if (err == SL_OK)
        err =
            proc_await(&load->set, all_ready, load, JOIN_TIMEOUT_MS, "every subscriber had joined");
    if (err == SL_OK)
        crowd_go(plan);
    return err;
}

/* -- the load ------------------------------------------------------------------------------- */

static void weigh(load_t *load)
{
    uint64_t rss = proc_rss_anon_bytes(load->weighed);
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
        bench_meter_show(load->bench->meter, "%s: %s", load->bench->title, load->setup->title);
    }
    return SL_OK;
}

static sl_err measure(load_t *load, slow_outcome_t *out)
{
    const crowd_plan_t *plan = &load->plan;
    sl_err err = pass_time(load, load->setup->warmup_ms);
    if (err != SL_OK)
        return err;
    if (load->stopped != NULL)
        kill(load->stopped->pid, SIGSTOP);
    uint64_t begin = crowd_published(plan), begin_ns = bench_now_ns();
    atomic_store(&plan->clock->measured_from_ns, begin_ns);
    err = pass_time(load, load->setup->seconds * 1000);
    uint64_t end = crowd_published(plan), end_ns = bench_now_ns();
    if (plan->ops == &carrier_sluice)
        out->commit_p99_ms =
            daemons_broker_counter(&load->server.broker, "sluice_broker_journal_commit_p99_us") /
            1000;
    out->rate = (double)(end - begin) * 1e9 / (double)(end_ns - begin_ns);
    return err;
}

/* -- the end -------------------------------------------------------------------------------- */

static bool all_complete(void *ctx)
{
    load_t *load = ctx;
    weigh(load);
    return crowd_published_all(&load->plan) &&
           crowd_slowest(&load->plan) >= crowd_published(&load->plan);
}

/* Nothing has come to anybody for a while. */
static bool all_quiet(void *ctx)
{
    load_t *load = ctx;
    uint64_t events = crowd_delivered(&load->plan, 0, crowd_sub_count(&load->plan));
    weigh(load);
    if (events != load->seen || load->quiet_since_ns == 0) {
        load->seen = events;
        load->quiet_since_ns = bench_now_ns();
    }
    return crowd_published_all(&load->plan) &&
           bench_now_ns() - load->quiet_since_ns > QUIET_MS * 1000000ull;
}

static bool workers_left(void *ctx)
{
    return proc_role_left(&((load_t *)ctx)->set, "bench-");
}

/* The stopped ones are woken, the publisher stops, and they get what there still is for them. */
static sl_err settle(load_t *load, slow_outcome_t *out)
{
    bool ours = load->plan.ops == &carrier_sluice;
    uint64_t begin_ns = bench_now_ns();
    if (load->stopped != NULL)
        kill(load->stopped->pid, SIGCONT);
    crowd_enter(&load->plan, CROWD_STOP_PUBLISHERS);
    sl_err err = proc_await(&load->set, ours ? all_complete : all_quiet, load, SETTLE_TIMEOUT_MS,
                            ours ? "every subscriber had every event" : "nothing more came");
    out->complete_s = (double)(bench_now_ns() - begin_ns) / 1e9;
    if (ours)
        out->lossy =
            daemons_broker_counter(&load->server.broker, "sluice_broker_feed_lossy_sends_total");
    crowd_enter(&load->plan, CROWD_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&load->set, workers_left, load, LEAVE_TIMEOUT_MS, "everybody had left");
    return err;
}

static double share_lost(uint64_t got, uint64_t published, size_t subs)
{
    return subs == 0 ? 0 : 1 - (double)got / ((double)published * (double)subs);
}

static void take_outcome(const load_t *load, slow_outcome_t *out)
{
    const crowd_plan_t *plan = &load->plan;
    uint64_t published = crowd_published(plan);
    const histogram_t *latencies = plan->clock->latencies;
    out->p50_ms = (double)histogram_quantile(latencies, LIVE_PROCESSES, 0.5) / 1e6;
    out->p99_ms = (double)histogram_quantile(latencies, LIVE_PROCESSES, 0.99) / 1e6;
    out->rss_mib = (double)load->rss_max / (1 << 20);
    out->lost_live = share_lost(crowd_delivered(plan, 0, plan->subs), published, plan->subs);
    out->lost = share_lost(crowd_delivered(plan, plan->subs, plan->apart), published, plan->apart);
    out->disconnected = (double)crowd_disconnects(plan);
}

/* -- one load ------------------------------------------------------------------------------- */

static void finish(load_t *load)
{
    proc_set_fini(&load->set);
    crowd_plan_fini(&load->plan);
    bench_clear(load->bench->place);
}

sl_err slow_load(const bench_run_t *bench, const slow_setup_t *setup, slow_outcome_t *out)
{
    load_t load = {.bench = bench,
                   .setup = setup,
                   .plan = {.ops = setup->ops,
                            .publishers = 1,
                            .subs = setup->live,
                            .processes = LIVE_PROCESSES,
                            .apart = setup->stopped,
                            .event_bytes = setup->event_bytes,
                            .rate = setup->rate,
                            .tick_ns = TICK_NS}};
    sl_err err = crowd_plan_init(&load.plan);
    if (err == SL_OK)
        err = proc_set_init(&load.set, LIVE_PROCESSES + 2 + CARRIER_SERVER_PROCESSES,
                            bench->place->dir);
    if (err == SL_OK)
        err = start_all(&load);
    if (err == SL_OK)
        err = measure(&load, out);
    if (err == SL_OK)
        err = settle(&load, out);
    if (err == SL_OK)
        take_outcome(&load, out);
    if ((err == SL_OK || err == SL_ETIMEDOUT) && setup->ops == &carrier_sluice &&
        crowd_check(&load.plan) != SL_OK)
        err = SL_EPROTO;
    finish(&load);
    return err;
}

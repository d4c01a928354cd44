/* slow_load.c - one load of the bench `slow`: some are stopped while it lasts, and woken at its
 * end. */
#include "slow.h"

#include "load.h"

#include <signal.h>

enum { LIVE_PROCESSES = 2, TICK_NS = 1000000 };

static sl_err measure(load_t *load, const slow_setup_t *setup, slow_outcome_t *out)
{
    crowd_go(&load->plan);
    sl_err err = load_pass(load, setup->warmup_ms, NULL);
    if (err != SL_OK)
        return err;
    if (load->apart != NULL)
        kill(load->apart->pid, SIGSTOP);
    load_look_t begin = load_look(load);
    atomic_store(&load->plan.clock->measured_from_ns, begin.at_ns);
    err = load_pass(load, setup->seconds * 1000, NULL);
    load_look_t end = load_look(load);
    if (setup->ops == &carrier_sluice)
        out->commit_p99_ms =
            daemons_broker_counter(&load->server.broker, "sluice_broker_journal_commit_p99_us") /
            1000;
    out->rate = (double)(end.published - begin.published) * 1e9 / (double)(end.at_ns - begin.at_ns);
    return err;
}

/* The stopped ones are woken, the publisher stops, and they get what there still is for them. */
static sl_err settle(load_t *load, slow_outcome_t *out)
{
    bool ours = load->plan.ops == &carrier_sluice;
    uint64_t begin_ns = bench_now_ns();
    if (load->apart != NULL)
        kill(load->apart->pid, SIGCONT);
    sl_err err = load_settle(load, ours ? LOAD_COMPLETE : LOAD_QUIET);
    out->complete_s = (double)(load->settled_ns - begin_ns) / 1e9;
    if (ours)
        out->lossy =
            daemons_broker_counter(&load->server.broker, "sluice_broker_feed_lossy_sends_total");
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

sl_err slow_load(const bench_run_t *bench, const slow_setup_t *setup, slow_outcome_t *out)
{
    load_t load = {.bench = bench,
                   .title = setup->title,
                   .plan = {.ops = setup->ops,
                            .publishers = 1,
                            .subs = setup->live,
                            .processes = LIVE_PROCESSES,
                            .apart = setup->stopped,
                            .event_bytes = setup->event_bytes,
                            .rate = setup->rate,
                            .tick_ns = TICK_NS},
                   .durability = setup->durability,
                   .broker_args = setup->broker_args};
    sl_err err = load_begin(&load);
    if (err == SL_OK)
        err = measure(&load, setup, out);
    if (err == SL_OK)
        err = settle(&load, out);
    if (err == SL_OK)
        take_outcome(&load, out);
    /* after a timeout too: it says what is missing */
    if ((err == SL_OK || err == SL_ETIMEDOUT) && setup->ops == &carrier_sluice &&
        crowd_check(&load.plan) != SL_OK)
        err = SL_EPROTO;
    load_end(&load);
    return err;
}

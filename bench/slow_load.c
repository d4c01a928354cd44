/* slow_load.c - one load: server, publisher and crowd, from the first join to the last event. */
#include "slow.h"

#include "peers.h"
#include "proc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
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
    const broker_setup_t setup = {.durability = load->setup->durability,
                                  .more = load->setup->broker_args};
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
    bench_meter_show(load->bench->meter, "%s: %s: starting", load->bench->title,
                     load->setup->title);
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
        bench_meter_show(load->bench->meter, "%s: %s", load->bench->title, load->setup->title);
    }
    return SL_OK;
}

static sl_err measure(load_t *load, slow_outcome_t *out)
{
    slow_clock_t *clock = load->plan.clock;
    const share_slot_t *publisher = slow_publisher_slot(&load->plan);
    sl_err err = pass_time(load, load->setup->warmup_ms);
    if (err != SL_OK)
        return err;
    if (load->stopped != NULL)
        kill(load->stopped->pid, SIGSTOP);
    uint64_t begin = share_get(&publisher->events), begin_ns = bench_now_ns();
    atomic_store(&clock->measured_from, begin);
    err = pass_time(load, load->setup->seconds * 1000);
    uint64_t end = share_get(&publisher->events), end_ns = bench_now_ns();
    if (load->plan.ops == &carrier_sluice)
        out->commit_p99_ms =
            daemons_broker_counter(&load->broker, "sluice_broker_journal_commit_p99_us") / 1000;
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
static sl_err settle(load_t *load, slow_outcome_t *out)
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

static void take_outcome(const load_t *load, slow_outcome_t *out)
{
    const slow_plan_t *plan = &load->plan;
    uint64_t published = share_get(&slow_publisher_slot(plan)->events);
    const histogram_t *latencies = plan->clock->latencies;
    out->p50_ms = (double)histogram_quantile(latencies, SLOW_LIVE_PROCESSES, 0.5) / 1e6;
    out->p99_ms = (double)histogram_quantile(latencies, SLOW_LIVE_PROCESSES, 0.99) / 1e6;
    out->rss_mib = (double)load->rss_max / (1 << 20);
    out->lost_live = share_lost(events_of(load, 0, plan->live), published, plan->live);
    out->lost = share_lost(events_of(load, plan->live, plan->stopped), published, plan->stopped);
    out->disconnected = 0;
    for (size_t i = 0; i < plan->share->count; i++)
        out->disconnected += (double)share_get(&plan->share->slots[i].disconnects);
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

sl_err slow_load(const bench_run_t *bench, const slow_setup_t *setup, slow_outcome_t *out)
{
    load_t load = {.bench = bench,
                   .setup = setup,
                   .plan = {.ops = setup->ops,
                            .live = setup->live,
                            .stopped = setup->stopped,
                            .event_bytes = setup->event_bytes,
                            .rate = setup->rate}};
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
    if ((err == SL_OK || err == SL_ETIMEDOUT) && setup->ops == &carrier_sluice &&
        check(&load) != SL_OK)
        err = SL_EPROTO;
    finish(&load);
    return err;
}

#include "load.h"

#include <stdio.h>
#include <string.h>

enum {
    JOIN_TIMEOUT_MS = 30000,
    SETTLE_TIMEOUT_MS = 300000,
    LEAVE_TIMEOUT_MS = 20000,
    QUIET_MS = 2000,    /* so long nothing may come before nothing more is expected … */
    STALLED_MS = 30000, /* … of who promised to be complete: it may be asking for repeats */
    WATCH_MS = 100,
    WEIGH_WORKERS_NS = 1000000000, /* they may be many, and a look at each takes CPU from them */
};

/* Roles, as the processes are called. */
#define PUBS  "bench-pub"
#define SUBS  "bench-sub"
#define APART "bench-apart"

/* -- starting ------------------------------------------------------------------------------- */

static sl_err start_server(load_t *load)
{
    const crowd_plan_t *plan = &load->plan;
    const carrier_setup_t setup = {.set = &load->set,
                                   .place = load->bench->place,
                                   .transport = load->transport,
                                   .durability = load->durability,
                                   .broker_args = load->broker_args,
                                   .held = plan->rate == 0};
    sl_err err = carrier_start(plan->ops, &setup, &load->plan.carrier, &load->server);
    /* of a packed one it is the same, and so told once */
    const char *packed = strstr(plan->ops->name, "-packed");
    size_t len = packed != NULL ? (size_t)(packed - plan->ops->name) : strlen(plan->ops->name);
    if (err == SL_OK)
        result_note(load->bench->result, "%.*s: %s (%s): %s", (int)len, plan->ops->name,
                    load->server.version, plan->ops->settings, plan->ops->guarantee);
    return err;
}

static bool all_ready(void *ctx)
{
    return crowd_ready(&((load_t *)ctx)->plan);
}

sl_err load_begin(load_t *load)
{
    crowd_plan_t *plan = &load->plan;
    bench_meter_show(load->bench->meter, "%s: %s: starting", load->bench->title, load->title);
    sl_err err = crowd_plan_init(plan);
    if (err == SL_OK)
        err = proc_set_init(&load->set,
                            CARRIER_SERVER_PROCESSES + plan->publishers + crowd_process_count(plan),
                            load->bench->place->dir);
    if (err == SL_OK)
        err = start_server(load);
    if (err == SL_OK)
        err = proc_start_role(&load->set, PUBS, crowd_publish, plan, plan->publishers);
    if (err == SL_OK)
        err = proc_start_role(&load->set, SUBS, crowd_subscribe, plan, plan->processes);
    if (err == SL_OK && plan->apart > 0)
        err = proc_start_worker(&load->set, &load->apart, APART, crowd_subscribe, plan,
                                plan->processes);
    if (err == SL_OK)
        err =
            proc_await(&load->set, all_ready, load, JOIN_TIMEOUT_MS, "every subscriber had joined");
    return err;
}

/* -- while it lasts ------------------------------------------------------------------------- */

static uint64_t delivered(const load_t *load)
{
    return crowd_delivered(&load->plan, 0, crowd_sub_count(&load->plan));
}

const proc_t *load_server(const load_t *load)
{
    if (load->server.proc != NULL)
        return load->server.proc;
    for (size_t i = 0; i < load->set.count; i++)
        if (strncmp(load->set.items[i].name, PUBS, sizeof PUBS - 1) == 0)
            return &load->set.items[i];
    return NULL;
}

static void weigh_workers(load_t *load)
{
    load->weighed_ns = bench_now_ns();
    proc_role_weigh(&load->set, PUBS);
    proc_role_weigh(&load->set, SUBS);
}

void load_weigh(load_t *load)
{
    const proc_t *server = load_server(load);
    uint64_t rss = server != NULL ? proc_rss_anon_bytes(server) : 0;
    load->rss_max = rss > load->rss_max ? rss : load->rss_max;
    if (load->weighs_workers && bench_now_ns() - load->weighed_ns >= WEIGH_WORKERS_NS)
        weigh_workers(load);
}

double load_publisher_mib(const load_t *load)
{
    return proc_role_most_rss_bytes(&load->set, PUBS) / (1 << 20);
}

double load_subscriber_mib(const load_t *load)
{
    return proc_role_most_rss_bytes(&load->set, SUBS) / (1 << 20);
}

void load_feed_begin(const load_t *load, load_feed_t *feed)
{
    const broker_daemon_t *broker = &load->server.broker;
    feed->asked = broker->proc != NULL && daemons_broker_counters(broker, &feed->begin) == SL_OK;
}

feed_batch_t load_feed_end(const load_t *load, const load_feed_t *feed)
{
    broker_counters_t end;
    if (!feed->asked || daemons_broker_counters(&load->server.broker, &end) != SL_OK)
        return (feed_batch_t){0};
    return daemons_feed_batch(&feed->begin, &end);
}

sl_err load_pass(load_t *load, uint64_t ms, const char *phase)
{
    uint64_t last = delivered(load);
    for (uint64_t passed = 0, step_ms; passed < ms; passed += step_ms) {
        step_ms = ms - passed < WATCH_MS ? ms - passed : WATCH_MS;
        if (!bench_sleep_ms(step_ms))
            return SL_ECLOSED;
        if (!proc_all_well(&load->set))
            return SL_EIO;
        load_weigh(load);
        uint64_t now = delivered(load);
        if (phase == NULL)
            bench_meter_show(load->bench->meter, "%s: %s", load->bench->title, load->title);
        else
            bench_meter_show(load->bench->meter, "%s: %s: %s, %.2f M deliveries/s",
                             load->bench->title, load->title, phase,
                             (double)(now - last) / (double)step_ms / 1000);
        last = now;
    }
    return SL_OK;
}

load_look_t load_look(load_t *load)
{
    const crowd_plan_t *plan = &load->plan;
    load_look_t look = {.at_ns = bench_now_ns(),
                        .published = crowd_published(plan),
                        .delivered = delivered(load),
                        .cpu_publishers_ns = proc_role_cpu_ns(&load->set, PUBS),
                        .cpu_subs_ns = proc_role_cpu_ns(&load->set, SUBS) +
                                       proc_role_cpu_ns(&load->set, APART)};
    if (load->server.proc != NULL)
        look.cpu_server_ns = proc_cpu_ns(load->server.proc);
    for (size_t i = 0; i < crowd_sub_count(plan); i++)
        look.bytes += share_get(&crowd_sub_slot(plan, i)->bytes);
    for (size_t i = 0; i < plan->publishers; i++)
        look.held_ns += share_get(&crowd_pub_slot(plan, i)->held_ns);
    return look;
}

/* -- the end -------------------------------------------------------------------------------- */

static bool complete(const load_t *load)
{
    return crowd_published_all(&load->plan) &&
           crowd_slowest(&load->plan) >= crowd_published(&load->plan);
}

/* Complete, or nothing has come to anybody for as long as our patience lasts. */
static bool settled(void *ctx)
{
    load_t *load = ctx;
    uint64_t events = delivered(load), now_ns = bench_now_ns();
    load_weigh(load);
    if (events != load->seen || load->seen_ns == 0) {
        load->seen = events;
        load->seen_ns = now_ns;
    }
    return complete(load) ||
           (crowd_published_all(&load->plan) && now_ns - load->seen_ns > load->patience_ns);
}

static bool workers_left(void *ctx)
{
    return proc_role_left(&((load_t *)ctx)->set, "bench-");
}

sl_err load_settle(load_t *load, load_settled_t when)
{
    bench_meter_show(load->bench->meter, "%s: %s: settling", load->bench->title, load->title);
    load->patience_ns = (when == LOAD_QUIET ? QUIET_MS : STALLED_MS) * 1000000ull;
    crowd_enter(&load->plan, CROWD_STOP_PUBLISHERS);
    sl_err err = proc_await(&load->set, settled, load, SETTLE_TIMEOUT_MS,
                            "everything published had arrived");
    load->settled_ns = bench_now_ns();
    if (err == SL_OK && when == LOAD_COMPLETE && !complete(load)) {
        fprintf(stderr, "sluice-bench: %s: nothing has come for %d s, and not all is there\n",
                load->plan.ops->name, STALLED_MS / 1000);
        err = SL_ETIMEDOUT;
    }
    crowd_enter(&load->plan, CROWD_STOP_SUBSCRIBERS);
    if (err == SL_OK)
        err = proc_await(&load->set, workers_left, load, LEAVE_TIMEOUT_MS, "everybody had left");
    return err;
}

void load_end(load_t *load)
{
    proc_set_fini(&load->set);
    crowd_plan_fini(&load->plan);
    bench_clear(load->bench->place); /* journals */
}

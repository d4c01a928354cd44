/* latency_load.c - one load at a steady rate, from the first join to the last event. */
#include "latency.h"

#include "load.h"

#include <signal.h>

enum {
    SEND_TIMEOUT_MS = 5000, /* for what was due and is not sent yet */
    POLL_MS = 5,
    ASK_APART_NS = 50000000,
    WARMUP_ASK_MS = 100, /* with less there is no such moment */
};

/* A load, and its measured time: what is due between the two is timed. */
typedef struct timed {
    load_t load;
    load_feed_t feed;
    const latency_options_t *options;
    uint64_t from_ns, until_ns;
} timed_t;

static sl_err pass_until(timed_t *t, uint64_t ns)
{
    uint64_t now_ns = bench_now_ns();
    return now_ns < ns ? load_pass(&t->load, (ns - now_ns) / 1000000 + 1, NULL) : SL_OK;
}

/* Stops the server for a while, amid the measured time. */
static sl_err stall(timed_t *t)
{
    uint64_t stall_ns = t->options->stall_ms * 1000000;
    sl_err err = pass_until(t, t->from_ns + (t->until_ns - t->from_ns - stall_ns) / 2);
    if (err != SL_OK)
        return err;
    pid_t server = load_server(&t->load)->pid;
    kill(server, SIGSTOP);
    bench_sleep_ms(t->options->stall_ms);
    kill(server, SIGCONT);
    return SL_OK;
}

static void begin(timed_t *t)
{
    crowd_clock_t *clock = t->load.plan.clock;
    crowd_go(&t->load.plan);
    t->from_ns = atomic_load(&clock->begin_ns) + t->options->warmup_ms * 1000000;
    t->until_ns = t->from_ns + t->options->seconds * 1000000000;
    atomic_store(&clock->measured_until_ns, t->until_ns);
    atomic_store(&clock->measured_from_ns, t->from_ns);
}

/* The broker is asked for its counters a little before the measured time and after it, since to
 * answer may keep an event waiting.  A search has no use for them. */
static sl_err ask_before(timed_t *t)
{
    if (t->options->find_rate)
        return SL_OK;
    sl_err err = pass_until(t, t->from_ns - ASK_APART_NS);
    if (err == SL_OK && t->options->warmup_ms >= WARMUP_ASK_MS)
        load_feed_begin(&t->load, &t->feed);
    return err;
}

static sl_err ask_after(timed_t *t, latency_outcome_t *out)
{
    if (t->options->find_rate)
        return SL_OK;
    sl_err err = pass_until(t, t->until_ns + ASK_APART_NS);
    if (err == SL_OK)
        out->batch = load_feed_end(&t->load, &t->feed);
    return err;
}

static sl_err measure(timed_t *t, latency_outcome_t *out)
{
    sl_err err = load_begin(&t->load);
    if (err != SL_OK)
        return err;
    begin(t);
    err = ask_before(t);
    if (err == SL_OK)
        err = pass_until(t, t->from_ns);
    if (err != SL_OK)
        return err;
    load_look_t a = load_look(&t->load);
    if (t->options->stall_ms > 0)
        err = stall(t);
    if (err == SL_OK)
        err = pass_until(t, t->until_ns);
    if (err != SL_OK)
        return err;
    load_look_t b = load_look(&t->load);
    double ns = (double)(b.at_ns - a.at_ns);
    out->cores_publisher = (double)(b.cpu_publishers_ns - a.cpu_publishers_ns) / ns;
    out->cores_server = (double)(b.cpu_server_ns - a.cpu_server_ns) / ns;
    out->cores_subscribers = (double)(b.cpu_subs_ns - a.cpu_subs_ns) / ns;
    return ask_after(t, out);
}

/* Waits until all that was due has been sent.  @return false: too much of it is not.
 *
 * This is about what would be missing, not about who was late: what leaves late counts from when it
 * was due all the same.  To refuse a load for its publisher's lateness would take the longest
 * stalls out of the figures, where a client holds its publisher up; so lateness is told beside
 * them. */
static bool await_sent(timed_t *t)
{
    const latency_options_t *o = t->options;
    uint64_t due = t->load.plan.rate * (o->warmup_ms + o->seconds * 1000) / 1000;
    uint64_t deadline_ns = bench_now_ns() + SEND_TIMEOUT_MS * 1000000ull;
    while (crowd_published(&t->load.plan) < due)
        if (bench_now_ns() > deadline_ns || !bench_sleep_ms(POLL_MS) ||
            !proc_all_well(&t->load.set))
            return false;
    return true;
}

/* Ours is to be complete, and is looked at closely; of the others some deliveries may be lost. */
static sl_err settle(timed_t *t, latency_outcome_t *out)
{
    const crowd_plan_t *plan = &t->load.plan;
    bool ours = plan->ops == &carrier_sluice;
    out->kept_up = await_sent(t);
    sl_err err = load_settle(&t->load, ours               ? LOAD_COMPLETE
                                       : plan->ops->keeps ? LOAD_PATIENT
                                                          : LOAD_QUIET);
    if (ours && (err == SL_OK || err == SL_ETIMEDOUT) && crowd_check(plan) != SL_OK)
        err = SL_EPROTO; /* after a timeout too: it says what is missing */
    double wanted = (double)crowd_published(plan) * (double)plan->subs;
    double got = (double)crowd_delivered(plan, 0, plan->subs);
    out->lost = wanted > 0 ? 1 - got / wanted : 0;
    out->late_ms = (double)crowd_late_ns(plan) / 1e6;
    out->server_mib = (double)t->load.rss_max / (1 << 20);
    histogram_merge(out->latency, plan->clock->latencies, plan->processes);
    return err;
}

sl_err latency_load(const bench_run_t *bench, const carrier_ops_t *ops, uint64_t rate,
                    latency_outcome_t *out)
{
    const latency_options_t *o = bench->options;
    timed_t t = {.options = o,
                 .load = {.bench = bench,
                          .title = ops->name,
                          .plan = {.ops = ops,
                                   .publishers = 1,
                                   .subs = o->subs,
                                   .processes = o->processes < o->subs ? o->processes : o->subs,
                                   .event_bytes = o->size,
                                   .rate = rate},
                          .transport = (daemons_transport_t)o->transport,
                          .durability = (daemons_durability_t)o->durability,
                          .broker_args = &o->broker_args}};
    sl_err err = measure(&t, out);
    if (err == SL_OK)
        err = settle(&t, out);
    bench_meter_clear(bench->meter);
    load_end(&t.load);
    return err;
}

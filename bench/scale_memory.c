#include "scale_memory.h"

#include "daemons.h"
#include "mix.h"
#include "proc.h"
#include "share.h"
#include "sluice.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

enum {
    EVENT_BYTES = 320,
    CROWDS = 2,
    FEW = 8,
    MANY = 256,
    MORE_TOPICS = 960,
    TRICKLE_EVENTS = 2000, /* at 2,000 a second: a load that no queue grows under */
    TRICKLE_CHUNK = 20,
    TRICKLE_NAP_MS = 10,
    TOPIC_EVENTS = 64000,
    /* The dedup table of 2^20 slots takes 557,056 ids, then it doubles. */
    IDS_BEFORE = 550000,
    IDS_AFTER = 565000,
    LINGER_US = 5000,
    PENDING_BYTES = 1 << 20, /* what is under way weighs, too: a little */
    JOIN_TIMEOUT_MS = 20000,
    LOAD_TIMEOUT_MS = 30000,
    DRAIN_TIMEOUT_MS = 10000,
    PROCESSES = 8, /* broker, crowds, loads */
};

/* Forked into every worker. */
typedef struct memory_plan {
    broker_daemon_t broker;
    share_t *share; /* slots: a crowd each */
    size_t topics;
    uint64_t events;
    bool trickle;
} memory_plan_t;

typedef struct memory_run {
    const bench_run_t *bench;
    proc_set_t set;
    memory_plan_t plan;
    uint32_t loads; /* so far: each has ids of its own */
} memory_run_t;

/* -- roles ---------------------------------------------------------------------------------- */

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static sluice_err send_one(sluice_pub_t *pub, mix_t *mix)
{
    mix_event_t event;
    sluice_err err;
    mix_next(mix, &event);
    while ((err = sluice_pub_send(pub, event.topic, event.topic_len, event.data, event.len,
                                  event.id, NULL)) == SLUICE_EAGAIN)
        sluice_pub_process(pub, 1);
    return err;
}

static sluice_err send_all(const memory_plan_t *plan, sluice_pub_t *pub, mix_t *mix)
{
    for (uint64_t i = 0; i < plan->events; i++) {
        sluice_err err = send_one(pub, mix);
        if (err != SLUICE_OK)
            return err;
        if ((i + 1) % TRICKLE_CHUNK != 0)
            continue;
        sluice_pub_process(pub, 0);
        if (plan->trickle)
            nap_ms(TRICKLE_NAP_MS);
    }
    return sluice_pub_drain(pub, DRAIN_TIMEOUT_MS);
}

/* Publishes the plan's events, waits for every answer, leaves with 0. */
static int load(void *ctx, size_t number)
{
    const memory_plan_t *plan = ctx;
    mix_t *mix = NULL;
    sluice_pub_t *pub = NULL;
    if (mix_create_with(&mix, &(mix_options_t){.event_bytes = EVENT_BYTES,
                                               .publisher = (uint32_t)number,
                                               .topics = plan->topics}) != SL_OK)
        return 1;
    sluice_err err =
        sluice_pub_create(&pub, &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                        .intake = plan->broker.intake,
                                                        .name = "sluice-bench",
                                                        .linger_us = LINGER_US,
                                                        .pending_bytes = PENDING_BYTES});
    if (err == SLUICE_OK)
        err = send_all(plan, pub, mix);
    if (err != SLUICE_OK)
        fprintf(stderr, "sluice-bench: memory: publisher: %s\n", sluice_err_text(err));
    sluice_pub_destroy(&pub);
    mix_destroy(&mix);
    return err == SLUICE_OK ? 0 : 1;
}

typedef struct crowd_sub {
    sluice_sub_t *sub;
    uint64_t events;
} crowd_sub_t;

static size_t crowd_size(size_t crowd)
{
    return crowd == 0 ? FEW : MANY;
}

/* Takes what there is.  @return false, told on stderr. */
static bool drain(crowd_sub_t *member)
{
    for (;;) {
        sluice_item_t item;
        sluice_err err = sluice_sub_next_batch(member->sub, &item, 0);
        if (err == SLUICE_EAGAIN)
            return true;
        if (err != SLUICE_OK) {
            fprintf(stderr, "sluice-bench: memory: subscriber: %s\n", sluice_err_text(err));
            return false;
        }
        if (item.kind == SLUICE_ITEM_EVENT)
            member->events += item.count;
    }
}

static bool serve(share_t *share, share_slot_t *slot, crowd_sub_t *members, size_t count)
{
    while (!share_stopped(share)) {
        uint64_t least = UINT64_MAX;
        size_t joined = 0;
        for (size_t i = 0; i < count; i++) {
            if (!drain(&members[i]))
                return false;
            joined += sluice_sub_joined(members[i].sub);
            least = members[i].events < least ? members[i].events : least;
        }
        atomic_store_explicit(&slot->events, least, memory_order_release);
        if (joined == count)
            atomic_store_explicit(&slot->ready, 1, memory_order_release);
        nap_ms(1);
    }
    return true;
}

/* Each subscriber takes four descriptors. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A crowd's subscribers, all in this process over one context, until the share's stop.  What its
 * slot counts is what the slowest of them has. */
static int crowd(void *ctx, size_t index)
{
    memory_plan_t *plan = ctx;
    const size_t count = crowd_size(index);
    crowd_sub_t members[MANY] = {{0}};
    raise_descriptors();
    void *zmq = zmq_ctx_new();
    sluice_err err = zmq != NULL ? SLUICE_OK : SLUICE_ENOMEM;
    for (size_t i = 0; i < count && err == SLUICE_OK; i++)
        err = sluice_sub_create(&members[i].sub,
                                &(sluice_sub_options_t){.size = sizeof(sluice_sub_options_t),
                                                        .feed = plan->broker.feed,
                                                        .query = plan->broker.query,
                                                        .zmq_context = zmq});
    if (err != SLUICE_OK)
        fprintf(stderr, "sluice-bench: memory: subscriber: %s\n", sluice_err_text(err));
    bool good = err == SLUICE_OK && serve(plan->share, &plan->share->slots[index], members, count);
    for (size_t i = 0; i < count; i++)
        sluice_sub_destroy(&members[i].sub);
    if (zmq != NULL)
        zmq_ctx_term(zmq);
    return good ? 0 : 1;
}

/* -- steps ---------------------------------------------------------------------------------- */

#define LOAD  "bench-load"
#define CROWD "bench-crowd"

/* Starts a broker of its own for what follows.  @param more  an option and its value. */
static sl_err begin(memory_run_t *run, const char *what, daemons_durability_t durability,
                    const char *option, const char *value)
{
    const char *items[] = {option, value};
    const config_list_t more = {.items = items, .count = 2};
    bench_meter_show(run->bench->meter, "%s: memory: %s", run->bench->title, what);
    run->plan = (memory_plan_t){0};
    run->set = (proc_set_t){0};
    sl_err err = share_create(&run->plan.share, CROWDS);
    if (err == SL_OK)
        err = proc_set_init(&run->set, PROCESSES, run->bench->place->dir);
    if (err == SL_OK)
        err = daemons_start_broker(
            &run->set, run->bench->place,
            &(broker_setup_t){.transport = DAEMONS_TCP, .durability = durability, .more = &more},
            &run->plan.broker);
    return err;
}

static void end(memory_run_t *run)
{
    if (run->plan.share != NULL)
        atomic_store(&run->plan.share->stop, 1);
    proc_set_fini(&run->set);
    share_destroy(&run->plan.share);
    bench_clear(run->bench->place);
}

static double look(const memory_run_t *run)
{
    return (double)proc_rss_anon_bytes(run->plan.broker.proc);
}

static bool load_left(void *ctx)
{
    return proc_role_left(&((memory_run_t *)ctx)->set, LOAD);
}

static sl_err publish(memory_run_t *run, uint64_t events, size_t topics, bool trickle)
{
    run->plan.events = events;
    run->plan.topics = topics;
    run->plan.trickle = trickle;
    sl_err err = proc_start_worker(&run->set, NULL, LOAD, load, &run->plan, run->loads++);
    if (err == SL_OK)
        err = proc_await(&run->set, load_left, run, LOAD_TIMEOUT_MS, "the events were published");
    return err;
}

typedef struct crowd_wait {
    const memory_run_t *run;
    size_t crowd;
    uint64_t events;
} crowd_wait_t;

static bool has_joined(void *ctx)
{
    const crowd_wait_t *wait = ctx;
    return atomic_load(&wait->run->plan.share->slots[wait->crowd].ready) != 0;
}

static bool has_events(void *ctx)
{
    const crowd_wait_t *wait = ctx;
    return share_get(&wait->run->plan.share->slots[wait->crowd].events) >= wait->events;
}

/* The crowd joins, some events are published, and it has them. */
static sl_err join(memory_run_t *run, size_t index)
{
    crowd_wait_t wait = {.run = run, .crowd = index, .events = TRICKLE_EVENTS};
    sl_err err = proc_start_worker(&run->set, NULL, CROWD, crowd, &run->plan, index);
    if (err == SL_OK)
        err = proc_await(&run->set, has_joined, &wait, JOIN_TIMEOUT_MS, "a crowd had joined");
    if (err == SL_OK)
        err = publish(run, TRICKLE_EVENTS, 0, true);
    if (err == SL_OK)
        err = proc_await(&run->set, has_events, &wait, JOIN_TIMEOUT_MS, "a crowd had the events");
    return err;
}

/* -- what is measured ------------------------------------------------------------------------ */

static sl_err measure_subscriber(memory_run_t *run, scale_memory_t *out)
{
    sl_err err = begin(run, "subscribers", DAEMONS_OS, "--dedup-count", "0");
    if (err == SL_OK) {
        out->rest_mib = look(run) / (1 << 20);
        err = join(run, 0);
    }
    if (err == SL_OK) {
        double few = look(run);
        err = join(run, 1);
        out->subscriber_kib = (look(run) - few) / MANY / 1024;
    }
    end(run);
    return err;
}

static sl_err measure_topic(memory_run_t *run, scale_memory_t *out)
{
    sl_err err = begin(run, "topics", DAEMONS_OS, "--dedup-count", "0");
    if (err == SL_OK)
        err = publish(run, TOPIC_EVENTS, MIX_TOPICS, false);
    if (err == SL_OK) {
        double few = look(run);
        err = publish(run, TOPIC_EVENTS, MORE_TOPICS, false);
        out->topic_kib = (look(run) - few) / (MORE_TOPICS - MIX_TOPICS) / 1024;
    }
    end(run);
    return err;
}

/* The same events at a broker that remembers `count` ids; memory before and after the table would
 * double. */
static sl_err remember(memory_run_t *run, const char *count, double bytes[2])
{
    sl_err err = begin(run, "ids", DAEMONS_MEMORY, "--dedup-count", count);
    if (err == SL_OK)
        err = publish(run, IDS_BEFORE, 0, false);
    if (err == SL_OK) {
        bytes[0] = look(run);
        err = publish(run, IDS_AFTER - IDS_BEFORE, 0, false);
        bytes[1] = look(run);
    }
    end(run);
    return err;
}

static sl_err measure_id(memory_run_t *run, scale_memory_t *out)
{
    double with[2] = {0}, without[2] = {0};
    sl_err err = remember(run, "4194304", with);
    if (err == SL_OK)
        err = remember(run, "0", without);
    out->id_bytes_least = (with[0] - without[0]) / IDS_BEFORE;
    out->id_bytes_most = (with[1] - without[1]) / IDS_AFTER;
    return err;
}

sl_err scale_memory(const bench_run_t *bench, scale_memory_t *out)
{
    memory_run_t run = {.bench = bench};
    *out = (scale_memory_t){0};
    sl_err err = measure_subscriber(&run, out);
    if (err == SL_OK)
        err = measure_topic(&run, out);
    if (err == SL_OK)
        err = measure_id(&run, out);
    return err;
}

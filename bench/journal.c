/* journal.c - how many events a second are kept durably, and how many does one reader get back?
 *
 * Ours stands beside redis streams and NATS JetStream.  A run takes the phases of four tables, each
 * with a server that is new, in a folder of its own on the same disk; who of the targets comes when
 * is drawn anew for each run, the same each time.  What is equal: the events, with ids of their
 * own; the publishers, the events each has without an answer, and how many leave together; one
 * machine, loopback TCP, each target's own C library.  What is not is said in notes under the
 * figures.
 *
 * Beside each rate <name>_per_s stands what it costs, for a million events:
 * <name>_cpu_s_per_million of server and clients, and <name>_server_cpu_s_per_million. */
#include "journal.h"

#include "bench.h"
#include "benches.h"
#include "disk_sync.h"
#include "owed.h"
#include "peers.h"
#include "roster.h"

#include <stdio.h>
#include <string.h>

enum {
    PUBLISHERS_MAX = 16,
    START_TIMEOUT_MS = 10000,
    LEAVE_TIMEOUT_MS = 30000,
    FILL_TIMEOUT_MS = 300000,
    READ_TIMEOUT_MS = 120000,
    FILL_BATCH = 64,
    FILL_OUTSTANDING = 4096,
    WATCH_MS = 100,
    SYNC_PROBES = 40,
    ORDER_SEED = 1,
};

#define PUBS   "bench-pub"
#define READER "bench-reader"

#define COMMITS       "sluice_broker_journal_commits_total"
#define COMMIT_P50_US "sluice_broker_journal_commit_p50_us"
#define COMMIT_P99_US "sluice_broker_journal_commit_p99_us"

typedef struct journal_options {
    bench_common_t common;
    uint64_t publishers, outstanding, batch, size, seconds, warmup_ms;
    uint64_t replay_events, peer_replay_events;
    bool ours_alone;
    config_list_t broker_args;
} journal_options_t;

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(journal_options_t, member)
static const config_opt_t options_table[] = {
    OPT("publishers", CONFIG_U64, AT(publishers), .def = "2", .arg = "N",
        .help = "publisher processes", .min = 1, .max = PUBLISHERS_MAX),
    OPT("outstanding", CONFIG_U64, AT(outstanding), .def = "1024", .arg = "EVENTS",
        .help = "that each publisher may have without an answer, where events go singly", .min = 1,
        .max = 16384),
    OPT("batch", CONFIG_U64, AT(batch), .def = "64", .arg = "EVENTS",
        .help = "that leave together in the other half; 16 batches may be without an answer",
        .min = 2, .max = 512),
    OPT("size", CONFIG_U64, AT(size), .def = "320", .arg = "BYTES", .help = "of each event",
        .min = MIX_EVENT_MIN, .max = MIX_EVENT_MAX),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "4", .arg = "N",
        .help = "measured in each phase", .min = 1, .max = 600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "1s", .arg = "TIME",
        .help = "before the measured time", .max = 60000),
    OPT("replay-events", CONFIG_U64, AT(replay_events), .def = "1000000", .arg = "N",
        .help = "that the reader gets from sluice-broker", .min = 1000, .max = 5000000),
    OPT("peer-replay-events", CONFIG_U64, AT(peer_replay_events), .def = "250000", .arg = "N",
        .help = "that it gets from each of the others", .min = 1000, .max = 5000000),
    OPT("ours-alone", CONFIG_BOOL, AT(ours_alone), .help = "without redis and JetStream"),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS("3"),
};

enum {
    DISK_SYNC_US,
    SINGLE_DISK,
    SINGLE_REDIS,
    SINGLE_JETSTREAM,
    SINGLE_JETSTREAM_IDS,
    SINGLE_JETSTREAM_SYNCED,
    SINGLE_REDIS_RATIO,
    SINGLE_JETSTREAM_RATIO,
    BATCH_DISK,
    BATCH_REDIS,
    BATCH_JETSTREAM,
    BATCH_JETSTREAM_IDS,
    BATCH_JETSTREAM_SYNCED,
    BATCH_REDIS_RATIO,
    BATCH_JETSTREAM_RATIO,
    SINGLE_OS,
    SINGLE_MEMORY,
    BATCH_OS,
    BATCH_MEMORY,
    SINGLE_COMMIT_P50, /* three that go together */
    SINGLE_COMMIT_P99,
    SINGLE_COMMIT_EVENTS,
    BATCH_COMMIT_P50,
    BATCH_COMMIT_P99,
    BATCH_COMMIT_EVENTS,
    REPLAY,
    REPLAY_REDIS,
    REPLAY_JETSTREAM,
    FIGURES
};

static const figure_def_t figures[FIGURES] = {
    [DISK_SYNC_US] = {"disk_sync_us", "µs", "4 KiB written and synced, median", 0},
    [SINGLE_DISK] = {"single_disk_per_s", "1/s", "events kept, sent singly: durability disk", 0},
    [SINGLE_REDIS] = {"single_redis_per_s", "1/s", "redis stream, appendfsync always", 0},
    [SINGLE_JETSTREAM] = {"single_jetstream_per_s", "1/s", "JetStream in files", 0},
    [SINGLE_JETSTREAM_IDS] = {"single_jetstream_ids_per_s", "1/s", "and Nats-Msg-Id", 0},
    [SINGLE_JETSTREAM_SYNCED] = {"single_jetstream_synced_per_s", "1/s", "and synced", 0},
    [SINGLE_REDIS_RATIO] = {"single_redis_ratio", "", "disk / redis", 2, BOUND_FLOOR,
                            OWED_DURABLE_REDIS},
    [SINGLE_JETSTREAM_RATIO] = {"single_jetstream_ratio", "", "disk / JetStream with ids", 2,
                                BOUND_FLOOR, OWED_DURABLE_JETSTREAM},
    [BATCH_DISK] = {"batch_disk_per_s", "1/s", "events kept, sent in batches: durability disk", 0},
    [BATCH_REDIS] = {"batch_redis_per_s", "1/s", "redis stream, appendfsync always", 0},
    [BATCH_JETSTREAM] = {"batch_jetstream_per_s", "1/s", "JetStream in files", 0},
    [BATCH_JETSTREAM_IDS] = {"batch_jetstream_ids_per_s", "1/s", "and Nats-Msg-Id", 0},
    [BATCH_JETSTREAM_SYNCED] = {"batch_jetstream_synced_per_s", "1/s", "and synced", 0},
    [BATCH_REDIS_RATIO] = {"batch_redis_ratio", "", "disk / redis", 2, BOUND_FLOOR,
                           OWED_DURABLE_REDIS},
    [BATCH_JETSTREAM_RATIO] = {"batch_jetstream_ratio", "", "disk / JetStream with ids", 2,
                               BOUND_FLOOR, OWED_DURABLE_JETSTREAM},
    [SINGLE_COMMIT_P50] = {"single_disk_commit_p50_ms", "ms", "a commit: durability disk", 2},
    [SINGLE_COMMIT_P99] = {"single_disk_commit_p99_ms", "ms", "likewise", 2},
    [SINGLE_COMMIT_EVENTS] = {"single_disk_commit_events", "", "events in one, mean", 0},
    [BATCH_COMMIT_P50] = {"batch_disk_commit_p50_ms", "ms", "sent in batches", 2},
    [BATCH_COMMIT_P99] = {"batch_disk_commit_p99_ms", "ms", "likewise", 2},
    [BATCH_COMMIT_EVENTS] = {"batch_disk_commit_events", "", "events in one, mean", 0},
    [SINGLE_OS] = {"single_os_per_s", "1/s", "durability os", 0},
    [SINGLE_MEMORY] = {"single_memory_per_s", "1/s", "durability memory", 0},
    [BATCH_OS] = {"batch_os_per_s", "1/s", "durability os", 0},
    [BATCH_MEMORY] = {"batch_memory_per_s", "1/s", "durability memory", 0},
    [REPLAY] = {"replay_per_s", "1/s", "events to one reader, from the oldest", 0, BOUND_FLOOR,
                OWED_REPLAY_PER_S},
    [REPLAY_REDIS] = {"replay_redis_per_s", "1/s", "XREAD, 1,000 a page", 0},
    [REPLAY_JETSTREAM] = {"replay_jetstream_per_s", "1/s", "an ordered consumer", 0},
};

/* -- the phases ----------------------------------------------------------------------------- */

typedef struct phase {
    target_id_t target;
    bool batched, dedup;
    daemons_durability_t durability; /* of ours */
    peer_keep_t keep;                /* of a peer */
    size_t figure;
} phase_t;

/* What stands against each other is in one table. */
static const phase_t single_phases[] = {
    {TARGET_SLUICE, .durability = DAEMONS_DISK, .figure = SINGLE_DISK},
    {TARGET_REDIS, .keep = PEER_DURABLE, .figure = SINGLE_REDIS},
    {TARGET_JETSTREAM, .keep = PEER_DURABLE, .figure = SINGLE_JETSTREAM},
    {TARGET_JETSTREAM, .keep = PEER_DURABLE, .dedup = true, .figure = SINGLE_JETSTREAM_IDS},
    {TARGET_JETSTREAM, .keep = PEER_SYNCED, .dedup = true, .figure = SINGLE_JETSTREAM_SYNCED},
};

static const phase_t batch_phases[] = {
    {TARGET_SLUICE, .batched = true, .durability = DAEMONS_DISK, .figure = BATCH_DISK},
    {TARGET_REDIS, .batched = true, .keep = PEER_DURABLE, .figure = BATCH_REDIS},
    {TARGET_JETSTREAM, .batched = true, .keep = PEER_DURABLE, .figure = BATCH_JETSTREAM},
    {TARGET_JETSTREAM, true, true, .keep = PEER_DURABLE, .figure = BATCH_JETSTREAM_IDS},
    {TARGET_JETSTREAM, true, true, .keep = PEER_SYNCED, .figure = BATCH_JETSTREAM_SYNCED},
};

static const phase_t unsynced_phases[] = {
    {TARGET_SLUICE, .durability = DAEMONS_OS, .figure = SINGLE_OS},
    {TARGET_SLUICE, .durability = DAEMONS_MEMORY, .figure = SINGLE_MEMORY},
    {TARGET_SLUICE, .batched = true, .durability = DAEMONS_OS, .figure = BATCH_OS},
    {TARGET_SLUICE, .batched = true, .durability = DAEMONS_MEMORY, .figure = BATCH_MEMORY},
};

/* Reading costs what it costs, however the events were kept; so they are kept quickly. */
static const phase_t replay_phases[] = {
    {TARGET_SLUICE, .durability = DAEMONS_OS, .figure = REPLAY},
    {TARGET_REDIS, .keep = PEER_PLAIN, .figure = REPLAY_REDIS},
    {TARGET_JETSTREAM, .keep = PEER_DURABLE, .figure = REPLAY_JETSTREAM},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

typedef struct run {
    const bench_run_t *bench;
    const journal_options_t *options;
    const phase_t *phase;
    journal_plan_t plan;
    proc_set_t set;
    broker_daemon_t broker; /* one of the two */
    peer_t peer;
} run_t;

static bool all_ready(void *ctx)
{
    const run_t *run = ctx;
    for (size_t i = 0; i < run->plan.publishers; i++)
        if (atomic_load(&run->plan.share->slots[i].ready) == 0)
            return false;
    return true;
}

static bool publishers_left(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, PUBS);
}

static bool reader_left(void *ctx)
{
    return proc_role_left(&((run_t *)ctx)->set, READER);
}

static sl_err start_sluice(run_t *run)
{
    const broker_setup_t setup = {.durability = run->phase->durability,
                                  .more = &run->options->broker_args};
    sl_err err = daemons_start_broker(&run->set, run->bench->place, &setup, &run->broker);
    if (err != SL_OK)
        return err;
    target_plan_t *target = &run->plan.target;
    memcpy(target->intake, run->broker.intake, sizeof target->intake);
    memcpy(target->feed, run->broker.feed, sizeof target->feed);
    memcpy(target->query, run->broker.query, sizeof target->query);
    return SL_OK;
}

static sl_err start_peer(run_t *run)
{
    char library[64];
    const bench_place_t *place = run->bench->place;
    bool redis = run->phase->target == TARGET_REDIS;
    sl_err err = redis ? peers_start_redis(&run->set, place, run->phase->keep, &run->peer)
                       : peers_start_nats(&run->set, place, run->phase->keep, &run->peer);
    if (err != SL_OK)
        return err;
    run->plan.target.port = run->peer.port;
    snprintf(run->plan.target.url, sizeof run->plan.target.url, "%s", run->peer.url);
    run->plan.ops->library(library, sizeof library);
    result_note(run->bench->result, "%s-server %s, %s", redis ? "redis" : "nats", run->peer.version,
                library);
    return SL_OK;
}

/* Server and publishers of a phase. */
static sl_err start_phase(run_t *run)
{
    const char *dir = run->bench->place->dir;
    bench_meter_show(run->bench->meter, "%s: %s", run->bench->title,
                     figures[run->phase->figure].name);
    sl_err err = share_create(&run->plan.share, run->plan.publishers + 1);
    if (err == SL_OK)
        err = proc_set_init(&run->set, run->plan.publishers + 2, dir);
    if (err == SL_OK)
        err = run->phase->target == TARGET_SLUICE ? start_sluice(run) : start_peer(run);
    if (err == SL_OK)
        err = proc_start_role(&run->set, PUBS, journal_publish, &run->plan, run->plan.publishers);
    if (err == SL_OK)
        err = proc_await(&run->set, all_ready, run, START_TIMEOUT_MS, "the publishers were ready");
    if (err == SL_OK)
        atomic_store(&run->plan.share->stop, JOURNAL_LOAD);
    return err;
}

static void end_phase(run_t *run)
{
    proc_set_fini(&run->set);
    share_destroy(&run->plan.share);
    bench_clear(run->bench->place);
}

/* -- CPU ------------------------------------------------------------------------------------ */

typedef struct cpu {
    uint64_t server_ns, clients_ns;
} cpu_t;

static cpu_t look_at_cpu(run_t *run, const char *role)
{
    bool ours = run->phase->target == TARGET_SLUICE;
    return (cpu_t){.server_ns = proc_cpu_ns(ours ? run->broker.proc : run->peer.proc),
                   .clients_ns = proc_role_cpu_ns(&run->set, role)};
}

static void put_cost(const run_t *run, const char *suffix, const char *help, uint64_t cpu_ns,
                     uint64_t events)
{
    static const char rate[] = "_per_s";
    const char *name = figures[run->phase->figure].name;
    char cost[96];
    snprintf(cost, sizeof cost, "%.*s%s", (int)(strlen(name) - (sizeof rate - 1)), name, suffix);
    result_put_named(run->bench->result, &(figure_def_t){cost, "s", help, 3},
                     (double)cpu_ns / 1e9 / ((double)events / 1e6));
}

/* What the events cost between two looks. */
static void put_cpu(const run_t *run, const cpu_t *begin, const cpu_t *end, uint64_t events)
{
    uint64_t server_ns = end->server_ns - begin->server_ns;
    uint64_t clients_ns = end->clients_ns - begin->clients_ns;
    if (events == 0)
        return;
    put_cost(run, "_cpu_s_per_million", "CPU of server and clients, a million events",
             server_ns + clients_ns, events);
    put_cost(run, "_server_cpu_s_per_million", "CPU of the server", server_ns, events);
}

/* -- intake --------------------------------------------------------------------------------- */

static sl_err pass_time(run_t *run, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += WATCH_MS) {
        if (!bench_sleep_ms(ms - passed < WATCH_MS ? ms - passed : WATCH_MS))
            return SL_ECLOSED;
        if (!proc_all_well(&run->set))
            return SL_EIO;
    }
    return SL_OK;
}

/* Of the broker's own count; 0 for the others. */
static double commits_of(const run_t *run)
{
    bool disk = run->phase->target == TARGET_SLUICE && run->phase->durability == DAEMONS_DISK;
    return disk ? daemons_broker_counter(&run->broker, COMMITS) : 0;
}

static void put_commits(run_t *run, double commits, uint64_t events)
{
    result_t *result = run->bench->result;
    size_t figure = run->phase->batched ? BATCH_COMMIT_P50 : SINGLE_COMMIT_P50;
    if (commits <= 0)
        return;
    const broker_daemon_t *broker = &run->broker;
    result_put(result, figure, daemons_broker_counter(broker, COMMIT_P50_US) / 1000);
    result_put(result, figure + 1, daemons_broker_counter(broker, COMMIT_P99_US) / 1000);
    result_put(result, figure + 2, (double)events / commits);
}

static sl_err measure_intake(run_t *run)
{
    sl_err err = pass_time(run, run->options->warmup_ms);
    double commits = commits_of(run);
    cpu_t cpu_begin = look_at_cpu(run, PUBS);
    uint64_t begin_ns = bench_now_ns(), begin = journal_kept(&run->plan);
    if (err == SL_OK)
        err = pass_time(run, run->options->seconds * 1000);
    uint64_t end_ns = bench_now_ns(), end = journal_kept(&run->plan);
    cpu_t cpu_end = look_at_cpu(run, PUBS);
    if (err == SL_OK) {
        put_commits(run, commits_of(run) - commits, end - begin);
        put_cpu(run, &cpu_begin, &cpu_end, end - begin);
        result_put(run->bench->result, run->phase->figure,
                   (double)(end - begin) * 1e9 / (double)(end_ns - begin_ns));
    }
    atomic_store(&run->plan.share->stop, JOURNAL_STOP);
    if (err == SL_OK)
        err = proc_await(&run->set, publishers_left, run, LEAVE_TIMEOUT_MS,
                         "the publishers had every answer");
    return err;
}

static sl_err intake_phase(run_t *run)
{
    const journal_options_t *o = run->options;
    target_plan_t *target = &run->plan.target;
    run->plan.events = UINT64_MAX;
    target->batch = run->phase->batched ? o->batch : 1;
    target->outstanding = run->phase->batched ? 16 * o->batch : o->outstanding;
    target->dedup = run->phase->dedup;
    sl_err err = start_phase(run);
    if (err == SL_OK)
        err = measure_intake(run);
    end_phase(run);
    return err;
}

/* -- replay --------------------------------------------------------------------------------- */

static sl_err measure_replay(run_t *run)
{
    sl_err err = proc_await(&run->set, publishers_left, run, FILL_TIMEOUT_MS, "it was filled");
    run->plan.events = journal_kept(&run->plan);
    cpu_t cpu_begin = look_at_cpu(run, READER); /* nobody's yet, and the server's */
    if (err == SL_OK)
        err = proc_start_role(&run->set, READER, journal_read, &run->plan, 1);
    if (err == SL_OK)
        err = proc_await(&run->set, reader_left, run, READ_TIMEOUT_MS, "the reader had it all");
    cpu_t cpu_end = look_at_cpu(run, READER);
    const share_slot_t *slot = journal_reader_slot(&run->plan);
    uint64_t events = share_get(&slot->events);
    if (err != SL_OK)
        return err;
    if (events != run->plan.events || share_get(&slot->faults) > 0 ||
        share_get(&slot->bytes) != events * run->options->size) {
        fprintf(stderr, "sluice-bench: the reader of %s has %llu of %llu events, %llu lost\n",
                run->plan.ops->name, (unsigned long long)events,
                (unsigned long long)run->plan.events, (unsigned long long)share_get(&slot->faults));
        return SL_EPROTO;
    }
    put_cpu(run, &cpu_begin, &cpu_end, events);
    result_put(run->bench->result, run->phase->figure,
               (double)events * 1e9 / (double)share_get(&slot->held_ns));
    return SL_OK;
}

static sl_err replay_phase(run_t *run)
{
    const journal_options_t *o = run->options;
    bool ours = run->phase->target == TARGET_SLUICE;
    run->plan.events = (ours ? o->replay_events : o->peer_replay_events) / o->publishers;
    run->plan.target.batch = FILL_BATCH;
    run->plan.target.outstanding = FILL_OUTSTANDING;
    sl_err err = start_phase(run);
    if (err == SL_OK)
        err = measure_replay(run);
    end_phase(run);
    return err;
}

/* -- runs ----------------------------------------------------------------------------------- */

/* @return SL_OK, also when the phase is not to be. */
static sl_err one_phase(const bench_run_t *bench, const phase_t *phase,
                        sl_err (*measure)(run_t *run))
{
    const journal_options_t *o = bench->options;
    if (phase->target != TARGET_SLUICE && o->ours_alone)
        return SL_OK;
    if (phase->keep == PEER_SYNCED && !peers_nats_can_sync(bench->place)) {
        result_note(bench->result, "this nats-server has no sync_interval (2.10 has): JetStream "
                                   "could not be measured syncing before it acknowledges");
        return SL_OK;
    }
    const target_ops_t *ops = target_of(phase->target);
    run_t run = {.bench = bench,
                 .options = o,
                 .phase = phase,
                 .plan = {.ops = ops, .publishers = o->publishers, .event_bytes = o->size}};
    return measure(&run);
}

/* All phases of a table, target after target. */
static sl_err all_phases(const bench_run_t *bench, const phase_t *phases, size_t count,
                         sl_err (*measure)(run_t *run))
{
    sl_err err = SL_OK;
    size_t order[ROSTER_MAX];
    roster_order(TARGETS, ORDER_SEED, bench->result->runs, order);
    for (size_t turn = 0; turn < TARGETS; turn++) {
        target_id_t target = (target_id_t)order[turn];
        for (size_t i = 0; i < count && err == SL_OK; i++)
            if (phases[i].target == target)
                err = one_phase(bench, &phases[i], measure);
    }
    return err;
}

static void put_ratio(result_t *result, size_t ratio, size_t ours, size_t peer)
{
    double theirs = result_last(result, peer);
    if (theirs > 0)
        result_put(result, ratio, result_last(result, ours) / theirs);
}

static void put_ratios(result_t *result)
{
    put_ratio(result, SINGLE_REDIS_RATIO, SINGLE_DISK, SINGLE_REDIS);
    put_ratio(result, SINGLE_JETSTREAM_RATIO, SINGLE_DISK, SINGLE_JETSTREAM_IDS);
    put_ratio(result, BATCH_REDIS_RATIO, BATCH_DISK, BATCH_REDIS);
    put_ratio(result, BATCH_JETSTREAM_RATIO, BATCH_DISK, BATCH_JETSTREAM_IDS);
}

static void put_notes(const journal_options_t *o, result_t *result)
{
    result_note(result,
                "equal: %llu-byte events with ids of their own, %llu publisher processes, loopback "
                "TCP, each target's C library, one disk; a server new for each figure",
                (unsigned long long)o->size, (unsigned long long)o->publishers);
    result_note(
        result,
        "single: each event a request of its own, %llu of each publisher without an answer; "
        "batch: %llu leave together, %llu without an answer",
        (unsigned long long)o->outstanding, (unsigned long long)o->batch,
        16 * (unsigned long long)o->batch);
    result_note(result, "sluice: acknowledged after the sync; duplicates are recognised");
    if (o->ours_alone)
        return;
    result_note(result, "redis: acknowledged after the sync; it recognises no duplicates; a batch "
                        "is so many XADDs in one flush; no rewriting of its log");
    result_note(result, "JetStream: ACKNOWLEDGES BEFORE IT SYNCS (every two minutes by default); "
                        "with ids it recognises duplicates for two minutes; a batch is so many "
                        "asynchronous publishes");
}

/* Is everything there that the peers need?  What is not is told. */
static sl_err find_peers(void)
{
    char path[512];
    bool found = peers_find("redis-server", path, sizeof path);
    found = peers_find("nats-server", path, sizeof path) && found;
    for (target_id_t id = 0; id < TARGETS; id++) {
        if (target_of(id) != NULL)
            continue;
        fprintf(stderr, "sluice-bench: built without Debian's package %s\n", target_package(id));
        found = false;
    }
    if (!found)
        fputs("sluice-bench: ./run bench installs what is missing, and builds again; --ours-alone "
              "does without\n",
              stderr);
    return found ? SL_OK : SL_ENOENT;
}

static sl_err one_run(const bench_run_t *bench)
{
    const journal_options_t *o = bench->options;
    double sync_us = 0;
    sl_err err = o->ours_alone ? SL_OK : find_peers();
    if (err == SL_OK)
        err = disk_sync_measure(bench->place->dir, SYNC_PROBES, &sync_us);
    if (err == SL_OK)
        result_put(bench->result, DISK_SYNC_US, sync_us);
    if (err == SL_OK)
        err = all_phases(bench, single_phases, COUNT_OF(single_phases), intake_phase);
    if (err == SL_OK)
        err = all_phases(bench, batch_phases, COUNT_OF(batch_phases), intake_phase);
    if (err == SL_OK)
        err = all_phases(bench, unsynced_phases, COUNT_OF(unsynced_phases), intake_phase);
    if (err == SL_OK)
        err = all_phases(bench, replay_phases, COUNT_OF(replay_phases), replay_phase);
    put_ratios(bench->result);
    return err;
}

static void put_facts(const void *options, result_t *result)
{
    const journal_options_t *o = options;
    result_fact_number(result, "publishers", (double)o->publishers);
    result_fact_number(result, "outstanding_events", (double)o->outstanding);
    result_fact_number(result, "batch_events", (double)o->batch);
    result_fact_number(result, "event_bytes", (double)o->size);
    result_fact_number(result, "seconds", (double)o->seconds);
    result_fact_number(result, "replay_events", (double)o->replay_events);
    result->checked = o->size == 320 && o->replay_events >= 1000000; /* what the bounds are for */
    put_notes(o, result);
}

static double run_seconds(const void *options)
{
    const journal_options_t *o = options;
    double phases = o->ours_alone ? 6 : 12;
    return phases * ((double)o->seconds + (double)o->warmup_ms / 1000 + 1) +
           (double)o->replay_events / 150000 +
           (o->ours_alone ? 0 : (double)o->peer_replay_events / 30000);
}

const bench_spec_t bench_journal = {
    .program = {.name = "sluice-bench journal",
                .summary = "Events a second that are kept durably, and that one reader gets back, "
                           "beside redis streams and NATS JetStream.",
                .epilog = "Beside each rate NAME_per_s stands the CPU of server and clients for a "
                          "million events, NAME_cpu_s_per_million, and the server's share of it, "
                          "NAME_server_cpu_s_per_million.",
                .table = {options_table, COUNT_OF(options_table), sizeof(journal_options_t)}},
    .figures = figures,
    .figure_count = FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
};

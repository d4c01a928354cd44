#include "broker.h"

#include "base/log.h"
#include "journal_lmdb.h"
#include "sockets.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    MS = 1000 * 1000, /* ns */
    INTAKE_A_TURN = 512,
    FEED_A_TURN = 64,
    LISTEN_A_TURN = 64,
    QUERIES_A_TURN = 4,
    EXPIRE_A_TURN = 1024,
    FEED_QUEUE_MAX = 128, /* batches; beyond, intake and subscriptions wait */
    FEED_QUEUE_BYTES = 16 << 20,
    BLOCKED_SEAL_NS = 20 * MS, /* while feed or journal are busy, a batch grows so long */
    BUSY_AFTER_NS = 1000 * MS, /* intake that stood still so long is read again, and refused */
    SLOW_EVERY_NS = 1000 * MS,
    TIME_AHEAD_NS = 1000 * MS, /* clocks that are set differ by less */
    CLOSED_MS_MIN = 100,
    CLOSED_MS_MAX = 5000,
};

/* -- life ------------------------------------------------------------------------------------ */

static void on_committed(void *ctx, batch_t *batch)
{
    broker_t *b = ctx;
    b->closed_ms = 0;
    feed_push(&b->feed, batch);
}

static void on_settled(void *ctx, request_t *r)
{
    broker_t *b = ctx;
    intake_settled(&b->intake, r);
}

static uint64_t new_stream(void)
{
    uint64_t stream = 0;
    while (stream == 0)
        if (getrandom(&stream, sizeof stream, 0) != (ssize_t)sizeof stream)
            stream = 0;
    return stream;
}

static void read_clock(broker_t *b)
{
    b->now_ns = sl_clock_mono_ns(b->clock);
    uint64_t wall_ns = sl_clock_wall_ns(b->clock);
    if (wall_ns > b->wall_ns) /* headers' times never go back */
        b->wall_ns = wall_ns;
    b->sequencer.now_ns = b->feed.now_ns = b->now_ns;
    b->sequencer.wall_ns = b->wall_ns;
    const batch_t *in_flight = b->sequencer.in_flight.head;
    b->feed.wall_ns = in_flight != NULL ? in_flight->time_ns : b->wall_ns;
}

/* People need to know which directory. */
static const char *in_journal(broker_t *b, const char *failed)
{
    snprintf(b->journal_failed, sizeof b->journal_failed, "journal in %s: %s",
             broker_data_dir(&b->o), failed);
    return b->journal_failed;
}

static sl_err open_journal(broker_t *b, const char **failed)
{
    const broker_options_t *o = &b->o;
    *failed = "making the journal";
    if (o->durability == DURABILITY_MEMORY) {
        b->journal = journal_memory_create(o->memory_bytes);
        return b->journal != NULL ? SL_OK : SL_ENOMEM;
    }
    journal_lmdb_options_t lmdb = {
        .store = {.dir = broker_data_dir(o),
                  .retain_bytes = o->retain_bytes,
                  .retain_age_ms = o->retain_age_ms,
                  .map_bytes = broker_map_bytes(o),
                  .topics_max = (uint32_t)o->topics,
                  .sync = o->durability == DURABILITY_DISK ? STORE_SYNC_DISK : STORE_SYNC_OS,
                  .clock = b->clock,
                  .boot_id = o->boot_id},
        .in_place = o->durability == DURABILITY_OS,
        .counters = b->counters};
    uint64_t began_ns = sl_clock_mono_ns(b->clock);
    sl_err err = journal_lmdb_create(&b->journal, &lmdb, &b->recovery.found, failed);
    b->recovery.took_ns = sl_clock_mono_ns(b->clock) - began_ns;
    if (err != SL_OK)
        *failed = in_journal(b, *failed);
    return err;
}

/* Times in headers stand still until the clock has caught up, and retention by age with them. */
static void tell_time_ahead(broker_t *b, uint64_t last_time_ns)
{
    uint64_t wall_ns = sl_clock_wall_ns(b->clock);
    if (last_time_ns <= wall_ns + TIME_AHEAD_NS)
        return;
    LOG_WARN("BROKER-CLOCK",
             "ahead_ms=%llu last_time_ns=%llu; the journal's newest batch lies in the future: this "
             "clock is wrong, or one was; new batches bear that time until it has come",
             (unsigned long long)((last_time_ns - wall_ns) / MS), (unsigned long long)last_time_ns);
}

static sl_err build_sequencer(broker_t *b, const char **failed)
{
    const broker_options_t *o = &b->o;
    const store_found_t *found = &b->recovery.found;
    sequencer_options_t options = {.stream = found->stream != 0 ? found->stream : new_stream(),
                                   .next = found->next,
                                   .time_ns = found->last_time_ns,
                                   .topics_max = (uint32_t)o->topics,
                                   .dedup_count = (uint32_t)o->dedup_count,
                                   .dedup_age_ms = o->dedup_age_ms,
                                   .journal = b->journal,
                                   .counters = b->counters,
                                   .committed = on_committed,
                                   .settled = on_settled,
                                   .ctx = b};
    *failed = "making room for topics and dedup window";
    sl_err err = sequencer_init(&b->sequencer, &options);
    if (err == SL_OK && found->stream != 0) {
        err = recovery_run(&b->recovery, &b->sequencer, journal_lmdb_store(b->journal), b->clock,
                           failed);
        recovery_tell(&b->recovery, broker_data_dir(o));
        tell_time_ahead(b, found->last_time_ns);
        if (err != SL_OK)
            *failed = in_journal(b, *failed);
    }
    if (err != SL_OK)
        sequencer_fini(&b->sequencer);
    return err;
}

static sl_err build(broker_t *b, const char **failed)
{
    const broker_options_t *o = &b->o;
    sl_err err = build_sequencer(b, failed);
    if (err != SL_OK)
        return err;
    feed_options_t feed = {.socket = b->feed_socket,
                           .topics = &b->sequencer.topics,
                           .pool = &b->sequencer.pool,
                           .stream = b->sequencer.o.stream,
                           .next = b->sequencer.next,
                           .time_ns = b->sequencer.time_ns,
                           .parents = b->recovery.parents,
                           .parent_count = b->recovery.parent_count,
                           .patience_ns = o->patience_ms * MS,
                           .tick_ns = o->tick_ms * MS,
                           .idle_tick_ns = o->idle_tick_ms * MS,
                           .io_clock = io_clock_find(SOCKETS_IO_FEED),
                           .counters = b->counters};
    feed_init(&b->feed, &feed, sl_clock_mono_ns(b->clock));
    intake_options_t intake = {.socket = b->intake_socket,
                               .window = (uint32_t)o->window,
                               .max_bytes = (uint32_t)o->max_bytes,
                               .max_events = (uint32_t)o->max_events,
                               .publishers_max = (uint32_t)o->publishers,
                               .retry_ms = (uint32_t)o->retry_ms,
                               .sequencer = &b->sequencer,
                               .counters = b->counters};
    intake_init(&b->intake, &intake);
    read_clock(b);
    dedup_expire(&b->sequencer.dedup, b->now_ns / MS, 0);
    query_options_t query = {.socket = b->asked,
                             .feed = &b->feed,
                             .intake = &b->intake,
                             .sequencer = &b->sequencer,
                             .journal = b->journal,
                             .counters = b->counters,
                             .name = o->name,
                             .durability = broker_durability_name(o),
                             .started_ns = b->now_ns,
                             .dedup_age_ms = o->dedup_age_ms};
    query_init(&b->query, &query);
    b->built = true;
    return SL_OK;
}

static sl_err open_cursors(broker_t *b, const char **failed)
{
    const broker_options_t *o = &b->o;
    cursors_options_t options = {.dir =
                                     o->durability != DURABILITY_MEMORY ? broker_data_dir(o) : NULL,
                                 .synced = o->durability == DURABILITY_DISK,
                                 .max = (uint32_t)o->cursors,
                                 .clock = &sl_clock_system};
    return cursors_create(&b->cursors, &options, failed);
}

/* Its thread has the system's clock: a clock that a test moves by hand belongs to the test's. */
static sl_err start_query_service(broker_t *b, const char **failed)
{
    query_service_options_t options = {.router = b->query_socket,
                                       .pair = b->service_pair,
                                       .journal = b->journal,
                                       .cursors = b->cursors,
                                       .counters = b->counters,
                                       .clock = &sl_clock_system,
                                       .stream = b->sequencer.o.stream,
                                       .parents = b->recovery.parents,
                                       .parent_count = b->recovery.parent_count,
                                       .replays_max = (uint32_t)b->o.replays};
    *failed = "starting the query service";
    sl_err err = query_service_create(&b->query_service, &options);
    return err == SL_OK ? query_service_start(b->query_service) : err;
}

sl_err broker_init(broker_t *b, const broker_options_t *options, journal_t *journal,
                   const sl_clock_t *clock, const char **failed)
{
    memset(b, 0, sizeof *b);
    b->o = *options;
    b->clock = clock;
    b->journal = journal;
    sl_err err = journal == NULL ? open_journal(b, failed) : SL_OK; /* its files before sockets */
    if (err == SL_OK)
        err = open_cursors(b, failed);
    if (err == SL_OK)
        err = sockets_open(b, failed);
    if (err == SL_OK)
        err = build(b, failed);
    if (err == SL_OK)
        err = sockets_bind(b, failed);
    if (err == SL_OK)
        err = start_query_service(b, failed);
    if (err == SL_OK)
        atomic_store(&b->serving, true);
    else
        broker_fini(b, 0);
    return err;
}

sl_err broker_fini(broker_t *b, int linger_ms)
{
    atomic_store(&b->serving, false);
    query_service_destroy(&b->query_service, b->asked); /* first: it reads the journal */
    cursors_destroy(&b->cursors);
    sl_err err = journal_destroy(&b->journal); /* then: its thread reads batches */
    if (b->built) {
        sequencer_abandon(&b->sequencer);
        intake_fini(&b->intake);
        query_fini(&b->query);
        feed_fini(&b->feed);
    }
    sockets_close(b, linger_ms);
    if (b->built)
        sequencer_fini(&b->sequencer); /* libzmq has freed the last of its frames */
    b->built = false;
    return err;
}

/* -- duties ---------------------------------------------------------------------------------- */

/* Is so much on its way that no more may come in? */
static bool is_full(const void *ctx)
{
    const broker_t *b = ctx;
    const sequencer_t *s = &b->sequencer;
    return s->failing || s->in_flight.count >= JOURNAL_IN_FLIGHT_MAX / 2 ||
           b->feed.queue.count >= FEED_QUEUE_MAX || b->feed.queue.bytes >= FEED_QUEUE_BYTES ||
           sequencer_pending_bytes(s) + b->feed.queue.bytes >= b->o.intake_bytes;
}

/* After a failure intake stays closed, and refusals say for how long. */
static void mind_failures(broker_t *b)
{
    if (b->rollbacks != b->sequencer.rollbacks) {
        b->rollbacks = b->sequencer.rollbacks;
        b->closed_ms = b->closed_ms == 0 ? CLOSED_MS_MIN : 2 * b->closed_ms;
        if (b->closed_ms > CLOSED_MS_MAX)
            b->closed_ms = CLOSED_MS_MAX;
        b->closed_until_ns = b->now_ns + b->closed_ms * MS;
    }
    uint64_t left_ms =
        b->closed_until_ns > b->now_ns ? (b->closed_until_ns - b->now_ns + MS - 1) / MS : 0;
    b->intake.retry_ms = (uint32_t)(left_ms > b->o.retry_ms ? left_ms : b->o.retry_ms);
}

/* While full, messages wait where they are and TCP holds the publishers back; when that lasts they
 * are told. */
static int turn_intake(broker_t *b)
{
    b->intake.busy = b->now_ns < b->closed_until_ns;
    b->intake_empty = true;
    if (b->intake.busy || !is_full(b)) {
        b->stopped_ns = 0;
    } else if (b->stopped_ns == 0) {
        b->stopped_ns = b->now_ns;
        counter_add(&b->counters[BROKER_INTAKE_STOPS], 1);
        return 0;
    } else if (b->now_ns - b->stopped_ns < BUSY_AFTER_NS) {
        return 0;
    } else {
        b->intake.busy = true;
    }
    b->sequencer.gathering = feed_is_behind(&b->feed);
    int read = intake_turn(&b->intake, INTAKE_A_TURN, is_full, b);
    b->intake_empty = b->intake.empty;
    return read;
}

/* While the journal works, what is sealed only waits for its next group; so it may as well grow. */
static bool journal_is_busy(const broker_t *b)
{
    return b->sequencer.in_flight.count > 0 && !b->completed;
}

/* How long a batch may grow when there is reason to wait. */
static uint64_t seal_age_ns(const broker_t *b)
{
    return b->feed.queue.head != NULL || journal_is_busy(b) ? BLOCKED_SEAL_NS
                                                            : b->o.linger_us * 1000;
}

static void turn_seal(broker_t *b)
{
    bool waits = !b->intake_empty || journal_is_busy(b) || feed_is_behind(&b->feed);
    sequencer_seal(&b->sequencer, waits && !b->draining ? seal_age_ns(b) : 0);
    journal_flush(b->journal);
    b->completed = false;
}

/* What has gathered while a group was committed is sealed before more is read: the disk is idle. */
static void turn_journal(broker_t *b)
{
    bool behind = feed_is_behind(&b->feed); /* before it gets what is committed now */
    size_t before = b->sequencer.in_flight.count;
    sequencer_poll(&b->sequencer);
    b->completed = b->sequencer.in_flight.count < before;
    mind_failures(b);
    if (!b->completed || behind)
        return;
    sequencer_seal(&b->sequencer, 0);
    journal_flush(b->journal);
}

static void set_gauges(broker_t *b)
{
    const sequencer_t *s = &b->sequencer;
    counter_t *c = b->counters;
    counter_set(&c[BROKER_PUBLISHERS], b->intake.publishers.count);
    counter_set(&c[BROKER_TOPICS], s->topics.count);
    counter_set(&c[BROKER_NEXT], b->feed.next);
    counter_set(&c[BROKER_BATCH_MEMORY], s->pool.used_bytes + s->pool.free_bytes);
    counter_set(&c[BROKER_DEDUP_ENTRIES], s->dedup.live);
    counter_set(&c[BROKER_DEDUP_REACH_MS], dedup_reach_ms(&s->dedup));
    counter_set(&c[BROKER_DEDUP_MEMORY], dedup_bytes(&s->dedup));
    counter_set(&c[BROKER_JOURNAL_IN_FLIGHT], s->in_flight.count);
    counter_set(&c[BROKER_JOURNAL_OLDEST], b->journal->oldest);
    counter_set(&c[BROKER_JOURNAL_CLOSED_MS], b->closed_ms);
    counter_set(&c[BROKER_FEED_QUEUE], b->feed.queue.count);
}

/* A repetition is recognised across a restart too, while the original's record is kept: by number,
 * by age, and as long as retention leaves it. */
static void set_window_gauges(broker_t *b, const journal_stat_t *stat)
{
    const dedup_t *d = &b->sequencer.dedup;
    uint64_t events = d->count_max, ms = b->o.dedup_age_ms;
    if (d->held >= d->count_max && dedup_reach_ms(d) < ms)
        ms = dedup_reach_ms(d);
    if (d->held >= d->count_max && d->live < events)
        events = d->live;
    if (b->o.durability != DURABILITY_MEMORY && stat->next > 1 && stat->oldest != 1) {
        uint64_t kept = stat->oldest != 0 ? stat->next - stat->oldest : 0;
        uint64_t kept_ms = stat->oldest != 0 && b->wall_ns > stat->oldest_time_ns
                               ? (b->wall_ns - stat->oldest_time_ns) / MS
                               : 0;
        events = kept < events ? kept : events;
        ms = kept_ms < ms ? kept_ms : ms;
    }
    counter_set(&b->counters[BROKER_DEDUP_WINDOW_EVENTS], events);
    counter_set(&b->counters[BROKER_DEDUP_WINDOW_MS], events > 0 ? ms : 0);
}

static void set_journal_gauges(broker_t *b)
{
    counter_t *c = b->counters;
    journal_stat_t stat;
    journal_stat(b->journal, &stat);
    counter_set(&c[BROKER_JOURNAL_RECORDS], stat.records);
    counter_set(&c[BROKER_JOURNAL_BYTES], stat.bytes);
    counter_set(&c[BROKER_JOURNAL_FILE_BYTES], stat.file_bytes);
    counter_set(&c[BROKER_JOURNAL_QUARANTINED], stat.quarantined);
    set_window_gauges(b, &stat);
}

static void turn_chores(broker_t *b)
{
    sequencer_t *s = &b->sequencer;
    batch_pool_collect(&s->pool);
    dedup_expire(&s->dedup, b->now_ns / MS, EXPIRE_A_TURN);
    set_gauges(b);
    if (b->slow_ns != 0 && b->now_ns - b->slow_ns < SLOW_EVERY_NS)
        return;
    b->slow_ns = b->now_ns;
    set_journal_gauges(b);
    batch_pool_trim(&s->pool);
}

/* -- waiting --------------------------------------------------------------------------------- */

static uint64_t deadline_ns(const broker_t *b)
{
    uint64_t deadline = feed_deadline_ns(&b->feed);
    uint64_t forming = sequencer_oldest_ns(&b->sequencer);
    if (forming != UINT64_MAX) {
        forming += seal_age_ns(b);
        deadline = forming < deadline ? forming : deadline;
    }
    if (b->stopped_ns != 0 && !b->intake.busy && b->stopped_ns + BUSY_AFTER_NS < deadline)
        deadline = b->stopped_ns + BUSY_AFTER_NS;
    return deadline;
}

static bool has_input(void *socket)
{
    int events = 0;
    size_t len = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN) != 0;
}

/* libzmq's descriptors tell of changes only, so each socket is asked before it is waited for.
 * A feed that waits for credit is tried again by time: credit comes back in many small pieces. */
static void wait_for_work(broker_t *b, uint64_t wait_ns, int wake_fd)
{
    uint64_t deadline = deadline_ns(b);
    uint64_t now_ns = sl_clock_mono_ns(b->clock);
    uint64_t left = deadline > now_ns ? deadline - now_ns : 0;
    if (left < wait_ns)
        wait_ns = left;
    struct pollfd fds[5];
    nfds_t count = 0;
    bool listens = b->feed.queue.head == NULL, reads = b->stopped_ns == 0 || b->intake.busy;
    if (wait_ns == 0 || (listens && has_input(b->feed_socket)) ||
        (reads && has_input(b->intake_socket)) || has_input(b->asked))
        return;
    if (listens)
        fds[count++] = (struct pollfd){.fd = b->feed_fd, .events = POLLIN};
    if (reads)
        fds[count++] = (struct pollfd){.fd = b->intake_fd, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = b->asked_fd, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = b->journal->fd, .events = POLLIN}; /* -1 is passed over */
    fds[count++] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    struct timespec timeout = {(time_t)(wait_ns / (1000 * MS)), (long)(wait_ns % (1000 * MS))};
    ppoll(fds, count, &timeout, NULL);
}

int broker_turn(broker_t *b, uint64_t wait_ns, int wake_fd)
{
    read_clock(b);
    turn_journal(b);
    int work = turn_intake(b);
    turn_seal(b);
    feed_tick_if_due(&b->feed);
    work += feed_turn(&b->feed, FEED_A_TURN);
    intake_flush(&b->intake);
    if (b->feed.queue.count < FEED_QUEUE_MAX)
        work += feed_listen(&b->feed, LISTEN_A_TURN);
    turn_chores(b);
    work += query_turn(&b->query, QUERIES_A_TURN);
    if (work == 0 && wait_ns > 0)
        wait_for_work(b, wait_ns, wake_fd);
    return work;
}

void broker_begin_drain(broker_t *b)
{
    b->draining = b->intake.draining = true;
    atomic_store(&b->serving, false);
}

bool broker_is_drained(const broker_t *b)
{
    const sequencer_t *s = &b->sequencer;
    return s->forming_head == NULL && s->in_flight.count == 0 && s->failed.count == 0 &&
           b->feed.queue.head == NULL && b->intake.publishers.dirty == NULL;
}

/* The journal on disk: one thread that commits what waits as one group, while the next group
 * gathers.
 *
 *     ring  | 7 | 8 | 9 | 10 | 11 | 12 | 13 |
 *             ^           ^         ^         ^
 *             delivered   committed flushed   appended
 *
 * The sequencer appends, flushes once a turn, and delivers completions; the thread takes all that
 * is flushed, 8 MiB or an eighth of the map at most, and commits it.  So the group grows by itself
 * to what comes in while the disk works, and nothing waits for a timer.
 *
 * Where nothing is synced (`in_place`) a small group that finds the thread asleep is committed by
 * the sequencer itself: to wake the thread, and be woken by it, takes longer than the commit.  What
 * may take long is left to the thread: the commit after a failure, and retention that is behind.
 *
 * When a group fails, everything from `committed` on is void: the thread rests, and the sequencer
 * completes it with the error, then resumes.
 *
 * The lock is taken once or twice a turn and twice a group, never for a batch; and it is held
 * through a commit in place. */
#include "journal_lmdb.h"

#include "base/clock.h"
#include "base/log.h"
#include "commit_times.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    SLOTS = JOURNAL_IN_FLIGHT_MAX,
    FAILURES_TOLD_MAX = 8,
    GROUPS_IN_MAP = 8, /* pages of a group are free again two commits later */
    HOUSEKEEP_EVERY_S = 5,
    WORKS_AFTER_NS = 1000 * 1000 * 1000, /* on a disk that is nearly full some groups still fit */
    FLUSH_BYTES = 1 << 20,               /* appended: worth a group before the turn ends */
    IN_PLACE_BYTES = 16 * 1024,          /* written in less time than a thread takes to wake */
    SMALL_BYTES = 2 * IN_PLACE_BYTES,    /* what such a group may come to, as records */
    SLOW_NS = 1000 * 1000,               /* of a small commit: the system makes writers wait */
    SLOW_FOR_NS = 1000 * 1000 * 1000,    /* after it they are left to the thread */
};

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "positions are taken modulo SLOTS");

typedef struct failure {
    sl_err err;
    int number; /* errno */
} failure_t;

typedef struct journal_lmdb {
    journal_t base;
    journal_lmdb_options_t o;
    store_t *store;
    uint64_t stream;

    /* The sequencer's.  All counts are of batches ever appended. */
    batch_t *ring[SLOTS]; /* the thread reads what is flushed */
    uint64_t appended, delivered;
    uint64_t told; /* what `flushed` is set to */
    size_t untold_bytes;

    pthread_mutex_t lock; /* guards these; `committed` and `failed` are also glimpsed without it */
    pthread_cond_t wake;
    uint64_t flushed;
    _Atomic uint64_t committed;
    _Atomic bool failed;
    sl_err err; /* of the failed group */
    bool sleeping, stopping;

    _Atomic uint64_t oldest; /* in the store */

    /* The thread's; or, while it sleeps, of whoever has the lock. */
    pthread_t thread;
    record_t *records;
    size_t group_bytes;
    const sl_clock_t *clock;
    uint64_t failures, failing_since_ns; /* since it last worked for a while */
    uint64_t failed_ns;                  /* the last of them */
    bool works; /* the last commit succeeded; the first one is the thread's */
    struct timespec housekeep_at;
    uint64_t slow_until_ns;
    commit_times_t times;
    failure_t told_failures[FAILURES_TOLD_MAX]; /* since it last worked for a while */
    size_t told_failure_count;
} journal_lmdb_t;

static inline batch_t *at(const journal_lmdb_t *j, uint64_t position)
{
    return j->ring[position & (SLOTS - 1)];
}

/* -- the thread ------------------------------------------------------------------------------ */

static const uint8_t *ids_of(const batch_t *b)
{
    const sl_buf_t *ids = &b->sheet->ids;
    for (size_t i = 0; i < ids->len; i++)
        if (ids->data[i] != 0)
            return ids->data;
    return NULL;
}

/* All that is flushed, within the limit; but a joined batch goes with the one behind it. */
static size_t gather(journal_lmdb_t *j, uint64_t from, uint64_t to)
{
    size_t count = 0, bytes = 0;
    bool joined = false;
    while (from < to && (joined || bytes < j->group_bytes)) {
        batch_t *b = at(j, from++);
        record_t *r = &j->records[count++];
        *r = journal_record(b);
        r->stream = j->stream;
        r->ids = ids_of(b);
        bytes += batch_bytes(b);
        joined = b->joined;
    }
    assert(!joined); /* flushing sees to it */
    return count;
}

/* A disk that is nearly full fails in two ways by turns; each is told once.  Past the last place a
 * kind is told whenever it comes. */
static bool was_told(journal_lmdb_t *j, failure_t failure)
{
    for (size_t i = 0; i < j->told_failure_count; i++)
        if (j->told_failures[i].err == failure.err && j->told_failures[i].number == failure.number)
            return true;
    if (j->told_failure_count < FAILURES_TOLD_MAX)
        j->told_failures[j->told_failure_count++] = failure;
    return false;
}

/* One line for each kind of failure, not for each failure. */
static void on_failure(journal_lmdb_t *j, sl_err err, int number, size_t count)
{
    counter_add(&j->o.counters[BROKER_JOURNAL_FAILED_COMMITS], 1);
    counter_set(&j->o.counters[BROKER_JOURNAL_ERRNO], (uint64_t)number);
    j->works = false;
    j->failed_ns = sl_clock_mono_ns(j->clock);
    if (j->failures++ == 0)
        j->failing_since_ns = j->failed_ns;
    if (!was_told(j, (failure_t){err, number}))
        LOG_WARN("JOURNAL-FAILED",
                 "error=%s errno=%d cause=\"%s\" batches=%zu first=%llu; publishers are told to "
                 "send again later, subscribers still get what is committed",
                 sl_err_name(err), number, err == SL_EIO ? strerror(number) : sl_err_text(err),
                 count, (unsigned long long)j->records[0].first);
}

static uint64_t oldest_of(const store_stat_t *stat)
{
    return stat->oldest < stat->next ? stat->oldest : 0;
}

static void look_at_quarantine(journal_lmdb_t *j)
{
    counter_set(&j->o.counters[BROKER_JOURNAL_QUARANTINE_BYTES],
                store_quarantine_bytes(j->o.store.dir));
}

static void look_at_oldest(journal_lmdb_t *j)
{
    store_stat_t stat;
    store_stat(j->store, &stat);
    atomic_store_explicit(&j->oldest, oldest_of(&stat), memory_order_relaxed);
}

static void tell_if_it_works(journal_lmdb_t *j)
{
    if (j->failures == 0 || !j->works || sl_clock_mono_ns(j->clock) - j->failed_ns < WORKS_AFTER_NS)
        return;
    LOG_INFO("JOURNAL-WORKS", "failures=%llu failing_ms=%llu; it commits again",
             (unsigned long long)j->failures,
             (unsigned long long)((j->failed_ns - j->failing_since_ns) / 1000000));
    j->failures = j->told_failure_count = 0;
}

static size_t bytes_of(const journal_lmdb_t *j, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += record_size(&j->records[i]);
    return bytes;
}

static void on_success(journal_lmdb_t *j, size_t count, uint64_t began_ns)
{
    counter_t *c = j->o.counters;
    uint64_t now_ns = sl_clock_mono_ns(j->clock);
    commit_times_add(&j->times, now_ns, now_ns - began_ns);
    if (now_ns - began_ns > SLOW_NS && bytes_of(j, count) <= SMALL_BYTES)
        j->slow_until_ns = now_ns + SLOW_FOR_NS;
    look_at_oldest(j);
    counter_add(&c[BROKER_JOURNAL_COMMITS], 1);
    counter_add(&c[BROKER_JOURNAL_COMMITTED], count);
    counter_set(&c[BROKER_JOURNAL_ERRNO], 0);
    j->works = true;
    tell_if_it_works(j);
}

static sl_err commit(journal_lmdb_t *j, size_t count)
{
    uint64_t began_ns = sl_clock_mono_ns(j->clock);
    errno = 0;
    sl_err err = j->o.commit != NULL ? j->o.commit(j->o.commit_ctx, j->store, j->records, count)
                                     : store_commit(j->store, j->records, count);
    if (err != SL_OK)
        on_failure(j, err, errno, count);
    else
        on_success(j, count, began_ns);
    return err;
}

/* With the lock, so that whoever sees the news under it can also take the signal away. */
static void signal_news(journal_lmdb_t *j)
{
    uint64_t one = 1;
    ssize_t written = write(j->base.fd, &one, sizeof one);
    assert(written == (ssize_t)sizeof one);
    (void)written;
}

/* Retention goes on where nothing is published; while it is behind, between one group and the next.
 * Its errors come again with the next commit, which tells them. */
static void housekeep_if_due(journal_lmdb_t *j)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec < j->housekeep_at.tv_sec)
        return;
    sl_err err = store_housekeep(j->store);
    j->housekeep_at.tv_sec = now.tv_sec + (err == SL_EAGAIN ? 0 : HOUSEKEEP_EVERY_S);
    if (err == SL_OK || err == SL_EAGAIN)
        look_at_oldest(j);
    if (err != SL_EAGAIN)
        look_at_quarantine(j);
    tell_if_it_works(j);
}

/* With the lock.  @return false: nothing came until the house was due. */
static bool wait_for_batches(journal_lmdb_t *j)
{
    int status = 0;
    while (!j->stopping && status == 0 && (j->failed || j->committed == j->flushed)) {
        j->sleeping = true;
        status = pthread_cond_timedwait(&j->wake, &j->lock, &j->housekeep_at);
        j->sleeping = false;
    }
    return !j->failed && j->committed < j->flushed;
}

/* With the lock. */
static void note_commit(journal_lmdb_t *j, size_t count, sl_err err)
{
    j->err = err;
    if (err == SL_OK)
        j->committed += count;
    else
        j->failed = true;
}

static void commit_group(journal_lmdb_t *j)
{
    uint64_t from = j->committed, to = j->flushed;
    pthread_mutex_unlock(&j->lock);
    size_t count = gather(j, from, to);
    sl_err err = commit(j, count);
    pthread_mutex_lock(&j->lock);
    note_commit(j, count, err);
    signal_news(j);
}

static void *run(void *arg)
{
    journal_lmdb_t *j = arg;
    pthread_setname_np(pthread_self(), "journal");
    pthread_mutex_lock(&j->lock);
    while (!j->stopping) {
        if (wait_for_batches(j) && !j->stopping)
            commit_group(j);
        pthread_mutex_unlock(&j->lock);
        housekeep_if_due(j);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* -- the sequencer's side -------------------------------------------------------------------- */

/* With the lock, and while the thread sleeps: then the store, and what is the thread's here, may be
 * looked at. */
static bool short_commit_expected(const journal_lmdb_t *j)
{
    return j->works && sl_clock_mono_ns(j->clock) >= j->slow_until_ns && store_is_tidy(j->store);
}

/* With the lock.  All that is appended makes the group, with nothing undelivered before it. */
static bool fits_in_place(const journal_lmdb_t *j)
{
    return j->o.in_place && j->sleeping && !j->failed && j->delivered == j->told &&
           j->untold_bytes <= IN_PLACE_BYTES && j->untold_bytes < j->group_bytes &&
           short_commit_expected(j);
}

/* With the lock, which keeps the thread asleep meanwhile.  A failure is delivered by the next poll,
 * as the thread's are. */
static void commit_in_place(journal_lmdb_t *j)
{
    size_t count = gather(j, j->committed, j->appended);
    note_commit(j, count, commit(j, count));
    if (j->failed)
        signal_news(j);
}

static void deliver(journal_lmdb_t *j, uint64_t committed)
{
    while (j->delivered < committed)
        j->base.done(j->base.ctx, at(j, j->delivered++), SL_OK);
}

static void lmdb_flush(journal_t *base)
{
    journal_lmdb_t *j = (journal_lmdb_t *)base;
    if (j->told == j->appended || at(j, j->appended - 1)->joined)
        return;
    pthread_mutex_lock(&j->lock);
    bool in_place = fits_in_place(j);
    if (in_place)
        commit_in_place(j);
    else if (j->sleeping)
        pthread_cond_signal(&j->wake);
    j->flushed = j->told = j->appended;
    uint64_t committed = j->committed;
    pthread_mutex_unlock(&j->lock);
    j->untold_bytes = 0;
    if (in_place)
        deliver(j, committed);
}

static void lmdb_append(journal_t *base, batch_t *b)
{
    journal_lmdb_t *j = (journal_lmdb_t *)base;
    assert(j->appended - j->delivered < SLOTS);
    j->ring[j->appended++ & (SLOTS - 1)] = b;
    j->untold_bytes += batch_bytes(b);
    if (j->untold_bytes >= FLUSH_BYTES)
        lmdb_flush(base);
}

static void lmdb_poll(journal_t *base)
{
    journal_lmdb_t *j = (journal_lmdb_t *)base;
    base->oldest = atomic_load_explicit(&j->oldest, memory_order_relaxed);
    if (atomic_load_explicit(&j->committed, memory_order_relaxed) == j->delivered &&
        !atomic_load_explicit(&j->failed, memory_order_relaxed))
        return;
    uint64_t signals;
    pthread_mutex_lock(&j->lock);
    ssize_t taken = read(base->fd, &signals, sizeof signals);
    uint64_t committed = j->committed;
    bool failed = j->failed;
    sl_err err = j->err;
    pthread_mutex_unlock(&j->lock);
    (void)taken; /* none: they were taken with the news before */
    deliver(j, committed);
    while (failed && j->delivered < j->appended)
        base->done(base->ctx, at(j, j->delivered++), err);
}

static void lmdb_resume(journal_t *base)
{
    journal_lmdb_t *j = (journal_lmdb_t *)base;
    assert(j->delivered == j->appended);
    pthread_mutex_lock(&j->lock);
    j->failed = false;
    j->committed = j->flushed = j->told = j->appended;
    pthread_mutex_unlock(&j->lock);
    j->untold_bytes = 0;
}

/* -- reading: any thread --------------------------------------------------------------------- */

static sl_err lmdb_read(journal_t *base, uint64_t after, uint64_t until, size_t bytes,
                        journal_visit_fn *visit, void *ctx, uint64_t *upto)
{
    const journal_lmdb_t *j = (journal_lmdb_t *)base;
    return store_read(j->store, after, until, bytes, visit, ctx, upto);
}

static sl_err lmdb_find(journal_t *base, uint64_t since_ns, uint64_t *after)
{
    const journal_lmdb_t *j = (journal_lmdb_t *)base;
    return store_find(j->store, since_ns, after);
}

static void lmdb_stat(journal_t *base, journal_stat_t *out)
{
    const journal_lmdb_t *j = (journal_lmdb_t *)base;
    store_stat_t stat;
    store_stat(j->store, &stat);
    *out = (journal_stat_t){.backend = "lmdb",
                            .oldest = oldest_of(&stat),
                            .next = stat.next,
                            .records = stat.records,
                            .bytes = stat.bytes,
                            .oldest_time_ns = stat.oldest_time_ns,
                            .newest_time_ns = stat.newest_time_ns,
                            .retain_bytes = j->o.store.retain_bytes,
                            .retain_age_ms = j->o.store.retain_age_ms,
                            .map_bytes = stat.map_bytes,
                            .used_bytes = stat.used_bytes,
                            .file_bytes = stat.file_bytes,
                            .quarantined = stat.quarantined,
                            .commits = counter_get(&j->o.counters[BROKER_JOURNAL_COMMITS]),
                            .failed_commits =
                                counter_get(&j->o.counters[BROKER_JOURNAL_FAILED_COMMITS])};
}

store_t *journal_lmdb_store(journal_t *j)
{
    return ((journal_lmdb_t *)j)->store;
}

/* -- life ------------------------------------------------------------------------------------ */

/* What it does not get as far as making is zero or -1. */
static sl_err release(journal_lmdb_t *j)
{
    int saved_errno = errno;
    sl_err err = store_close(&j->store, true);
    if (err != SL_OK)
        LOG_ERROR("JOURNAL-UNMARKED",
                  "error=%s cause=\"%s\"; that it ended in order could not be written: what is "
                  "committed is there, but the next start may begin a new stream",
                  sl_err_name(err), err == SL_EIO ? strerror(errno) : sl_err_text(err));
    if (j->base.fd >= 0)
        close(j->base.fd);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    free(j->records);
    free(j);
    errno = saved_errno;
    return err;
}

static sl_err lmdb_destroy(journal_t *base)
{
    journal_lmdb_t *j = (journal_lmdb_t *)base;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    return release(j);
}

static const journal_ops_t lmdb_ops = {.append = lmdb_append,
                                       .poll = lmdb_poll,
                                       .flush = lmdb_flush,
                                       .resume = lmdb_resume,
                                       .destroy = lmdb_destroy,
                                       .read = lmdb_read,
                                       .find = lmdb_find,
                                       .stat = lmdb_stat};

sl_err journal_lmdb_create(journal_t **out, const journal_lmdb_options_t *options,
                           store_found_t *found, const char **failed)
{
    *failed = "starting the journal";
    journal_lmdb_t *j = calloc(1, sizeof *j);
    if (j == NULL)
        return SL_ENOMEM;
    j->base = (journal_t){.ops = &lmdb_ops, .fd = -1};
    j->o = *options;
    j->times.counters = j->o.counters;
    uint64_t share = store_map_bytes(&options->store) / GROUPS_IN_MAP;
    j->group_bytes = share < JOURNAL_GROUP_BYTES ? (size_t)share : JOURNAL_GROUP_BYTES;
    j->clock = options->store.clock != NULL ? options->store.clock : &sl_clock_system;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    clock_gettime(CLOCK_MONOTONIC, &j->housekeep_at);
    j->housekeep_at.tv_sec += HOUSEKEEP_EVERY_S;
    sl_err err = SL_ENOMEM;
    j->records = malloc(SLOTS * sizeof *j->records);
    if (j->records == NULL)
        goto fail;
    err = SL_EIO;
    j->base.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (j->base.fd < 0)
        goto fail;
    err = store_open(&j->store, &options->store, found, failed);
    if (err != SL_OK)
        goto fail;
    j->stream = found->stream;
    look_at_quarantine(j);
    j->base.oldest = found->oldest < found->next ? found->oldest : 0;
    atomic_store(&j->oldest, j->base.oldest);
    err = SL_EIO;
    errno = pthread_create(&j->thread, NULL, run, j);
    if (errno != 0)
        goto fail;
    *out = &j->base;
    return SL_OK;
fail:
    release(j);
    return err;
}

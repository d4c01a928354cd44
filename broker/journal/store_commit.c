/* store_commit.c - a group becomes durable, or nothing does.
 *
 *     begin -> records appended -> tails of their topics -> retention -> state -> commit
 *
 * The draft of a group (state, tally, topics' tails) stands beside what is committed, and takes its
 * place only when LMDB's commit said yes.  Three ways to fail:
 *
 *   - before the meta page: LMDB aborts, nothing happened.
 *   - MDB_MAP_FULL: pages are free, but younger than the last transaction or seen by a reader.
 *     Another transaction makes them usable; then the group is tried again.
 *   - at the meta page (or behind it): LMDB tries to write the old one back, and takes no more
 *     transactions.  Whether the group is in the file now is not known: the environment is opened
 *     anew, and cut back to the last commit that succeeded (store_recover).
 *
 * After a failure the era rises: whatever of the failed group lies in the file's free pages is void
 * (record.h). */
#include "store_impl.h"

#include <errno.h>

enum {
    TRIES = 4,
    RETAIN_RECORDS = 64, /* deletes in a group: so many, and four for each record it brings */
    HOUSEKEEP_NS = 3 * 1000 * 1000, /* deletes in a transaction of their own: a group waits */
    TIDY_BYTES = 64 * 1024,         /* retention is behind by no more than a commit or two brings */
    TIDY_MS = 100,
};

/* How much is deleted in one transaction: until all three are spent. */
typedef struct budget {
    size_t records;
    uint64_t bytes;
    uint64_t until_ns; /* monotonic */
} budget_t;

typedef struct draft {
    MDB_txn *txn;
    MDB_cursor *cursor;
    store_state_t state;
    store_tally_t tally;
    store_topic_t *dirty; /* topics whose tails it moves */
} draft_t;

/* -- topics ----------------------------------------------------------------------------------- */

store_topic_t *store_topic(store_t *s, const char *name, size_t len)
{
    store_topic_t *topic;
    HASH_FIND(hh, s->topics, name, len, topic);
    if (topic != NULL)
        return topic;
    topic = calloc(1, sizeof *topic + len);
    if (topic == NULL)
        return NULL;
    memcpy(topic->name, name, len);
    topic->name_len = len;
    HASH_ADD_KEYPTR(hh, s->topics, topic->name, topic->name_len, topic);
    if (topic->hh.tbl == NULL) {
        free(topic);
        return NULL;
    }
    return topic;
}

void store_topics_free(store_t *s)
{
    store_topic_t *topic, *next;
    HASH_ITER(hh, s->topics, topic, next)
    {
        HASH_DEL(s->topics, topic);
        free(topic);
    }
}

/* -- entries ---------------------------------------------------------------------------------- */

int store_put_state(store_t *s, MDB_txn *txn, store_state_t *state)
{
    uint8_t name = KEY_STATE, bytes[STATE_BYTES];
    state->txn = mdb_txn_id(txn);
    state_write(bytes, state);
    MDB_val key = {1, &name}, data = {sizeof bytes, bytes};
    return mdb_put(txn, s->dbi, &key, &data, 0);
}

int store_put_tail(store_t *s, MDB_txn *txn, const store_topic_t *topic, uint64_t last)
{
    uint8_t name[1 + TOPIC_BYTES_MAX], bytes[TAIL_BYTES_MAX];
    name[0] = KEY_TAIL;
    memcpy(name + 1, topic->name, topic->name_len);
    MDB_val key = {1 + topic->name_len, name};
    if (last == 0) {
        int rc = mdb_del(txn, s->dbi, &key, NULL);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    store_tail_t tail = {s->state.journal, last, topic->name, topic->name_len};
    tail_write(bytes, &tail);
    MDB_val data = {tail_size(&tail), bytes};
    return mdb_put(txn, s->dbi, &key, &data, 0);
}

static int put_record(draft_t *d, const record_t *given)
{
    record_t r = *given;
    r.journal = d->state.journal;
    r.era = d->state.era;
    r.era_base = d->state.era_base;
    r.oldest = d->state.oldest;
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, r.first);
    MDB_val key = {sizeof name, name}, data = {record_size(&r), NULL};
    int rc = mdb_cursor_put(d->cursor, &key, &data, MDB_RESERVE | MDB_APPEND);
    if (rc != 0)
        return rc;
    record_write(data.mv_data, &r);
    if (d->tally.records++ == 0)
        d->tally.oldest_time_ns = r.time_ns;
    d->tally.bytes += store_footprint(key.mv_size, data.mv_size);
    d->state.next = record_last(&r) + 1;
    d->state.time_ns = r.time_ns;
    return 0;
}

static int note_tail(store_t *s, draft_t *d, const record_t *r)
{
    store_topic_t *topic = store_topic(s, r->topic, r->topic_len);
    if (topic == NULL)
        return ENOMEM;
    topic->draft = record_last(r);
    if (!topic->dirty) {
        topic->dirty = true;
        topic->next_dirty = d->dirty;
        d->dirty = topic;
    }
    return 0;
}

/* -- retention -------------------------------------------------------------------------------- */

/* Is more kept than the limits allow, by over so many bytes or milliseconds? */
static bool retention_behind(const store_t *s, const store_tally_t *t, uint64_t wall_ns,
                             uint64_t bytes, uint64_t ms)
{
    if (t->records == 0)
        return false;
    if (s->o.retain_bytes > 0 && t->bytes > s->o.retain_bytes + bytes)
        return true;
    return s->o.retain_age_ms > 0 && wall_ns > t->oldest_time_ns &&
           (wall_ns - t->oldest_time_ns) / 1000000 > s->o.retain_age_ms + ms;
}

static bool retention_due(const store_t *s, const store_tally_t *t, uint64_t wall_ns,
                          uint64_t bytes)
{
    (void)bytes;
    return retention_behind(s, t, wall_ns, 0, 0);
}

/* The oldest record's time, from its head: a record that is damaged must not stop retention, nor
 * start it. */
static uint64_t plausible_time(const MDB_val *data, uint64_t before_ns, uint64_t newest_ns)
{
    record_t r;
    if (!record_peek(&r, data->mv_data, data->mv_size) || r.time_ns < before_ns ||
        r.time_ns > newest_ns)
        return before_ns;
    return r.time_ns;
}

/* Deletes the oldest record, and finds the one behind it. */
static int delete_oldest(draft_t *d, uint64_t first, MDB_val *key, MDB_val *data)
{
    uint64_t bytes = store_footprint(key->mv_size, data->mv_size);
    int rc = mdb_cursor_del(d->cursor, 0);
    if (rc != 0)
        return rc;
    d->tally.records -= d->tally.records > 0;
    d->tally.bytes -= bytes < d->tally.bytes ? bytes : d->tally.bytes;
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, first + 1);
    *key = (MDB_val){sizeof name, name};
    rc = mdb_cursor_get(d->cursor, key, data, MDB_SET_RANGE);
    uint64_t next;
    if (rc == 0 && record_key_read(key->mv_data, key->mv_size, &next) && next > first) {
        d->state.oldest = next;
        d->tally.oldest_time_ns = plausible_time(data, d->tally.oldest_time_ns, d->state.time_ns);
        return 0;
    }
    d->state.oldest = d->state.next;
    return rc == 0 ? MDB_NOTFOUND : rc;
}

static bool spent(const store_t *s, const draft_t *d, const store_tally_t *before,
                  const budget_t *budget)
{
    return before->records - d->tally.records >= budget->records &&
           before->bytes - d->tally.bytes >= budget->bytes &&
           sl_clock_mono_ns(s->o.clock) >= budget->until_ns;
}

typedef bool more_fn(const store_t *s, const store_tally_t *t, uint64_t wall_ns, uint64_t bytes);

/* Deletes from the oldest on while `more` says so and the budget lasts, and nothing that this draft
 * brought. */
static int delete_some(store_t *s, draft_t *d, budget_t budget, more_fn *more, uint64_t bytes)
{
    uint64_t wall_ns = sl_clock_wall_ns(s->o.clock), first;
    if (!more(s, &d->tally, wall_ns, bytes))
        return 0;
    store_tally_t before = d->tally;
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, 0);
    MDB_val key = {sizeof name, name}, data;
    int rc = mdb_cursor_get(d->cursor, &key, &data, MDB_SET_RANGE);
    while (rc == 0 && !spent(s, d, &before, &budget) && more(s, &d->tally, wall_ns, bytes) &&
           record_key_read(key.mv_data, key.mv_size, &first) && first < s->state.next)
        rc = delete_oldest(d, first, &key, &data);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* -- a draft, from begin to commit ------------------------------------------------------------ */

static int draft_begin(store_t *s, draft_t *d)
{
    *d = (draft_t){.state = s->state, .tally = s->tally};
    int rc = mdb_txn_begin(s->env, NULL, 0, &d->txn);
    return rc == 0 ? mdb_cursor_open(d->txn, s->dbi, &d->cursor) : rc;
}

/* Ends the transaction one way or the other; what was committed becomes what is so. */
static int draft_end(store_t *s, draft_t *d, int rc)
{
    if (d->cursor != NULL)
        mdb_cursor_close(d->cursor);
    if (d->txn != NULL) {
        if (rc == 0)
            rc = store_put_state(s, d->txn, &d->state);
        if (rc == 0)
            rc = mdb_txn_commit(d->txn);
        else
            mdb_txn_abort(d->txn);
    }
    for (store_topic_t *t = d->dirty; t != NULL; t = t->next_dirty) {
        t->dirty = false;
        if (rc == 0)
            t->last = t->draft;
    }
    if (rc == 0) {
        s->state = d->state;
        s->tally = d->tally;
        store_publish(s);
    }
    return rc;
}

static int put_group(store_t *s, draft_t *d, const record_t *records, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = put_record(d, &records[i]);
        if (rc == 0)
            rc = note_tail(s, d, &records[i]);
    }
    for (store_topic_t *t = d->dirty; rc == 0 && t != NULL; t = t->next_dirty)
        rc = store_put_tail(s, d->txn, t, t->draft);
    return rc;
}

static uint64_t group_bytes(const record_t *records, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += store_footprint(KEY_RECORD_BYTES, record_size(&records[i]));
    return bytes;
}

/* Records may be of any size: what is deleted is at least twice what comes, in bytes too, so that
 * what is kept comes back to its limit whatever was kept before. */
static int commit_once(store_t *s, const record_t *records, size_t count)
{
    budget_t budget = {.records = RETAIN_RECORDS + 4 * count,
                       .bytes = 2 * group_bytes(records, count)};
    draft_t d;
    int rc = draft_begin(s, &d);
    if (rc == 0)
        rc = put_group(s, &d, records, count);
    if (rc == 0)
        rc = delete_some(s, &d, budget, retention_due, 0);
    return draft_end(s, &d, rc);
}

int store_commit_mark(store_t *s, store_state_t *state)
{
    if (s->o.sync == STORE_SYNC_OS)
        mdb_env_set_flags(s->env, MDB_NOSYNC, 0);
    draft_t d;
    int rc = draft_begin(s, &d);
    d.state = *state;
    rc = draft_end(s, &d, rc);
    if (s->o.sync == STORE_SYNC_OS)
        mdb_env_set_flags(s->env, MDB_NOSYNC, 1);
    return rc;
}

/* -- what failed ------------------------------------------------------------------------------ */

/* Would live data and the group take more than half of the map?  Then deleting is what helps. */
static bool crowded(const store_t *s, const store_tally_t *t, uint64_t wall_ns, uint64_t bytes)
{
    (void)wall_ns;
    return t->records > 0 && t->bytes + bytes > s->o.map_bytes / 2;
}

/* The map is full: frees the slots of readers that died, deletes until the group fits when that
 * helps, and commits: what the last transaction freed can be used from the next but one on. */
static int make_room(store_t *s, uint64_t bytes)
{
    mdb_reader_check(s->env, NULL);
    for (int i = 0; i < 2; i++) {
        draft_t d;
        int rc = draft_begin(s, &d);
        if (rc == 0 && i == 0)
            rc = delete_some(s, &d, (budget_t){.records = SIZE_MAX}, crowded, bytes);
        rc = draft_end(s, &d, rc);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Takes out what a commit that was answered as failed may have left. */
static int cut_back(store_t *s, draft_t *d)
{
    for (;;) {
        uint8_t name[KEY_RECORD_BYTES];
        record_key(name, s->state.next);
        MDB_val key = {sizeof name, name}, data;
        int rc = mdb_cursor_get(d->cursor, &key, &data, MDB_SET_RANGE);
        if (rc == 0)
            rc = mdb_cursor_del(d->cursor, 0);
        if (rc != 0 && rc != MDB_NOTFOUND)
            return rc;
        if (rc == MDB_NOTFOUND)
            break;
    }
    store_topic_t *topic, *next;
    HASH_ITER(hh, s->topics, topic, next)
    {
        int rc = store_put_tail(s, d->txn, topic, topic->last);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Counts records and bytes again: the tally of the group that failed is not known to be so. */
static int recount(store_t *s, draft_t *d)
{
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, 0);
    MDB_val key = {sizeof name, name}, data;
    store_tally_t tally = {.oldest_time_ns = s->tally.oldest_time_ns};
    int rc = mdb_cursor_get(d->cursor, &key, &data, MDB_SET_RANGE);
    if (rc == 0)
        tally.oldest_time_ns = plausible_time(&data, tally.oldest_time_ns, d->state.time_ns);
    for (; rc == 0; rc = mdb_cursor_get(d->cursor, &key, &data, MDB_NEXT)) {
        tally.records++;
        tally.bytes += store_footprint(key.mv_size, data.mv_size);
    }
    d->tally = tally;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int open_anew(store_t *s)
{
    pthread_rwlock_wrlock(&s->env_lock);
    store_env_close(s);
    int rc = store_env_open(s, STORE_FILE);
    pthread_rwlock_unlock(&s->env_lock);
    pthread_mutex_lock(&s->stat_lock);
    s->stat.reopened++;
    pthread_mutex_unlock(&s->stat_lock);
    return rc;
}

/* Brings the file back to the last commit that succeeded. */
static int store_recover(store_t *s)
{
    int rc = s->env == NULL ? open_anew(s) : 0;
    if (rc != 0)
        return rc;
    draft_t d;
    rc = draft_begin(s, &d);
    store_state_t found;
    if (rc == 0 && store_get_state(s, d.txn, &found) != SL_OK)
        rc = EIO;
    if (rc == 0 && found.txn != s->state.txn) {
        if (d.state.oldest < found.oldest) /* what its retention deleted is gone */
            d.state.oldest = found.oldest;
        rc = cut_back(s, &d);
        if (rc == 0)
            rc = recount(s, &d);
    }
    rc = draft_end(s, &d, rc);
    if (rc == 0)
        s->stale = false;
    return rc;
}

/* Does the environment still take transactions, and is the last thing in it what succeeded last? */
static bool in_order(store_t *s)
{
    MDB_txn *txn = NULL;
    store_state_t found;
    if (s->env == NULL || mdb_txn_begin(s->env, NULL, 0, &txn) != 0)
        return false;
    bool same = store_get_state(s, txn, &found) == SL_OK && found.txn == s->state.txn;
    mdb_txn_abort(txn);
    return same;
}

/* After a failure: everything that was not committed is void.  Opens anew at once what LMDB gave
 * up, for readers; what is to be cut off waits for the next commit. */
static void note_failure(store_t *s)
{
    s->state.era = store_next_failure(s->state.era);
    s->state.era_base = s->state.next;
    if (in_order(s))
        return;
    s->stale = true;
    open_anew(s);
}

/* Runs one kind of transaction until it succeeds or there is no hope. */
static int persist(store_t *s, int (*once)(store_t *s, const record_t *records, size_t count),
                   const record_t *records, size_t count)
{
    int rc = 0;
    for (int i = 0; i < TRIES; i++) {
        rc = s->stale ? store_recover(s) : 0;
        if (rc == 0)
            rc = once(s, records, count);
        if (rc == 0)
            return 0;
        note_failure(s);
        if (rc != MDB_MAP_FULL || s->stale || make_room(s, group_bytes(records, count)) != 0)
            break;
    }
    return store_cause(s, rc);
}

static bool follows(const store_t *s, const record_t *records, size_t count)
{
    uint64_t next = s->state.next;
    for (size_t i = 0; i < count; i++) {
        const record_t *r = &records[i];
        if (r->first != next || r->count == 0 || r->first > UINT64_MAX - r->count ||
            r->topic_len == 0 || r->topic_len > TOPIC_BYTES_MAX)
            return false;
        next += r->count;
    }
    return true;
}

sl_err store_commit(store_t *s, const record_t *records, size_t count)
{
    if (count == 0)
        return SL_OK;
    if (s->o.read_only || !follows(s, records, count))
        return SL_EINVAL;
    int rc = persist(s, commit_once, records, count);
    pthread_mutex_lock(&s->stat_lock);
    if (rc == 0)
        s->stat.commits++;
    else
        s->stat.failed_commits++;
    pthread_mutex_unlock(&s->stat_lock);
    return store_error(rc);
}

static int housekeep_once(store_t *s, const record_t *records, size_t count)
{
    (void)records;
    (void)count;
    budget_t budget = {.until_ns = sl_clock_mono_ns(s->o.clock) + HOUSEKEEP_NS};
    draft_t d;
    int rc = draft_begin(s, &d);
    if (rc == 0)
        rc = delete_some(s, &d, budget, retention_due, 0);
    return draft_end(s, &d, rc);
}

static bool house_is_due(const store_t *s)
{
    return s->stale || retention_due(s, &s->tally, sl_clock_wall_ns(s->o.clock), 0);
}

bool store_is_tidy(const store_t *s)
{
    return s->env != NULL && !s->stale &&
           !retention_behind(s, &s->tally, sl_clock_wall_ns(s->o.clock), TIDY_BYTES, TIDY_MS);
}

sl_err store_housekeep(store_t *s)
{
    if (s->o.read_only)
        return SL_OK;
    if (s->env != NULL && !s->stale)
        mdb_reader_check(s->env, NULL);
    if (!house_is_due(s))
        return SL_OK;
    uint64_t records = s->tally.records;
    sl_err err = store_error(persist(s, housekeep_once, NULL, 0));
    return err == SL_OK && s->tally.records < records && house_is_due(s) ? SL_EAGAIN : err;
}

void store_publish(store_t *s)
{
    MDB_envinfo info = {0};
    mdb_env_info(s->env, &info);
    pthread_mutex_lock(&s->stat_lock);
    s->stat.oldest = s->state.oldest;
    s->stat.next = s->state.next;
    s->stat.records = s->tally.records;
    s->stat.bytes = s->tally.bytes;
    s->stat.oldest_time_ns = s->tally.records > 0 ? s->tally.oldest_time_ns : 0;
    s->stat.newest_time_ns = s->tally.records > 0 ? s->state.time_ns : 0;
    s->stat.map_bytes = info.me_mapsize;
    s->stat.used_bytes = (uint64_t)(info.me_last_pgno + 1) * 4096;
    pthread_mutex_unlock(&s->stat_lock);
    atomic_store(&s->next, s->state.next);
}

/* store_read.c - the number line as a reader sees it.
 *
 *     record [5..9]   record [10..12]   (damaged)   record [20..24]     next 25
 *     shown           shown             hole 13..19  shown
 *
 * A walk keeps one number: `upto`, everything up to which was shown.  A record is whatever passes
 * its sum, stands under its own first number and ends behind `upto`; what lies between two of them
 * is a hole, told in one piece however many damaged records it held.  Below the oldest number that
 * retention left it is retention's, above it is damage. */
#include "store_impl.h"

#include <errno.h>

typedef struct walk {
    store_t *s;
    MDB_txn *txn;
    MDB_cursor *cursor;
    store_state_t state; /* as the snapshot has it */
    uint64_t end;        /* show nothing behind it */
    uint64_t upto;
    size_t bytes, bytes_max;
    sl_err (*read)(record_t *r, const void *data, size_t len); /* record_read, or record_trust */
    journal_visit_fn *visit;
    void *ctx;
    bool stopped;
} walk_t;

sl_err store_get_state(store_t *s, MDB_txn *txn, store_state_t *state)
{
    uint8_t name = KEY_STATE;
    MDB_val key = {1, &name}, data;
    int rc = mdb_get(txn, s->dbi, &key, &data);
    if (rc == MDB_NOTFOUND)
        return SL_ENOENT;
    return rc == 0 ? state_read(state, data.mv_data, data.mv_size) : store_error(rc);
}

/* -- a snapshot ------------------------------------------------------------------------------- */

static sl_err walk_open(walk_t *w, store_t *s)
{
    *w = (walk_t){.s = s, .read = record_read};
    pthread_rwlock_rdlock(&s->env_lock);
    if (s->env == NULL) {
        errno = EIO;
        return SL_EIO;
    }
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &w->txn);
    if (rc == 0)
        rc = mdb_cursor_open(w->txn, s->dbi, &w->cursor);
    if (rc != 0)
        return store_error(rc);
    sl_err err = store_get_state(s, w->txn, &w->state);
    if (err != SL_OK) {
        errno = EIO;
        return SL_EIO;
    }
    uint64_t next = s->o.read_only ? w->state.next : atomic_load(&s->next);
    if (next < w->state.next) /* what failed may be in the file, and is void */
        w->state.next = next;
    return SL_OK;
}

static void walk_close(walk_t *w)
{
    int saved = errno;
    if (w->cursor != NULL)
        mdb_cursor_close(w->cursor);
    if (w->txn != NULL)
        mdb_txn_abort(w->txn);
    pthread_rwlock_unlock(&w->s->env_lock);
    errno = saved;
}

/* -- records ---------------------------------------------------------------------------------- */

/* Moves the cursor to the record that may hold `number`: the last one that begins at or before it,
 * or the first one behind.  @return LMDB's result. */
static int seek(walk_t *w, uint64_t number, MDB_val *key, MDB_val *data)
{
    uint8_t name[KEY_RECORD_BYTES];
    uint64_t first;
    record_key(name, number);
    *key = (MDB_val){sizeof name, name};
    int rc = mdb_cursor_get(w->cursor, key, data, MDB_SET_RANGE);
    if (rc == 0 && record_key_read(key->mv_data, key->mv_size, &first) && first == number)
        return 0;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_cursor_get(w->cursor, key, data, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc == 0 && !record_key_read(key->mv_data, key->mv_size, &first))
        rc = mdb_cursor_get(w->cursor, key, data, MDB_NEXT); /* that was a tail, or the state */
    return rc;
}

/* Is it whole, and where it says it is? */
static bool sound(walk_t *w, const MDB_val *key, const MDB_val *data, record_t *r)
{
    uint64_t first;
    if (!record_key_read(key->mv_data, key->mv_size, &first))
        return false;
    if (w->read(r, data->mv_data, data->mv_size) == SL_OK && r->first == first)
        return true;
    store_put_record_aside(w->s, first, data->mv_data, data->mv_size);
    return false;
}

/* -- showing ---------------------------------------------------------------------------------- */

static void show_hole_part(walk_t *w, uint64_t to, bool damage)
{
    if (w->stopped || to <= w->upto)
        return;
    journal_hole_t hole = {.from = w->upto + 1, .to = to, .damage = damage};
    w->stopped = !w->visit(w->ctx, NULL, &hole);
    w->upto = to;
}

static void show_hole(walk_t *w, uint64_t to)
{
    uint64_t kept = w->state.oldest > 0 ? w->state.oldest - 1 : 0;
    show_hole_part(w, to < kept ? to : kept, false);
    show_hole_part(w, to, true);
}

static void show_record(walk_t *w, const record_t *r, size_t bytes)
{
    uint64_t first = r->first;
    if (first > w->upto + 1)
        show_hole(w, first - 1);
    if (w->stopped)
        return;
    w->stopped = !w->visit(w->ctx, r, NULL);
    w->upto = record_last(r);
    w->bytes += bytes;
}

static int walk_records(walk_t *w)
{
    MDB_val key, data;
    record_t r;
    int rc = seek(w, w->upto + 1, &key, &data);
    for (; rc == 0; rc = mdb_cursor_get(w->cursor, &key, &data, MDB_NEXT)) {
        uint64_t first;
        if (record_key_read(key.mv_data, key.mv_size, &first) && first > w->end)
            break;
        if (sound(w, &key, &data, &r) && record_last(&r) > w->upto)
            show_record(w, &r, data.mv_size);
        if (w->stopped || w->upto >= w->end || w->bytes >= w->bytes_max)
            return 0;
    }
    if (rc == 0 || rc == MDB_NOTFOUND) {
        show_hole(w, w->end);
        rc = 0;
    }
    return rc;
}

/* One bounded part, between `after` and `until`.  `w` is opened, and has its visit. */
static sl_err walk_part(walk_t *w, uint64_t after, uint64_t until, size_t bytes, uint64_t *upto)
{
    sl_err err = SL_OK;
    w->end = until < w->state.next - 1 ? until : w->state.next - 1;
    w->upto = after;
    w->bytes_max = bytes;
    if (after < w->end)
        err = store_error(walk_records(w));
    *upto = w->upto;
    return err;
}

sl_err store_read(store_t *s, uint64_t after, uint64_t until, size_t bytes, journal_visit_fn *visit,
                  void *ctx, uint64_t *upto)
{
    walk_t w;
    *upto = after;
    sl_err err = walk_open(&w, s);
    w.visit = visit;
    w.ctx = ctx;
    if (err == SL_OK)
        err = walk_part(&w, after, until, bytes, upto);
    walk_close(&w);
    return err;
}

/* -- finding ---------------------------------------------------------------------------------- */

/* The first sound record that ends at or behind `number`; false: there is none. */
static bool sound_from(walk_t *w, uint64_t number, record_t *r)
{
    MDB_val key, data;
    int rc = seek(w, number, &key, &data);
    for (; rc == 0; rc = mdb_cursor_get(w->cursor, &key, &data, MDB_NEXT))
        if (sound(w, &key, &data, r) && record_last(r) >= number)
            return r->first < w->state.next;
    return false;
}

/* Times never fall along the line, so halve it: everything up to `low` is older than `since_ns`,
 * everything from `high` on is not, or is not there. */
static uint64_t find_after(walk_t *w, uint64_t since_ns)
{
    uint64_t low = w->state.oldest - 1, high = w->state.next;
    while (high - low > 1) {
        record_t r;
        uint64_t middle = low + (high - low) / 2;
        if (!sound_from(w, middle, &r))
            high = middle;
        else if (r.time_ns < since_ns)
            low = record_last(&r);
        else
            high = r.first > middle ? middle : r.first > low ? r.first : low + 1;
    }
    return high - 1;
}

sl_err store_find(store_t *s, uint64_t since_ns, uint64_t *after)
{
    walk_t w;
    sl_err err = walk_open(&w, s);
    if (err == SL_OK)
        *after = find_after(&w, since_ns);
    walk_close(&w);
    return err;
}

/* -- ids -------------------------------------------------------------------------------------- */

enum {
    IDS_STEP_RECORDS = 4096,   /* in one snapshot, backwards */
    IDS_STEP_BYTES = 64 << 20, /* ... and forwards, of which only heads and ids are touched */
};

/* Goes back from `before` (exclusive) by so many records, adding up their ids.  *before: the first
 * number of the last record it saw; false: there is nothing further back. */
static bool ids_back(walk_t *w, uint64_t *before, uint64_t *ids, uint64_t count)
{
    MDB_val key, data;
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, *before);
    key = (MDB_val){sizeof name, name};
    int rc = mdb_cursor_get(w->cursor, &key, &data, MDB_SET_RANGE);
    rc = mdb_cursor_get(w->cursor, &key, &data, rc == 0 ? MDB_PREV : MDB_LAST);
    for (size_t n = 0; rc == 0 && n < IDS_STEP_RECORDS && *ids < count; n++) {
        uint64_t first;
        record_t r;
        if (!record_key_read(key.mv_data, key.mv_size, &first))
            return false;
        if (record_peek(&r, data.mv_data, data.mv_size) && r.ids != NULL &&
            r.count <= *before - first)
            *ids += r.count;
        *before = first;
        rc = mdb_cursor_get(w->cursor, &key, &data, MDB_PREV);
    }
    return rc == 0 && *ids < count;
}

typedef struct ids_show {
    void (*ids)(void *ctx, const record_t *r);
    void *ctx;
} ids_show_t;

static bool show_ids(void *ctx, const record_t *record, const journal_hole_t *hole)
{
    (void)hole;
    const ids_show_t *show = ctx;
    if (record != NULL && record->ids != NULL)
        show->ids(show->ctx, record);
    return true;
}

static sl_err ids_forward(store_t *s, uint64_t after, uint64_t until, ids_show_t *show,
                          uint64_t *upto)
{
    walk_t w;
    *upto = after;
    sl_err err = walk_open(&w, s);
    w.read = record_trust;
    w.visit = show_ids;
    w.ctx = show;
    if (err == SL_OK)
        err = walk_part(&w, after, until, IDS_STEP_BYTES, upto);
    walk_close(&w);
    return err;
}

sl_err store_ids(store_t *s, uint64_t count, void (*ids)(void *ctx, const record_t *r), void *ctx)
{
    uint64_t from = atomic_load(&s->next), end = from - 1, seen = 0;
    for (bool more = count > 0; more;) {
        walk_t w;
        sl_err err = walk_open(&w, s);
        if (err == SL_OK)
            more = ids_back(&w, &from, &seen, count);
        walk_close(&w);
        if (err != SL_OK)
            return err;
    }
    ids_show_t show = {ids, ctx};
    for (uint64_t after = from - 1; after < end;) {
        sl_err err = ids_forward(s, after, end, &show, &after);
        if (err != SL_OK)
            return err;
    }
    return SL_OK;
}

/* -- tails, and what there is ----------------------------------------------------------------- */

sl_err store_tails(store_t *s,
                   void (*tail)(void *ctx, const char *topic, size_t len, uint64_t last), void *ctx)
{
    store_topic_t *topic, *next;
    HASH_ITER(hh, s->topics, topic, next)
    {
        if (topic->last > 0)
            tail(ctx, topic->name, topic->name_len, topic->last);
    }
    return SL_OK;
}

void store_stat(store_t *s, store_stat_t *out)
{
    pthread_mutex_lock(&s->stat_lock);
    *out = s->stat;
    pthread_mutex_unlock(&s->stat_lock);
    out->quarantined = atomic_load(&s->quarantined);
    out->file_bytes = store_file_bytes(s->dir);
}

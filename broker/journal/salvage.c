#include "salvage.h"

#include "journal/pages.h"
#include "scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SALVAGE_FILE      "salvage.mdb"
#define SALVAGE_LOCK_FILE "salvage.mdb-lock"

enum { GROUP_BYTES = 8 << 20 };

/* The new file, while it is filled: a store that nobody else sees. */
typedef struct salvage {
    store_t to; /* dir, options, env, topics, state */
    scan_t *scan;
    MDB_txn *txn;
    MDB_cursor *cursor;
    size_t group_bytes;
    uint64_t records, first, upto;
    uint64_t hole_end; /* of the last hole; 0: there is none */
    uint64_t gone;     /* the journal that a power cut may have taken whole; 0: none */
} salvage_t;

static void remove_in(const char *dir, const char *name)
{
    char *path = store_path(dir, name);
    if (path != NULL)
        unlink(path);
    free(path);
}

/* -- records ---------------------------------------------------------------------------------- */

static int begin(salvage_t *v)
{
    int rc = mdb_txn_begin(v->to.env, NULL, 0, &v->txn);
    v->group_bytes = 0;
    return rc == 0 ? mdb_cursor_open(v->txn, v->to.dbi, &v->cursor) : rc;
}

static int end(salvage_t *v, int rc)
{
    if (v->txn == NULL)
        return rc;
    if (v->cursor != NULL)
        mdb_cursor_close(v->cursor);
    if (rc == 0)
        rc = mdb_txn_commit(v->txn);
    else
        mdb_txn_abort(v->txn);
    v->txn = NULL;
    v->cursor = NULL;
    return rc;
}

static sl_err raise_tail(void *ctx, const char *name, size_t len, uint64_t last)
{
    salvage_t *v = ctx;
    store_topic_t *topic = store_topic(&v->to, name, len);
    if (topic == NULL)
        return SL_ENOMEM;
    if (last > topic->last)
        topic->last = last;
    return SL_OK;
}

static int put(salvage_t *v, const record_t *r, const uint8_t *bytes, size_t len)
{
    uint8_t name[KEY_RECORD_BYTES];
    record_key(name, r->first);
    MDB_val key = {sizeof name, name}, data = {len, (void *)bytes};
    int rc = mdb_cursor_put(v->cursor, &key, &data, MDB_APPEND);
    if (rc != 0)
        return rc;
    if (raise_tail(v, r->topic, r->topic_len, record_last(r)) != SL_OK)
        return ENOMEM;
    if (v->records++ == 0)
        v->first = r->first;
    else if (r->first != v->upto + 1)
        v->hole_end = r->first - 1;
    v->upto = record_last(r);
    v->to.state.stream = r->stream;
    v->to.state.time_ns = r->time_ns;
    v->group_bytes += len;
    return 0;
}

static int put_records(salvage_t *v)
{
    size_t count;
    const scan_record_t *found = scan_records(v->scan, &count);
    int rc = begin(v);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const uint8_t *bytes;
        record_t r;
        sl_err err = scan_read(v->scan, &found[i], &bytes, &r);
        if (err == SL_OK)
            rc = put(v, &r, bytes, found[i].len);
        else if (err == SL_EIO)
            rc = errno;
        if (rc == 0 && v->group_bytes >= GROUP_BYTES) {
            rc = end(v, 0);
            if (rc == 0)
                rc = begin(v);
        }
    }
    return end(v, rc);
}

/* -- state and tails -------------------------------------------------------------------------- */

/* The state that was found may be an old one, and the newest record may be lost. */
static void make_state(salvage_t *v, const store_state_t *found)
{
    store_state_t *state = &v->to.state;
    if (found->stream != 0)
        state->stream = found->stream;
    if (found->time_ns > state->time_ns)
        state->time_ns = found->time_ns;
    state->next = found->next > v->upto + 1 ? found->next : v->upto + 1;
    if (state->oldest == 0)
        state->oldest = v->records > 0 ? v->first : state->next;
    if (v->hole_end == 0 && v->first > state->oldest)
        v->hole_end = v->first - 1;
    if (state->next > v->upto + 1)
        v->hole_end = state->next - 1;
    state->salvaged = true;
    state->clean = state->backup = false;
}

static int put_rest(salvage_t *v)
{
    int rc = begin(v);
    store_topic_t *topic, *next;
    HASH_ITER(hh, v->to.topics, topic, next)
    {
        uint64_t last = topic->last > v->hole_end ? topic->last : v->hole_end;
        if (last >= v->to.state.next) /* of a commit that failed */
            last = v->to.state.next - 1;
        if (rc == 0)
            rc = store_put_tail(&v->to, v->txn, topic, last);
    }
    if (rc == 0)
        rc = store_put_state(&v->to, v->txn, &v->to.state);
    rc = end(v, rc);
    return rc == 0 ? mdb_env_sync(v->to.env, 1) : rc;
}

static sl_err fill(salvage_t *v)
{
    store_state_t found;
    scan_state(v->scan, &found);
    v->to.state = found;
    int rc = put_records(v);
    if (rc != 0)
        return store_error(rc);
    if (v->to.state.journal == 0)
        v->to.state.journal = v->gone;
    if (v->to.state.journal == 0) {
        sl_err err = store_random_id(&v->to.state.journal);
        if (err != SL_OK)
            return err;
    }
    make_state(v, &found);
    sl_err err = scan_tails(v->scan, raise_tail, v);
    return err == SL_OK ? store_error(put_rest(v)) : err;
}

/* -- files ------------------------------------------------------------------------------------ */

static sl_err keep_damaged(const store_t *s, const char *path)
{
    char name[64];
    char *folder = store_path(s->dir, STORE_QUARANTINE), *kept = NULL;
    sl_err err = SL_ENOMEM;
    if (folder == NULL)
        goto done;
    mkdir(folder, 0750);
    err = SL_EIO;
    for (int n = 0; n < 1000 && err != SL_OK;
         n++) { /* as many damaged files in one second as there be */
        snprintf(name, sizeof name, "journal-%" PRIu64 "-%d.mdb",
                 sl_clock_wall_ns(s->o.clock) / 1000000000u, n);
        free(kept);
        kept = store_path(folder, name);
        if (kept != NULL && link(path, kept) == 0)
            err = SL_OK;
        else if (kept == NULL || errno != EEXIST)
            break;
    }
    if (err == SL_OK)
        err = store_sync_dir(folder);
done:
    free(kept);
    free(folder);
    return err;
}

static sl_err replace(const store_t *s, const char *path, const char *new_path)
{
    sl_err err = keep_damaged(s, path);
    if (err != SL_OK)
        return err;
    remove_in(s->dir, STORE_LOCK_FILE); /* its numbers are the damaged file's */
    if (rename(new_path, path) != 0)
        return SL_EIO;
    return store_sync_dir(s->dir);
}

/* Can a power cut have taken all there was?  What such a run wrote was not on the disk.
 * @return the journal's name, which is all that is left of it then; 0: no. */
static uint64_t may_be_gone(const store_t *s)
{
    bool unsynced = s->has_run && s->run.sync == STORE_SYNC_OS;
    return unsynced && strcmp(s->run.boot, s->boot_id) != 0 ? s->run.journal : 0;
}

/* A journal of which nothing is left must not be followed by an empty one that nobody asked for. */
static sl_err found_any(const salvage_t *v, const char *path)
{
    store_state_t state;
    size_t count;
    scan_records(v->scan, &count);
    return count > 0 || scan_state(v->scan, &state) || pages_never_written(path) || v->gone != 0
               ? SL_OK
               : SL_EPROTO;
}

/* What is left of the damaged file fits, whatever the limit was set to since. */
static uint64_t map_for(const store_t *s)
{
    uint64_t bytes = store_file_bytes(s->dir) + STORE_MAP_MIN_BYTES;
    return bytes > s->o.map_bytes ? bytes : s->o.map_bytes;
}

sl_err salvage(const store_t *s, uint64_t *records)
{
    char *path = store_path(s->dir, STORE_FILE), *new_path = store_path(s->dir, SALVAGE_FILE);
    salvage_t v = {.to = {.o = s->o, .dir = s->dir}, .gone = may_be_gone(s)};
    v.to.o.sync = STORE_SYNC_OS; /* synced once, at the end */
    v.to.o.map_bytes = map_for(s);
    sl_err err = path != NULL && new_path != NULL ? scan_create(&v.scan, path) : SL_ENOMEM;
    if (err == SL_OK && scan_newer(v.scan))
        err = SL_EVERSION;
    if (err == SL_OK)
        err = found_any(&v, path);
    if (err == SL_OK) {
        unlink(new_path);
        err = store_error(store_env_open(&v.to, SALVAGE_FILE));
    }
    if (err == SL_OK)
        err = fill(&v);
    int saved = errno;
    store_env_close(&v.to);
    store_topics_free(&v.to);
    scan_destroy(&v.scan);
    remove_in(s->dir, SALVAGE_LOCK_FILE);
    errno = saved;
    if (err == SL_OK)
        err = replace(s, path, new_path);
    saved = errno;
    if (err != SL_OK && new_path != NULL)
        unlink(new_path);
    errno = saved;
    *records = v.records;
    free(path);
    free(new_path);
    return err;
}

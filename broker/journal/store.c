/* store.c - open: is the file sound, which stream goes on; close. */
#include "examine.h"
#include "salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct opening {
    store_t *s;
    store_found_t found;
    examination_t ex;
    bool made; /* there was no journal */
    const char *failed;
} opening_t;

/* -- options, directory, lock ----------------------------------------------------------------- */

static bool read_boot_id(char id[BOOT_ID_BYTES + 1])
{
    memset(id, 0, BOOT_ID_BYTES + 1);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, id, BOOT_ID_BYTES);
    close(fd);
    return n == BOOT_ID_BYTES;
}

uint64_t store_map_bytes(const store_options_t *o)
{
    uint64_t bytes = 4 * o->retain_bytes;
    if (o->map_bytes != 0)
        return o->map_bytes;
    return bytes > STORE_MAP_MIN_BYTES ? bytes : STORE_MAP_MIN_BYTES;
}

store_t *store_create(const store_options_t *o)
{
    store_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->lock_fd = -1;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr); /* opening anew must not wait for a gap between many readers */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->env_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&s->stat_lock, NULL);
    s->o = *o;
    s->o.dir = s->dir = strdup(o->dir);
    if (s->o.clock == NULL)
        s->o.clock = &sl_clock_system;
    if (o->boot_id != NULL)
        snprintf(s->boot_id, sizeof s->boot_id, "%s", o->boot_id);
    else
        read_boot_id(
            s->boot_id); /* unknown: the stream goes on only after an orderly end, or disk */
    s->o.boot_id = s->boot_id;
    s->o.map_bytes = store_map_bytes(o);
    return s;
}

/* A new directory is there after a power cut only when the one above it is synced. */
static sl_err make_dir(opening_t *p)
{
    p->failed = "the directory cannot be made";
    if (mkdir(p->s->dir, 0750) != 0)
        return errno == EEXIST ? SL_OK : SL_EIO;
    char *above = store_path(p->s->dir, "..");
    sl_err err = above != NULL ? store_sync_dir(above) : SL_ENOMEM;
    free(above);
    return err;
}

static sl_err take_lock(opening_t *p)
{
    store_t *s = p->s;
    char *path = store_path(s->dir, STORE_OWNER_FILE);
    if (path == NULL)
        return SL_ENOMEM;
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    free(path);
    p->failed = "the lock file cannot be opened";
    if (s->lock_fd < 0)
        return SL_EIO;
    p->failed = "another process has this journal";
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? SL_EEXIST : SL_EIO;
    p->failed = NULL;
    return SL_OK;
}

/* -- what is there ---------------------------------------------------------------------------- */

static sl_err look(opening_t *p, sl_err (*walk)(examination_t *e))
{
    sl_err err = walk(&p->ex);
    p->failed = p->ex.failed;
    if (err == SL_EPROTO)
        memcpy(p->found.damage, p->ex.damage, sizeof p->found.damage);
    return err;
}

static sl_err examine_or_salvage(opening_t *p)
{
    sl_err err = look(p, examine);
    if (err != SL_EPROTO)
        return err;
    p->failed = "the journal is damaged, and what is left cannot be copied";
    err = salvage(p->s, &p->found.salvaged);
    if (err == SL_EPROTO)
        p->failed = "the journal is damaged, and nothing of one can be found in it; to begin a new "
                    "one, move the directory aside";
    if (err != SL_OK)
        return err;
    err = examine(&p->ex);
    p->failed = p->ex.failed;
    if (err != SL_EPROTO)
        return err;
    errno = EIO; /* it was just written: nothing can be trusted */
    return SL_EIO;
}

/* Of the damaged records those that are in the quarantine.  The others stay where they are, and are
 * holes all the same: the next start tries again. */
static int delete_damaged(opening_t *p)
{
    const survey_t *v = &p->ex.survey;
    MDB_txn *txn;
    int rc = mdb_txn_begin(p->s->env, NULL, 0, &txn);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < v->damaged_count; i++) {
        uint8_t name[KEY_RECORD_BYTES];
        record_key(name, v->damaged[i].first);
        MDB_val key = {sizeof name, name};
        if (v->damaged[i].aside)
            rc = mdb_del(txn, p->s->dbi, &key, NULL);
    }
    if (rc == 0)
        rc = store_put_state(p->s, txn, &p->s->state);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* -- which stream ----------------------------------------------------------------------------- */

/* What a process wrote outlives it in the kernel's cache, synced or not. */
static bool on_this_boot(const store_t *s, const store_state_t *last)
{
    return last->boot[0] != '\0' && strcmp(last->boot, s->boot_id) == 0;
}

bool store_is_as_left(const store_t *s, const store_state_t *last)
{
    bool same = last->inode == store_inode(s->dir) && !last->backup && !last->salvaged &&
                store_run_is_of(s, last);
    return same && (last->clean || (on_this_boot(s, last) && s->run.unread < STORE_UNREAD_MAX));
}

const char *store_why_new(const store_t *s, const store_state_t *last)
{
    if (last->salvaged)
        return "the journal was damaged";
    if (last->stream == 0)
        return "the journal is new";
    if (last->backup)
        return "the journal was restored from a backup";
    if (last->inode != store_inode(s->dir))
        return "the file is a copy of the journal's";
    if (last->clean || last->sync == STORE_SYNC_DISK || on_this_boot(s, last))
        return NULL;
    return "the machine went down while the journal was not synced";
}

/* The file knows nothing of the last run: that run's stream ends with what is there.  What changes
 * here is written by mark_run, together with the new stream.
 * @return why a new one begins; static; NULL: it does not. */
static const char *recall_run(opening_t *p)
{
    store_state_t *state = &p->s->state;
    const store_state_t *run = &p->s->run;
    if (p->made ? !p->s->has_run : !store_run_is_later(p->s, state))
        return NULL;
    state->stream = run->stream;
    state->parent_count = run->parent_count;
    memcpy(state->parents, run->parents, sizeof state->parents);
    if (run->era > state->era)
        state->era = run->era;
    return p->made ? "the journal's file is gone" : "the file knows nothing of the last run";
}

/* No parent holds more than there is: what an older one has behind the end of the line was lost
 * with it, and is numbered again. */
static sl_err begin_stream(store_state_t *state)
{
    for (uint32_t i = 0; i < state->parent_count; i++)
        if (state->parents[i].last > state->next - 1)
            state->parents[i].last = state->next - 1;
    if (state->stream != 0) {
        uint32_t kept =
            state->parent_count < STORE_PARENTS_MAX ? state->parent_count : STORE_PARENTS_MAX - 1;
        memmove(state->parents + 1, state->parents, kept * sizeof *state->parents);
        state->parents[0] = (store_parent_t){state->stream, state->next - 1};
        state->parent_count = kept + 1;
    }
    return store_random_id(&state->stream);
}

/* The mark of this run: synced before anything is numbered. */
static sl_err mark_run(opening_t *p, const char *why)
{
    store_t *s = p->s;
    store_state_t state = s->state;
    s->unread = p->ex.survey.trusted && !state.clean ? s->run.unread + 1 : 0;
    if (why != NULL && begin_stream(&state) != SL_OK)
        return SL_EIO;
    state.clean = state.backup = state.salvaged = false;
    state.sync = s->o.sync;
    state.lost = p->ex.survey.lost_events;
    state.inode = store_inode(s->dir);
    state.era = store_next_run(state.era);
    state.era_base = state.next;
    snprintf(state.boot, sizeof state.boot, "%s", s->boot_id);
    p->failed = "the journal's mark cannot be written";
    sl_err err = store_error(store_cause(s, store_commit_mark(s, &state)));
    if (err == SL_OK)
        err = store_run_write(s, &state, STORE_UNREAD_MAX); /* until store_ready */
    if (err == SL_OK)
        p->failed = NULL;
    return err;
}

/* LMDB uses the pages of a commit again two commits later; in a file that knows only a few there
 * are none, and on a disk that is full even a mark would find no room.  So a new file begins with
 * some. */
static sl_err leave_free_pages(opening_t *p)
{
    enum { COMMITS = 4 };
    store_t *s = p->s;
    sl_err err = SL_OK;
    p->failed = "the new journal cannot be written";
    for (int i = 0; i < COMMITS && err == SL_OK; i++) {
        store_state_t state = s->state;
        err = store_error(store_cause(s, store_commit_mark(s, &state)));
    }
    if (err == SL_OK)
        p->failed = NULL;
    return err;
}

static sl_err first_state(store_state_t *state)
{
    *state = (store_state_t){.next = 1, .oldest = 1};
    return store_random_id(&state->journal);
}

/* -- topics of which nothing is kept ---------------------------------------------------------- */

static bool is_empty(const store_t *s, const store_topic_t *topic)
{
    return topic->last > 0 && topic->last < s->state.oldest;
}

static bool topics_run_out(const store_t *s)
{
    uint64_t all = 0, empty = 0;
    for (const store_topic_t *t = s->topics; t != NULL; t = t->hh.next) {
        all += t->last > 0;
        empty += is_empty(s, t);
    }
    return empty > 0 && 4 * all > 3 * (uint64_t)s->o.topics_max && s->o.topics_max > 0;
}

static int remove_tails(store_t *s, MDB_txn *txn)
{
    store_topic_t *topic, *next;
    int rc = 0;
    HASH_ITER(hh, s->topics, topic, next)
    {
        if (rc == 0 && is_empty(s, topic))
            rc = store_put_tail(s, txn, topic, 0);
    }
    return rc == 0 ? store_put_state(s, txn, &s->state) : rc;
}

/* After the mark of the new stream: a start that ends in between begins another. */
static sl_err drop_empty_topics(opening_t *p)
{
    store_t *s = p->s;
    MDB_txn *txn;
    p->failed = "topics of which nothing is kept cannot be dropped";
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc == 0) {
        rc = remove_tails(s, txn);
        if (rc == 0)
            rc = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (rc != 0)
        return store_error(store_cause(s, rc));
    store_topic_t *topic, *next;
    HASH_ITER(hh, s->topics, topic, next)
    {
        if (is_empty(s, topic))
            topic->last = 0;
    }
    p->failed = NULL;
    return SL_OK;
}

/* -- open ------------------------------------------------------------------------------------- */

static void report(opening_t *p, const char *why, bool was_clean)
{
    const store_state_t *state = &p->s->state;
    const survey_t *v = &p->ex.survey;
    store_found_t *f = &p->found;
    f->stream = state->stream;
    f->oldest = state->oldest;
    f->next = state->next;
    f->last_time_ns = state->time_ns;
    f->parent_count = state->parent_count;
    memcpy(f->parents, state->parents, sizeof f->parents);
    f->records = v->records;
    f->events = v->events;
    f->bytes = v->bytes;
    f->damaged_records = v->damaged_count;
    f->lost_events = v->lost_events;
    f->new_stream = why != NULL;
    f->why = why;
    f->was_clean = was_clean;
}

static sl_err open_env(opening_t *p)
{
    p->failed = "the environment cannot be opened";
    sl_err err = store_error(store_env_open(p->s, STORE_FILE));
    if (err == SL_OK)
        p->failed = NULL;
    return err;
}

static void adopt(opening_t *p)
{
    store_t *s = p->s;
    s->state = p->ex.survey.state;
    s->tally =
        (store_tally_t){p->ex.survey.records, p->ex.survey.bytes, p->ex.survey.oldest_time_ns};
    store_publish(s);
}

/* A file of no bytes is one that a machine made and did not live to write. */
static sl_err look_at_file(opening_t *p)
{
    p->failed = "the file that names the last run cannot be read";
    sl_err err = store_run_read(p->s);
    if (err == SL_EVERSION)
        p->failed = "a newer program wrote this journal";
    if (err != SL_OK)
        return err;
    p->failed = NULL;
    p->made = store_file_bytes(p->s->dir) == 0;
    p->ex.trust = true;
    if (!p->made) {
        err = examine_or_salvage(p);
        p->made = p->ex.untouched;
    }
    return err;
}

static sl_err open_to_write(opening_t *p)
{
    store_t *s = p->s;
    sl_err err = make_dir(p);
    if (err == SL_OK)
        err = take_lock(p);
    if (err == SL_OK)
        err = look_at_file(p);
    if (err == SL_OK && p->made)
        err = first_state(&p->ex.survey.state);
    if (err == SL_OK)
        err = open_env(p);
    if (err != SL_OK)
        return err;
    adopt(p);
    bool was_clean = s->state.clean, full = topics_run_out(s);
    p->failed = "damaged records cannot be taken out";
    if (p->ex.survey.damaged_count > 0)
        err = store_error(store_cause(s, delete_damaged(p)));
    const char *why = recall_run(p);
    if (why == NULL)
        why = store_why_new(s, &s->state);
    if (why == NULL && full)
        why = "topics of which nothing is kept were dropped";
    if (err == SL_OK)
        err = mark_run(p, why);
    if (err == SL_OK && p->made)
        err = leave_free_pages(p);
    if (err == SL_OK && full)
        err = drop_empty_topics(p);
    report(p, why, was_clean);
    return err;
}

static sl_err open_to_read(opening_t *p)
{
    sl_err err = store_file_bytes(p->s->dir) == 0 ? SL_ENOENT : look(p, examine_metas);
    if (err == SL_OK)
        err = open_env(p);
    if (err == SL_OK)
        err = look(p, examine_snapshot);
    if (err == SL_OK && p->ex.untouched)
        err = SL_ENOENT;
    if (err == SL_ENOENT)
        p->failed = "there is no journal";
    if (err != SL_OK)
        return err;
    adopt(p);
    report(p, NULL, p->s->state.clean);
    return SL_OK;
}

sl_err store_open(store_t **out, const store_options_t *o, store_found_t *found,
                  const char **failed)
{
    opening_t p = {.s = store_create(o), .failed = "no memory"};
    sl_err err = SL_ENOMEM;
    if (p.s != NULL && p.s->dir != NULL) {
        err = examination_init(&p.ex, p.s);
        if (err == SL_OK)
            err = o->read_only ? open_to_read(&p) : open_to_write(&p);
    }
    if (failed != NULL)
        *failed = err != SL_OK ? p.failed : NULL;
    if (found != NULL)
        *found = p.found;
    examination_fini(&p.ex);
    if (err == SL_OK)
        *out = p.s;
    else
        store_close(&p.s, false);
    return err;
}

static sl_err mark_clean(store_t *s)
{
    store_state_t state = s->state;
    state.clean = true;
    int rc = s->stale || s->env == NULL ? EIO : 0; /* the last commit failed, and is not undone */
    if (rc == 0 && s->o.sync == STORE_SYNC_OS)
        rc = mdb_env_sync(s->env, 1);
    if (rc == 0)
        rc = store_commit_mark(s, &state);
    return store_error(store_cause(s, rc));
}

sl_err store_close(store_t **out, bool clean)
{
    store_t *s = *out;
    *out = NULL;
    if (s == NULL)
        return SL_OK;
    int saved = errno;
    sl_err err = SL_OK;
    if (clean && !s->o.read_only)
        err = mark_clean(s);
    if (err == SL_EIO)
        saved = errno;
    store_env_close(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    store_topics_free(s);
    pthread_rwlock_destroy(&s->env_lock);
    pthread_mutex_destroy(&s->stat_lock);
    free(s->dir);
    free(s);
    errno = saved;
    return err;
}

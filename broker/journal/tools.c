#include "journal/tools.h"

#include "examine.h"
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURSORS_DIR      "cursors" /* the broker's, beside its journal */
#define CURSORS_FILE     "cursors/data.mdb"
#define BACKUP_FILE      "backup.mdb"
#define BACKUP_LOCK_FILE "backup.mdb-lock"

enum { EXPORT_BYTES = 4 << 20 };

/* -- verify ----------------------------------------------------------------------------------- */

typedef struct verify {
    store_t *s;
    examination_t ex;
    store_report_fn *report;
    void *ctx;
    store_verdict_t *verdict;
} verify_t;

static void say(verify_t *v, const char *what, uint64_t from, uint64_t to)
{
    if (v->report != NULL)
        v->report(v->ctx, what, from, to);
}

static void say_missing(void *ctx, uint64_t from, uint64_t to)
{
    say(ctx, "numbers are missing", from, to);
}

/* With a snapshot where LMDB can open the file, which keeps a broker from writing over what is
 * being read; else nobody can be writing it. */
static sl_err walk_file(verify_t *v)
{
    sl_err err = examine_metas(&v->ex);
    if (err != SL_OK)
        return err;
    if (store_env_open(v->s, STORE_FILE) == 0)
        return examine_snapshot(&v->ex);
    return examine(&v->ex);
}

static void judge_tree(verify_t *v)
{
    store_verdict_t *to = v->verdict;
    const survey_t *survey = &v->ex.survey;
    to->sound = true;
    to->stream = survey->state.stream;
    to->oldest = survey->state.oldest;
    to->next = survey->state.next;
    to->records = survey->records;
    to->events = survey->events;
    to->bytes = survey->bytes;
    to->damaged_records = survey->damaged_count;
    to->lost_events = survey->lost_events;
    to->pages = v->ex.page_count;
    to->free_pages = v->ex.free_pages;
    to->new_stream =
        store_why_new(v->s, &survey->state) != NULL || store_run_is_later(v->s, &survey->state);
    for (size_t i = 0; i < survey->damaged_count; i++)
        say(v, "a record is damaged", survey->damaged[i].first, survey->damaged[i].first);
}

/* What a start would save. */
static sl_err judge_search(verify_t *v)
{
    store_verdict_t *to = v->verdict;
    to->new_stream = true;
    snprintf(to->damage, sizeof to->damage, "%s", v->ex.damage);
    say(v, to->damage, 0, 0);
    char *path = store_path(v->s->dir, STORE_FILE);
    scan_t *scan = NULL;
    store_state_t state;
    sl_err err = path != NULL ? scan_create(&scan, path) : SL_ENOMEM;
    free(path);
    if (err != SL_OK)
        return err;
    scan_state(scan, &state);
    const scan_record_t *found = scan_records(scan, &to->records);
    to->stream = state.stream;
    to->oldest = state.oldest > 0 ? state.oldest : to->records > 0 ? found[0].first : 1;
    uint64_t expected = to->oldest;
    for (size_t i = 0; i < to->records; i++) {
        if (found[i].first > expected) {
            to->lost_events += found[i].first - expected;
            say_missing(v, expected, found[i].first - 1);
        }
        expected = found[i].first + found[i].count;
        to->events += found[i].count;
        to->bytes += store_footprint(KEY_RECORD_BYTES, found[i].len);
    }
    to->next = state.next > expected ? state.next : expected;
    if (to->next > expected) {
        to->lost_events += to->next - expected;
        say_missing(v, expected, to->next - 1);
    }
    scan_destroy(&scan);
    return SL_EPROTO;
}

static sl_err verify(verify_t *v)
{
    v->verdict->file_bytes = store_file_bytes(v->s->dir);
    if (v->verdict->file_bytes == 0)
        return SL_ENOENT;
    v->ex.survey.hole = say_missing;
    v->ex.survey.ctx = v;
    sl_err err = walk_file(v);
    if (err == SL_EPROTO)
        return judge_search(v);
    if (err == SL_OK && v->ex.untouched)
        return SL_ENOENT;
    if (err != SL_OK)
        return err;
    judge_tree(v);
    return v->verdict->damaged_records > 0 ? SL_EPROTO : SL_OK;
}

sl_err store_verify(const char *dir, store_report_fn *report, void *ctx, store_verdict_t *verdict)
{
    store_options_t o = {.dir = dir, .read_only = true};
    verify_t v = {.s = store_create(&o), .report = report, .ctx = ctx, .verdict = verdict};
    *verdict = (store_verdict_t){0};
    sl_err err = SL_ENOMEM;
    if (v.s != NULL && v.s->dir != NULL)
        err = examination_init(&v.ex, v.s);
    if (err == SL_OK) /* first: it is never ahead of the file */
        err = store_run_read(v.s);
    if (err == SL_OK)
        err = verify(&v);
    examination_fini(&v.ex);
    store_close(&v.s, false);
    return err;
}

/* -- export ----------------------------------------------------------------------------------- */

typedef struct exporting {
    journal_visit_fn *visit;
    void *ctx;
    uint64_t upto;
    bool stopped;
} exporting_t;

static bool pass_on(void *ctx, const record_t *record, const journal_hole_t *hole)
{
    exporting_t *e = ctx;
    e->stopped = !e->visit(e->ctx, record, hole);
    return !e->stopped;
}

static sl_err export_tree(store_t *s, exporting_t *e, uint64_t until)
{
    uint64_t before;
    sl_err err;
    do {
        before = e->upto;
        err = store_read(s, before, until, EXPORT_BYTES, pass_on, e, &e->upto);
    } while (err == SL_OK && !e->stopped && e->upto > before);
    return err;
}

static void pass_on_hole(exporting_t *e, uint64_t oldest, uint64_t to)
{
    while (!e->stopped && to > e->upto) {
        bool damage = e->upto + 1 >= oldest;
        journal_hole_t hole = {e->upto + 1, damage || to < oldest ? to : oldest - 1, damage};
        pass_on(e, NULL, &hole);
        e->upto = hole.to;
    }
}

/* Numbers are what the search found: there is no tree to ask. */
static sl_err export_found(const char *dir, exporting_t *e, uint64_t until)
{
    scan_t *scan = NULL;
    char *path = store_path(dir, STORE_FILE);
    sl_err err = path != NULL ? scan_create(&scan, path) : SL_ENOMEM;
    free(path);
    if (err != SL_OK)
        return err;
    store_state_t state;
    size_t count;
    scan_state(scan, &state);
    const scan_record_t *found = scan_records(scan, &count);
    uint64_t oldest = state.oldest > 0 ? state.oldest : count > 0 ? found[0].first : 1;
    for (size_t i = 0; i < count && !e->stopped && found[i].first <= until; i++) {
        const uint8_t *bytes;
        record_t r;
        if (found[i].first + found[i].count - 1 <= e->upto ||
            scan_read(scan, &found[i], &bytes, &r) != SL_OK)
            continue;
        pass_on_hole(e, oldest, r.first - 1);
        if (!e->stopped)
            pass_on(e, &r, NULL);
        e->upto = record_last(&r);
    }
    uint64_t head = state.next > 0 ? state.next - 1 : 0;
    pass_on_hole(e, oldest, head < until ? head : until);
    scan_destroy(&scan);
    return SL_OK;
}

sl_err store_export(const char *dir, uint64_t after, uint64_t until, journal_visit_fn *visit,
                    void *ctx, bool *sound)
{
    store_t *s = NULL;
    store_options_t o = {.dir = dir, .read_only = true};
    exporting_t e = {.visit = visit, .ctx = ctx, .upto = after};
    sl_err err = store_open(&s, &o, NULL, NULL);
    *sound = err != SL_EPROTO;
    if (err == SL_OK)
        err = export_tree(s, &e, until);
    else if (err == SL_EPROTO)
        err = export_found(dir, &e, until);
    store_close(&s, false);
    return err;
}

/* -- backup ----------------------------------------------------------------------------------- */

typedef struct backup {
    store_t *from;
    store_t to; /* dest, while its mark is written */
    char *dest_file, *copy, *copy_lock;
    const char *failed;
} backup_t;

/* Without free pages; where LMDB finds that its pages do not add up, with them. */
static sl_err copy_snapshot(backup_t *b)
{
    b->failed = "the journal cannot be copied";
    int rc = mdb_env_copy2(b->from->env, b->copy, MDB_CP_COMPACT);
    if (rc == MDB_INCOMPATIBLE || rc == MDB_CORRUPTED) {
        unlink(b->copy);
        rc = mdb_env_copy2(b->from->env, b->copy, 0);
    }
    return store_error(rc);
}

/* The mark that makes a broker begin a new stream; synced, and the copy with it. */
static sl_err mark_copy(backup_t *b)
{
    store_t *to = &b->to;
    MDB_txn *txn;
    b->failed = "the copy cannot be marked";
    int rc = store_env_open(to, BACKUP_FILE);
    if (rc == 0)
        rc = mdb_txn_begin(to->env, NULL, 0, &txn);
    if (rc != 0)
        return store_error(rc);
    sl_err err = store_get_state(to, txn, &to->state);
    if (err == SL_OK) {
        to->state.backup = true;
        to->state.clean = false;
        err = store_error(store_put_state(to, txn, &to->state));
    }
    if (err == SL_OK)
        return store_error(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return err;
}

static sl_err put_in_place(backup_t *b)
{
    b->failed = "the copy cannot be put in place";
    store_env_close(&b->to);
    unlink(b->copy_lock);
    if (rename(b->copy, b->dest_file) != 0)
        return SL_EIO;
    return store_sync_dir(b->to.dir);
}

static sl_err make_dest(backup_t *b)
{
    b->failed = "the directory cannot be made";
    if (mkdir(b->to.dir, 0750) != 0 && errno != EEXIST)
        return SL_EIO;
    b->failed = "there is a journal already";
    if (access(b->dest_file, F_OK) == 0)
        return SL_EEXIST;
    unlink(b->copy); /* of a backup that was interrupted */
    return SL_OK;
}

/* Both are directories; what an interrupted backup left in `to` goes. */
static sl_err copy_env(const char *from, const char *to, const char *to_file)
{
    MDB_env *env = NULL;
    unlink(to_file);
    if (mkdir(to, 0750) != 0 && errno != EEXIST)
        return SL_EIO;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_open(env, from, MDB_RDONLY | MDB_NOTLS, 0);
    if (rc == 0)
        rc = mdb_env_copy2(env, to, MDB_CP_COMPACT);
    if (env != NULL)
        mdb_env_close(env);
    if (rc != 0)
        return store_error(rc);
    int fd = open(to_file, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced ? store_sync_dir(to) : SL_EIO;
}

/* The places of named subscribers.  Before the journal, so that none lies behind what is copied. */
static sl_err copy_cursors(backup_t *b)
{
    char *from = store_path(b->from->dir, CURSORS_DIR), *to = store_path(b->to.dir, CURSORS_DIR);
    char *from_file = store_path(b->from->dir, CURSORS_FILE);
    char *to_file = store_path(b->to.dir, CURSORS_FILE);
    b->failed = "the cursors cannot be copied";
    sl_err err = SL_ENOMEM;
    if (from != NULL && to != NULL && from_file != NULL && to_file != NULL)
        err = access(from_file, F_OK) == 0 ? copy_env(from, to, to_file) : SL_OK;
    free(from);
    free(to);
    free(from_file);
    free(to_file);
    return err;
}

static sl_err backup(backup_t *b)
{
    sl_err err = make_dest(b);
    if (err == SL_OK)
        err = copy_cursors(b);
    if (err == SL_OK)
        err = copy_snapshot(b);
    if (err == SL_OK)
        err = mark_copy(b);
    if (err == SL_OK)
        err = put_in_place(b);
    if (err != SL_OK && err != SL_EEXIST) {
        int saved = errno;
        store_env_close(&b->to);
        unlink(b->copy);
        unlink(b->copy_lock);
        errno = saved;
    }
    return err;
}

sl_err store_backup(const char *dir, const char *dest, const char **failed)
{
    store_options_t o = {.dir = dir, .read_only = true};
    backup_t b = {.failed = "no memory"};
    sl_err err = store_open(&b.from, &o, NULL, &b.failed);
    if (err == SL_OK) {
        b.to.dir = strdup(dest);
        b.to.o = (store_options_t){.dir = b.to.dir, .sync = STORE_SYNC_DISK};
        b.dest_file = store_path(dest, STORE_FILE);
        b.copy = store_path(dest, BACKUP_FILE);
        b.copy_lock = store_path(dest, BACKUP_LOCK_FILE);
        bool room =
            b.to.dir != NULL && b.dest_file != NULL && b.copy != NULL && b.copy_lock != NULL;
        err = room ? backup(&b) : SL_ENOMEM;
    }
    store_close(&b.from, false);
    free(b.to.dir);
    free(b.dest_file);
    free(b.copy);
    free(b.copy_lock);
    if (failed != NULL)
        *failed = err != SL_OK ? b.failed : NULL;
    return err;
}

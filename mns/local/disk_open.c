/* The disk's start: opens the directory and reads it back, distrusting every byte.
 *
 * LMDB trusts its file: a damaged page can send it off the map.  So while the file is read, a
 * fault of memory is caught and taken for what it is, a damaged file.  Nothing else runs meanwhile.
 */
#include "disk_impl.h"
#include "disk_pages.h"
#include "disk_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* -- saying what is wrong ------------------------------------------------------------------ */

static const char damaged[] = "data.mdb: damaged, or not of mns-local";

static sl_err complain(char *sentence, sl_err err, const char *what)
{
    snprintf(sentence, DISK_SENTENCE_MAX, "%s", what);
    return err;
}

static sl_err complain_mdb(char *sentence, int err)
{
    switch (err) {
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return complain(sentence, SL_EPROTO, damaged);
    case MDB_VERSION_MISMATCH:
        return complain(sentence, SL_EVERSION, "data.mdb: of another version of LMDB");
    case ENOMEM:
        return complain(sentence, SL_ENOMEM, "out of memory");
    default:
        return complain(sentence, SL_EIO, mdb_strerror(err));
    }
}

sl_err disk_complain_load(char *sentence, sl_err err)
{
    if (err == SL_ENOMEM || err == SL_ELIMIT)
        return complain(sentence, SL_ENOMEM, "out of memory");
    return complain(sentence, err, damaged);
}

/* -- the directory ------------------------------------------------------------------------- */

static sl_err lock_dir(disk_t *d, char *sentence)
{
    char path[PATH_BYTES];
    if (mkdir(d->options.dir, 0750) != 0 && errno != EEXIST)
        return complain(sentence, SL_EIO, strerror(errno));
    if (snprintf(path, sizeof path, "%s/lock", d->options.dir) >= (int)sizeof path)
        return complain(sentence, SL_EIO, strerror(ENAMETOOLONG));
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (d->lock_fd < 0)
        return complain(sentence, SL_EIO, strerror(errno));
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return complain(sentence, SL_EEXIST, "another process is using it");
    return SL_OK;
}

/* Room for what memory may hold: large values waste up to a page, pages are half full at worst, and
 * a transaction keeps what it replaces.  Only addresses are taken; the file grows as needed. */
static size_t map_bytes(const disk_t *d)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (d->options.memory_bytes * 4 + (256u << 20)) / page * page;
}

/* LMDB must not see a file that is not whole. */
static sl_err check_pages(const disk_t *d, char *sentence)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/data.mdb", d->options.dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SL_OK : complain(sentence, SL_EIO, strerror(errno));
    sl_err err = disk_pages_check(fd);
    if (err != SL_OK)
        complain(sentence, err,
                 err == SL_EPROTO   ? damaged
                 : err == SL_ENOMEM ? "out of memory"
                                    : strerror(errno));
    close(fd);
    return err;
}

static sl_err open_env(disk_t *d, char *sentence)
{
    int err = mdb_env_create(&d->env);
    if (err == 0)
        err = mdb_env_set_maxdbs(d->env, DISK_TABLE_COUNT);
    if (err == 0)
        err = mdb_env_set_mapsize(d->env, map_bytes(d));
    if (err == 0)
        err = mdb_env_open(d->env, d->options.dir, MDB_NOSYNC | MDB_NOLOCK, 0640);
    return err == 0 ? SL_OK : complain_mdb(sentence, err);
}

/* -- format -------------------------------------------------------------------------------- */

static sl_err read_meta(disk_t *d, MDB_txn *txn, char *sentence)
{
    MDB_val key = {sizeof DISK_META_KEY - 1, (void *)(uintptr_t)DISK_META_KEY}, value;
    record_meta_t meta;
    uint32_t version;
    if (mdb_get(txn, d->tables[DISK_META], &key, &value) != 0)
        return complain(sentence, SL_EPROTO, damaged);
    sl_err err = record_read_meta(value.mv_data, value.mv_size, &meta, &version);
    if (err == SL_EVERSION)
        snprintf(sentence, DISK_SENTENCE_MAX,
                 "data.mdb: of format %u, which this mns-local does not know", version);
    else if (err != SL_OK)
        complain(sentence, err, damaged);
    if (err != SL_OK)
        return err;
    d->options.queues->boot = meta.boot;
    d->options.queues->number = meta.number;
    return SL_OK;
}

static int open_tables(disk_t *d, MDB_txn *txn)
{
#define X(name, text, flags) {text, flags},
#define Y(name, text)        {text, MDB_INTEGERKEY},
    static const struct {
        const char *name;
        unsigned flags;
    } rows[] = {DISK_TABLES(X) DISK_KEPT(Y)};
#undef X
#undef Y
    int err = 0;
    for (size_t i = 0; i < DISK_TABLE_COUNT && err == 0; i++)
        err = mdb_dbi_open(txn, rows[i].name, rows[i].flags | MDB_CREATE, &d->tables[i]);
    return err;
}

/* -- reading back -------------------------------------------------------------------------- */

typedef struct loader {
    disk_t *d;
    MDB_txn *txn;
    queue_t **by_number; /* sorted */
    size_t queue_count;
} loader_t;

typedef sl_err load_fn(loader_t *l, const MDB_val *key, const MDB_val *value);

/* Is there nothing in it, or what we put there? */
static int look(MDB_txn *txn, bool *empty)
{
    MDB_stat stat;
    MDB_dbi main_table;
    MDB_val key = {sizeof "meta" - 1, (void *)(uintptr_t) "meta"}, value;
    int err = mdb_dbi_open(txn, NULL, 0, &main_table);
    if (err == 0)
        err = mdb_stat(txn, main_table, &stat);
    *empty = err == 0 && stat.ms_entries == 0;
    if (err == 0 && !*empty && mdb_get(txn, main_table, &key, &value) != 0)
        err = MDB_INVALID;
    return err;
}

/* A new file gets its tables; another program's is left alone. */
static sl_err prepare(loader_t *l, char *sentence)
{
    disk_t *d = l->d;
    bool empty = false;
    int err = mdb_txn_begin(d->env, NULL, 0, &l->txn);
    if (err == 0)
        err = look(l->txn, &empty);
    if (err == 0)
        err = open_tables(d, l->txn);
    if (err == 0 && empty)
        err = disk_write_meta(d, l->txn);
    if (err != 0)
        return complain_mdb(sentence, err);
    sl_err checked = read_meta(d, l->txn, sentence);
    if (checked != SL_OK)
        return checked;
    MDB_txn *txn = l->txn;
    l->txn = NULL; /* gone, whatever comes of it */
    err = mdb_txn_commit(txn);
    return err == 0 ? SL_OK : complain_mdb(sentence, err);
}

/* Calls fn for every record of a table, by key. */
static sl_err load_table(loader_t *l, disk_table_t table, load_fn *fn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    sl_err err = SL_OK;
    if (mdb_cursor_open(l->txn, l->d->tables[table], &cursor) != 0)
        return SL_ENOMEM;
    int got = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; got == 0 && err == SL_OK; got = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
        err = fn(l, &key, &value);
    mdb_cursor_close(cursor);
    return err == SL_OK && got != MDB_NOTFOUND ? SL_EPROTO : err;
}

static bool key_text(const MDB_val *key, char *out, size_t size)
{
    if (key->mv_size >= size)
        return false;
    memcpy(out, key->mv_data, key->mv_size);
    out[key->mv_size] = '\0';
    return true;
}

static bool key_number(const MDB_val *key, uint64_t *number)
{
    if (key->mv_size != sizeof *number)
        return false;
    memcpy(number, key->mv_data, sizeof *number);
    return true;
}

static sl_err load_queue(loader_t *l, const MDB_val *key, const MDB_val *value)
{
    char name[QUEUE_NAME_MAX + 1];
    return key_text(key, name, sizeof name)
               ? record_read_queue(value->mv_data, value->mv_size, name, l->d->options.queues)
               : SL_EPROTO;
}

static sl_err load_topic(loader_t *l, const MDB_val *key, const MDB_val *value)
{
    char name[TOPIC_NAME_MAX + 1];
    return key_text(key, name, sizeof name)
               ? record_read_topic(value->mv_data, value->mv_size, name, l->d->options.topics)
               : SL_EPROTO;
}

static sl_err load_slot(loader_t *l, const MDB_val *key, const MDB_val *value)
{
    message_image_t image = {0};
    if (!key_number(key, &image.number) ||
        !record_read_state(value->mv_data, value->mv_size, &image))
        return SL_EPROTO;
    return queue_store_reserve_slots(l->d->options.queues, (size_t)image.slot + 1);
}

static int by_number(const void *a, const void *b)
{
    const queue_t *const *one = a, *const *other = b;
    return ((*one)->number > (*other)->number) - ((*one)->number < (*other)->number);
}

static sl_err sort_queues(loader_t *l)
{
    l->queue_count = HASH_COUNT(l->d->options.queues->queues);
    l->by_number = calloc(l->queue_count + 1, sizeof(queue_t *));
    if (l->by_number == NULL)
        return SL_ENOMEM;
    size_t at = 0;
    for (queue_t *q = l->d->options.queues->queues; q != NULL; q = q->hh.next)
        l->by_number[at++] = q;
    qsort(l->by_number, l->queue_count, sizeof(queue_t *), by_number);
    return SL_OK;
}

static queue_t *queue_of(const loader_t *l, uint64_t number)
{
    size_t low = 0, high = l->queue_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->by_number[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->queue_count && l->by_number[low]->number == number ? l->by_number[low] : NULL;
}

static sl_err load_message(loader_t *l, const MDB_val *key, const MDB_val *value)
{
    message_image_t image = {0};
    MDB_val state;
    if (!key_number(key, &image.number) || image.number > l->d->options.queues->number ||
        !record_read_message(value->mv_data, value->mv_size, &image))
        return SL_EPROTO;
    MDB_val same = {sizeof image.number, &image.number};
    int got = mdb_get(l->txn, l->d->tables[DISK_STATES], &same, &state);
    if (got == 0 && !record_read_state(state.mv_data, state.mv_size, &image))
        return SL_EPROTO;
    queue_t *q = queue_of(l, image.queue_number);
    if (q == NULL || (got != 0 && got != MDB_NOTFOUND))
        return SL_EPROTO;
    return queue_restore(q, &image);
}

static sl_err load_all(loader_t *l)
{
    sl_err err = load_table(l, DISK_QUEUES, load_queue);
    if (err == SL_OK)
        err = load_table(l, DISK_TOPICS, load_topic);
    if (err == SL_OK)
        err = sort_queues(l);
    if (err == SL_OK)
        err = load_table(l, DISK_STATES, load_slot);
    if (err == SL_OK)
        err = load_table(l, DISK_MESSAGES, load_message);
    if (err == SL_OK)
        queue_store_restored(l->d->options.queues);
    return err;
}

static sl_err load(disk_t *d, char *sentence)
{
    loader_t l = {.d = d};
    sl_err err = prepare(&l, sentence);
    if (err == SL_OK) {
        int begun = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &l.txn);
        err = begun == 0 ? SL_OK : complain_mdb(sentence, begun);
    }
    if (err == SL_OK) {
        err = load_all(&l);
        if (err != SL_OK)
            disk_complain_load(sentence, err);
    }
    if (l.txn != NULL)
        mdb_txn_abort(l.txn);
    free(l.by_number);
    return err;
}

/* -- opening ------------------------------------------------------------------------------- */

sl_err disk_open(disk_t **out, const disk_options_t *options, char sentence[DISK_SENTENCE_MAX])
{
    static const counter_def_t counter_defs[] = {DISK_COUNTERS(COUNTER_DEF)};
    disk_t *d = calloc(1, sizeof *d);
    if (d == NULL)
        return complain(sentence, SL_ENOMEM, "out of memory");
    d->lock_fd = -1;
    d->options = *options;
    d->due_ms = UINT64_MAX;
    d->counter_set =
        (counter_set_t){.defs = counter_defs, .values = d->counters, .count = DISK_COUNTER_COUNT};
    counter_registry_add(options->registry, &d->counter_set);
    sl_err err = lock_dir(d, sentence);
    if (err == SL_OK)
        err = check_pages(d, sentence);
    if (err == SL_OK)
        err = open_env(d, sentence);
    if (err == SL_OK)
        err = load(d, sentence);
    if (err != SL_OK) {
        disk_close(&d);
        return err;
    }
    d->open = true;
    disk_reserve_open(d);
    d->saved_number = options->queues->number;
    options->queues->disk = d;
    *out = d;
    return SL_OK;
}

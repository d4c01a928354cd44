#include "disk.h"

#include "base/log.h"
#include "disk_impl.h"
#include "disk_record.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

enum { RETRY_MS = 1000 };

/* -- notes --------------------------------------------------------------------------------- */

void disk_message(disk_t *d, message_t *m)
{
    d->fresh = true;
    if (m->note.noted)
        return;
    m->note.noted = true;
    DL_APPEND2(d->changed, m, note.prev, note.next);
}

bool disk_message_gone(disk_t *d, message_t *m)
{
    if (m->note.noted)
        DL_DELETE2(d->changed, m, note.prev, note.next);
    if (!m->note.saved)
        return false;
    d->fresh = true;
    DL_APPEND2(d->gone, m, note.prev, note.next);
    return true;
}

/* Without memory for a name, all of its kind are written anew. */
static void note_name(disk_t *d, disk_names_t *names, const char *text)
{
    disk_name_t *name;
    d->fresh = true;
    HASH_FIND_STR(names->noted, text, name);
    if (name != NULL || names->all)
        return;
    name = malloc(sizeof *name + strlen(text) + 1);
    names->all = name == NULL;
    if (name == NULL)
        return;
    strcpy(name->text, text);
    HASH_ADD_STR(names->noted, text, name);
    if (name->hh.tbl == NULL) {
        free(name);
        names->all = true;
    }
}

void disk_queue(disk_t *d, const char *name)
{
    note_name(d, &d->queue_names, name);
}

void disk_topic(disk_t *d, const char *name)
{
    note_name(d, &d->topic_names, name);
}

static void forget_names(disk_names_t *names)
{
    disk_name_t *name, *next;
    HASH_ITER(hh, names->noted, name, next)
    {
        HASH_DEL(names->noted, name);
        free(name);
    }
    names->all = false;
}

bool disk_dirty(const disk_t *d)
{
    return d->fresh || d->saved_number != d->options.queues->number;
}

/* -- a transaction ------------------------------------------------------------------------- */

static MDB_val text_key(const char *text)
{
    return (MDB_val){.mv_size = strlen(text), .mv_data = (void *)(uintptr_t)text};
}

static int put(disk_t *d, MDB_txn *txn, disk_table_t table, MDB_val *key)
{
    if (d->record.failed)
        return ENOMEM;
    MDB_val value = {.mv_size = d->record.len, .mv_data = d->record.data};
    return mdb_put(txn, d->tables[table], key, &value, 0);
}

static int del(disk_t *d, MDB_txn *txn, disk_table_t table, MDB_val *key)
{
    int err = mdb_del(txn, d->tables[table], key, NULL);
    return err == MDB_NOTFOUND ? 0 : err;
}

static MDB_val number_key(uint64_t *number)
{
    return (MDB_val){.mv_size = sizeof *number, .mv_data = number};
}

static int write_gone(disk_t *d, MDB_txn *txn)
{
    int err = 0;
    for (message_t *m = d->gone; m != NULL && err == 0; m = m->note.next) {
        MDB_val key = number_key(&m->number);
        err = del(d, txn, DISK_MESSAGES, &key);
        if (err == 0 && m->note.state_saved)
            err = del(d, txn, DISK_STATES, &key);
    }
    return err;
}

/* Is there anything to say that the message's own record does not? */
static bool has_state(const message_t *m)
{
    return m->generation > 0 || m->note.state_saved;
}

static int write_changed(disk_t *d, MDB_txn *txn)
{
    int err = 0;
    for (message_t *m = d->changed; m != NULL && err == 0; m = m->note.next) {
        MDB_val key = number_key(&m->number);
        if (!m->note.saved) {
            sl_buf_clear(&d->record);
            record_message(&d->record, m);
            err = put(d, txn, DISK_MESSAGES, &key);
        }
        if (err == 0 && has_state(m)) {
            sl_buf_clear(&d->record);
            record_state(&d->record, m);
            err = put(d, txn, DISK_STATES, &key);
        }
    }
    return err;
}

static int write_queue(disk_t *d, MDB_txn *txn, const char *name)
{
    MDB_val key = text_key(name);
    const queue_t *q = queue_find(d->options.queues, name);
    if (q == NULL)
        return del(d, txn, DISK_QUEUES, &key);
    sl_buf_clear(&d->record);
    record_queue(&d->record, q);
    return put(d, txn, DISK_QUEUES, &key);
}

static int write_topic(disk_t *d, MDB_txn *txn, const char *name)
{
    MDB_val key = text_key(name);
    const topic_t *t = topic_find(*d->options.topics, name);
    if (t == NULL)
        return del(d, txn, DISK_TOPICS, &key);
    sl_buf_clear(&d->record);
    record_topic(&d->record, t);
    return put(d, txn, DISK_TOPICS, &key);
}

static int write_noted(disk_t *d, MDB_txn *txn)
{
    int err = 0;
    for (disk_name_t *n = d->queue_names.noted; n != NULL && err == 0; n = n->hh.next)
        err = write_queue(d, txn, n->text);
    for (disk_name_t *n = d->topic_names.noted; n != NULL && err == 0; n = n->hh.next)
        err = write_topic(d, txn, n->text);
    return err;
}

/* Tables of which some names could not be noted. */
static int write_all(disk_t *d, MDB_txn *txn)
{
    int err = 0;
    if (d->queue_names.all)
        err = mdb_drop(txn, d->tables[DISK_QUEUES], 0);
    for (queue_t *q = d->options.queues->queues; q != NULL && d->queue_names.all && err == 0;
         q = q->hh.next)
        err = write_queue(d, txn, q->name);
    if (err == 0 && d->topic_names.all)
        err = mdb_drop(txn, d->tables[DISK_TOPICS], 0);
    for (topic_t *t = *d->options.topics; t != NULL && d->topic_names.all && err == 0;
         t = t->hh.next)
        err = write_topic(d, txn, t->name);
    return err;
}

int disk_write_meta(disk_t *d, MDB_txn *txn)
{
    const record_meta_t meta = {d->options.queues->boot, d->options.queues->number};
    MDB_val key = text_key(DISK_META_KEY);
    sl_buf_clear(&d->record);
    record_meta(&d->record, &meta);
    return put(d, txn, DISK_META, &key);
}

static int write_transaction(disk_t *d)
{
    MDB_txn *txn;
    int err = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (err != 0)
        return err;
    err = write_gone(d, txn);
    if (err == 0)
        err = write_changed(d, txn);
    if (err == 0)
        err = write_noted(d, txn);
    if (err == 0)
        err = write_all(d, txn);
    if (err == 0)
        err = disk_write_kept(d, txn);
    if (err == 0)
        err = disk_write_meta(d, txn);
    if (err == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return err;
}

/* -- and its end --------------------------------------------------------------------------- */

static void free_gone(disk_t *d)
{
    while (d->gone != NULL) {
        message_t *m = d->gone;
        DL_DELETE2(d->gone, m, note.prev, note.next);
        free(m);
    }
}

static void settle_written(disk_t *d)
{
    free_gone(d);
    while (d->changed != NULL) {
        message_t *m = d->changed;
        DL_DELETE2(d->changed, m, note.prev, note.next);
        m->note = (message_note_t){.saved = true, .state_saved = has_state(m)};
    }
    forget_names(&d->queue_names);
    forget_names(&d->topic_names);
    disk_settle_kept(d, true);
    d->saved_number = d->options.queues->number;
}

/* What was new is taken out again: whoever sent it hears of an error, and may send it again. */
static void undo_new(disk_t *d)
{
    message_t *m, *next;
    DL_FOREACH_SAFE2(d->changed, m, next, note.next)
    {
        if (m->note.saved)
            continue;
        queue_delete(m);
        counter_add(&d->counters[DISK_COUNT_UNDONE], 1);
    }
}

static void settle_failed(disk_t *d, int err)
{
    LOG_ERROR("MNS-LOCAL-DISK", "dir=%s error=%s; what changes something fails", d->options.dir,
              mdb_strerror(err));
    counter_add(&d->counters[DISK_COUNT_FAILURES], 1);
    undo_new(d);
    disk_settle_kept(d, false);
    disk_reserve_release(d);
    d->saved_number = d->options.queues->number; /* will be written with the next change */
}

static bool has_notes(const disk_t *d)
{
    return d->changed != NULL || d->gone != NULL || d->queue_names.noted != NULL ||
           d->topic_names.noted != NULL || d->queue_names.all || d->topic_names.all ||
           d->changes != NULL;
}

bool disk_retry(disk_t *d)
{
    d->fresh |= has_notes(d);
    return d->fresh;
}

sl_err disk_commit(disk_t *d)
{
    uint64_t now = d->options.queues->now_ms;
    bool due = d->due_ms <= now;
    int err = write_transaction(d);
    if (err == 0) {
        counter_add(&d->counters[DISK_COUNT_COMMITS], 1);
        settle_written(d);
        if (due && d->is_short)
            disk_reserve_restore(d);
    } else {
        settle_failed(d, err);
    }
    if (!d->is_short && !has_notes(d))
        d->due_ms = UINT64_MAX;
    else if (due || d->due_ms == UINT64_MAX)
        d->due_ms = now + RETRY_MS;
    counter_set(&d->counters[DISK_COUNT_SHORT], d->is_short);
    d->fresh = false;
    return err == 0 ? SL_OK : SL_EIO;
}

bool disk_is_short(const disk_t *d)
{
    return d->is_short;
}

uint64_t disk_due_ms(const disk_t *d)
{
    return d->due_ms;
}

void disk_close(disk_t **disk)
{
    disk_t *d = *disk;
    if (d == NULL)
        return;
    int saved = errno;
    d->options.queues->disk = NULL;
    if (d->open) {
        disk_commit(d);
        mdb_env_sync(d->env, 1);
    }
    if (d->env != NULL)
        mdb_env_close(d->env);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free_gone(d);
    forget_names(&d->queue_names);
    forget_names(&d->topic_names);
    disk_settle_kept(d, true);
    sl_buf_fini(&d->record);
    if (d->options.registry != NULL)
        counter_registry_remove(d->options.registry, &d->counter_set);
    free(d);
    *disk = NULL;
    errno = saved;
}

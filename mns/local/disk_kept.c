/* What other modules keep: numbered records, of which the disk knows no more than the bytes.
 *
 * A change is copied and waits for the commit; of several to one record only the last does.  When
 * the transaction fails, what was to be put is forgotten, since nobody was promised that it is
 * kept; what was to be deleted is tried again. */
#include "disk_impl.h"
#include "disk_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct disk_change {
    uint64_t number; /* no two records have one, of whatever kind */
    kept_t kind;
    bool put; /* else it is deleted */
    size_t len;
    UT_hash_handle hh;
    uint8_t bytes[];
};

static disk_table_t table_of(kept_t kind)
{
    return (disk_table_t)(DISK_PUSHES + kind);
}

static void drop(disk_t *d, disk_change_t *change)
{
    HASH_DEL(d->changes, change);
    free(change);
}

static bool add(disk_t *d, kept_t kind, uint64_t number, bool is_put, const void *bytes, size_t len)
{
    disk_change_t *change;
    d->fresh = true;
    HASH_FIND(hh, d->changes, &number, sizeof number, change);
    if (change != NULL)
        drop(d, change);
    change = malloc(sizeof *change + len);
    if (change == NULL)
        return false;
    change->number = number;
    change->kind = kind;
    change->put = is_put;
    change->len = len;
    if (len > 0)
        memcpy(change->bytes, bytes, len);
    HASH_ADD(hh, d->changes, number, sizeof change->number, change);
    if (change->hh.tbl != NULL)
        return true;
    free(change);
    return false;
}

void disk_keep(disk_t *d, kept_t kind, uint64_t number, const void *bytes, size_t len)
{
    if (bytes == NULL || !add(d, kind, number, true, bytes, len))
        d->lost = true; /* then the commit fails, and nobody is told that it is kept */
}

void disk_forget(disk_t *d, kept_t kind, uint64_t number)
{
    /* without memory it comes back at the next start: twice is better than never */
    add(d, kind, number, false, NULL, 0);
}

int disk_write_kept(disk_t *d, MDB_txn *txn)
{
    int err = d->lost ? ENOMEM : 0;
    for (disk_change_t *c = d->changes; c != NULL && err == 0; c = c->hh.next) {
        MDB_dbi table = d->tables[table_of(c->kind)];
        MDB_val key = {sizeof c->number, &c->number};
        if (!c->put) {
            err = mdb_del(txn, table, &key, NULL);
            err = err == MDB_NOTFOUND ? 0 : err;
            continue;
        }
        sl_buf_clear(&d->record);
        record_kept(&d->record, c->number, c->bytes, c->len);
        MDB_val value = {d->record.len, d->record.data};
        err = d->record.failed ? ENOMEM : mdb_put(txn, table, &key, &value, 0);
    }
    return err;
}

void disk_settle_kept(disk_t *d, bool written)
{
    disk_change_t *change, *next;
    HASH_ITER(hh, d->changes, change, next)
    {
        if (written || change->put)
            drop(d, change);
    }
    d->lost = false;
}

sl_err disk_read_kept(disk_t *d, kept_t kind, kept_fn *fn, void *ctx,
                      char sentence[DISK_SENTENCE_MAX])
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    sl_err err = SL_OK;
    int got = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);
    if (got == 0 && mdb_cursor_open(txn, d->tables[table_of(kind)], &cursor) != 0) {
        mdb_txn_abort(txn);
        got = ENOMEM;
    }
    if (got != 0)
        return disk_complain_load(sentence, SL_ENOMEM);
    while (err == SL_OK && (got = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        uint64_t number = 0;
        const uint8_t *bytes;
        uint32_t len;
        if (key.mv_size == sizeof number)
            memcpy(&number, key.mv_data, sizeof number);
        err = record_read_kept(value.mv_data, value.mv_size, number, &bytes, &len)
                  ? fn(ctx, number, bytes, len)
                  : SL_EPROTO;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    if (err == SL_OK && got != MDB_NOTFOUND)
        err = SL_EPROTO;
    return err == SL_OK ? SL_OK : disk_complain_load(sentence, err);
}

/* Room to delete in when the disk is full.
 *
 * LMDB writes what it changes to new pages, so even deleting needs some.  A table of filler keeps
 * 64 pages occupied.  When a transaction finds no room, the filler is dropped: its pages are there
 * for receives and deletes, while nothing new is taken.  When the filler could be put back, there
 * is room again, and sends are taken again. */
#include "disk_impl.h"

#include <string.h>

enum { RECORDS = 128, RECORD_BYTES = 2000 }; /* two in a page */

/* Does nothing when it is full. */
static int fill(disk_t *d, MDB_txn *txn)
{
    static uint8_t filler[RECORD_BYTES];
    MDB_stat stat;
    int err = mdb_stat(txn, d->tables[DISK_RESERVE], &stat);
    if (err == 0 && stat.ms_entries == RECORDS)
        return 0;
    if (err == 0)
        err = mdb_drop(txn, d->tables[DISK_RESERVE], 0);
    for (uint64_t i = 0; i < RECORDS && err == 0; i++) {
        MDB_val key = {sizeof i, &i}, value = {sizeof filler, filler};
        err = mdb_put(txn, d->tables[DISK_RESERVE], &key, &value, MDB_APPEND);
    }
    return err;
}

static int empty(disk_t *d, MDB_txn *txn)
{
    return mdb_drop(txn, d->tables[DISK_RESERVE], 0);
}

/* A transaction of its own. */
static int transact(disk_t *d, int (*change)(disk_t *d, MDB_txn *txn))
{
    MDB_txn *txn;
    int err = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (err != 0)
        return err;
    err = change(d, txn);
    if (err == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return err;
}

void disk_reserve_release(disk_t *d)
{
    /* what one transaction frees, the one after the next may use */
    if (!d->is_short && transact(d, empty) == 0)
        transact(d, disk_write_meta);
    d->is_short = true;
}

void disk_reserve_restore(disk_t *d)
{
    if (transact(d, fill) == 0)
        d->is_short = false;
}

void disk_reserve_open(disk_t *d)
{
    d->is_short = true;
    disk_reserve_restore(d);
    if (d->is_short)
        d->due_ms = d->options.queues->now_ms;
}

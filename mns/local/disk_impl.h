/* disk_impl.h - what disk.c (notes, transactions) and disk_open.c (start) share. */
#ifndef LOCAL_DISK_IMPL_H
#define LOCAL_DISK_IMPL_H

#include "disk.h"

#include <lmdb.h>

#define DISK_META_KEY "store" /* the one record of the table meta */

/** LMDB's named databases.  Keys of the numbered ones are uint64_t in the machine's order. */
#define DISK_TABLES(X)                      \
    X(META, "meta", 0)                      \
    X(QUEUES, "queues", 0)                  \
    X(TOPICS, "topics", 0)                  \
    X(MESSAGES, "messages", MDB_INTEGERKEY) \
    X(STATES, "states", MDB_INTEGERKEY)     \
    X(RESERVE, "reserve", MDB_INTEGERKEY)
#define X(name, text, flags) DISK_##name,
#define Y(name, text)        DISK_##name,
typedef enum { DISK_TABLES(X) DISK_KEPT(Y) DISK_TABLE_COUNT } disk_table_t;
#undef X
#undef Y

/** A queue or topic to be written, or deleted when it is not there. */
typedef struct disk_name {
    UT_hash_handle hh;
    char text[];
} disk_name_t;

typedef struct disk_names {
    disk_name_t *noted; /**< hash by text */
    bool all;           /**< some could not be noted */
} disk_names_t;

typedef struct disk_change disk_change_t; /* see disk_kept.c */

struct disk {
    disk_options_t options;
    MDB_env *env;
    MDB_dbi tables[DISK_TABLE_COUNT];
    int lock_fd;
    bool open; /**< loaded: there is something to commit */
    message_t *changed, *gone;
    disk_names_t queue_names, topic_names;
    disk_change_t *changes; /**< hash by number */
    bool lost;              /**< there was no memory for one */
    uint64_t saved_number;
    bool fresh; /**< something was noted since the last try */
    uint64_t due_ms;
    bool is_short;   /**< of room: the reserve is in use */
    sl_buf_t record; /**< scratch */
    counter_t counters[DISK_COUNTER_COUNT];
    counter_set_t counter_set;
};

/** Writes the record of the table meta.  @return an error of LMDB's. */
int disk_write_meta(disk_t *d, MDB_txn *txn);

/** Sees to the reserve at start. */
void disk_reserve_open(disk_t *d);
/** A transaction found no room: gives the reserve's pages to those that follow. */
void disk_reserve_release(disk_t *d);
/** Tries to have it again. */
void disk_reserve_restore(disk_t *d);

/** Writes the changes of disk_keep and disk_forget.  @return an error of LMDB's. */
int disk_write_kept(disk_t *d, MDB_txn *txn);
/** They are written, or were not. */
void disk_settle_kept(disk_t *d, bool written);

/** Says what is wrong with records.  @return err. */
sl_err disk_complain_load(char *sentence, sl_err err);

#endif

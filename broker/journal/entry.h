/* entry.h - what stands in the tree beside the records, as bytes that explain themselves too.
 *
 *     key                     value
 *     0x01                    state: where the numbering stands, and how the last run went
 *     0x02 topic              tail: the last number on a topic
 *     0x03 first, big endian  record (record.h)
 *
 * Records come last, so that a new one is appended at the tree's end.  State and tails carry magic
 * and sum as records do: a bit that flips in a leaf is noticed, and a search of the raw file finds
 * them.
 *
 * Threads: pure functions. */
#ifndef JOURNAL_ENTRY_H
#define JOURNAL_ENTRY_H

#include "journal/record.h"
#include "journal/store.h"

enum {
    KEY_STATE = 1,
    KEY_TAIL = 2,
    KEY_RECORD = 3,
    KEY_RECORD_BYTES = 9,
    TOPIC_BYTES_MAX = 500, /* LMDB's keys end at 511 */
    BOOT_ID_BYTES = 36,
    STATE_BYTES = 320,
    TAIL_HEAD_BYTES = 40,
    TAIL_BYTES_MAX = TAIL_HEAD_BYTES + TOPIC_BYTES_MAX,
    ENTRY_MAGIC_BYTES = 8,
};

extern const uint8_t state_magic[ENTRY_MAGIC_BYTES];
extern const uint8_t tail_magic[ENTRY_MAGIC_BYTES];

typedef struct store_state {
    uint64_t journal;       /**< names the file; a secret */
    uint64_t era, era_base; /**< see record.h */
    uint64_t txn; /**< LMDB's transaction that wrote it: a meta page that lies is noticed */
    uint64_t stream, next;
    uint64_t oldest;  /**< everything below was taken by retention */
    uint64_t time_ns; /**< of the newest record */
    uint64_t inode;   /**< of the file it was written to: a copy is noticed */
    uint64_t unread;  /**< in DIR/run: starts in a row, each after a death, that read no bodies */
    uint64_t lost;    /**< numbers in holes by damage that the run's start found */
    store_sync_t sync;
    bool clean;    /**< the run that wrote it ended in order */
    bool backup;   /**< written by store_backup, and by no broker since */
    bool salvaged; /**< its records were taken out of a damaged file; no broker wrote since */
    char boot[BOOT_ID_BYTES + 1];
    store_parent_t parents[STORE_PARENTS_MAX];
    uint32_t parent_count;
} store_state_t;

typedef struct store_tail {
    uint64_t journal, last;
    const char *topic; /**< borrowed */
    size_t topic_len;
} store_tail_t;

void state_write(uint8_t at[STATE_BYTES], const store_state_t *state);
/** @return SL_OK; SL_EPROTO: damaged; SL_EVERSION. */
sl_err state_read(store_state_t *state, const void *data, size_t len);

static inline size_t tail_size(const store_tail_t *t)
{
    return TAIL_HEAD_BYTES + t->topic_len;
}

void tail_write(uint8_t *at, const store_tail_t *tail);
/** Reads a tail that fills `len` bytes exactly. */
sl_err tail_read(store_tail_t *tail, const void *data, size_t len);
/** How many bytes the tail that begins here claims to be; 0: none begins here. */
size_t tail_claims(const void *data, size_t len);

void record_key(uint8_t key[KEY_RECORD_BYTES], uint64_t first);
/** @return false: this is no record's key. */
bool record_key_read(const void *key, size_t len, uint64_t *first);

#endif

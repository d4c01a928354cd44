/* disk.h - what outlives the process: an LMDB environment behind the store in memory.
 *
 *     operation ── changes memory ──> disk_message, disk_queue, … note what changed
 *        └─ its answer is held                   │
 *     end of the turn ── disk_commit: one transaction writes all that is noted ── answers go out
 *
 * So an answer that a client has seen is in the file before it: a process that is killed loses
 * nothing that it acknowledged.  Commits are not synced, since that would cost a turn 10 ms and
 * more: a power cut may lose the last seconds, or damage the file, which is noticed at start.
 *
 * Memory stays the truth while the process lives: nothing is ever read back but at start.  What
 * changes twice within a turn is written once; a message that comes and goes within one, never.
 * When a transaction fails (a full disk), the messages that it would have added are taken out of
 * memory again, the answers become errors, and the other notes are kept for the next try; what
 * is new is refused until there is room (disk_reserve.c).
 *
 *     meta      "store" -> format, boot, the last number given
 *     queues    name -> attributes, times                 topics   name -> the same, subscriptions
 *     messages  number -> all that never changes          states   number -> what a receive changes
 *     reserve   filler                                    pushes, dead, mails, sms: see keep.h
 *
 * One thread; one process at a time, which a lock on the directory's file "lock" sees to. */
#ifndef LOCAL_DISK_H
#define LOCAL_DISK_H

#include "base/counter.h"
#include "base/err.h"
#include "queue.h"
#include "topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_COUNTERS(X)                                                                         \
    X(COMMITS, TOTAL, "mns_local_commits", "Transactions written to --data")                     \
    X(FAILURES, TOTAL, "mns_local_commit_failures",                                              \
      "Transactions that could not be written; what they would have saved was answered with an " \
      "error")                                                                                   \
    X(UNDONE, TOTAL, "mns_local_undone_messages",                                                \
      "Messages taken out again because the transaction that added them failed")                 \
    X(SHORT, GAUGE, "mns_local_disk_full", "1 while the disk is full and what is new is refused")
#define X(name, kind, metric, help) DISK_COUNT_##name,
enum { DISK_COUNTERS(X) DISK_COUNTER_COUNT };
#undef X

enum { DISK_SENTENCE_MAX = 256 };

typedef struct disk disk_t;

/** Borrowed until close. */
typedef struct disk_options {
    const char *dir;       /**< made if it is not there; its parent must be */
    size_t memory_bytes;   /**< what messages may take in memory: the file grows with it */
    queue_store_t *queues; /**< empty */
    topic_t **topics;      /**< empty */
    counter_registry_t *registry;
} disk_options_t;

/** Opens the directory and puts what is in it into the store; the store's boot and numbers go on
 *  where they stood.
 *  @param sentence  says what is wrong.
 *  @return SL_OK; SL_EIO (see the sentence); SL_EPROTO (damaged, or not ours); SL_EVERSION;
 *          SL_EEXIST (another process has it); SL_ENOMEM. */
sl_err disk_open(disk_t **out, const disk_options_t *options, char sentence[DISK_SENTENCE_MAX]);
/** Commits, syncs, closes.  The store no longer knows it. */
void disk_close(disk_t **disk);

/* -- notes: none of them can fail ---------------------------------------------------------- */

/** A message was added or changed. */
void disk_message(disk_t *disk, message_t *message);
/** A message is out of its queue.  @return true: the disk frees it, when it is gone there too. */
bool disk_message_gone(disk_t *disk, message_t *message);
/** A queue was created, changed or destroyed. */
void disk_queue(disk_t *disk, const char *name);
/** The same of a topic, or of its subscriptions. */
void disk_topic(disk_t *disk, const char *name);

/** Other modules' records, by numbers of the store's. */
#define DISK_KEPT(X)  X(PUSHES, "pushes") X(DEAD, "dead") X(MAILS, "mails") X(SMS, "sms")
#define X(name, text) KEPT_##name,
typedef enum { DISK_KEPT(X) KEPT_COUNT } kept_t;
#undef X

/** A record is there, or has changed.  @param bytes  copied; NULL: there was no memory for them. */
void disk_keep(disk_t *disk, kept_t kind, uint64_t number, const void *bytes, size_t len);
void disk_forget(disk_t *disk, kept_t kind, uint64_t number);

/** Calls fn for every record, by number.
 *  @param sentence  says what is wrong.
 *  @return SL_OK, SL_EPROTO (damaged), SL_ENOMEM, or what fn returned. */
typedef sl_err kept_fn(void *ctx, uint64_t number, const uint8_t *bytes, size_t len);
sl_err disk_read_kept(disk_t *disk, kept_t kind, kept_fn *fn, void *ctx,
                      char sentence[DISK_SENTENCE_MAX]);

/** Is the disk full?  Then nothing new can be kept, but receiving and deleting go on. */
bool disk_is_short(const disk_t *disk);

/** Has anything been noted since the last commit? */
bool disk_dirty(const disk_t *disk);
/** Tries again, with this turn's commit, what an earlier one could not keep.
 *  @return false: everything is kept. */
bool disk_retry(disk_t *disk);

/** Writes what is noted.  @return SL_OK; SL_EIO: nothing was written, see above. */
sl_err disk_commit(disk_t *disk);

/** When to commit though nothing new is noted, in the store's time: a failed one is tried again.
 *  UINT64_MAX: never. */
uint64_t disk_due_ms(const disk_t *disk);

#endif

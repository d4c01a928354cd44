/* queue.h - queues, their messages, and who waits for them.
 *
 *                  ┌──────── delay, visibility over ────────┐
 *                  │                                        │
 *     send ──> active: a FIFO per priority ── receive ──> hidden: a heap by next_visible_ms
 *       └─────────────────── delay > 0 ───────────────────> │        │
 *                                                                    └── delete: gone
 *
 * All messages of a queue also hang in one list by age, whose head tells when retention ends.  A
 * receipt handle names a slot of the store's table, the message's number and how often it has been
 * handed out, so that finding and judging one is a look into an array.  Nothing here is worse than
 * O(log n).
 *
 * The part of a message that every answer repeats (id, MD5, body, escaped) is written once, when it
 * is sent.  A store belongs to one thread, keeps all in memory, and reads time once a turn through
 * queue_store_turn. */
#ifndef LOCAL_QUEUE_H
#define LOCAL_QUEUE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "digest.h"
#include "heap.h"
#include "pace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define HASH_NONFATAL_OOM 1 /* an add without memory leaves hh.tbl NULL */
#include <uthash.h>

enum {
    QUEUE_NAME_MAX = 120,
    QUEUES_MAX = 1000,
    PRIORITY_MAX = 16,
    PRIORITY_DEFAULT = 8,
    BATCH_MAX = 16,
    MESSAGE_ID_LEN = 32,
    RECEIPT_LEN = 43,
    UNDELETED_MAX = 5000,      /**< at so many inactive messages the service throttles a queue, */
    UNDELETED_PACE_MAX = 1000, /**< and above so many more within a second */
    BODY_MAX = 65536,
};

/** Name in XML, member, least, most, default. */
#define QUEUE_ATTRIBUTES(X)                                    \
    X(DelaySeconds, delay_s, 0, 604800, 0)                     \
    X(MaximumMessageSize, body_max, 1024, 65536, 65536)        \
    X(MessageRetentionPeriod, retention_s, 60, 604800, 345600) \
    X(VisibilityTimeout, visibility_s, 1, 43200, 30)           \
    X(PollingWaitSeconds, polling_wait_s, 0, 30, 0)

typedef struct queue_attributes {
#define X(name, member, least, most, def) uint32_t member;
    QUEUE_ATTRIBUTES(X)
#undef X
    bool logging;
} queue_attributes_t;

typedef struct queue queue_t;
typedef struct queue_store queue_store_t;
struct disk; /* see disk.h */

typedef enum { MESSAGE_ACTIVE, MESSAGE_DELAYED, MESSAGE_INACTIVE } message_state_t;

/** What the disk knows of a message; the disk's own. */
typedef struct message_note {
    struct message *prev, *next; /**< among those to be written, or to be deleted there */
    bool noted, saved, state_saved;
} message_note_t;

/** Read by all, written by queue.c and message.c alone. */
typedef struct message {
    queue_t *queue;
    uint64_t number; /**< unique in the store's life */
    uint32_t slot, generation;
    message_state_t state;
    uint32_t priority, dequeue_count;
    uint64_t enqueue_ms, first_dequeue_ms, next_visible_ms;
    heap_node_t hidden;                  /**< key: next_visible_ms */
    struct message *prev, *next;         /**< in its FIFO */
    struct message *age_prev, *age_next; /**< in the queue, oldest first */
    message_note_t note;
    size_t body_bytes; /**< as carried, before escaping */
    char id[MESSAGE_ID_LEN + 1], md5[MD5_HEX + 1];
    size_t xml_len;
    /** <MessageId>…</MessageId><MessageBodyMD5>…</…><MessageBody>…</MessageBody>, and properties */
    char xml[];
} message_t;

typedef enum {
    WAIT_READY,   /**< the queue has active messages: take what you want, now */
    WAIT_TIMEOUT, /**< none came */
    WAIT_GONE,    /**< the queue was deleted */
} wait_end_t;

/** Somebody who waits for a queue's next messages; embedded in what its owner knows about it. */
typedef struct waiter {
    queue_t *queue;
    heap_node_t deadline;
    /** The wait is over, in queue_store_turn or in a call that made messages active.  The waiter is
     *  out of the store already and may be freed. */
    void (*on_end)(struct waiter *waiter, wait_end_t why);
    struct waiter *prev, *next;
} waiter_t;

struct queue {
    queue_store_t *store;
    uint64_t number; /**< tells it from an earlier one of the same name */
    char name[QUEUE_NAME_MAX + 1];
    queue_attributes_t attributes;
    uint64_t create_ms, modify_ms;
    size_t active_count, inactive_count, delayed_count;
    pace_t undeleted;                    /**< by how much received messages outran deleted ones */
    message_t *active[PRIORITY_MAX + 1]; /**< by priority; [0] is unused */
    message_t *oldest;
    heap_t hidden;
    waiter_t *waiters;  /**< first come, first served */
    heap_node_t wakeup; /**< key: when something here is due */
    UT_hash_handle hh;
};

struct queue_store {
    const sl_clock_t *clock;
    digest_t *digest;
    struct disk *disk; /**< hears of every change; NULL: all is in memory alone */
    uint64_t now_ms;   /**< Unix ms that never go back: wall time at start + monotonic since */
    uint64_t start_wall_ms, start_mono_ms;
    uint64_t boot;   /**< random: tells this store's ids and handles from another's */
    uint64_t number; /**< the last one given */
    queue_t *queues; /**< hash by name */
    message_t **slots;
    uint32_t *free_slots; /**< a stack */
    size_t slot_count, slot_cap, free_count;
    size_t bytes, bytes_max; /**< of all messages */
    size_t message_count;
    uint64_t expired;             /**< messages that outlived their retention */
    size_t undeleted_peak;        /**< the most inactive messages that a queue ever had */
    uint64_t undeleted_pace_peak; /**< the most that a queue's grew by within a second */
    heap_t wakeups, deadlines;
    sl_buf_t scratch;
};

/** @param digest  borrowed until fini.  @param bytes_max  memory that messages may take. */
void queue_store_init(queue_store_t *store, const sl_clock_t *clock, digest_t *digest,
                      uint64_t boot, size_t bytes_max);
/** Ends all waits with WAIT_GONE. */
void queue_store_fini(queue_store_t *store);

/** Reads the clock and does what is due: messages become active or expire, waits end. */
void queue_store_turn(queue_store_t *store);
/** ms until something is due; UINT64_MAX: nothing is. */
uint64_t queue_store_next_ms(const queue_store_t *store);
/** ms until the store's time is due_ms; UINT64_MAX stays what it is. */
uint64_t queue_store_ms_until(const queue_store_t *store, uint64_t due_ms);

queue_t *queue_find(const queue_store_t *store, const char *name);
/** A name that is free.  @return SL_OK, SL_ENOMEM, SL_ELIMIT (QUEUES_MAX). */
sl_err queue_create(queue_store_t *store, const char *name, const queue_attributes_t *attributes,
                    queue_t **out);
void queue_set_attributes(queue_t *queue, const queue_attributes_t *attributes);
/** Its messages vanish, its waits end with WAIT_GONE. */
void queue_destroy(queue_t *queue);

/** Is there no room for anything new, in memory or on disk? */
bool queue_store_full(const queue_store_t *store);

/** A new message id, and a NUL.  No other message of any server has it. */
void queue_store_new_id(queue_store_t *store, char out[MESSAGE_ID_LEN + 1]);

/** A message that is in no queue yet.
 *  @param beside  XML that goes out beside the body (property.h), or NULL.
 *  @return SL_OK, SL_ENOMEM, SL_ELIMIT (bytes_max, or the disk is full). */
sl_err message_create(queue_store_t *store, const char *body, size_t len, const sl_buf_t *beside,
                      message_t **out);
void message_destroy(queue_store_t *store, message_t *message);

/** Room for `count` more messages.  @return SL_OK, SL_ENOMEM. */
sl_err queue_reserve(queue_t *queue, size_t count);
/** Puts a message in; room is reserved.  Waiters are not served yet, so that a batch is handed out
 *  as one. */
void queue_put(queue_t *queue, message_t *message, uint32_t priority, uint32_t delay_s);
/** Hands active messages to those who wait. */
void queue_serve(queue_t *queue);

/** Would the service refuse to hand out more, because its consumers receive and do not delete? */
bool queue_over_limit(queue_t *queue);

/** Takes up to `max` active messages by priority, then age.  @return how many. */
size_t queue_receive(queue_t *queue, message_t **out, size_t max);
/** Puts the first active message behind the others of its priority. */
void queue_rotate(queue_t *queue);
/** Makes a message that was just received active again, the first of its priority; its handle is no
 *  longer good. */
void queue_show(message_t *message);

/** Looks at up to `max` active messages without touching them. */
size_t queue_peek(queue_t *queue, message_t **out, size_t max);

/** Writes the handle under which the message is out now, and a NUL. */
void message_receipt(const message_t *message, char out[RECEIPT_LEN + 1]);

/** The message that a receipt handle stands for.  @return SL_OK; SL_EINVAL: malformed, of another
 *  queue, or no longer the current one; SL_ENOENT: the message is gone. */
sl_err queue_lookup(queue_t *queue, const char *receipt, message_t **out);

/** Deletes a message that queue_lookup gave. */
void queue_delete(message_t *message);
/** Hides it for `seconds` from now under a new handle. */
void queue_hide(message_t *message, uint32_t seconds);

/** Waits until now + wait_ms, in line.  @return SL_OK, SL_ENOMEM. */
sl_err queue_wait(queue_t *queue, waiter_t *waiter, uint64_t wait_ms);
/** Gives up; on_end is not called. */
void queue_unwait(waiter_t *waiter);

/* -- coming back from disk ----------------------------------------------------------------- */

/** A message as it was; borrowed. */
typedef struct message_image {
    uint64_t number, queue_number, enqueue_ms;
    uint32_t priority;
    size_t body_bytes, xml_len;
    const char *md5; /**< MD5_HEX digits */
    const uint8_t *xml;
    bool has_state; /**< else it was never handed out nor delayed, and the rest is zero */
    message_state_t state;
    uint32_t slot, generation, dequeue_count;
    uint64_t first_dequeue_ms, next_visible_ms;
} message_image_t;

/** Makes room for messages that bring their slots, all below `count`.  @return SL_OK, SL_ENOMEM,
 *  SL_ELIMIT. */
sl_err queue_store_reserve_slots(queue_store_t *store, size_t count);
/** A message that is in no queue yet.  @return SL_OK, SL_ENOMEM, SL_ELIMIT, SL_EPROTO (two messages
 *  have one slot). */
sl_err message_restore(queue_store_t *store, const message_image_t *image, message_t **out);
/** Puts a message back; those of a queue must come by number.  @return SL_OK, SL_ENOMEM, SL_ELIMIT,
 *  SL_EPROTO (two messages have one slot). */
sl_err queue_restore(queue_t *queue, const message_image_t *image);
/** All are back: what fell due meanwhile happens in the next turn. */
void queue_store_restored(queue_store_t *store);

#endif

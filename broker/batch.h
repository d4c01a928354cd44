/* batch.h - events of one topic on their way from a publisher to the feed.
 *
 *     forming --seal--> in flight --journal--> committed --feed--> libzmq's --free--> pool
 *
 * A forming batch collects events in a buffer of its own; sealing appends the header behind them,
 * so both frames are sent from where they lie:
 *
 *     data  | events ...                | header |        |
 *           0                    body_len         |        capacity of its class
 *
 * A large PUB is forwarded instead: `whole` is the message as it came (a reference, no copy), and
 * data holds the header alone.  A tick is a batch of no topic with count 0.
 *
 * Ends and ids stand on a sheet apart: ends until the header is written, ids until the journal has
 * them (a rollback must forget them).
 *
 * Threads: the sequencer owns batches and pool.  libzmq frees frames in its own threads: batch_drop
 * may be called anywhere, and only puts the batch on a list, which batch_pool_collect takes. */
#ifndef BROKER_BATCH_H
#define BROKER_BATCH_H

#include "base/buf.h"
#include "topics.h"
#include "wire/feed.h"
#include "wire/intake.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <zmq.h>

typedef struct batch_pool batch_pool_t;
typedef struct batch_sheet batch_sheet_t;

/** Ends and ids of a batch, one row an event; an id of zeros means none. */
struct batch_sheet {
    batch_sheet_t *next;
    sl_buf_t ends, ids;
};

struct batch {
    batch_t *next; /**< in the list that has it: forming, in flight, the feed's queue, the pool's */
    batch_t *before; /**< in the forming list, which loses batches from its middle */
    batch_pool_t *pool;
    _Atomic uint32_t refs;
    _Atomic uint32_t unsent; /**< frames that libzmq still holds */
    uint32_t ticket;         /**< names this use of the object: generation << 20 | index */
    bool pending;            /**< forming or in flight: not durable yet */
    bool joined;             /**< must be committed together with the batch after it */
    bool forwarded;
    uint8_t buffer_class;
    uint8_t name_len;
    char own_name[WIRE_SYNC_TOPIC_LEN]; /**< a tick's */
    const char *name;
    topic_t *topic; /**< NULL: a tick */
    uint32_t count;
    uint32_t remembered; /**< of its events, by the dedup window: those with an id */
    uint32_t header_len;
    size_t body_len;
    size_t capacity; /**< of data */
    uint8_t *data;
    uint64_t first, prev;
    uint64_t time_ns;   /**< when it was sealed, Unix time */
    uint64_t opened_ns; /**< when its first event came; later: when it went to libzmq */
    batch_sheet_t *sheet;
    struct waiter *waiters; /**< requests that wait until it is durable; the sequencer's */
    zmq_msg_t whole;
};

/** A ticket that names no batch: of an event that has been durable since before the start.  (It
 * would take 2^20 batches at once for one to bear it, which would then be waited for in vain.) */
#define BATCH_TICKET_NONE UINT32_MAX

enum {
    BATCH_FRAMES = 3,
    BATCH_CLASSES = 4,
    BATCH_CHUNK = 256,
    BATCH_CHUNKS_MAX = 4096,       /**< 2^20 batches: as many as a ticket can tell apart */
    BATCH_FORWARD_MIN = 16 * 1024, /**< smaller messages pin more than they are worth: copied */
    /** While the feed is behind, smaller ones are gathered: a copy costs microseconds once, a
     * message costs each subscriber some ten.  At least two of them fit in a batch. */
    BATCH_GATHER_MAX = WIRE_BATCH_BYTES_MAX / 2,
};

struct batch_pool {
    batch_t *chunks[BATCH_CHUNKS_MAX];
    uint32_t made;              /**< batches in the chunks */
    batch_t *free;              /**< linked by next */
    _Atomic(batch_t *) dropped; /**< batches whose last reference is gone */
    struct batch_buffer *buffers[BATCH_CLASSES];
    size_t free_bytes;     /**< in `buffers` */
    size_t used_bytes;     /**< in batches */
    size_t released_bytes; /**< given back to malloc since the last batch_pool_trim */
    batch_sheet_t *sheets;
};

void batch_pool_init(batch_pool_t *pool);
/** Every reference must be gone: sockets closed, context terminated. */
void batch_pool_fini(batch_pool_t *pool);

/** Takes back what was dropped. */
void batch_pool_collect(batch_pool_t *pool);

/** Gives memory back to the system when much was released.  Now and then, not on the hot path. */
void batch_pool_trim(batch_pool_t *pool);

/** The batch that a ticket names, while it is pending; NULL: it is durable. */
batch_t *batch_pool_pending(const batch_pool_t *pool, uint32_t ticket);

/** A forming batch; the caller has the one reference.
 *  @param bytes  how large a buffer it begins with.
 *  @return NULL: no memory. */
batch_t *batch_open(batch_pool_t *pool, topic_t *topic, size_t bytes);

/** A tick on `$tick` or a sync topic; append the tails to *body and call batch_seal_tick.
 *  @param body  receives a buffer with room for `bytes`, which is all it may hold. */
batch_t *batch_open_tick(batch_pool_t *pool, const char *name, size_t name_len, size_t bytes,
                         sl_buf_t *body);

/** Do so many more fit without passing the limits of a feed message? */
bool batch_fits(const batch_t *b, size_t bytes, uint32_t events);

/** Makes room for batch_append.  @return SL_OK; SL_ENOMEM: the batch is as it was. */
sl_err batch_reserve(batch_t *b, size_t bytes, uint32_t events);

/** Copies one event.  @param id  NULL: none. */
void batch_append(batch_t *b, const void *event, size_t len, const uint8_t *id);

/** Fills an open, empty batch, reserved for (0, count), with a PUB's events frame as it is. */
void batch_forward(batch_t *b, zmq_msg_t *events, uint32_t count, const uint8_t *ends,
                   const uint8_t *ids);

/** Writes the header; its numbers come from the caller. */
void batch_seal(batch_t *b, uint64_t stream, uint64_t prev, uint64_t first, uint64_t time_ns);
/** @param header  stream, first (the next number), time_ns and parents. */
void batch_seal_tick(batch_t *b, const sl_buf_t *body, wire_feed_header_t *header);

/** Its events are durable, or given up: ids are needed no more. */
void batch_settle(batch_t *b);

static inline const uint8_t *batch_body(batch_t *b)
{
    return b->forwarded ? (const uint8_t *)zmq_msg_data(&b->whole) : b->data;
}

static inline const uint8_t *batch_header(const batch_t *b)
{
    return b->data + (b->forwarded ? 0 : b->body_len);
}

/** Makes messages of the three frames; they refer to the batch and keep it alive.
 *  @return SL_OK; SL_ENOMEM: none is made. */
sl_err batch_frames(batch_t *b, zmq_msg_t frames[BATCH_FRAMES]);

static inline void batch_hold(batch_t *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void batch_drop(batch_t *b);

/** A list of batches, first in first out. */
typedef struct batch_list {
    batch_t *head, *tail;
    size_t count, bytes;
} batch_list_t;

static inline size_t batch_bytes(const batch_t *b)
{
    return b->body_len + b->header_len;
}

/** The memory it pins. */
static inline size_t batch_footprint(const batch_t *b)
{
    return sizeof *b + b->capacity + (b->forwarded ? b->body_len : 0);
}

void batch_list_push(batch_list_t *list, batch_t *b);
batch_t *batch_list_pop(batch_list_t *list); /**< NULL when empty */

#endif

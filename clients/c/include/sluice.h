/* sluice.h - libsluice: publish to and subscribe from a Sluice broker.
 *
 *     sluice_sub_t *sub;
 *     sluice_item_t item;
 *     sluice_sub_create(&sub, &(sluice_sub_options_t){.size = sizeof(sluice_sub_options_t),
 *                       .patterns = (const char *[]){"Job.On*Failed", NULL}});
 *     while (sluice_sub_next(sub, &item, -1) == SLUICE_OK)
 *         if (item.kind == SLUICE_ITEM_EVENT)
 *             printf("%s #%" PRIu64 "\n", item.topic, item.number);
 *
 * Handles are opaque.  A handle belongs to one thread at a time; different handles to as many
 * threads as you like.  The library starts no threads but libzmq's, writes nothing to the terminal,
 * and installs no signal handlers.  Wire format and guarantees: docs/protocol.md. */
#ifndef SLUICE_H
#define SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_API __attribute__((visibility("default")))

#define SLUICE_ERR_MAP(X)                                                  \
    X(OK, 0, "success")                                                    \
    X(EAGAIN, 1, "nothing to do yet; call again")                          \
    X(EINVAL, 2, "an argument is malformed")                               \
    X(ENOMEM, 3, "out of memory")                                          \
    X(EPROTO, 4, "the peer sent bytes that do not decode")                 \
    X(EIO, 5, "the disk or the network failed; see errno")                 \
    X(ELIMIT, 6, "a limit is reached")                                     \
    X(ENOENT, 7, "no such thing")                                          \
    X(EEXIST, 8, "it exists already")                                      \
    X(ETIMEDOUT, 9, "time is up")                                          \
    X(ECLOSED, 10, "it is closed")                                         \
    X(EREFUSED, 11, "the broker refused it")                               \
    X(EVERSION, 12, "a version or an encoding this library does not know") \
    X(EFENCED, 13, "another holder opened the cursor")

#define X(name, number, text) SLUICE_##name = (number),
typedef enum { SLUICE_ERR_MAP(X) } sluice_err;
#undef X

/** The error's text; static, never NULL. */
SLUICE_API const char *sluice_err_text(sluice_err err);
/** "0.1.0"; static. */
SLUICE_API const char *sluice_version(void);

/* ---- subscriber ----------------------------------------------------------------------------
 *
 * A subscriber stays complete: what the feed loses on its way is fetched from the broker's journal,
 * in order, also after the broker or the network were away.  What the journal does not have any
 * more is reported as SLUICE_ITEM_LOST.  docs/subscriber.md has recipes. */

/** One subscription to one broker. */
typedef struct sluice_sub sluice_sub_t;

/** Where a subscription begins. */
typedef enum {
    SLUICE_FROM_NOW, /**< with what is published once it is in force */
    /** With the oldest event that the broker keeps.  What it does not keep any more was not asked
     * for, and is not reported as lost; as it is where a number, a time or a cursor lies before the
     * oldest event.  (Asked for at the query endpoint; not so with SLUICE_REPAIR_OFF, which cannot
     * bring what is past, and reports it as lost.) */
    SLUICE_FROM_EARLIEST,
    SLUICE_FROM_NUMBER, /**< behind `from_number` */
    SLUICE_FROM_TIME,   /**< with what was sealed at or after `from_time_ns` */
} sluice_from;

typedef enum {
    /** Each topic in order, at once.  When a batch of one topic is missing, the others go on while
     * it is fetched. */
    SLUICE_ORDER_TOPIC,

    /** Numbers only rise, over all topics, and nothing is delivered that is not confirmed to be
     * complete: the number of the last event dealt with is all one needs to store to go on behind
     * it.  Costs up to 100 ms of delay, and memory for what comes meanwhile. */
    SLUICE_ORDER_STREAM,
} sluice_order;

typedef enum {
    SLUICE_REPAIR_ON,

    /** What is missing is reported as lost at once, reason "NO_REPAIR"; the query endpoint is not
     * used but for a cursor or a time.  Deliveries are in number order by themselves. */
    SLUICE_REPAIR_OFF,
} sluice_repair;

/** What to subscribe to.  Zero is every default; new members are added at the end only, and a
 * member that this library does not know must be zero. */
typedef struct sluice_sub_options {
    size_t size; /**< sizeof(sluice_sub_options_t): lets the struct grow */

    /** Endpoint of the feed; NULL: "tcp://127.0.0.1:5551".  Copied. */
    const char *feed;

    /** Endpoint for queries, of the same broker; NULL: "tcp://127.0.0.1:5552".  Copied.  Connected
     * to when there is something to ask.  While it does not answer, topics with a hole wait. */
    const char *query;

    /** NULL-terminated list; NULL: every topic.  Copied. */
    const char *const *patterns;

    uint32_t watchdog_ms; /**< silence after which the connection is made anew; 0: 3500 */
    uint32_t receive_hwm; /**< batches that libzmq queues for us; 0: 1000 */

    /** A libzmq context to share (inproc, fewer threads), which must outlive the handle; NULL: one
     * of its own. */
    void *zmq_context;

    sluice_from from;

    /** FROM_NUMBER: the last number that one has; delivery begins behind it. */
    uint64_t from_number;

    /** The stream that from_number belongs to: `stream` of the item it came in.  When the broker
     * has another stream by now, a SLUICE_ITEM_STREAM says so first.  0: whichever is current (and
     * a number that it has not reached yet counts as one of another stream). */
    uint64_t from_stream;

    uint64_t from_time_ns; /**< FROM_TIME: Unix ns */

    /** Name of a cursor that the broker keeps: 1 to 128 bytes of [A-Za-z0-9._:-].  The subscription
     * begins where its last commit stood; at `from` when there was none.  A cursor has one holder:
     * whoever opened it last.  NULL: none.  Copied. */
    const char *name;

    /** With a name: how often the cursor is moved on by itself, to what the caller has taken.
     * 0: 1000; UINT32_MAX: never, only by sluice_sub_commit. */
    uint32_t commit_ms;

    sluice_order order;
    sluice_repair repair;

    /** Bytes of live batches that are kept while something before them is fetched; past it they are
     * dropped, and fetched too.  0: 64 MiB. */
    uint32_t hold_bytes;
} sluice_sub_options_t;

typedef enum {
    /** One event; of sluice_sub_next_batch: a batch. */
    SLUICE_ITEM_EVENT,

    /** Events numbered lost_from … lost_to, on `topic` or (NULL) on any of yours, did not arrive
     * and will not; `reason` says why.  What is delivered after this item, on those topics, comes
     * after them. */
    SLUICE_ITEM_LOST,

    /** The broker goes on under another identity of its numbering, `stream`: it was restored from a
     * backup, or lost power with a durability below "disk", or its journal.  What was numbered up
     * to parent_last under parent_stream, the one you knew, is the same in the new stream, and is
     * not delivered again; later numbers are given anew.  parent_stream 0: the new stream does not
     * know the old one; it is delivered from its beginning. */
    SLUICE_ITEM_STREAM,

    /** The cursor was kept with other patterns than yours.  It goes on behind `number`: what only
     * your patterns match comes from there on, and not its past.  For that, reset the cursor. */
    SLUICE_ITEM_PATTERNS,
} sluice_item_kind;

/** One item.  All pointers are borrowed from the handle until the next call on it. */
typedef struct sluice_item {
    sluice_item_kind kind;
    const char *topic; /**< NUL-terminated; EVENT, and LOST where one topic is concerned; or NULL */
    size_t topic_len;
    uint64_t stream;  /**< identity of the numbering */
    uint64_t number;  /**< of the event, or of the batch's first; PATTERNS: of the cursor */
    uint64_t prev;    /**< of the batch it came in: last number before it on this topic; 0: none */
    uint64_t time_ns; /**< when the broker sealed the batch, Unix ns */
    const void *data; /**< one msgpack map; of a batch: `count` maps one after another */
    size_t len;
    uint32_t count; /**< events in `data`; 1 unless a batch */

    /** Of a batch: count u32, little endian, where each event ends in `data`; else NULL. */
    const uint8_t *ends;

    /** LOST: numbers, both inclusive.  The range is the narrowest known; numbers in it that belong
     * to other topics are not yours and not lost. */
    uint64_t lost_from, lost_to;

    /** LOST: "RETENTION" (the broker does not keep them any more), "DAMAGE" (its disk lost them),
     * "NO_REPAIR" (nobody asked for them: SLUICE_REPAIR_OFF, or a broker without replay), or
     * "UNREADABLE" (they came, in a version that this library does not know, or malformed twice).
     * Static. */
    const char *reason;

    uint64_t parent_stream, parent_last; /**< STREAM */
} sluice_item_t;

/** Connects and subscribes.  Returns at once; items come when the broker answers.
 *  @param out  receives the handle; the caller owns it.  Untouched on error.
 *  @return SLUICE_OK, SLUICE_EINVAL (malformed endpoint, pattern or name), SLUICE_ELIMIT (with a
 *          name: more than 16 KiB of patterns), SLUICE_ENOMEM, SLUICE_EIO. */
SLUICE_API sluice_err sluice_sub_create(sluice_sub_t **out, const sluice_sub_options_t *options);

/** Waits for the next item.  Until the subscription is in force (sluice_sub_joined) none comes.
 * Calling it says that the item before it has been dealt with, as far as commits go.
 *  @param timeout_ms  0 asks once, -1 waits for ever.
 *  @return SLUICE_OK
 *          SLUICE_EAGAIN    the time is up, or a signal came
 *          SLUICE_EPROTO    a message did not decode: it is dropped and counted; told for each
 *          SLUICE_EVERSION  a message of another version: likewise, but told once a connection
 *          SLUICE_EREFUSED  the broker does not do what the options ask for (a cursor, a time), or
 *          SLUICE_ELIMIT    keeps no more cursors; told each time, it is asked again every second
 *          SLUICE_EFENCED   another holder opened the cursor, or dropped it: nothing more comes
 *          SLUICE_ENOMEM, SLUICE_EIO, SLUICE_ECLOSED (the shared context was terminated)
 *  After SLUICE_EFENCED and SLUICE_ECLOSED only sluice_sub_destroy is of use; after the others the
 *  handle stays good. */
SLUICE_API sluice_err sluice_sub_next(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms);

/** As sluice_sub_next, but an EVENT item is a whole batch, or what is left of one that
 * sluice_sub_next began. */
SLUICE_API sluice_err sluice_sub_next_batch(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms);

/** A descriptor for poll/epoll, readable when there may be something; the watchdog is in it too.
 * Edge-triggered like ZMQ_FD: after it fires, call sluice_sub_next(…, 0) until it returns
 * SLUICE_EAGAIN.  Owned by the handle, and the same for its whole life. */
SLUICE_API int sluice_sub_fd(const sluice_sub_t *sub);

/** Moves the cursor: everything up to `number` is dealt with, and is not delivered to the next who
 * opens it.  Never blocks.
 *  @param number  0: as far as possible, which is: all that was returned up to the last item, but
 *                 for what is out of order because something before it is still being fetched. With
 *                 SLUICE_ORDER_STREAM that is exactly the last item.  Else a number up to there.
 *  @return SLUICE_OK       the broker keeps it, as durable as its journal is
 *          SLUICE_EAGAIN   it is on its way, or waits for a connection: it is sent until it is
 *                          answered.  Call again, or go on: sluice_sub_next takes the answer too,
 *                          and stats.committed tells
 *          SLUICE_EINVAL   the handle has no name, or the number lies beyond what was returned
 *          SLUICE_EFENCED  as sluice_sub_next
 *          SLUICE_ENOMEM, SLUICE_EIO, SLUICE_ECLOSED
 *  The number belongs to the stream of the last item. */
SLUICE_API sluice_err sluice_sub_commit(sluice_sub_t *sub, uint64_t number);

/** Is the subscription known to be in force?  (The broker answered the sync of this connection.) */
SLUICE_API bool sluice_sub_joined(const sluice_sub_t *sub);

/** What the handle saw since it was made. */
typedef struct sluice_sub_stats {
    size_t size;                     /**< in: sizeof(sluice_sub_stats_t) */
    uint64_t events, batches, bytes; /**< delivered */
    uint64_t gaps, repeats, malformed, unknown_version, reconnects, streams, ticks;

    /** All of yours up to this number of `stream` was returned to you, or reported lost: with
     * SLUICE_ORDER_TOPIC this is the number to store, to go on with SLUICE_FROM_NUMBER. */
    uint64_t confirmed;

    uint64_t replays, replayed_batches; /**< asked for; taken from them */
    uint64_t held_bytes;                /**< now, of live batches that wait */
    uint64_t lost_numbers;              /**< in all ranges reported */
    uint64_t commits, committed;        /**< answered; the number of the last one */
    uint64_t stream;                    /**< the one that `confirmed` belongs to; 0: none yet */

    /** For how long the query endpoint has owed an answer, and said nothing; 0: it owes none.  A
     * broker that searches its journal for a rare topic may be silent for some seconds. */
    uint64_t query_silent_ms;
} sluice_sub_stats_t;
SLUICE_API void sluice_sub_stats(const sluice_sub_t *sub, sluice_sub_stats_t *stats);

/** Ends the subscription and sets *sub to NULL.  A pointer to NULL is fine.  Cannot fail, and does
 * not wait: what is not committed yet stays uncommitted; call sluice_sub_commit until it returns
 * SLUICE_OK first. */
SLUICE_API void sluice_sub_destroy(sluice_sub_t **sub);

/* ---- publisher ----------------------------------------------------------------------------- */

/** One connection to one broker's intake. */
typedef struct sluice_pub sluice_pub_t;

/** What became of one event. */
typedef struct sluice_receipt {
    void *user; /**< the token given to sluice_pub_send */

    /** SLUICE_OK: the broker has it, at its durability.  SLUICE_EREFUSED: never as it is, see
     * `code`. SLUICE_ECLOSED: the handle was destroyed first; the broker may or may not have it. */
    sluice_err err;

    const char *code; /**< "SIZE", "TOPIC", …: the broker's reason; "" otherwise; static */
} sluice_receipt_t;

/** Called from within sluice_pub_send, _flush, _process, _drain and _destroy, in the caller's
 * thread: `count` receipts in the order in which the events were sent on their topic.  It may call
 * sluice_pub_send, _flush and _stats, and nothing else. */
typedef void (*sluice_receipt_fn)(void *ctx, const sluice_receipt_t *receipts, size_t count);

typedef struct sluice_pub_options {
    size_t size;
    /** Endpoint; NULL: "tcp://127.0.0.1:5550".  Copied. */
    const char *intake;

    /** Shows in the broker's status, at most 64 bytes; NULL: "libsluice".  Copied. */
    const char *name;

    sluice_receipt_fn on_receipt; /**< may be NULL: fire and let the window hold you */
    void *ctx;                    /**< comes back in on_receipt */

    uint32_t batch_bytes;  /**< a batch is sent when it has this many bytes; 0: 61440 */
    uint32_t batch_events; /**< … or this many events, at most 4096; 0: 512 */

    /** … or when its first event waited this long; 0: with the next flush or process, whose time is
     * yours to choose: the descriptor does not fire for it.  With 0 batches form by themselves when
     * there is much to do: while 16 requests or more have no answer, process passes over one that
     * has formed for less than 0.5 ms, and the descriptor fires when it is due.  Flush does not. */
    uint32_t linger_us;

    /** Of events taken and not acknowledged; past it: SLUICE_EAGAIN.  0: 16 MiB. */
    uint32_t pending_bytes;

    uint32_t ack_timeout_ms; /**< without an answer for this long: HELLO, and all again; 0: 5000 */
    void *zmq_context;       /**< as in sluice_sub_options_t */
} sluice_pub_options_t;

/** @return SLUICE_OK, SLUICE_EINVAL, SLUICE_ENOMEM, SLUICE_EIO.  Connects in the background. */
SLUICE_API sluice_err sluice_pub_create(sluice_pub_t **out, const sluice_pub_options_t *options);

/** Takes one event.  Bytes are copied; a batch per topic forms by itself.
 *  @param topic  Category.Event.
 *  @param event  one msgpack map.
 *  @param id     16 bytes of identity for dedup, see sluice_event_id; NULL: the library makes a
 *                unique one, so that its own resends are recognised, but no second send of yours.
 *  @param user   comes back in the receipt.
 *  @return SLUICE_OK      it will have a receipt
 *          SLUICE_EAGAIN  pending_bytes is reached: process and try again
 *          SLUICE_EINVAL  no such topic can be, or the event is empty
 *          SLUICE_ELIMIT  larger than the broker ever takes
 *          SLUICE_EREFUSED  one topic more than any broker has
 *          SLUICE_ECLOSED (from a receipt of sluice_pub_destroy), SLUICE_ENOMEM
 *  After any but the first nothing was taken. */
SLUICE_API sluice_err sluice_pub_send(sluice_pub_t *pub, const char *topic, size_t topic_len,
                                      const void *event, size_t len, const uint8_t id[16],
                                      void *user);

/** Seals and sends what has formed, as far as the window allows; the rest goes as answers come.
 * Never blocks.  @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EIO; nothing taken is lost by either. */
SLUICE_API sluice_err sluice_pub_flush(sluice_pub_t *pub);

/** Sends what is due, takes answers, calls on_receipt.
 *  @param timeout_ms  how long to wait for something to do: 0 not at all, -1 for ever.
 *  @return SLUICE_OK      did something
 *          SLUICE_EAGAIN  the time is up, or a signal came
 *          SLUICE_EINVAL  called from a receipt
 *          SLUICE_ENOMEM, SLUICE_EIO (it tries again by itself)
 *          SLUICE_ECLOSED (the shared context was terminated) */
SLUICE_API sluice_err sluice_pub_process(sluice_pub_t *pub, int timeout_ms);

/** Flushes and processes until every event has its receipt.
 *  @return SLUICE_OK, SLUICE_ETIMEDOUT, or as sluice_pub_process. */
SLUICE_API sluice_err sluice_pub_drain(sluice_pub_t *pub, int timeout_ms);

/** As sluice_sub_fd: after it fires, call sluice_pub_process(pub, 0) until SLUICE_EAGAIN.  Timers
 * (linger, resend) are in it too. */
SLUICE_API int sluice_pub_fd(const sluice_pub_t *pub);

typedef struct sluice_pub_stats {
    size_t size;
    uint64_t sent_events, acked_events, duplicate_events, refused_events;
    uint64_t requests, resends, naks, hellos;
    uint64_t pending_events, pending_bytes; /**< now */

    /** Since the broker last acknowledged while something was pending; 0: nothing is pending. */
    uint64_t silent_ms;

    uint64_t stream; /**< of the last WELCOME; 0: none yet */
} sluice_pub_stats_t;
SLUICE_API void sluice_pub_stats(const sluice_pub_t *pub, sluice_pub_stats_t *stats);

/** Ends at once: events without an answer get a receipt with SLUICE_ECLOSED.  Sets *pub to NULL. */
SLUICE_API void sluice_pub_destroy(sluice_pub_t **pub);

/** The dedup id of an event: XXH3-128 of source 0x00 id (docs/protocol.md, "Intake"). */
SLUICE_API void sluice_event_id(uint8_t out[16], const char *source, size_t source_len,
                                const char *id, size_t id_len);

/* ---- reading an event ---------------------------------------------------------------------- */

typedef enum {
    SLUICE_NIL,
    SLUICE_BOOL,
    SLUICE_UINT, /**< an integer >= 0 */
    SLUICE_INT,  /**< an integer < 0 */
    SLUICE_FLOAT,
    SLUICE_STR,
    SLUICE_BIN,
    SLUICE_TIME,
    SLUICE_ARRAY, /**< raw/raw_len hold its msgpack bytes */
    SLUICE_MAP,   /**< likewise */
    SLUICE_EXT,
} sluice_type;

typedef struct sluice_value {
    sluice_type type;
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double f64;
        struct {
            const char *data; /**< borrowed from the event; not NUL-terminated */
            size_t len;
        } str; /**< STR and BIN */
        struct {
            int64_t sec; /**< Unix */
            uint32_t nsec;
        } time;
    };
    const void *raw; /**< the value's msgpack bytes, borrowed */
    size_t raw_len;
} sluice_value_t;

/** Finds a field by name in an event's bytes: no copy, no allocation.
 *  @param value  receives it; what it points to lies in `event`.
 *  @return SLUICE_OK, SLUICE_ENOENT, SLUICE_EPROTO (malformed event). */
SLUICE_API sluice_err sluice_event_get(const void *event, size_t len, const char *field,
                                       sluice_value_t *value);

/** The event as one line of JSON, NUL-terminated.
 *  @param json  receives memory that the caller frees with free().
 *  @return SLUICE_OK, SLUICE_EPROTO, SLUICE_ENOMEM. */
SLUICE_API sluice_err sluice_event_json(const void *event, size_t len, char **json);

#ifdef __cplusplus
}
#endif

#endif

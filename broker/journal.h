/* journal.h - where batches become durable.
 *
 * Asynchronous: journal_append hands a batch over, and its completion comes later, in order, from
 * journal_poll, or from journal_flush where nothing needs to be synced; a backend without a disk
 * completes in place, within journal_append.  Failures come from journal_poll alone.  Publication
 * and acknowledgement happen from completions, never from the append.
 *
 *     sequencer --append--> | 7 | 8 | 9 |  in flight  --commit of a group--> done(7) done(8) ...
 *
 * A backend may commit several batches in one group.  When a group fails, its batches and all that
 * were appended behind them complete with an error, in order, for their numbers are void; the
 * backend then refuses by completing everything so until journal_resume.  A `joined` batch is never
 * committed without the one behind it.
 *
 * What was committed can be read again, until retention takes it: journal_read, by number.
 *
 * Threads: these functions belong to the sequencer, but for read, find and stat, which any thread
 * may call.  A backend may have threads of its own; until a batch's completion they may read its
 * frames and its sheet, and nothing else of it. */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include "batch.h"
#include "journal/record.h"

typedef struct journal journal_t;

/** Batches appended and not completed, at most; the sequencer sees to it. */
enum { JOURNAL_IN_FLIGHT_MAX = 8192 };

/** A sealed batch as it is stored and shown, borrowed; stream and ids are the backend's to add. */
static inline record_t journal_record(batch_t *b)
{
    return (record_t){.first = b->first,
                      .prev = b->prev,
                      .time_ns = b->time_ns,
                      .count = b->count,
                      .joined = b->joined,
                      .topic = b->name,
                      .topic_len = b->name_len,
                      .header = batch_header(b),
                      .header_len = b->header_len,
                      .body = batch_body(b),
                      .body_len = b->body_len};
}

/** @param err  SL_OK: durable, as far as this backend's durability goes. */
typedef void journal_done_fn(void *ctx, batch_t *b, sl_err err);

/** What is in it.  Numbers are of committed events only. */
typedef struct journal_stat {
    const char *backend;                        /**< "memory" or "lmdb" */
    uint64_t oldest, next;                      /**< oldest 0: it holds nothing */
    uint64_t records, bytes;                    /**< batches, and their size as they are stored */
    uint64_t oldest_time_ns, newest_time_ns;    /**< when those were sealed; 0: it holds nothing */
    uint64_t retain_bytes, retain_age_ms;       /**< the limits; 0: none */
    uint64_t map_bytes, used_bytes, file_bytes; /**< of the file; 0: there is none */
    uint64_t quarantined;                       /**< damaged records that were put aside */
    uint64_t commits, failed_commits;           /**< groups, since the start */
} journal_stat_t;

/** What a backend is.  Each struct of a backend begins with a journal_t. */
typedef struct journal_ops {
    void (*append)(journal_t *j, batch_t *b);
    void (*poll)(journal_t *j);
    void (*flush)(journal_t *j);
    void (*resume)(journal_t *j);
    sl_err (*destroy)(journal_t *j);
    sl_err (*read)(journal_t *j, uint64_t after, uint64_t until, size_t bytes,
                   journal_visit_fn *visit, void *ctx, uint64_t *upto);
    sl_err (*find)(journal_t *j, uint64_t since_ns, uint64_t *after);
    void (*stat)(journal_t *j, journal_stat_t *out);
} journal_ops_t;

struct journal {
    const journal_ops_t *ops;
    journal_done_fn *done;
    void *ctx;
    int fd;          /**< readable when completions wait; -1: they come in place */
    uint64_t oldest; /**< number of the oldest event it still has; 0: none.  The sequencer's view */
};

/** Tells the journal whom to call.  Before the first append. */
static inline void journal_attach(journal_t *j, journal_done_fn *done, void *ctx)
{
    j->done = done;
    j->ctx = ctx;
}

/** Takes a sealed batch.  Cannot fail: what fails is its completion. */
static inline void journal_append(journal_t *j, batch_t *b)
{
    j->ops->append(j, b);
}

/** Delivers the completions that are there. */
static inline void journal_poll(journal_t *j)
{
    if (j->ops->poll != NULL)
        j->ops->poll(j);
}

/** Asks to commit what is in flight now rather than wait for a larger group.  May deliver
 *  completions. */
static inline void journal_flush(journal_t *j)
{
    if (j->ops->flush != NULL)
        j->ops->flush(j);
}

/** After a failure, when everything in flight was completed: numbers start anew behind the last one
 *  that was committed. */
static inline void journal_resume(journal_t *j)
{
    if (j->ops->resume != NULL)
        j->ops->resume(j);
}

/** Shows what it holds of the numbers (after, until], in order: batches, whole, that hold a number
 *  > after, and holes in their place.  Ends at `until`, at the newest committed number, when
 *  `bytes` of records were shown (but at least one), or when `visit` says so.
 *  @param upto  receives: all numbers <= *upto were shown; never less than `after`.
 *  @return SL_OK, SL_EIO, SL_ENOMEM. */
static inline sl_err journal_read(journal_t *j, uint64_t after, uint64_t until, size_t bytes,
                                  journal_visit_fn *visit, void *ctx, uint64_t *upto)
{
    return j->ops->read(j, after, until, bytes, visit, ctx, upto);
}

/** Behind which number is everything that was sealed at `since_ns` or later?  At least oldest-1;
 *  next-1 when nothing is younger. */
static inline sl_err journal_find(journal_t *j, uint64_t since_ns, uint64_t *after)
{
    return j->ops->find(j, since_ns, after);
}

static inline void journal_stat(journal_t *j, journal_stat_t *out)
{
    if (j->ops->stat != NULL)
        j->ops->stat(j, out);
    else
        *out = (journal_stat_t){.backend = "none", .next = 1};
}

/** Ends it in good order: what is committed stays, what is in flight is dropped without a word.
 *  @return SL_OK; SL_EIO, SL_ENOMEM: the mark of an orderly end could not be written. */
static inline sl_err journal_destroy(journal_t **j)
{
    sl_err err = *j != NULL ? (*j)->ops->destroy(*j) : SL_OK;
    *j = NULL;
    return err;
}

/** Keeps the newest batches in memory, `bytes` of them at most (but always one), and nothing else.
 *  Completes in place.  @return NULL: no memory. */
journal_t *journal_memory_create(size_t bytes);

#endif

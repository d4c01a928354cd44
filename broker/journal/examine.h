/* examine.h - is a journal's file sound, and what is in it?
 *
 * Two walks in one: pages.h says whether the tree can be followed, the survey what its entries are.
 * A record that is damaged is one record's matter, and is noted.  A tree that is damaged, a state
 * or a tail that is, a key of no kind, records that overlap: then the tree cannot be trusted. */
#ifndef JOURNAL_EXAMINE_H
#define JOURNAL_EXAMINE_H

#include "journal/pages.h"
#include "store_impl.h"

/** A damaged record: the number it stands under, and is it in the quarantine? */
typedef struct survey_damaged {
    uint64_t first;
    bool aside;
} survey_damaged_t;

/** What the entries are, gathered in the order of their keys. */
typedef struct survey {
    store_t *s; /**< topics are put in here, damaged records aside */
    store_state_t state;
    bool has_state;
    uint64_t records, events, bytes;
    uint64_t lost_events; /**< numbers in holes */
    uint64_t first, upto; /**< of the records that are sound; 0: none */
    uint64_t oldest_time_ns;
    survey_damaged_t *damaged;
    size_t damaged_count, damaged_room;
    pages_t *trusting; /**< heads are enough of a file as it was left; NULL: never */
    bool as_left;      /**< heads are enough, from the second record on */
    bool trusted;      /**< bodies were not looked at */
    bool doubtful;     /**< a head is not what it should be */
    bool newer;        /**< something of a format this program does not know */
    const char *fault; /**< why the tree cannot be trusted; NULL: it can */
    sl_err err;        /**< SL_ENOMEM */
    void (*hole)(void *ctx, uint64_t from, uint64_t to); /**< is shown each hole; NULL: nobody is */
    void *ctx;
} survey_t;

/** A pages_entry_fn; ctx is the survey. */
void survey_entry(void *ctx, const void *key, size_t key_len, const void *data, size_t len,
                  size_t room);
/** After the last entry. */
void survey_end(survey_t *v);

typedef struct examination {
    pages_t *pages;
    survey_t survey;
    uint64_t free_pages, page_count;
    bool trust;     /**< see examine */
    bool untouched; /**< the file was made, and nothing was ever written */
    char damage[PAGES_FAULT_BYTES];
    const char *failed; /**< static; for people */
} examination_t;

/** @return SL_OK, SL_ENOMEM; examination_fini may follow either. */
sl_err examination_init(examination_t *e, store_t *s);
void examination_fini(examination_t *e);

/** Walks the file; nobody writes it.  With e->trust, and when the file is as it was left, the
 *  bodies of large records behind the oldest are not read: reading holds them against their sums.
 *  @return SL_OK: sound, but for damaged records; SL_EPROTO: e->damage says what is wrong;
 *          SL_EVERSION; SL_EIO; SL_ENOMEM. */
sl_err examine(examination_t *e);

/** Looks at the meta pages alone: may LMDB open it?  A process that writes may be in the middle of
 * one.
 *  @return SL_OK; SL_EPROTO: e->damage says what is wrong; SL_EIO; SL_ENOMEM. */
sl_err examine_metas(examination_t *e);

/** Walks a snapshot of s->env, beside a process that may write. */
sl_err examine_snapshot(examination_t *e);

#endif

/* dedup.h - has this event been here before?
 *
 * The ids of the newest events, as many as `count_max` and as old as `age_ms`.  A ring holds them
 * in order of arrival, a hash table over it finds them:
 *
 *     table   | hash, position | 0 | hash, position | ...       8 bytes a slot, 17 of 32 full at
 * most
 *                    |
 *     ring    ...| id, ticket |...   oldest -> newest           20 bytes an entry
 *
 * 37 to 54 bytes an event remembered; 4 million of them: 149 MiB.  The ring's memory is reserved
 * and touched as it fills; the table doubles.  A slot carries the bits that say where it belongs,
 * so that neither growing nor closing a hole (linear probing, backward shift) looks at the ring.
 *
 * Its clock runs ahead of the caller's by more than the oldest age, so that what came before the
 * caller's clock began has a time too.
 *
 * An entry's ticket names the batch that carries the event: the original of a duplicate.
 *
 * A put is provisional until the event is durable.  Those in flight have room of their own, a
 * sixteenth more of the ring, and push nothing out of the window; what is forgotten gives its place
 * in the ring back.  So a journal that fails, however often, costs the window nothing.
 *
 * Threads: the sequencer owns it. */
#ifndef BROKER_DEDUP_H
#define BROKER_DEDUP_H

#include "base/err.h"
#include "wire/intake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DEDUP_MARKS = 1024,
    DEDUP_COUNT_MAX = 1 << 28,
};

/** The ticket of an event that is durable already: its put is not provisional. */
#define DEDUP_TICKET_SETTLED UINT32_MAX

typedef struct dedup_entry dedup_entry_t;

/** Entries from `order` on came at `ms` or later. */
typedef struct dedup_mark {
    uint64_t order, ms;
} dedup_mark_t;

typedef struct dedup {
    uint64_t *slots; /**< 0: empty; else hash << 32 | position + 1 */
    uint32_t slot_bits;
    dedup_entry_t *ring;
    uint32_t count_max;
    uint32_t ring_max; /**< positions: count_max, and room for what is provisional */
    uint32_t head;     /**< position of the next entry */
    uint32_t held;     /**< entries in the ring; of the forgotten, those that have others behind */
    uint64_t provisional;
    uint32_t live;     /**< entries in the table */
    uint64_t inserted; /**< ever, but for those whose place was given back: the next one's order */
    uint64_t secret[2];
    uint64_t age_ms, now_ms, mark_ms;
    uint64_t ahead_ms; /**< of the caller's clock */
    dedup_mark_t marks[DEDUP_MARKS];
    uint32_t mark_first, mark_count;
} dedup_t;

/** @param count_max  0 turns it off: nothing is ever known.
 *  @return SL_OK, SL_ENOMEM.  After an error dedup_fini is fine. */
sl_err dedup_init(dedup_t *d, uint32_t count_max, uint64_t age_ms);
void dedup_fini(dedup_t *d);

/** Makes room for `count` dedup_put, which cannot fail then.  @return SL_OK, SL_ENOMEM. */
sl_err dedup_reserve(dedup_t *d, uint32_t count);

/** Fetches what the dedup_put after `ahead` others will touch: the id's slot, and the slot of the
 *  entry that makes room for it. */
void dedup_prefetch(const dedup_t *d, const uint8_t *id, uint32_t ahead);

/** Remembers the id, provisionally.  @return true: it is new.  False: it is known, *original is its
 * ticket. */
bool dedup_put(dedup_t *d, const uint8_t *id, uint32_t ticket, uint32_t *original);

/** `count` events that were put are provisional no more: durable, or forgotten. */
void dedup_settle(dedup_t *d, uint32_t count);

/** Takes back a dedup_put: the event was not taken after all. */
void dedup_forget(dedup_t *d, const uint8_t *id);

/** Tells the time and forgets at most `budget` entries that are too old. */
void dedup_expire(dedup_t *d, uint64_t now_ms, uint32_t budget);

/** Before the first dedup_expire: what is put next came `age_ms` before `now_ms`, at most the
 *  window's age.  Oldest first. */
void dedup_set_age(dedup_t *d, uint64_t now_ms, uint64_t age_ms);

/** How far back the window reaches now: the age of its oldest entry.  0 when empty. */
uint64_t dedup_reach_ms(const dedup_t *d);

/** Memory in use. */
size_t dedup_bytes(const dedup_t *d);

#endif

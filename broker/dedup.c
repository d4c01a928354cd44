#include "dedup.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum {
    SLOT_BITS_MIN = 12,
    MARKS_IN_AGE = DEDUP_MARKS / 2, /* an entry is kept at most 1/512 longer than its age */
    PROVISIONAL_MIN = 4096,
    PROVISIONAL_PART = 16, /* of the window */
    HUGE_PAGE_BYTES = 2 * 1024 * 1024,
};

struct dedup_entry {
    uint8_t id[WIRE_ID_BYTES];
    uint32_t ticket;
};

/* Straight from the system, which touches pages when they are used and takes a table that was
 * outgrown back at once.  In huge pages where it has them: each look into a full window's table
 * would else begin with a walk through the page tables, which is most of what it costs. */
static void *map_zeros(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    if (bytes >= HUGE_PAGE_BYTES)
        madvise(at, bytes, MADV_HUGEPAGE);
    return at;
}

static inline size_t slots_bytes(uint32_t bits)
{
    return sizeof(uint64_t) << bits;
}

sl_err dedup_init(dedup_t *d, uint32_t count_max, uint64_t age_ms)
{
    assert(count_max <= DEDUP_COUNT_MAX);
    memset(d, 0, sizeof *d);
    d->count_max = count_max;
    d->ring_max =
        count_max + (count_max / PROVISIONAL_PART > PROVISIONAL_MIN ? count_max / PROVISIONAL_PART
                                                                    : PROVISIONAL_MIN);
    d->age_ms = age_ms;
    d->mark_ms = age_ms / MARKS_IN_AGE + 1;
    d->ahead_ms = age_ms;
    if (count_max == 0)
        return SL_OK;
    /* Secret, so that nobody can choose ids that all fall into one place. */
    if (getrandom(d->secret, sizeof d->secret, 0) != (ssize_t)sizeof d->secret)
        return SL_EIO;
    d->ring = map_zeros((size_t)d->ring_max * sizeof(dedup_entry_t));
    d->slot_bits = SLOT_BITS_MIN;
    d->slots = map_zeros(slots_bytes(d->slot_bits));
    return d->ring != NULL && d->slots != NULL ? SL_OK : SL_ENOMEM;
}

void dedup_fini(dedup_t *d)
{
    if (d->slots != NULL)
        munmap(d->slots, slots_bytes(d->slot_bits));
    if (d->ring != NULL)
        munmap(d->ring, (size_t)d->ring_max * sizeof(dedup_entry_t));
    memset(d, 0, sizeof *d);
}

/* -- the table ------------------------------------------------------------------------------- */

static inline uint32_t hash_id(const dedup_t *d, const uint8_t *id)
{
    uint64_t half[2];
    memcpy(half, id, sizeof half);
    unsigned __int128 product =
        (unsigned __int128)(half[0] ^ d->secret[0]) * (half[1] ^ d->secret[1]);
    return (uint32_t)(((uint64_t)product ^ (uint64_t)(product >> 64)) >> 32);
}

static inline uint32_t slot_mask(const dedup_t *d)
{
    return (uint32_t)(((uint64_t)1 << d->slot_bits) - 1);
}

static inline uint32_t home_of(const dedup_t *d, uint32_t hash)
{
    return hash >> (32 - d->slot_bits);
}

static inline uint64_t slot_make(uint32_t hash, uint32_t position)
{
    return (uint64_t)hash << 32 | (position + 1);
}

static inline uint32_t slot_position(uint64_t slot)
{
    return (uint32_t)slot - 1;
}

/* May the table hold so many?  A window of 2^n doubles it no sooner for what is provisional. */
static inline bool has_slots(uint64_t entries, uint32_t bits)
{
    return 32 * entries <= (uint64_t)17 << bits;
}

/* The slot of `id`, or the empty one where it would go. */
static uint32_t find(const dedup_t *d, const uint8_t *id, uint32_t hash)
{
    uint32_t mask = slot_mask(d);
    uint32_t at = home_of(d, hash);
    for (; d->slots[at] != 0; at = (at + 1) & mask) {
        uint64_t slot = d->slots[at];
        if (slot >> 32 == hash && memcmp(d->ring[slot_position(slot)].id, id, WIRE_ID_BYTES) == 0)
            break;
    }
    return at;
}

/* Empties a slot and moves those behind it that would not be found past the hole. */
static void close_hole(dedup_t *d, uint32_t hole)
{
    uint32_t mask = slot_mask(d);
    for (uint32_t at = (hole + 1) & mask; d->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(d, (uint32_t)(d->slots[at] >> 32));
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* its home lies behind the hole */
        d->slots[hole] = d->slots[at];
        hole = at;
    }
    d->slots[hole] = 0;
    d->live--;
}

static sl_err grow(dedup_t *d, uint32_t bits)
{
    uint64_t *slots = map_zeros(slots_bytes(bits));
    if (slots == NULL)
        return SL_ENOMEM;
    uint32_t mask = (uint32_t)(((uint64_t)1 << bits) - 1);
    for (size_t i = 0; i <= slot_mask(d); i++) {
        if (d->slots[i] == 0)
            continue;
        uint32_t at = (uint32_t)(d->slots[i] >> 32) >> (32 - bits);
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = d->slots[i];
    }
    munmap(d->slots, slots_bytes(d->slot_bits));
    d->slots = slots;
    d->slot_bits = bits;
    return SL_OK;
}

sl_err dedup_reserve(dedup_t *d, uint32_t count)
{
    uint64_t most = (uint64_t)d->live + count;
    if (most > d->ring_max)
        most = d->ring_max;
    uint32_t bits = d->slot_bits;
    while (d->count_max > 0 && !has_slots(most, bits))
        bits++;
    return bits == d->slot_bits ? SL_OK : grow(d, bits);
}

/* -- the ring -------------------------------------------------------------------------------- */

static inline uint32_t oldest(const dedup_t *d)
{
    return d->head >= d->held ? d->head - d->held : d->head + d->ring_max - d->held;
}

/* Does the table point there?  It does not when the entry is forgotten.  @param at  its slot. */
static bool is_alive(const dedup_t *d, uint32_t position, uint32_t *at)
{
    const uint8_t *id = d->ring[position].id;
    *at = find(d, id, hash_id(d, id));
    return d->slots[*at] != 0 && slot_position(d->slots[*at]) == position;
}

static void evict_oldest(dedup_t *d)
{
    uint32_t at;
    if (is_alive(d, oldest(d), &at))
        close_hole(d, at);
    d->held--;
}

/* Are there more than the window's `count` newest, or no place left?  Then the next put costs the
 * oldest one. */
static inline bool is_over(const dedup_t *d, uint32_t count)
{
    return d->held > count + d->provisional || d->held == d->ring_max;
}

static inline dedup_mark_t *mark_at(dedup_t *d, uint32_t i)
{
    return &d->marks[(d->mark_first + i) % DEDUP_MARKS];
}

static void drop_mark(dedup_t *d)
{
    d->mark_first = (d->mark_first + 1) % DEDUP_MARKS;
    d->mark_count--;
}

/* Marks whose entries are all gone. */
static void drop_passed_marks(dedup_t *d)
{
    uint64_t order = d->inserted - d->held;
    while (d->mark_count > 0 &&
           (d->held == 0 || (d->mark_count > 1 && mark_at(d, 1)->order <= order)))
        drop_mark(d);
}

/* The oldest entry came within mark_ms of the oldest mark, else there would be another mark. */
static bool oldest_is_too_old(dedup_t *d)
{
    return mark_at(d, 0)->ms + d->mark_ms + d->age_ms <= d->now_ms;
}

void dedup_expire(dedup_t *d, uint64_t now_ms, uint32_t budget)
{
    d->now_ms = now_ms + d->ahead_ms;
    drop_passed_marks(d);
    for (; budget > 0 && d->held > 0 && oldest_is_too_old(d); budget--) {
        evict_oldest(d);
        drop_passed_marks(d);
    }
}

void dedup_set_age(dedup_t *d, uint64_t now_ms, uint64_t age_ms)
{
    assert(age_ms <= d->ahead_ms);
    d->now_ms = now_ms + d->ahead_ms - age_ms;
}

static void note_time(dedup_t *d)
{
    if (d->mark_count > 0 && d->now_ms < mark_at(d, d->mark_count - 1)->ms + d->mark_ms)
        return;
    if (d->mark_count == DEDUP_MARKS)
        drop_mark(d);
    d->mark_count++;
    *mark_at(d, d->mark_count - 1) = (dedup_mark_t){d->inserted, d->now_ms};
}

static inline uint32_t behind_oldest(const dedup_t *d, uint32_t ahead)
{
    uint64_t position = (uint64_t)oldest(d) + ahead;
    return (uint32_t)(position < d->ring_max ? position : position - d->ring_max);
}

void dedup_prefetch(const dedup_t *d, const uint8_t *id, uint32_t ahead)
{
    if (d->count_max == 0)
        return;
    __builtin_prefetch(&d->slots[home_of(d, hash_id(d, id))], 1);
    if (!is_over(d, d->count_max))
        return;
    uint32_t position = behind_oldest(d, ahead);
    __builtin_prefetch(&d->slots[home_of(d, hash_id(d, d->ring[position].id))], 1);
}

bool dedup_put(dedup_t *d, const uint8_t *id, uint32_t ticket, uint32_t *original)
{
    if (d->count_max == 0)
        return true;
    uint32_t hash = hash_id(d, id);
    uint32_t at = find(d, id, hash);
    if (d->slots[at] != 0) {
        *original = d->ring[slot_position(d->slots[at])].ticket;
        return false;
    }
    bool settled = ticket == DEDUP_TICKET_SETTLED;
    if (is_over(d, d->count_max - settled)) {
        evict_oldest(d);
        at = find(d, id, hash); /* the hole's closing may have moved things */
    }
    assert(has_slots((uint64_t)d->live + 1, d->slot_bits)); /* dedup_reserve's work */
    note_time(d);
    memcpy(d->ring[d->head].id, id, WIRE_ID_BYTES);
    d->ring[d->head].ticket = ticket;
    d->slots[at] = slot_make(hash, d->head);
    d->head = d->head + 1 == d->ring_max ? 0 : d->head + 1;
    d->held++;
    d->provisional += !settled;
    d->live++;
    d->inserted++;
    return true;
}

void dedup_settle(dedup_t *d, uint32_t count)
{
    if (d->count_max == 0)
        return;
    assert(d->provisional >= count);
    d->provisional -= count;
    if (is_over(d, d->count_max)) /* the puts to come take the rest, one each */
        evict_oldest(d);
}

/* The newest entries that are forgotten leave the ring, and so do marks of what is to come. */
static void give_back(dedup_t *d)
{
    uint32_t at;
    while (d->held > 0) {
        uint32_t newest = d->head > 0 ? d->head - 1 : d->ring_max - 1;
        if (is_alive(d, newest, &at))
            break;
        d->head = newest;
        d->held--;
        d->inserted--;
    }
    uint32_t needed = d->held > 0;
    while (d->mark_count > needed && mark_at(d, d->mark_count - 1)->order >= d->inserted)
        d->mark_count--;
}

void dedup_forget(dedup_t *d, const uint8_t *id)
{
    if (d->count_max == 0)
        return;
    uint32_t at = find(d, id, hash_id(d, id));
    if (d->slots[at] == 0)
        return;
    close_hole(d, at);
    give_back(d);
}

uint64_t dedup_reach_ms(const dedup_t *d)
{
    if (d->live == 0)
        return 0;
    return d->now_ms - d->marks[d->mark_first].ms;
}

size_t dedup_bytes(const dedup_t *d)
{
    uint64_t touched = d->inserted < d->ring_max ? d->inserted : d->ring_max;
    return (size_t)touched * sizeof(dedup_entry_t) +
           (d->slots != NULL ? slots_bytes(d->slot_bits) : 0);
}

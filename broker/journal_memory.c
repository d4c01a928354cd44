/* The journal that forgets: a ring of the newest batches, by reference.
 *
 * Readers take references under the lock and look at the batches without it, so that the sequencer
 * never waits for one of them for longer than a search takes. */
#include "journal.h"

#include "journal/record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct journal_memory {
    journal_t base;
    pthread_mutex_t lock; /**< over all that follows */
    batch_t **ring;       /**< a power of two; grows while `bytes` leaves room */
    size_t slots, head, count;
    size_t bytes, bytes_max;
    uint64_t last; /**< number of the newest event */
    uint64_t commits;
} journal_memory_t;

enum { RING_SLOTS_MIN = 64, RING_SLOTS_MAX = 65536, READ_BATCHES = 64 };

static batch_t *at(const journal_memory_t *m, size_t i)
{
    return m->ring[(m->head + i) & (m->slots - 1)];
}

static void forget_oldest(journal_memory_t *m)
{
    batch_t *b = m->ring[m->head];
    m->head = (m->head + 1) & (m->slots - 1);
    m->count--;
    m->bytes -= batch_footprint(b);
    batch_drop(b);
}

/* Doubles the ring.  Where memory is short the oldest batch goes instead. */
static void make_room(journal_memory_t *m)
{
    size_t slots = 2 * m->slots;
    batch_t **ring = slots <= RING_SLOTS_MAX ? malloc(slots * sizeof *ring) : NULL;
    if (ring == NULL) {
        forget_oldest(m);
        return;
    }
    for (size_t i = 0; i < m->count; i++)
        ring[i] = at(m, i);
    free(m->ring);
    m->ring = ring;
    m->slots = slots;
    m->head = 0;
}

static void memory_append(journal_t *j, batch_t *b)
{
    journal_memory_t *m = (journal_memory_t *)j;
    pthread_mutex_lock(&m->lock);
    if (m->count == m->slots)
        make_room(m);
    batch_hold(b);
    m->ring[(m->head + m->count) & (m->slots - 1)] = b;
    m->count++;
    m->bytes += batch_footprint(b);
    while (m->bytes > m->bytes_max && m->count > 1)
        forget_oldest(m);
    m->last = b->first + b->count - 1;
    m->commits++;
    j->oldest = at(m, 0)->first;
    pthread_mutex_unlock(&m->lock);
    j->done(j->ctx, b, SL_OK);
}

/* -- reading --------------------------------------------------------------------------------- */

/* The first batch that holds a number > after. */
static size_t find_number(const journal_memory_t *m, uint64_t after)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const batch_t *b = at(m, middle);
        if (b->first + b->count - 1 > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The first batch that was sealed at since_ns or later. */
static size_t find_time(const journal_memory_t *m, uint64_t since_ns)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(m, middle)->time_ns >= since_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* What one read shows. */
typedef struct portion {
    journal_hole_t hole; /**< before the batches; to 0: there is none */
    batch_t *batches[READ_BATCHES];
    size_t count;
    uint64_t upto; /**< when all of it was shown */
} portion_t;

static void take_portion(journal_memory_t *m, portion_t *p, uint64_t after, uint64_t until,
                         size_t bytes)
{
    *p = (portion_t){.upto = after};
    uint64_t end = until < m->last ? until : m->last;
    if (after >= end)
        return;
    size_t i = find_number(m, after), used = 0;
    uint64_t first = at(m, i)->first;
    if (first > after + 1) {
        p->hole = (journal_hole_t){.from = after + 1, .to = first - 1 < end ? first - 1 : end};
        p->upto = p->hole.to;
    }
    for (; p->upto < end && p->count < READ_BATCHES && (used < bytes || p->count == 0); i++) {
        batch_t *b = at(m, i);
        batch_hold(b);
        p->batches[p->count++] = b;
        p->upto = b->first + b->count - 1;
        used += batch_bytes(b);
    }
    if (p->upto > end)
        p->upto = end;
}

/* @return the number up to which all was shown. */
static uint64_t show(const portion_t *p, uint64_t until, journal_visit_fn *visit, void *ctx)
{
    if (p->hole.to > 0 && !visit(ctx, NULL, &p->hole))
        return p->hole.to;
    for (size_t i = 0; i < p->count; i++) {
        record_t record = journal_record(p->batches[i]);
        uint64_t last = record_last(&record);
        if (!visit(ctx, &record, NULL))
            return last < until ? last : until;
    }
    return p->upto;
}

static sl_err memory_read(journal_t *j, uint64_t after, uint64_t until, size_t bytes,
                          journal_visit_fn *visit, void *ctx, uint64_t *upto)
{
    journal_memory_t *m = (journal_memory_t *)j;
    portion_t portion;
    pthread_mutex_lock(&m->lock);
    take_portion(m, &portion, after, until, bytes);
    pthread_mutex_unlock(&m->lock);
    *upto = show(&portion, until, visit, ctx);
    for (size_t i = 0; i < portion.count; i++)
        batch_drop(portion.batches[i]);
    return SL_OK;
}

static sl_err memory_find(journal_t *j, uint64_t since_ns, uint64_t *after)
{
    journal_memory_t *m = (journal_memory_t *)j;
    pthread_mutex_lock(&m->lock);
    size_t i = find_time(m, since_ns);
    *after = i < m->count ? at(m, i)->first - 1 : m->last;
    pthread_mutex_unlock(&m->lock);
    return SL_OK;
}

static void memory_stat(journal_t *j, journal_stat_t *out)
{
    journal_memory_t *m = (journal_memory_t *)j;
    pthread_mutex_lock(&m->lock);
    *out = (journal_stat_t){.backend = "memory",
                            .next = m->last + 1,
                            .records = m->count,
                            .bytes = m->bytes,
                            .retain_bytes = m->bytes_max,
                            .commits = m->commits};
    if (m->count > 0) {
        out->oldest = at(m, 0)->first;
        out->oldest_time_ns = at(m, 0)->time_ns;
        out->newest_time_ns = at(m, m->count - 1)->time_ns;
    }
    pthread_mutex_unlock(&m->lock);
}

/* -- life ------------------------------------------------------------------------------------ */

static sl_err memory_destroy(journal_t *j)
{
    journal_memory_t *m = (journal_memory_t *)j;
    while (m->count > 0)
        forget_oldest(m);
    pthread_mutex_destroy(&m->lock);
    free(m->ring);
    free(m);
    return SL_OK;
}

static const journal_ops_t memory_ops = {.append = memory_append,
                                         .destroy = memory_destroy,
                                         .read = memory_read,
                                         .find = memory_find,
                                         .stat = memory_stat};

journal_t *journal_memory_create(size_t bytes)
{
    journal_memory_t *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->base = (journal_t){.ops = &memory_ops, .fd = -1};
    m->bytes_max = bytes;
    m->slots = RING_SLOTS_MIN;
    m->ring = malloc(m->slots * sizeof *m->ring);
    if (m->ring == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m->ring);
        free(m);
        return NULL;
    }
    return &m->base;
}

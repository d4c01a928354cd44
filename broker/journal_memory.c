/* The journal that forgets: a ring of the newest batches, by reference. */
#include "journal.h"

#include <stdlib.h>

typedef struct journal_memory {
    journal_t base;
    batch_t **ring; /**< a power of two; grows while `bytes` leaves room */
    size_t slots, head, count;
    size_t bytes, bytes_max;
} journal_memory_t;

enum { RING_SLOTS_MIN = 64, RING_SLOTS_MAX = 65536 };

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
        ring[i] = m->ring[(m->head + i) & (m->slots - 1)];
    free(m->ring);
    m->ring = ring;
    m->slots = slots;
    m->head = 0;
}

static void memory_append(journal_t *j, batch_t *b)
{
    journal_memory_t *m = (journal_memory_t *)j;
    if (m->count == m->slots)
        make_room(m);
    batch_hold(b);
    m->ring[(m->head + m->count) & (m->slots - 1)] = b;
    m->count++;
    m->bytes += batch_footprint(b);
    while (m->bytes > m->bytes_max && m->count > 1)
        forget_oldest(m);
    j->oldest = m->ring[m->head]->first;
    j->done(j->ctx, b, SL_OK);
}

static void memory_destroy(journal_t *j)
{
    journal_memory_t *m = (journal_memory_t *)j;
    while (m->count > 0)
        forget_oldest(m);
    free(m->ring);
    free(m);
}

static const journal_ops_t memory_ops = {.append = memory_append, .destroy = memory_destroy};

journal_t *journal_memory_create(size_t bytes)
{
    journal_memory_t *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->base = (journal_t){.ops = &memory_ops, .fd = -1};
    m->bytes_max = bytes;
    m->slots = RING_SLOTS_MIN;
    m->ring = malloc(m->slots * sizeof *m->ring);
    if (m->ring == NULL) {
        free(m);
        return NULL;
    }
    return &m->base;
}

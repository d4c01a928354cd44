#include "slots.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SLAB_SLOTS = 64,
    KEEP_BYTES = 4096, /**< a buffer grown past this by a rare large body is freed after use */
};

typedef struct slot_slab {
    struct slot_slab *next;
    slot_t slots[SLAB_SLOTS];
} slot_slab_t;

void slot_list_push(slot_list_t *list, slot_t *slot)
{
    slot->next = NULL;
    if (list->head == NULL)
        list->head = slot;
    else
        list->tail->next = slot;
    list->tail = slot;
    list->count++;
}

void slot_list_push_front(slot_list_t *list, slot_t *slot)
{
    slot->next = list->head;
    list->head = slot;
    if (list->tail == NULL)
        list->tail = slot;
    list->count++;
}

slot_t *slot_list_pop(slot_list_t *list)
{
    slot_t *slot = list->head;
    if (slot == NULL)
        return NULL;
    list->head = slot->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->count--;
    slot->next = NULL;
    return slot;
}

static void ring_put(slot_ring_t *ring, slot_t *slot, slot_t *before, slot_t *after)
{
    assert(slot->ring == NULL);
    slot->ring = ring;
    slot->before = before;
    slot->after = after;
    *(before != NULL ? &before->after : &ring->head) = slot;
    *(after != NULL ? &after->before : &ring->tail) = slot;
    ring->count++;
}

void slot_ring_push(slot_ring_t *ring, slot_t *slot)
{
    ring_put(ring, slot, ring->tail, NULL);
}

void slot_ring_insert(slot_ring_t *ring, slot_t *slot, slot_t *next)
{
    ring_put(ring, slot, next != NULL ? next->before : ring->tail, next);
}

void slot_ring_remove(slot_t *slot)
{
    slot_ring_t *ring = slot->ring;
    if (ring == NULL)
        return;
    *(slot->before != NULL ? &slot->before->after : &ring->head) = slot->after;
    *(slot->after != NULL ? &slot->after->before : &ring->tail) = slot->before;
    ring->count--;
    slot->ring = NULL;
}

static bool grow(slot_pool_t *pool)
{
    slot_slab_t *slab = calloc(1, sizeof *slab);
    if (slab == NULL)
        return false;
    slab->next = pool->slabs;
    pool->slabs = slab;
    for (size_t i = 0; i < SLAB_SLOTS; i++)
        slot_list_push(&pool->free, &slab->slots[i]);
    return true;
}

/* Appends with a final NUL.  Offsets, not pointers, until all is in: the buffer may move. */
static size_t put(sl_buf_t *bytes, const char *text, size_t len)
{
    size_t at = bytes->len;
    sl_buf_append(bytes, text, len);
    sl_buf_append_byte(bytes, '\0');
    return at;
}

/* Where in `bytes` what a slot points to begins; the handle comes last, so that it may grow in
 * place. */
typedef struct offsets {
    size_t body, id, topic, owner, handle;
} offsets_t;

static void set_pointers(slot_t *slot, const offsets_t *at)
{
    const char *base = (const char *)slot->bytes.data;
    slot->message.body = base + at->body;
    slot->message.id = base + at->id;
    slot->message.topic = base + at->topic;
    slot->message.owner = base + at->owner;
    slot->handle = base + at->handle;
}

slot_t *slot_take(slot_pool_t *pool, struct source *source, const decode_message_t *message,
                  const char *handle)
{
    if (pool->free.head == NULL && !grow(pool))
        return NULL;
    slot_t *slot = slot_list_pop(&pool->free);
    assert(slot->state == SLOT_FREE);
    sl_buf_clear(&slot->bytes);
    offsets_t at = {0};
    at.body = put(&slot->bytes, message->body, message->body_len);
    at.id = put(&slot->bytes, message->id, message->id_len);
    if (message->topic_len > 0)
        at.topic = put(&slot->bytes, message->topic, message->topic_len);
    if (message->owner_len > 0)
        at.owner = put(&slot->bytes, message->owner, message->owner_len);
    at.handle = put(&slot->bytes, handle, strlen(handle));
    if (slot->bytes.failed) {
        slot_list_push_front(&pool->free, slot);
        return NULL;
    }
    slot->message = *message;
    set_pointers(slot, &at);
    slot->source = source;
    slot->push = NULL;
    slot->state = SLOT_WAITING;
    slot->refused = EVENT_REASON_NONE;
    slot->refused_code = "";
    slot->visible_ms = slot->deadline_ms = 0;
    memset(&slot->extend, 0, sizeof slot->extend);
    return slot;
}

bool slot_set_handle(slot_t *slot, const char *handle)
{
    size_t len = strlen(handle);
    const char *base = (const char *)slot->bytes.data;
    const offsets_t at = {.body = (size_t)(slot->message.body - base),
                          .id = (size_t)(slot->message.id - base),
                          .topic = (size_t)(slot->message.topic - base),
                          .owner = (size_t)(slot->message.owner - base),
                          .handle = (size_t)(slot->handle - base)};
    if (sl_buf_reserve(&slot->bytes, len + 1) != SL_OK) {
        slot->bytes.failed = false;
        return false;
    }
    slot->bytes.len = at.handle;
    put(&slot->bytes, handle, len);
    set_pointers(slot, &at);
    return true;
}

void slot_give(slot_pool_t *pool, slot_t *slot)
{
    assert(slot->state != SLOT_FREE && slot->ring == NULL);
    if (slot->bytes.cap > KEEP_BYTES)
        sl_buf_fini(&slot->bytes);
    slot->state = SLOT_FREE;
    slot_list_push_front(&pool->free, slot); /* last used first: its memory is still in the cache */
}

void slot_pool_fini(slot_pool_t *pool)
{
    while (pool->slabs != NULL) {
        slot_slab_t *slab = pool->slabs;
        pool->slabs = slab->next;
        for (size_t i = 0; i < SLAB_SLOTS; i++)
            sl_buf_fini(&slab->slots[i].bytes);
        free(slab);
    }
    pool->free = (slot_list_t){0};
}

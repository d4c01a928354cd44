#include "batch.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    HUGE_CLASS = BATCH_CLASSES,        /* of its own size, straight from malloc */
    FREE_BYTES_MAX = 32 * 1024 * 1024, /* buffers kept for the next batches */
    TRIM_BYTES = 16 * 1024 * 1024,     /* released since: worth a walk through the heap */
    TICKET_INDEX_BITS = 20,
    TICK_HEADER_MAX = WIRE_HEADER_FIXED_MAX + WIRE_PARENTS_BYTES_MAX,
    MSG_INLINE_MAX = 33, /* libzmq keeps so many bytes in the message itself */
};

/* The last class holds the largest batch of many events. */
static const size_t class_bytes[BATCH_CLASSES] = {4096, 16 * 1024, 64 * 1024, 196 * 1024};

_Static_assert(BATCH_CHUNK *BATCH_CHUNKS_MAX == 1 << TICKET_INDEX_BITS, "a ticket names them all");

typedef struct batch_buffer {
    struct batch_buffer *next;
} batch_buffer_t;

void batch_pool_init(batch_pool_t *pool)
{
    memset(pool, 0, sizeof *pool);
}

/* -- buffers --------------------------------------------------------------------------------- */

static uint8_t *buffer_take(batch_pool_t *pool, size_t bytes, uint8_t *buffer_class,
                            size_t *capacity)
{
    uint8_t c = 0;
    while (c < BATCH_CLASSES && class_bytes[c] < bytes)
        c++;
    size_t size = c < BATCH_CLASSES ? class_bytes[c] : bytes;
    uint8_t *data;
    if (c < BATCH_CLASSES && pool->buffers[c] != NULL) {
        data = (uint8_t *)pool->buffers[c];
        pool->buffers[c] = pool->buffers[c]->next;
        pool->free_bytes -= size;
    } else {
        data = malloc(size);
        if (data == NULL)
            return NULL;
    }
    pool->used_bytes += size;
    *buffer_class = c;
    *capacity = size;
    return data;
}

static void buffer_give(batch_pool_t *pool, uint8_t *data, uint8_t buffer_class, size_t size)
{
    pool->used_bytes -= size;
    if (buffer_class < BATCH_CLASSES && pool->free_bytes + size <= FREE_BYTES_MAX) {
        batch_buffer_t *buffer = (batch_buffer_t *)data;
        buffer->next = pool->buffers[buffer_class];
        pool->buffers[buffer_class] = buffer;
        pool->free_bytes += size;
    } else {
        free(data);
        pool->released_bytes += size;
    }
}

/* Room for `bytes` in all; what is there moves along. */
static sl_err buffer_grow(batch_t *b, size_t bytes)
{
    if (bytes <= b->capacity)
        return SL_OK;
    uint8_t larger_class;
    size_t capacity;
    uint8_t *data = buffer_take(b->pool, bytes, &larger_class, &capacity);
    if (data == NULL)
        return SL_ENOMEM;
    memcpy(data, b->data, b->body_len);
    buffer_give(b->pool, b->data, b->buffer_class, b->capacity);
    b->data = data;
    b->buffer_class = larger_class;
    b->capacity = capacity;
    return SL_OK;
}

/* -- sheets ---------------------------------------------------------------------------------- */

static batch_sheet_t *sheet_take(batch_pool_t *pool)
{
    batch_sheet_t *sheet = pool->sheets;
    if (sheet == NULL)
        return calloc(1, sizeof *sheet);
    pool->sheets = sheet->next;
    return sheet;
}

static void sheet_free(batch_sheet_t *sheet)
{
    sl_buf_fini(&sheet->ends);
    sl_buf_fini(&sheet->ids);
    free(sheet);
}

void batch_settle(batch_t *b)
{
    if (b->sheet == NULL)
        return;
    sl_buf_clear(&b->sheet->ends);
    sl_buf_clear(&b->sheet->ids);
    b->sheet->next = b->pool->sheets;
    b->pool->sheets = b->sheet;
    b->sheet = NULL;
}

/* -- the pool -------------------------------------------------------------------------------- */

static void recycle(batch_t *b)
{
    assert(!b->pending && b->waiters == NULL);
    batch_pool_t *pool = b->pool;
    batch_settle(b);
    if (b->forwarded)
        zmq_msg_close(&b->whole);
    if (b->data != NULL)
        buffer_give(pool, b->data, b->buffer_class, b->capacity);
    b->data = NULL;
    b->ticket += (uint32_t)1 << TICKET_INDEX_BITS;
    b->next = pool->free;
    pool->free = b;
}

void batch_drop(batch_t *b)
{
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    batch_pool_t *pool = b->pool;
    batch_t *head = atomic_load_explicit(&pool->dropped, memory_order_relaxed);
    do
        b->next = head;
    while (!atomic_compare_exchange_weak_explicit(&pool->dropped, &head, b, memory_order_release,
                                                  memory_order_relaxed));
}

void batch_pool_collect(batch_pool_t *pool)
{
    if (atomic_load_explicit(&pool->dropped, memory_order_relaxed) == NULL)
        return;
    batch_t *b = atomic_exchange_explicit(&pool->dropped, NULL, memory_order_acquire);
    while (b != NULL) {
        batch_t *next = b->next;
        recycle(b);
        b = next;
    }
}

void batch_pool_trim(batch_pool_t *pool)
{
    if (pool->released_bytes < TRIM_BYTES)
        return;
    pool->released_bytes = 0;
    malloc_trim(0);
}

void batch_pool_fini(batch_pool_t *pool)
{
    batch_pool_collect(pool);
    assert(pool->used_bytes == 0);
    for (int c = 0; c < BATCH_CLASSES; c++) {
        while (pool->buffers[c] != NULL) {
            batch_buffer_t *buffer = pool->buffers[c];
            pool->buffers[c] = buffer->next;
            free(buffer);
        }
    }
    while (pool->sheets != NULL) {
        batch_sheet_t *sheet = pool->sheets;
        pool->sheets = sheet->next;
        sheet_free(sheet);
    }
    for (uint32_t i = 0; i < pool->made; i += BATCH_CHUNK)
        free(pool->chunks[i / BATCH_CHUNK]);
    memset(pool, 0, sizeof *pool);
}

static bool add_chunk(batch_pool_t *pool)
{
    uint32_t chunk = pool->made / BATCH_CHUNK;
    if (chunk == BATCH_CHUNKS_MAX)
        return false;
    batch_t *batches = calloc(BATCH_CHUNK, sizeof *batches);
    if (batches == NULL)
        return false;
    pool->chunks[chunk] = batches;
    for (uint32_t i = 0; i < BATCH_CHUNK; i++) {
        batches[i].pool = pool;
        batches[i].ticket = pool->made++;
        batches[i].next = pool->free;
        pool->free = &batches[i];
    }
    return true;
}

batch_t *batch_pool_pending(const batch_pool_t *pool, uint32_t ticket)
{
    uint32_t index = ticket & (((uint32_t)1 << TICKET_INDEX_BITS) - 1);
    if (index >= pool->made)
        return NULL;
    batch_t *b = &pool->chunks[index / BATCH_CHUNK][index % BATCH_CHUNK];
    return b->ticket == ticket && b->pending ? b : NULL;
}

static batch_t *open_batch(batch_pool_t *pool, size_t bytes)
{
    if (pool->free == NULL)
        batch_pool_collect(pool);
    if (pool->free == NULL && !add_chunk(pool))
        return NULL;
    batch_t *b = pool->free;
    b->data = buffer_take(pool, bytes, &b->buffer_class, &b->capacity);
    if (b->data == NULL)
        return NULL;
    pool->free = b->next;
    b->next = NULL;
    atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&b->unsent, 0, memory_order_relaxed);
    b->topic = NULL;
    b->joined = b->forwarded = false;
    b->count = b->remembered = b->header_len = 0;
    b->body_len = 0;
    return b;
}

/* -- filling --------------------------------------------------------------------------------- */

/* All three frames, bounded from above. */
static inline size_t frames_bytes(const batch_t *b, size_t bytes, uint32_t events)
{
    return b->name_len + WIRE_HEADER_FIXED_MAX + 4 * ((size_t)b->count + events) + b->body_len +
           bytes;
}

batch_t *batch_open(batch_pool_t *pool, topic_t *topic, size_t bytes)
{
    batch_sheet_t *sheet = sheet_take(pool);
    if (sheet == NULL)
        return NULL;
    batch_t *b = open_batch(pool, bytes);
    if (b == NULL) {
        sheet->next = pool->sheets;
        pool->sheets = sheet;
        return NULL;
    }
    b->sheet = sheet;
    b->topic = topic;
    b->name = topic->name;
    b->name_len = topic->len;
    b->pending = true;
    return b;
}

bool batch_fits(const batch_t *b, size_t bytes, uint32_t events)
{
    return events <= WIRE_BATCH_EVENTS_MAX - b->count &&
           frames_bytes(b, bytes, events) <= WIRE_BATCH_BYTES_MAX;
}

sl_err batch_reserve(batch_t *b, size_t bytes, uint32_t events)
{
    if (sl_buf_reserve(&b->sheet->ends, 4 * (size_t)events) != SL_OK ||
        sl_buf_reserve(&b->sheet->ids, WIRE_ID_BYTES * (size_t)events) != SL_OK)
        return SL_ENOMEM;
    return buffer_grow(b, frames_bytes(b, bytes, events));
}

static void append_id(batch_t *b, const uint8_t *id)
{
    static const uint8_t none[WIRE_ID_BYTES];
    sl_buf_append(&b->sheet->ids, id != NULL ? id : none, WIRE_ID_BYTES);
}

void batch_append(batch_t *b, const void *event, size_t len, const uint8_t *id)
{
    memcpy(b->data + b->body_len, event, len);
    b->body_len += len;
    b->count++;
    uint8_t end[4];
    wire_put_end(end, (uint32_t)b->body_len);
    sl_buf_append(&b->sheet->ends, end, sizeof end);
    append_id(b, id);
}

void batch_forward(batch_t *b, zmq_msg_t *events, uint32_t count, const uint8_t *ends,
                   const uint8_t *ids)
{
    assert(b->count == 0);
    zmq_msg_init(&b->whole);
    zmq_msg_move(&b->whole, events);
    b->forwarded = true;
    b->body_len = zmq_msg_size(&b->whole);
    b->count = count;
    sl_buf_append(&b->sheet->ends, ends, 4 * (size_t)count);
    if (ids != NULL)
        sl_buf_append(&b->sheet->ids, ids, WIRE_ID_BYTES * (size_t)count);
    else
        for (uint32_t i = 0; i < count; i++)
            append_id(b, NULL);
}

/* -- sealing --------------------------------------------------------------------------------- */

static void write_header(batch_t *b, wire_feed_header_t *header)
{
    size_t at = b->forwarded ? 0 : b->body_len;
    sl_buf_t out = {.data = b->data + at, .cap = b->capacity - at};
    wire_feed_encode(&out, header, b->name, b->name_len, batch_body(b), b->body_len);
    assert(out.data == b->data + at && !out.failed); /* batch_reserve made the room */
    b->header_len = (uint32_t)out.len;
    b->first = header->first;
    b->prev = header->prev;
    b->time_ns = header->time_ns;
}

void batch_seal(batch_t *b, uint64_t stream, uint64_t prev, uint64_t first, uint64_t time_ns)
{
    wire_feed_header_t header = {.stream = stream,
                                 .prev = prev,
                                 .first = first,
                                 .count = b->count,
                                 .time_ns = time_ns,
                                 .ends = b->sheet->ends.data};
    write_header(b, &header);
}

batch_t *batch_open_tick(batch_pool_t *pool, const char *name, size_t name_len, size_t bytes,
                         sl_buf_t *body)
{
    batch_t *b = open_batch(pool, bytes + TICK_HEADER_MAX);
    if (b == NULL)
        return NULL;
    assert(name_len <= sizeof b->own_name);
    memcpy(b->own_name, name, name_len);
    b->name = b->own_name;
    b->name_len = (uint8_t)name_len;
    b->pending = false;
    *body = (sl_buf_t){.data = b->data, .cap = b->capacity - TICK_HEADER_MAX};
    return b;
}

void batch_seal_tick(batch_t *b, const sl_buf_t *body, wire_feed_header_t *header)
{
    assert(body->data == b->data && !body->failed);
    b->body_len = body->len;
    write_header(b, header);
}

/* -- frames ---------------------------------------------------------------------------------- */

/* libzmq's own handing over orders what we wrote before what its thread reads; in C's terms, and
 * for ThreadSanitizer, which cannot see into libzmq, this says so again. */
static _Atomic uint32_t frames_handed_over;

static void on_frame_freed(void *data, void *hint)
{
    (void)data;
    (void)atomic_load_explicit(&frames_handed_over, memory_order_acquire);
    batch_t *b = hint;
    atomic_fetch_sub_explicit(&b->unsent, 1, memory_order_relaxed);
    batch_drop(b);
}

static bool frame_of(batch_t *b, zmq_msg_t *msg, const uint8_t *data, size_t len)
{
    if (zmq_msg_init_data(msg, (void *)(uintptr_t)data, len, on_frame_freed, b) != 0)
        return false;
    batch_hold(b);
    atomic_fetch_add_explicit(&b->unsent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&frames_handed_over, 1, memory_order_release);
    return true;
}

static bool frame_of_topic(batch_t *b, zmq_msg_t *msg)
{
    if (b->name_len > MSG_INLINE_MAX) /* a topic's name outlives the context: no callback needed */
        return zmq_msg_init_data(msg, (void *)(uintptr_t)b->name, b->name_len, NULL, NULL) == 0;
    if (zmq_msg_init_size(msg, b->name_len) != 0)
        return false;
    memcpy(zmq_msg_data(msg), b->name, b->name_len);
    return true;
}

static bool frame_of_body(batch_t *b, zmq_msg_t *msg)
{
    if (!b->forwarded)
        return frame_of(b, msg, b->data, b->body_len);
    zmq_msg_init(msg);
    return zmq_msg_copy(msg, &b->whole) == 0;
}

sl_err batch_frames(batch_t *b, zmq_msg_t frames[BATCH_FRAMES])
{
    if (!frame_of_topic(b, &frames[0]))
        return SL_ENOMEM;
    if (!frame_of(b, &frames[1], batch_header(b), b->header_len)) {
        zmq_msg_close(&frames[0]);
        return SL_ENOMEM;
    }
    if (!frame_of_body(b, &frames[2])) {
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        return SL_ENOMEM;
    }
    return SL_OK;
}

/* -- lists ----------------------------------------------------------------------------------- */

void batch_list_push(batch_list_t *list, batch_t *b)
{
    b->next = NULL;
    if (list->tail != NULL)
        list->tail->next = b;
    else
        list->head = b;
    list->tail = b;
    list->count++;
    list->bytes += batch_bytes(b);
}

batch_t *batch_list_pop(batch_list_t *list)
{
    batch_t *b = list->head;
    if (b == NULL)
        return NULL;
    list->head = b->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->count--;
    list->bytes -= batch_bytes(b);
    return b;
}

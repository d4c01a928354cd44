#include "sequencer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ITEMS = 256,
    PREFETCH_AHEAD = 8, /* ids: a miss costs about as much as so many hits */
    FIRST_BYTES = 2048, /* of a topic's first batch */
};

_Static_assert(BATCH_TICKET_NONE == DEDUP_TICKET_SETTLED, "both: durable since before the start");

static void on_done(void *ctx, batch_t *b, sl_err err);

sl_err sequencer_init(sequencer_t *s, const sequencer_options_t *options)
{
    memset(s, 0, sizeof *s);
    s->o = *options;
    s->next = s->o.next != 0 ? s->o.next : 1;
    s->time_ns = s->o.time_ns;
    batch_pool_init(&s->pool);
    journal_attach(s->o.journal, on_done, s);
    sl_err err = topics_init(&s->topics, s->o.topics_max);
    return err != SL_OK ? err : dedup_init(&s->dedup, s->o.dedup_count, s->o.dedup_age_ms);
}

static inline void count(sequencer_t *s, int counter, uint64_t n)
{
    counter_add(&s->o.counters[counter], n);
}

/* -- requests and waiters: from blocks that live as long as the sequencer --------------------- */

static void *add_block(sequencer_t *s, size_t item_bytes)
{
    void **block = calloc(1, sizeof(void *) + BLOCK_ITEMS * item_bytes);
    if (block == NULL)
        return NULL;
    *block = s->blocks;
    s->blocks = block;
    return block + 1;
}

request_t *sequencer_request(sequencer_t *s)
{
    if (s->free_requests == NULL) {
        request_t *items = add_block(s, sizeof *items);
        if (items == NULL)
            return NULL;
        for (int i = 0; i < BLOCK_ITEMS; i++)
            sequencer_release(s, &items[i]);
    }
    request_t *r = s->free_requests;
    s->free_requests = r->next;
    *r = (request_t){.waits = 1};
    return r;
}

void sequencer_release(sequencer_t *s, request_t *r)
{
    r->next = s->free_requests;
    s->free_requests = r;
}

void sequencer_unhold(sequencer_t *s, request_t *r)
{
    assert(r->waits > 0);
    if (--r->waits == 0)
        s->o.settled(s->o.ctx, r);
}

static void waiter_free(sequencer_t *s, waiter_t *w)
{
    w->next = s->free_waiters;
    s->free_waiters = w;
    s->free_waiter_count++;
}

static sl_err reserve_waiters(sequencer_t *s, uint32_t n)
{
    while (s->free_waiter_count < n) {
        waiter_t *items = add_block(s, sizeof *items);
        if (items == NULL)
            return SL_ENOMEM;
        for (int i = 0; i < BLOCK_ITEMS; i++)
            waiter_free(s, &items[i]);
    }
    return SL_OK;
}

static void wait_for(sequencer_t *s, request_t *r, batch_t *b, uint32_t offset, uint32_t events)
{
    waiter_t *w = s->free_waiters;
    assert(w != NULL); /* reserve_waiters */
    s->free_waiters = w->next;
    s->free_waiter_count--;
    *w = (waiter_t){b->waiters, r, offset, events};
    b->waiters = w;
    r->waits++;
}

/* -- forming --------------------------------------------------------------------------------- */

static batch_t *form(sequencer_t *s, topic_t *topic)
{
    size_t bytes = topic->last_bytes + topic->last_bytes / 4;
    if (bytes < FIRST_BYTES)
        bytes = FIRST_BYTES;
    if (bytes > WIRE_BATCH_BYTES_MAX)
        bytes = WIRE_BATCH_BYTES_MAX;
    batch_t *b = batch_open(&s->pool, topic, bytes);
    if (b == NULL)
        return NULL;
    topic->forming = b;
    b->opened_ns = s->now_ns;
    b->next = NULL;
    b->before = s->forming_tail;
    if (s->forming_tail != NULL)
        s->forming_tail->next = b;
    else
        s->forming_head = b;
    s->forming_tail = b;
    return b;
}

static void unform(sequencer_t *s, batch_t *b)
{
    if (b->before != NULL)
        b->before->next = b->next;
    else
        s->forming_head = b->next;
    if (b->next != NULL)
        b->next->before = b->before;
    else
        s->forming_tail = b->before;
    b->next = b->before = NULL;
    b->topic->forming = NULL;
    s->forming_bytes -= b->body_len;
}

/* A batch that came to hold nothing. */
static void discard(batch_t *b)
{
    b->pending = false;
    batch_settle(b);
    batch_drop(b);
}

/* Gives the numbers and hands over to the journal; afterwards the batch may be gone. */
static void seal(sequencer_t *s, batch_t *b)
{
    topic_t *topic = b->topic;
    if (topic->forming == b)
        unform(s, b);
    if (s->wall_ns > s->time_ns)
        s->time_ns = s->wall_ns;
    batch_seal(b, s->o.stream, topic->last, s->next, s->time_ns);
    s->next += b->count;
    topic->last = s->next - 1;
    if (!b->forwarded)
        topic->last_bytes = (uint32_t)b->body_len;
    count(s, BROKER_BATCHES, 1);
    count(s, BROKER_BATCHES_FORWARDED, b->forwarded);
    batch_list_push(&s->in_flight, b);
    journal_append(s->o.journal, b);
}

void sequencer_seal(sequencer_t *s, uint64_t age_ns)
{
    while (s->forming_head != NULL && !s->failing &&
           s->now_ns - s->forming_head->opened_ns >= age_ns &&
           s->in_flight.count < JOURNAL_IN_FLIGHT_MAX)
        seal(s, s->forming_head);
}

/* -- taking ---------------------------------------------------------------------------------- */

static inline uint32_t start_of(const take_t *take, uint32_t i)
{
    return i == 0 ? 0 : wire_end(take->ends, i - 1);
}

static inline const uint8_t *id_of(const take_t *take, uint32_t i)
{
    static const uint8_t none[WIRE_ID_BYTES];
    if (take->ids == NULL)
        return NULL;
    const uint8_t *id = take->ids + WIRE_ID_BYTES * (size_t)i;
    return memcmp(id, none, WIRE_ID_BYTES) == 0 ? NULL : id;
}

/* Marks which of the events [from, to) are known; the others are remembered as the batch's. */
static uint32_t recognise(sequencer_t *s, const take_t *take, uint32_t from, uint32_t to,
                          batch_t *b)
{
    uint32_t known = 0;
    memset(s->known + from, 0, to - from);
    if (take->ids == NULL)
        return 0;
    for (uint32_t i = from; i < to && i < from + PREFETCH_AHEAD; i++)
        dedup_prefetch(&s->dedup, take->ids + WIRE_ID_BYTES * (size_t)i, i - from);
    for (uint32_t i = from; i < to; i++) {
        if (i + PREFETCH_AHEAD < to)
            dedup_prefetch(&s->dedup, take->ids + WIRE_ID_BYTES * (size_t)(i + PREFETCH_AHEAD),
                           PREFETCH_AHEAD);
        const uint8_t *id = id_of(take, i);
        s->known[i] = id != NULL && !dedup_put(&s->dedup, id, b->ticket, &s->originals[i]);
        known += s->known[i];
        b->remembered += id != NULL && !s->known[i];
    }
    return known;
}

/* Undoes recognise; the last one first. */
static void unrecognise(sequencer_t *s, const take_t *take, batch_t *b)
{
    for (uint32_t i = take->count; i-- > 0;)
        if (!s->known[i] && id_of(take, i) != NULL)
            dedup_forget(&s->dedup, id_of(take, i));
    dedup_settle(&s->dedup, b->remembered);
}

/* The request waits for the originals of its duplicates that are not durable yet.  Those are sealed
 * before the batch `own`: should one of them fail, then so does everything of this request.
 *
 * A ticket comes round after 4,096 uses of its batch: then a durable original seems to be in
 * another batch.  To wait for that one too does no harm; for one that holds nothing nobody would be
 * told. */
static void wait_for_originals(sequencer_t *s, request_t *r, uint32_t from, uint32_t to,
                               const batch_t *own)
{
    for (uint32_t i = from; i < to; i++) {
        if (!s->known[i])
            continue;
        batch_t *original = batch_pool_pending(&s->pool, s->originals[i]);
        if (original == NULL || original->count == 0 ||
            (original->waiters != NULL && original->waiters->request == r))
            continue;
        wait_for(s, r, original, 0, 0);
        if (original != own && original->topic->forming == original)
            seal(s, original);
    }
}

/* Copies the events [from, to) that are new; room is reserved. */
static void copy_new(sequencer_t *s, request_t *r, const take_t *take, uint32_t from, uint32_t to,
                     batch_t *b)
{
    const uint8_t *events = zmq_msg_data(take->events);
    uint32_t offset = b->count;
    for (uint32_t i = from; i < to; i++) {
        if (s->known[i])
            continue;
        uint32_t start = start_of(take, i);
        batch_append(b, events + start, wire_end(take->ends, i) - start, id_of(take, i));
    }
    if (b->count > offset)
        wait_for(s, r, b, offset, b->count - offset);
}

static void count_taken(sequencer_t *s, request_t *r, uint32_t events, uint32_t known, size_t bytes)
{
    r->accepted += events - known;
    r->duplicates += known;
    count(s, BROKER_INTAKE_EVENTS, events - known);
    count(s, BROKER_INTAKE_DUPLICATES, known);
    count(s, BROKER_INTAKE_BYTES, bytes);
}

/* Into the topic's forming batch.  A PUB is never cut in two here: it must commit whole. */
static sl_err take_small(sequencer_t *s, request_t *r, const take_t *take, topic_t *topic)
{
    size_t bytes = zmq_msg_size(take->events);
    batch_t *b = topic->forming;
    if (b != NULL && !batch_fits(b, bytes, take->count)) {
        seal(s, b);
        b = NULL;
    }
    if (b == NULL && (b = form(s, topic)) == NULL)
        return SL_ENOMEM;
    size_t before = b->body_len;
    sl_err err = batch_reserve(b, bytes, take->count);
    if (err == SL_OK) {
        uint32_t known = recognise(s, take, 0, take->count, b);
        copy_new(s, r, take, 0, take->count, b);
        wait_for_originals(s, r, 0, take->count, b);
        count_taken(s, r, take->count, known, b->body_len - before);
        s->forming_bytes += b->body_len - before;
    }
    if (b->count == 0) {
        unform(s, b);
        discard(b);
    } else if (!batch_fits(b, bytes / take->count, 1)) {
        seal(s, b); /* the next event would not fit either */
    }
    return err;
}

/* One batch of its own: as it came, or, where duplicates must go, copied. */
static sl_err take_whole(sequencer_t *s, request_t *r, const take_t *take, topic_t *topic)
{
    size_t bytes = zmq_msg_size(take->events);
    batch_t *b = batch_open(&s->pool, topic, 0);
    if (b == NULL)
        return SL_ENOMEM;
    if (batch_reserve(b, 0, take->count) != SL_OK) {
        discard(b);
        return SL_ENOMEM;
    }
    uint32_t known = recognise(s, take, 0, take->count, b);
    if (known > 0 && known < take->count && batch_reserve(b, bytes, take->count) != SL_OK) {
        unrecognise(s, take, b);
        discard(b);
        return SL_ENOMEM;
    }
    if (known == 0) {
        wait_for(s, r, b, 0, take->count);
        batch_forward(b, take->events, take->count, take->ends, take->ids);
    } else if (known < take->count) {
        copy_new(s, r, take, 0, take->count, b);
    }
    wait_for_originals(s, r, 0, take->count, b);
    count_taken(s, r, take->count, known, b->body_len);
    if (b->count > 0)
        seal(s, b);
    else
        discard(b);
    return SL_OK;
}

/* Where the part that begins with event `from` ends: what one feed message holds, or one event. */
static uint32_t part_end(const take_t *take, const topic_t *topic, uint32_t from)
{
    uint32_t start = start_of(take, from);
    uint32_t to = from + 1;
    while (to < take->count && topic->len + WIRE_HEADER_FIXED_MAX + 4 * (size_t)(to + 1 - from) +
                                       (wire_end(take->ends, to) - start) <=
                                   WIRE_BATCH_BYTES_MAX)
        to++;
    return to;
}

/* Opens a batch for each part, with all the room it can need.  @return NULL: no memory. */
static batch_t *open_parts(sequencer_t *s, const take_t *take, topic_t *topic)
{
    batch_t *head = NULL, **tail = &head;
    for (uint32_t from = 0; from < take->count;) {
        uint32_t to = part_end(take, topic, from);
        batch_t *b = batch_open(&s->pool, topic, 0);
        if (b == NULL || batch_reserve(b, wire_end(take->ends, to - 1) - start_of(take, from),
                                       to - from) != SL_OK) {
            if (b != NULL)
                discard(b);
            while ((b = head) != NULL) {
                head = b->next;
                discard(b);
            }
            return NULL;
        }
        *tail = b;
        tail = &b->next;
        from = to;
    }
    return head;
}

/* Seals the parts that hold something, one right behind the other. */
static void seal_parts(sequencer_t *s, batch_t *parts)
{
    batch_t *ready = NULL; /* waits until it is known whether another follows */
    while (parts != NULL) {
        batch_t *b = parts;
        parts = b->next;
        if (b->count == 0) {
            discard(b);
            continue;
        }
        if (ready != NULL) {
            ready->joined = true;
            seal(s, ready);
        }
        ready = b;
    }
    if (ready != NULL)
        seal(s, ready);
}

/* More than one feed message: several batches, which the journal commits together. */
static sl_err take_parts(sequencer_t *s, request_t *r, const take_t *take, topic_t *topic)
{
    batch_t *parts = open_parts(s, take, topic);
    if (parts == NULL)
        return SL_ENOMEM;
    uint32_t from = 0;
    for (batch_t *b = parts; b != NULL; b = b->next) {
        uint32_t to = part_end(take, topic, from);
        uint32_t known = recognise(s, take, from, to, b);
        copy_new(s, r, take, from, to, b);
        wait_for_originals(s, r, from, to, b);
        count_taken(s, r, to - from, known, b->body_len);
        from = to;
    }
    seal_parts(s, parts);
    return SL_OK;
}

sl_err sequencer_take(sequencer_t *s, request_t *r, const take_t *take)
{
    assert(take->count > 0 && take->count <= WIRE_BATCH_EVENTS_MAX);
    /* One waiter for each original at most, and one for each part. */
    if (reserve_waiters(s, 2 * take->count) != SL_OK ||
        (take->ids != NULL && dedup_reserve(&s->dedup, take->count) != SL_OK))
        return SL_ENOMEM;
    topic_t *topic = topics_add(&s->topics, take->topic, take->topic_len);
    if (topic == NULL)
        return SL_ELIMIT;
    if (zmq_msg_size(take->events) < (s->gathering ? BATCH_GATHER_MAX : BATCH_FORWARD_MIN))
        return take_small(s, r, take, topic);
    if (topic->forming != NULL) /* it came before */
        seal(s, topic->forming);
    return part_end(take, topic, 0) == take->count ? take_whole(s, r, take, topic)
                                                   : take_parts(s, r, take, topic);
}

/* -- completion and rollback ----------------------------------------------------------------- */

static void resolve_waiters(sequencer_t *s, batch_t *b, bool durable)
{
    waiter_t *w = b->waiters;
    b->waiters = NULL;
    while (w != NULL) {
        waiter_t *next = w->next;
        request_t *r = w->request;
        if (!durable) {
            r->refused = true;
            r->nak = WIRE_NAK_BUSY;
        } else if (w->count > 0) {
            uint64_t first = b->first + w->offset;
            if (r->first == 0 || first < r->first)
                r->first = first;
            if (first + w->count - 1 > r->last)
                r->last = first + w->count - 1;
        }
        waiter_free(s, w);
        sequencer_unhold(s, r);
        w = next;
    }
}

static void on_done(void *ctx, batch_t *b, sl_err err)
{
    sequencer_t *s = ctx;
    batch_t *expected = batch_list_pop(&s->in_flight);
    assert(b == expected); /* in order, each once */
    (void)expected;
    if (err != SL_OK || s->failing) {
        s->failing = true;
        count(s, BROKER_JOURNAL_FAILED, 1);
        batch_list_push(&s->failed, b);
        return;
    }
    b->pending = false;
    dedup_settle(&s->dedup, b->remembered);
    resolve_waiters(s, b, true);
    batch_settle(b);
    s->o.committed(s->o.ctx, b);
}

static void undo(sequencer_t *s, batch_t *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        dedup_forget(&s->dedup, b->sheet->ids.data + WIRE_ID_BYTES * (size_t)i);
    b->pending = false;
    resolve_waiters(s, b, false);
    batch_settle(b);
    batch_drop(b);
}

/* Everything that is not committed: the failed batches and the forming ones, since what came later
 * of one publisher must not overtake what it has to send again. */
static void roll_back(sequencer_t *s)
{
    batch_t *b;
    uint32_t forgotten = 0;
    if (s->failed.head != NULL)
        s->next = s->failed.head->first;
    while ((b = batch_list_pop(&s->failed)) != NULL) {
        if (b->prev < b->topic->last)
            b->topic->last = b->prev;
        forgotten += b->remembered;
        undo(s, b);
    }
    while ((b = s->forming_head) != NULL) {
        unform(s, b);
        forgotten += b->remembered;
        undo(s, b);
    }
    dedup_settle(&s->dedup, forgotten);
    s->failing = false;
}

void sequencer_poll(sequencer_t *s)
{
    journal_poll(s->o.journal);
    if (!s->failing || s->in_flight.count > 0)
        return;
    roll_back(s);
    s->rollbacks++;
    count(s, BROKER_ROLLBACKS, 1);
    journal_resume(s->o.journal);
}

void sequencer_abandon(sequencer_t *s)
{
    batch_t *b;
    while ((b = batch_list_pop(&s->in_flight)) != NULL)
        batch_list_push(&s->failed, b);
    roll_back(s);
}

void sequencer_fini(sequencer_t *s)
{
    batch_pool_fini(&s->pool);
    dedup_fini(&s->dedup);
    topics_fini(&s->topics);
    while (s->blocks != NULL) {
        void **block = s->blocks;
        s->blocks = *block;
        free(block);
    }
    memset(s, 0, sizeof *s);
}

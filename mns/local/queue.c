#include "queue.h"

#include "disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* -- time ---------------------------------------------------------------------------------- */

/* Puts the queue's wakeup where its next event is: a hidden message shows, or the oldest expires.
 */
static void set_wakeup(queue_t *q)
{
    const heap_node_t *first = heap_first(&q->hidden);
    uint64_t due = first != NULL ? first->key : UINT64_MAX;
    if (q->oldest != NULL) {
        uint64_t expiry = q->oldest->enqueue_ms + (uint64_t)q->attributes.retention_s * 1000;
        due = expiry < due ? expiry : due;
    }
    if (due == UINT64_MAX)
        heap_remove(&q->store->wakeups, &q->wakeup);
    else if (q->wakeup.at == 0 || q->wakeup.key != due)
        heap_put(&q->store->wakeups, &q->wakeup, due);
}

/* The caller puts it into its FIFO. */
static void leave_hidden(message_t *m)
{
    queue_t *q = m->queue;
    heap_remove(&q->hidden, &m->hidden);
    *(m->state == MESSAGE_DELAYED ? &q->delayed_count : &q->inactive_count) -= 1;
    m->state = MESSAGE_ACTIVE;
    q->active_count++;
}

static void make_active(message_t *m)
{
    queue_t *q = m->queue;
    leave_hidden(m);
    DL_APPEND(q->active[m->priority], m);
}

/* What is due in one queue. */
static void settle(queue_t *q)
{
    uint64_t now = q->store->now_ms;
    for (heap_node_t *first; (first = heap_first(&q->hidden)) != NULL && first->key <= now;)
        make_active(HEAP_OWNER(first, message_t, hidden));
    uint64_t retention_ms = (uint64_t)q->attributes.retention_s * 1000;
    while (q->oldest != NULL && q->oldest->enqueue_ms + retention_ms <= now) {
        q->store->expired++;
        queue_delete(q->oldest);
    }
    set_wakeup(q);
}

static void end_wait(waiter_t *w, wait_end_t why)
{
    queue_unwait(w);
    w->on_end(w, why);
}

void queue_store_turn(queue_store_t *s)
{
    uint64_t elapsed = sl_clock_mono_ms(s->clock) - s->start_mono_ms;
    s->now_ms = s->start_wall_ms + elapsed;
    heap_node_t *first;
    while ((first = heap_first(&s->wakeups)) != NULL && first->key <= s->now_ms) {
        queue_t *q = HEAP_OWNER(first, queue_t, wakeup);
        settle(q);
        queue_serve(q);
    }
    while ((first = heap_first(&s->deadlines)) != NULL && first->key <= s->now_ms)
        end_wait(HEAP_OWNER(first, waiter_t, deadline), WAIT_TIMEOUT);
}

uint64_t queue_store_next_ms(const queue_store_t *s)
{
    uint64_t due = UINT64_MAX;
    const heap_node_t *firsts[] = {heap_first(&s->wakeups), heap_first(&s->deadlines)};
    for (size_t i = 0; i < 2; i++)
        if (firsts[i] != NULL && firsts[i]->key < due)
            due = firsts[i]->key;
    return queue_store_ms_until(s, due);
}

uint64_t queue_store_ms_until(const queue_store_t *s, uint64_t due_ms)
{
    if (due_ms == UINT64_MAX)
        return UINT64_MAX;
    uint64_t now = s->start_wall_ms + sl_clock_mono_ms(s->clock) - s->start_mono_ms;
    return due_ms > now ? due_ms - now : 0;
}

/* -- the store ----------------------------------------------------------------------------- */

void queue_store_init(queue_store_t *s, const sl_clock_t *clock, digest_t *digest, uint64_t boot,
                      size_t bytes_max)
{
    *s = (queue_store_t){.clock = clock, .digest = digest, .boot = boot, .bytes_max = bytes_max};
    s->start_mono_ms = sl_clock_mono_ms(clock);
    s->start_wall_ms = sl_clock_wall_ns(clock) / 1000000;
    s->now_ms = s->start_wall_ms;
}

void queue_store_fini(queue_store_t *s)
{
    queue_t *q, *next;
    HASH_ITER(hh, s->queues, q, next)
    {
        queue_destroy(q);
    }
    heap_fini(&s->wakeups);
    heap_fini(&s->deadlines);
    sl_buf_fini(&s->scratch);
    free(s->slots);
    free(s->free_slots);
}

/* -- queues -------------------------------------------------------------------------------- */

static void note_queue(const queue_t *q)
{
    if (q->store->disk != NULL)
        disk_queue(q->store->disk, q->name);
}

queue_t *queue_find(const queue_store_t *s, const char *name)
{
    queue_t *q;
    HASH_FIND_STR(s->queues, name, q);
    return q;
}

sl_err queue_create(queue_store_t *s, const char *name, const queue_attributes_t *attributes,
                    queue_t **out)
{
    size_t len = strlen(name), count = HASH_COUNT(s->queues);
    assert(len <= QUEUE_NAME_MAX);
    if (count >= QUEUES_MAX)
        return SL_ELIMIT;
    queue_t *q = calloc(1, sizeof *q);
    if (q == NULL || heap_reserve(&s->wakeups, count + 1) != SL_OK) {
        free(q);
        return SL_ENOMEM;
    }
    q->store = s;
    memcpy(q->name, name, len + 1);
    q->attributes = *attributes;
    q->create_ms = q->modify_ms = s->now_ms;
    q->number = ++s->number;
    HASH_ADD_STR(s->queues, name, q);
    if (q->hh.tbl == NULL) {
        free(q);
        return SL_ENOMEM;
    }
    note_queue(q);
    *out = q;
    return SL_OK;
}

void queue_set_attributes(queue_t *q, const queue_attributes_t *attributes)
{
    q->attributes = *attributes;
    q->modify_ms = q->store->now_ms;
    note_queue(q);
    settle(q); /* retention may be over at once */
}

void queue_destroy(queue_t *q)
{
    queue_store_t *s = q->store;
    note_queue(q);
    HASH_DEL(s->queues, q); /* first: who hears of the end may make a queue of the same name */
    while (q->waiters != NULL)
        end_wait(q->waiters, WAIT_GONE);
    while (q->oldest != NULL)
        queue_delete(q->oldest);
    heap_remove(&s->wakeups, &q->wakeup);
    heap_fini(&q->hidden);
    free(q);
}

/* -- in and out ---------------------------------------------------------------------------- */

static void note(message_t *m)
{
    if (m->queue->store->disk != NULL)
        disk_message(m->queue->store->disk, m);
}

sl_err queue_reserve(queue_t *q, size_t count)
{
    size_t all = q->active_count + q->inactive_count + q->delayed_count;
    return heap_reserve(&q->hidden, all + count);
}

static void hide_until(message_t *m, uint64_t until_ms)
{
    m->generation++;
    m->next_visible_ms = until_ms;
    heap_put(&m->queue->hidden, &m->hidden, until_ms);
    note(m);
}

void queue_put(queue_t *q, message_t *m, uint32_t priority, uint32_t delay_s)
{
    m->queue = q;
    m->priority = priority;
    m->enqueue_ms = q->store->now_ms;
    DL_APPEND2(q->oldest, m, age_prev, age_next);
    if (delay_s > 0) {
        m->state = MESSAGE_DELAYED;
        q->delayed_count++;
        hide_until(m, m->enqueue_ms + (uint64_t)delay_s * 1000);
    } else {
        m->state = MESSAGE_ACTIVE;
        q->active_count++;
        DL_APPEND(q->active[priority], m);
        note(m);
    }
    set_wakeup(q);
}

void queue_serve(queue_t *q)
{
    while (q->waiters != NULL && q->active_count > 0)
        end_wait(q->waiters, WAIT_READY);
}

/* Received messages became more, or fewer by being deleted or shown again. */
static void note_undeleted(queue_t *q, int32_t change)
{
    queue_store_t *s = q->store;
    pace_add(&q->undeleted, s->now_ms, change);
    int64_t pace = q->undeleted.sum;
    if (q->inactive_count > s->undeleted_peak)
        s->undeleted_peak = q->inactive_count;
    if (pace > 0 && (uint64_t)pace > s->undeleted_pace_peak)
        s->undeleted_pace_peak = (uint64_t)pace;
}

bool queue_over_limit(queue_t *q)
{
    return q->inactive_count >= UNDELETED_MAX ||
           pace_sum(&q->undeleted, q->store->now_ms) > UNDELETED_PACE_MAX;
}

size_t queue_receive(queue_t *q, message_t **out, size_t max)
{
    uint64_t now = q->store->now_ms;
    size_t count = queue_peek(q, out, max);
    for (size_t i = 0; i < count; i++) {
        message_t *m = out[i];
        DL_DELETE(q->active[m->priority], m);
        q->active_count--;
        q->inactive_count++;
        m->state = MESSAGE_INACTIVE;
        m->dequeue_count++;
        if (m->first_dequeue_ms == 0)
            m->first_dequeue_ms = now;
        hide_until(m, now + (uint64_t)q->attributes.visibility_s * 1000);
    }
    note_undeleted(q, (int32_t)count);
    set_wakeup(q);
    return count;
}

void queue_rotate(queue_t *q)
{
    for (uint32_t priority = 1; priority <= PRIORITY_MAX; priority++) {
        message_t *first = q->active[priority], *second = first != NULL ? first->next : NULL;
        if (second != NULL) {
            /* the list's first knows its last; now it is the last */
            first->prev->next = first;
            first->next = NULL;
            second->prev = first;
            q->active[priority] = second;
        }
        if (first != NULL)
            return;
    }
}

void queue_show(message_t *m)
{
    queue_t *q = m->queue;
    leave_hidden(m);
    note_undeleted(q, -1);
    note(m);
    DL_PREPEND(q->active[m->priority], m);
    set_wakeup(q);
}

size_t queue_peek(queue_t *q, message_t **out, size_t max)
{
    size_t count = 0;
    for (uint32_t priority = 1; priority <= PRIORITY_MAX && count < max; priority++)
        for (message_t *m = q->active[priority]; m != NULL && count < max; m = m->next)
            out[count++] = m;
    return count;
}

void queue_delete(message_t *m)
{
    queue_t *q = m->queue;
    if (m->state == MESSAGE_ACTIVE) {
        DL_DELETE(q->active[m->priority], m);
        q->active_count--;
    } else {
        heap_remove(&q->hidden, &m->hidden);
        *(m->state == MESSAGE_DELAYED ? &q->delayed_count : &q->inactive_count) -= 1;
        if (m->state == MESSAGE_INACTIVE)
            note_undeleted(q, -1);
    }
    DL_DELETE2(q->oldest, m, age_prev, age_next);
    message_destroy(q->store, m);
    set_wakeup(q);
}

void queue_hide(message_t *m, uint32_t seconds)
{
    hide_until(m, m->queue->store->now_ms + (uint64_t)seconds * 1000);
    set_wakeup(m->queue);
}

/* -- waiting ------------------------------------------------------------------------------- */

sl_err queue_wait(queue_t *q, waiter_t *w, uint64_t wait_ms)
{
    heap_t *deadlines = &q->store->deadlines;
    if (heap_reserve(deadlines, deadlines->count + 1) != SL_OK)
        return SL_ENOMEM;
    w->queue = q;
    w->deadline.at = 0;
    /* Not before its time: now_ms is the start of the millisecond that the request came in. */
    heap_put(deadlines, &w->deadline, q->store->now_ms + wait_ms + 1);
    DL_APPEND(q->waiters, w);
    return SL_OK;
}

void queue_unwait(waiter_t *w)
{
    heap_remove(&w->queue->store->deadlines, &w->deadline);
    DL_DELETE(w->queue->waiters, w);
}

/* -- coming back from disk ----------------------------------------------------------------- */

sl_err queue_restore(queue_t *q, const message_image_t *image)
{
    message_t *m;
    sl_err err = queue_reserve(q, 1);
    if (err == SL_OK)
        err = message_restore(q->store, image, &m);
    if (err != SL_OK)
        return err;
    m->queue = q;
    m->state = image->has_state ? image->state : MESSAGE_ACTIVE;
    DL_APPEND2(q->oldest, m, age_prev, age_next);
    if (m->state == MESSAGE_ACTIVE) {
        q->active_count++;
        DL_APPEND(q->active[m->priority], m);
        return SL_OK;
    }
    *(m->state == MESSAGE_DELAYED ? &q->delayed_count : &q->inactive_count) += 1;
    heap_put(&q->hidden, &m->hidden, m->next_visible_ms);
    return SL_OK;
}

void queue_store_restored(queue_store_t *s)
{
    for (size_t slot = s->slot_count; slot-- > 0;)
        if (s->slots[slot] == NULL)
            s->free_slots[s->free_count++] = (uint32_t)slot;
    for (queue_t *q = s->queues; q != NULL; q = q->hh.next)
        set_wakeup(q);
}

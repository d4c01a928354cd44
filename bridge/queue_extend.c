/* queue_extend.c - a longer visibility for what a slow broker has not taken yet.
 *
 *     unacked  --time runs short--> (fixed, under way) --granted--> unacked, last
 *                                        |  a new handle takes the old one's place
 *                                        +--failed, may pass--> unacked, last of those due
 *                                        +--refused----------> fixed: it may lapse and come again
 *
 * Only for messages that the broker does not have, and only while it answers: what waits for a dead
 * one shall show to others.  An acknowledged message whose extension is under way is deleted when
 * that is answered, since the old handle may be dead by then.  When the answer is lost, the message
 * may be hidden for a whole timeout longer, behind a handle that nobody knows: it counts until
 * then.
 *
 * What failed is behind the others that are due, so that it holds up none of them, and it is tried
 * again, after a pause, until its deadline only.
 *
 * The service takes one message a request, so the rate is bounded. */
#include "queue_impl.h"

#include "base/log.h"

#include <assert.h>

enum {
    LEAD_MOST_MS = 20000, /**< asked for when so much, or a third of the timeout, is left */
    WINDOW_MS = 20,
    WINDOW_MOST = 10, /**< 500 a second */
    FIRST_MS = 200,
    MOST_MS = 5000,
    REFUSED_MS = 600000, /**< without the right to do it, it is tried again after this */
};

/* -- which --------------------------------------------------------------------------------- */

void queue_extend_begin(slot_t *slot)
{
    slot_ring_push(&queue_of(slot->source)->unacked, slot);
}

void queue_extend_end(slot_t *slot)
{
    slot_ring_remove(slot);
}

static uint64_t slot_due_ms(const queue_source_t *q, const slot_t *slot)
{
    uint64_t lead_ms = (uint64_t)q->visibility.timeout_ms / 3;
    if (lead_ms > LEAD_MOST_MS)
        lead_ms = LEAD_MOST_MS;
    return slot->deadline_ms > lead_ms ? slot->deadline_ms - lead_ms : 0;
}

static bool is_due(const queue_source_t *q, const slot_t *slot)
{
    return slot_due_ms(q, slot) <= queue_now_ms(q);
}

/* Behind all that are due, so that each of them has its turn, before all that are not. */
static void try_again(queue_source_t *q, slot_t *slot)
{
    slot_t *next = q->unacked.head;
    while (next != NULL && is_due(q, next))
        next = next->after;
    slot_ring_insert(&q->unacked, slot, next);
}

static void fix(queue_source_t *q, slot_t *slot)
{
    slot_ring_remove(slot);
    slot_ring_push(&q->fixed, slot);
}

/* -- answers ------------------------------------------------------------------------------- */

static bool extended(queue_source_t *q, slot_t *slot, const mns_message_t *changed)
{
    if (changed->receipt_handle[0] == '\0' || !slot_set_handle(slot, changed->receipt_handle))
        return false;
    queue_set_deadline(q, slot, changed->next_visible_time_ms);
    slot->extend.unsure = false;
    queue_count(q, QUEUE_EXTENDED, 1);
    backoff_reset(&q->extend_backoff);
    return true;
}

static bool handle_is_dead(const mns_reply_t *reply)
{
    return strcmp(reply->code, "ReceiptHandleError") == 0 ||
           strcmp(reply->code, "MessageNotExist") == 0;
}

static void not_extended(queue_source_t *q, slot_t *slot, const mns_reply_t *reply)
{
    uint64_t now_ms = queue_now_ms(q);
    bool passes = mns_err_transient(reply->err) || reply->err == MNS_EPROTO;
    queue_count(q, QUEUE_EXTEND_ERRORS, 1);
    if (reply->err == MNS_OK || (passes && !queue_is_throttled(reply))) { /* perhaps it was done */
        uint64_t visible_ms = now_ms + (uint64_t)q->visibility.timeout_ms;
        slot->visible_ms = visible_ms > slot->visible_ms ? visible_ms : slot->visible_ms;
        slot->extend.unsure = true;
    }
    slot->extend.refused = reply->err == MNS_OK || handle_is_dead(reply);
    if (queue_is_throttled(reply)) {
        queue_throttled(q, &q->extend_backoff, reply);
    } else if (!slot->extend.refused && !backoff_waits(&q->extend_backoff, now_ms)) {
        backoff_fail(&q->extend_backoff, now_ms, passes ? FIRST_MS : REFUSED_MS,
                     passes ? MOST_MS : REFUSED_MS, &q->base.shared->random);
        if (q->extend_backoff.failures % 8 == 1)
            LOG_WARN("BRIDGE-EXTEND-FAILED", "source=%s error=\"%s\" code=%s retry_ms=%llu; %s",
                     q->base.name, mns_err_text(reply->err),
                     reply->code[0] != '\0' ? reply->code : "none",
                     (unsigned long long)(q->extend_backoff.until_ms - now_ms), reply->message);
    }
}

/* What became of the slot meanwhile decides what the answer means for it. */
static void go_on(queue_source_t *q, slot_t *slot, bool ours)
{
    slot_ring_remove(slot);
    switch (slot->state) {
    case SLOT_LAPSING:
        if (!ours) {
            queue_lapsed(slot);
            return;
        }
        source_wait_again(slot);
        slot_ring_push(&q->unacked, slot);
        return;
    case SLOT_WAITING:
    case SLOT_SENT:
        if (ours)
            slot_ring_push(&q->unacked, slot);
        else if (slot->extend.refused)
            slot_ring_push(&q->fixed, slot);
        else
            try_again(q, slot);
        return;
    case SLOT_ACKED:
        queue_delete_soon(slot);
        return;
    default: /* left: counts on until it shows */
        return;
    }
}

static void on_extended(void *user, const mns_reply_t *reply)
{
    slot_t *slot = user;
    queue_source_t *q = queue_of(slot->source);
    assert(q->extends_in_flight > 0 && slot->extend.under_way);
    q->extends_in_flight--;
    slot->extend.under_way = false;
    if (reply->err == MNS_ECANCELED)
        return;
    bool granted =
        reply->err == MNS_OK && reply->message_count == 1 && extended(q, slot, &reply->messages[0]);
    if (!granted)
        not_extended(q, slot, reply);
    go_on(q, slot, granted);
    if (reply->http_status != 0)
        unseen_answered(&q->unseen, queue_now_ms(q), (uint64_t)q->visibility.timeout_ms);
}

/* -- asking -------------------------------------------------------------------------------- */

static bool may_extend(const queue_source_t *q)
{
    return q->base.options->extend && q->base.shared->broker_acks &&
           q->extends_in_flight < QUEUE_EXTENDS_MAX;
}

static bool send_extend(queue_source_t *q, slot_t *slot)
{
    mns_err err = mns_submit(
        q->client,
        &(mns_request_t){.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                         .queue = q->base.options->queue,
                         .receipt_handles = &slot->handle,
                         .visibility_timeout = (uint32_t)((q->visibility.timeout_ms + 999) / 1000)},
        on_extended, slot);
    if (err != MNS_OK) {
        queue_count(q, QUEUE_EXTEND_ERRORS, 1);
        backoff_fail(&q->extend_backoff, queue_now_ms(q), FIRST_MS, MOST_MS,
                     &q->base.shared->random);
        return false;
    }
    fix(q, slot);
    slot->extend.under_way = true;
    q->extends_in_flight++;
    q->extend_window_sent++;
    return true;
}

size_t queue_extend(queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    size_t sent = 0;
    slot_t *slot;
    if (now_ms >= q->extend_window_ms + WINDOW_MS) {
        q->extend_window_ms = now_ms;
        q->extend_window_sent = 0;
    }
    while (may_extend(q) && !backoff_waits(&q->extend_backoff, now_ms) &&
           q->extend_window_sent < WINDOW_MOST && (slot = q->unacked.head) != NULL &&
           is_due(q, slot)) {
        if (slot->deadline_ms <= now_ms) /* too late */
            fix(q, slot);
        else if (!send_extend(q, slot))
            break;
        else
            sent++;
    }
    return sent;
}

uint64_t queue_extend_due_ms(const queue_source_t *q)
{
    if (!may_extend(q) || q->unacked.head == NULL)
        return UINT64_MAX;
    uint64_t due_ms = slot_due_ms(q, q->unacked.head);
    if (due_ms < q->extend_backoff.until_ms)
        due_ms = q->extend_backoff.until_ms;
    if (q->extend_window_sent >= WINDOW_MOST && due_ms < q->extend_window_ms + WINDOW_MS)
        due_ms = q->extend_window_ms + WINDOW_MS;
    return due_ms;
}

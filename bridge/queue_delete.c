/* queue_delete.c - what the broker has is deleted from MNS, 16 at a time.
 *
 * A slot counts as undeleted until a reply says that its message is gone, or that its handle is no
 * longer good, or until its visibility must be over: a delete whose answer was lost is tried again,
 * and of a batch that failed in part the rest.  One error for several handles does not say whose
 * message is gone: all are tried again. */
#include "queue_impl.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

enum { DELETE_FIRST_MS = 100, DELETE_MOST_MS = 5000 };

typedef struct queue_deletes {
    struct queue_deletes *next;
    queue_source_t *queue;
    slot_t *slots[QUEUE_BATCH];
    const char *handles[QUEUE_BATCH];
    uint32_t count;
} queue_deletes_t;

void queue_delete_soon(slot_t *slot)
{
    queue_source_t *q = queue_of(slot->source);
    if (q->acked.count == 0)
        q->delete_due_ms = queue_now_ms(q) + q->base.shared->delete_linger_ms;
    slot->state = SLOT_ACKED;
    slot_list_push(&q->acked, slot);
}

/* -- answers ------------------------------------------------------------------------------- */

static void deleted(slot_t *slot)
{
    queue_source_t *q = queue_of(slot->source);
    queue_count(q, QUEUE_DELETED, 1);
    pace_deleted(&q->pace, 1, queue_now_ms(q));
    queue_forget(slot, 0);
}

static bool handle_expired(const char *code)
{
    return strcmp(code, "ReceiptHandleError") == 0 || strcmp(code, "MessageNotExist") == 0;
}

/* One message's delete failed.  What failed for good ends here. */
static void delete_failed(slot_t *slot, const char *code)
{
    queue_source_t *q = queue_of(slot->source);
    bool no_queue = strcmp(code, "QueueNotExist") == 0;
    if (handle_expired(code)) {
        /* Harmless: the broker has it, and drops the repeat.  Somebody else holds the message now,
         * or it shows; unless an extension of which we never heard made a handle of its own. */
        queue_count(q, QUEUE_DELETED_LATE, 1);
        queue_forget(slot, slot->extend.unsure ? slot->visible_ms : 0);
    } else if (no_queue || queue_now_ms(q) >= slot->deadline_ms) {
        queue_count(q, QUEUE_DELETE_GIVEN_UP, 1);
        queue_forget(slot, no_queue ? 0 : slot->visible_ms);
    } else {
        slot->state = SLOT_ACKED;
        slot_list_push(&q->acked, slot);
    }
}

static const mns_message_t *failure_of(const mns_reply_t *reply, const char *handle)
{
    for (size_t i = 0; i < reply->message_count; i++)
        if (strcmp(reply->messages[i].receipt_handle, handle) == 0)
            return &reply->messages[i];
    return NULL;
}

/* Is each failure that the reply tells of one of the batch's?  Else nobody knows which it means. */
static bool tells_which(const queue_deletes_t *batch, const mns_reply_t *reply)
{
    size_t found = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        found += failure_of(reply, batch->handles[i]) != NULL;
    return found == reply->message_count && found > 0;
}

/* What a reply without a failure of its own for each message says of every one of them. */
static const char *code_of_all(const queue_deletes_t *batch, const mns_reply_t *reply)
{
    return batch->count > 1 && handle_expired(reply->code) ? "" : reply->code;
}

static void take_delete_reply(queue_deletes_t *batch, const mns_reply_t *reply)
{
    bool partly = reply->err == MNS_EPARTIAL && tells_which(batch, reply);
    for (uint32_t i = 0; i < batch->count; i++) {
        slot_t *slot = batch->slots[i];
        const mns_message_t *failure = partly ? failure_of(reply, batch->handles[i]) : NULL;
        if (reply->err == MNS_OK || (partly && failure == NULL))
            deleted(slot);
        else
            delete_failed(slot, partly ? failure->code : code_of_all(batch, reply));
    }
}

static void delete_later(queue_source_t *q, const mns_reply_t *reply, size_t messages)
{
    uint64_t now_ms = queue_now_ms(q);
    if (queue_is_throttled(reply)) {
        queue_throttled(q, &q->delete_backoff, reply);
        return;
    }
    if (backoff_waits(&q->delete_backoff, now_ms))
        return;
    backoff_fail(&q->delete_backoff, now_ms, DELETE_FIRST_MS, DELETE_MOST_MS,
                 &q->base.shared->random);
    if (q->delete_backoff.failures % 8 == 1)
        LOG_WARN("BRIDGE-DELETE-FAILED", "source=%s error=\"%s\" code=%s messages=%zu; %s",
                 q->base.name, mns_err_text(reply->err),
                 reply->code[0] != '\0' ? reply->code : "none", messages, reply->message);
}

static void on_deleted(void *user, const mns_reply_t *reply)
{
    queue_deletes_t *batch = user;
    queue_source_t *q = batch->queue;
    assert(q->deletes_in_flight > 0);
    q->deletes_in_flight--;
    batch->next = q->batches;
    q->batches = batch;
    if (reply->err == MNS_ECANCELED)
        return;
    size_t acked = q->acked.count;
    take_delete_reply(batch, reply);
    queue_count(q, QUEUE_DELETE_ERRORS, reply->err != MNS_OK);
    if (q->acked.count > acked) /* some are to be tried again, after a pause */
        delete_later(q, reply, q->acked.count - acked);
    else
        backoff_reset(&q->delete_backoff);
    if (reply->http_status != 0)
        unseen_answered(&q->unseen, queue_now_ms(q), (uint64_t)q->visibility.timeout_ms);
}

/* -- asking -------------------------------------------------------------------------------- */

static queue_deletes_t *batch_take(queue_source_t *q)
{
    queue_deletes_t *batch = q->batches;
    if (batch == NULL)
        return calloc(1, sizeof *batch);
    q->batches = batch->next;
    return batch;
}

static bool delete_is_due(const queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    bool due =
        q->acked.count >= QUEUE_BATCH || now_ms >= q->delete_due_ms || q->base.shared->stopping;
    return q->acked.count > 0 && due && q->deletes_in_flight < QUEUE_DELETES_MAX &&
           !backoff_waits(&q->delete_backoff, now_ms);
}

static bool send_delete(queue_source_t *q)
{
    queue_deletes_t *batch = batch_take(q);
    if (batch == NULL)
        return false;
    batch->queue = q;
    batch->count = 0;
    while (batch->count < QUEUE_BATCH && q->acked.count > 0) {
        slot_t *slot = slot_list_pop(&q->acked);
        assert(slot->state == SLOT_ACKED);
        slot->state = SLOT_DELETING;
        batch->handles[batch->count] = slot->handle;
        batch->slots[batch->count++] = slot;
    }
    q->delete_due_ms = queue_now_ms(q) + q->base.shared->delete_linger_ms;
    q->deletes_in_flight++;
    queue_count(q, QUEUE_DELETE_REQUESTS, 1);
    mns_err err = mns_submit(q->client,
                             &(mns_request_t){.op = MNS_BATCH_DELETE_MESSAGE,
                                              .queue = q->base.options->queue,
                                              .count = batch->count,
                                              .receipt_handles = batch->handles},
                             on_deleted, batch);
    if (err != MNS_OK)
        on_deleted(batch, &(mns_reply_t){
                              .err = err, .code = "", .message = "the request could not be made"});
    return err == MNS_OK;
}

size_t queue_delete(queue_source_t *q)
{
    size_t sent = 0;
    while (delete_is_due(q) && send_delete(q))
        sent++;
    return sent;
}

uint64_t queue_delete_due_ms(const queue_source_t *q)
{
    if (q->acked.count == 0 || q->deletes_in_flight >= QUEUE_DELETES_MAX)
        return UINT64_MAX;
    return backoff_waits(&q->delete_backoff, queue_now_ms(q)) ? q->delete_backoff.until_ms
                                                              : q->delete_due_ms;
}

void queue_delete_fini(queue_source_t *q)
{
    while (q->batches != NULL) {
        queue_deletes_t *batch = q->batches;
        q->batches = batch->next;
        free(batch);
    }
}

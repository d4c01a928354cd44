#include "queue_source.h"

#include "backoff.h"
#include "base/log.h"
#include "visibility.h"

#include <assert.h>
#include <mns/mns.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH = 16,       /**< messages of a receive, handles of a delete: MNS's limit */
    DELETES_MAX = 16, /**< batches under way at once */
    RECEIVE_FIRST_MS = 200,
    RECEIVE_MOST_MS = 15000,
    DELETE_FIRST_MS = 100,
    DELETE_MOST_MS = 5000,
    EMPTY_AT_ONCE_US = 50000, /**< an empty answer sooner than this was no long poll */
    EMPTY_PAUSE_MS = 100,
};

/* Why a queue is down: the name and what /readyz says. */
#define DOWN_MAP(X)                               \
    X(NO, "")                                     \
    X(UNTRIED, "it has not been reached yet")     \
    X(NO_QUEUE, "the queue does not exist")       \
    X(REFUSED, "the service refuses the receive") \
    X(FAILING, "receiving fails")
#define X(name, text) DOWN_##name,
typedef enum { DOWN_MAP(X) DOWN_COUNT } down_t;
#undef X

typedef struct queue_source {
    source_t base; /**< first: a source_t of ours is one of these */
    mns_client_t *client;
    visibility_t visibility;

    down_t down;
    sl_buf_t down_texts[DOWN_COUNT];
    backoff_t receive_backoff, delete_backoff;
    uint64_t down_since_ms;
    uint64_t idle_until_ms; /**< a service that answers "empty" at once is not asked at once */
    uint32_t polls_in_flight, deletes_in_flight;

    slot_list_t acked, left;
    uint64_t delete_due_ms;
    struct delete_batch *batches; /**< kept for use again */

    counter_t counters[QUEUE_COUNTER_COUNT];
} queue_source_t;

typedef struct delete_batch {
    struct delete_batch *next;
    queue_source_t *queue;
    slot_t *slots[BATCH];
    const char *handles[BATCH];
    uint32_t count;
} delete_batch_t;

static queue_source_t *queue_of(source_t *source)
{
    return (queue_source_t *)source;
}

static const queue_source_t *queue_of_const(const source_t *source)
{
    return (const queue_source_t *)source;
}

static uint64_t now_of(const queue_source_t *q)
{
    return q->base.shared->now_ms;
}

static void count(queue_source_t *q, int counter, uint64_t n)
{
    counter_add(&q->counters[counter], n);
}

/* -- a slot's end -------------------------------------------------------------------------- */

static void done(slot_t *slot)
{
    queue_source_t *q = queue_of(slot->source);
    if (q->acked.count == 0)
        q->delete_due_ms = now_of(q) + q->base.shared->delete_linger_ms;
    slot_list_push(&q->acked, slot);
}

static void left(slot_t *slot)
{
    slot_list_push(&queue_of(slot->source)->left, slot);
}

/* -- receiving ----------------------------------------------------------------------------- */

static void take_message(queue_source_t *q, const mns_message_t *from)
{
    uint64_t now_ms = now_of(q);
    source_count(&q->base, SOURCE_RECEIVED, 1);
    count(q, QUEUE_DIGEST_ERRORS, from->body_md5[0] != '\0' && !from->body_md5_ok);
    visibility_learn(&q->visibility, now_ms, from->first_dequeue_time_ms,
                     from->next_visible_time_ms, from->dequeue_count);
    decode_message_t message = {
        .body = from->body,
        .body_len = from->body_len,
        .id = from->message_id,
        .id_len = strlen(from->message_id),
        .enqueue_time_ms = from->enqueue_time_ms,
        .attempt = from->dequeue_count,
    };
    /* Without a handle it can never be deleted; without memory it cannot be kept: it comes again.
     */
    const char *handle = from->receipt_handle;
    slot_t *slot = handle[0] != '\0' ? source_take_message(&q->base, &message, handle) : NULL;
    if (slot == NULL) {
        source_count(&q->base, SOURCE_LAPSED, 1);
        return;
    }
    /* A margin longer than the queue's whole timeout would discard everything for ever. */
    uint64_t margin_ms = (uint64_t)q->visibility.timeout_ms / 4;
    if (margin_ms > q->base.options->margin_ms)
        margin_ms = q->base.options->margin_ms;
    uint64_t deadline_ms =
        visibility_deadline_ms(&q->visibility, now_ms, from->next_visible_time_ms);
    slot->deadline_ms = deadline_ms > margin_ms ? deadline_ms - margin_ms : 0;
}

static void receive_worked(queue_source_t *q)
{
    if (q->down == DOWN_NO)
        return;
    if (q->receive_backoff.failures > 0)
        LOG_INFO("BRIDGE-SOURCE-UP", "source=%s repeats=%u down_ms=%llu", q->base.name,
                 q->receive_backoff.failures, (unsigned long long)(now_of(q) - q->down_since_ms));
    q->down = DOWN_NO;
    backoff_reset(&q->receive_backoff);
}

static down_t why_down(mns_err err, const char *code)
{
    if (strcmp(code, "QueueNotExist") == 0)
        return DOWN_NO_QUEUE;
    return mns_err_transient(err) || err == MNS_EPROTO ? DOWN_FAILING : DOWN_REFUSED;
}

/* Parallel polls fail together: the pause grows once for all of them. */
static void receive_failed(queue_source_t *q, mns_err err, const char *code, const char *text)
{
    uint64_t now_ms = now_of(q);
    count(q, QUEUE_RECEIVE_ERRORS, 1);
    down_t down = why_down(err, code);
    if (backoff_waits(&q->receive_backoff, now_ms) && q->down == down)
        return;
    if (q->receive_backoff.failures == 0)
        q->down_since_ms = now_ms;
    /* What time alone does not mend is asked for seldom from the start. */
    uint64_t first_ms = down == DOWN_FAILING ? RECEIVE_FIRST_MS : RECEIVE_MOST_MS / 5;
    backoff_fail(&q->receive_backoff, now_ms, first_ms, RECEIVE_MOST_MS, &q->base.shared->random);
    if (q->down != down || q->receive_backoff.failures % 8 == 1)
        LOG_WARN("BRIDGE-SOURCE-DOWN",
                 "source=%s error=\"%s\" code=%s repeats=%u retry_ms=%llu; %s", q->base.name,
                 mns_err_text(err), code[0] != '\0' ? code : "none", q->receive_backoff.failures,
                 (unsigned long long)(q->receive_backoff.until_ms - now_ms), text);
    q->down = down;
}

static void on_received(void *user, const mns_reply_t *reply)
{
    queue_source_t *q = user;
    assert(q->polls_in_flight > 0);
    q->polls_in_flight--;
    switch (reply->err) {
    case MNS_OK:
        receive_worked(q);
        q->base.shared->received_ms = now_of(q);
        q->base.shared->backlog |= reply->message_count == BATCH;
        for (size_t i = 0; i < reply->message_count; i++)
            take_message(q, &reply->messages[i]);
        break;
    case MNS_EMPTY:
        count(q, QUEUE_EMPTY, 1);
        if (q->down == DOWN_NO && reply->took_us < EMPTY_AT_ONCE_US)
            q->idle_until_ms = now_of(q) + EMPTY_PAUSE_MS;
        receive_worked(q);
        break;
    case MNS_ECANCELED:
        break;
    default:
        receive_failed(q, reply->err, reply->code, reply->message);
    }
}

static bool may_receive(const queue_source_t *q)
{
    uint64_t now_ms = now_of(q);
    uint64_t polls = q->down == DOWN_NO ? q->base.options->polls : 1;
    return !q->base.shared->stopping && q->base.waiting.count == 0 && q->polls_in_flight < polls &&
           q->base.in_hand + BATCH * (q->polls_in_flight + 1) <= q->base.options->undeleted &&
           !backoff_waits(&q->receive_backoff, now_ms) && now_ms >= q->idle_until_ms;
}

static size_t start_receives(queue_source_t *q)
{
    size_t started = 0;
    while (may_receive(q)) {
        mns_request_t request = {
            .op = MNS_BATCH_RECEIVE_MESSAGE,
            .queue = q->base.options->queue,
            .count = BATCH,
            /* A probe does not wait: an empty queue too shall show at once that it is there. */
            .wait_seconds = q->down == DOWN_NO ? (int32_t)q->base.options->wait_s : 0,
        };
        mns_err err = mns_submit(q->client, &request, on_received, q);
        if (err != MNS_OK) {
            receive_failed(q, err, "", "the request could not be made");
            break;
        }
        q->polls_in_flight++;
        started++;
    }
    return started;
}

/* -- deleting ------------------------------------------------------------------------------ */

static void deleted(slot_t *slot, int counter)
{
    count(queue_of(slot->source), counter, 1);
    source_give(slot);
}

static bool handle_expired(const char *code)
{
    return strcmp(code, "ReceiptHandleError") == 0 || strcmp(code, "MessageNotExist") == 0;
}

/* One message's delete failed.  What failed for good ends here. */
static void delete_failed(slot_t *slot, const char *code)
{
    queue_source_t *q = queue_of(slot->source);
    if (handle_expired(code)) { /* harmless: the broker has it, and drops the repeat */
        deleted(slot, QUEUE_DELETED_LATE);
    } else if (strcmp(code, "QueueNotExist") == 0 || now_of(q) >= slot->deadline_ms) {
        deleted(slot, QUEUE_DELETE_GIVEN_UP);
    } else {
        slot->state = SLOT_ACKED;
        slot_list_push(&q->acked, slot);
    }
}

static const char *code_of_handle(const mns_reply_t *reply, const char *handle)
{
    for (size_t i = 0; i < reply->message_count; i++)
        if (strcmp(reply->messages[i].receipt_handle, handle) == 0)
            return reply->messages[i].code;
    return NULL;
}

static void take_delete_reply(delete_batch_t *batch, const mns_reply_t *reply)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        slot_t *slot = batch->slots[i];
        const char *code = reply->err == MNS_OK         ? NULL
                           : reply->err == MNS_EPARTIAL ? code_of_handle(reply, slot->handle)
                                                        : reply->code;
        if (code == NULL)
            deleted(slot, QUEUE_DELETED);
        else
            delete_failed(slot, code);
    }
}

static void on_deleted(void *user, const mns_reply_t *reply)
{
    delete_batch_t *batch = user;
    queue_source_t *q = batch->queue;
    assert(q->deletes_in_flight > 0);
    q->deletes_in_flight--;
    size_t acked = q->acked.count;
    if (reply->err != MNS_ECANCELED)
        take_delete_reply(batch, reply);
    count(q, QUEUE_DELETE_ERRORS, reply->err != MNS_OK && reply->err != MNS_ECANCELED);
    if (q->acked.count > acked) { /* some are to be tried again, after a pause */
        if (!backoff_waits(&q->delete_backoff, now_of(q)))
            backoff_fail(&q->delete_backoff, now_of(q), DELETE_FIRST_MS, DELETE_MOST_MS,
                         &q->base.shared->random);
        LOG_WARN("BRIDGE-DELETE-FAILED", "source=%s error=\"%s\" code=%s messages=%zu; %s",
                 q->base.name, mns_err_text(reply->err),
                 reply->code[0] != '\0' ? reply->code : "none", q->acked.count - acked,
                 reply->message);
    } else {
        backoff_reset(&q->delete_backoff);
    }
    batch->next = q->batches;
    q->batches = batch;
}

static delete_batch_t *batch_take(queue_source_t *q)
{
    delete_batch_t *batch = q->batches;
    if (batch == NULL)
        return calloc(1, sizeof *batch);
    q->batches = batch->next;
    return batch;
}

static bool delete_is_due(const queue_source_t *q)
{
    uint64_t now_ms = now_of(q);
    bool due = q->acked.count >= BATCH || now_ms >= q->delete_due_ms || q->base.shared->stopping;
    return q->acked.count > 0 && due && q->deletes_in_flight < DELETES_MAX &&
           !backoff_waits(&q->delete_backoff, now_ms);
}

static bool send_delete(queue_source_t *q)
{
    delete_batch_t *batch = batch_take(q);
    if (batch == NULL)
        return false;
    batch->queue = q;
    batch->count = 0;
    while (batch->count < BATCH && q->acked.count > 0) {
        slot_t *slot = slot_list_pop(&q->acked);
        assert(slot->state == SLOT_ACKED);
        slot->state = SLOT_DELETING;
        batch->handles[batch->count] = slot->handle;
        batch->slots[batch->count++] = slot;
    }
    q->delete_due_ms = now_of(q) + q->base.shared->delete_linger_ms;
    q->deletes_in_flight++;
    count(q, QUEUE_DELETE_REQUESTS, 1);
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

static size_t send_deletes(queue_source_t *q)
{
    size_t sent = 0;
    while (delete_is_due(q) && send_delete(q))
        sent++;
    return sent;
}

/* -- the turn ------------------------------------------------------------------------------ */

static size_t take(source_t *source)
{
    return mns_client_run(queue_of(source)->client, 0);
}

static size_t settle(source_t *source)
{
    queue_source_t *q = queue_of(source);
    size_t work = send_deletes(q);
    return source->shared->broker_up ? work + start_receives(q) : work;
}

static void tend(source_t *source)
{
    queue_source_t *q = queue_of(source);
    uint64_t now_ms = now_of(q);
    while (q->left.head != NULL && now_ms >= q->left.head->deadline_ms)
        source_give(slot_list_pop(&q->left));
    counter_set(&q->counters[QUEUE_UNDELETED], source->in_hand);
    counter_set(&q->counters[QUEUE_POLLS], q->polls_in_flight);
    counter_set(&q->counters[QUEUE_BACKOFF_MS], backoff_waits(&q->receive_backoff, now_ms)
                                                    ? q->receive_backoff.until_ms - now_ms
                                                    : 0);
    counter_set(&source->counters[SOURCE_WAITING], source->waiting.count);
    counter_set(&source->counters[SOURCE_UP], q->down == DOWN_NO);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t due_ms(const source_t *source)
{
    const queue_source_t *q = queue_of_const(source);
    uint64_t due = UINT64_MAX, now_ms = now_of(q);
    if (q->acked.count > 0 && q->deletes_in_flight < DELETES_MAX)
        due = backoff_waits(&q->delete_backoff, now_ms) ? q->delete_backoff.until_ms
                                                        : q->delete_due_ms;
    if (backoff_waits(&q->receive_backoff, now_ms))
        due = sooner(due, q->receive_backoff.until_ms);
    else if (now_ms < q->idle_until_ms)
        due = sooner(due, q->idle_until_ms);
    if (q->left.head != NULL)
        due = sooner(due, q->left.head->deadline_ms);
    return due;
}

static bool busy(const source_t *source)
{
    return source->in_hand > queue_of_const(source)->left.count;
}

static bool expecting(const source_t *source)
{
    return queue_of_const(source)->polls_in_flight > 0;
}

static const char *why_not_ready(const source_t *source)
{
    const queue_source_t *q = queue_of_const(source);
    return q->down == DOWN_NO ? NULL : (const char *)q->down_texts[q->down].data;
}

/* -- making and ending --------------------------------------------------------------------- */

static void destroy(source_t *source)
{
    queue_source_t *q = queue_of(source);
    mns_client_destroy(&q->client); /* first: it calls back for what is under way */
    while (q->batches != NULL) {
        delete_batch_t *batch = q->batches;
        q->batches = batch->next;
        free(batch);
    }
    for (int i = 0; i < DOWN_COUNT; i++)
        sl_buf_fini(&q->down_texts[i]);
    source_fini(source);
    free(q);
}

static const source_ops_t queue_ops = {
    .destroy = destroy,
    .take = take,
    .settle = settle,
    .tend = tend,
    .due_ms = due_ms,
    .busy = busy,
    .expecting = expecting,
    .why_not_ready = why_not_ready,
    .done = done,
    .left = left,
    .lapsed = source_give,
};

static sl_err make_texts(queue_source_t *q)
{
    static const char *const down[] = {
#define X(name, text) text,
        DOWN_MAP(X)
#undef X
    };
    bool failed = false;
    for (int i = 0; i < DOWN_COUNT; i++) {
        sl_buf_printf(&q->down_texts[i], "source %s: %s", q->base.name, down[i]);
        sl_buf_append_byte(&q->down_texts[i], '\0');
        failed |= q->down_texts[i].failed;
    }
    return failed ? SL_ENOMEM : SL_OK;
}

static sl_err make_client(queue_source_t *q)
{
    const source_options_t *options = q->base.options;
    mns_err err = mns_client_create(
        &q->client,
        &(mns_client_options_t){.size = sizeof(mns_client_options_t),
                                .endpoint = options_source_endpoint(options),
                                .max_in_flight = (uint32_t)options->polls + DELETES_MAX,
                                .attempts = 1}); /* pauses are the source's own business */
    return err == MNS_OK ? SL_OK : err == MNS_ENOMEM ? SL_ENOMEM : SL_EINVAL;
}

sl_err queue_source_create(source_t **out, const source_options_t *options, source_shared_t *shared)
{
    queue_source_t *q = calloc(1, sizeof *q);
    if (q == NULL)
        return SL_ENOMEM;
    source_t *source = &q->base;
    q->down = DOWN_UNTRIED;
    visibility_init(&q->visibility);
    sl_err err = source_init(
        source, &queue_ops, options, shared,
        (counter_set_t){queue_counter_defs, q->counters, QUEUE_COUNTER_COUNT, NULL, NULL});
    if (err != SL_OK)
        goto fail;
    err = make_texts(q);
    if (err != SL_OK)
        goto fail;
    err = make_client(q);
    if (err != SL_OK)
        goto fail;
    source->fds[0] = mns_client_fd(q->client);
    *out = source;
    return SL_OK;
fail:
    source_destroy(&source);
    return err;
}

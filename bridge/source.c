#include "source.h"

#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DELETES_MAX = 16, /**< batches under way at once */
    RECEIVE_FIRST_MS = 200,
    RECEIVE_MOST_MS = 15000,
    DELETE_FIRST_MS = 100,
    DELETE_MOST_MS = 5000,
    EMPTY_AT_ONCE_US = 50000, /**< an empty answer sooner than this was no long poll */
    EMPTY_PAUSE_MS = 100,
};

typedef struct delete_batch {
    struct delete_batch *next;
    source_t *source;
    slot_t *slots[SOURCE_BATCH];
    const char *handles[SOURCE_BATCH];
    uint32_t count;
} delete_batch_t;

/* -- making and ending --------------------------------------------------------------------- */

static sl_err make_texts(source_t *s)
{
    static const char *const down[] = {
#define X(name, text) text,
        SOURCE_DOWN_MAP(X)
#undef X
    };
    bool failed = false;
    for (int i = 0; i < SOURCE_DOWN_COUNT; i++) {
        sl_buf_printf(&s->down_texts[i], "source %s: %s", s->name, down[i]);
        sl_buf_append_byte(&s->down_texts[i], '\0');
        failed |= s->down_texts[i].failed;
    }
    sl_buf_t *labels = s->labels; /* of NONE: the source alone */
    for (int i = 0; i < EVENT_REASON_COUNT; i++) {
        sl_buf_printf(&labels[i], "source=\"%s\"", s->name);
        if (i != EVENT_REASON_NONE)
            sl_buf_printf(&labels[i], ",reason=\"%s\"", event_reason_name((event_reason_t)i));
        sl_buf_append_byte(&labels[i], '\0');
        failed |= labels[i].failed;
        s->dead_letter_sets[i] = (counter_set_t){&dead_letter_counter_def, &s->dead_letters[i], 1,
                                                 (const char *)labels[i].data, NULL};
    }
    s->set = (counter_set_t){source_counter_defs, s->counters, SOURCE_COUNTER_COUNT,
                             (const char *)labels[EVENT_REASON_NONE].data, NULL};
    return failed ? SL_ENOMEM : SL_OK;
}

static void make_place(source_t *s)
{
    const source_options_t *options = s->options;
    if (!options_parse_host(options_source_endpoint(options), s->account, s->region)) {
        snprintf(s->account, sizeof s->account, "%s", options->account);
        snprintf(s->region, sizeof s->region, "%s", options->region);
    }
    s->place = (decode_place_t){.region = s->region,
                                .account = s->account,
                                .queue = options->queue,
                                .topic = options->topic_name};
}

sl_err source_init(source_t *s, const source_options_t *options, source_shared_t *shared)
{
    s->options = options;
    s->shared = shared;
    s->name = options_source_name(options);
    s->down = SOURCE_DOWN_UNTRIED;
    visibility_init(&s->visibility);
    make_place(s);
    if (make_texts(s) != SL_OK)
        return SL_ENOMEM;
    mns_err err = mns_client_create(
        &s->client,
        &(mns_client_options_t){.size = sizeof(mns_client_options_t),
                                .endpoint = options_source_endpoint(options),
                                .max_in_flight = (uint32_t)options->polls + DELETES_MAX,
                                .attempts = 1}); /* pauses are the source's own business */
    return err == MNS_OK ? SL_OK : err == MNS_ENOMEM ? SL_ENOMEM : SL_EINVAL;
}

void source_fini(source_t *s)
{
    mns_client_destroy(&s->client); /* first: it calls back for what is under way */
    while (s->batches != NULL) {
        delete_batch_t *batch = s->batches;
        s->batches = batch->next;
        free(batch);
    }
    for (int i = 0; i < SOURCE_DOWN_COUNT; i++)
        sl_buf_fini(&s->down_texts[i]);
    for (int i = 0; i < EVENT_REASON_COUNT; i++)
        sl_buf_fini(&s->labels[i]);
}

void source_register(source_t *s, counter_registry_t *registry)
{
    counter_registry_add(registry, &s->set);
    for (int i = EVENT_REASON_NONE + 1; i < EVENT_REASON_COUNT; i++)
        counter_registry_add(registry, &s->dead_letter_sets[i]);
}

void source_unregister(source_t *s, counter_registry_t *registry)
{
    counter_registry_remove(registry, &s->set);
    for (int i = EVENT_REASON_NONE + 1; i < EVENT_REASON_COUNT; i++)
        counter_registry_remove(registry, &s->dead_letter_sets[i]);
}

/* -- slots of this source ------------------------------------------------------------------ */

static void give(slot_t *slot)
{
    source_t *s = slot->source;
    assert(s->in_hand > 0);
    s->in_hand--;
    slot_give(&s->shared->slots, slot);
}

slot_t *source_next_waiting(source_t *s)
{
    slot_t *slot;
    while ((slot = slot_list_pop(&s->waiting)) != NULL) {
        if (s->shared->now_ms < slot->deadline_ms)
            return slot;
        source_count(s, SOURCE_LAPSED, 1);
        give(slot);
    }
    return NULL;
}

void source_wait_again(slot_t *slot)
{
    slot->state = SLOT_WAITING;
    slot_list_push_front(&slot->source->waiting, slot);
}

void source_sent(slot_t *slot)
{
    assert(slot->state == SLOT_WAITING);
    slot->state = SLOT_SENT;
}

void source_done(slot_t *slot)
{
    source_t *s = slot->source;
    assert(slot->state == SLOT_WAITING || slot->state == SLOT_SENT);
    slot->state = SLOT_ACKED;
    if (s->acked.count == 0)
        s->delete_due_ms = s->shared->now_ms + s->shared->delete_linger_ms;
    slot_list_push(&s->acked, slot);
}

void source_leave(slot_t *slot)
{
    slot->state = SLOT_LEFT;
    source_count(slot->source, SOURCE_LEFT, 1);
    slot_list_push(&slot->source->left, slot);
}

/* -- receiving ----------------------------------------------------------------------------- */

static void take_message(source_t *s, const mns_message_t *from)
{
    uint64_t now_ms = s->shared->now_ms;
    source_count(s, SOURCE_RECEIVED, 1);
    source_count(s, SOURCE_DIGEST_ERRORS, from->body_md5[0] != '\0' && !from->body_md5_ok);
    visibility_learn(&s->visibility, now_ms, from->first_dequeue_time_ms,
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
    slot_t *slot = from->receipt_handle[0] == '\0'
                       ? NULL
                       : slot_take(&s->shared->slots, s, &message, from->receipt_handle);
    if (slot == NULL) {
        source_count(s, SOURCE_LAPSED, 1);
        return;
    }
    /* A margin longer than the queue's whole timeout would discard everything for ever. */
    uint64_t margin_ms = (uint64_t)s->visibility.timeout_ms / 4;
    if (margin_ms > s->options->margin_ms)
        margin_ms = s->options->margin_ms;
    uint64_t deadline_ms =
        visibility_deadline_ms(&s->visibility, now_ms, from->next_visible_time_ms);
    slot->deadline_ms = deadline_ms > margin_ms ? deadline_ms - margin_ms : 0;
    s->in_hand++;
    slot_list_push(&s->waiting, slot);
}

static void receive_worked(source_t *s)
{
    if (s->down == SOURCE_DOWN_NO)
        return;
    if (s->receive_backoff.failures > 0)
        LOG_INFO("BRIDGE-SOURCE-UP", "source=%s repeats=%u down_ms=%llu", s->name,
                 s->receive_backoff.failures,
                 (unsigned long long)(s->shared->now_ms - s->down_since_ms));
    s->down = SOURCE_DOWN_NO;
    backoff_reset(&s->receive_backoff);
}

static source_down_t why_down(mns_err err, const char *code)
{
    if (strcmp(code, "QueueNotExist") == 0)
        return SOURCE_DOWN_NO_QUEUE;
    return mns_err_transient(err) || err == MNS_EPROTO ? SOURCE_DOWN_FAILING : SOURCE_DOWN_REFUSED;
}

/* Parallel polls fail together: the pause grows once for all of them. */
static void receive_failed(source_t *s, mns_err err, const char *code, const char *text)
{
    uint64_t now_ms = s->shared->now_ms;
    source_count(s, SOURCE_RECEIVE_ERRORS, 1);
    source_down_t down = why_down(err, code);
    if (backoff_waits(&s->receive_backoff, now_ms) && s->down == down)
        return;
    if (s->receive_backoff.failures == 0)
        s->down_since_ms = now_ms;
    /* What time alone does not mend is asked for seldom from the start. */
    uint64_t first_ms = down == SOURCE_DOWN_FAILING ? RECEIVE_FIRST_MS : RECEIVE_MOST_MS / 5;
    backoff_fail(&s->receive_backoff, now_ms, first_ms, RECEIVE_MOST_MS, &s->shared->random);
    if (s->down != down || s->receive_backoff.failures % 8 == 1)
        LOG_WARN("BRIDGE-SOURCE-DOWN",
                 "source=%s error=\"%s\" code=%s repeats=%u retry_ms=%llu; %s", s->name,
                 mns_err_text(err), code[0] != '\0' ? code : "none", s->receive_backoff.failures,
                 (unsigned long long)(s->receive_backoff.until_ms - now_ms), text);
    s->down = down;
}

static void on_received(void *user, const mns_reply_t *reply)
{
    source_t *s = user;
    assert(s->polls_in_flight > 0);
    s->polls_in_flight--;
    switch (reply->err) {
    case MNS_OK:
        receive_worked(s);
        s->shared->received_ms = s->shared->now_ms;
        s->shared->backlog |= reply->message_count == SOURCE_BATCH;
        for (size_t i = 0; i < reply->message_count; i++)
            take_message(s, &reply->messages[i]);
        break;
    case MNS_EMPTY:
        source_count(s, SOURCE_EMPTY, 1);
        if (s->down == SOURCE_DOWN_NO && reply->took_us < EMPTY_AT_ONCE_US)
            s->idle_until_ms = s->shared->now_ms + EMPTY_PAUSE_MS;
        receive_worked(s);
        break;
    case MNS_ECANCELED:
        break;
    default:
        receive_failed(s, reply->err, reply->code, reply->message);
    }
}

static bool may_receive(const source_t *s)
{
    uint64_t now_ms = s->shared->now_ms;
    uint64_t polls = s->down == SOURCE_DOWN_NO ? s->options->polls : 1;
    return !s->shared->stopping && s->waiting.count == 0 && s->polls_in_flight < polls &&
           s->in_hand + SOURCE_BATCH * (s->polls_in_flight + 1) <= s->options->undeleted &&
           !backoff_waits(&s->receive_backoff, now_ms) && now_ms >= s->idle_until_ms;
}

size_t source_receive(source_t *s)
{
    size_t started = 0;
    while (may_receive(s)) {
        mns_request_t request = {
            .op = MNS_BATCH_RECEIVE_MESSAGE,
            .queue = s->options->queue,
            .count = SOURCE_BATCH,
            /* A probe does not wait: an empty queue too shall show at once that it is there. */
            .wait_seconds = s->down == SOURCE_DOWN_NO ? (int32_t)s->options->wait_s : 0,
        };
        mns_err err = mns_submit(s->client, &request, on_received, s);
        if (err != MNS_OK) {
            receive_failed(s, err, "", "the request could not be made");
            break;
        }
        s->polls_in_flight++;
        started++;
    }
    return started;
}

/* -- deleting ------------------------------------------------------------------------------ */

static void deleted(slot_t *slot, int counter)
{
    source_count(slot->source, counter, 1);
    give(slot);
}

static bool handle_expired(const char *code)
{
    return strcmp(code, "ReceiptHandleError") == 0 || strcmp(code, "MessageNotExist") == 0;
}

/* One message's delete failed.  What failed for good ends here. */
static void delete_failed(slot_t *slot, const char *code)
{
    source_t *s = slot->source;
    if (handle_expired(code)) { /* harmless: the broker has it, and drops the repeat */
        deleted(slot, SOURCE_DELETED_LATE);
    } else if (strcmp(code, "QueueNotExist") == 0 || s->shared->now_ms >= slot->deadline_ms) {
        deleted(slot, SOURCE_DELETE_GIVEN_UP);
    } else {
        slot->state = SLOT_ACKED;
        slot_list_push(&s->acked, slot);
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
            deleted(slot, SOURCE_DELETED);
        else
            delete_failed(slot, code);
    }
}

static void on_deleted(void *user, const mns_reply_t *reply)
{
    delete_batch_t *batch = user;
    source_t *s = batch->source;
    assert(s->deletes_in_flight > 0);
    s->deletes_in_flight--;
    size_t acked = s->acked.count;
    if (reply->err != MNS_ECANCELED)
        take_delete_reply(batch, reply);
    source_count(s, SOURCE_DELETE_ERRORS, reply->err != MNS_OK && reply->err != MNS_ECANCELED);
    if (s->acked.count > acked) { /* some are to be tried again, after a pause */
        if (!backoff_waits(&s->delete_backoff, s->shared->now_ms))
            backoff_fail(&s->delete_backoff, s->shared->now_ms, DELETE_FIRST_MS, DELETE_MOST_MS,
                         &s->shared->random);
        LOG_WARN("BRIDGE-DELETE-FAILED", "source=%s error=\"%s\" code=%s messages=%zu; %s", s->name,
                 mns_err_text(reply->err), reply->code[0] != '\0' ? reply->code : "none",
                 s->acked.count - acked, reply->message);
    } else {
        backoff_reset(&s->delete_backoff);
    }
    batch->next = s->batches;
    s->batches = batch;
}

static delete_batch_t *batch_take(source_t *s)
{
    delete_batch_t *batch = s->batches;
    if (batch == NULL)
        return calloc(1, sizeof *batch);
    s->batches = batch->next;
    return batch;
}

static bool delete_is_due(const source_t *s)
{
    uint64_t now_ms = s->shared->now_ms;
    bool due = s->acked.count >= SOURCE_BATCH || now_ms >= s->delete_due_ms || s->shared->stopping;
    return s->acked.count > 0 && due && s->deletes_in_flight < DELETES_MAX &&
           !backoff_waits(&s->delete_backoff, now_ms);
}

static bool send_delete(source_t *s)
{
    delete_batch_t *batch = batch_take(s);
    if (batch == NULL)
        return false;
    batch->source = s;
    batch->count = 0;
    while (batch->count < SOURCE_BATCH && s->acked.count > 0) {
        slot_t *slot = slot_list_pop(&s->acked);
        assert(slot->state == SLOT_ACKED);
        slot->state = SLOT_DELETING;
        batch->handles[batch->count] = slot->handle;
        batch->slots[batch->count++] = slot;
    }
    s->delete_due_ms = s->shared->now_ms + s->shared->delete_linger_ms;
    s->deletes_in_flight++;
    source_count(s, SOURCE_DELETE_REQUESTS, 1);
    mns_err err = mns_submit(s->client,
                             &(mns_request_t){.op = MNS_BATCH_DELETE_MESSAGE,
                                              .queue = s->options->queue,
                                              .count = batch->count,
                                              .receipt_handles = batch->handles},
                             on_deleted, batch);
    if (err != MNS_OK)
        on_deleted(batch, &(mns_reply_t){
                              .err = err, .code = "", .message = "the request could not be made"});
    return err == MNS_OK;
}

size_t source_delete(source_t *s)
{
    size_t sent = 0;
    while (delete_is_due(s) && send_delete(s))
        sent++;
    return sent;
}

/* -- the rest of a turn -------------------------------------------------------------------- */

size_t source_take_replies(source_t *s)
{
    return mns_client_run(s->client, 0);
}

void source_tend(source_t *s)
{
    uint64_t now_ms = s->shared->now_ms;
    while (s->left.head != NULL && now_ms >= s->left.head->deadline_ms)
        give(slot_list_pop(&s->left));
    counter_set(&s->counters[SOURCE_UNDELETED], s->in_hand);
    counter_set(&s->counters[SOURCE_POLLS], s->polls_in_flight);
    counter_set(&s->counters[SOURCE_WAITING], s->waiting.count);
    counter_set(&s->counters[SOURCE_UP], s->down == SOURCE_DOWN_NO);
    counter_set(&s->counters[SOURCE_BACKOFF_MS], backoff_waits(&s->receive_backoff, now_ms)
                                                     ? s->receive_backoff.until_ms - now_ms
                                                     : 0);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t source_due_ms(const source_t *s)
{
    uint64_t due_ms = UINT64_MAX, now_ms = s->shared->now_ms;
    if (s->acked.count > 0 && s->deletes_in_flight < DELETES_MAX)
        due_ms = backoff_waits(&s->delete_backoff, now_ms) ? s->delete_backoff.until_ms
                                                           : s->delete_due_ms;
    if (backoff_waits(&s->receive_backoff, now_ms))
        due_ms = sooner(due_ms, s->receive_backoff.until_ms);
    else if (now_ms < s->idle_until_ms)
        due_ms = sooner(due_ms, s->idle_until_ms);
    if (s->left.head != NULL)
        due_ms = sooner(due_ms, s->left.head->deadline_ms);
    return due_ms;
}

bool source_busy(const source_t *s)
{
    return s->in_hand > s->left.count;
}

const char *source_down_text(const source_t *s)
{
    return (const char *)s->down_texts[s->down].data;
}

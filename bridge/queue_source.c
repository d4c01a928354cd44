#include "queue_impl.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

enum { THROTTLE_FIRST_MS = 1000, THROTTLE_MOST_MS = 30000, RETRY_AFTER_MOST_MS = 300000 };

/* -- what the parts share ------------------------------------------------------------------ */

void queue_set_deadline(queue_source_t *q, slot_t *slot, int64_t next_visible_ms)
{
    /* A margin longer than the queue's whole timeout would discard everything for ever. */
    uint64_t margin_ms = (uint64_t)q->visibility.timeout_ms / 4;
    if (margin_ms > q->base.options->margin_ms)
        margin_ms = q->base.options->margin_ms;
    slot->visible_ms = visibility_deadline_ms(&q->visibility, queue_now_ms(q), next_visible_ms);
    slot->deadline_ms = slot->visible_ms > margin_ms ? slot->visible_ms - margin_ms : 0;
}

void queue_forget(slot_t *slot, uint64_t until_ms)
{
    queue_source_t *q = queue_of(slot->source);
    unseen_give_up(&q->unseen, 1, until_ms, queue_now_ms(q));
    source_give(slot);
}

void queue_lapsed(slot_t *slot)
{
    source_count(slot->source, SOURCE_LAPSED, 1);
    queue_forget(slot, slot->visible_ms);
}

bool queue_is_throttled(const mns_reply_t *reply)
{
    return reply->http_status == 429 || strcmp(reply->code, "QpsLimitExceeded") == 0;
}

/* As long as the service says, and a little more by chance; else longer and longer. */
void queue_throttled(queue_source_t *q, backoff_t *backoff, const mns_reply_t *reply)
{
    uint64_t now_ms = queue_now_ms(q), asked_ms = reply->retry_after_ms;
    queue_count(q, QUEUE_THROTTLED, 1);
    if (backoff_waits(backoff, now_ms))
        return;
    backoff_fail(backoff, now_ms, THROTTLE_FIRST_MS, THROTTLE_MOST_MS, &q->base.shared->random);
    if (asked_ms > RETRY_AFTER_MOST_MS)
        asked_ms = RETRY_AFTER_MOST_MS;
    if (asked_ms > 0)
        backoff->until_ms =
            now_ms + asked_ms + backoff_random(&q->base.shared->random) % (asked_ms / 8 + 1);
    if (backoff->failures % 8 == 1)
        LOG_WARN("BRIDGE-THROTTLED", "source=%s code=%s repeats=%u pause_ms=%llu; %s", q->base.name,
                 reply->code[0] != '\0' ? reply->code : "none", backoff->failures,
                 (unsigned long long)(backoff->until_ms - now_ms), reply->message);
}

/* -- a slot's end -------------------------------------------------------------------------- */

static void done(slot_t *slot)
{
    if (slot->extend.under_way)
        return; /* when it is answered: the handle may be another then */
    queue_extend_end(slot);
    queue_delete_soon(slot);
}

static void left(slot_t *slot)
{
    queue_extend_end(slot);
    slot_list_push(&queue_of(slot->source)->left, slot);
}

static void lapsed(slot_t *slot)
{
    if (slot->extend.under_way) {
        slot->state = SLOT_LAPSING;
        return;
    }
    queue_extend_end(slot);
    queue_lapsed(slot);
}

/* -- the turn ------------------------------------------------------------------------------ */

static size_t take(source_t *source)
{
    return mns_client_run(queue_of(source)->client, 0);
}

static size_t settle(source_t *source)
{
    queue_source_t *q = queue_of(source);
    return queue_delete(q) + queue_extend(q) + queue_watch(q) + queue_receive(q);
}

static uint64_t pause_ms(const queue_source_t *q)
{
    uint64_t until_ms = q->receive_backoff.until_ms > q->throttle.until_ms
                            ? q->receive_backoff.until_ms
                            : q->throttle.until_ms;
    return until_ms > queue_now_ms(q) ? until_ms - queue_now_ms(q) : 0;
}

static bool left_is_over(const queue_source_t *q)
{
    const slot_t *first = q->left.head;
    return first != NULL && queue_now_ms(q) >= first->visible_ms && !first->extend.under_way;
}

static void tend(source_t *source)
{
    queue_source_t *q = queue_of(source);
    while (left_is_over(q))
        source_give(slot_list_pop(&q->left));
    counter_set(&q->counters[QUEUE_UNDELETED], source->in_hand);
    counter_set(&q->counters[QUEUE_UNSEEN], q->unseen.count);
    counter_set(&q->counters[QUEUE_POLLS], q->polls_in_flight);
    counter_set(&q->counters[QUEUE_POLLS_WANTED], q->polls.wanted);
    counter_set(&q->counters[QUEUE_BACKOFF_MS], pause_ms(q));
    counter_set(&source->counters[SOURCE_WAITING], source->waiting.count);
    counter_set(&source->counters[SOURCE_UP], q->down == QUEUE_DOWN_NO);
}

static uint64_t due_ms(const source_t *source)
{
    const queue_source_t *q = queue_of_const(source);
    uint64_t due = queue_sooner(queue_delete_due_ms(q), queue_receive_due_ms(q));
    due = queue_sooner(due, queue_sooner(queue_extend_due_ms(q), queue_watch_due_ms(q)));
    if (q->left.head != NULL && !q->left.head->extend.under_way)
        due = queue_sooner(due, q->left.head->visible_ms);
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
    return q->down == QUEUE_DOWN_NO ? NULL : (const char *)q->down_texts[q->down].data;
}

/* -- making and ending --------------------------------------------------------------------- */

static void destroy(source_t *source)
{
    queue_source_t *q = queue_of(source);
    mns_client_destroy(&q->client); /* first: it calls back for what is under way */
    queue_delete_fini(q);
    for (int i = 0; i < QUEUE_DOWN_COUNT; i++)
        sl_buf_fini(&q->down_texts[i]);
    source_fini(source);
    free(q->poll_pool);
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
    .lapsed = lapsed,
};

static sl_err make_texts(queue_source_t *q)
{
    static const char *const down[] = {
#define X(name, text) text,
        QUEUE_DOWN_MAP(X)
#undef X
    };
    bool failed = false;
    for (int i = 0; i < QUEUE_DOWN_COUNT; i++) {
        sl_buf_printf(&q->down_texts[i], "source %s: %s", q->base.name, down[i]);
        sl_buf_append_byte(&q->down_texts[i], '\0');
        failed |= q->down_texts[i].failed;
    }
    return failed ? SL_ENOMEM : SL_OK;
}

static sl_err make_polls(queue_source_t *q)
{
    const source_options_t *options = q->base.options;
    polls_init(&q->polls, (uint32_t)options->polls_min, (uint32_t)options->polls);
    q->pool_size = 2 * (uint32_t)options->polls; /* as many again may hang */
    q->poll_pool = calloc(q->pool_size, sizeof *q->poll_pool);
    q->overdue_due_ms = UINT64_MAX;
    if (q->poll_pool == NULL)
        return SL_ENOMEM;
    for (uint32_t i = 0; i < q->pool_size; i++) {
        q->poll_pool[i].queue = q;
        q->poll_pool[i].next = q->idle_polls;
        q->idle_polls = &q->poll_pool[i];
    }
    return SL_OK;
}

static sl_err make_client(queue_source_t *q)
{
    const source_options_t *options = q->base.options;
    mns_err err = mns_client_create(
        &q->client,
        &(mns_client_options_t){.size = sizeof(mns_client_options_t),
                                .endpoint = options_source_endpoint(options),
                                .max_in_flight = q->pool_size + QUEUE_DELETES_MAX +
                                                 QUEUE_EXTENDS_MAX + 1, /* a look */
                                .attempts = 1}); /* pauses are the source's own business */
    if (err == MNS_OK)
        return SL_OK;
    LOG_ERROR("BRIDGE-MNS-CLIENT", "source=%s error=\"%s\"; no queue can be polled without keys",
              q->base.name, mns_err_text(err));
    return err == MNS_ENOMEM ? SL_ENOMEM : SL_EINVAL;
}

sl_err queue_source_create(source_t **out, const source_options_t *options, source_shared_t *shared)
{
    queue_source_t *q = calloc(1, sizeof *q);
    if (q == NULL)
        return SL_ENOMEM;
    source_t *source = &q->base;
    q->down = QUEUE_DOWN_UNTRIED;
    visibility_init(&q->visibility);
    sl_err err = source_init(
        source, &queue_ops, options, shared,
        (counter_set_t){queue_counter_defs, q->counters, QUEUE_COUNTER_COUNT, NULL, NULL});
    if (err != SL_OK)
        goto fail;
    err = make_texts(q);
    if (err != SL_OK)
        goto fail;
    err = make_polls(q);
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

/* queue_receive.c - polls: how many, when, and what their answers mean.
 *
 * A poll that is not answered soon after its waiting at the service should be over is overdue: it
 * hangs, as likely as not.  Another takes its place at once, or a few of them would stop all
 * receiving until they are given up; for `undeleted` it counts on. */
#include "queue_impl.h"

#include "base/log.h"

#include <assert.h>

enum {
    RECEIVE_FIRST_MS = 200,
    RECEIVE_MOST_MS = 15000,
    EMPTY_AT_ONCE_US = 50000, /**< an empty answer sooner than this was no long poll */
    EMPTY_PAUSE_MS = 100,
    CHANCE = 2, /**< failures in a row that may be chance: tried again at once */
    OVERDUE_MS = 1000,
    PROBES_WHOLE = 4, /**< failures in a row after which a probe asks for one message only */
};

/* -- what came ----------------------------------------------------------------------------- */

static void take_message(queue_source_t *q, const mns_message_t *from)
{
    uint64_t now_ms = queue_now_ms(q);
    source_count(&q->base, SOURCE_RECEIVED, 1);
    queue_count(q, QUEUE_DIGEST_ERRORS, from->body_md5[0] != '\0' && !from->body_md5_ok);
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
        unseen_give_up(&q->unseen, 1,
                       visibility_deadline_ms(&q->visibility, now_ms, from->next_visible_time_ms),
                       now_ms);
        return;
    }
    queue_set_deadline(q, slot, from->next_visible_time_ms);
    queue_extend_begin(slot);
}

static void receive_worked(queue_source_t *q)
{
    q->failures = 0;
    if (!backoff_waits(&q->throttle, queue_now_ms(q)))
        backoff_reset(&q->throttle);
    if (q->down == QUEUE_DOWN_NO)
        return;
    if (q->receive_backoff.failures > 0)
        LOG_INFO("BRIDGE-SOURCE-UP", "source=%s repeats=%u down_ms=%llu", q->base.name,
                 q->receive_backoff.failures,
                 (unsigned long long)(queue_now_ms(q) - q->down_since_ms));
    q->down = QUEUE_DOWN_NO;
    backoff_reset(&q->receive_backoff);
}

static queue_down_t why_down(mns_err err, const char *code)
{
    if (strcmp(code, "QueueNotExist") == 0)
        return QUEUE_DOWN_NO_QUEUE;
    return mns_err_transient(err) || err == MNS_EPROTO ? QUEUE_DOWN_FAILING : QUEUE_DOWN_REFUSED;
}

/* Parallel polls fail together: the pause grows once for all of them. */
static void receive_failed(queue_source_t *q, mns_err err, const char *code, const char *text)
{
    uint64_t now_ms = queue_now_ms(q);
    queue_count(q, QUEUE_RECEIVE_ERRORS, 1);
    polls_failed(&q->polls);
    queue_down_t down = why_down(err, code);
    if (++q->failures <= CHANCE && down == QUEUE_DOWN_FAILING && q->down == QUEUE_DOWN_NO)
        return;
    if (backoff_waits(&q->receive_backoff, now_ms) && q->down == down)
        return;
    if (q->receive_backoff.failures == 0)
        q->down_since_ms = now_ms;
    /* What time alone does not mend is asked for seldom from the start. */
    uint64_t first_ms = down == QUEUE_DOWN_FAILING ? RECEIVE_FIRST_MS : RECEIVE_MOST_MS / 5;
    backoff_fail(&q->receive_backoff, now_ms, first_ms, RECEIVE_MOST_MS, &q->base.shared->random);
    if (q->down != down || q->receive_backoff.failures % 8 == 1)
        LOG_WARN("BRIDGE-SOURCE-DOWN",
                 "source=%s error=\"%s\" code=%s repeats=%u retry_ms=%llu; %s", q->base.name,
                 mns_err_text(err), code[0] != '\0' ? code : "none", q->receive_backoff.failures,
                 (unsigned long long)(q->receive_backoff.until_ms - now_ms), text);
    q->down = down;
}

/* -- answers ------------------------------------------------------------------------------- */

/* Does the reply say that nothing was taken?  Anything but a clear refusal leaves it open. */
static bool took_nothing(const mns_reply_t *reply)
{
    return reply->err == MNS_ECLIENT || reply->err == MNS_EINVAL || reply->err == MNS_ENOKEYS ||
           reply->http_status == 408 || reply->http_status == 503 || queue_is_throttled(reply);
}

static void take_messages(queue_source_t *q, const queue_poll_t *poll, const mns_reply_t *reply)
{
    source_shared_t *shared = q->base.shared;
    pace_received(&q->pace, reply->message_count, shared->now_ms);
    polls_replied(&q->polls, reply->message_count, poll->count);
    receive_worked(q);
    shared->received_ms = shared->now_ms;
    shared->backlog |= q->polls.backlog;
    for (size_t i = 0; i < reply->message_count; i++)
        take_message(q, &reply->messages[i]);
    queue_watch_ages(q, reply);
}

static void take_empty(queue_source_t *q, const queue_poll_t *poll, const mns_reply_t *reply)
{
    bool should_wait = poll->ends_ms > poll->started_ms || q->base.options->wait_s == 0;
    queue_count(q, QUEUE_EMPTY, 1);
    if (q->down == QUEUE_DOWN_NO && should_wait && reply->took_us < EMPTY_AT_ONCE_US)
        q->idle_until_ms = queue_now_ms(q) + EMPTY_PAUSE_MS;
    polls_replied(&q->polls, 0, poll->count);
    receive_worked(q);
    queue_watch_ages(q, reply);
}

static void take_failure(queue_source_t *q, const queue_poll_t *poll, const mns_reply_t *reply)
{
    uint64_t now_ms = queue_now_ms(q);
    if (!took_nothing(reply)) { /* what was answered, if badly, waits no longer */
        uint64_t ends_ms = reply->http_status != 0 ? now_ms : poll->ends_ms;
        unseen_lose(&q->unseen, poll->count, poll->started_ms, ends_ms);
        pace_received(&q->pace, poll->count, now_ms);
    }
    if (queue_is_throttled(reply)) {
        polls_throttled(&q->polls);
        queue_throttled(q, &q->throttle, reply);
    } else {
        receive_failed(q, reply->err, reply->code, reply->message);
    }
}

static void on_received(void *user, const mns_reply_t *reply)
{
    queue_poll_t *poll = user;
    queue_source_t *q = poll->queue;
    assert(q->polls_in_flight > 0 && q->asked >= poll->count);
    q->polls_in_flight--;
    q->asked -= poll->count;
    q->overdue -= poll->overdue;
    poll->under_way = poll->overdue = false;
    poll->next = q->idle_polls;
    q->idle_polls = poll;
    if (reply->err == MNS_ECANCELED)
        return;
    if (reply->err == MNS_OK)
        take_messages(q, poll, reply);
    else if (reply->err == MNS_EMPTY)
        take_empty(q, poll, reply);
    else
        take_failure(q, poll, reply);
    if (reply->http_status != 0) /* also what this very poll lost was lost to a living service */
        unseen_answered(&q->unseen, queue_now_ms(q), (uint64_t)q->visibility.timeout_ms);
}

/* -- asking -------------------------------------------------------------------------------- */

/* A probe after many failures is likely to fail too: little shall be at stake. */
static uint32_t count_to_ask(const queue_source_t *q)
{
    return q->down == QUEUE_DOWN_FAILING && q->failures > PROBES_WHOLE ? 1 : QUEUE_BATCH;
}

bool queue_has_room(const queue_source_t *q)
{
    return q->base.in_hand + q->unseen.count + q->asked + count_to_ask(q) <=
           q->base.options->undeleted;
}

/* All reasons against a poll but time. */
static bool wants_to_receive(const queue_source_t *q)
{
    const source_t *s = &q->base;
    uint32_t polls = q->down == QUEUE_DOWN_NO ? q->polls.wanted : 1;
    return !s->shared->stopping && s->shared->broker_up && s->waiting.count == 0 &&
           q->polls_in_flight - q->overdue < polls && q->idle_polls != NULL && queue_has_room(q);
}

static bool is_time_to_receive(queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    return queue_watch_begun(q) && now_ms >= q->idle_until_ms &&
           !backoff_waits(&q->receive_backoff, now_ms) && !backoff_waits(&q->throttle, now_ms) &&
           pace_allows(&q->pace, q->asked + count_to_ask(q), now_ms);
}

static bool send_receive(queue_source_t *q)
{
    queue_poll_t *poll = q->idle_polls;
    /* A probe does not wait: an empty queue too shall show at once that it is there. */
    bool waits = q->down == QUEUE_DOWN_NO && !q->polls.backlog;
    uint64_t wait_s = waits ? q->base.options->wait_s : 0;
    poll->count = count_to_ask(q);
    poll->started_ms = queue_now_ms(q);
    poll->ends_ms = poll->started_ms + wait_s * 1000;
    mns_err err = mns_submit(q->client,
                             &(mns_request_t){.op = MNS_BATCH_RECEIVE_MESSAGE,
                                              .queue = q->base.options->queue,
                                              .count = poll->count,
                                              .wait_seconds = (int32_t)wait_s},
                             on_received, poll);
    if (err != MNS_OK) {
        receive_failed(q, err, "", "the request could not be made");
        return false;
    }
    q->idle_polls = poll->next;
    q->polls_in_flight++;
    q->asked += poll->count;
    poll->under_way = true;
    q->overdue_due_ms = queue_sooner(q->overdue_due_ms, poll->ends_ms + OVERDUE_MS);
    return true;
}

static void find_overdue(queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    if (now_ms < q->overdue_due_ms)
        return;
    q->overdue_due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < q->pool_size; i++) {
        queue_poll_t *poll = &q->poll_pool[i];
        if (!poll->under_way || poll->overdue)
            continue;
        poll->overdue = now_ms >= poll->ends_ms + OVERDUE_MS;
        q->overdue += poll->overdue;
        if (!poll->overdue)
            q->overdue_due_ms = queue_sooner(q->overdue_due_ms, poll->ends_ms + OVERDUE_MS);
    }
}

size_t queue_receive(queue_source_t *q)
{
    size_t started = 0;
    unseen_expire(&q->unseen, queue_now_ms(q), (uint64_t)q->visibility.timeout_ms);
    find_overdue(q);
    while (wants_to_receive(q) && is_time_to_receive(q) && send_receive(q))
        started++;
    return started;
}

uint64_t queue_receive_due_ms(const queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    uint64_t due_ms = queue_sooner(unseen_due_ms(&q->unseen), q->overdue_due_ms);
    if (!wants_to_receive(q))
        return due_ms;
    /* It is not sending, so one of these is what it waits for; the last of them decides. */
    uint64_t time_ms = 0;
    const uint64_t times_ms[] = {q->idle_until_ms, q->receive_backoff.until_ms,
                                 q->throttle.until_ms,
                                 queue_watch_begun(q) ? 0 : q->look_patience_ms};
    for (size_t i = 0; i < sizeof times_ms / sizeof *times_ms; i++)
        time_ms = times_ms[i] > time_ms ? times_ms[i] : time_ms;
    return queue_sooner(due_ms, time_ms > now_ms ? time_ms : pace_due_ms(now_ms));
}

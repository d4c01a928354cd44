/* queue_watch.c - what the service says of the queue, and how old its messages are.
 *
 * A look at the queue's attributes every `watch` tells its VisibilityTimeout and its length, for
 * the operator.  The first that is answered well tells also how many messages are hidden already by
 * others: if a bridge was killed and started again and again, each may have left its
 * `undeleted`, and the service throttles at 5,000 whoever holds them.  What is beyond the room
 * between that and our own bound counts as ours for one timeout.  Receiving waits for
 * the first answer, whatever it says, and not for long; a first look that failed is soon repeated.
 *
 * A look is also how a service is asked for a sign of life that takes no message, when lost polls
 * leave no room for another poll. */
#include "queue_impl.h"

#include "base/log.h"

enum {
    HIDDEN_MOST = 4500,  /**< whoever holds them; as the limit of `undeleted` */
    PATIENCE_MS = 2000,  /**< of the first receive for the first look */
    REFUSED_MS = 600000, /**< without the right to look, it is tried again after this */
    FIRST_RETRY_MS = 1000,
    SIGN_OF_LIFE_MS = 3000,
    AGES_EVERY_MS = 100,
};

/* -- looking ------------------------------------------------------------------------------- */

static void count_hidden(queue_source_t *q, uint64_t hidden)
{
    uint64_t undeleted = q->base.options->undeleted;
    uint64_t room = undeleted < HIDDEN_MOST ? HIDDEN_MOST - undeleted : 0;
    uint64_t counted = hidden > room ? hidden - room : 0;
    if (counted > undeleted - QUEUE_BATCH) /* one poll must be possible */
        counted = undeleted - QUEUE_BATCH;
    unseen_give_up(&q->unseen, counted, queue_now_ms(q) + (uint64_t)q->visibility.timeout_ms,
                   queue_now_ms(q));
}

static uint64_t known(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

/* What was in hand before the look and still is was hidden by us.  Of the rest nobody knows. */
static uint64_t hidden_by_others(const queue_source_t *q, uint64_t hidden)
{
    uint64_t ours = queue_sooner(q->look_in_hand, q->base.in_hand);
    return hidden > ours ? hidden - ours : 0;
}

static void take_look(queue_source_t *q, const mns_queue_attributes_t *attributes)
{
    visibility_set_timeout(&q->visibility, attributes->visibility_timeout);
    counter_set(&q->counters[QUEUE_ACTIVE], known(attributes->active_messages));
    counter_set(&q->counters[QUEUE_INACTIVE], known(attributes->inactive_messages));
    counter_set(&q->counters[QUEUE_DELAYED], known(attributes->delay_messages));
    counter_set(&q->counters[QUEUE_KNOWN], 1);
    if (!q->hidden_known)
        count_hidden(q, hidden_by_others(q, known(attributes->inactive_messages)));
    q->hidden_known = true;
}

static void look_refused(queue_source_t *q, const mns_reply_t *reply)
{
    q->look_due_ms = queue_now_ms(q) + REFUSED_MS;
    LOG_INFO("BRIDGE-QUEUE-UNSEEN", "source=%s code=%s; its length is not known", q->base.name,
             reply->code[0] != '\0' ? reply->code : "none");
}

static void look_failed(queue_source_t *q, const mns_reply_t *reply)
{
    queue_count(q, QUEUE_LOOK_ERRORS, 1);
    counter_set(&q->counters[QUEUE_KNOWN], 0);
    if (reply->err == MNS_ECLIENT && strcmp(reply->code, "QueueNotExist") != 0) {
        look_refused(q, reply);
    } else if (!q->hidden_known) {
        uint64_t pause_ms =
            reply->retry_after_ms > FIRST_RETRY_MS ? reply->retry_after_ms : FIRST_RETRY_MS;
        q->look_due_ms = queue_sooner(q->look_due_ms, queue_now_ms(q) + pause_ms);
    }
}

static void on_looked(void *user, const mns_reply_t *reply)
{
    queue_source_t *q = user;
    q->look_under_way = false;
    if (reply->err == MNS_ECANCELED)
        return;
    if (reply->err == MNS_OK && reply->queue_attributes != NULL)
        take_look(q, reply->queue_attributes);
    else
        look_failed(q, reply);
    q->look_answered = true;
    if (reply->http_status != 0)
        unseen_answered(&q->unseen, queue_now_ms(q), (uint64_t)q->visibility.timeout_ms);
}

bool queue_watch_begun(const queue_source_t *q)
{
    return q->look_answered || q->base.options->watch_ms == 0 ||
           queue_now_ms(q) >= q->look_patience_ms;
}

/* -- ages ---------------------------------------------------------------------------------- */

static uint64_t age_ms(const queue_source_t *q, int64_t enqueue_time_ms)
{
    int64_t now_ms = visibility_service_ms(&q->visibility, queue_now_ms(q));
    return enqueue_time_ms > 0 && now_ms > enqueue_time_ms ? (uint64_t)(now_ms - enqueue_time_ms)
                                                           : 0;
}

void queue_watch_ages(queue_source_t *q, const mns_reply_t *reply)
{
    uint64_t oldest_ms = 0, sum_ms = 0;
    for (size_t i = 0; i < reply->message_count; i++) {
        uint64_t ms = age_ms(q, reply->messages[i].enqueue_time_ms);
        oldest_ms = ms > oldest_ms ? ms : oldest_ms;
        sum_ms += ms;
    }
    queue_count(q, QUEUE_AGES_MS, sum_ms);
    counter_set(&q->counters[QUEUE_BACKLOG_AGE_MS], oldest_ms);
}

static uint64_t oldest_of(const queue_source_t *q, const slot_ring_t *ring)
{
    uint64_t oldest_ms = 0;
    for (const slot_t *slot = ring->head; slot != NULL; slot = slot->after) {
        uint64_t ms = age_ms(q, slot->message.enqueue_time_ms);
        oldest_ms = ms > oldest_ms ? ms : oldest_ms;
    }
    return oldest_ms;
}

/* -- the duty ------------------------------------------------------------------------------ */

static void send_look(queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    if (q->look_patience_ms == 0)
        q->look_patience_ms = now_ms + PATIENCE_MS;
    q->look_sent_ms = now_ms;
    q->look_in_hand = q->base.in_hand;
    q->look_due_ms = now_ms + q->base.options->watch_ms;
    mns_err err = mns_submit(
        q->client,
        &(mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = q->base.options->queue},
        on_looked, q);
    if (err == MNS_OK)
        q->look_under_way = true;
    else
        look_failed(q, &(mns_reply_t){.err = err, .code = ""});
}

/* Lost polls count until the service answers something, and nothing that it could is under way. */
static bool wants_sign_of_life(const queue_source_t *q)
{
    return q->unseen.silent_len > 0 && q->polls_in_flight == 0 && q->deletes_in_flight == 0 &&
           !queue_has_room(q);
}

uint64_t queue_watch_due_ms(const queue_source_t *q)
{
    uint64_t due_ms = q->base.options->watch_ms > 0 ? q->look_due_ms : UINT64_MAX;
    if (q->look_under_way || q->base.shared->stopping)
        return UINT64_MAX;
    return wants_sign_of_life(q) ? queue_sooner(due_ms, q->look_sent_ms + SIGN_OF_LIFE_MS) : due_ms;
}

size_t queue_watch(queue_source_t *q)
{
    uint64_t now_ms = queue_now_ms(q);
    if (now_ms >= q->age_due_ms) {
        uint64_t unacked_ms = oldest_of(q, &q->unacked), fixed_ms = oldest_of(q, &q->fixed);
        counter_set(&q->counters[QUEUE_OLDEST_MS], unacked_ms > fixed_ms ? unacked_ms : fixed_ms);
        q->age_due_ms = now_ms + AGES_EVERY_MS;
    }
    if (now_ms < queue_watch_due_ms(q))
        return 0;
    send_look(q);
    return 1;
}

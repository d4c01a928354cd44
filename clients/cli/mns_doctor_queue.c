/* The queue: is it there, does it suit the bridge, do messages pile up; and the probe. */
#include "mns_doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    VISIBILITY_LEAST_S = 10,  /* the bridge waits 5 s for the broker, and keeps a margin of 2 */
    RETENTION_LEAST_S = 3600, /* an hour without the bridge */
    UNDELETED_MOST = 4500,    /* MNS gives no more at 5,000 */
    DEQUEUED_OFTEN = 3,
    UNREAD_S = 60,
    PEEK_COUNT = 16,
    PROBE_WAIT_S = 10,
    BATCHES_MOST = 10, /* that a probe receives: more is a backlog */
    HELD_MOST = BATCHES_MOST * PEEK_COUNT,
};

/* -- queue --------------------------------------------------------------------------------- */

static void judge_attributes(doctor_t *doctor, const mns_queue_attributes_t *attributes)
{
    if (attributes->visibility_timeout >= 0 && attributes->visibility_timeout < VISIBILITY_LEAST_S)
        doctor_find(doctor, CAUSE_visibility_short, "%" PRId64 " s, less than %d",
                    attributes->visibility_timeout, VISIBILITY_LEAST_S);
    if (attributes->message_retention_period >= 0 &&
        attributes->message_retention_period < RETENTION_LEAST_S)
        doctor_find(doctor, CAUSE_retention_short, "%" PRId64 " s, less than %d",
                    attributes->message_retention_period, RETENTION_LEAST_S);
    if (attributes->delay_seconds > 0)
        doctor_find(doctor, CAUSE_delay_set, "by %" PRId64 " s", attributes->delay_seconds);
    doctor_note(doctor, "%s: VisibilityTimeout %" PRId64 " s, MessageRetentionPeriod %" PRId64 " s",
                doctor->queue, attributes->visibility_timeout,
                attributes->message_retention_period);
}

static void find_no_queue(doctor_t *doctor)
{
    char names[256];
    mns_request_t list = {.op = MNS_LIST_QUEUE, .list_count = 6};
    size_t count = doctor_names(doctor, &list, names);
    if (count == 0)
        doctor_find(doctor, CAUSE_queue_nowhere, "%s is not in account %s, region %s",
                    doctor->queue, doctor->place.account, doctor->place.region);
    else
        doctor_find(doctor, CAUSE_queue_missing, "no %s; there are: %s", doctor->queue, names);
}

void doctor_check_queue(doctor_t *doctor)
{
    char said[256];
    mns_reply_t *reply = doctor->first;
    if (doctor->queue == NULL) {
        doctor_skip(doctor, "no queue is named");
    } else if (reply->err == MNS_OK && reply->queue_attributes != NULL) {
        doctor->attributes = reply;
        judge_attributes(doctor, reply->queue_attributes);
    } else if (reply->code_id == MNS_CODE_QueueNotExist) {
        find_no_queue(doctor);
    } else if (reply->code_id == MNS_CODE_AccessDenied) {
        doctor_skip(doctor, "it may not be looked at");
    } else {
        doctor_find(doctor, CAUSE_refused, "%s", doctor_said(reply, said));
    }
}

/* -- backlog ------------------------------------------------------------------------------- */

/* What the front of the queue says: how often it was received, and how long it has waited. */
static void judge_front(doctor_t *doctor, const mns_reply_t *peeked)
{
    uint32_t most = 0;
    int64_t now_s = peeked->server_time_s != 0 ? peeked->server_time_s : (int64_t)time(NULL);
    int64_t oldest_s = 0;
    for (size_t i = 0; i < peeked->message_count; i++) {
        const mns_message_t *message = &peeked->messages[i];
        int64_t age_s = now_s - message->enqueue_time_ms / 1000;
        most = message->dequeue_count > most ? message->dequeue_count : most;
        if (message->dequeue_count == 0 && message->enqueue_time_ms != 0 && age_s > oldest_s)
            oldest_s = age_s;
    }
    if (most >= DEQUEUED_OFTEN)
        doctor_find(doctor, CAUSE_backlog_undeleted, "one was received %u times", most);
    else if (oldest_s >= UNREAD_S)
        doctor_find(doctor, CAUSE_backlog_unread, "one has waited for %" PRId64 " s", oldest_s);
}

void doctor_check_backlog(doctor_t *doctor)
{
    mns_err err;
    if (doctor->queue == NULL || doctor->attributes == NULL) {
        doctor_skip(doctor,
                    doctor->queue == NULL ? "no queue is named" : "it may not be looked at");
        return;
    }
    const mns_queue_attributes_t *attributes = doctor->attributes->queue_attributes;
    mns_request_t peek = {
        .op = MNS_BATCH_PEEK_MESSAGE, .queue = doctor->queue, .count = PEEK_COUNT};
    mns_reply_t *peeked = doctor_ask(doctor, &peek, &err);
    if (attributes->inactive_messages >= UNDELETED_MOST)
        doctor_find(doctor, CAUSE_backlog_throttled, "%" PRId64 " received and not deleted",
                    attributes->inactive_messages);
    else if (err == MNS_OK)
        judge_front(doctor, peeked);
    doctor_note(doctor, "%" PRId64 " waiting, %" PRId64 " received and not deleted",
                attributes->active_messages, attributes->inactive_messages);
    mns_reply_free(&peeked);
}

/* -- probe --------------------------------------------------------------------------------- */

/* The search for the probe.  What comes before it is held until the search ends, so that it does
 * not come twice, and then given back. */
typedef struct hunt {
    doctor_t *doctor;
    const char *mark; /* in the probe's body */
    bool seen;
    size_t batches, held;
    char *handles[HELD_MOST];
} hunt_t;

/* Gives a message back: visible again in a second. */
static void give_back(doctor_t *doctor, const char *handle)
{
    mns_err err;
    mns_request_t request = {.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                             .queue = doctor->queue,
                             .receipt_handles = &handle,
                             .visibility_timeout = 1};
    mns_reply_t *reply = doctor_ask(doctor, &request, &err);
    mns_reply_free(&reply);
}

static void give_all_back(hunt_t *hunt)
{
    while (hunt->held > 0) {
        char *handle = hunt->handles[--hunt->held];
        give_back(hunt->doctor, handle);
        free(handle);
    }
}

/* What cannot be held goes back at once. */
static void hold(hunt_t *hunt, const char *handle)
{
    char *held = hunt->held < HELD_MOST ? strdup(handle) : NULL;
    if (held == NULL)
        give_back(hunt->doctor, handle);
    else
        hunt->handles[hunt->held++] = held;
}

static void take_probe(doctor_t *doctor, const mns_message_t *message)
{
    char said[256];
    mns_err err;
    mns_request_t request = {.op = MNS_DELETE_MESSAGE,
                             .queue = doctor->queue,
                             .receipt_handles = &message->receipt_handle,
                             .count = 1};
    mns_reply_t *reply = doctor_ask(doctor, &request, &err);
    if (err != MNS_OK)
        doctor_find(doctor, CAUSE_probe_failed, "it arrived; its delete: %s",
                    doctor_said(reply, said));
    mns_reply_free(&reply);
}

/* One batch.  @return false: receiving failed; told. */
static bool receive_some(hunt_t *hunt)
{
    char said[256];
    mns_err err;
    mns_request_t request = {.op = MNS_BATCH_RECEIVE_MESSAGE,
                             .queue = hunt->doctor->queue,
                             .count = PEEK_COUNT,
                             .wait_seconds = 1};
    mns_reply_t *reply = doctor_ask(hunt->doctor, &request, &err);
    hunt->batches += err == MNS_OK;
    for (size_t i = 0; err == MNS_OK && i < reply->message_count; i++) {
        const mns_message_t *message = &reply->messages[i];
        if (!hunt->seen && strstr(message->body, hunt->mark) != NULL) {
            hunt->seen = true;
            take_probe(hunt->doctor, message);
        } else {
            hold(hunt, message->receipt_handle);
        }
    }
    if (err != MNS_OK && err != MNS_EMPTY)
        doctor_find(hunt->doctor, CAUSE_probe_failed, "receiving: %s", doctor_said(reply, said));
    mns_reply_free(&reply);
    return err == MNS_OK || err == MNS_EMPTY;
}

/* Receives until the mark is seen, for so long and so much. */
static void wait_for_probe(doctor_t *doctor, const char *mark)
{
    hunt_t hunt = {.doctor = doctor, .mark = mark};
    time_t end = time(NULL) + PROBE_WAIT_S;
    bool works = true;
    while (works && !hunt.seen && hunt.batches < BATCHES_MOST && time(NULL) < end)
        works = receive_some(&hunt);
    if (hunt.seen)
        doctor_note(doctor, "published, received, deleted");
    else if (works && hunt.batches == BATCHES_MOST)
        doctor_find(doctor, CAUSE_probe_behind, "%zu others came first", hunt.held);
    else if (works)
        doctor_find(doctor, CAUSE_probe_lost, "not within %d s", PROBE_WAIT_S);
    give_all_back(&hunt);
}

void doctor_check_probe(doctor_t *doctor)
{
    char body[160], mark[24], said[256];
    uint64_t random = 0;
    mns_err err;
    if (!doctor->probing || doctor->queue == NULL || doctor->topic == NULL) {
        doctor_skip(doctor, doctor->probing ? "it needs a topic and a queue" : "--probe does it");
        return;
    }
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)time(NULL);
    snprintf(mark, sizeof mark, "%016" PRIx64, random);
    snprintf(body, sizeof body, "{\"Category\":\"Sluice\",\"Event\":\"OnProbe\",\"Probe\":\"%s\"}",
             mark);
    mns_outgoing_t outgoing = {.body = body, .body_len = strlen(body), .delay_seconds = -1};
    mns_request_t publish = {
        .op = MNS_PUBLISH_MESSAGE, .topic = doctor->topic, .outgoing = &outgoing};
    mns_reply_t *reply = doctor_ask(doctor, &publish, &err);
    if (err != MNS_OK)
        doctor_find(doctor, CAUSE_probe_failed, "publishing: %s", doctor_said(reply, said));
    else
        wait_for_probe(doctor, mark);
    mns_reply_free(&reply);
}

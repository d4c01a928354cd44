/* The topic: is it there, and does it feed the queue?  And the events that are asked for. */
#include "mns_doctor.h"

#include "mns_list.h"

#include "event/catalogue.h"

#include <stdio.h>
#include <strings.h>

/* -- topic --------------------------------------------------------------------------------- */

void doctor_check_topic(doctor_t *doctor)
{
    char said[256], names[256];
    mns_err err;
    if (doctor->topic == NULL) {
        doctor_skip(doctor, "no topic is named");
        return;
    }
    mns_request_t get = {.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = doctor->topic};
    mns_request_t list = {.op = MNS_LIST_TOPIC, .list_count = 6};
    mns_reply_t *reply = doctor_ask(doctor, &get, &err);
    mns_code code = reply != NULL ? reply->code_id : MNS_CODE_NONE;
    if (err == MNS_OK) {
        doctor_note(doctor, "%s", doctor->topic);
    } else if (code == MNS_CODE_TopicNotExist) {
        bool any = doctor_names(doctor, &list, names) > 0;
        doctor_find(doctor, CAUSE_topic_missing, "no %s; there %s%s", doctor->topic,
                    any ? "are: " : "is none", any ? names : "");
    } else if (code == MNS_CODE_AccessDenied) {
        doctor_find(doctor, CAUSE_topic_hidden, "%s", doctor_said(reply, said));
    } else {
        doctor_find(doctor, CAUSE_refused, "%s", doctor_said(reply, said));
    }
    mns_reply_free(&reply);
}

/* -- subscription -------------------------------------------------------------------------- */

/* What the topic's subscriptions add up to. */
typedef struct survey {
    doctor_t *doctor;
    size_t count, ours;
    bool hidden;                             /* one may not be looked at */
    char elsewhere[DOCTOR_DETAIL_BYTES / 2]; /* the first few other endpoints */
    char wrong_account[PLACE_QUEUE_ENDPOINT_MAX], wrong_region[PLACE_QUEUE_ENDPOINT_MAX];
} survey_t;

static bool is_http(const char *endpoint)
{
    return strncasecmp(endpoint, "http://", 7) == 0 || strncasecmp(endpoint, "https://", 8) == 0;
}

/* Is it an HTTP endpoint with this path?  One without any is pushed to /notifications. */
static bool pushes_to(const char *endpoint, const char *path)
{
    if (!is_http(endpoint))
        return false;
    const char *host = strstr(endpoint, "://") + 3, *at = host + strcspn(host, "/");
    return strcmp(*at != '\0' ? at : "/notifications", path) == 0;
}

/* Pushed, SIMPLIFIED loses nothing: the id is in a header. */
static void judge_ours(doctor_t *doctor, const char *name, const mns_subscription_t *subscription)
{
    bool pushed = is_http(subscription->endpoint);
    if (!pushed && strcmp(subscription->notify_format, "SIMPLIFIED") == 0)
        doctor_find(doctor, CAUSE_format_simplified, "subscription %s", name);
    if (pushed && strcmp(subscription->notify_strategy, "BACKOFF_RETRY") == 0)
        doctor_find(doctor, CAUSE_strategy_short, "subscription %s has BACKOFF_RETRY", name);
    if (*subscription->filter_tag != '\0')
        doctor_find(doctor, CAUSE_filter_tag, "subscription %s waits for \"%s\"", name,
                    subscription->filter_tag);
    doctor_note(doctor, "%s delivers to %s in format %s", name, subscription->endpoint,
                subscription->notify_format);
}

/* What is not known differs from nothing. */
static bool differs(const char *ours, const char *theirs)
{
    return *ours != '\0' && strcmp(ours, theirs) != 0;
}

static void judge_endpoint(survey_t *survey, const char *name,
                           const mns_subscription_t *subscription)
{
    doctor_t *doctor = survey->doctor;
    place_t place;
    char queue[PLACE_NAME_MAX];
    const char *endpoint = subscription->endpoint;
    bool is_queue = place_parse_queue_endpoint(&place, queue, endpoint);
    bool named = is_queue && doctor->queue != NULL && strcmp(queue, doctor->queue) == 0;
    bool any = doctor->queue == NULL &&
               (doctor->push_path == NULL || pushes_to(endpoint, doctor->push_path));
    if (named && differs(doctor->place.account, place.account)) {
        snprintf(survey->wrong_account, sizeof survey->wrong_account, "%s", endpoint);
    } else if (named && differs(doctor->place.region, place.region)) {
        snprintf(survey->wrong_region, sizeof survey->wrong_region, "%s", endpoint);
    } else if (named || any) {
        survey->ours++;
        judge_ours(doctor, name, subscription);
    } else {
        size_t len = strlen(survey->elsewhere), room = sizeof survey->elsewhere - len;
        if (strlen(endpoint) + 2 < room)
            snprintf(survey->elsewhere + len, room, "%s%s", len > 0 ? ", " : "", endpoint);
    }
}

static bool look_at(void *ctx, const char *name, const mns_queue_attributes_t *attributes)
{
    (void)attributes;
    survey_t *survey = ctx;
    mns_err err;
    mns_request_t request = {.op = MNS_GET_SUBSCRIPTION_ATTRIBUTES,
                             .topic = survey->doctor->topic,
                             .subscription = name};
    mns_reply_t *reply = doctor_ask(survey->doctor, &request, &err);
    survey->count++;
    if (err == MNS_OK)
        judge_endpoint(survey, name, reply->subscription);
    else
        survey->hidden = true;
    mns_reply_free(&reply);
    return true;
}

static void judge_survey(const survey_t *survey)
{
    doctor_t *doctor = survey->doctor;
    if (survey->count == 0)
        doctor_find(doctor, CAUSE_not_subscribed, "topic %s", doctor->topic);
    else if (survey->ours > 1 && doctor->queue != NULL)
        doctor_find(doctor, CAUSE_subscribed_twice, "%zu feed %s", survey->ours, doctor->queue);
    else if (survey->ours > 0)
        return;
    else if (*survey->wrong_account != '\0')
        doctor_find(doctor, CAUSE_subscribed_account, "%s, and this account is %s",
                    survey->wrong_account, doctor->place.account);
    else if (*survey->wrong_region != '\0')
        doctor_find(doctor, CAUSE_subscribed_region, "%s, and this region is %s",
                    survey->wrong_region, doctor->place.region);
    else if (survey->hidden)
        doctor_find(doctor, CAUSE_topic_hidden, "a subscription of %s", doctor->topic);
    else
        doctor_find(doctor, CAUSE_subscribed_elsewhere, "not %s; it feeds: %s",
                    doctor->queue != NULL ? doctor->queue : "the path that the source has",
                    survey->elsewhere);
}

void doctor_check_subscription(doctor_t *doctor)
{
    char said[256];
    mns_reply_t *reply = NULL;
    survey_t survey = {.doctor = doctor};
    if (doctor->topic == NULL) {
        doctor_skip(doctor, "no topic is named");
        return;
    }
    mns_request_t list = {.op = MNS_LIST_SUBSCRIPTION_BY_TOPIC, .topic = doctor->topic};
    mns_err err = list_walk(doctor->client, &list, 0, look_at, &survey, &reply);
    if (err == MNS_OK)
        judge_survey(&survey);
    else if (reply != NULL && reply->code_id == MNS_CODE_AccessDenied)
        doctor_find(doctor, CAUSE_topic_hidden, "%s", doctor_said(reply, said));
    else
        doctor_find(doctor, CAUSE_refused, "%s", doctor_said(reply, said));
    mns_reply_free(&reply);
}

/* -- events -------------------------------------------------------------------------------- */

static bool is_known(const char *event)
{
    for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
        if (strcmp(event_catalogue[i].event, event) == 0)
            return true;
    return false;
}

void doctor_check_events(doctor_t *doctor)
{
    const cJSON *event;
    int count = cJSON_GetArraySize(doctor->events);
    if (count == 0) {
        doctor_skip(doctor, "none are named: all are meant");
        return;
    }
    cJSON_ArrayForEach(event, doctor->events)
    {
        if (!is_known(event->valuestring))
            doctor_find(doctor, CAUSE_event_unknown, "%.100s", event->valuestring);
    }
    doctor_note(doctor, "%d named, all known", count);
}

/* Who we are: keys, a first signed request, the clock, the signature, what we may do. */
#include "mns_doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
    SKEW_MOST_S = 900, /* the service refuses more */
    SKEW_TOLD_S = 60,
};

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* -- keys ---------------------------------------------------------------------------------- */

void doctor_check_keys(doctor_t *doctor)
{
    mns_client_options_t options = session_client_options(doctor->session);
    options.endpoint = doctor->endpoint;
    options.attempts = 1; /* the first failure is what is looked for */
    const char *id = variable("ALIBABA_CLOUD_ACCESS_KEY_ID");
    mns_err err = mns_client_create(&doctor->client, &options);
    if (err == MNS_ENOKEYS) {
        doctor_find(doctor, CAUSE_keys_missing, "%s", doctor->session->keys_note);
    } else if (err == MNS_EINVAL) {
        doctor_find(doctor, CAUSE_keys_malformed, "%s", doctor->session->keys_note);
    } else if (err != MNS_OK) {
        doctor_find(doctor, CAUSE_service_trouble, "%s", mns_err_text(err));
    } else if (strcmp(mns_client_credentials(doctor->client), "environment") == 0 &&
               strncmp(id, "STS.", 4) == 0 && *variable("ALIBABA_CLOUD_SECURITY_TOKEN") == '\0') {
        doctor_find(doctor, CAUSE_token_missing, "ALIBABA_CLOUD_SECURITY_TOKEN is not set");
    } else {
        doctor_note(doctor, "from %s", mns_client_credentials(doctor->client));
    }
}

/* -- service ------------------------------------------------------------------------------- */

/* What stands closest to what the bridge will ask for. */
static mns_request_t first_request(const doctor_t *doctor)
{
    if (doctor->queue != NULL)
        return (mns_request_t){.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = doctor->queue};
    if (doctor->topic != NULL)
        return (mns_request_t){.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = doctor->topic};
    return (mns_request_t){.op = MNS_LIST_QUEUE, .list_count = 1};
}

void doctor_check_service(doctor_t *doctor)
{
    static const struct {
        mns_err err;
        doctor_cause_t cause;
    } causes[] = {{MNS_ENOKEYS, CAUSE_keys_role},       {MNS_ETIMEDOUT, CAUSE_no_answer},
                  {MNS_EIO, CAUSE_connection_broken},   {MNS_EPROTO, CAUSE_not_mns},
                  {MNS_ESERVER, CAUSE_service_trouble}, {MNS_ENOMEM, CAUSE_service_trouble},
                  {MNS_EINVAL, CAUSE_refused}};
    char said[256];
    mns_err err;
    mns_request_t request = first_request(doctor);
    doctor->first = doctor_ask(doctor, &request, &err);
    bool time_expired = doctor->first != NULL && doctor->first->code_id == MNS_CODE_TimeExpired;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0] && !time_expired; i++)
        if (err == causes[i].err) {
            doctor_find(doctor, causes[i].cause, "%s", doctor_said(doctor->first, said));
            return;
        }
    if (doctor->first != NULL)
        doctor_note(doctor, "in %.1f ms", (double)doctor->first->took_us / 1000);
}

/* -- clock --------------------------------------------------------------------------------- */

void doctor_check_clock(doctor_t *doctor)
{
    const mns_reply_t *reply = doctor->first;
    int64_t ours = (int64_t)time(NULL), theirs = reply->server_time_s;
    int64_t skew = theirs != 0 ? ours - theirs : 0, size = skew < 0 ? -skew : skew;
    const char *way = skew < 0 ? "behind" : "ahead of";
    if (reply->code_id == MNS_CODE_TimeExpired || size > SKEW_MOST_S)
        doctor_find(doctor, CAUSE_clock_off, "this machine is %" PRId64 " s %s the service%s", size,
                    way, reply->code_id == MNS_CODE_TimeExpired ? ", which says TimeExpired" : "");
    else if (size > SKEW_TOLD_S)
        doctor_find(doctor, CAUSE_clock_drifts, "this machine is %" PRId64 " s %s the service",
                    size, way);
    else if (theirs == 0)
        doctor_note(doctor, "the answer has no Date, but the service took ours");
    else
        doctor_note(doctor, "%" PRId64 " s apart", size);
}

/* -- login --------------------------------------------------------------------------------- */

/* The codes of a bad token are not in MNS's list; all that are known have the word in code or text.
 */
static bool speaks_of_token(const mns_reply_t *reply)
{
    return strcasestr(reply->code, "token") != NULL || strcasestr(reply->message, "token") != NULL;
}

void doctor_check_login(doctor_t *doctor)
{
    char said[256];
    const mns_reply_t *reply = doctor->first;
    doctor_said(reply, said);
    bool refused = reply->http_status == 400 || reply->http_status == 401 ||
                   reply->http_status == 403 || reply->http_status == 405;
    if (reply->err == MNS_OK || !refused)
        doctor_note(doctor, "they are good");
    else if (speaks_of_token(reply))
        doctor_find(doctor, CAUSE_token_bad, "%s", said);
    else if (reply->code_id == MNS_CODE_InvalidAccessKeyId)
        doctor_find(doctor, CAUSE_key_unknown, "%s", said);
    else if (reply->code_id == MNS_CODE_SignatureDoesNotMatch)
        doctor_find(doctor, CAUSE_secret_wrong, "%s", said);
    else if (reply->code_id != MNS_CODE_AccessDenied)
        doctor_find(doctor, CAUSE_refused, "%s", said);
    else
        doctor_note(doctor, "they are good");
}

/* -- permission ---------------------------------------------------------------------------- */

static bool is_denied(doctor_t *doctor, const mns_request_t *request)
{
    mns_err err;
    mns_reply_t *reply = doctor_ask(doctor, request, &err);
    bool denied = reply != NULL && reply->code_id == MNS_CODE_AccessDenied;
    mns_reply_free(&reply);
    return denied;
}

/* No message has this handle, so the answer tells whether we might delete, and nothing is. */
static bool is_delete_denied(doctor_t *doctor)
{
    static const char *const handle = "sluice-doctor-0";
    mns_request_t request = {
        .op = MNS_DELETE_MESSAGE, .queue = doctor->queue, .receipt_handles = &handle, .count = 1};
    return is_denied(doctor, &request);
}

void doctor_check_permission(doctor_t *doctor)
{
    char said[256];
    if (doctor->queue == NULL) {
        doctor_skip(doctor, "no queue is named");
        return;
    }
    bool looking = doctor->first->code_id == MNS_CODE_AccessDenied;
    bool deleting = doctor->first->code_id != MNS_CODE_QueueNotExist && is_delete_denied(doctor);
    mns_request_t peek = {.op = MNS_PEEK_MESSAGE, .queue = doctor->queue};
    bool peeking = looking && is_denied(doctor, &peek);
    if (looking && deleting && peeking)
        doctor_find(doctor, CAUSE_denied, "%s", doctor_said(doctor->first, said));
    else if (deleting)
        doctor_find(doctor, CAUSE_denied_deleting, "AccessDenied for a delete in %s",
                    doctor->queue);
    else if (looking)
        doctor_find(doctor, CAUSE_denied_looking, "%s", doctor_said(doctor->first, said));
    else
        doctor_note(doctor,
                    "looking and deleting are allowed; receiving is seen with --probe only");
}

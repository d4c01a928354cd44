#include "mns_session.h"

#include "cli.h"
#include "mns_hint.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* -- telling ------------------------------------------------------------------------------- */

/* One line on standard error that a terminal shows and does not obey. */
static void say_line(const char *before, const char *text)
{
    sl_buf_t line = SL_BUF_INIT;
    sl_buf_append_str(&line, before);
    text_clean(&line, text, strlen(text));
    sl_buf_append_byte(&line, '\n');
    fwrite(line.data, 1, line.len, stderr);
    sl_buf_fini(&line);
}

void session_say(const session_t *session, const char *format, ...)
{
    char before[128], text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(before, sizeof before, "%.100s: ", session->name);
    say_line(before, text);
}

/* "QueueNotExist (404): The queue does not exist. [request 6A1D…]" */
static void describe(char out[1024], mns_err err, const mns_reply_t *reply)
{
    if (reply == NULL) {
        snprintf(out, 1024, "%s", mns_err_text(err));
        return;
    }
    const char *request = reply->request_id;
    const char *what = *reply->message != '\0' ? reply->message : mns_err_text(err);
    int len = 0;
    if (*reply->code != '\0')
        len = snprintf(out, 1024, "%.100s (%d): ", reply->code, reply->http_status);
    else if (reply->http_status != 0)
        len = snprintf(out, 1024, "status %d: ", reply->http_status);
    len += snprintf(out + len, 1024 - (size_t)len, "%.500s", what);
    if (*request != '\0')
        snprintf(out + len, 1024 - (size_t)len, " [request %.64s]", request);
}

void session_tell(const session_t *session, mns_err err, const mns_reply_t *reply)
{
    char text[1024];
    describe(text, err, reply);
    session_say(session, "%s", text);
    say_line("  hint: ", hint_for(err, reply));
}

/* -- options ------------------------------------------------------------------------------- */

int64_t session_given(const session_t *session, const char *key, uint64_t value)
{
    return config_given(session->config, key) ? (int64_t)value : -1;
}

bool session_endpoint(const session_t *session, char out[512])
{
    const mns_common_t *common = session->common;
    place_url_t url;
    if (common->endpoint != NULL) {
        const char *wrong = place_parse_url(&url, common->endpoint);
        if (wrong != NULL)
            session_say(session, "the endpoint %.300s %s", common->endpoint, wrong);
        snprintf(out, 512, "%s", common->endpoint);
        return wrong == NULL && strlen(common->endpoint) < 512;
    }
    if (common->account != NULL && common->region != NULL) {
        snprintf(out, 512, "https://%.*s.mns.%.*s.aliyuncs.com", PLACE_ACCOUNT_MAX, common->account,
                 PLACE_REGION_MAX, common->region);
        return true;
    }
    session_say(session, "where is MNS? Give --endpoint URL (SLUICE_MNS_ENDPOINT), or --account "
                         "and --region");
    return false;
}

/* Who names a file, a profile or a role here means it, whatever the environment holds; and who
 * names a role alone means no file in the home folder either. */
static void forget_environment(bool files)
{
    static const char *const keys[] = {"ALIBABA_CLOUD_ACCESS_KEY_ID",
                                       "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                                       "ALIBABA_CLOUD_SECURITY_TOKEN"};
    static const char *const places[] = {"ALIBABA_CLOUD_CREDENTIALS_FILE", "ALIBABA_CLOUD_PROFILE",
                                         "HOME"};
    for (size_t i = 0; i < 3; i++) {
        unsetenv(keys[i]);
        if (files)
            unsetenv(places[i]);
    }
}

/* While there is no client yet, what libmns has to say is about keys. */
static void on_trace(void *ctx, const char *line)
{
    session_t *session = ctx;
    if (session->client == NULL)
        snprintf(session->keys_note, sizeof session->keys_note, "%s", line);
    if (session->common->trace)
        say_line("trace: ", line);
}

mns_client_options_t session_client_options(session_t *session)
{
    const mns_common_t *common = session->common;
    bool file = common->credentials_file != NULL || common->profile != NULL;
    if (file || common->ecs_role != NULL)
        forget_environment(!file);
    return (mns_client_options_t){
        .size = sizeof(mns_client_options_t),
        .timeout_ms = (uint32_t)common->timeout_ms,
        .connect_timeout_ms = common->timeout_ms < 5000 ? (uint32_t)common->timeout_ms : 0,
        .ca_file = common->ca_file,
        .trace = on_trace,
        .trace_ctx = session,
        .credentials_file = common->credentials_file,
        .credentials_profile = common->profile,
        .ecs_role = common->ecs_role,
        .ecs_metadata = common->ecs_metadata,
    };
}

/* What the host says wins; it is checked against what the options say. */
static bool find_place(session_t *session, const char *endpoint)
{
    const mns_common_t *common = session->common;
    place_t host = place_of_endpoint(endpoint);
    session->place = host;
    if (common->account != NULL && !place_is_account(common->account)) {
        session_say(session, "the account \"%.100s\" is none: digits are", common->account);
        return false;
    }
    if (common->region != NULL && !place_is_region(common->region)) {
        session_say(session, "the region \"%.100s\" is none, such as cn-hangzhou", common->region);
        return false;
    }
    bool account_fits = host.network == PLACE_OTHER || common->account == NULL ||
                        strcmp(host.account, common->account) == 0;
    bool region_fits = host.network == PLACE_OTHER || common->region == NULL ||
                       strcmp(host.region, common->region) == 0;
    if (!account_fits || !region_fits) {
        session_say(session, "the endpoint %.300s says %s %s, not %s", endpoint,
                    account_fits ? "region" : "account", account_fits ? host.region : host.account,
                    account_fits ? common->region : common->account);
        return false;
    }
    if (common->account != NULL)
        snprintf(session->place.account, sizeof session->place.account, "%s", common->account);
    if (common->region != NULL)
        snprintf(session->place.region, sizeof session->place.region, "%s", common->region);
    return true;
}

/* -- the client ---------------------------------------------------------------------------- */

bool session_open(session_t *session, int *code)
{
    char endpoint[512];
    *code = CLI_USAGE;
    if (!session_endpoint(session, endpoint) || !find_place(session, endpoint))
        return false;
    mns_client_options_t options = session_client_options(session);
    options.endpoint = endpoint;
    mns_err err = mns_client_create(&session->client, &options);
    if (err == MNS_EINVAL)
        session_say(session, "%s",
                    *session->keys_note != '\0' ? session->keys_note
                                                : "the access keys are malformed");
    else if (err != MNS_OK)
        session_tell(session, err, NULL);
    *code = err == MNS_EINVAL || err == MNS_ENOKEYS ? CLI_USAGE : CLI_NOT_ALL;
    return err == MNS_OK;
}

void session_close(session_t *session)
{
    if (session->client != NULL)
        mns_client_destroy(&session->client);
}

mns_err session_call(session_t *session, const mns_request_t *request, mns_reply_t **reply)
{
    *reply = NULL;
    mns_err err = mns_call(session->client, request, reply);
    if (err != MNS_OK && err != MNS_EMPTY && err != MNS_EPARTIAL)
        session_tell(session, err, *reply);
    return err;
}

bool session_do(session_t *session, const mns_request_t *request)
{
    mns_reply_t *reply;
    mns_err err = session_call(session, request, &reply);
    mns_reply_free(&reply);
    return err == MNS_OK;
}

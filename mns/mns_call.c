/* mns_call.c - one call: written, signed, sent, judged, perhaps sent again, handed out. */
#include "mns_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* -- memory ---------------------------------------------------------------------------------- */

static void call_destroy(mns_client_t *client, call_t *call)
{
    mns_exchange_fini(client->http, &call->http);
    mns_outbound_fini(&call->out);
    mns_store_destroy(&call->store);
    free(call);
}

static call_t *call_create(mns_client_t *client)
{
    call_t *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    if (mns_exchange_init(client->http, &call->http) != MNS_OK) {
        free(call);
        return NULL;
    }
    call->http.owner = call;
    call->next_of_all = client->all;
    client->all = call;
    return call;
}

call_t *mns_call_get(mns_client_t *client)
{
    call_t *call = client->idle;
    if (call == NULL)
        return call_create(client);
    client->idle = call->next;
    return call;
}

void mns_call_put(mns_client_t *client, call_t *call)
{
    call->active = false;
    call->next = client->idle;
    client->idle = call;
}

void mns_calls_destroy(mns_client_t *client)
{
    while (client->all != NULL) {
        call_t *call = client->all;
        client->all = call->next_of_all;
        call_destroy(client, call);
    }
}

/* -- asking ---------------------------------------------------------------------------------- */

/* A long poll may take its waiting time beside the client's timeout.  -1 leaves the time to the
 * queue, whose longest is 30 s. */
static uint32_t timeout_ms(const mns_client_t *client, const mns_request_t *request)
{
    if (request->timeout_ms > 0)
        return request->timeout_ms;
    if (request->op != MNS_RECEIVE_MESSAGE && request->op != MNS_BATCH_RECEIVE_MESSAGE)
        return client->timeout_ms;
    uint32_t wait_s = request->wait_seconds < 0 ? 30 : (uint32_t)request->wait_seconds;
    return client->timeout_ms + wait_s * 1000;
}

mns_err mns_call_write(mns_client_t *client, call_t *call, const mns_request_t *request)
{
    if (call->store == NULL && (call->store = mns_store_create()) == NULL)
        return MNS_ENOMEM;
    mns_err err = mns_op_write(&call->out, request);
    if (err != MNS_OK)
        return err;
    call->attempts = 0;
    call->rekeyed = false;
    call->http.status = 0;
    call->http.verb = call->out.asked.row->verb;
    call->http.once = !call->out.asked.row->repeats;
    call->http.target = (const char *)call->out.target.data;
    call->http.body = call->out.body.data;
    call->http.body_len = call->out.body.len;
    call->http.timeout_ms = timeout_ms(client, request);
    return MNS_OK;
}

static const char *client_date(mns_client_t *client)
{
    time_t now = time(NULL);
    if (now != client->date_second) {
        mns_date_write(client->date, now);
        client->date_second = now;
    }
    return client->date;
}

static const mns_keys_t *client_keys(const mns_client_t *client)
{
    return client->role != NULL ? mns_role_keys(client->role) : &client->keys;
}

/* The role may have new keys. */
static bool client_rekey(mns_client_t *client, call_t *call)
{
    uint64_t generation = client->role != NULL ? mns_role_generation(client->role) : 0;
    call->key_generation = generation;
    if (generation == client->signer_generation)
        return true;
    client->signer_generation = generation;
    return mns_signer_rekey(client->judge.signer, client_keys(client)->secret);
}

/* The Authorization header's value in client->text, or NULL. */
static const char *call_sign(mns_client_t *client, call_t *call, const mns_signed_t *what)
{
    char signature[MNS_SIGNATURE_LEN + 1];
    sl_buf_t *text = &client->text;
    sl_buf_clear(text);
    mns_string_to_sign(text, what);
    sl_buf_append_byte(text, '\0');
    if (text->failed || !client_rekey(client, call) ||
        !mns_signer_sign(client->judge.signer, text->data, text->len - 1, signature))
        return NULL;
    mns_client_trace(client, "request; string to sign: %s", (const char *)text->data);
    sl_buf_clear(text);
    sl_buf_printf(text, "MNS %s:%s", client_keys(client)->id, signature);
    return text->failed ? NULL : (const char *)text->data;
}

static mns_err call_head(mns_client_t *client, call_t *call)
{
    char content_md5[MNS_CONTENT_MD5_LEN + 1] = "";
    mns_outbound_t *out = &call->out;
    bool with_body = out->body.len > 0;
    if (with_body &&
        !mns_signer_content_md5(client->judge.signer, out->body.data, out->body.len, content_md5))
        return MNS_ENOMEM;
    mns_signed_t what = {.verb = out->asked.row->verb,
                         .content_md5 = content_md5,
                         .content_type = with_body ? "text/xml" : "",
                         .date = client_date(client),
                         .headers = out->headers,
                         .header_count = out->header_count,
                         .resource = (const char *)out->target.data};
    const char *authorization = call_sign(client, call, &what);
    if (authorization == NULL)
        return MNS_ENOMEM;
    const char *token = client_keys(client)->token;
    mns_exchange_head(&call->http);
    mns_exchange_line(&call->http, "Authorization", authorization);
    mns_exchange_line(&call->http, "Date", what.date);
    for (size_t i = 0; i < out->header_count; i++)
        mns_exchange_line(&call->http, out->headers[i].name, out->headers[i].value);
    mns_exchange_line(&call->http, "Content-Type", with_body ? what.content_type : NULL);
    if (with_body)
        mns_exchange_line(&call->http, "Content-MD5", content_md5);
    if (token != NULL)
        mns_exchange_line(&call->http, "security-token", token);
    mns_exchange_line(&call->http, "Expect", NULL);
    return call->http.lines.failed ? MNS_ENOMEM : MNS_OK;
}

mns_err mns_call_send(mns_client_t *client, call_t *call)
{
    mns_err err = call_head(client, call);
    if (err == MNS_OK)
        err = mns_http_start(client->http, &call->http);
    call->attempts += err == MNS_OK;
    return err;
}

/* -- the answer ------------------------------------------------------------------------------ */

/* Most answers of a second say the same. */
static int64_t client_read_date(mns_client_t *client, const char *date)
{
    if (strcmp(date, client->their_date) != 0) {
        if (strlen(date) > MNS_DATE_LEN)
            return 0;
        strcpy(client->their_date, date);
        int64_t time_s = mns_date_read(date);
        client->their_time_s = time_s < 0 ? 0 : time_s;
    }
    return client->their_time_s;
}

void mns_call_fail(call_t *call, mns_err err, const char *text)
{
    mns_store_t *store = call->store;
    mns_store_clear(store);
    store->view.err = err;
    store->view.transient = mns_err_transient(err);
    store->view.http_status = call->http.status;
    snprintf(store->note, sizeof store->note, "%s", text);
    store->view.message = store->note;
}

void mns_call_judge(mns_client_t *client, call_t *call)
{
    mns_store_t *store = call->store;
    mns_reply_t *view = &store->view;
    const mns_exchange_t *http = &call->http;
    if (http->err != MNS_OK) {
        mns_call_fail(call, http->err, http->note);
        view->transient = view->transient && !http->distrusted;
    } else {
        mns_store_clear(store);
        mns_answer_judge(&client->judge, &call->out.asked, http->status,
                         (const char *)http->in.data, http->in.len, store);
    }
    snprintf(store->location, sizeof store->location, "%s", http->location);
    snprintf(store->request_id, sizeof store->request_id, "%s", http->request_id);
    if (*store->request_id != '\0')
        view->request_id = store->request_id;
    view->server_time_s = client_read_date(client, http->date);
    if (*http->retry_after != '\0')
        view->retry_after_ms = mns_retry_after_ms(
            http->retry_after, view->server_time_s > 0 ? view->server_time_s : time(NULL));
    mns_client_trace(client, "answer; request id %s, status %d", view->request_id, http->status);
}

/* -- once more? ------------------------------------------------------------------------------ */

/* Is it certain that the service did nothing? */
static bool nothing_done(const call_t *call)
{
    const mns_reply_t *view = &call->store->view;
    if (call->http.err != MNS_OK)
        return call->http.unsent;
    return view->http_status == 429 || view->http_status == 503 ||
           view->code_id == MNS_CODE_ServiceUnavailable ||
           view->code_id == MNS_CODE_QpsLimitExceeded;
}

/* Were the role's keys refused?  Of a token that has expired the services of this family say
 * InvalidAccessKeyId, or something with SecurityToken in it. */
static bool keys_refused(const mns_client_t *client, const call_t *call)
{
    const mns_reply_t *view = &call->store->view;
    return client->role != NULL && view->err == MNS_ECLIENT &&
           (view->code_id == MNS_CODE_InvalidAccessKeyId ||
            strcasestr(view->code, "SecurityToken") != NULL);
}

int64_t mns_call_pause_ms(mns_client_t *client, call_t *call)
{
    const mns_reply_t *view = &call->store->view;
    if (keys_refused(client, call) && !call->rekeyed) {
        call->rekeyed = true;
        mns_role_expire(client->role, call->key_generation);
        return 0;
    }
    if (!view->transient || call->attempts >= client->attempts ||
        view->retry_after_ms > client->backoff.most_ms ||
        !(call->out.asked.row->repeats || nothing_done(call)))
        return -1;
    int64_t pause_ms = mns_backoff_ms(&client->backoff, call->attempts);
    return pause_ms > view->retry_after_ms ? pause_ms : view->retry_after_ms;
}

/* The call is free again afterwards, not before: the reply lives in it. */
void mns_call_reply(mns_client_t *client, call_t *call)
{
    mns_store_t *store = call->store;
    store->view.attempts = call->attempts;
    store->view.took_us = (uint64_t)(mns_now_ns() - call->started_ns) / 1000;
    call->active = false;
    client->in_flight--;
    if (call->waiting != NULL) {
        call->waiting->store = store;
        call->store = NULL;
    } else {
        call->on_reply(call->user, &store->view);
    }
    mns_call_put(client, call);
}

/* mns.c - the client: requests become signed exchanges, exchanges become replies.
 *
 *     submit: mns_op (write, check) -> mns_sign -> mns_http (send)
 *     run:    mns_http (receive) -> mns_answer (judge) -> on_reply
 *
 * A call holds all that one request needs and is used again: in steady state nothing is allocated
 * but what libcurl does itself. */
#include "mns_answer.h"
#include "mns_date.h"
#include "mns_endpoint.h"
#include "mns_http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TIMEOUT_MS = 10000,
    CONNECT_TIMEOUT_MS = 5000,
    MAX_IN_FLIGHT = 256,
    KEY_ID_MAX = 256,
    SPARE_CONNECTIONS = 8, /* curl counts one it is about to close, too */
};

/* Where mns_call waits. */
typedef struct waiting {
    mns_store_t *store;
} waiting_t;

typedef struct call {
    mns_exchange_t http;
    mns_outbound_t out;
    mns_store_t *store;
    mns_reply_fn on_reply; /* or, for mns_call: */
    void *user;
    waiting_t *waiting;
    uint64_t started_ns;
    bool active;
    struct call *next_idle, *next_of_all;
} call_t;

struct mns_client {
    mns_http_t *http;
    mns_judge_t judge;
    char *key_id, *token;    /* token may be NULL */
    const char *credentials; /* where they come from */
    uint32_t timeout_ms, max_in_flight;
    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;
    call_t *all, *idle;
    size_t in_flight;
    sl_buf_t text; /* scratch: the string to sign, then the Authorization header */
    time_t date_second;
    char date[MNS_DATE_LEN + 1];       /* of date_second, as sent */
    char their_date[MNS_DATE_LEN + 1]; /* as received last, and what it says */
    int64_t their_time_s;
    bool closing;
};

/* -- errors ---------------------------------------------------------------------------------- */

const char *mns_err_text(mns_err err)
{
    switch (err) {
#define X(name, number, text) \
    case MNS_##name:          \
        return text;
        MNS_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

bool mns_err_transient(mns_err err)
{
    return err == MNS_EIO || err == MNS_ETIMEDOUT || err == MNS_ESERVER;
}

/* -- the client ------------------------------------------------------------------------------ */

/* What may stand in a header's value: printable ASCII, no blank. */
static bool good_token(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= 0x20 || *text > 0x7E)
            return false;
    return true;
}

static const char *or_environment(const char *given, const char *variable)
{
    return given != NULL ? given : getenv(variable);
}

static mns_err client_keys(mns_client_t *client, const mns_client_options_t *options)
{
    const char *id = or_environment(options->access_key_id, "ALIBABA_CLOUD_ACCESS_KEY_ID");
    const char *secret =
        or_environment(options->access_key_secret, "ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    const char *token = options->security_token;
    if (token == NULL && options->access_key_id == NULL) /* else it belongs to another key */
        token = getenv("ALIBABA_CLOUD_SECURITY_TOKEN");
    if (token != NULL && *token == '\0')
        token = NULL;
    if (!good_token(id) || strlen(id) > KEY_ID_MAX || secret == NULL || *secret == '\0' ||
        (token != NULL && !good_token(token)))
        return MNS_EINVAL;
    client->credentials = options->access_key_id != NULL ? "options" : "environment";
    client->key_id = strdup(id);
    client->token = token == NULL ? NULL : strdup(token);
    if (client->key_id == NULL || (token != NULL && client->token == NULL))
        return MNS_ENOMEM;
    return mns_signer_create(&client->judge.signer, secret);
}

static mns_err client_open(mns_client_t *client, const mns_client_options_t *options)
{
    mns_endpoint_t endpoint = {0};
    mns_err err =
        options->endpoint == NULL ? MNS_EINVAL : mns_endpoint_parse(&endpoint, options->endpoint);
    if (err != MNS_OK)
        return err;
    mns_http_options_t http = {
        .base = endpoint.base,
        .ca_file = options->ca_file,
        .loopback = endpoint.loopback,
        .connect_timeout_ms =
            options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS,
        .connections = client->max_in_flight + SPARE_CONNECTIONS,
    };
    err = mns_http_create(&client->http, &http);
    free(endpoint.base);
    return err;
}

mns_err mns_client_create(mns_client_t **out, const mns_client_options_t *given)
{
    mns_client_options_t options = {0};
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    if (options.max_in_flight > INT32_MAX / 2)
        return MNS_EINVAL;
    mns_client_t *client = calloc(1, sizeof *client);
    if (client == NULL)
        return MNS_ENOMEM;
    client->timeout_ms = options.timeout_ms ? options.timeout_ms : TIMEOUT_MS;
    client->max_in_flight = options.max_in_flight ? options.max_in_flight : MAX_IN_FLIGHT;
    client->trace = options.trace;
    client->trace_ctx = options.trace_ctx;
    client->date_second = -1;
    mns_err err = client_keys(client, &options);
    if (err == MNS_OK)
        err = client_open(client, &options);
    if (err == MNS_OK)
        err = mns_xml_reader_create(&client->judge.reader);
    if (err != MNS_OK) {
        mns_client_destroy(&client);
        return err;
    }
    *out = client;
    return MNS_OK;
}

const char *mns_client_credentials(const mns_client_t *client)
{
    return client->credentials;
}

/* -- calls ----------------------------------------------------------------------------------- */

static void call_destroy(mns_client_t *client, call_t *call)
{
    mns_exchange_fini(client->http, &call->http);
    sl_buf_fini(&call->out.target);
    sl_buf_fini(&call->out.body);
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

static call_t *call_get(mns_client_t *client)
{
    call_t *call = client->idle;
    if (call != NULL)
        client->idle = call->next_idle;
    else
        call = call_create(client);
    return call;
}

static void call_put(mns_client_t *client, call_t *call)
{
    call->active = false;
    call->next_idle = client->idle;
    client->idle = call;
}

static void client_trace(const mns_client_t *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line, whatever is in it. */
static void client_trace(const mns_client_t *client, const char *format, ...)
{
    char line[1024];
    if (client->trace == NULL)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n')
            *c = '|';
    client->trace(client->trace_ctx, line);
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

/* The Authorization header's value in client->text, or NULL. */
static const char *call_sign(mns_client_t *client, const mns_signed_t *what)
{
    char signature[MNS_SIGNATURE_LEN + 1];
    sl_buf_t *text = &client->text;
    sl_buf_clear(text);
    mns_string_to_sign(text, what);
    sl_buf_append_byte(text, '\0');
    if (text->failed ||
        !mns_signer_sign(client->judge.signer, text->data, text->len - 1, signature))
        return NULL;
    client_trace(client, "request; string to sign: %s", (const char *)text->data);
    sl_buf_clear(text);
    sl_buf_printf(text, "MNS %s:%s", client->key_id, signature);
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
    const char *authorization = call_sign(client, &what);
    if (authorization == NULL)
        return MNS_ENOMEM;
    mns_exchange_head(&call->http);
    mns_exchange_line(&call->http, "Authorization", authorization);
    mns_exchange_line(&call->http, "Date", what.date);
    for (size_t i = 0; i < out->header_count; i++)
        mns_exchange_line(&call->http, out->headers[i].name, out->headers[i].value);
    mns_exchange_line(&call->http, "Content-Type", with_body ? what.content_type : NULL);
    if (with_body)
        mns_exchange_line(&call->http, "Content-MD5", content_md5);
    if (client->token != NULL)
        mns_exchange_line(&call->http, "security-token", client->token);
    mns_exchange_line(&call->http, "Expect", NULL);
    return call->http.lines.failed ? MNS_ENOMEM : MNS_OK;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A long poll may take its waiting time beside the client's timeout.  -1 leaves the time to the
 * queue, whose longest is 30 s. */
static uint32_t call_timeout_ms(const mns_client_t *client, const mns_request_t *request)
{
    if (request->timeout_ms > 0)
        return request->timeout_ms;
    if (request->op != MNS_RECEIVE_MESSAGE && request->op != MNS_BATCH_RECEIVE_MESSAGE)
        return client->timeout_ms;
    uint32_t wait_s = request->wait_seconds < 0 ? 30 : (uint32_t)request->wait_seconds;
    return client->timeout_ms + wait_s * 1000;
}

static mns_err call_start(mns_client_t *client, call_t *call, const mns_request_t *request)
{
    if (call->store == NULL && (call->store = mns_store_create()) == NULL)
        return MNS_ENOMEM;
    mns_err err = mns_op_write(&call->out, request);
    if (err == MNS_OK)
        err = call_head(client, call);
    if (err != MNS_OK)
        return err;
    call->started_ns = now_ns();
    call->http.verb = call->out.asked.row->verb;
    call->http.target = (const char *)call->out.target.data;
    call->http.body = call->out.body.data;
    call->http.body_len = call->out.body.len;
    call->http.timeout_ms = call_timeout_ms(client, request);
    return mns_http_start(client->http, &call->http);
}

static mns_err submit(mns_client_t *client, const mns_request_t *request, mns_reply_fn on_reply,
                      void *user, waiting_t *waiting)
{
    if (client->closing)
        return MNS_ECANCELED;
    if (client->in_flight >= client->max_in_flight)
        return MNS_EINVAL;
    call_t *call = call_get(client);
    if (call == NULL)
        return MNS_ENOMEM;
    call->on_reply = on_reply;
    call->user = user;
    call->waiting = waiting;
    mns_err err = call_start(client, call, request);
    if (err != MNS_OK) {
        call_put(client, call);
        return err;
    }
    call->active = true;
    client->in_flight++;
    return MNS_OK;
}

/* Hands a reply out.  The call is free again afterwards, not before: the reply lives in it. */
static void call_reply(mns_client_t *client, call_t *call)
{
    mns_store_t *store = call->store;
    store->view.attempts = 1;
    store->view.took_us = (now_ns() - call->started_ns) / 1000;
    call->active = false;
    client->in_flight--;
    if (call->waiting != NULL) {
        call->waiting->store = store;
        call->store = NULL;
    } else {
        call->on_reply(call->user, &store->view);
    }
    call_put(client, call);
}

static void call_fail(call_t *call, mns_err err, const char *text)
{
    mns_store_t *store = call->store;
    mns_store_clear(store);
    store->view.err = err;
    store->view.transient = mns_err_transient(err);
    store->view.http_status = call->http.status;
    snprintf(store->note, sizeof store->note, "%s", text);
    store->view.message = store->note;
}

static void call_finish(mns_client_t *client, call_t *call)
{
    mns_store_t *store = call->store;
    const mns_exchange_t *http = &call->http;
    if (http->err != MNS_OK) {
        call_fail(call, http->err, http->note);
    } else {
        mns_store_clear(store);
        mns_answer_judge(&client->judge, &call->out.asked, http->status,
                         (const char *)http->in.data, http->in.len, store);
    }
    mns_reply_t *view = &store->view;
    view->server_time_s = client_read_date(client, http->date);
    view->retry_after_ms = mns_retry_after_ms(
        http->retry_after, view->server_time_s > 0 ? view->server_time_s : time(NULL));
    snprintf(store->location, sizeof store->location, "%s", http->location);
    snprintf(store->request_id, sizeof store->request_id, "%s", http->request_id);
    if (*store->request_id != '\0')
        store->view.request_id = store->request_id;
    client_trace(client, "answer; request id %s, status %d", store->view.request_id, http->status);
    call_reply(client, call);
}

/* -- the door -------------------------------------------------------------------------------- */

mns_err mns_submit(mns_client_t *client, const mns_request_t *request, mns_reply_fn on_reply,
                   void *user)
{
    mns_err err = submit(client, request, on_reply, user, NULL);
    mns_http_settle(client->http);
    return err;
}

size_t mns_client_run(mns_client_t *client, int timeout_ms)
{
    if (client->in_flight == 0 && timeout_ms < 0)
        return 0;
    mns_http_turn(client->http, timeout_ms);
    size_t handed_out = 0, most = client->in_flight; /* what callbacks submit is for later */
    mns_exchange_t *done;
    while (handed_out < most && (done = mns_http_take(client->http)) != NULL) {
        call_finish(client, done->owner);
        handed_out++;
    }
    mns_http_settle(client->http);
    return handed_out;
}

mns_err mns_call(mns_client_t *client, const mns_request_t *request, mns_reply_t **reply)
{
    waiting_t waiting = {NULL};
    *reply = NULL;
    mns_err err = submit(client, request, NULL, NULL, &waiting);
    if (err != MNS_OK)
        return err;
    while (waiting.store == NULL)
        mns_client_run(client, -1);
    *reply = &waiting.store->view;
    return (*reply)->err;
}

int mns_client_fd(const mns_client_t *client)
{
    return mns_http_fd(client->http);
}

size_t mns_client_in_flight(const mns_client_t *client)
{
    return client->in_flight;
}

void mns_client_destroy(mns_client_t **client)
{
    mns_client_t *c = *client;
    if (c == NULL)
        return;
    c->closing = true;
    for (call_t *call = c->all; call != NULL; call = call->next_of_all) {
        if (!call->active)
            continue;
        call_fail(call, MNS_ECANCELED, mns_err_text(MNS_ECANCELED));
        call_reply(c, call);
    }
    while (c->all != NULL) {
        call_t *call = c->all;
        c->all = call->next_of_all;
        call_destroy(c, call);
    }
    mns_http_destroy(&c->http);
    mns_xml_reader_destroy(&c->judge.reader);
    mns_signer_destroy(&c->judge.signer);
    sl_buf_fini(&c->text);
    free(c->key_id);
    free(c->token);
    free(c);
    *client = NULL;
}

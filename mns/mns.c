/* mns.c - the client: many calls, in order, at their pace.
 *
 *     submit: mns_op (write, check) -> line -> mns_sign -> mns_http (send)
 *     run:    mns_http (receive) -> mns_answer (judge) -> on_reply, or a pause and the line again
 *
 * In steady state nothing is allocated but what libcurl does itself. */
#include "mns_client.h"
#include "mns_endpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TIMEOUT_MS = 10000,
    CONNECT_TIMEOUT_MS = 5000,
    MAX_IN_FLIGHT = 256,
    ATTEMPTS = 3,
    BACKOFF_MS = 100,
    BACKOFF_MOST_MS = 10000,
    BURST_LEAST = 16,
    SPARE_CONNECTIONS = 8, /* curl counts one it is about to close, too */
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

/* -- small things ---------------------------------------------------------------------------- */

int64_t mns_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void mns_client_trace(const mns_client_t *client, const char *format, ...)
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

void mns_calls_init(call_list_t *list)
{
    list->first = NULL;
    list->end = &list->first;
}

void mns_calls_push(call_list_t *list, call_t *call)
{
    call->next = NULL;
    *list->end = call;
    list->end = &call->next;
}

call_t *mns_calls_pop(call_list_t *list)
{
    call_t *call = list->first;
    if (call == NULL)
        return NULL;
    list->first = call->next;
    if (list->first == NULL)
        list->end = &list->first;
    return call;
}

/* -- the client ------------------------------------------------------------------------------ */

static uint32_t or_else(uint32_t given, uint32_t otherwise)
{
    return given > 0 ? given : otherwise;
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
        .connect_timeout_ms = or_else(options->connect_timeout_ms, CONNECT_TIMEOUT_MS),
        .connections = client->max_in_flight + SPARE_CONNECTIONS,
    };
    err = mns_http_create(&client->http, &http);
    free(endpoint.base);
    return err;
}

static mns_err client_role(mns_client_t *client, const mns_client_options_t *options,
                           const char *name)
{
    mns_endpoint_t endpoint = {0};
    mns_err err = mns_endpoint_parse(
        &endpoint, options->ecs_metadata != NULL ? options->ecs_metadata : MNS_ROLE_METADATA);
    if (err == MNS_OK)
        err = mns_role_create(&client->role, client->http,
                              &(mns_role_options_t){.name = name,
                                                    .base = endpoint.base,
                                                    .timeout_ms = client->timeout_ms,
                                                    .backoff = &client->backoff});
    free(endpoint.base);
    return err;
}

/* Finds the keys; those of a role come later. */
static mns_err client_keys(mns_client_t *client, const mns_client_options_t *options)
{
    mns_found_t found;
    mns_err err = mns_keys_find(&found, options);
    client->source = found.source;
    client->keys = found.keys; /* moved */
    found.keys = (mns_keys_t){0};
    if (err != MNS_OK && found.note[0] != '\0')
        mns_client_trace(client, "%s", found.note);
    if (err == MNS_OK && found.role != NULL)
        err = client_role(client, options, found.role);
    if (err == MNS_OK)
        err =
            mns_signer_create(&client->judge.signer, found.role != NULL ? "" : client->keys.secret);
    mns_found_fini(&found);
    return err;
}

static void client_pace(mns_client_t *client, const mns_client_options_t *options)
{
    uint32_t burst = options->rate_limit / 10;
    client->attempts = or_else(options->attempts, ATTEMPTS);
    mns_backoff_init(&client->backoff, or_else(options->backoff_ms, BACKOFF_MS),
                     or_else(options->backoff_most_ms, BACKOFF_MOST_MS), 0);
    client->rate.per_s = options->rate_limit;
    client->rate.burst = or_else(options->rate_burst, burst > BURST_LEAST ? burst : BURST_LEAST);
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
    client->timeout_ms = or_else(options.timeout_ms, TIMEOUT_MS);
    client->max_in_flight = or_else(options.max_in_flight, MAX_IN_FLIGHT);
    client->trace = options.trace;
    client->trace_ctx = options.trace_ctx;
    client->date_second = -1;
    client->line_due_ns = INT64_MAX;
    mns_calls_init(&client->line);
    mns_calls_init(&client->ready);
    client_pace(client, &options);
    mns_err err = client_open(client, &options);
    if (err == MNS_OK)
        err = client_keys(client, &options);
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
    static const char *const texts[] = {
#define X(name, text) [MNS_KEYS_##name] = text,
        MNS_KEYS_MAP(X)
#undef X
    };
    return texts[client->source];
}

/* -- the line -------------------------------------------------------------------------------- */

/* The role gave no keys, and that not for the first time: those who wait need not wait longer. */
static void line_refuse(mns_client_t *client)
{
    call_t *call;
    if (mns_role_failures(client->role) < client->attempts)
        return;
    while ((call = mns_calls_pop(&client->line)) != NULL) {
        mns_call_fail(call, MNS_ENOKEYS, mns_role_trouble(client->role));
        call->store->view.transient = true; /* the metadata service may come round */
        mns_calls_push(&client->ready, call);
    }
}

static void on_role_failed(mns_client_t *client, int64_t now_ns)
{
    mns_client_trace(client, "%s", mns_role_trouble(client->role));
    if (!mns_role_ready(client->role, now_ns))
        line_refuse(client);
}

/* Are there keys?  Asking may begin to fetch some. */
static bool keys_ready(mns_client_t *client, int64_t now_ns)
{
    if (client->role == NULL)
        return true;
    uint32_t before = mns_role_failures(client->role);
    bool ready = mns_role_ready(client->role, now_ns);
    if (!ready && mns_role_failures(client->role) > before)
        on_role_failed(client, now_ns);
    return ready;
}

/* May a call that costs so much go now?  If not, line_due_ns says when to ask again. */
static bool may_go(mns_client_t *client, uint32_t cost, int64_t now_ns)
{
    if (!keys_ready(client, now_ns)) {
        client->line_due_ns = mns_role_due_ns(client->role);
        return false;
    }
    int64_t wait_ns = mns_rate_wait_ns(&client->rate, cost, now_ns);
    client->line_due_ns = wait_ns > 0 ? now_ns + wait_ns : INT64_MAX;
    return wait_ns == 0;
}

static mns_err call_go(mns_client_t *client, call_t *call, int64_t now_ns)
{
    mns_rate_take(&client->rate, call->out.asked.count, now_ns);
    return mns_call_send(client, call);
}

/* Those whose pause is over join the line, and the line moves up. */
static void client_advance(mns_client_t *client)
{
    if (client->line.first == NULL && client->pauses.count == 0)
        return;
    int64_t now_ns = mns_now_ns();
    while (mns_pauses_due_ns(&client->pauses) <= now_ns)
        mns_calls_push(&client->line, mns_pauses_take(&client->pauses));
    while (client->line.first != NULL &&
           may_go(client, client->line.first->out.asked.count, now_ns)) {
        call_t *call = mns_calls_pop(&client->line);
        mns_err err = call_go(client, call, now_ns);
        if (err != MNS_OK) {
            mns_call_fail(call, err, mns_err_text(err));
            mns_calls_push(&client->ready, call);
        }
    }
}

/* When does the thread have to come back, at the latest? */
static void client_wake(mns_client_t *client)
{
    int64_t at_ns = mns_pauses_due_ns(&client->pauses);
    if (client->line.first != NULL && client->line_due_ns < at_ns)
        at_ns = client->line_due_ns;
    if (client->ready.first != NULL)
        at_ns = 1;
    mns_http_wake(client->http, at_ns);
}

/* Before the thread leaves. */
static void client_settle(mns_client_t *client)
{
    client_wake(client);
    mns_http_settle(client->http);
}

/* -- calls ----------------------------------------------------------------------------------- */

static mns_err submit(mns_client_t *client, const mns_request_t *request, mns_reply_fn on_reply,
                      void *user, waiting_t *waiting)
{
    if (client->closing)
        return MNS_ECANCELED;
    if (client->in_flight >= client->max_in_flight)
        return MNS_EINVAL;
    call_t *call = mns_call_get(client);
    if (call == NULL)
        return MNS_ENOMEM;
    call->on_reply = on_reply;
    call->user = user;
    call->waiting = waiting;
    call->started_ns = mns_now_ns();
    mns_err err = mns_call_write(client, call, request);
    bool waits = err == MNS_OK && (client->line.first != NULL ||
                                   !may_go(client, call->out.asked.count, call->started_ns));
    if (waits)
        mns_calls_push(&client->line, call);
    else if (err == MNS_OK)
        err = call_go(client, call, call->started_ns);
    if (err != MNS_OK) {
        mns_call_put(client, call);
        return err;
    }
    call->active = true;
    client->in_flight++;
    return MNS_OK;
}

/* An exchange is over: its reply is ready, or it is to be sent again. */
static void call_finish(mns_client_t *client, call_t *call)
{
    mns_call_judge(client, call);
    int64_t pause_ms = mns_call_pause_ms(client, call);
    if (pause_ms < 0 || !mns_pauses_add(&client->pauses, mns_now_ns() + pause_ms * 1000000, call))
        mns_calls_push(&client->ready, call);
}

/* Keys came, or did not: the line's business. */
static void role_step(mns_client_t *client)
{
    int64_t now_ns = mns_now_ns();
    switch (mns_role_step(client->role, now_ns)) {
    case MNS_ROLE_ON:
        break;
    case MNS_ROLE_NEW:
        mns_client_trace(client, "instance role: new keys");
        break;
    case MNS_ROLE_FAILED:
        on_role_failed(client, now_ns);
        break;
    }
}

/* -- the door -------------------------------------------------------------------------------- */

mns_err mns_submit(mns_client_t *client, const mns_request_t *request, mns_reply_fn on_reply,
                   void *user)
{
    mns_err err = submit(client, request, on_reply, user, NULL);
    client_settle(client);
    return err;
}

/* Takes what is over, and hands out at most so many replies. */
static size_t client_collect(mns_client_t *client, size_t most)
{
    size_t handed_out = 0;
    for (;;) {
        if (client->ready.first != NULL) {
            if (handed_out == most)
                break;
            mns_call_reply(client, mns_calls_pop(&client->ready));
            handed_out++;
            continue;
        }
        mns_exchange_t *done = mns_http_take(client->http);
        if (done == NULL)
            break;
        if (mns_role_owns(client->role, done))
            role_step(client);
        else
            call_finish(client, done->owner);
    }
    return handed_out;
}

size_t mns_client_run(mns_client_t *client, int timeout_ms)
{
    if (client->in_flight == 0 && timeout_ms < 0)
        return 0;
    client_wake(client);
    mns_http_turn(client->http, timeout_ms);
    client_advance(client);
    size_t handed_out =
        client_collect(client, client->in_flight); /* what callbacks submit is for later */
    client_advance(client);
    client_settle(client);
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
        mns_call_fail(call, MNS_ECANCELED, mns_err_text(MNS_ECANCELED));
        mns_call_reply(c, call);
    }
    mns_calls_destroy(c);
    mns_role_destroy(&c->role);
    mns_http_destroy(&c->http);
    mns_xml_reader_destroy(&c->judge.reader);
    mns_signer_destroy(&c->judge.signer);
    mns_pauses_fini(&c->pauses);
    mns_keys_fini(&c->keys);
    sl_buf_fini(&c->text);
    free(c);
    *client = NULL;
}

#include "fake_mns.h"

#include "backoff.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { QUEUES_MAX = 4, BATCH_MAX = 16 };

typedef struct fake_request {
    struct fake_request *next;
    fake_queue_t *queue;
    fake_op_t op;
    uint64_t until_ms;    /**< a long poll's end */
    uint64_t patience_ms; /**< when the client gives up */
    bool lost;            /**< performed, and never answered */
    bool lingers;         /**< answered, and still waiting for messages */
    uint32_t timeout_s;
    mns_reply_fn on_reply;
    void *user;
    uint32_t count;
    char handles[BATCH_MAX][40];
} fake_request_t;

struct mns_client {
    int fd;
    fake_request_t *requests; /**< in the order of their submission */
    size_t in_flight;
    uint32_t max_in_flight;
};

static fake_queue_t *queues[QUEUES_MAX];
static size_t queue_count;

/* -- what a test does ---------------------------------------------------------------------- */

fake_queue_t *fake_queue_create(const char *name, const sl_clock_manual_t *clock)
{
    assert(queue_count < QUEUES_MAX);
    fake_queue_t *q = calloc(1, sizeof *q);
    q->name = name;
    q->clock = clock;
    q->visibility_ms = 30000;
    q->messages = calloc(FAKE_MESSAGES_MAX, sizeof *q->messages);
    q->random = 1;
    q->last_wait_s = -1;
    return queues[queue_count++] = q;
}

static int64_t service_ms(const fake_queue_t *q)
{
    return (int64_t)(q->clock->wall_ns / 1000000) + q->skew_ms;
}

const char *fake_queue_put(fake_queue_t *q, const char *body)
{
    assert(q->count < FAKE_MESSAGES_MAX);
    fake_message_t *m = &q->messages[q->count];
    snprintf(m->id, sizeof m->id, "%s-%zu", q->name, q->count++);
    snprintf(m->body, sizeof m->body, "%s", body);
    m->enqueued_ms = service_ms(q);
    q->nothing_until_ms = 0;
    return m->id;
}

static bool visible(const fake_queue_t *q, const fake_message_t *m)
{
    return !m->deleted && service_ms(q) >= (int64_t)m->visible_at_ms;
}

size_t fake_queue_hidden(const fake_queue_t *q)
{
    size_t hidden = 0;
    for (size_t i = 0; i < q->count; i++)
        hidden += !q->messages[i].deleted && !visible(q, &q->messages[i]);
    return hidden;
}

void fake_queues_destroy(void)
{
    for (size_t i = 0; i < queue_count; i++) {
        free(queues[i]->messages);
        free(queues[i]);
    }
    queue_count = 0;
}

/* -- answers ------------------------------------------------------------------------------- */

static void answer(fake_request_t *request, const mns_reply_t *reply)
{
    mns_reply_t whole = *reply;
    whole.code = reply->code != NULL ? reply->code : "";
    whole.message = "as the test says";
    if (request->op == FAKE_RECEIVE)
        request->queue->polls--;
    request->on_reply(request->user, &whole);
}

static void hide(fake_queue_t *q, fake_message_t *m, uint64_t ms)
{
    m->visible_at_ms = (uint64_t)service_ms(q) + ms;
    snprintf(m->handle, sizeof m->handle, "%s-%zu-%u-%llu", q->name, (size_t)(m - q->messages),
             m->dequeue_count, (unsigned long long)++q->handles);
}

static size_t take_visible(fake_queue_t *q, mns_message_t *out, size_t most)
{
    size_t count = 0;
    if (service_ms(q) < q->nothing_until_ms)
        return 0;
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < q->count && count < most; i++) {
        fake_message_t *m = &q->messages[i];
        if (!visible(q, m)) {
            if (!m->deleted && (int64_t)m->visible_at_ms < next_ms)
                next_ms = (int64_t)m->visible_at_ms;
            continue;
        }
        m->dequeue_count++;
        if (m->dequeue_count == 1)
            m->first_dequeued_ms = service_ms(q);
        hide(q, m, q->visibility_ms);
        out[count++] = (mns_message_t){.message_id = m->id,
                                       .body = m->body,
                                       .body_len = strlen(m->body),
                                       .body_md5 = "",
                                       .receipt_handle = m->handle,
                                       .enqueue_time_ms = m->enqueued_ms,
                                       .first_dequeue_time_ms = m->first_dequeued_ms,
                                       .next_visible_time_ms = (int64_t)m->visible_at_ms,
                                       .dequeue_count = m->dequeue_count,
                                       .code = "",
                                       .error = ""};
        if (q->twice > 0)
            m->visible_at_ms = 0;
    }
    size_t hidden = count > 0 ? fake_queue_hidden(q) : 0;
    q->hidden_most = hidden > q->hidden_most ? hidden : q->hidden_most;
    if (count == 0)
        q->nothing_until_ms = next_ms;
    else if (q->twice > 0)
        q->twice--;
    return count;
}

/* @return false: the long poll goes on. */
static bool answer_receive(fake_request_t *request)
{
    fake_queue_t *q = request->queue;
    mns_message_t messages[BATCH_MAX];
    size_t count = take_visible(q, messages, request->count);
    if (count == 0 && q->clock->mono_ns / 1000000 < request->until_ms)
        return false;
    answer(request, &(mns_reply_t){.err = count > 0 ? MNS_OK : MNS_EMPTY,
                                   .http_status = count > 0 ? 200 : 404,
                                   .messages = messages,
                                   .message_count = count});
    return true;
}

/* @return the message of a good handle, else NULL. */
static fake_message_t *by_handle(fake_queue_t *q, const char *handle)
{
    for (size_t i = 0; i < q->count; i++) {
        fake_message_t *m = &q->messages[i];
        if (strcmp(m->handle, handle) == 0)
            return m->deleted || visible(q, m) ? NULL : m;
    }
    return NULL;
}

static const char *delete_one(fake_queue_t *q, const char *handle)
{
    fake_message_t *m = by_handle(q, handle);
    if (m == NULL) {
        q->late++;
        return "ReceiptHandleError";
    }
    m->deleted = true;
    q->deleted++;
    if (q->on_delete != NULL)
        q->on_delete(q->ctx, m);
    return NULL;
}

static bool answer_delete(fake_request_t *request)
{
    fake_queue_t *q = request->queue;
    mns_message_t failed[BATCH_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const char *code = i == 0 && q->refuse_handle_code != NULL
                               ? q->refuse_handle_code
                               : delete_one(q, request->handles[i]);
        if (code != NULL)
            failed[count++] =
                (mns_message_t){.receipt_handle = request->handles[i], .code = code, .error = ""};
    }
    answer(request, &(mns_reply_t){.err = count > 0 ? MNS_EPARTIAL : MNS_OK,
                                   .http_status = count > 0 ? 404 : 204,
                                   .messages = failed,
                                   .message_count = count});
    return true;
}

static bool answer_extend(fake_request_t *request)
{
    fake_message_t *m = by_handle(request->queue, request->handles[0]);
    if (m == NULL) {
        answer(request, &(mns_reply_t){
                            .err = MNS_ECLIENT, .http_status = 400, .code = "ReceiptHandleError"});
        return true;
    }
    if (m < request->queue->messages + request->queue->unextendable) {
        answer(request, &(mns_reply_t){.err = MNS_ESERVER, .http_status = 500});
        return true;
    }
    hide(request->queue, m, (uint64_t)request->timeout_s * 1000);
    mns_message_t changed = {.receipt_handle = m->handle,
                             .next_visible_time_ms = (int64_t)m->visible_at_ms,
                             .code = "",
                             .error = ""};
    answer(request, &(mns_reply_t){.http_status = 200, .messages = &changed, .message_count = 1});
    return true;
}

static bool answer_look(fake_request_t *request)
{
    const fake_queue_t *q = request->queue;
    mns_queue_attributes_t attributes = {.visibility_timeout = (int64_t)q->visibility_ms / 1000};
    for (size_t i = 0; i < q->count; i++) {
        attributes.active_messages += visible(q, &q->messages[i]);
        attributes.inactive_messages += !q->messages[i].deleted && !visible(q, &q->messages[i]);
    }
    answer(request, &(mns_reply_t){.http_status = 200, .queue_attributes = &attributes});
    return true;
}

static bool perform(fake_request_t *request)
{
    switch (request->op) {
    case FAKE_RECEIVE:
        return answer_receive(request);
    case FAKE_DELETE:
        return answer_delete(request);
    case FAKE_EXTEND:
        return answer_extend(request);
    default:
        return answer_look(request);
    }
}

/* -- faults -------------------------------------------------------------------------------- */

static void into_the_void(void *user, const mns_reply_t *reply)
{
    (void)user, (void)reply;
}

/* Does what was asked for and tells nobody. */
static void perform_unheard(const fake_request_t *request)
{
    fake_request_t unheard = *request;
    unheard.on_reply = into_the_void;
    unheard.until_ms = 0;
    request->queue->polls += request->op == FAKE_RECEIVE; /* answer() takes it away */
    perform(&unheard);
}

static bool fail(fake_request_t *request, fake_fault_t *fault)
{
    fault->times--;
    if (fault->performed)
        perform_unheard(request);
    request->lost = fault->hangs;
    if (!fault->hangs)
        answer(request, &(mns_reply_t){.err = fault->err,
                                       .http_status = fault->http_status,
                                       .retry_after_ms = fault->retry_after_ms,
                                       .code = fault->code});
    if (fault->lingers && !fault->hangs) {
        request->on_reply = into_the_void;
        request->lingers = true;
        request->queue->polls++;
        return false;
    }
    return !fault->hangs;
}

/* @return true: the client gives up. */
static bool gives_up(fake_request_t *request)
{
    fake_queue_t *q = request->queue;
    if (q->clock->mono_ns / 1000000 < request->patience_ms)
        return false;
    if (!request->lost && request->op == FAKE_RECEIVE)
        q->orphans += request->count;
    answer(request, &(mns_reply_t){.err = MNS_ETIMEDOUT});
    return true;
}

/* @return true: its waiting is over. */
static bool waits_on(fake_request_t *request)
{
    if (request->queue->clock->mono_ns / 1000000 < request->until_ms)
        return !request->queue->stopped && answer_receive(request);
    request->queue->polls--;
    return true;
}

static bool answered(fake_request_t *request)
{
    fake_queue_t *q = request->queue;
    if (request->lingers)
        return waits_on(request);
    if (q->stopped || request->lost)
        return gives_up(request);
    if (q->hold[request->op] ||
        (q->answer_one_in > 1 && backoff_random(&q->random) % q->answer_one_in != 0))
        return false;
    fake_fault_t *fault = &q->fault[request->op];
    return fault->times > 0 ? fail(request, fault) : perform(request);
}

static void go_on(fake_queue_t *q)
{
    mns_message_t messages[BATCH_MAX];
    while (!q->stopped && q->orphans > 0) {
        uint32_t count = q->orphans < BATCH_MAX ? q->orphans : BATCH_MAX;
        take_visible(q, messages, count);
        q->orphans -= count;
    }
}

/* -- libmns -------------------------------------------------------------------------------- */

const char *mns_err_text(mns_err err)
{
    (void)err;
    return "a fault of the script";
}

bool mns_err_transient(mns_err err)
{
    return err == MNS_EIO || err == MNS_ETIMEDOUT || err == MNS_ESERVER;
}

mns_err mns_client_create(mns_client_t **out, const mns_client_options_t *options)
{
    mns_client_t *client = calloc(1, sizeof *client);
    client->max_in_flight = options->max_in_flight;
    client->fd = eventfd(0, EFD_CLOEXEC);
    *out = client;
    return MNS_OK;
}

/* Not those that wait on at the service after their answer. */
static bool is_full(const mns_client_t *client)
{
    size_t unanswered = 0;
    for (const fake_request_t *r = client->requests; r != NULL; r = r->next)
        unanswered += !r->lingers;
    return unanswered >= client->max_in_flight;
}

mns_err mns_submit(mns_client_t *client, const mns_request_t *request, mns_reply_fn on_reply,
                   void *user)
{
    if (is_full(client))
        return MNS_EINVAL;
    fake_request_t *r = calloc(1, sizeof *r);
    for (size_t i = 0; i < queue_count; i++)
        if (strcmp(queues[i]->name, request->queue) == 0)
            r->queue = queues[i];
    assert(r->queue != NULL && request->count <= BATCH_MAX);
    fake_queue_t *q = r->queue;
    uint64_t now_ms = q->clock->mono_ns / 1000000;
    r->count = request->count;
    r->on_reply = on_reply;
    r->user = user;
    r->patience_ms = now_ms + FAKE_PATIENCE_MS;
    switch (request->op) {
    case MNS_BATCH_RECEIVE_MESSAGE:
        r->op = FAKE_RECEIVE;
        r->until_ms = now_ms + (uint64_t)request->wait_seconds * 1000;
        r->patience_ms += (uint64_t)request->wait_seconds * 1000;
        q->receives++;
        q->last_wait_s = request->wait_seconds;
        q->last_count = request->count;
        if (++q->polls > q->polls_most)
            q->polls_most = q->polls;
        break;
    case MNS_BATCH_DELETE_MESSAGE:
        r->op = FAKE_DELETE;
        q->deletes++;
        for (uint32_t i = 0; i < request->count; i++)
            snprintf(r->handles[i], sizeof r->handles[i], "%s", request->receipt_handles[i]);
        break;
    case MNS_CHANGE_MESSAGE_VISIBILITY:
        r->op = FAKE_EXTEND;
        r->timeout_s = request->visibility_timeout;
        q->extends++;
        snprintf(r->handles[0], sizeof r->handles[0], "%s", request->receipt_handles[0]);
        break;
    default:
        assert(request->op == MNS_GET_QUEUE_ATTRIBUTES);
        r->op = FAKE_LOOK;
        q->looks++;
    }
    fake_request_t **at = &client->requests;
    while (*at != NULL)
        at = &(*at)->next;
    *at = r;
    client->in_flight++;
    return MNS_OK;
}

int mns_client_fd(const mns_client_t *client)
{
    return client->fd;
}

size_t mns_client_run(mns_client_t *client, int timeout_ms)
{
    (void)timeout_ms;
    size_t done = 0;
    for (size_t i = 0; i < queue_count; i++)
        go_on(queues[i]);
    for (fake_request_t **at = &client->requests; *at != NULL;) {
        fake_request_t *r = *at;
        if (!answered(r)) {
            at = &r->next;
            continue;
        }
        *at = r->next; /* the callbacks submit nothing, so the list is as it was */
        free(r);
        client->in_flight--;
        done++;
    }
    return done;
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
    while (c->requests != NULL) {
        fake_request_t *r = c->requests;
        c->requests = r->next;
        answer(r, &(mns_reply_t){.err = MNS_ECANCELED});
        free(r);
    }
    close(c->fd);
    free(c);
    *client = NULL;
}

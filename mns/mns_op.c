#include "mns_op.h"

#include <stdio.h>

enum { NAME_MAX_LEN = 256, TAG_MAX_LEN = 16, LIST_MAX = 1000, DELAY_MAX_S = 604800 };

/* Members of a request that an operation needs, as bits. */
enum {
    NEEDS_COUNT = 1,    /* 1 … 16 */
    NEEDS_OUTGOING = 2, /* `count` of them with NEEDS_COUNT, else one */
    NEEDS_HANDLE = 4,   /* likewise */
    NEEDS_WAIT = 8,
    NEEDS_VISIBILITY = 16,
    NEEDS_ENDPOINT = 32,
    NEEDS_LIST = 64,
    NEEDS_ATTRIBUTES = 128,
};

/* -- queries --------------------------------------------------------------------------------- */

#define put_lit(out, literal) sl_buf_append((out), "" literal, sizeof(literal) - 1)

/* RFC 3986: all but the unreserved characters, so that a handle's '+', '/' and '=' survive. */
static void put_percent(sl_buf_t *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("-._~", c) != NULL)
            sl_buf_append_byte(out, c);
        else
            sl_buf_append(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

static void put_wait(sl_buf_t *target, char separator, const mns_request_t *request)
{
    if (request->wait_seconds >= 0)
        sl_buf_printf(target, "%cwaitseconds=%d", separator, request->wait_seconds);
}

static void query_metaoverride(sl_buf_t *target, const mns_request_t *request)
{
    (void)request;
    put_lit(target, "?metaoverride=true");
}

static void query_receive(sl_buf_t *target, const mns_request_t *request)
{
    put_wait(target, '?', request);
}

static void query_batch_receive(sl_buf_t *target, const mns_request_t *request)
{
    sl_buf_printf(target, "?numOfMessages=%u", request->count);
    put_wait(target, '&', request);
}

static void query_peek(sl_buf_t *target, const mns_request_t *request)
{
    (void)request;
    put_lit(target, "?peekonly=true");
}

static void query_batch_peek(sl_buf_t *target, const mns_request_t *request)
{
    sl_buf_printf(target, "?peekonly=true&numOfMessages=%u", request->count);
}

static void query_handle(sl_buf_t *target, const mns_request_t *request)
{
    put_lit(target, "?ReceiptHandle=");
    put_percent(target, request->receipt_handles[0]);
}

static void query_visibility(sl_buf_t *target, const mns_request_t *request)
{
    query_handle(target, request);
    sl_buf_printf(target, "&VisibilityTimeout=%u", request->visibility_timeout);
}

/* -- the table ------------------------------------------------------------------------------- */

#define SENT     MNS_HAS_ID
#define RECEIVED (MNS_HAS_ID | MNS_HAS_BODY | MNS_HAS_HANDLE)
#define PEEKED   (MNS_HAS_ID | MNS_HAS_BODY)

const mns_op_row_t mns_ops[MNS_OP_COUNT] = {
    [MNS_CREATE_QUEUE] = {.verb = "PUT",
                          .path = MNS_PATH_QUEUE,
                          .body = mns_xml_write_queue,
                          .statuses = MNS_S201 | MNS_S204},
    [MNS_SET_QUEUE_ATTRIBUTES] = {.verb = "PUT",
                                  .path = MNS_PATH_QUEUE,
                                  .query = query_metaoverride,
                                  .body = mns_xml_write_queue,
                                  .needs = NEEDS_ATTRIBUTES,
                                  .statuses = MNS_S204 | MNS_S200},
    [MNS_GET_QUEUE_ATTRIBUTES] = {.verb = "GET",
                                  .path = MNS_PATH_QUEUE,
                                  .statuses = MNS_S200,
                                  .root = MNS_ROOT_Queue},
    [MNS_LIST_QUEUE] = {.verb = "GET",
                        .path = MNS_PATH_QUEUES,
                        .needs = NEEDS_LIST,
                        .statuses = MNS_S200,
                        .root = MNS_ROOT_Queues},
    [MNS_DELETE_QUEUE] = {.verb = "DELETE",
                          .path = MNS_PATH_QUEUE,
                          .statuses = MNS_S204 | MNS_S200},
    [MNS_SEND_MESSAGE] = {.verb = "POST",
                          .path = MNS_PATH_QUEUE_MESSAGES,
                          .body = mns_xml_write_message,
                          .needs = NEEDS_OUTGOING,
                          .statuses = MNS_S201 | MNS_S200,
                          .root = MNS_ROOT_Message,
                          .has = SENT},
    [MNS_BATCH_SEND_MESSAGE] = {.verb = "POST",
                                .path = MNS_PATH_QUEUE_MESSAGES,
                                .body = mns_xml_write_messages,
                                .needs = NEEDS_OUTGOING | NEEDS_COUNT,
                                .statuses = MNS_S201 | MNS_S200,
                                .root = MNS_ROOT_Messages,
                                .has = SENT,
                                .failed_parts = MNS_ROOT_Messages},
    [MNS_RECEIVE_MESSAGE] = {.verb = "GET",
                             .path = MNS_PATH_QUEUE_MESSAGES,
                             .query = query_receive,
                             .needs = NEEDS_WAIT,
                             .statuses = MNS_S200,
                             .root = MNS_ROOT_Message,
                             .has = RECEIVED,
                             .polls = true},
    [MNS_BATCH_RECEIVE_MESSAGE] = {.verb = "GET",
                                   .path = MNS_PATH_QUEUE_MESSAGES,
                                   .query = query_batch_receive,
                                   .needs = NEEDS_WAIT | NEEDS_COUNT,
                                   .statuses = MNS_S200,
                                   .root = MNS_ROOT_Messages,
                                   .has = RECEIVED,
                                   .polls = true},
    [MNS_PEEK_MESSAGE] = {.verb = "GET",
                          .path = MNS_PATH_QUEUE_MESSAGES,
                          .query = query_peek,
                          .statuses = MNS_S200,
                          .root = MNS_ROOT_Message,
                          .has = PEEKED,
                          .polls = true},
    [MNS_BATCH_PEEK_MESSAGE] = {.verb = "GET",
                                .path = MNS_PATH_QUEUE_MESSAGES,
                                .query = query_batch_peek,
                                .needs = NEEDS_COUNT,
                                .statuses = MNS_S200,
                                .root = MNS_ROOT_Messages,
                                .has = PEEKED,
                                .polls = true},
    [MNS_DELETE_MESSAGE] = {.verb = "DELETE",
                            .path = MNS_PATH_QUEUE_MESSAGES,
                            .query = query_handle,
                            .needs = NEEDS_HANDLE,
                            .statuses = MNS_S204 | MNS_S200},
    [MNS_BATCH_DELETE_MESSAGE] = {.verb = "DELETE",
                                  .path = MNS_PATH_QUEUE_MESSAGES,
                                  .body = mns_xml_write_handles,
                                  .needs = NEEDS_HANDLE | NEEDS_COUNT,
                                  .statuses = MNS_S204 | MNS_S200,
                                  .failed_parts = MNS_ROOT_Errors},
    [MNS_CHANGE_MESSAGE_VISIBILITY] = {.verb = "PUT",
                                       .path = MNS_PATH_QUEUE_MESSAGES,
                                       .query = query_visibility,
                                       .needs = NEEDS_HANDLE | NEEDS_VISIBILITY,
                                       .statuses = MNS_S200,
                                       .root = MNS_ROOT_ChangeVisibility,
                                       .has = MNS_HAS_HANDLE},
    [MNS_CREATE_TOPIC] = {.verb = "PUT",
                          .path = MNS_PATH_TOPIC,
                          .body = mns_xml_write_topic,
                          .statuses = MNS_S201 | MNS_S204},
    [MNS_DELETE_TOPIC] = {.verb = "DELETE",
                          .path = MNS_PATH_TOPIC,
                          .statuses = MNS_S204 | MNS_S200},
    [MNS_SUBSCRIBE] = {.verb = "PUT",
                       .path = MNS_PATH_SUBSCRIPTION,
                       .body = mns_xml_write_subscription,
                       .needs = NEEDS_ENDPOINT,
                       .statuses = MNS_S201 | MNS_S204},
    [MNS_PUBLISH_MESSAGE] = {.verb = "POST",
                             .path = MNS_PATH_TOPIC_MESSAGES,
                             .body = mns_xml_write_publish,
                             .needs = NEEDS_OUTGOING,
                             .statuses = MNS_S201 | MNS_S200,
                             .root = MNS_ROOT_Message,
                             .has = SENT},
};

/* -- checking -------------------------------------------------------------------------------- */

/* Letters, digits, hyphens and underscores, first a letter or digit.  The service says more; what
 * matters here is that a name cannot change the path. */
static bool good_name(const char *name)
{
    if (name == NULL || *name == '-' || *name == '_')
        return false;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return len > 0 && len <= NAME_MAX_LEN && name[len] == '\0';
}

/* What may stand in a header: printable ASCII. */
static bool good_header(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7E)
            return false;
    return true;
}

static bool good_outgoing(const mns_request_t *request, uint32_t count)
{
    if (request->outgoing == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const mns_outgoing_t *message = &request->outgoing[i];
        if (message->body == NULL || message->delay_seconds < -1 ||
            message->delay_seconds > DELAY_MAX_S || message->priority < 0 || message->priority > 16)
            return false;
    }
    return request->message_tag == NULL || strlen(request->message_tag) <= TAG_MAX_LEN;
}

static bool good_handles(const mns_request_t *request, uint32_t count)
{
    if (request->receipt_handles == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (request->receipt_handles[i] == NULL || *request->receipt_handles[i] == '\0')
            return false;
    return true;
}

static bool good_list(const mns_request_t *request)
{
    return request->list_count <= LIST_MAX &&
           (request->prefix == NULL || good_header(request->prefix)) &&
           (request->marker == NULL || good_header(request->marker));
}

static bool good_arguments(const mns_request_t *request, unsigned needs)
{
    uint32_t count = needs & NEEDS_COUNT ? request->count : 1;
    if (count < 1 || count > MNS_BATCH_MAX)
        return false;
    if ((needs & NEEDS_OUTGOING) && !good_outgoing(request, count))
        return false;
    if ((needs & NEEDS_HANDLE) && !good_handles(request, count))
        return false;
    if ((needs & NEEDS_WAIT) && (request->wait_seconds < -1 || request->wait_seconds > 30))
        return false;
    if ((needs & NEEDS_VISIBILITY) &&
        (request->visibility_timeout < 1 || request->visibility_timeout > 43200))
        return false;
    if ((needs & NEEDS_LIST) && !good_list(request))
        return false;
    return (!(needs & NEEDS_ENDPOINT) || request->endpoint != NULL) &&
           (!(needs & NEEDS_ATTRIBUTES) || request->queue_attributes != NULL);
}

/* -- writing --------------------------------------------------------------------------------- */

static bool put_path(sl_buf_t *target, mns_path_t path, const mns_request_t *request)
{
    switch (path) {
    case MNS_PATH_QUEUES:
        put_lit(target, "/queues");
        return true;
    case MNS_PATH_QUEUE:
    case MNS_PATH_QUEUE_MESSAGES:
        if (!good_name(request->queue))
            return false;
        put_lit(target, "/queues/");
        sl_buf_append_str(target, request->queue);
        break;
    case MNS_PATH_TOPIC:
    case MNS_PATH_TOPIC_MESSAGES:
    case MNS_PATH_SUBSCRIPTION:
        if (!good_name(request->topic))
            return false;
        put_lit(target, "/topics/");
        sl_buf_append_str(target, request->topic);
        break;
    }
    if (path == MNS_PATH_QUEUE_MESSAGES || path == MNS_PATH_TOPIC_MESSAGES)
        put_lit(target, "/messages");
    if (path == MNS_PATH_SUBSCRIPTION) {
        if (!good_name(request->subscription))
            return false;
        put_lit(target, "/subscriptions/");
        sl_buf_append_str(target, request->subscription);
    }
    return true;
}

static void put_header(mns_outbound_t *out, const char *name, const char *value)
{
    if (value != NULL)
        out->headers[out->header_count++] = (mns_header_t){name, value};
}

/* In byte order of their names, as the signature wants them. */
static void put_headers(mns_outbound_t *out, const mns_request_t *request)
{
    out->header_count = 0;
    if (out->row->needs & NEEDS_LIST) {
        snprintf(out->list_count, sizeof out->list_count, "%u", request->list_count);
        put_header(out, "x-mns-marker", request->marker);
        put_header(out, "x-mns-prefix", request->prefix);
        put_header(out, "x-mns-ret-number", request->list_count > 0 ? out->list_count : NULL);
    }
    put_header(out, "x-mns-version", "2015-06-06");
}

mns_err mns_op_write(mns_outbound_t *out, const mns_request_t *request)
{
    sl_buf_clear(&out->target);
    sl_buf_clear(&out->body);
    if ((unsigned)request->op >= MNS_OP_COUNT)
        return MNS_EINVAL;
    const mns_op_row_t *row = out->row = &mns_ops[request->op];
    if (!good_arguments(request, row->needs) || !put_path(&out->target, row->path, request))
        return MNS_EINVAL;
    if (row->query != NULL)
        row->query(&out->target, request);
    sl_buf_append_byte(&out->target, '\0');
    put_headers(out, request);
    mns_err err = row->body == NULL ? MNS_OK : row->body(&out->body, request);
    if (err == MNS_OK && (out->target.failed || out->body.failed))
        err = MNS_ENOMEM;
    return err;
}

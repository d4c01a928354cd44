#include "mns_op.h"

#include <stdio.h>

enum { NAME_MAX_LEN = 256, TAG_MAX_LEN = 16, DELAY_MAX_S = 604800 };

/* Members of a request that an operation needs, as bits. */
enum {
    NEEDS_COUNT = 1,    /* 1 … 16 */
    NEEDS_OUTGOING = 2, /* `count` of them with NEEDS_COUNT, else one */
    NEEDS_HANDLE = 4,   /* likewise */
    NEEDS_WAIT = 8,
    NEEDS_VISIBILITY = 16,
    NEEDS_ENDPOINT = 32,
    NEEDS_LIST = 64,
    NEEDS_META = 128, /* NEEDS_LIST, and may ask for the attributes too */
    NEEDS_QUEUE_ATTRIBUTES = 256,
    NEEDS_TOPIC_ATTRIBUTES = 512,
    NEEDS_STRATEGY = 1024,
    NEEDS_PUBLISH = 2048, /* tag, mail, sms */
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

/* Repeating: a send or publish would be there twice.  A receive whose answer was lost has hidden
 * messages, which come again.  A delete, or a change of visibility, that was done already may say
 * so the second time (QueueNotExist, ReceiptHandleError). */
const mns_op_row_t mns_ops[MNS_OP_COUNT] = {
    [MNS_CREATE_QUEUE] = {.verb = "PUT",
                          .path = "/queues/$q",
                          .body = mns_xml_write_queue,
                          .statuses = MNS_S201 | MNS_S204,
                          .repeats = true},
    [MNS_SET_QUEUE_ATTRIBUTES] = {.verb = "PUT",
                                  .path = "/queues/$q",
                                  .query = query_metaoverride,
                                  .body = mns_xml_write_queue,
                                  .needs = NEEDS_QUEUE_ATTRIBUTES,
                                  .statuses = MNS_S204 | MNS_S200,
                                  .repeats = true},
    [MNS_GET_QUEUE_ATTRIBUTES] = {.verb = "GET",
                                  .path = "/queues/$q",
                                  .statuses = MNS_S200,
                                  .root = MNS_ROOT_Queue,
                                  .repeats = true},
    [MNS_LIST_QUEUE] = {.verb = "GET",
                        .path = "/queues",
                        .needs = NEEDS_LIST | NEEDS_META,
                        .statuses = MNS_S200,
                        .root = MNS_ROOT_Queues,
                        .repeats = true},
    [MNS_DELETE_QUEUE] = {.verb = "DELETE",
                          .path = "/queues/$q",
                          .statuses = MNS_S204 | MNS_S200,
                          .repeats = true},
    [MNS_SEND_MESSAGE] = {.verb = "POST",
                          .path = "/queues/$q/messages",
                          .body = mns_xml_write_message,
                          .needs = NEEDS_OUTGOING,
                          .statuses = MNS_S201 | MNS_S200,
                          .root = MNS_ROOT_Message,
                          .has = SENT},
    [MNS_BATCH_SEND_MESSAGE] = {.verb = "POST",
                                .path = "/queues/$q/messages",
                                .body = mns_xml_write_messages,
                                .needs = NEEDS_OUTGOING | NEEDS_COUNT,
                                .statuses = MNS_S201 | MNS_S200,
                                .root = MNS_ROOT_Messages,
                                .has = SENT,
                                .failed_parts = MNS_ROOT_Messages},
    [MNS_RECEIVE_MESSAGE] = {.verb = "GET",
                             .path = "/queues/$q/messages",
                             .query = query_receive,
                             .needs = NEEDS_WAIT,
                             .statuses = MNS_S200,
                             .root = MNS_ROOT_Message,
                             .has = RECEIVED,
                             .polls = true,
                             .repeats = true},
    [MNS_BATCH_RECEIVE_MESSAGE] = {.verb = "GET",
                                   .path = "/queues/$q/messages",
                                   .query = query_batch_receive,
                                   .needs = NEEDS_WAIT | NEEDS_COUNT,
                                   .statuses = MNS_S200,
                                   .root = MNS_ROOT_Messages,
                                   .has = RECEIVED,
                                   .polls = true,
                                   .repeats = true},
    [MNS_PEEK_MESSAGE] = {.verb = "GET",
                          .path = "/queues/$q/messages",
                          .query = query_peek,
                          .statuses = MNS_S200,
                          .root = MNS_ROOT_Message,
                          .has = PEEKED,
                          .polls = true,
                          .repeats = true},
    [MNS_BATCH_PEEK_MESSAGE] = {.verb = "GET",
                                .path = "/queues/$q/messages",
                                .query = query_batch_peek,
                                .needs = NEEDS_COUNT,
                                .statuses = MNS_S200,
                                .root = MNS_ROOT_Messages,
                                .has = PEEKED,
                                .polls = true,
                                .repeats = true},
    [MNS_DELETE_MESSAGE] = {.verb = "DELETE",
                            .path = "/queues/$q/messages",
                            .query = query_handle,
                            .needs = NEEDS_HANDLE,
                            .statuses = MNS_S204 | MNS_S200,
                            .repeats = true},
    [MNS_BATCH_DELETE_MESSAGE] = {.verb = "DELETE",
                                  .path = "/queues/$q/messages",
                                  .body = mns_xml_write_handles,
                                  .needs = NEEDS_HANDLE | NEEDS_COUNT,
                                  .statuses = MNS_S204 | MNS_S200,
                                  .failed_parts = MNS_ROOT_Errors,
                                  .repeats = true},
    [MNS_CHANGE_MESSAGE_VISIBILITY] = {.verb = "PUT",
                                       .path = "/queues/$q/messages",
                                       .query = query_visibility,
                                       .needs = NEEDS_HANDLE | NEEDS_VISIBILITY,
                                       .statuses = MNS_S200,
                                       .root = MNS_ROOT_ChangeVisibility,
                                       .has = MNS_HAS_HANDLE,
                                       .repeats = true},
    [MNS_CREATE_TOPIC] = {.verb = "PUT",
                          .path = "/topics/$t",
                          .body = mns_xml_write_topic,
                          .statuses = MNS_S201 | MNS_S204,
                          .repeats = true},
    [MNS_SET_TOPIC_ATTRIBUTES] = {.verb = "PUT",
                                  .path = "/topics/$t",
                                  .query = query_metaoverride,
                                  .body = mns_xml_write_topic,
                                  .needs = NEEDS_TOPIC_ATTRIBUTES,
                                  .statuses = MNS_S204 | MNS_S200,
                                  .repeats = true},
    [MNS_GET_TOPIC_ATTRIBUTES] = {.verb = "GET",
                                  .path = "/topics/$t",
                                  .statuses = MNS_S200,
                                  .root = MNS_ROOT_Topic,
                                  .repeats = true},
    [MNS_LIST_TOPIC] = {.verb = "GET",
                        .path = "/topics",
                        .needs = NEEDS_LIST,
                        .statuses = MNS_S200,
                        .root = MNS_ROOT_Topics,
                        .repeats = true},
    [MNS_DELETE_TOPIC] = {.verb = "DELETE",
                          .path = "/topics/$t",
                          .statuses = MNS_S204 | MNS_S200,
                          .repeats = true},
    [MNS_SUBSCRIBE] = {.verb = "PUT",
                       .path = "/topics/$t/subscriptions/$s",
                       .body = mns_xml_write_subscription,
                       .needs = NEEDS_ENDPOINT,
                       .statuses = MNS_S201 | MNS_S204,
                       .repeats = true},
    [MNS_SET_SUBSCRIPTION_ATTRIBUTES] = {.verb = "PUT",
                                         .path = "/topics/$t/subscriptions/$s",
                                         .query = query_metaoverride,
                                         .body = mns_xml_write_strategy,
                                         .needs = NEEDS_STRATEGY,
                                         .statuses = MNS_S204 | MNS_S200,
                                         .repeats = true},
    [MNS_GET_SUBSCRIPTION_ATTRIBUTES] = {.verb = "GET",
                                         .path = "/topics/$t/subscriptions/$s",
                                         .statuses = MNS_S200,
                                         .root = MNS_ROOT_Subscription,
                                         .repeats = true},
    [MNS_LIST_SUBSCRIPTION_BY_TOPIC] = {.verb = "GET",
                                        .path = "/topics/$t/subscriptions",
                                        .needs = NEEDS_LIST,
                                        .statuses = MNS_S200,
                                        .root = MNS_ROOT_Subscriptions,
                                        .repeats = true},
    [MNS_UNSUBSCRIBE] = {.verb = "DELETE",
                         .path = "/topics/$t/subscriptions/$s",
                         .statuses = MNS_S204 | MNS_S200,
                         .repeats = true},
    [MNS_PUBLISH_MESSAGE] = {.verb = "POST",
                             .path = "/topics/$t/messages",
                             .body = mns_xml_write_publish,
                             .needs = NEEDS_OUTGOING | NEEDS_PUBLISH,
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

/* What may stand in a header: printable ASCII, and no blank at an end, which a receiver trims. */
static bool good_header(const char *text)
{
    size_t len = strlen(text);
    if (len > 0 && (text[0] == ' ' || text[len - 1] == ' '))
        return false;
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7E)
            return false;
    return true;
}

/* At most so many characters; a byte that continues one counts for nothing. */
static bool good_tag(const char *tag)
{
    size_t characters = 0;
    if (tag == NULL)
        return true;
    for (; *tag != '\0'; tag++)
        characters += ((unsigned char)*tag & 0xC0) != 0x80;
    return characters <= TAG_MAX_LEN;
}

static bool good_property(const mns_property_t *property)
{
    static const char *const types[] = {"STRING", "NUMBER", "BOOLEAN", "BINARY"};
    if (property->name == NULL || *property->name == '\0' || property->value == NULL ||
        property->type == NULL)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(property->type, types[i]) == 0)
            return true;
    return false;
}

static bool good_message(const mns_outgoing_t *message)
{
    if (message->body == NULL || message->delay_seconds < -1 ||
        message->delay_seconds > DELAY_MAX_S || message->priority < 0 || message->priority > 16 ||
        (message->property_count > 0 && message->properties == NULL))
        return false;
    for (size_t i = 0; i < message->property_count; i++)
        if (!good_property(&message->properties[i]))
            return false;
    return true;
}

static bool good_outgoing(const mns_request_t *request, uint32_t count)
{
    if (request->outgoing == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!good_message(&request->outgoing[i]))
            return false;
    return true;
}

static bool good_publish(const mns_request_t *request)
{
    const mns_mail_t *mail = request->mail;
    const mns_sms_t *sms = request->sms;
    return good_tag(request->message_tag) &&
           (mail == NULL || (mail->account_name != NULL && mail->subject != NULL)) &&
           (sms == NULL || (sms->free_sign_name != NULL && sms->template_code != NULL));
}

static bool good_subscription(const mns_subscription_t *attributes)
{
    return attributes != NULL && attributes->endpoint != NULL && good_tag(attributes->filter_tag);
}

static bool good_strategy(const mns_subscription_t *attributes)
{
    return attributes != NULL && attributes->notify_strategy != NULL;
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
    return request->list_count <= MNS_LIST_MAX &&
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
    if ((needs & NEEDS_PUBLISH) && !good_publish(request))
        return false;
    if ((needs & NEEDS_ENDPOINT) && !good_subscription(request->subscription_attributes))
        return false;
    if ((needs & NEEDS_STRATEGY) && !good_strategy(request->subscription_attributes))
        return false;
    return (!(needs & NEEDS_QUEUE_ATTRIBUTES) || request->queue_attributes != NULL) &&
           (!(needs & NEEDS_TOPIC_ATTRIBUTES) || request->topic_attributes != NULL);
}

/* -- writing --------------------------------------------------------------------------------- */

static const char *name_of(const mns_request_t *request, char which)
{
    return which == 'q' ? request->queue : which == 't' ? request->topic : request->subscription;
}

static bool put_path(sl_buf_t *target, const char *path, const mns_request_t *request)
{
    const char *dollar;
    for (; (dollar = strchr(path, '$')) != NULL; path = dollar + 2) {
        const char *name = name_of(request, dollar[1]);
        if (!good_name(name))
            return false;
        sl_buf_append(target, path, (size_t)(dollar - path));
        sl_buf_append_str(target, name);
    }
    sl_buf_append_str(target, path);
    return true;
}

/* An empty value is none: curl would leave the header out, but the signature would cover it. */
static void put_header(mns_outbound_t *out, const char *name, const char *value)
{
    if (value != NULL && *value != '\0')
        out->headers[out->header_count++] = (mns_header_t){name, value};
}

/* A copy that does not move: there is room for all. */
static const char *keep(mns_outbound_t *out, const char *value)
{
    if (value == NULL)
        return NULL;
    size_t at = out->values.len;
    sl_buf_append(&out->values, value, strlen(value) + 1);
    return (const char *)out->values.data + at;
}

static size_t length(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

/* In byte order of their names, as the signature wants them. */
static void put_headers(mns_outbound_t *out, const mns_request_t *request)
{
    sl_buf_clear(&out->values);
    unsigned needs = out->asked.row->needs;
    out->header_count = 0;
    if ((needs & NEEDS_LIST) &&
        sl_buf_reserve(&out->values, length(request->marker) + length(request->prefix)) == SL_OK) {
        snprintf(out->list_count, sizeof out->list_count, "%u", request->list_count);
        put_header(out, "x-mns-marker", keep(out, request->marker));
        put_header(out, "x-mns-prefix", keep(out, request->prefix));
        put_header(out, "x-mns-ret-number", request->list_count > 0 ? out->list_count : NULL);
    }
    put_header(out, "x-mns-version", "2015-06-06");
    if (needs & NEEDS_META)
        put_header(out, "x-mns-with-meta", request->with_meta ? "true" : NULL);
}

mns_err mns_op_write(mns_outbound_t *out, const mns_request_t *request)
{
    sl_buf_clear(&out->target);
    sl_buf_clear(&out->body);
    if ((unsigned)request->op >= MNS_OP_COUNT)
        return MNS_EINVAL;
    const mns_op_row_t *row = &mns_ops[request->op];
    out->asked = (mns_asked_t){.row = row,
                               .count = row->needs & NEEDS_COUNT ? request->count : 1,
                               .with_meta = request->with_meta,
                               .base64 = request->base64};
    if (!good_arguments(request, row->needs) || !put_path(&out->target, row->path, request))
        return MNS_EINVAL;
    if (row->query != NULL)
        row->query(&out->target, request);
    sl_buf_append_byte(&out->target, '\0');
    put_headers(out, request);
    mns_err err = row->body == NULL ? MNS_OK : row->body(&out->body, request);
    if (err == MNS_OK && (out->target.failed || out->body.failed || out->values.failed))
        err = MNS_ENOMEM;
    return err;
}

void mns_outbound_fini(mns_outbound_t *out)
{
    sl_buf_fini(&out->target);
    sl_buf_fini(&out->body);
    sl_buf_fini(&out->values);
}

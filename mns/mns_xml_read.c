#include "mns_xml.h"

#include <expat.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

typedef enum {
    KIND_TEXT,
    KIND_BODY, /* a text and its length */
    KIND_I64,
    KIND_U32,
    KIND_BOOL,   /* True, False in any case, as 1 or 0 */
    KIND_URL,    /* its last part goes to the list of names */
    KIND_RECORD, /* no text: elements that fill a record of their own */
} kind_t;

typedef struct record record_t;

typedef struct field {
    const char *name;
    kind_t kind;
    size_t offset;         /* in the struct that the record fills */
    uint8_t has;           /* MNS_HAS_… */
    const record_t *inner; /* KIND_RECORD */
} field_t;

/* What a record fills; a new one of each time its element begins, but of the reply's own. */
typedef enum {
    INTO_NOTHING, /* it only holds others */
    INTO_REPLY,
    INTO_MESSAGE,
    INTO_PROPERTY,
    INTO_QUEUE,
    INTO_TOPIC,
    INTO_SUBSCRIPTION,
    INTO_ENTRY, /* of a list: nothing but its name */
} into_t;

struct record {
    const field_t *fields;
    size_t count;
    into_t into;
};

#define FIELD(name_, kind_, type, member, has_)                                             \
    {                                                                                       \
        .name = #name_, .kind = KIND_##kind_, .offset = offsetof(type, member), .has = has_ \
    }
#define WITHIN(name_, inner_)                                          \
    {                                                                  \
        .name = #name_, .kind = KIND_RECORD, .inner = &inner_##_record \
    }
#define RECORD(what, into_)                                       \
    static const record_t what##_record = {                       \
        .fields = what##_fields,                                  \
        .count = sizeof(what##_fields) / sizeof *(what##_fields), \
        .into = into_,                                            \
    }

/* Fields stand in the order of real answers: the search goes on where the last one hit. */
#define P(name, member) FIELD(name, TEXT, mns_property_t, member, 0)
static const field_t property_fields[] = {P(Name, name), P(Value, value), P(Type, type)};
RECORD(property, INTO_PROPERTY);
static const field_t properties_fields[] = {WITHIN(PropertyValue, property)};
RECORD(properties, INTO_NOTHING);

#define M(name, kind, member, has) FIELD(name, kind, mns_message_t, member, has)
static const field_t message_fields[] = {
    M(MessageId, TEXT, message_id, MNS_HAS_ID),
    M(MessageBodyMD5, TEXT, body_md5, 0),
    M(MessageBody, BODY, body, MNS_HAS_BODY),
    M(ReceiptHandle, TEXT, receipt_handle, MNS_HAS_HANDLE),
    M(EnqueueTime, I64, enqueue_time_ms, 0),
    M(FirstDequeueTime, I64, first_dequeue_time_ms, 0),
    M(NextVisibleTime, I64, next_visible_time_ms, 0),
    M(DequeueCount, U32, dequeue_count, 0),
    M(Priority, U32, priority, 0),
    WITHIN(UserProperties, properties),
    M(ErrorCode, TEXT, code, MNS_HAS_CODE),
    M(ErrorMessage, TEXT, error, 0),
};
RECORD(message, INTO_MESSAGE);
static const field_t messages_fields[] = {WITHIN(Message, message)};
RECORD(messages, INTO_NOTHING);
static const field_t errors_fields[] = {WITHIN(Error, message)};
RECORD(errors, INTO_NOTHING);

#define R(name, member) FIELD(name, TEXT, mns_reply_t, member, 0)
static const field_t error_fields[] = {R(Code, code), R(Message, message), R(RequestId, request_id),
                                       R(HostId, host_id)};
RECORD(error, INTO_REPLY);

#define Q(name, kind, member) FIELD(name, kind, mns_queue_attributes_t, member, 0)
static const field_t queue_fields[] = {
    {.name = "QueueURL", .kind = KIND_URL}, /* in a list only */
    Q(DelaySeconds, I64, delay_seconds),
    Q(MaximumMessageSize, I64, maximum_message_size),
    Q(MessageRetentionPeriod, I64, message_retention_period),
    Q(VisibilityTimeout, I64, visibility_timeout),
    Q(CreateTime, I64, create_time),
    Q(LastModifyTime, I64, last_modify_time),
    Q(PollingWaitSeconds, I64, polling_wait_seconds),
    Q(ActiveMessages, I64, active_messages),
    Q(InactiveMessages, I64, inactive_messages),
    Q(DelayMessages, I64, delay_messages),
    Q(LoggingEnabled, BOOL, logging_enabled),
};
RECORD(queue, INTO_QUEUE);
static const field_t queues_fields[] = {WITHIN(Queue, queue), R(NextMarker, next_marker)};
RECORD(queues, INTO_REPLY);

#define T(name, kind, member) FIELD(name, kind, mns_topic_attributes_t, member, 0)
static const field_t topic_fields[] = {
    T(CreateTime, I64, create_time),
    T(LastModifyTime, I64, last_modify_time),
    T(MaximumMessageSize, I64, maximum_message_size),
    T(MessageRetentionPeriod, I64, message_retention_period),
    T(MessageCount, I64, message_count),
    T(LoggingEnabled, BOOL, logging_enabled),
};
RECORD(topic, INTO_TOPIC);
static const field_t topic_entry_fields[] = {{.name = "TopicURL", .kind = KIND_URL}};
RECORD(topic_entry, INTO_ENTRY);
static const field_t topics_fields[] = {WITHIN(Topic, topic_entry), R(NextMarker, next_marker)};
RECORD(topics, INTO_REPLY);

#define S(name, kind, member) FIELD(name, kind, mns_subscription_t, member, 0)
static const field_t subscription_fields[] = {
    S(SubscriptionName, TEXT, subscription_name),
    S(Subscriber, TEXT, subscriber),
    S(TopicOwner, TEXT, topic_owner),
    S(TopicName, TEXT, topic_name),
    S(Endpoint, TEXT, endpoint),
    S(NotifyStrategy, TEXT, notify_strategy),
    S(NotifyContentFormat, TEXT, notify_format),
    S(FilterTag, TEXT, filter_tag),
    S(CreateTime, I64, create_time),
    S(LastModifyTime, I64, last_modify_time),
};
RECORD(subscription, INTO_SUBSCRIPTION);
static const field_t subscription_entry_fields[] = {{.name = "SubscriptionURL", .kind = KIND_URL}};
RECORD(subscription_entry, INTO_ENTRY);
static const field_t subscriptions_fields[] = {WITHIN(Subscription, subscription_entry),
                                               R(NextMarker, next_marker)};
RECORD(subscriptions, INTO_REPLY);

static const struct root {
    const char *name;
    mns_root_t root;
    const record_t *record;
} roots[] = {
    {"Message", MNS_ROOT_Message, &message_record},
    {"Messages", MNS_ROOT_Messages, &messages_record},
    {"Error", MNS_ROOT_Error, &error_record},
    {"Errors", MNS_ROOT_Errors, &errors_record},
    {"Queue", MNS_ROOT_Queue, &queue_record},
    {"Queues", MNS_ROOT_Queues, &queues_record},
    {"Topic", MNS_ROOT_Topic, &topic_record},
    {"Topics", MNS_ROOT_Topics, &topics_record},
    {"Subscription", MNS_ROOT_Subscription, &subscription_record},
    {"Subscriptions", MNS_ROOT_Subscriptions, &subscriptions_record},
    {"ChangeVisibility", MNS_ROOT_ChangeVisibility, &message_record},
};

/* A record that is being filled. */
typedef struct frame {
    const record_t *record;
    char *target; /* the struct */
    int depth;    /* of its element */
    size_t hint;  /* where in the record the next field is likely to be */
} frame_t;

enum { FRAMES_MAX = 4 }; /* Messages, Message, UserProperties, PropertyValue */

struct mns_xml_reader {
    XML_Parser parser;
    unsigned long salt; /* kept, since expat else asks the kernel for a new one each time */

    /* One answer: */
    mns_store_t *store;
    const struct root *root;
    frame_t frames[FRAMES_MAX];
    size_t frame_count;
    const field_t *field; /* whose text is being collected, or NULL */
    size_t text_at;       /* where in the store that text begins */
    size_t entries;       /* of a list */
    int depth;
    bool refused;
};

static void refuse(mns_xml_reader_t *reader)
{
    reader->refused = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static const char *local_name(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon == NULL ? name : colon + 1;
}

static frame_t *top_frame(mns_xml_reader_t *reader)
{
    return &reader->frames[reader->frame_count - 1];
}

/* Nearly always the first comparison hits; a prefix is looked for only when none does. */
static const field_t *find_field(frame_t *frame, const char *name)
{
    const record_t *record = frame->record;
    for (size_t i = 0; i < record->count; i++) {
        size_t at = frame->hint + i;
        if (at >= record->count)
            at -= record->count;
        if (strcmp(record->fields[at].name, name) == 0) {
            frame->hint = at + 1 < record->count ? at + 1 : 0;
            return &record->fields[at];
        }
    }
    const char *local = local_name(name);
    return local == name ? NULL : find_field(frame, local);
}

/* The struct that a record fills from now on, or NULL: there are too many, or no memory. */
static void *new_message(mns_store_t *store)
{
    mns_reply_t *view = &store->view;
    if (view->message_count == MNS_BATCH_MAX)
        return NULL;
    store->has[view->message_count] = 0;
    mns_message_t *message = &store->messages[view->message_count++];
    *message = (mns_message_t){.message_id = "",
                               .body = "",
                               .body_md5 = "",
                               .receipt_handle = "",
                               .code = "",
                               .error = ""};
    return message;
}

static void *new_property(mns_store_t *store)
{
    static const mns_property_t empty = {"", "", ""};
    if (sl_buf_append(&store->properties, &empty, sizeof empty) != SL_OK)
        return NULL;
    store->messages[store->view.message_count - 1].property_count++;
    return store->properties.data + store->properties.len - sizeof empty;
}

static void *new_queue(mns_xml_reader_t *reader)
{
    static const mns_queue_attributes_t unset = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    sl_buf_t *queues = &reader->store->queues;
    if (++reader->entries > MNS_LIST_MAX || sl_buf_append(queues, &unset, sizeof unset) != SL_OK)
        return NULL;
    return queues->data + queues->len - sizeof unset;
}

static void *record_target(mns_xml_reader_t *reader, into_t into)
{
    mns_store_t *store = reader->store;
    switch (into) {
    case INTO_MESSAGE:
        return new_message(store);
    case INTO_PROPERTY:
        return new_property(store);
    case INTO_QUEUE:
        return new_queue(reader);
    case INTO_TOPIC:
        return &store->topic;
    case INTO_SUBSCRIPTION:
        return &store->subscription;
    case INTO_ENTRY:
        return ++reader->entries > MNS_LIST_MAX ? NULL : store;
    case INTO_REPLY:
    case INTO_NOTHING:
        break;
    }
    return &store->view;
}

static void begin_record(mns_xml_reader_t *reader, const record_t *record)
{
    char *target = record_target(reader, record->into);
    if (target == NULL) {
        refuse(reader);
        return;
    }
    reader->frames[reader->frame_count++] =
        (frame_t){.record = record, .target = target, .depth = reader->depth};
}

static void begin_root(mns_xml_reader_t *reader, const char *name)
{
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (strcmp(roots[i].name, name) == 0)
            reader->root = &roots[i];
    if (reader->root == NULL)
        refuse(reader);
    else
        begin_record(reader, reader->root->record);
}

static void begin_member(mns_xml_reader_t *reader, const char *name)
{
    const field_t *field = find_field(top_frame(reader), name);
    if (field == NULL)
        return;
    if (field->kind == KIND_RECORD) {
        begin_record(reader, field->inner);
        return;
    }
    reader->field = field;
    reader->text_at = reader->store->text.len;
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    mns_xml_reader_t *reader = ctx;
    if (reader->refused) /* expat may finish the token at hand */
        return;
    if (++reader->depth > MNS_XML_DEPTH_MAX)
        refuse(reader);
    else if (reader->depth == 1)
        begin_root(reader, local_name(name));
    else if (reader->depth == top_frame(reader)->depth + 1)
        begin_member(reader, name);
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    mns_xml_reader_t *reader = ctx;
    sl_buf_t *out = &reader->store->text;
    if (reader->refused || reader->field == NULL || reader->depth != top_frame(reader)->depth + 1)
        return;
    if (out->cap - out->len <= (size_t)len) /* cannot be: see mns_reply.h; but nothing may move */
        refuse(reader);
    else
        sl_buf_append(out, text, (size_t)len);
}

/* Decimal digits, perhaps with a sign; an empty text is 0. */
static bool parse_i64(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    int64_t sum = 0;
    for (text += negative; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, *text - '0', &sum))
            return false;
    *value = negative ? -sum : sum;
    return true;
}

static bool parse_bool(const char *text, int64_t *value)
{
    *value = strcasecmp(text, "true") == 0;
    return *value || strcasecmp(text, "false") == 0;
}

static bool add_name(sl_buf_t *names, const char *url)
{
    const char *slash = strrchr(url, '/');
    const char *name = slash == NULL ? url : slash + 1;
    sl_buf_append(names, &name, sizeof name);
    return !names->failed;
}

static bool set_field(mns_xml_reader_t *reader, const char *text, size_t len)
{
    const field_t *field = reader->field;
    char *target = top_frame(reader)->target;
    void *member = target + field->offset;
    int64_t number;
    switch (field->kind) {
    case KIND_BODY:
        ((mns_message_t *)target)->body_len = len;
        /* fall through */
    case KIND_TEXT:
        *(const char **)member = text;
        return true;
    case KIND_I64:
        return parse_i64(text, member);
    case KIND_BOOL:
        return parse_bool(text, member);
    case KIND_U32:
        if (!parse_i64(text, &number) || number < 0 || number > UINT32_MAX)
            return false;
        *(uint32_t *)member = (uint32_t)number;
        return true;
    case KIND_URL: /* what is no list has no entries to name */
        return reader->frame_count == 1 || add_name(&reader->store->names, text);
    case KIND_RECORD:
        break;
    }
    return false;
}

static void end_field(mns_xml_reader_t *reader)
{
    mns_store_t *store = reader->store;
    const char *text = (const char *)store->text.data + reader->text_at;
    size_t len = store->text.len - reader->text_at;
    if (store->text.len == store->text.cap) {
        refuse(reader);
        return;
    }
    sl_buf_append_byte(&store->text, '\0');
    if (!set_field(reader, text, len))
        refuse(reader);
    else if (top_frame(reader)->record->into == INTO_MESSAGE)
        store->has[store->view.message_count - 1] |= reader->field->has;
    reader->field = NULL;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    mns_xml_reader_t *reader = ctx;
    if (reader->refused)
        return;
    int depth = top_frame(reader)->depth;
    if (reader->depth == depth)
        reader->frame_count--;
    else if (reader->field != NULL && reader->depth == depth + 1)
        end_field(reader);
    reader->depth--;
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset)
{
    (void)name, (void)sysid, (void)pubid, (void)has_internal_subset;
    refuse(ctx);
}

mns_err mns_xml_reader_create(mns_xml_reader_t **out)
{
    mns_xml_reader_t *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return MNS_ENOMEM;
    reader->parser = XML_ParserCreate("UTF-8");
    if (reader->parser == NULL) {
        mns_xml_reader_destroy(&reader);
        return MNS_ENOMEM;
    }
    if (getrandom(&reader->salt, sizeof reader->salt, GRND_NONBLOCK) != sizeof reader->salt)
        reader->salt = (unsigned long)(uintptr_t)reader;
    reader->salt |= 1; /* 0 would mean: choose one */
    *out = reader;
    return MNS_OK;
}

void mns_xml_reader_destroy(mns_xml_reader_t **reader)
{
    if (*reader == NULL)
        return;
    XML_ParserFree((*reader)->parser);
    free(*reader);
    *reader = NULL;
}

static void reader_begin(mns_xml_reader_t *reader, mns_store_t *store)
{
    XML_Parser parser = reader->parser;
    *reader = (mns_xml_reader_t){.parser = parser, .salt = reader->salt, .store = store};
    XML_ParserReset(parser, "UTF-8"); /* whatever the prolog claims: see mns_reply.h */
    XML_SetHashSalt(parser, reader->salt);
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
}

/* Points the reply at the arrays, which move no more. */
static void settle(const mns_xml_reader_t *reader)
{
    mns_store_t *store = reader->store;
    mns_reply_t *view = &store->view;
    const mns_property_t *property = (const mns_property_t *)store->properties.data;
    for (size_t i = 0; i < view->message_count; i++) {
        size_t count = store->messages[i].property_count;
        store->messages[i].properties = count > 0 ? property : NULL;
        if (count > 0)
            property += count;
    }
    view->messages = view->message_count > 0 ? store->messages : NULL;
    view->names = (const char *const *)store->names.data;
    view->name_count = store->names.len / sizeof(char *);
    if (store->queues.len > 0)
        view->queue_attributes = (const mns_queue_attributes_t *)store->queues.data;
    if (reader->root->root == MNS_ROOT_Topic)
        view->topic_attributes = &store->topic;
    if (reader->root->root == MNS_ROOT_Subscription)
        view->subscription = &store->subscription;
}

/* Each entry of a list has one name, and whatever is no list has none. */
static bool names_fit(const mns_xml_reader_t *reader)
{
    bool list = reader->root->record->into == INTO_REPLY;
    return reader->store->names.len / sizeof(char *) == (list ? reader->entries : 0);
}

mns_err mns_xml_read(mns_xml_reader_t *reader, const char *bytes, size_t len, mns_store_t *store,
                     mns_root_t *root)
{
    *root = MNS_ROOT_NONE;
    if (len > INT32_MAX)
        return MNS_OK;
    if (sl_buf_reserve(&store->text, len + 1) != SL_OK)
        return MNS_ENOMEM;
    reader_begin(reader, store);
    enum XML_Status status = XML_Parse(reader->parser, bytes, (int)len, XML_TRUE);
    if (store->names.failed || store->queues.failed || store->properties.failed ||
        XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY)
        return MNS_ENOMEM;
    if (status != XML_STATUS_OK || reader->refused || !names_fit(reader))
        return MNS_OK;
    *root = reader->root->root;
    settle(reader);
    return MNS_OK;
}

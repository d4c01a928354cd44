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
    KIND_BOOL, /* True, False in any case, as 1 or 0 */
    KIND_URL,  /* its last part goes to the list of names */
} kind_t;

typedef struct field {
    const char *name;
    kind_t kind;
    size_t offset; /* in the struct that the record fills */
    uint8_t has;   /* MNS_HAS_… */
} field_t;

typedef enum { INTO_MESSAGE, INTO_REPLY, INTO_QUEUE_ATTRIBUTES, INTO_NAMES } into_t;

typedef struct record {
    const field_t *fields;
    size_t count;
    into_t into;
} record_t;

#define FIELD(name_, kind_, type, member, has_)                                             \
    {                                                                                       \
        .name = #name_, .kind = KIND_##kind_, .offset = offsetof(type, member), .has = has_ \
    }
#define RECORD(fields_, into_)                                                         \
    {                                                                                  \
        .fields = fields_, .count = sizeof(fields_) / sizeof *(fields_), .into = into_ \
    }

/* In the order of real answers: the search goes on where the last one hit. */
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
    M(ErrorCode, TEXT, code, MNS_HAS_CODE),
    M(ErrorMessage, TEXT, error, 0),
};
static const record_t message_record = RECORD(message_fields, INTO_MESSAGE);

#define R(name, member) FIELD(name, TEXT, mns_reply_t, member, 0)
static const field_t error_fields[] = {R(Code, code), R(Message, message), R(RequestId, request_id),
                                       R(HostId, host_id)};
static const record_t error_record = RECORD(error_fields, INTO_REPLY);
static const field_t marker_fields[] = {R(NextMarker, next_marker)};
static const record_t marker_record = RECORD(marker_fields, INTO_REPLY);

#define Q(name, kind, member) FIELD(name, kind, mns_queue_attributes_t, member, 0)
static const field_t queue_fields[] = {
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
static const record_t queue_record = RECORD(queue_fields, INTO_QUEUE_ATTRIBUTES);

static const field_t url_fields[] = {{.name = "QueueURL", .kind = KIND_URL}};
static const record_t url_record = RECORD(url_fields, INTO_NAMES);

/* What may stand under each root: members of its own, and entries with members. */
static const struct root {
    const char *name;
    mns_root_t root;
    const record_t *own;
    const char *entry;
    const record_t *of_entry;
} roots[] = {
    {"Message", MNS_ROOT_Message, &message_record, NULL, NULL},
    {"Messages", MNS_ROOT_Messages, NULL, "Message", &message_record},
    {"Error", MNS_ROOT_Error, &error_record, NULL, NULL},
    {"Errors", MNS_ROOT_Errors, NULL, "Error", &message_record},
    {"Queue", MNS_ROOT_Queue, &queue_record, NULL, NULL},
    {"Queues", MNS_ROOT_Queues, &marker_record, "Queue", &url_record},
    {"ChangeVisibility", MNS_ROOT_ChangeVisibility, &message_record, NULL, NULL},
};

struct mns_xml_reader {
    XML_Parser parser;
    unsigned long salt; /* kept, since expat else asks the kernel for a new one each time */

    /* One answer: */
    mns_store_t *store;
    const struct root *root;
    const record_t *record; /* whose fields the children of record_depth are */
    const field_t *field;   /* whose text is being collected, or NULL */
    size_t hint;            /* where in the record the next field is likely to be */
    size_t text_at;
    unsigned depth, record_depth;
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

/* Nearly always the first comparison hits; a prefix is looked for only when none does. */
static const field_t *find_field(mns_xml_reader_t *reader, const char *name)
{
    const record_t *record = reader->record;
    for (size_t i = 0; i < record->count; i++) {
        size_t at =
            reader->hint + i < record->count ? reader->hint + i : reader->hint + i - record->count;
        if (strcmp(record->fields[at].name, name) == 0) {
            reader->hint = at + 1 < record->count ? at + 1 : 0;
            return &record->fields[at];
        }
    }
    const char *local = local_name(name);
    return local == name ? NULL : find_field(reader, local);
}

static void begin_record(mns_xml_reader_t *reader, const record_t *record)
{
    reader->record = record;
    reader->record_depth = reader->depth;
    reader->hint = 0;
    mns_reply_t *view = &reader->store->view;
    if (record == NULL || record->into != INTO_MESSAGE)
        return;
    if (view->message_count == MNS_BATCH_MAX) {
        refuse(reader);
        return;
    }
    reader->store->has[view->message_count] = 0;
    reader->store->messages[view->message_count++] = (mns_message_t){.message_id = "",
                                                                     .body = "",
                                                                     .body_md5 = "",
                                                                     .receipt_handle = "",
                                                                     .code = "",
                                                                     .error = ""};
}

static void begin_root(mns_xml_reader_t *reader, const char *name)
{
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (strcmp(roots[i].name, name) == 0)
            reader->root = &roots[i];
    if (reader->root == NULL)
        refuse(reader);
    else
        begin_record(reader, reader->root->own);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    mns_xml_reader_t *reader = ctx;
    if (reader->refused) /* expat may finish the token at hand */
        return;
    if (++reader->depth > MNS_XML_DEPTH_MAX) {
        refuse(reader);
    } else if (reader->depth == 1) {
        begin_root(reader, local_name(name));
    } else if (reader->depth == 2 && reader->root->entry != NULL &&
               strcmp(reader->root->entry, local_name(name)) == 0) {
        begin_record(reader, reader->root->of_entry);
    } else if (reader->depth == reader->record_depth + 1 && reader->record != NULL) {
        reader->field = find_field(reader, name);
        reader->text_at = reader->store->text.len;
    }
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    mns_xml_reader_t *reader = ctx;
    sl_buf_t *out = &reader->store->text;
    if (reader->refused || reader->field == NULL || reader->depth != reader->record_depth + 1)
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

static void *record_target(mns_store_t *store, into_t into)
{
    switch (into) {
    case INTO_MESSAGE:
        return &store->messages[store->view.message_count - 1];
    case INTO_REPLY:
        return &store->view;
    case INTO_QUEUE_ATTRIBUTES:
        return &store->queue_attributes;
    case INTO_NAMES:
        break;
    }
    return &store->names;
}

static bool set_field(mns_xml_reader_t *reader, const char *text, size_t len)
{
    const field_t *field = reader->field;
    char *target = record_target(reader->store, reader->record->into);
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
    case KIND_URL:
        break;
    }
    return add_name(&reader->store->names, text);
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
    else if (reader->record->into == INTO_MESSAGE)
        store->has[store->view.message_count - 1] |= reader->field->has;
    reader->field = NULL;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    mns_xml_reader_t *reader = ctx;
    if (reader->refused)
        return;
    if (reader->field != NULL && reader->depth == reader->record_depth + 1) {
        end_field(reader);
    } else if (reader->depth == 2 && reader->record_depth == 2) { /* the entry ends */
        reader->record = reader->root->own;
        reader->record_depth = 1;
        reader->hint = 0;
    }
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
    if (store->names.failed || XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY)
        return MNS_ENOMEM;
    if (status != XML_STATUS_OK || reader->refused)
        return MNS_OK;
    *root = reader->root->root;
    store->view.messages = store->view.message_count > 0 ? store->messages : NULL;
    store->view.names = (const char *const *)store->names.data;
    store->view.name_count = store->names.len / sizeof(char *);
    if (*root == MNS_ROOT_Queue)
        store->view.queue_attributes = &store->queue_attributes;
    return MNS_OK;
}

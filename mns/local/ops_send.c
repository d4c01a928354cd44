/* SendMessage and BatchSendMessage: the root element says which. */
#include "ops.h"
#include "property.h"
#include "xml_out.h"

#include <string.h>

typedef struct draft {
    const xml_node_t *node, *body;
    uint64_t delay_s, priority;
    const char *failure; /**< the code with which it fails on command; NULL: it does not */
} draft_t;

/* A batch is taken whole or not at all, so all is judged before anything is made. */
static local_err read_draft(call_t *call, const queue_t *q, const xml_node_t *node, draft_t *draft)
{
    *draft =
        (draft_t){.node = node, .delay_s = q->attributes.delay_s, .priority = PRIORITY_DEFAULT};
    draft->body = xml_child(node, "MessageBody");
    if (draft->body == NULL || draft->body->text_len == 0 ||
        draft->body->text_len > q->attributes.body_max)
        return LOCAL_InvalidArgument;
    if (!child_number(node, "DelaySeconds", 0, 604800, &draft->delay_s) ||
        !child_number(node, "Priority", 0, PRIORITY_MAX, &draft->priority))
        return LOCAL_InvalidArgument;
    if (draft->priority == 0) /* one client sends 0 for "not set" */
        draft->priority = PRIORITY_DEFAULT;
    return properties_check(node, &call->detail) ? LOCAL_OK : LOCAL_InvalidArgument;
}

static local_err read_drafts(call_t *call, const queue_t *q, const xml_node_t *root,
                             draft_t *drafts, size_t *count)
{
    size_t bytes = 0;
    *count = 0;
    for (const xml_node_t *node = root->child; node != NULL; node = node->next) {
        if (strcmp(node->name, "Message") != 0)
            continue;
        if (*count == BATCH_MAX)
            return LOCAL_InvalidArgument;
        local_err err = read_draft(call, q, node, &drafts[*count]);
        if (err != LOCAL_OK)
            return err;
        bytes += drafts[(*count)++].body->text_len;
    }
    return *count > 0 && bytes <= BODY_MAX ? LOCAL_OK : LOCAL_InvalidArgument;
}

/* A fault may let some of a batch fail. */
static size_t fail_some(call_t *call, draft_t *drafts, size_t count)
{
    const fault_t *fault = call_fault(call->local, call->request, FAULT_PARTIAL);
    uint32_t failing = fault != NULL ? faults_pick(&call->local->faults, count) : 0;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        if ((failing & 1u << i) != 0) {
            drafts[i].failure = fault->code;
            failed++;
        }
    return failed;
}

static sl_err create_message(local_t *local, const draft_t *draft, message_t **out)
{
    sl_buf_t *properties = &local->scratch;
    sl_buf_clear(properties);
    properties_write(properties, draft->node);
    if (properties->failed)
        return SL_ENOMEM;
    return message_create(&local->queues, draft->body->text, draft->body->text_len, properties,
                          out);
}

/* messages[i] stays NULL where a draft fails. */
static local_err create_messages(local_t *local, queue_t *q, const draft_t *drafts, size_t count,
                                 message_t **messages)
{
    sl_err err = queue_reserve(q, count);
    size_t made = 0;
    for (; err == SL_OK && made < count; made++) {
        messages[made] = NULL;
        if (drafts[made].failure == NULL)
            err = create_message(local, &drafts[made], &messages[made]);
    }
    if (err == SL_OK)
        return LOCAL_OK;
    while (made-- > 0)
        if (messages[made] != NULL)
            message_destroy(&local->queues, messages[made]);
    return LOCAL_InternalError;
}

static void write_failure(sl_buf_t *out, const char *code)
{
    xml_open(out, "Message");
    xml_text(out, "ErrorCode", code);
    xml_text(out, "ErrorMessage", FAULT_TEXT);
    xml_close(out, "Message");
}

static void write_message(sl_buf_t *out, const message_t *m, bool batch)
{
    if (batch)
        xml_open(out, "Message");
    else
        xml_root(out, "Message");
    xml_text(out, "MessageId", m->id);
    xml_text(out, "MessageBodyMD5", m->md5);
    /* a delayed message can be taken back; in a batch one client accepts two children only */
    if (m->state == MESSAGE_DELAYED && !batch) {
        char receipt[RECEIPT_LEN + 1];
        message_receipt(m, receipt);
        xml_text(out, "ReceiptHandle", receipt);
    }
    xml_close(out, "Message");
}

static void write_answer(sl_buf_t *out, const draft_t *drafts, message_t *const *messages,
                         size_t count, bool batch)
{
    if (batch)
        xml_root(out, "Messages");
    for (size_t i = 0; i < count; i++)
        if (messages[i] != NULL)
            write_message(out, messages[i], batch);
        else
            write_failure(out, drafts[i].failure);
    if (batch)
        xml_close(out, "Messages");
}

static local_err read_request(call_t *call, const queue_t *q, draft_t *drafts, size_t *count,
                              bool *batch)
{
    const xml_node_t *root;
    local_err err = call_xml(call, NULL, &root);
    if (err != LOCAL_OK)
        return err;
    *batch = strcmp(root->name, "Messages") == 0;
    *count = 1;
    if (*batch)
        return read_drafts(call, q, root, drafts, count);
    return strcmp(root->name, "Message") == 0 ? read_draft(call, q, root, drafts)
                                              : LOCAL_MalformedXML;
}

local_err op_send(call_t *call)
{
    draft_t drafts[BATCH_MAX];
    message_t *messages[BATCH_MAX];
    size_t count, failed;
    bool batch;
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    local_err err = read_request(call, q, drafts, &count, &batch);
    if (err != LOCAL_OK)
        return err;
    failed = fail_some(call, drafts, count);
    err = create_messages(call->local, q, drafts, count, messages);
    if (err != LOCAL_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        if (messages[i] != NULL)
            queue_put(q, messages[i], (uint32_t)drafts[i].priority, (uint32_t)drafts[i].delay_s);
    sl_buf_t out = SL_BUF_INIT;
    write_answer(&out, drafts, messages, count, batch);
    local_count(call->local, LOCAL_COUNT_SENT, count - failed);
    call_reply(call->local, call->request, failed > 0 ? 500 : 201, NULL, &out);
    queue_serve(q);
    return LOCAL_OK;
}

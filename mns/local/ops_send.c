/* SendMessage and BatchSendMessage: the root element says which. */
#include "ops.h"
#include "xml_out.h"

#include <string.h>

typedef struct draft {
    const xml_node_t *body;
    uint64_t delay_s, priority;
} draft_t;

/* A batch is taken whole or not at all, so all is judged before anything is made. */
static local_err read_draft(const queue_t *q, const xml_node_t *node, draft_t *draft)
{
    *draft = (draft_t){.delay_s = q->attributes.delay_s, .priority = PRIORITY_DEFAULT};
    draft->body = xml_child(node, "MessageBody");
    if (draft->body == NULL || draft->body->text_len == 0 ||
        draft->body->text_len > q->attributes.body_max)
        return LOCAL_InvalidArgument;
    if (!child_number(node, "DelaySeconds", 0, 604800, &draft->delay_s) ||
        !child_number(node, "Priority", 0, PRIORITY_MAX, &draft->priority))
        return LOCAL_InvalidArgument;
    if (draft->priority == 0) /* one client sends 0 for "not set" */
        draft->priority = PRIORITY_DEFAULT;
    return LOCAL_OK;
}

static local_err read_drafts(const queue_t *q, const xml_node_t *root, draft_t *drafts,
                             size_t *count)
{
    size_t bytes = 0;
    *count = 0;
    for (const xml_node_t *node = root->child; node != NULL; node = node->next) {
        if (strcmp(node->name, "Message") != 0)
            continue;
        if (*count == BATCH_MAX)
            return LOCAL_InvalidArgument;
        local_err err = read_draft(q, node, &drafts[*count]);
        if (err != LOCAL_OK)
            return err;
        bytes += drafts[(*count)++].body->text_len;
    }
    return *count > 0 && bytes <= BODY_MAX ? LOCAL_OK : LOCAL_InvalidArgument;
}

static local_err create_messages(queue_store_t *store, queue_t *q, const draft_t *drafts,
                                 size_t count, message_t **messages)
{
    sl_err err = queue_reserve(q, count);
    size_t made = 0;
    while (err == SL_OK && made < count) {
        const xml_node_t *body = drafts[made].body;
        err = message_create(store, body->text, body->text_len, &messages[made]);
        made += err == SL_OK;
    }
    if (err == SL_OK)
        return LOCAL_OK;
    while (made > 0)
        message_destroy(store, messages[--made]);
    return LOCAL_InternalError;
}

static void write_answer(sl_buf_t *out, message_t *const *messages, size_t count, bool batch)
{
    if (batch)
        xml_root(out, "Messages");
    for (size_t i = 0; i < count; i++) {
        const message_t *m = messages[i];
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
    if (batch)
        xml_close(out, "Messages");
}

local_err op_send(call_t *call)
{
    const xml_node_t *root;
    draft_t drafts[BATCH_MAX];
    message_t *messages[BATCH_MAX];
    size_t count = 1;
    queue_store_t *store = &call->local->queues;
    queue_t *q = queue_find(store, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    local_err err = call_xml(call, NULL, &root);
    if (err != LOCAL_OK)
        return err;
    bool batch = strcmp(root->name, "Messages") == 0;
    if (!batch && strcmp(root->name, "Message") != 0)
        return LOCAL_MalformedXML;
    err = batch ? read_drafts(q, root, drafts, &count) : read_draft(q, root, drafts);
    if (err == LOCAL_OK)
        err = create_messages(store, q, drafts, count, messages);
    if (err != LOCAL_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        queue_put(q, messages[i], (uint32_t)drafts[i].priority, (uint32_t)drafts[i].delay_s);
    sl_buf_t out = SL_BUF_INIT;
    write_answer(&out, messages, count, batch);
    local_count(call->local, LOCAL_COUNT_SENT, count);
    call_reply(call->local, call->request, 201, NULL, &out);
    queue_serve(q);
    return LOCAL_OK;
}

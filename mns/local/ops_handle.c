/* What is done with a receipt handle: delete, delete many, change visibility. */
#include "ops.h"
#include "xml_out.h"

#include <string.h>

enum { VISIBILITY_MAX_S = 43200 };

static local_err find_message(queue_t *q, const char *receipt, message_t **m)
{
    switch (queue_lookup(q, receipt, m)) {
    case SL_OK:
        return LOCAL_OK;
    case SL_ENOENT:
        return LOCAL_MessageNotExist;
    default:
        return LOCAL_ReceiptHandleError;
    }
}

static local_err delete_one(call_t *call, queue_t *q, const char *receipt)
{
    message_t *m;
    local_err err = find_message(q, receipt, &m);
    if (err != LOCAL_OK)
        return err;
    queue_delete(m);
    local_count(call->local, LOCAL_COUNT_DELETED, 1);
    return LOCAL_OK;
}

static void write_failure(sl_buf_t *out, const char *code, const char *text, const char *receipt)
{
    if (out->len == 0)
        xml_root(out, "Errors");
    xml_open(out, "Error");
    xml_text(out, "ErrorCode", code);
    xml_text(out, "ErrorMessage", text);
    xml_text(out, "ReceiptHandle", receipt);
    xml_close(out, "Error");
}

/* 1 to 16 handles, and nothing that is none. */
static local_err read_receipts(const xml_node_t *root, const char **receipts, size_t *count)
{
    *count = 0;
    for (const xml_node_t *node = root->child; node != NULL; node = node->next) {
        if (strcmp(node->name, "ReceiptHandle") != 0)
            continue;
        if (*count == BATCH_MAX)
            return LOCAL_InvalidArgument;
        receipts[(*count)++] = node->text;
    }
    return *count > 0 ? LOCAL_OK : LOCAL_InvalidArgument;
}

static local_err delete_batch(call_t *call, queue_t *q)
{
    const xml_node_t *root;
    const char *receipts[BATCH_MAX];
    size_t count;
    local_err err = call_xml(call, "ReceiptHandles", &root);
    if (err == LOCAL_OK)
        err = read_receipts(root, receipts, &count);
    if (err != LOCAL_OK)
        return err;
    sl_buf_t failures = SL_BUF_INIT;
    const fault_t *fault = call_fault(call->local, call->request, FAULT_PARTIAL);
    uint32_t failing = fault != NULL ? faults_pick(&call->local->faults, count) : 0;
    for (size_t i = 0; i < count; i++) {
        if ((failing & 1u << i) != 0) {
            write_failure(&failures, fault->code, FAULT_TEXT, receipts[i]);
            continue;
        }
        err = delete_one(call, q, receipts[i]);
        if (err != LOCAL_OK)
            write_failure(&failures, local_error(err)->code, local_error(err)->text, receipts[i]);
    }
    if (failures.len > 0)
        xml_close(&failures, "Errors");
    call_reply(call->local, call->request, failures.len > 0 ? 404 : 204, NULL, &failures);
    return LOCAL_OK;
}

local_err op_delete_message(call_t *call)
{
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    const char *receipt = target_param(&call->target, "ReceiptHandle");
    size_t body_len;
    http_request_body(call->request, &body_len);
    if (receipt == NULL)
        return body_len > 0 ? delete_batch(call, q) : LOCAL_MissingReceiptHandle;
    local_err err = delete_one(call, q, receipt);
    if (err == LOCAL_OK)
        call_reply(call->local, call->request, 204, NULL, NULL);
    return err;
}

local_err op_change_visibility(call_t *call)
{
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    const char *receipt = target_param(&call->target, "ReceiptHandle");
    const char *timeout = target_param(&call->target, "VisibilityTimeout");
    uint64_t seconds;
    message_t *m;
    if (receipt == NULL)
        return LOCAL_MissingReceiptHandle;
    if (timeout == NULL)
        return LOCAL_MissingVisibilityTimeout;
    if (!read_number(timeout, 1, VISIBILITY_MAX_S, &seconds))
        return LOCAL_InvalidArgument;
    local_err err = find_message(q, receipt, &m);
    if (err != LOCAL_OK)
        return err;
    queue_hide(m, (uint32_t)seconds);
    char now[RECEIPT_LEN + 1];
    message_receipt(m, now);
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "ChangeVisibility");
    xml_text(&out, "ReceiptHandle", now);
    xml_u64(&out, "NextVisibleTime", m->next_visible_ms);
    xml_close(&out, "ChangeVisibility");
    call_reply(call->local, call->request, 200, NULL, &out);
    return LOCAL_OK;
}

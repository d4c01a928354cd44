/* Queues themselves: create, set, get, list, delete. */
#include "ops.h"
#include "xml_out.h"

#include <string.h>

static const queue_attributes_t defaults = {
#define X(name, member, least, most, def) .member = def,
    QUEUE_ATTRIBUTES(X)
#undef X
};

/* Changes what the body names and leaves the rest. */
static local_err read_attributes(const xml_node_t *root, queue_attributes_t *attributes)
{
    if (root == NULL)
        return LOCAL_OK;
    uint64_t value;
#define X(name, member, least, most, def)                \
    value = attributes->member;                          \
    if (!child_number(root, #name, least, most, &value)) \
        return LOCAL_InvalidArgument;                    \
    attributes->member = (uint32_t)value;
    QUEUE_ATTRIBUTES(X)
#undef X
    const xml_node_t *logging = xml_child(root, "LoggingEnabled");
    if (logging != NULL && !read_bool(logging->text, &attributes->logging))
        return LOCAL_InvalidArgument;
    return LOCAL_OK;
}

static bool equal(const queue_attributes_t *a, const queue_attributes_t *b)
{
    bool same = a->logging == b->logging;
#define X(name, member, least, most, def) same = same && a->member == b->member;
    QUEUE_ATTRIBUTES(X)
#undef X
    return same;
}

static local_err set_attributes(call_t *call, queue_t *q, const xml_node_t *root)
{
    if (q == NULL)
        return LOCAL_QueueNotExist;
    queue_attributes_t attributes = q->attributes;
    local_err err = read_attributes(root, &attributes);
    if (err != LOCAL_OK)
        return err;
    queue_set_attributes(q, &attributes);
    call_reply(call->local, call->request, 204, NULL, NULL);
    return LOCAL_OK;
}

static local_err create(call_t *call, queue_t *q, const xml_node_t *root)
{
    const char *name = call_name(call, 1);
    queue_attributes_t attributes = defaults;
    local_err err =
        check_name(name, QUEUE_NAME_MAX, LOCAL_QueueNameLengthError, LOCAL_InvalidQueueName);
    if (err == LOCAL_OK)
        err = read_attributes(root, &attributes);
    if (err != LOCAL_OK)
        return err;
    if (q != NULL)
        return equal(&q->attributes, &attributes) ? reply_located(call, 204, "http://")
                                                  : LOCAL_QueueAlreadyExist;
    err = call_has_room(call);
    if (err != LOCAL_OK)
        return err;
    sl_err made = queue_create(&call->local->queues, name, &attributes, &q);
    call->detail = made == SL_ELIMIT ? "The account has 1000 queues already." : NULL;
    if (made != SL_OK)
        return made == SL_ELIMIT ? LOCAL_InvalidArgument : LOCAL_InternalError;
    return reply_located(call, 201, "http://");
}

local_err op_put_queue(call_t *call)
{
    const xml_node_t *root;
    local_err err = call_xml_or_none(call, "Queue", &root);
    if (err != LOCAL_OK)
        return err;
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    return call_flag(call, "metaoverride") ? set_attributes(call, q, root) : create(call, q, root);
}

static void write_attributes(sl_buf_t *out, const queue_t *q)
{
    const queue_attributes_t *a = &q->attributes;
    xml_text(out, "QueueName", q->name);
    xml_u64(out, "DelaySeconds", a->delay_s);
    xml_u64(out, "MaximumMessageSize", a->body_max);
    xml_u64(out, "MessageRetentionPeriod", a->retention_s);
    xml_u64(out, "VisibilityTimeout", a->visibility_s);
    xml_u64(out, "CreateTime", q->create_ms / 1000);
    xml_u64(out, "LastModifyTime", q->modify_ms / 1000);
    xml_u64(out, "PollingWaitSeconds", a->polling_wait_s);
    xml_u64(out, "ActiveMessages", q->active_count);
    xml_u64(out, "InactiveMessages", q->inactive_count);
    xml_u64(out, "DelayMessages", q->delayed_count);
    xml_bool(out, "LoggingEnabled", a->logging);
    /* the service's newer ones, which nobody can set here */
    xml_u64(out, "MessageType", 0);
    xml_bool(out, "EnableSSE", false);
}

local_err op_get_queue(call_t *call)
{
    const queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "Queue");
    write_attributes(&out, q);
    xml_close(&out, "Queue");
    call_reply(call->local, call->request, 200, NULL, &out);
    return LOCAL_OK;
}

static void write_entry(sl_buf_t *out, const call_t *call, const char *name, bool with_meta)
{
    xml_open(out, "Queue");
    XML_LIT(out, "<QueueURL>http://");
    append_host(out, call);
    sl_buf_printf(out, "/queues/%s</QueueURL>", name);
    if (with_meta)
        write_attributes(out, queue_find(&call->local->queues, name));
    else
        xml_text(out, "QueueName", name);
    xml_close(out, "Queue");
}

local_err op_list_queue(call_t *call)
{
    listing_t list;
    local_err err = listing_start(&list, call);
    if (err != LOCAL_OK)
        return err;
    for (queue_t *q = call->local->queues.queues; q != NULL; q = q->hh.next)
        listing_add(&list, q->name);
    return listing_reply(&list, call, "Queues", write_entry);
}

local_err op_delete_queue(call_t *call)
{
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q != NULL)
        queue_destroy(q);
    call_reply(call->local, call->request, 204, NULL, NULL); /* no error is documented */
    return LOCAL_OK;
}

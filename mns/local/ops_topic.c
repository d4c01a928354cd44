/* Topics themselves: create, set, get, list, delete. */
#include "ops.h"
#include "xml_out.h"

enum { BODY_LEAST = 1024 };

static local_err read_attributes(const xml_node_t *root, topic_attributes_t *attributes)
{
    if (root == NULL)
        return LOCAL_OK;
    uint64_t body_max = attributes->body_max;
    if (!child_number(root, "MaximumMessageSize", BODY_LEAST, BODY_MAX, &body_max))
        return LOCAL_InvalidArgument;
    attributes->body_max = (uint32_t)body_max;
    const xml_node_t *logging = xml_child(root, "LoggingEnabled");
    if (logging != NULL && !read_bool(logging->text, &attributes->logging))
        return LOCAL_InvalidArgument;
    return LOCAL_OK;
}

static local_err set_attributes(call_t *call, topic_t *t, const xml_node_t *root)
{
    if (t == NULL)
        return LOCAL_TopicNotExist;
    topic_attributes_t attributes = t->attributes;
    local_err err = read_attributes(root, &attributes);
    if (err != LOCAL_OK)
        return err;
    t->attributes = attributes;
    t->modify_ms = call->local->queues.now_ms;
    call_note_topic(call->local, t->name);
    call_reply(call->local, call->request, 204, NULL, NULL);
    return LOCAL_OK;
}

static local_err create(call_t *call, topic_t *t, const xml_node_t *root)
{
    const char *name = call_name(call, 1);
    topic_attributes_t attributes = {.body_max = BODY_MAX};
    local_err err =
        check_name(name, TOPIC_NAME_MAX, LOCAL_TopicNameLengthError, LOCAL_TopicNameInvalid);
    if (err == LOCAL_OK)
        err = read_attributes(root, &attributes);
    if (err != LOCAL_OK)
        return err;
    if (t != NULL) {
        bool same = t->attributes.body_max == attributes.body_max &&
                    t->attributes.logging == attributes.logging;
        return same ? reply_located(call, 204, "http://") : LOCAL_TopicAlreadyExist;
    }
    err = call_has_room(call);
    if (err != LOCAL_OK)
        return err;
    sl_err made =
        topic_create(&call->local->topics, name, &attributes, call->local->queues.now_ms, &t);
    call->detail = made == SL_ELIMIT ? "The account has 1000 topics already." : NULL;
    if (made != SL_OK)
        return made == SL_ELIMIT ? LOCAL_InvalidArgument : LOCAL_InternalError;
    call_note_topic(call->local, name);
    return reply_located(call, 201, "http://");
}

local_err op_put_topic(call_t *call)
{
    const xml_node_t *root;
    local_err err = call_xml_or_none(call, "Topic", &root);
    if (err != LOCAL_OK)
        return err;
    topic_t *t = topic_find(call->local->topics, call_name(call, 1));
    return call_flag(call, "metaoverride") ? set_attributes(call, t, root) : create(call, t, root);
}

static void write_attributes(sl_buf_t *out, const topic_t *t)
{
    xml_text(out, "TopicName", t->name);
    xml_u64(out, "CreateTime", t->create_ms / 1000);
    xml_u64(out, "LastModifyTime", t->modify_ms / 1000);
    xml_u64(out, "MaximumMessageSize", t->attributes.body_max);
    xml_u64(out, "MessageRetentionPeriod", TOPIC_RETENTION_S);
    xml_u64(out, "MessageCount", 0); /* all was delivered when it was published */
    xml_bool(out, "LoggingEnabled", t->attributes.logging);
}

local_err op_get_topic(call_t *call)
{
    const topic_t *t = topic_find(call->local->topics, call_name(call, 1));
    if (t == NULL)
        return LOCAL_TopicNotExist;
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "Topic");
    write_attributes(&out, t);
    xml_close(&out, "Topic");
    call_reply(call->local, call->request, 200, NULL, &out);
    return LOCAL_OK;
}

static void write_entry(sl_buf_t *out, const call_t *call, const char *name, bool with_meta)
{
    xml_open(out, "Topic");
    XML_LIT(out, "<TopicURL>http://");
    append_host(out, call);
    sl_buf_printf(out, "/topics/%s</TopicURL>", name);
    if (with_meta)
        write_attributes(out, topic_find(call->local->topics, name));
    else
        xml_text(out, "TopicName", name);
    xml_close(out, "Topic");
}

local_err op_list_topic(call_t *call)
{
    listing_t list;
    local_err err = listing_start(&list, call);
    if (err != LOCAL_OK)
        return err;
    for (topic_t *t = call->local->topics; t != NULL; t = t->hh.next)
        listing_add(&list, t->name);
    return listing_reply(&list, call, "Topics", write_entry);
}

local_err op_delete_topic(call_t *call)
{
    topic_t *t = topic_find(call->local->topics, call_name(call, 1));
    if (t != NULL) {
        for (subscription_t *s = t->subscriptions; s != NULL; s = s->hh.next)
            pushes_cancel(call->local->pushes, s);
        topic_destroy(&call->local->topics, t);
        call_note_topic(call->local, call_name(call, 1));
    }
    call_reply(call->local, call->request, 204, NULL, NULL); /* no error is documented */
    return LOCAL_OK;
}

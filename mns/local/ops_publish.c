/* PublishMessage: one message in, one queue message out for each subscription that wants it. */
#include "envelope.h"
#include "ops.h"
#include "xml_out.h"

#include <string.h>

enum { TAG_BYTES_MAX = FILTER_TAG_MAX * 4 };

/* Puts one notification into one queue. */
static bool deliver(local_t *local, const subscription_t *s, const notification_t *n)
{
    queue_t *q = queue_find(&local->queues, s->queue);
    message_t *m;
    if (q == NULL || queue_reserve(q, 1) != SL_OK)
        return false;
    envelope_write(&local->scratch, s->spec.format, n);
    if (local->scratch.failed)
        return false;
    if (message_create(&local->queues, (const char *)local->scratch.data, local->scratch.len, &m) !=
        SL_OK)
        return false;
    queue_put(q, m, PRIORITY_DEFAULT, q->attributes.delay_s);
    queue_serve(q);
    return true;
}

static void deliver_all(local_t *local, const topic_t *t, notification_t *n)
{
    for (const subscription_t *s = t->subscriptions; s != NULL; s = s->hh.next) {
        if (!subscription_wants(s, n->tag))
            continue;
        n->subscription = s->name;
        bool delivered = deliver(local, s, n);
        local_count(local, delivered ? LOCAL_COUNT_DELIVERED : LOCAL_COUNT_UNDELIVERABLE, 1);
    }
}

static local_err read_message(const topic_t *t, const xml_node_t *root, notification_t *n)
{
    const xml_node_t *body = xml_child(root, "MessageBody");
    const xml_node_t *tag = xml_child(root, "MessageTag");
    if (body == NULL || body->text_len == 0 || body->text_len > t->attributes.body_max)
        return LOCAL_InvalidArgument;
    n->message = body->text;
    n->message_len = body->text_len;
    n->tag = tag != NULL ? tag->text : "";
    return strlen(n->tag) <= TAG_BYTES_MAX ? LOCAL_OK : LOCAL_InvalidArgument;
}

local_err op_publish(call_t *call)
{
    local_t *local = call->local;
    const xml_node_t *root;
    const topic_t *t = topic_find(local->topics, call_name(call, 1));
    if (t == NULL)
        return LOCAL_TopicNotExist;
    char id[MESSAGE_ID_LEN + 1], hex[MD5_HEX + 1] = "";
    uint8_t md5[MD5_BYTES];
    notification_t n = {.owner = local->options.account,
                        .topic = t->name,
                        .message_id = id,
                        .md5 = hex,
                        .publish_ms = local->queues.now_ms};
    local_err err = call_xml(call, "Message", &root);
    if (err == LOCAL_OK)
        err = read_message(t, root, &n);
    if (err != LOCAL_OK)
        return err;
    if (!digest_md5(local->digest, n.message, n.message_len, md5))
        return LOCAL_InternalError;
    digest_md5_hex(md5, hex);
    queue_store_new_id(&local->queues, id);
    local_count(local, LOCAL_COUNT_PUBLISHED, 1);
    deliver_all(local, t, &n);
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "Message");
    xml_text(&out, "MessageId", id);
    xml_text(&out, "MessageBodyMD5", hex);
    xml_close(&out, "Message");
    call_reply(local, call->request, 201, NULL, &out);
    return LOCAL_OK;
}

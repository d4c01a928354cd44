/* PublishMessage: one message in, one out for each subscription that wants it. */
#include "note.h"
#include "ops.h"
#include "property.h"
#include "xml_out.h"

#include <stdlib.h>
#include <string.h>

typedef struct publication {
    notification_t n;
    char id[MESSAGE_ID_LEN + 1], md5[MD5_HEX + 1]; /* n's */
    note_attributes_t notes;
    sl_buf_t properties; /* as XML */
} publication_t;

/* -- to one subscription ------------------------------------------------------------------- */

/* Each gives the message to one kind of endpoint.
 * @return SL_OK; SL_ENOENT: nobody is there; SL_ELIMIT, SL_ENOMEM: there is no room. */
typedef sl_err deliver_fn(local_t *local, subscription_t *s, const publication_t *p);

static sl_err to_queue(local_t *local, subscription_t *s, const publication_t *p)
{
    queue_t *q = queue_find(&local->queues, endpoint_rest(&s->spec.endpoint));
    message_t *m;
    if (q == NULL)
        return SL_ENOENT;
    envelope_write(&local->scratch, s->spec.format, &p->n);
    if (local->scratch.failed || queue_reserve(q, 1) != SL_OK)
        return SL_ENOMEM;
    sl_err err = message_create(&local->queues, (const char *)local->scratch.data,
                                local->scratch.len, &p->properties, &m);
    if (err != SL_OK)
        return err;
    queue_put(q, m, PRIORITY_DEFAULT, q->attributes.delay_s);
    queue_serve(q);
    local_count(local, LOCAL_COUNT_DELIVERED, 1);
    return SL_OK;
}

static sl_err to_push(local_t *local, subscription_t *s, const publication_t *p)
{
    envelope_write(&local->scratch, s->spec.format, &p->n);
    const push_view_t push = {.message_id = p->n.message_id,
                              .tag = p->n.tag,
                              .publish_ms = p->n.publish_ms,
                              .body = local->scratch.data,
                              .body_len = local->scratch.len};
    return local->scratch.failed ? SL_ENOMEM : pushes_add(local->pushes, s, &push);
}

static sl_err to_note(local_t *local, subscription_t *s, const publication_t *p)
{
    if (!note_has_receiver(s, &p->notes))
        return SL_ENOENT;
    char *json = note_write(s, &p->n, &p->notes);
    sl_err err =
        box_add(s->spec.endpoint.kind == ENDPOINT_MAIL ? &local->mails : &local->sms, json);
    free(json);
    return err;
}

static deliver_fn *const deliver[ENDPOINT_KIND_COUNT] = {
    [ENDPOINT_QUEUE] = to_queue, [ENDPOINT_HTTP] = to_push, [ENDPOINT_HTTPS] = to_push,
    [ENDPOINT_MAIL] = to_note,   [ENDPOINT_SMS] = to_note,
};

/* Stops where there is no room: the publisher is told and comes again, and whoever has the message
 * gets it twice.  @return SL_OK, SL_ELIMIT, SL_ENOMEM. */
static sl_err deliver_all(local_t *local, const topic_t *t, publication_t *p)
{
    if (queue_store_full(&local->queues))
        return SL_ELIMIT;
    for (subscription_t *s = t->subscriptions; s != NULL; s = s->hh.next) {
        if (!subscription_wants(s, p->n.tag))
            continue;
        p->n.subscription = s->name;
        sl_err err = deliver[s->spec.endpoint.kind](local, s, p);
        if (err == SL_ENOENT)
            local_count(local, LOCAL_COUNT_UNDELIVERABLE, 1);
        else if (err != SL_OK)
            return err;
    }
    return SL_OK;
}

/* -- the call ------------------------------------------------------------------------------ */

/* A tag becomes a header of a push, hence nothing that would end a line. */
static bool is_tag(const char *tag)
{
    for (const char *at = tag; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return tag_fits(tag);
}

static local_err read_message(call_t *call, const topic_t *t, const xml_node_t *root,
                              publication_t *p)
{
    const xml_node_t *body = xml_child(root, "MessageBody");
    const xml_node_t *tag = xml_child(root, "MessageTag");
    if (body == NULL || body->text_len == 0 || body->text_len > t->attributes.body_max)
        return LOCAL_InvalidArgument;
    p->n.message = body->text;
    p->n.message_len = body->text_len;
    p->n.tag = tag != NULL ? tag->text : "";
    if (!is_tag(p->n.tag) || !properties_check(root, &call->detail) ||
        !note_attributes_read(&p->notes, root, &call->detail))
        return LOCAL_InvalidArgument;
    properties_write(&p->properties, root);
    return p->properties.failed ? LOCAL_InternalError : LOCAL_OK;
}

static local_err publish(call_t *call, const topic_t *t, publication_t *p)
{
    local_t *local = call->local;
    const xml_node_t *root;
    uint8_t md5[MD5_BYTES];
    local_err err = call_xml(call, "Message", &root);
    if (err == LOCAL_OK)
        err = read_message(call, t, root, p);
    if (err != LOCAL_OK)
        return err;
    if (!digest_md5(local->digest, p->n.message, p->n.message_len, md5))
        return LOCAL_InternalError;
    digest_md5_hex(md5, p->md5);
    queue_store_new_id(&local->queues, p->id);
    if (deliver_all(local, t, p) != SL_OK) {
        call->detail = "The memory or the disk is full.";
        return LOCAL_InternalError;
    }
    local_count(local, LOCAL_COUNT_PUBLISHED, 1);
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "Message");
    xml_text(&out, "MessageId", p->id);
    xml_text(&out, "MessageBodyMD5", p->md5);
    xml_close(&out, "Message");
    call_reply(local, call->request, 201, NULL, &out);
    return LOCAL_OK;
}

local_err op_publish(call_t *call)
{
    local_t *local = call->local;
    const topic_t *t = topic_find(local->topics, call_name(call, 1));
    if (t == NULL)
        return LOCAL_TopicNotExist;
    publication_t p = {.n = {.owner = local->options.account,
                             .topic = t->name,
                             .message_id = p.id,
                             .md5 = p.md5,
                             .publish_ms = local->queues.now_ms}};
    local_err err = publish(call, t, &p);
    note_attributes_fini(&p.notes);
    sl_buf_fini(&p.properties);
    return err;
}

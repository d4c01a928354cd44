/* Subscriptions: who gets what a topic is told. */
#include "ops.h"
#include "xml_out.h"

#include <string.h>

/* -- what the subscriber asks for ---------------------------------------------------------- */

/* An absent child leaves *value as it is. */
static local_err read_choice(const xml_node_t *root, const char *child, const char *const *names,
                             size_t count, unsigned *value)
{
    const xml_node_t *node = xml_child(root, child);
    if (node == NULL || node->text_len == 0)
        return LOCAL_OK;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(node->text, names[i]) == 0) {
            *value = i;
            return LOCAL_OK;
        }
    return LOCAL_InvalidArgument;
}

static local_err read_endpoint(call_t *call, const xml_node_t *root, subscription_spec_t *spec)
{
    const xml_node_t *node = xml_child(root, "Endpoint");
    if (node == NULL)
        return LOCAL_EndpointInvalid;
    return endpoint_read(&spec->endpoint, node->text, &call->detail) ? LOCAL_OK
                                                                     : LOCAL_EndpointInvalid;
}

static local_err read_spec(call_t *call, const xml_node_t *root, subscription_spec_t *spec)
{
    unsigned format = NOTIFY_XML, strategy = NOTIFY_BACKOFF_RETRY;
    *spec = (subscription_spec_t){0};
    local_err err = read_endpoint(call, root, spec);
    if (err == LOCAL_OK)
        err = read_choice(root, "NotifyContentFormat", notify_format_names, NOTIFY_FORMAT_COUNT,
                          &format);
    if (err == LOCAL_OK)
        err = read_choice(root, "NotifyStrategy", notify_strategy_names, NOTIFY_STRATEGY_COUNT,
                          &strategy);
    if (err != LOCAL_OK)
        return err;
    spec->format = (notify_format_t)format;
    spec->strategy = (notify_strategy_t)strategy;
    const xml_node_t *tag = xml_child(root, "FilterTag");
    if (tag != NULL && !tag_fits(tag->text))
        return LOCAL_InvalidArgument;
    if (tag != NULL)
        memcpy(spec->filter_tag, tag->text, tag->text_len + 1);
    return LOCAL_OK;
}

static bool equal(const subscription_spec_t *a, const subscription_spec_t *b)
{
    return strcmp(a->endpoint.text, b->endpoint.text) == 0 &&
           strcmp(a->filter_tag, b->filter_tag) == 0 && a->format == b->format &&
           a->strategy == b->strategy;
}

/* -- operations ---------------------------------------------------------------------------- */

static local_err find(call_t *call, topic_t **t, subscription_t **s)
{
    *t = topic_find(call->local->topics, call_name(call, 1));
    if (*t == NULL)
        return LOCAL_TopicNotExist;
    *s = subscription_find(*t, call_name(call, 3));
    return *s != NULL ? LOCAL_OK : LOCAL_SubscriptionNotExist;
}

static local_err subscribe(call_t *call, topic_t *t, subscription_t *s, const xml_node_t *root)
{
    const char *name = call_name(call, 3);
    subscription_spec_t spec;
    local_err err = check_name(name, SUBSCRIPTION_NAME_MAX, LOCAL_SubscriptionNameLengthError,
                               LOCAL_SubscriptionNameInvalid);
    if (err == LOCAL_OK)
        err = read_spec(call, root, &spec);
    if (err != LOCAL_OK)
        return err;
    if (s != NULL)
        return equal(&s->spec, &spec) ? reply_located(call, 204, "")
                                      : LOCAL_SubscriptionAlreadyExist;
    err = call_has_room(call);
    if (err != LOCAL_OK)
        return err;
    sl_err made = subscription_create(t, name, &spec, call->local->queues.now_ms, &s);
    call->detail = made == SL_ELIMIT ? "The topic has 100 subscriptions already." : NULL;
    if (made != SL_OK)
        return made == SL_ELIMIT ? LOCAL_InvalidArgument : LOCAL_InternalError;
    call_note_topic(call->local, t->name);
    return reply_located(call, 201, "");
}

static local_err set_attributes(call_t *call, subscription_t *s, const xml_node_t *root)
{
    if (s == NULL)
        return LOCAL_SubscriptionNotExist;
    unsigned strategy = s->spec.strategy; /* the only one that may change */
    local_err err = read_choice(root, "NotifyStrategy", notify_strategy_names,
                                NOTIFY_STRATEGY_COUNT, &strategy);
    if (err != LOCAL_OK)
        return err;
    s->spec.strategy = (notify_strategy_t)strategy;
    s->modify_ms = call->local->queues.now_ms;
    call_note_topic(call->local, s->topic->name);
    call_reply(call->local, call->request, 204, NULL, NULL);
    return LOCAL_OK;
}

local_err op_put_subscription(call_t *call)
{
    topic_t *t;
    subscription_t *s = NULL;
    const xml_node_t *root;
    if (find(call, &t, &s) == LOCAL_TopicNotExist)
        return LOCAL_TopicNotExist;
    local_err err = call_xml(call, "Subscription", &root);
    if (err != LOCAL_OK)
        return err;
    return call_flag(call, "metaoverride") ? set_attributes(call, s, root)
                                           : subscribe(call, t, s, root);
}

static void write_attributes(sl_buf_t *out, const call_t *call, const topic_t *t,
                             const subscription_t *s)
{
    xml_text(out, "SubscriptionName", s->name);
    xml_text(out, "Subscriber", call->local->options.account);
    xml_text(out, "TopicOwner", call->local->options.account);
    xml_text(out, "TopicName", t->name);
    xml_text(out, "Endpoint", s->spec.endpoint.text);
    xml_text(out, "NotifyStrategy", notify_strategy_names[s->spec.strategy]);
    xml_text(out, "NotifyContentFormat", notify_format_names[s->spec.format]);
    if (s->spec.filter_tag[0] != '\0')
        xml_text(out, "FilterTag", s->spec.filter_tag);
    xml_u64(out, "CreateTime", s->create_ms / 1000);
    xml_u64(out, "LastModifyTime", s->modify_ms / 1000);
}

local_err op_get_subscription(call_t *call)
{
    topic_t *t;
    subscription_t *s;
    local_err err = find(call, &t, &s);
    if (err != LOCAL_OK)
        return err;
    sl_buf_t out = SL_BUF_INIT;
    xml_root(&out, "Subscription");
    write_attributes(&out, call, t, s);
    xml_close(&out, "Subscription");
    call_reply(call->local, call->request, 200, NULL, &out);
    return LOCAL_OK;
}

static void write_entry(sl_buf_t *out, const call_t *call, const char *name, bool with_meta)
{
    (void)with_meta; /* the service has none here */
    xml_open(out, "Subscription");
    XML_LIT(out, "<SubscriptionURL>http://");
    append_host(out, call);
    sl_buf_printf(out, "/topics/%s/subscriptions/%s</SubscriptionURL>", call_name(call, 1), name);
    xml_close(out, "Subscription");
}

local_err op_list_subscription(call_t *call)
{
    topic_t *t = topic_find(call->local->topics, call_name(call, 1));
    if (t == NULL)
        return LOCAL_TopicNotExist;
    listing_t list;
    local_err err = listing_start(&list, call);
    if (err != LOCAL_OK)
        return err;
    for (subscription_t *s = t->subscriptions; s != NULL; s = s->hh.next)
        listing_add(&list, s->name);
    return listing_reply(&list, call, "Subscriptions", write_entry);
}

local_err op_unsubscribe(call_t *call)
{
    topic_t *t;
    subscription_t *s;
    local_err err = find(call, &t, &s);
    if (err == LOCAL_TopicNotExist)
        return err;
    if (err == LOCAL_OK) {
        pushes_cancel(call->local->pushes, s);
        subscription_destroy(t, s);
        call_note_topic(call->local, t->name);
    }
    call_reply(call->local, call->request, 204, NULL, NULL); /* a missing one is gone already */
    return LOCAL_OK;
}

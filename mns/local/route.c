#include "route.h"

#include <string.h>

/* "*" stands for a name. */
struct route {
    const char *method;
    const char *path[TARGET_SEGMENTS_MAX];
    op_fn *op;
    operation_t name; /**< of the simplest one */
};

static const route_t routes[] = {
    /* hot ones first */
    {"GET", {"queues", "*", "messages"}, op_receive, OPERATION_ReceiveMessage},
    {"DELETE", {"queues", "*", "messages"}, op_delete_message, OPERATION_DeleteMessage},
    {"POST", {"queues", "*", "messages"}, op_send, OPERATION_SendMessage},
    {"PUT", {"queues", "*", "messages"}, op_change_visibility, OPERATION_ChangeMessageVisibility},
    {"POST", {"topics", "*", "messages"}, op_publish, OPERATION_PublishMessage},
    {"PUT", {"queues", "*"}, op_put_queue, OPERATION_CreateQueue},
    {"GET", {"queues", "*"}, op_get_queue, OPERATION_GetQueueAttributes},
    {"DELETE", {"queues", "*"}, op_delete_queue, OPERATION_DeleteQueue},
    {"GET", {"queues"}, op_list_queue, OPERATION_ListQueue},
    {"PUT", {"topics", "*"}, op_put_topic, OPERATION_CreateTopic},
    {"GET", {"topics", "*"}, op_get_topic, OPERATION_GetTopicAttributes},
    {"DELETE", {"topics", "*"}, op_delete_topic, OPERATION_DeleteTopic},
    {"GET", {"topics"}, op_list_topic, OPERATION_ListTopic},
    {"PUT", {"topics", "*", "subscriptions", "*"}, op_put_subscription, OPERATION_Subscribe},
    {"GET",
     {"topics", "*", "subscriptions", "*"},
     op_get_subscription,
     OPERATION_GetSubscriptionAttributes},
    {"DELETE", {"topics", "*", "subscriptions", "*"}, op_unsubscribe, OPERATION_Unsubscribe},
    {"GET",
     {"topics", "*", "subscriptions"},
     op_list_subscription,
     OPERATION_ListSubscriptionByTopic},
};

static bool fits(const struct route *route, const char *method, const target_t *target)
{
    size_t at = 0;
    for (; at < TARGET_SEGMENTS_MAX && route->path[at] != NULL; at++) {
        if (at == target->segment_count)
            return false;
        if (route->path[at][0] != '*' && strcmp(route->path[at], target->segments[at]) != 0)
            return false;
    }
    return at == target->segment_count && strcmp(route->method, method) == 0;
}

const route_t *route_find(const char *method, const target_t *target)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (fits(&routes[i], method, target))
            return &routes[i];
    return NULL;
}

local_err route_perform(const route_t *route, call_t *call)
{
    return route->op(call);
}

/* -- names --------------------------------------------------------------------------------- */

/* Behind the '<' of a document's root, past prolog and comments; NULL: there is none. */
static const char *find_root(const char *at, const char *end)
{
    while ((at = memchr(at, '<', (size_t)(end - at))) != NULL && ++at < end) {
        if (*at != '?' && *at != '!')
            return at;
        if (end - at > 3 && memcmp(at, "!--", 3) == 0)
            at = memmem(at, (size_t)(end - at), "-->", 3);
        if (at == NULL)
            return NULL;
    }
    return NULL;
}

/* Is that the local name of the body's root? */
static bool root_is(const call_t *call, const char *name)
{
    size_t len;
    const char *body = (const char *)http_request_body(call->request, &len), *end = body + len;
    const char *at = find_root(body, end);
    if (at == NULL)
        return false;
    size_t size = 0;
    for (const char *c = at; c < end && strchr(" \t\r\n/>", *c) == NULL; c++) {
        size++;
        if (*c == ':') {
            at = c + 1;
            size = 0;
        }
    }
    return size == strlen(name) && memcmp(at, name, size) == 0;
}

operation_t route_operation(const route_t *route, const call_t *call)
{
    bool override = call_flag(call, "metaoverride");
    switch (route->name) {
    case OPERATION_CreateQueue:
        return override ? OPERATION_SetQueueAttributes : OPERATION_CreateQueue;
    case OPERATION_CreateTopic:
        return override ? OPERATION_SetTopicAttributes : OPERATION_CreateTopic;
    case OPERATION_Subscribe:
        return override ? OPERATION_SetSubscriptionAttributes : OPERATION_Subscribe;
    case OPERATION_ReceiveMessage: {
        bool batch = target_param(&call->target, "numOfMessages") != NULL;
        if (call_flag(call, "peekonly"))
            return batch ? OPERATION_BatchPeekMessage : OPERATION_PeekMessage;
        return batch ? OPERATION_BatchReceiveMessage : OPERATION_ReceiveMessage;
    }
    case OPERATION_SendMessage:
        return root_is(call, "Messages") ? OPERATION_BatchSendMessage : OPERATION_SendMessage;
    case OPERATION_DeleteMessage:
        return target_param(&call->target, "ReceiptHandle") == NULL ? OPERATION_BatchDeleteMessage
                                                                    : OPERATION_DeleteMessage;
    default:
        return route->name;
    }
}

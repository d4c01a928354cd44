#include "route.h"

#include <string.h>

/* "*" stands for a name. */
static const struct route {
    const char *method;
    const char *path[TARGET_SEGMENTS_MAX];
    op_fn *op;
} routes[] = {
    /* hot ones first */
    {"GET", {"queues", "*", "messages"}, op_receive},
    {"DELETE", {"queues", "*", "messages"}, op_delete_message},
    {"POST", {"queues", "*", "messages"}, op_send},
    {"PUT", {"queues", "*", "messages"}, op_change_visibility},
    {"POST", {"topics", "*", "messages"}, op_publish},
    {"PUT", {"queues", "*"}, op_put_queue},
    {"GET", {"queues", "*"}, op_get_queue},
    {"DELETE", {"queues", "*"}, op_delete_queue},
    {"GET", {"queues"}, op_list_queue},
    {"PUT", {"topics", "*"}, op_put_topic},
    {"GET", {"topics", "*"}, op_get_topic},
    {"DELETE", {"topics", "*"}, op_delete_topic},
    {"GET", {"topics"}, op_list_topic},
    {"PUT", {"topics", "*", "subscriptions", "*"}, op_put_subscription},
    {"GET", {"topics", "*", "subscriptions", "*"}, op_get_subscription},
    {"DELETE", {"topics", "*", "subscriptions", "*"}, op_unsubscribe},
    {"GET", {"topics", "*", "subscriptions"}, op_list_subscription},
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

op_fn *route_find(const char *method, const target_t *target)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (fits(&routes[i], method, target))
            return routes[i].op;
    return NULL;
}

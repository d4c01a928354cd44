/* What others see of the pushes: those who keep them, and those who look. */
#include "push_lane.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* -- for who keeps them -------------------------------------------------------------------- */

void push_show(const push_t *push, push_fn *fn, void *ctx)
{
    if (fn == NULL)
        return;
    const push_view_t view = {.number = push->number,
                              .message_id = push->message_id,
                              .tag = push->tag,
                              .publish_ms = push->publish_ms,
                              .body = push->body,
                              .body_len = push->body_len,
                              .failures = push->failures,
                              .due_ms = push->state == PUSH_WAITING ? push->due.key : 0};
    fn(ctx, push->lane->subscription, &view);
}

void pushes_walk(const pushes_t *p, push_fn *fn, void *ctx)
{
    for (const push_lane_t *lane = p->lanes; lane != NULL; lane = lane->next) {
        for (const push_t *push = lane->under_way; push != NULL; push = push->next)
            push_show(push, fn, ctx);
        for (const push_t *push = lane->ready; push != NULL; push = push->next)
            push_show(push, fn, ctx);
        for (size_t i = 0; i < lane->waiting.count; i++)
            push_show(HEAP_OWNER(lane->waiting.nodes[i], push_t, due), fn, ctx);
    }
}

/* -- for who looks ------------------------------------------------------------------------- */

static bool add_text(cJSON *to, const char *name, const char *text)
{
    return cJSON_AddStringToObject(to, name, text) != NULL;
}

static bool add_number(cJSON *to, const char *name, uint64_t number)
{
    return cJSON_AddNumberToObject(to, name, (double)number) != NULL;
}

static bool add_subscription(cJSON *to, const subscription_t *s)
{
    return add_text(to, "topic", s->topic->name) && add_text(to, "subscription", s->name) &&
           add_text(to, "endpoint", s->spec.endpoint.text);
}

char *push_write_dead(const push_t *push, const courier_answer_t *answer)
{
    const subscription_t *s = push->lane->subscription;
    char *text = NULL;
    cJSON *dead = cJSON_CreateObject();
    if (dead != NULL && add_subscription(dead, s) &&
        add_text(dead, "message_id", push->message_id) &&
        add_text(dead, "message_tag", push->tag) &&
        add_number(dead, "publish_time_ms", push->publish_ms) &&
        add_number(dead, "attempts", push->failures) &&
        add_number(dead, "last_status", (uint64_t)answer->status) &&
        add_text(dead, "last_error", answer->error) &&
        add_text(dead, "format", notify_format_names[s->spec.format]) &&
        add_text(dead, "body", push->body))
        text = cJSON_PrintUnformatted(dead);
    cJSON_Delete(dead);
    return text;
}

static bool add_next(cJSON *to, const push_lane_t *lane)
{
    const heap_node_t *first = heap_first(&lane->waiting);
    return first != NULL ? add_number(to, "next_attempt_ms", first->key)
                         : cJSON_AddNullToObject(to, "next_attempt_ms") != NULL;
}

static bool add_lane(cJSON *list, const push_lane_t *lane)
{
    cJSON *entry = cJSON_CreateObject();
    if (entry == NULL || !cJSON_AddItemToArray(list, entry))
        return false;
    return add_subscription(entry, lane->subscription) &&
           add_text(entry, "strategy", notify_strategy_names[lane->subscription->spec.strategy]) &&
           add_number(entry, "pending", lane->pending) &&
           add_number(entry, "under_way", lane->under_way_count) &&
           add_number(entry, "waiting", lane->waiting.count) && add_next(entry, lane) &&
           add_number(entry, "last_status", (uint64_t)lane->last_status) &&
           add_text(entry, "last_error", lane->last_error);
}

static bool add_all(cJSON *to, const pushes_t *p)
{
    cJSON *list = cJSON_AddArrayToObject(to, "subscriptions");
    if (list == NULL)
        return false;
    for (const push_lane_t *lane = p->lanes; lane != NULL; lane = lane->next)
        if (lane->pending > 0 && !add_lane(list, lane))
            return false;
    return true;
}

void pushes_write(const pushes_t *p, sl_buf_t *out)
{
    cJSON *all = cJSON_CreateObject();
    char *text = NULL;
    if (all != NULL && add_number(all, "pending", p->stats.pending) &&
        add_number(all, "under_way", p->stats.under_way) && add_all(all, p))
        text = cJSON_PrintUnformatted(all);
    cJSON_Delete(all);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    sl_buf_append_str(out, text);
    sl_buf_append_byte(out, '\n');
    free(text);
}

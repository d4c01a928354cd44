/* target_redis.c - a redis stream as a target: XADD pipelined through hiredis, XREAD in pages. */
#include "client_redis.h"
#include "target.h"

#include <stdio.h>

enum { READ_PAGE = 1000 };

#define STREAM "events"

extern const target_ops_t target_redis;

static void *open_redis(const target_plan_t *plan)
{
    return client_redis_connect(plan->port);
}

static bool send_redis(void *target, const mix_event_t *event)
{
    return client_redis_append(target, STREAM, NULL, event);
}

static bool flush_redis(void *target)
{
    return client_redis_write(target);
}

static long take_redis(void *target)
{
    long kept = client_redis_answers(target);
    if (kept != 0)
        return kept;
    if (redisBufferRead(target) != REDIS_OK) { /* waits: there is always one outstanding */
        client_redis_told(target, NULL);
        return -1;
    }
    return client_redis_answers(target);
}

static void close_redis(void *target)
{
    if (target != NULL)
        redisFree(target);
}

/* Counts a page: [[stream, [[id, [field, value]], …]]].  @return its last id, "" when it is empty.
 */
static const char *count_page(const redisReply *page, share_slot_t *slot)
{
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 1 || page->element[0]->elements != 2)
        return "";
    const redisReply *entries = page->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        share_add(&slot->bytes, entries->element[i]->element[1]->element[1]->len);
        share_add(&slot->events, 1);
    }
    return entries->elements > 0 ? entries->element[entries->elements - 1]->element[0]->str : "";
}

static bool read_redis(const target_plan_t *plan, share_slot_t *slot, uint64_t events)
{
    redisContext *redis = open_redis(plan);
    char last[64] = "0";
    bool sound = redis != NULL;
    while (sound && share_get(&slot->events) < events) {
        redisReply *page =
            redisCommand(redis, "XREAD COUNT %d STREAMS " STREAM " %s", READ_PAGE, last);
        sound = page != NULL && page->type != REDIS_REPLY_ERROR;
        if (sound)
            snprintf(last, sizeof last, "%s", count_page(page, slot));
        else
            client_redis_told(redis, page);
        sound = sound && last[0] != '\0';
        if (page != NULL)
            freeReplyObject(page);
    }
    close_redis(redis);
    return sound;
}

const target_ops_t target_redis = {
    .name = "redis",
    .library = client_redis_version,
    .open = open_redis,
    .send = send_redis,
    .flush = flush_redis,
    .take = take_redis,
    .close = close_redis,
    .read_all = read_redis,
};

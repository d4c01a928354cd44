/* carrier_redis.c - redis pub/sub as a carrier, through its own client library, hiredis: PUBLISHes
 * are appended and written together, without replies (CLIENT REPLY OFF); a subscriber feeds the
 * library's reader with what is there and takes reply after reply, in the thread that drains. */
#include "carrier_servers.h"
#include "client_redis.h"

#include <stdlib.h>

enum { WRITE_BYTES = 32 * 1024 };

extern const carrier_ops_t carrier_redis;

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_redis(server, setup, plan);
    client_redis_add_version(server);
    return err;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct redis_pub {
    redisContext *redis;
    size_t waiting; /* bytes in the library's buffer, about */
} redis_pub_t;

static void *pub_open(const carrier_plan_t *plan)
{
    redis_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    pub->redis = client_redis_connect(plan->port);
    if (pub->redis != NULL && redisAppendCommand(pub->redis, "CLIENT REPLY OFF") == REDIS_OK &&
        client_redis_write(pub->redis))
        return pub;
    if (pub->redis != NULL)
        redisFree(pub->redis);
    free(pub);
    return NULL;
}

static bool pub_flush(void *ctx)
{
    redis_pub_t *pub = ctx;
    pub->waiting = 0;
    return client_redis_write(pub->redis);
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    redis_pub_t *pub = ctx;
    const char *argv[] = {"PUBLISH", event->topic, (const char *)event->data};
    size_t lens[] = {7, event->topic_len, event->len};
    if (redisAppendCommandArgv(pub->redis, 3, argv, lens) != REDIS_OK)
        return client_redis_told(pub->redis, NULL);
    pub->waiting += event->len;
    return pub->waiting < WRITE_BYTES || pub_flush(pub);
}

static uint64_t pub_close(void *ctx)
{
    redis_pub_t *pub = ctx;
    pub_flush(pub);
    redisFree(pub->redis);
    free(pub);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct redis_sub {
    redisContext *redis;
    bool ready;
} redis_sub_t;

static void sub_close(void *ctx)
{
    redis_sub_t *sub = ctx;
    if (sub->redis != NULL)
        redisFree(sub->redis);
    free(sub);
}

static bool subscribe(redisContext *redis, const carrier_plan_t *plan)
{
    const char *argv[1 + MIX_TOPICS] = {"SUBSCRIBE"};
    for (size_t i = 0; i < MIX_TOPICS; i++)
        argv[i + 1] = plan->topics[i];
    if (redisAppendCommandArgv(redis, 1 + MIX_TOPICS, argv, NULL) != REDIS_OK)
        return client_redis_told(redis, NULL);
    return client_redis_write(redis);
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    redis_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    sub->redis = client_redis_connect(plan->port);
    if (sub->redis != NULL && subscribe(sub->redis, plan) &&
        client_redis_make_nonblocking(sub->redis)) {
        *fd = sub->redis->fd;
        return sub;
    }
    sub_close(sub);
    return NULL;
}

static bool sub_ready(const void *ctx)
{
    return ((const redis_sub_t *)ctx)->ready;
}

/* ["message", topic, payload], or ["subscribe", topic, count]: redis does one command at a time, so
 * the first answer to SUBSCRIBE says that all of it is in force. */
static bool take_reply(void *ctx, const redisReply *reply, const carrier_sink_t *sink)
{
    redis_sub_t *sub = ctx;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        sink->fault(sink->ctx);
    else if (reply->element[2]->type == REDIS_REPLY_STRING)
        sink->event(sink->ctx, reply->element[2]->str, reply->element[2]->len);
    else
        sub->ready = true;
    return true;
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    redis_sub_t *sub = ctx;
    return client_redis_drain(sub->redis, take_reply, sub, sink);
}

const carrier_ops_t carrier_redis = {
    .name = "redis",
    .guarantee = CARRIER_REDIS_GUARANTEE,
    .settings = CARRIER_REDIS_SETTINGS,
    .start = start,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

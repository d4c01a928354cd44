/* carrier_redis.c - redis pub/sub as a carrier, through its own client library, hiredis: PUBLISHes
 * are appended and written together, without replies (CLIENT REPLY OFF); a subscriber feeds the
 * library's reader with what is there and takes reply after reply, in the thread that drains. */
#include "carrier_servers.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITE_BYTES = 32 * 1024 };

extern const carrier_ops_t carrier_redis;

static bool told(const redisContext *redis)
{
    fprintf(stderr, "sluice-bench: redis: %s\n", redis == NULL ? "out of memory" : redis->errstr);
    return false;
}

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_redis(server, setup, plan);
    carrier_add_version(server, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return err;
}

static redisContext *connect_redis(const carrier_plan_t *plan)
{
    redisContext *redis = redisConnect("127.0.0.1", plan->port);
    if (redis != NULL && redis->err == 0)
        return redis;
    told(redis);
    if (redis != NULL)
        redisFree(redis);
    return NULL;
}

static bool write_all(redisContext *redis)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(redis, &done) != REDIS_OK)
            return told(redis);
    return true;
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
    pub->redis = connect_redis(plan);
    if (pub->redis != NULL && redisAppendCommand(pub->redis, "CLIENT REPLY OFF") == REDIS_OK &&
        write_all(pub->redis))
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
    return write_all(pub->redis);
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    redis_pub_t *pub = ctx;
    const char *argv[] = {"PUBLISH", event->topic, (const char *)event->data};
    size_t lens[] = {7, event->topic_len, event->len};
    if (redisAppendCommandArgv(pub->redis, 3, argv, lens) != REDIS_OK)
        return told(pub->redis);
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
    return (redisAppendCommandArgv(redis, 1 + MIX_TOPICS, argv, NULL) == REDIS_OK &&
            write_all(redis)) ||
           told(redis);
}

/* From here on its reads return at once: the library asks its flags whether EAGAIN is an error. */
static bool make_nonblocking(redisContext *redis)
{
    redis->flags &= ~REDIS_BLOCK;
    redis->reader->maxbuf = 0; /* the buffer is kept, however large it grew */
    return fcntl(redis->fd, F_SETFL, fcntl(redis->fd, F_GETFL) | O_NONBLOCK) == 0;
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    redis_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    sub->redis = connect_redis(plan);
    if (sub->redis != NULL && subscribe(sub->redis, plan) && make_nonblocking(sub->redis)) {
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
static void take_reply(redis_sub_t *sub, const redisReply *reply, const carrier_sink_t *sink)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        sink->fault(sink->ctx);
    else if (reply->element[2]->type == REDIS_REPLY_STRING)
        sink->event(sink->ctx, reply->element[2]->str, reply->element[2]->len);
    else
        sub->ready = true;
}

static bool take_replies(redis_sub_t *sub, const carrier_sink_t *sink)
{
    for (;;) {
        redisReply *reply = NULL;
        if (redisGetReplyFromReader(sub->redis, (void **)&reply) != REDIS_OK)
            return false;
        if (reply == NULL)
            return true;
        take_reply(sub, reply, sink);
        freeReplyObject(reply);
    }
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    redis_sub_t *sub = ctx;
    for (;;) {
        errno = 0;
        if (redisBufferRead(sub->redis) != REDIS_OK)
            return false;
        if (errno == EAGAIN)
            return true;
        if (!take_replies(sub, sink))
            return false;
    }
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

/* carrier_redis_stream.c - redis streams as a carrier, one for each topic, as the documentation of
 * redis and of its client library, hiredis, shows them: XADDs are pipelined, and a subscriber asks
 * with XREAD for what is behind the last entry it has of each stream.
 *
 *     publisher    XADD, XADD, … written together -> as many answers, taken when they are there
 *     subscriber   XREAD COUNT BLOCK -> a page of each stream that has more -> XREAD, …
 *
 * A subscriber begins at the beginning of the streams, so it misses nothing from when it connects.
 */
#include "carrier_servers.h"
#include "client_redis.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_BYTES = 32 * 1024, ANSWER_TIMEOUT_MS = 10000, TOPIC_BYTES = 160, ID_BYTES = 48 };

#define PAGE "1000"   /* entries of one stream in one answer */
#define MOST "100000" /* entries that a stream keeps where nobody is held, about */

extern const carrier_ops_t carrier_redis_stream;

static sl_err start(carrier_server_t *server, const carrier_setup_t *setup, carrier_plan_t *plan)
{
    sl_err err = carrier_start_redis_stream(server, setup, plan);
    client_redis_add_version(server);
    return err;
}

/* -- publisher ------------------------------------------------------------------------------ */

typedef struct stream_pub {
    redisContext *redis;
    const char *most;
    size_t waiting;     /* bytes in the library's buffer, about */
    size_t outstanding; /* XADDs without an answer */
} stream_pub_t;

static void *pub_open(const carrier_plan_t *plan)
{
    stream_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return NULL;
    pub->most = plan->held ? NULL : MOST;
    pub->redis = client_redis_connect(plan->port);
    if (pub->redis != NULL)
        return pub;
    free(pub);
    return NULL;
}

/* @param wait_ms  for each of those outstanding; 0: takes what is there. */
static bool take_answers(stream_pub_t *pub, int wait_ms)
{
    struct pollfd readable = {.fd = pub->redis->fd, .events = POLLIN};
    while (pub->outstanding > 0 && poll(&readable, 1, wait_ms) > 0) {
        if (redisBufferRead(pub->redis) != REDIS_OK)
            return client_redis_told(pub->redis, NULL);
        long answered = client_redis_answers(pub->redis);
        if (answered < 0)
            return false;
        pub->outstanding -= (size_t)answered;
    }
    return true;
}

static bool pub_turn(void *ctx)
{
    return take_answers(ctx, 0);
}

static bool write_out(stream_pub_t *pub)
{
    pub->waiting = 0;
    return client_redis_write(pub->redis);
}

static bool pub_flush(void *ctx)
{
    return write_out(ctx) && take_answers(ctx, 0);
}

static bool pub_send(void *ctx, const mix_event_t *event)
{
    stream_pub_t *pub = ctx;
    if (!client_redis_append(pub->redis, event->topic, pub->most, event))
        return false;
    pub->outstanding++;
    pub->waiting += event->len;
    return pub->waiting < WRITE_BYTES || write_out(pub);
}

static uint64_t pub_close(void *ctx)
{
    stream_pub_t *pub = ctx;
    if (write_out(pub) && take_answers(pub, ANSWER_TIMEOUT_MS) && pub->outstanding > 0)
        fprintf(stderr, "sluice-bench: redis: %zu events without an answer\n", pub->outstanding);
    redisFree(pub->redis);
    free(pub);
    return 0;
}

/* -- subscribers ---------------------------------------------------------------------------- */

typedef struct stream {
    char topic[TOPIC_BYTES];
    char last[ID_BYTES]; /* of the entries it has */
} stream_t;

typedef struct stream_sub {
    redisContext *redis;
    stream_t streams[MIX_TOPICS];
} stream_sub_t;

/* Waits in the server until one of the streams has more. */
static bool ask(stream_sub_t *sub)
{
    enum { WORDS = 6 };
    const char *argv[WORDS + 2 * MIX_TOPICS] = {"XREAD", "COUNT", PAGE, "BLOCK", "0", "STREAMS"};
    for (size_t i = 0; i < MIX_TOPICS; i++) {
        argv[WORDS + i] = sub->streams[i].topic;
        argv[WORDS + MIX_TOPICS + i] = sub->streams[i].last;
    }
    if (redisAppendCommandArgv(sub->redis, WORDS + 2 * MIX_TOPICS, argv, NULL) != REDIS_OK)
        return client_redis_told(sub->redis, NULL);
    return client_redis_write(sub->redis);
}

static void sub_close(void *ctx)
{
    stream_sub_t *sub = ctx;
    if (sub->redis != NULL)
        redisFree(sub->redis);
    free(sub);
}

static void *sub_open(const carrier_plan_t *plan, int *fd)
{
    stream_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    for (size_t i = 0; i < MIX_TOPICS; i++) {
        snprintf(sub->streams[i].topic, TOPIC_BYTES, "%s", plan->topics[i]);
        snprintf(sub->streams[i].last, ID_BYTES, "0");
    }
    sub->redis = client_redis_connect(plan->port);
    if (sub->redis != NULL && ask(sub) && client_redis_make_nonblocking(sub->redis)) {
        *fd = sub->redis->fd;
        return sub;
    }
    sub_close(sub);
    return NULL;
}

/* What is published from now on is kept, so it will be read. */
static bool sub_ready(const void *ctx)
{
    return ctx != NULL;
}

static bool is_array(const redisReply *reply, size_t elements)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

static stream_t *stream_of(stream_sub_t *sub, const redisReply *name)
{
    for (size_t i = 0; name->type == REDIS_REPLY_STRING && i < MIX_TOPICS; i++)
        if (strcmp(sub->streams[i].topic, name->str) == 0)
            return &sub->streams[i];
    return NULL;
}

/* [id, [field, value]] */
static bool take_entry(const redisReply *entry, const carrier_sink_t *sink)
{
    if (!is_array(entry, 2) || entry->element[0]->type != REDIS_REPLY_STRING ||
        !is_array(entry->element[1], 2))
        return false;
    const redisReply *value = entry->element[1]->element[1];
    if (value->type != REDIS_REPLY_STRING)
        return false;
    sink->event(sink->ctx, value->str, value->len);
    return true;
}

/* [stream, [entry, …]] */
static bool take_page(stream_sub_t *sub, const redisReply *page, const carrier_sink_t *sink)
{
    if (!is_array(page, 2) || page->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    const redisReply *entries = page->element[1];
    stream_t *stream = stream_of(sub, page->element[0]);
    if (stream == NULL || entries->elements == 0)
        return false;
    for (size_t i = 0; i < entries->elements; i++)
        if (!take_entry(entries->element[i], sink))
            return false;
    const redisReply *last = entries->element[entries->elements - 1];
    snprintf(stream->last, ID_BYTES, "%s", last->element[0]->str);
    return true;
}

/* [page, …]  Without knowing what it has it cannot ask for more: what is malformed is its end. */
static bool take_reply(void *ctx, const redisReply *reply, const carrier_sink_t *sink)
{
    stream_sub_t *sub = ctx;
    if (reply->type == REDIS_REPLY_ERROR)
        return client_redis_told(sub->redis, reply);
    bool good = reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; good && i < reply->elements; i++)
        good = take_page(sub, reply->element[i], sink);
    if (!good)
        sink->fault(sink->ctx);
    return good && ask(sub);
}

static bool sub_drain(void *ctx, const carrier_sink_t *sink)
{
    stream_sub_t *sub = ctx;
    return client_redis_drain(sub->redis, take_reply, sub, sink);
}

const carrier_ops_t carrier_redis_stream = {
    .name = "redis-stream",
    .guarantee = "acknowledged before its log is synced, which it is every second; duplicates are "
                 "not recognised; a subscriber reads on behind the last entry it has, and is not "
                 "told of what was trimmed meanwhile",
    .settings = "the documented client alone: pipelined XADDs on a stream for each topic, XREAD "
                "with BLOCK 0 and COUNT " PAGE "; appendonly, appendfsync everysec, no rewriting "
                "of the log, no snapshots; held: nothing is trimmed, else MAXLEN ~ " MOST,
    .keeps = true,
    .start = start,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_turn = pub_turn,
    .pub_flush = pub_flush,
    .pub_close = pub_close,
    .sub_open = sub_open,
    .sub_ready = sub_ready,
    .sub_drain = sub_drain,
    .sub_close = sub_close,
};

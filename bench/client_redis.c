#include "client_redis.h"

#include "carrier_servers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

bool client_redis_told(const redisContext *redis, const redisReply *reply)
{
    fprintf(stderr, "sluice-bench: redis: %s\n",
            reply != NULL ? reply->str : (redis == NULL ? "out of memory" : redis->errstr));
    return false;
}

redisContext *client_redis_connect(uint16_t port)
{
    redisContext *redis = redisConnect("127.0.0.1", port);
    if (redis != NULL && redis->err == 0)
        return redis;
    client_redis_told(redis, NULL);
    if (redis != NULL)
        redisFree(redis);
    return NULL;
}

bool client_redis_write(redisContext *redis)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(redis, &done) != REDIS_OK)
            return client_redis_told(redis, NULL);
    return true;
}

bool client_redis_append(redisContext *redis, const char *stream, const char *most,
                         const mix_event_t *event)
{
    enum { WORDS_MAX = 8 };
    const char *argv[WORDS_MAX] = {"XADD", stream};
    size_t lens[WORDS_MAX];
    int count = 2;
    if (most != NULL) {
        argv[count++] = "MAXLEN";
        argv[count++] = "~";
        argv[count++] = most;
    }
    argv[count++] = "*";
    argv[count++] = "e";
    for (int i = 0; i < count; i++)
        lens[i] = strlen(argv[i]);
    argv[count] = (const char *)event->data;
    lens[count++] = event->len;
    return redisAppendCommandArgv(redis, count, argv, lens) == REDIS_OK ||
           client_redis_told(redis, NULL);
}

long client_redis_answers(redisContext *redis)
{
    for (long count = 0;; count++) {
        redisReply *reply = NULL;
        if (redisGetReplyFromReader(redis, (void **)&reply) != REDIS_OK) {
            client_redis_told(redis, NULL);
            return -1;
        }
        if (reply == NULL)
            return count;
        bool refused = reply->type == REDIS_REPLY_ERROR;
        if (refused)
            client_redis_told(redis, reply);
        freeReplyObject(reply);
        if (refused)
            return -1;
    }
}

void client_redis_version(char *out, size_t size)
{
    snprintf(out, size, "hiredis %d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
}

/* -- carriers ------------------------------------------------------------------------------- */

void client_redis_add_version(carrier_server_t *server)
{
    char version[CLIENT_REDIS_VERSION_MAX];
    client_redis_version(version, sizeof version);
    carrier_add_version(server, "%s", version);
}

/* The library asks its flags whether EAGAIN is an error. */
bool client_redis_make_nonblocking(redisContext *redis)
{
    redis->flags &= ~REDIS_BLOCK;
    redis->reader->maxbuf = 0; /* the buffer is kept, however large it grew */
    return fcntl(redis->fd, F_SETFL, fcntl(redis->fd, F_GETFL) | O_NONBLOCK) == 0;
}

static bool take_replies(redisContext *redis, client_redis_take_fn *take, void *sub,
                         const carrier_sink_t *sink)
{
    for (;;) {
        redisReply *reply = NULL;
        if (redisGetReplyFromReader(redis, (void **)&reply) != REDIS_OK)
            return false;
        if (reply == NULL)
            return true;
        bool good = take(sub, reply, sink);
        freeReplyObject(reply);
        if (!good)
            return false;
    }
}

bool client_redis_drain(redisContext *redis, client_redis_take_fn *take, void *sub,
                        const carrier_sink_t *sink)
{
    for (;;) {
        errno = 0;
        if (redisBufferRead(redis) != REDIS_OK)
            return false;
        if (errno == EAGAIN)
            return true;
        if (!take_replies(redis, take, sub, sink))
            return false;
    }
}

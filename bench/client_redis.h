/* client_redis.h - what the carriers and the target that speak through hiredis share. */
#ifndef BENCH_CLIENT_REDIS_H
#define BENCH_CLIENT_REDIS_H

#include "carrier.h"

#include <hiredis/hiredis.h>

enum { CLIENT_REDIS_VERSION_MAX = 64 };

/** "hiredis 0.14.1". */
void client_redis_version(char *out, size_t size);

/** Tells on stderr what is wrong.
 *  @param redis  NULL: there is no memory.
 *  @param reply  an error that redis answered; NULL: the connection's own.
 *  @return false. */
bool client_redis_told(const redisContext *redis, const redisReply *reply);

/** @return NULL, told on stderr. */
redisContext *client_redis_connect(uint16_t port);

/** All that is in the library's buffer leaves.  @return false, told on stderr. */
bool client_redis_write(redisContext *redis);

/** Appends an event to a stream, in the library's buffer: XADD.
 *  @param most  entries that the stream keeps, about; NULL: all.
 *  @return false, told on stderr. */
bool client_redis_append(redisContext *redis, const char *stream, const char *most,
                         const mix_event_t *event);

/** Takes every answer that was read.  @return how many; -1: one is an error, told on stderr. */
long client_redis_answers(redisContext *redis);

/* -- carriers ------------------------------------------------------------------------------- */

/** As carrier_ops_t's start does at its end. */
void client_redis_add_version(carrier_server_t *server);

/** From here on its reads return at once. */
bool client_redis_make_nonblocking(redisContext *redis);

/** Takes one reply.  @return false: there is no going on. */
typedef bool client_redis_take_fn(void *sub, const redisReply *reply, const carrier_sink_t *sink);

/** Reads what is there, reply after reply, until there is no more.
 *  @param redis  nonblocking.
 *  @return false: it is disconnected, or `take` says so. */
bool client_redis_drain(redisContext *redis, client_redis_take_fn *take, void *sub,
                        const carrier_sink_t *sink);

#endif

/* text_frame.h - the two text protocols of redis and NATS, as far as publish/subscribe needs them:
 * a lean client of each for the bench `slow`, with no more work an event than its bytes cost. */
#ifndef BENCH_TEXT_FRAME_H
#define BENCH_TEXT_FRAME_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    TEXT_PART,  /**< not whole yet */
    TEXT_EVENT, /**< an event: its payload is in the frame */
    TEXT_READY, /**< the subscription is in force */
    TEXT_PING,  /**< must be answered with `pong` */
    TEXT_OTHER, /**< nothing that concerns a subscriber */
    TEXT_BAD,   /**< an error, or bytes that are none of the protocol's */
} text_kind_t;

typedef struct text_frame {
    size_t len; /**< of the whole frame: what to go on behind */
    const uint8_t *payload;
    size_t payload_len;
} text_frame_t;

typedef struct text_protocol {
    const char *name;
    /** Reads the frame at the front. */
    text_kind_t (*read)(const uint8_t *data, size_t len, text_frame_t *frame);
    /** Appends what subscribes to `topics` and makes TEXT_READY come. */
    void (*put_subscribe)(sl_buf_t *out, const char *const *topics, size_t count);
    void (*put_publish)(sl_buf_t *out, const char *topic, const void *data, size_t len);
    const char *hello; /**< a publisher's first words */
    const char *pong;
} text_protocol_t;

extern const text_protocol_t text_redis, text_nats;

#endif

/* frame.h - the protocols of redis, NATS and MQTT, as far as publish/subscribe needs them: what a
 * lean client puts on a plain socket and reads from it, with no more work an event than its bytes
 * cost. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FRAME_PART,  /**< not whole yet */
    FRAME_EVENT, /**< an event: its payload is in the frame */
    FRAME_READY, /**< the subscription is in force */
    FRAME_PING,  /**< must be answered with put_pong */
    FRAME_OTHER, /**< nothing that concerns us */
    FRAME_BAD,   /**< an error, or bytes that are none of the protocol's */
} frame_kind_t;

typedef struct frame {
    size_t len; /**< of the whole frame: what to go on behind */
    const uint8_t *payload;
    size_t payload_len;
} frame_t;

typedef struct frame_protocol {
    const char *name;
    /** Reads the frame at the front. */
    frame_kind_t (*read)(const uint8_t *data, size_t len, frame_t *frame);
    /** Appends what subscribes to `topics` and makes FRAME_READY come. */
    void (*put_subscribe)(sl_buf_t *out, const char *const *topics, size_t count);
    /** Appends a publisher's first words. */
    void (*put_hello)(sl_buf_t *out);
    void (*put_publish)(sl_buf_t *out, const char *topic, size_t topic_len, const void *data,
                        size_t len);
    void (*put_pong)(sl_buf_t *out); /**< NULL where no FRAME_PING comes */
} frame_protocol_t;

/** redis: RESP2.  MQTT: 3.1.1, QoS 0. */
extern const frame_protocol_t frame_redis, frame_nats, frame_mqtt;

#endif

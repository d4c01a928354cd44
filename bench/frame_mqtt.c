/* frame_mqtt.c - MQTT 3.1.1 with QoS 0.
 *
 *     | kind << 4 | flags | length, 7 bits a byte, 1 to 4 of them | body |
 *
 * A PUBLISH's body is the topic, its length before it in two bytes, and the payload.  Keep-alive is
 * 0, so that nobody need ping. */
#include "frame.h"

#include <string.h>

enum {
    CONNECT = 0x10,
    CONNACK = 0x20,
    PUBLISH = 0x30,
    SUBSCRIBE = 0x82, /* with the flags it must have */
    SUBACK = 0x90,
    PINGRESP = 0xd0,
    KIND = 0xf0,
    QOS = 0x06,
    REFUSED = 0x80, /* of a SUBACK's codes, one a topic */
    LENGTH_BYTES_MAX = 4,
    MORE = 0x80,
};

/* The head at the front.  @param head  receives its length, `body` that of what follows.
 *  @return FRAME_OTHER once it is whole. */
static frame_kind_t read_head(const uint8_t *data, size_t len, size_t *head, size_t *body)
{
    for (size_t i = 0; i < LENGTH_BYTES_MAX; i++) {
        if (i + 1 >= len)
            return FRAME_PART;
        *body |= (size_t)(data[i + 1] & (MORE - 1)) << 7 * i;
        *head = i + 2;
        if ((data[i + 1] & MORE) == 0)
            return FRAME_OTHER;
    }
    return FRAME_BAD;
}

static frame_kind_t read_publish(uint8_t first, const uint8_t *body, size_t len, frame_t *frame)
{
    if ((first & QOS) != 0 || len < 2)
        return FRAME_BAD;
    size_t topic_end = 2 + ((size_t)body[0] << 8 | body[1]);
    if (topic_end > len)
        return FRAME_BAD;
    frame->payload = body + topic_end;
    frame->payload_len = len - topic_end;
    return FRAME_EVENT;
}

/* Two bytes that repeat the request's number, and a code for each topic. */
static frame_kind_t read_suback(const uint8_t *body, size_t len)
{
    for (size_t i = 2; i < len; i++)
        if ((body[i] & REFUSED) != 0)
            return FRAME_BAD;
    return len > 2 ? FRAME_READY : FRAME_BAD;
}

static frame_kind_t read_mqtt(const uint8_t *data, size_t len, frame_t *frame)
{
    size_t head = 0, body = 0;
    frame_kind_t kind = read_head(data, len, &head, &body);
    if (kind != FRAME_OTHER)
        return kind;
    frame->len = head + body;
    if (frame->len > len)
        return FRAME_PART;
    switch (data[0] & KIND) {
    case PUBLISH:
        return read_publish(data[0], data + head, body, frame);
    case SUBACK:
        return read_suback(data + head, body);
    case CONNACK:
        return body == 2 && data[head + 1] == 0 ? FRAME_OTHER : FRAME_BAD;
    case PINGRESP:
        return FRAME_OTHER;
    default:
        return FRAME_BAD;
    }
}

static void put_head(sl_buf_t *out, uint8_t first, size_t body)
{
    sl_buf_append_byte(out, first);
    do {
        uint8_t low = (uint8_t)(body & (MORE - 1));
        body >>= 7;
        sl_buf_append_byte(out, body > 0 ? low | MORE : low);
    } while (body > 0);
}

static void put_string(sl_buf_t *out, const char *text, size_t len)
{
    sl_buf_append_byte(out, (uint8_t)(len >> 8));
    sl_buf_append_byte(out, (uint8_t)len);
    sl_buf_append(out, text, len);
}

/* Level 4, a clean session, no keep-alive; the server makes a name up for who gives none. */
static void put_mqtt_hello(sl_buf_t *out)
{
    static const uint8_t rest[] = {4, 2, 0, 0, 0, 0};
    put_head(out, CONNECT, 2 + 4 + sizeof rest);
    put_string(out, "MQTT", 4);
    sl_buf_append(out, rest, sizeof rest);
}

static void put_mqtt_subscribe(sl_buf_t *out, const char *const *topics, size_t count)
{
    static const uint8_t number[] = {0, 1};
    size_t body = sizeof number;
    for (size_t i = 0; i < count; i++)
        body += 2 + strlen(topics[i]) + 1;
    put_mqtt_hello(out);
    put_head(out, SUBSCRIBE, body);
    sl_buf_append(out, number, sizeof number);
    for (size_t i = 0; i < count; i++) {
        put_string(out, topics[i], strlen(topics[i]));
        sl_buf_append_byte(out, 0); /* QoS */
    }
}

static void put_mqtt_publish(sl_buf_t *out, const char *topic, size_t topic_len, const void *data,
                             size_t len)
{
    put_head(out, PUBLISH, 2 + topic_len + len);
    put_string(out, topic, topic_len);
    sl_buf_append(out, data, len);
}

const frame_protocol_t frame_mqtt = {
    .name = "mosquitto",
    .read = read_mqtt,
    .put_subscribe = put_mqtt_subscribe,
    .put_hello = put_mqtt_hello,
    .put_publish = put_mqtt_publish,
};

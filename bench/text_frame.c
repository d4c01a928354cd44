#include "text_frame.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 512, LINE_MAX_BYTES = 65536 };

static void put_text(sl_buf_t *out, const char *text)
{
    sl_buf_append(out, text, strlen(text));
}

/* The length of the line at the front with its CR LF; 0: it is not whole. */
static size_t line_len(const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, '\n', len);
    return end != NULL ? (size_t)(end - data) + 1 : 0;
}

/* The number at `at`, up to the first byte that is no digit. */
static size_t number_at(const uint8_t *at, const uint8_t *end)
{
    size_t value = 0;
    for (; at < end && *at >= '0' && *at <= '9' && value < LINE_MAX_BYTES * 1024; at++)
        value = value * 10 + (size_t)(*at - '0');
    return value;
}

static bool begins(const uint8_t *data, size_t len, const char *text)
{
    size_t text_len = strlen(text);
    return len >= text_len && memcmp(data, text, text_len) == 0;
}

/* -- NATS: INFO, MSG <subject> <sid> <bytes>, PING, PONG, +OK, -ERR ------------------------- */

static text_kind_t read_nats_msg(const uint8_t *data, size_t len, size_t head, text_frame_t *frame)
{
    const uint8_t *last = data + head - 2; /* the last word of the line is the payload's length */
    while (last > data && last[-1] != ' ')
        last--;
    frame->payload_len = number_at(last, data + head);
    frame->payload = data + head;
    frame->len = head + frame->payload_len + 2;
    return frame->len <= len ? TEXT_EVENT : TEXT_PART;
}

static text_kind_t read_nats(const uint8_t *data, size_t len, text_frame_t *frame)
{
    size_t head = line_len(data, len);
    if (head < 2)
        return head == 0 && len < LINE_MAX_BYTES ? TEXT_PART : TEXT_BAD;
    frame->len = head;
    if (begins(data, head, "MSG "))
        return read_nats_msg(data, len, head, frame);
    if (begins(data, head, "PING"))
        return TEXT_PING;
    if (begins(data, head, "PONG"))
        return TEXT_READY;
    return begins(data, head, "INFO ") || begins(data, head, "+OK") ? TEXT_OTHER : TEXT_BAD;
}

#define NATS_CONNECT \
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"name\":\"bench\"}\r\n"

static void put_nats_subscribe(sl_buf_t *out, const char *const *topics, size_t count)
{
    put_text(out, NATS_CONNECT);
    for (size_t i = 0; i < count; i++) {
        char line[HEAD_MAX];
        snprintf(line, sizeof line, "SUB %s %zu\r\n", topics[i], i + 1);
        put_text(out, line);
    }
    put_text(out, "PING\r\n");
}

static void put_nats_publish(sl_buf_t *out, const char *topic, const void *data, size_t len)
{
    char head[HEAD_MAX];
    snprintf(head, sizeof head, "PUB %s %zu\r\n", topic, len);
    put_text(out, head);
    sl_buf_append(out, data, len);
    put_text(out, "\r\n");
}

/* -- redis: arrays of three: "message", topic, payload; "subscribe", topic, :count ---------- */

/* A bulk string "$<len>\r\n<bytes>\r\n" at `at`. */
static text_kind_t read_bulk(const uint8_t *data, size_t len, size_t at, text_frame_t *bulk)
{
    size_t head = line_len(data + at, len - at);
    if (head == 0)
        return TEXT_PART;
    if (data[at] != '$')
        return TEXT_BAD;
    bulk->payload_len = number_at(data + at + 1, data + at + head);
    bulk->payload = data + at + head;
    bulk->len = at + head + bulk->payload_len + 2; /* where the next begins */
    return bulk->len <= len ? TEXT_EVENT : TEXT_PART;
}

static text_kind_t read_redis_array(const uint8_t *data, size_t len, size_t head,
                                    text_frame_t *frame)
{
    text_frame_t what, topic;
    text_kind_t kind = read_bulk(data, len, head, &what);
    if (kind == TEXT_EVENT)
        kind = read_bulk(data, len, what.len, &topic);
    if (kind != TEXT_EVENT)
        return kind;
    if (what.payload_len == 7 && memcmp(what.payload, "message", 7) == 0)
        return read_bulk(data, len, topic.len, frame);
    size_t rest = line_len(data + topic.len, len - topic.len); /* :count */
    if (rest == 0)
        return TEXT_PART;
    frame->len = topic.len + rest;
    return TEXT_READY;
}

static text_kind_t read_redis(const uint8_t *data, size_t len, text_frame_t *frame)
{
    size_t head = line_len(data, len);
    if (head < 2)
        return head == 0 && len < LINE_MAX_BYTES ? TEXT_PART : TEXT_BAD;
    frame->len = head;
    if (begins(data, head, "*3\r"))
        return read_redis_array(data, len, head, frame);
    return data[0] == ':' || data[0] == '+' ? TEXT_OTHER : TEXT_BAD;
}

static void put_bulk(sl_buf_t *out, const void *data, size_t len)
{
    char head[32];
    snprintf(head, sizeof head, "$%zu\r\n", len);
    put_text(out, head);
    sl_buf_append(out, data, len);
    put_text(out, "\r\n");
}

static void put_redis_subscribe(sl_buf_t *out, const char *const *topics, size_t count)
{
    char head[32];
    snprintf(head, sizeof head, "*%zu\r\n", count + 1);
    put_text(out, head);
    put_bulk(out, "SUBSCRIBE", 9);
    for (size_t i = 0; i < count; i++)
        put_bulk(out, topics[i], strlen(topics[i]));
}

static void put_redis_publish(sl_buf_t *out, const char *topic, const void *data, size_t len)
{
    put_text(out, "*3\r\n");
    put_bulk(out, "PUBLISH", 7);
    put_bulk(out, topic, strlen(topic));
    put_bulk(out, data, len);
}

const text_protocol_t text_nats = {"nats",           read_nats,    put_nats_subscribe,
                                   put_nats_publish, NATS_CONNECT, "PONG\r\n"};
const text_protocol_t text_redis = {"redis",           read_redis, put_redis_subscribe,
                                    put_redis_publish, "",         ""};

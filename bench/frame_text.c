/* frame_text.c - the two protocols whose heads are lines of text: NATS and redis. */
#include "frame.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_MAX_BYTES = 65536, DIGITS_MAX = 20 };

#define PUT(out, literal) sl_buf_append(out, literal, sizeof(literal) - 1)

static void put_number(sl_buf_t *out, size_t number)
{
    char digits[DIGITS_MAX], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    sl_buf_append(out, at, (size_t)(digits + sizeof digits - at));
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

static frame_kind_t read_nats_msg(const uint8_t *data, size_t len, size_t head, frame_t *frame)
{
    const uint8_t *last = data + head - 2; /* the last word of the line is the payload's length */
    while (last > data && last[-1] != ' ')
        last--;
    frame->payload_len = number_at(last, data + head);
    frame->payload = data + head;
    frame->len = head + frame->payload_len + 2;
    return frame->len <= len ? FRAME_EVENT : FRAME_PART;
}

static frame_kind_t read_nats(const uint8_t *data, size_t len, frame_t *frame)
{
    size_t head = line_len(data, len);
    if (head < 2)
        return head == 0 && len < LINE_MAX_BYTES ? FRAME_PART : FRAME_BAD;
    frame->len = head;
    if (begins(data, head, "MSG "))
        return read_nats_msg(data, len, head, frame);
    if (begins(data, head, "PING"))
        return FRAME_PING;
    if (begins(data, head, "PONG"))
        return FRAME_READY;
    return begins(data, head, "INFO ") || begins(data, head, "+OK") ? FRAME_OTHER : FRAME_BAD;
}

static void put_nats_hello(sl_buf_t *out)
{
    PUT(out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"name\":\"bench\"}"
             "\r\n");
}

static void put_nats_subscribe(sl_buf_t *out, const char *const *topics, size_t count)
{
    put_nats_hello(out);
    for (size_t i = 0; i < count; i++)
        sl_buf_printf(out, "SUB %s %zu\r\n", topics[i], i + 1);
    PUT(out, "PING\r\n");
}

static void put_nats_publish(sl_buf_t *out, const char *topic, size_t topic_len, const void *data,
                             size_t len)
{
    PUT(out, "PUB ");
    sl_buf_append(out, topic, topic_len);
    PUT(out, " ");
    put_number(out, len);
    PUT(out, "\r\n");
    sl_buf_append(out, data, len);
    PUT(out, "\r\n");
}

static void put_nats_pong(sl_buf_t *out)
{
    PUT(out, "PONG\r\n");
}

/* -- redis: arrays of three: "message", topic, payload; "subscribe", topic, :count ---------- */

/* A bulk string "$<len>\r\n<bytes>\r\n" at `at`. */
static frame_kind_t read_bulk(const uint8_t *data, size_t len, size_t at, frame_t *bulk)
{
    size_t head = line_len(data + at, len - at);
    if (head == 0)
        return FRAME_PART;
    if (data[at] != '$')
        return FRAME_BAD;
    bulk->payload_len = number_at(data + at + 1, data + at + head);
    bulk->payload = data + at + head;
    bulk->len = at + head + bulk->payload_len + 2; /* where the next begins */
    return bulk->len <= len ? FRAME_EVENT : FRAME_PART;
}

static frame_kind_t read_redis_array(const uint8_t *data, size_t len, size_t head, frame_t *frame)
{
    frame_t what, topic;
    frame_kind_t kind = read_bulk(data, len, head, &what);
    if (kind == FRAME_EVENT)
        kind = read_bulk(data, len, what.len, &topic);
    if (kind != FRAME_EVENT)
        return kind;
    if (what.payload_len == 7 && memcmp(what.payload, "message", 7) == 0)
        return read_bulk(data, len, topic.len, frame);
    size_t rest = line_len(data + topic.len, len - topic.len); /* :count */
    if (rest == 0)
        return FRAME_PART;
    frame->len = topic.len + rest;
    return FRAME_READY;
}

static frame_kind_t read_redis(const uint8_t *data, size_t len, frame_t *frame)
{
    size_t head = line_len(data, len);
    if (head < 2)
        return head == 0 && len < LINE_MAX_BYTES ? FRAME_PART : FRAME_BAD;
    frame->len = head;
    if (begins(data, head, "*3\r"))
        return read_redis_array(data, len, head, frame);
    return data[0] == ':' || data[0] == '+' ? FRAME_OTHER : FRAME_BAD;
}

static void put_bulk(sl_buf_t *out, const void *data, size_t len)
{
    PUT(out, "$");
    put_number(out, len);
    PUT(out, "\r\n");
    sl_buf_append(out, data, len);
    PUT(out, "\r\n");
}

/* It is answered once a topic; since redis does one command at a time, the first answer already
 * says that all of it is in force. */
static void put_redis_subscribe(sl_buf_t *out, const char *const *topics, size_t count)
{
    PUT(out, "*");
    put_number(out, count + 1);
    PUT(out, "\r\n");
    put_bulk(out, "SUBSCRIBE", 9);
    for (size_t i = 0; i < count; i++)
        put_bulk(out, topics[i], strlen(topics[i]));
}

/* How many got each event is nothing that a publisher in a hurry wants to be told. */
static void put_redis_hello(sl_buf_t *out)
{
    PUT(out, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n");
}

static void put_redis_publish(sl_buf_t *out, const char *topic, size_t topic_len, const void *data,
                              size_t len)
{
    PUT(out, "*3\r\n$7\r\nPUBLISH\r\n");
    put_bulk(out, topic, topic_len);
    put_bulk(out, data, len);
}

const frame_protocol_t frame_nats = {
    .name = "nats",
    .read = read_nats,
    .put_subscribe = put_nats_subscribe,
    .put_hello = put_nats_hello,
    .put_publish = put_nats_publish,
    .put_pong = put_nats_pong,
};

const frame_protocol_t frame_redis = {
    .name = "redis",
    .read = read_redis,
    .put_subscribe = put_redis_subscribe,
    .put_hello = put_redis_hello,
    .put_publish = put_redis_publish,
};

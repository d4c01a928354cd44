#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KINDS = 5 };

/* What a server sends: some frames that are no events around one that is, with the payload
 * "ab\r\ncde". */
typedef struct sample {
    const frame_protocol_t *protocol;
    const char *bytes;
    size_t len;
    frame_kind_t kinds[KINDS];
} sample_t;

#define BYTES(literal) .bytes = (literal), .len = sizeof(literal) - 1

static const sample_t samples[] = {
    {.protocol = &frame_nats,
     BYTES("INFO {\"version\":\"2.9.10\"}\r\nPONG\r\nMSG a.b 1 7\r\nab\r\ncde\r\nPING\r\n+OK\r\n"),
     .kinds = {FRAME_OTHER, FRAME_READY, FRAME_EVENT, FRAME_PING, FRAME_OTHER}},
    {.protocol = &frame_redis,
     BYTES("*3\r\n$9\r\nsubscribe\r\n$3\r\na.b\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$3\r\na.b\r\n$7\r\n"
           "ab\r\ncde\r\n:2\r\n+OK\r\n:0\r\n"),
     .kinds = {FRAME_READY, FRAME_EVENT, FRAME_OTHER, FRAME_OTHER, FRAME_OTHER}},
    {.protocol = &frame_mqtt,
     BYTES("\x20\x02\x00\x00"
           "\x90\x04\x00\x01\x00\x00"
           "\x30\x0c\x00\x03"
           "a.bab\r\ncde"
           "\xd0\x00\xd0\x00"),
     .kinds = {FRAME_OTHER, FRAME_READY, FRAME_EVENT, FRAME_OTHER, FRAME_OTHER}},
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static void frames_are_read_one_after_another(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLES; s++) {
        const uint8_t *at = (const uint8_t *)samples[s].bytes;
        size_t left = samples[s].len;
        for (size_t i = 0; i < KINDS; i++) {
            frame_t frame;
            frame_kind_t kind = samples[s].protocol->read(at, left, &frame);
            assert_int_equal(kind, samples[s].kinds[i]);
            if (kind == FRAME_EVENT) {
                assert_int_equal(frame.payload_len, 7);
                assert_memory_equal(frame.payload, "ab\r\ncde", 7);
            }
            at += frame.len;
            left -= frame.len;
        }
        assert_int_equal(left, 0);
    }
}

static void a_frame_that_is_cut_short_is_waited_for(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLES; s++) {
        const uint8_t *at = (const uint8_t *)samples[s].bytes;
        size_t left = samples[s].len;
        for (size_t i = 0; i < KINDS; i++) {
            frame_t frame, part;
            samples[s].protocol->read(at, left, &frame);
            for (size_t cut = 0; cut < frame.len; cut++) {
                uint8_t *copy = malloc(cut + 1); /* exactly so long: a sanitizer sees more */
                memcpy(copy, at, cut);
                assert_int_equal(samples[s].protocol->read(copy, cut, &part), FRAME_PART);
                free(copy);
            }
            at += frame.len;
            left -= frame.len;
        }
    }
}

typedef struct bad {
    const frame_protocol_t *protocol;
    const char *bytes;
    size_t len;
} bad_t;

static const bad_t bad[] = {
    {&frame_nats, BYTES("-ERR 'x'\r\n")},
    {&frame_redis, BYTES("-ERR x\r\n")},
    {&frame_redis, BYTES("*3\r\n:1\r\n")},
    {&frame_mqtt, BYTES("\x20\x02\x00\x05")},             /* CONNACK: not authorised */
    {&frame_mqtt, BYTES("\x90\x03\x00\x01\x80")},         /* SUBACK: refused */
    {&frame_mqtt, BYTES("\x90\x02\x00\x01")},             /* SUBACK of nothing */
    {&frame_mqtt, BYTES("\x32\x05\x00\x01x\x00\x01")},    /* PUBLISH with QoS 1 */
    {&frame_mqtt, BYTES("\x30\x03\x00\x02x")},            /* the topic is longer than the body */
    {&frame_mqtt, BYTES("\x30\x01\x00")},                 /* not even its length */
    {&frame_mqtt, BYTES("\x30\xff\xff\xff\xff\x01\x00")}, /* a length of five bytes */
    {&frame_mqtt, BYTES("\x10\x00")},                     /* a server does not CONNECT */
};

static void what_is_none_of_the_protocol_is_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        frame_t frame;
        assert_int_equal(bad[i].protocol->read((const uint8_t *)bad[i].bytes, bad[i].len, &frame),
                         FRAME_BAD);
    }
}

static void expect(sl_buf_t *out, const char *bytes, size_t len)
{
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, bytes, len);
    sl_buf_clear(out);
}
#define EXPECT(out, literal) expect(out, literal, sizeof(literal) - 1)

static void an_event_is_published_as_the_protocol_says(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    frame_nats.put_publish(&out, "a.b and more", 3, "xyz", 3);
    EXPECT(&out, "PUB a.b 3\r\nxyz\r\n");
    frame_redis.put_publish(&out, "a.b and more", 3, "xyz", 3);
    EXPECT(&out, "*3\r\n$7\r\nPUBLISH\r\n$3\r\na.b\r\n$3\r\nxyz\r\n");
    frame_mqtt.put_publish(&out, "a.b and more", 3, "xyz", 3);
    EXPECT(&out, "\x30\x08\x00\x03"
                 "a.bxyz");
    sl_buf_fini(&out);
}

static void topics_are_subscribed_as_the_protocol_says(void **state)
{
    (void)state;
    static const char *const topics[] = {"a.b", "cde"};
    sl_buf_t out = SL_BUF_INIT;
    frame_redis.put_subscribe(&out, topics, 2);
    EXPECT(&out, "*3\r\n$9\r\nSUBSCRIBE\r\n$3\r\na.b\r\n$3\r\ncde\r\n");
    frame_nats.put_subscribe(&out, topics, 2);
    EXPECT(&out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"name\":\"bench\"}"
                 "\r\nSUB a.b 1\r\nSUB cde 2\r\nPING\r\n");
    frame_mqtt.put_subscribe(&out, topics, 2);
    EXPECT(&out, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
                 "\x82\x0e\x00\x01\x00\x03"
                 "a.b\x00\x00\x03"
                 "cde\x00");
    sl_buf_fini(&out);
}

/* The length takes one byte more from 128 and from 16,384 on. */
static void an_mqtt_event_of_any_length_is_read_back(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 122, 123, 16378, 16379, 2097146, 2097147};
    uint8_t *payload = calloc(1, lens[6]);
    sl_buf_t out = SL_BUF_INIT;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        frame_t frame;
        frame_mqtt.put_publish(&out, "a.b", 3, payload, lens[i]);
        assert_int_equal(frame_mqtt.read(out.data, out.len, &frame), FRAME_EVENT);
        assert_int_equal(frame.payload_len, lens[i]);
        assert_int_equal(frame.len, out.len);
        sl_buf_clear(&out);
    }
    sl_buf_fini(&out);
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_one_after_another),
        cmocka_unit_test(a_frame_that_is_cut_short_is_waited_for),
        cmocka_unit_test(what_is_none_of_the_protocol_is_bad),
        cmocka_unit_test(an_event_is_published_as_the_protocol_says),
        cmocka_unit_test(topics_are_subscribed_as_the_protocol_says),
        cmocka_unit_test(an_mqtt_event_of_any_length_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "text_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a server sends: some frames that are no events around one that is. */
typedef struct sample {
    const text_protocol_t *protocol;
    const char *text;
    const text_kind_t kinds[5];
} sample_t;

static const sample_t samples[] = {
    {&text_nats,
     "INFO {\"version\":\"2.9.10\"}\r\nPONG\r\nMSG a.b 1 7\r\nab\r\ncde\r\nPING\r\n+OK\r\n",
     {TEXT_OTHER, TEXT_READY, TEXT_EVENT, TEXT_PING, TEXT_OTHER}},
    {&text_redis,
     "*3\r\n$9\r\nsubscribe\r\n$3\r\na.b\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$3\r\na.b\r\n$7\r\n"
     "ab\r\ncde\r\n:2\r\n+OK\r\n:0\r\n",
     {TEXT_READY, TEXT_EVENT, TEXT_OTHER, TEXT_OTHER, TEXT_OTHER}},
};

static void frames_are_read_one_after_another(void **state)
{
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        const uint8_t *at = (const uint8_t *)samples[s].text;
        size_t left = strlen(samples[s].text);
        for (size_t i = 0; i < 5; i++) {
            text_frame_t frame;
            text_kind_t kind = samples[s].protocol->read(at, left, &frame);
            assert_int_equal(kind, samples[s].kinds[i]);
            if (kind == TEXT_EVENT) {
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
    for (size_t s = 0; s < 2; s++) {
        const uint8_t *at = (const uint8_t *)samples[s].text;
        size_t left = strlen(samples[s].text);
        for (size_t i = 0; i < 5; i++) {
            text_frame_t frame, part;
            samples[s].protocol->read(at, left, &frame);
            for (size_t cut = 0; cut < frame.len; cut++) {
                uint8_t *copy = malloc(cut + 1); /* exactly so long: a sanitizer sees more */
                memcpy(copy, at, cut);
                assert_int_equal(samples[s].protocol->read(copy, cut, &part), TEXT_PART);
                free(copy);
            }
            at += frame.len;
            left -= frame.len;
        }
    }
}

static void what_is_none_of_the_protocol_is_bad(void **state)
{
    (void)state;
    text_frame_t frame;
    assert_int_equal(text_nats.read((const uint8_t *)"-ERR 'x'\r\n", 10, &frame), TEXT_BAD);
    assert_int_equal(text_redis.read((const uint8_t *)"-ERR x\r\n", 8, &frame), TEXT_BAD);
    assert_int_equal(text_redis.read((const uint8_t *)"*3\r\n:1\r\n", 8, &frame), TEXT_BAD);
}

static void an_event_is_published_as_the_protocol_says(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    text_nats.put_publish(&out, "a.b", "xyz", 3);
    assert_int_equal(out.len, 16);
    assert_memory_equal(out.data, "PUB a.b 3\r\nxyz\r\n", 16);
    sl_buf_clear(&out);
    text_redis.put_publish(&out, "a.b", "xyz", 3);
    assert_memory_equal(out.data, "*3\r\n$7\r\nPUBLISH\r\n$3\r\na.b\r\n$3\r\nxyz\r\n", out.len);
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_one_after_another),
        cmocka_unit_test(a_frame_that_is_cut_short_is_waited_for),
        cmocka_unit_test(what_is_none_of_the_protocol_is_bad),
        cmocka_unit_test(an_event_is_published_as_the_protocol_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

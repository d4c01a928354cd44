#include "wire/query.h"

#include "base/mp.h"
#include "testing.h"

static void question_comes_back(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_put_query(&out, WIRE_QUERY_TICK, 9, 0);
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_QUERY_TICK);
    assert_int_equal(msg.request, 9);
    assert_int_equal(msg.rest_len, 0);
    sl_buf_fini(&out);
}

static void answer_hands_over_what_follows(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_put_query(&out, WIRE_QUERY_STATUS, 1, 1);
    mp_put_map(&out, 1);
    mp_put_lit(&out, "topics");
    mp_put_uint(&out, 3);
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_QUERY_STATUS);
    assert_int_equal(msg.rest_len, 9);
    assert_memory_equal(msg.rest, "\x81\xa6topics\x03", 9);
    sl_buf_fini(&out);
}

static void error_carries_code_and_text(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_put_query_error(&out, 5, "TYPE", "no such question");
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_QUERY_ERROR);
    mp_cursor_t in = mp_cursor(msg.rest, msg.rest_len);
    const char *text;
    uint32_t len;
    assert_true(mp_get_str(&in, &text, &len));
    assert_memory_equal(text, "TYPE", len);
    assert_true(mp_get_str(&in, &text, &len));
    assert_memory_equal(text, "no such question", len);
    sl_buf_fini(&out);
}

static void unknown_question_is_told_from_a_broken_one(void **state)
{
    (void)state;
    wire_query_t msg;
    assert_int_equal(wire_query_decode(&msg, "\x93\x01\xa6REPLAY\x08", 10), SL_ENOENT);
    assert_int_equal(msg.request, 8);
    assert_int_equal(wire_query_decode(&msg, "\x93\x02\xa4TICK\x08", 8), SL_EVERSION);
    assert_int_equal(msg.request, 8);
    assert_int_equal(wire_query_decode(&msg, "\x94\x01\xa4TICK\x08", 8), SL_EPROTO);
}

static void decode_refuses_every_truncation(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query_error(&out, 500, "TYPE", "no such question");
    for (size_t cut = 0; cut < out.len; cut++) {
        uint8_t *frame = test_copy(out.data, cut);
        wire_query_t msg;
        assert_int_equal(wire_query_decode(&msg, frame, cut), SL_EPROTO);
        free(frame);
    }
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_comes_back),
        cmocka_unit_test(answer_hands_over_what_follows),
        cmocka_unit_test(error_carries_code_and_text),
        cmocka_unit_test(unknown_question_is_told_from_a_broken_one),
        cmocka_unit_test(decode_refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "wire/intake.h"

#include "base/mp.h"
#include "testing.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint8_t two_ends[8] = {10, 0, 0, 0, 20, 0, 0, 0};
static const uint8_t two_ids[32] = {1, 2, 3};

/* One message of each type. */
static sl_buf_t message(wire_intake_type_t type)
{
    sl_buf_t out = SL_BUF_INIT;
    switch (type) {
    case WIRE_HELLO:
        wire_put_hello(&out, "demo", 4);
        break;
    case WIRE_WELCOME:
        wire_put_welcome(&out, UINT64_MAX, 64, 1048576, 4096);
        break;
    case WIRE_PUB:
        wire_put_pub(&out, 300, 2, two_ends, two_ids);
        break;
    case WIRE_ACK:
        wire_put_ack(&out, 300, 41, 42, 2, 1);
        break;
    case WIRE_NAK:
        wire_put_nak(&out, 300, WIRE_NAK_BUSY, "later", 100);
        break;
    }
    assert_false(out.failed);
    return out;
}

static void hello_and_welcome_come_back(void **state)
{
    (void)state;
    wire_intake_t msg;
    sl_buf_t out = message(WIRE_HELLO);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_HELLO);
    assert_int_equal(msg.request, 0);
    assert_int_equal(msg.hello.name_len, 4);
    assert_memory_equal(msg.hello.name, "demo", 4);
    sl_buf_fini(&out);

    out = message(WIRE_WELCOME);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_WELCOME);
    assert_int_equal(msg.welcome.stream, UINT64_MAX);
    assert_int_equal(msg.welcome.window, 64);
    assert_int_equal(msg.welcome.max_bytes, 1048576);
    assert_int_equal(msg.welcome.max_events, 4096);
    sl_buf_fini(&out);
}

static void pub_comes_back_with_and_without_ids(void **state)
{
    (void)state;
    wire_intake_t msg;
    sl_buf_t out = message(WIRE_PUB);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_PUB);
    assert_int_equal(msg.request, 300);
    assert_int_equal(msg.pub.count, 2);
    assert_memory_equal(msg.pub.ends, two_ends, sizeof two_ends);
    assert_memory_equal(msg.pub.ids, two_ids, sizeof two_ids);
    sl_buf_clear(&out);
    wire_put_pub(&out, 301, 2, two_ends, NULL);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_null(msg.pub.ids);
    sl_buf_fini(&out);
}

static void answers_come_back(void **state)
{
    (void)state;
    wire_intake_t msg;
    sl_buf_t out = message(WIRE_ACK);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_ACK);
    assert_int_equal(msg.request, 300);
    assert_int_equal(msg.ack.first, 41);
    assert_int_equal(msg.ack.last, 42);
    assert_int_equal(msg.ack.accepted, 2);
    assert_int_equal(msg.ack.duplicates, 1);
    sl_buf_fini(&out);

    out = message(WIRE_NAK);
    assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_NAK);
    assert_int_equal(msg.nak.code, WIRE_NAK_BUSY);
    assert_memory_equal(msg.nak.text, "later", 5);
    assert_int_equal(msg.nak.retry_ms, 100);
    sl_buf_fini(&out);
}

static void every_nak_code_passes_by_its_name(void **state)
{
    (void)state;
    for (int code = 0; code < WIRE_NAK_UNKNOWN; code++) {
        sl_buf_t out = SL_BUF_INIT;
        wire_intake_t msg;
        wire_put_nak(&out, 1, (wire_nak_t)code, wire_nak_text((wire_nak_t)code), 0);
        assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
        assert_int_equal(msg.nak.code, code);
        sl_buf_fini(&out);
    }
    assert_string_equal(wire_nak_name(WIRE_NAK_TOPICS), "TOPICS");
}

static void codes_say_whether_to_try_again(void **state)
{
    (void)state;
    static const wire_nak_t again[] = {WIRE_NAK_BUSY, WIRE_NAK_ORDER, WIRE_NAK_HELLO,
                                       WIRE_NAK_DRAINING, WIRE_NAK_UNKNOWN};
    static const wire_nak_t never[] = {WIRE_NAK_VERSION, WIRE_NAK_SIZE,   WIRE_NAK_FRAME,
                                       WIRE_NAK_TOPIC,   WIRE_NAK_TOPICS, WIRE_NAK_FORBIDDEN};
    for (size_t i = 0; i < ARRAY_LEN(again); i++)
        assert_true(wire_nak_again(again[i]));
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        assert_false(wire_nak_again(never[i]));
}

static void nak_of_a_later_version_is_unknown_not_malformed(void **state)
{
    (void)state;
    static const char frame[] = "\x96\x01\xa3NAK\x05\xa5QUOTA\xa0\x07";
    wire_intake_t msg;
    assert_int_equal(wire_intake_decode(&msg, frame, sizeof frame - 1), SL_OK);
    assert_int_equal(msg.nak.code, WIRE_NAK_UNKNOWN);
    assert_int_equal(msg.nak.retry_ms, 7);
}

static void decode_refuses_every_truncation(void **state)
{
    (void)state;
    for (int type = WIRE_HELLO; type <= WIRE_NAK; type++) {
        sl_buf_t out = message((wire_intake_type_t)type);
        for (size_t cut = 0; cut < out.len; cut++) {
            uint8_t *frame = test_copy(out.data, cut);
            wire_intake_t msg;
            assert_int_equal(wire_intake_decode(&msg, frame, cut), SL_EPROTO);
            free(frame);
        }
        sl_buf_append_byte(&out, 0xc0);
        wire_intake_t msg;
        assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_EPROTO);
        sl_buf_fini(&out);
    }
}

static void elements_that_grew_are_ignored(void **state)
{
    (void)state;
    for (int type = WIRE_HELLO; type <= WIRE_NAK; type++) {
        sl_buf_t out = message((wire_intake_type_t)type);
        out.data[0]++; /* a fixarray of one more */
        mp_put_map(&out, 1);
        mp_put_lit(&out, "later");
        mp_put_nil(&out);
        wire_intake_t msg;
        assert_int_equal(wire_intake_decode(&msg, out.data, out.len), SL_OK);
        sl_buf_fini(&out);
    }
}

static void request_is_known_even_when_the_rest_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *frame;
        size_t len;
        sl_err err;
        uint64_t request;
    } rows[] = {
        {"\x93\x02\xa3PUB\x09", 7, SL_EVERSION, 9},
        {"\x93\x02\xa3PUB", 6, SL_EVERSION, 0},
        {"\x91\x02", 2, SL_EVERSION, 0},
        {"\x93\x01\xa3PUB\x09", 7, SL_EPROTO, 9},
        {"\x93\x01\xa3PAB\x09", 7, SL_EPROTO, 9},
        {"\x93\x01\xa3PUB\xff", 7, SL_EPROTO, 0},
        {"\x90", 1, SL_EPROTO, 0},
        {"\x80", 1, SL_EPROTO, 0},
        {"", 0, SL_EPROTO, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        wire_intake_t msg = {.request = 77};
        assert_int_equal(wire_intake_decode(&msg, rows[i].frame, rows[i].len), rows[i].err);
        assert_int_equal(msg.request, rows[i].request);
    }
}

/* [1,"PUB",1,count,ends,ids] with lengths as told. */
static sl_err decode_pub_of(uint64_t count, size_t ends_len, size_t ids_len)
{
    static const uint8_t zeros[256];
    sl_buf_t out = SL_BUF_INIT;
    mp_put_array(&out, 6);
    mp_put_uint(&out, 1);
    mp_put_lit(&out, "PUB");
    mp_put_uint(&out, 1);
    mp_put_uint(&out, count);
    mp_put_bin(&out, zeros, ends_len);
    mp_put_bin(&out, zeros, ids_len);
    wire_intake_t msg;
    sl_err err = wire_intake_decode(&msg, out.data, out.len);
    sl_buf_fini(&out);
    return err;
}

static void counts_that_lie_are_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_pub_of(2, 8, 32), SL_OK);
    assert_int_equal(decode_pub_of(0, 0, 0), SL_EPROTO);
    assert_int_equal(decode_pub_of(2, 7, 32), SL_EPROTO);
    assert_int_equal(decode_pub_of(2, 12, 32), SL_EPROTO);
    assert_int_equal(decode_pub_of(2, 8, 31), SL_EPROTO);
    assert_int_equal(decode_pub_of(2, 8, 0), SL_EPROTO);
    assert_int_equal(decode_pub_of(1u << 30, 0, 0), SL_EPROTO); /* 4 * count is 2^32 */
    assert_int_equal(decode_pub_of((1ull << 32) + 2, 8, 32), SL_EPROTO);
    assert_int_equal(decode_pub_of(UINT64_MAX, 8, 32), SL_EPROTO);
}

static void name_ends_at_64_bytes(void **state)
{
    (void)state;
    char name[65];
    memset(name, 'n', sizeof name);
    for (size_t len = 64; len <= 65; len++) {
        sl_buf_t out = SL_BUF_INIT;
        wire_intake_t msg;
        wire_put_hello(&out, name, len);
        assert_int_equal(wire_intake_decode(&msg, out.data, out.len),
                         len == 64 ? SL_OK : SL_EPROTO);
        sl_buf_fini(&out);
    }
}

static void random_bytes_neither_crash_nor_pass_as_pub(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[48];
        size_t len = test_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)test_random(&seed);
        if (len > 6 && round % 2 == 0)
            memcpy(bytes, "\x96\x01\xa3PUB", 6);
        uint8_t *frame = test_copy(bytes, len);
        wire_intake_t msg;
        assert_int_not_equal(wire_intake_decode(&msg, frame, len), SL_OK);
        free(frame);
    }
}

static void event_id_depends_on_where_source_ends(void **state)
{
    (void)state;
    uint8_t one[WIRE_ID_BYTES], two[WIRE_ID_BYTES];
    wire_event_id(one, "ab", 2, "c", 1);
    wire_event_id(two, "a", 1, "bc", 2);
    assert_memory_not_equal(one, two, sizeof one);
    wire_event_id(two, "ab", 2, "c", 1);
    assert_memory_equal(one, two, sizeof one);
}

static void event_id_is_xxh3_128_however_long_its_parts_are(void **state)
{
    (void)state;
    uint8_t whole[600];
    for (size_t i = 0; i < sizeof whole; i++)
        whole[i] = (uint8_t)(i * 7 + 1);
    for (size_t len = 1; len <= sizeof whole; len++)
        for (size_t zero = 0; zero < len; zero += len / 5 + 1) {
            uint8_t id[WIRE_ID_BYTES], saved = whole[zero];
            whole[zero] = 0;
            wire_event_id(id, whole, zero, whole + zero + 1, len - zero - 1);
            XXH128_canonical_t expected;
            XXH128_canonicalFromHash(&expected, XXH3_128bits(whole, len));
            assert_memory_equal(id, expected.digest, sizeof id);
            whole[zero] = saved;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_and_welcome_come_back),
        cmocka_unit_test(pub_comes_back_with_and_without_ids),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(every_nak_code_passes_by_its_name),
        cmocka_unit_test(codes_say_whether_to_try_again),
        cmocka_unit_test(nak_of_a_later_version_is_unknown_not_malformed),
        cmocka_unit_test(decode_refuses_every_truncation),
        cmocka_unit_test(elements_that_grew_are_ignored),
        cmocka_unit_test(request_is_known_even_when_the_rest_is_not),
        cmocka_unit_test(counts_that_lie_are_refused),
        cmocka_unit_test(name_ends_at_64_bytes),
        cmocka_unit_test(random_bytes_neither_crash_nor_pass_as_pub),
        cmocka_unit_test(event_id_depends_on_where_source_ends),
        cmocka_unit_test(event_id_is_xxh3_128_however_long_its_parts_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

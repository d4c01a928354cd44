/* base/mp.h held against msgpack-c: what we write it reads, what it writes we read, and of random
 * bytes both think the same. */
#include "base/mp.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <msgpack.h>

/* -- helpers --------------------------------------------------------------------------------- */

/* Seeded: a failure comes again. */
static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

typedef struct oracle {
    msgpack_sbuffer bytes;
    msgpack_packer packer;
} oracle_t;

static void oracle_init(oracle_t *oracle)
{
    msgpack_sbuffer_init(&oracle->bytes);
    msgpack_packer_init(&oracle->packer, &oracle->bytes, msgpack_sbuffer_write);
}

/* What we wrote and what msgpack-c wrote are the same bytes; frees both. */
static void assert_same_bytes(sl_buf_t *ours, oracle_t *oracle)
{
    assert_false(ours->failed);
    assert_int_equal(ours->len, oracle->bytes.size);
    if (ours->len > 0)
        assert_memory_equal(ours->data, oracle->bytes.data, ours->len);
    sl_buf_fini(ours);
    msgpack_sbuffer_destroy(&oracle->bytes);
}

static const uint64_t edges[] = {0,          1,
                                 15,         16,
                                 31,         32,
                                 33,         127,
                                 128,        255,
                                 256,        32767,
                                 32768,      65535,
                                 65536,      2147483647,
                                 2147483648, 4294967295,
                                 4294967296, 9007199254740993,
                                 INT64_MAX,  (uint64_t)INT64_MAX + 1,
                                 UINT64_MAX};
enum { EDGES = sizeof edges / sizeof edges[0] };

/* -- writing --------------------------------------------------------------------------------- */

static void integers_are_written_as_msgpack_c_writes_them(void **state)
{
    (void)state;
    sl_buf_t ours = SL_BUF_INIT;
    oracle_t oracle;
    oracle_init(&oracle);
    for (size_t i = 0; i < EDGES; i++) {
        mp_put_uint(&ours, edges[i]);
        msgpack_pack_uint64(&oracle.packer, edges[i]);
        mp_put_int(&ours, (int64_t)edges[i]);
        msgpack_pack_int64(&oracle.packer, (int64_t)edges[i]);
        mp_put_int(&ours, (int64_t)(0 - edges[i]));
        msgpack_pack_int64(&oracle.packer, (int64_t)(0 - edges[i]));
    }
    assert_same_bytes(&ours, &oracle);
}

static void scalars_are_written_as_msgpack_c_writes_them(void **state)
{
    (void)state;
    static const double doubles[] = {0.0, -0.0, 1.5, -1e300, 5e-324, INFINITY, -INFINITY};
    sl_buf_t ours = SL_BUF_INIT;
    oracle_t oracle;
    oracle_init(&oracle);
    mp_put_nil(&ours);
    msgpack_pack_nil(&oracle.packer);
    mp_put_bool(&ours, true);
    msgpack_pack_true(&oracle.packer);
    mp_put_bool(&ours, false);
    msgpack_pack_false(&oracle.packer);
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        mp_put_double(&ours, doubles[i]);
        msgpack_pack_double(&oracle.packer, doubles[i]);
    }
    assert_same_bytes(&ours, &oracle);
}

static void strings_and_bins_are_written_as_msgpack_c_writes_them(void **state)
{
    (void)state;
    char *bytes = calloc(1, 70000);
    sl_buf_t ours = SL_BUF_INIT;
    oracle_t oracle;
    oracle_init(&oracle);
    for (size_t i = 0; i < EDGES && edges[i] <= 70000; i++) {
        size_t len = (size_t)edges[i];
        mp_put_str(&ours, bytes, len);
        msgpack_pack_str(&oracle.packer, len);
        msgpack_pack_str_body(&oracle.packer, bytes, len);
        mp_put_bin(&ours, bytes, len);
        msgpack_pack_bin(&oracle.packer, len);
        msgpack_pack_bin_body(&oracle.packer, bytes, len);
    }
    mp_put_lit(&ours, "literal");
    msgpack_pack_str_with_body(&oracle.packer, "literal", 7);
    assert_same_bytes(&ours, &oracle);
    free(bytes);
}

static void containers_are_written_as_msgpack_c_writes_them(void **state)
{
    (void)state;
    sl_buf_t ours = SL_BUF_INIT;
    oracle_t oracle;
    oracle_init(&oracle);
    for (size_t i = 0; i < EDGES && edges[i] <= UINT32_MAX; i++) {
        mp_put_array(&ours, (uint32_t)edges[i]);
        msgpack_pack_array(&oracle.packer, (size_t)edges[i]);
        mp_put_map(&ours, (uint32_t)edges[i]);
        msgpack_pack_map(&oracle.packer, (size_t)edges[i]);
    }
    assert_same_bytes(&ours, &oracle);
}

static const struct {
    int64_t sec;
    uint32_t nsec;
} times[] = {{0, 0},
             {0, 1},
             {1514764800, 0},
             {1514764800, 999999999},
             {UINT32_MAX, 0},
             {(int64_t)UINT32_MAX + 1, 0},
             {((int64_t)1 << 34) - 1, 999999999},
             {(int64_t)1 << 34, 0},
             {-1, 999999999},
             {INT64_MIN, 0},
             {INT64_MAX, 999999999}};
enum { TIMES = sizeof times / sizeof times[0] };

static void times_are_written_as_msgpack_c_writes_them(void **state)
{
    (void)state;
    sl_buf_t ours = SL_BUF_INIT;
    oracle_t oracle;
    oracle_init(&oracle);
    for (size_t i = 0; i < TIMES; i++) {
        msgpack_timestamp stamp = {times[i].sec, times[i].nsec};
        mp_put_time(&ours, times[i].sec, times[i].nsec);
        msgpack_pack_timestamp(&oracle.packer, &stamp);
    }
    assert_same_bytes(&ours, &oracle);
}

static void a_writer_without_memory_says_so_and_writes_nothing(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    mp_put_uint(&out, 7);
    mp_put_str(&out, "", SIZE_MAX - 64);
    assert_true(out.failed);
    assert_int_equal(out.len, 1);
    sl_buf_fini(&out);
}

/* -- reading --------------------------------------------------------------------------------- */

static void integers_read_the_same_in_every_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        mp_type_t type;
        uint64_t value; /* of MP_INT: its two's complement */
    } cases[] = {
        {"\x7f", 1, MP_UINT, 127},
        {"\xcc\x07", 2, MP_UINT, 7},
        {"\xcd\x00\x07", 3, MP_UINT, 7},
        {"\xce\x00\x00\x00\x07", 5, MP_UINT, 7},
        {"\xcf\x00\x00\x00\x00\x00\x00\x00\x07", 9, MP_UINT, 7},
        {"\xd0\x07", 2, MP_UINT, 7},
        {"\xd1\x00\x07", 3, MP_UINT, 7},
        {"\xd2\x7f\xff\xff\xff", 5, MP_UINT, INT32_MAX},
        {"\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 9, MP_UINT, INT64_MAX},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, MP_UINT, UINT64_MAX},
        {"\xff", 1, MP_INT, (uint64_t)-1},
        {"\xe0", 1, MP_INT, (uint64_t)-32},
        {"\xd0\xff", 2, MP_INT, (uint64_t)-1},
        {"\xd1\xff\xff", 3, MP_INT, (uint64_t)-1},
        {"\xd2\xff\xff\xff\xff", 5, MP_INT, (uint64_t)-1},
        {"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", 9, MP_INT, (uint64_t)-1},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, MP_INT, (uint64_t)1 << 63},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mp_cursor_t in = mp_cursor(cases[i].bytes, cases[i].len);
        mp_value_t value;
        assert_true(mp_next(&in, &value));
        assert_ptr_equal(in.at, in.end);
        assert_int_equal(value.type, cases[i].type);
        assert_true((value.type == MP_INT ? (uint64_t)value.i64 : value.u64) == cases[i].value);
    }
}

static void every_timestamp_form_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIMES; i++) {
        sl_buf_t out = SL_BUF_INIT;
        mp_put_time(&out, times[i].sec, times[i].nsec);
        mp_cursor_t in = mp_cursor(out.data, out.len);
        mp_value_t value;
        assert_true(mp_next(&in, &value));
        assert_int_equal(value.type, MP_TIME);
        assert_true(value.time.sec == times[i].sec);
        assert_int_equal(value.time.nsec, times[i].nsec);
        sl_buf_fini(&out);
    }
}

static void a_malformed_timestamp_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\xd4\xff\x00", 3},                                                  /* one byte */
        {"\xc7\x00\xff", 3},                                                  /* none */
        {"\xd7\xff\xee\x6b\x28\x00\x00\x00\x00\x00", 10},                     /* 1,000,000,000 ns */
        {"\xc7\x0c\xff\x3b\x9a\xca\x00\x00\x00\x00\x00\x00\x00\x00\x00", 15}, /* as well */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mp_cursor_t in = mp_cursor(cases[i].bytes, cases[i].len);
        mp_value_t value;
        assert_false(mp_next(&in, &value));
        assert_ptr_equal(in.at, cases[i].bytes);
        assert_false(mp_skip(&in));
    }
}

static void other_exts_are_borrowed_with_their_type(void **state)
{
    (void)state;
    mp_cursor_t in = mp_cursor("\xd6\x05"
                               "abcd",
                               6);
    mp_value_t value;
    assert_true(mp_next(&in, &value));
    assert_int_equal(value.type, MP_EXT);
    assert_int_equal(value.bytes.ext_type, 5);
    assert_int_equal(value.bytes.len, 4);
    assert_memory_equal(value.bytes.data, "abcd", 4);
}

static void typed_readers_leave_the_cursor_on_another_type(void **state)
{
    (void)state;
    mp_cursor_t in = mp_cursor("\xc0\x05\xa1x\xc4\x01y\x91\x81\xff", 10), before = in;
    uint64_t number;
    const char *text;
    const uint8_t *bytes;
    uint32_t len;
    assert_false(mp_get_uint(&in, &number));
    assert_false(mp_get_str(&in, &text, &len));
    assert_false(mp_get_bin(&in, &bytes, &len));
    assert_false(mp_get_array(&in, &len));
    assert_false(mp_get_map(&in, &len));
    assert_ptr_equal(in.at, before.at);
    assert_true(mp_get_nil(&in));
    assert_false(mp_get_nil(&in));
    assert_true(mp_get_uint(&in, &number));
    assert_int_equal(number, 5);
    assert_true(mp_get_str(&in, &text, &len));
    assert_int_equal(text[0], 'x');
    assert_true(mp_get_bin(&in, &bytes, &len));
    assert_int_equal(bytes[0], 'y');
    assert_true(mp_get_array(&in, &len));
    assert_int_equal(len, 1);
    assert_true(mp_get_map(&in, &len));
    assert_int_equal(len, 1);
    assert_false(mp_get_uint(&in, &number)); /* -1 */
}

/* -- random trees: msgpack-c writes, we read, it compares -------------------------------------- */

static void pack_random(msgpack_packer *packer, unsigned depth);

static void pack_random_container(msgpack_packer *packer, unsigned depth, bool map)
{
    size_t count = random_next() % 20;
    if (map)
        msgpack_pack_map(packer, count);
    else
        msgpack_pack_array(packer, count);
    for (size_t i = 0; i < count * (map ? 2 : 1); i++)
        pack_random(packer, depth + 1);
}

static void pack_random(msgpack_packer *packer, unsigned depth)
{
    static const char bytes[300];
    uint64_t number = random_next() >> (random_next() % 64);
    size_t len = random_next() % (depth < 2 ? 300 : 40);
    msgpack_timestamp stamp = {(int64_t)number, (uint32_t)(random_next() % 1000000000)};
    switch (random_next() % (depth < 4 ? 10 : 8)) {
    case 0:
        msgpack_pack_nil(packer);
        break;
    case 1:
        msgpack_pack_uint64(packer, number);
        break;
    case 2:
        msgpack_pack_int64(packer, (int64_t)(0 - number));
        break;
    case 3:
        msgpack_pack_double(packer, (double)number / 3);
        break;
    case 4:
        msgpack_pack_float(packer, (float)number / 3);
        break;
    case 5:
        msgpack_pack_str_with_body(packer, bytes, len);
        break;
    case 6:
        msgpack_pack_bin_with_body(packer, bytes, len);
        break;
    case 7:
        msgpack_pack_timestamp(packer, &stamp);
        break;
    default:
        pack_random_container(packer, depth, (number & 1) != 0);
    }
}

static void assert_same_value(mp_cursor_t *in, const msgpack_object *expected);

static void assert_same_container(mp_cursor_t *in, const msgpack_object *expected)
{
    if (expected->type == MSGPACK_OBJECT_ARRAY)
        for (uint32_t i = 0; i < expected->via.array.size; i++)
            assert_same_value(in, &expected->via.array.ptr[i]);
    if (expected->type == MSGPACK_OBJECT_MAP)
        for (uint32_t i = 0; i < expected->via.map.size; i++) {
            assert_same_value(in, &expected->via.map.ptr[i].key);
            assert_same_value(in, &expected->via.map.ptr[i].val);
        }
}

static void assert_same_bytes_value(const mp_value_t *value, const char *data, uint32_t len)
{
    assert_int_equal(value->bytes.len, len);
    assert_memory_equal(value->bytes.data, data, len);
}

static void assert_same_value(mp_cursor_t *in, const msgpack_object *expected)
{
    mp_value_t value;
    msgpack_timestamp stamp;
    assert_true(mp_next(in, &value));
    switch (expected->type) {
    case MSGPACK_OBJECT_NIL:
        assert_int_equal(value.type, MP_NIL);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        assert_int_equal(value.type, MP_UINT);
        assert_true(value.u64 == expected->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        assert_int_equal(value.type, MP_INT);
        assert_true(value.i64 == expected->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        assert_int_equal(value.type, MP_DOUBLE);
        assert_memory_equal(&value.dbl, &expected->via.f64, sizeof value.dbl);
        break;
    case MSGPACK_OBJECT_STR:
        assert_int_equal(value.type, MP_STR);
        assert_same_bytes_value(&value, expected->via.str.ptr, expected->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        assert_int_equal(value.type, MP_BIN);
        assert_same_bytes_value(&value, expected->via.bin.ptr, expected->via.bin.size);
        break;
    case MSGPACK_OBJECT_EXT:
        assert_int_equal(value.type, MP_TIME);
        assert_true(msgpack_object_to_timestamp(expected, &stamp));
        assert_true(value.time.sec == stamp.tv_sec);
        assert_int_equal(value.time.nsec, stamp.tv_nsec);
        break;
    case MSGPACK_OBJECT_ARRAY:
        assert_int_equal(value.type, MP_ARRAY);
        assert_int_equal(value.count, expected->via.array.size);
        break;
    case MSGPACK_OBJECT_MAP:
        assert_int_equal(value.type, MP_MAP);
        assert_int_equal(value.count, expected->via.map.size);
        break;
    default:
        fail_msg("msgpack-c read a value of type %d", (int)expected->type);
    }
    assert_same_container(in, expected);
}

static void what_msgpack_c_writes_reads_the_same(void **state)
{
    (void)state;
    random_state = 0x9e3779b97f4a7c15;
    for (int round = 0; round < 300; round++) {
        oracle_t oracle;
        msgpack_unpacked result;
        oracle_init(&oracle);
        pack_random(&oracle.packer, 0);
        msgpack_unpacked_init(&result);
        assert_int_equal(msgpack_unpack_next(&result, oracle.bytes.data, oracle.bytes.size, NULL),
                         MSGPACK_UNPACK_SUCCESS);
        mp_cursor_t in = mp_cursor(oracle.bytes.data, oracle.bytes.size), skipped = in;
        assert_same_value(&in, &result.data);
        assert_ptr_equal(in.at, in.end);
        assert_true(mp_skip(&skipped));
        assert_ptr_equal(skipped.at, skipped.end);
        msgpack_unpacked_destroy(&result);
        msgpack_sbuffer_destroy(&oracle.bytes);
    }
}

/* -- hostile bytes --------------------------------------------------------------------------- */

/* A value of every form, one after another, in memory of exactly its size, so that a read past the
 * end is seen. */
static void every_truncation_is_refused_and_leaves_the_cursor(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    mp_put_map(&out, 16);
    for (size_t i = 0; i < 16; i++) {
        mp_put_uint(&out, edges[i + 6]);
        if (i % 4 == 0)
            mp_put_time(&out, times[i % TIMES].sec, times[i % TIMES].nsec);
        else if (i % 4 == 1)
            mp_put_str(&out, "0123456789012345678901234567890123456789", i == 1 ? 40 : i);
        else if (i % 4 == 2)
            mp_put_bin(&out, "0123456789", 10);
        else
            mp_put_double(&out, (double)i);
    }
    for (size_t cut = 0; cut < out.len; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact + 1, out.data, cut); /* not aligned either */
        mp_cursor_t in = mp_cursor(exact + 1, cut);
        assert_false(mp_skip(&in));
        assert_ptr_equal(in.at, exact + 1);
        mp_value_t value;
        while (mp_next(&in, &value))
            assert_true(in.at <= in.end);
        free(exact);
    }
    mp_cursor_t in = mp_cursor(out.data, out.len);
    assert_true(mp_skip(&in));
    sl_buf_fini(&out);
}

static void counts_that_lie_cost_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\xdd\xff\xff\xff\xff\xc0", 6}, {"\xdf\xff\xff\xff\xff\xc0\xc0", 7},
        {"\xdc\xff\xff\xc0", 4},         {"\xde\xff\xff\xc0", 4},
        {"\xdb\xff\xff\xff\xff", 5},     {"\xc6\xff\xff\xff\xff", 5},
        {"\xc9\xff\xff\xff\xff\x01", 6}, {"\xc1", 1},
        {"\xdf\x80\x00\x00\x00\xc0", 6}, /* twice the count is 2^32 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mp_cursor_t in = mp_cursor(cases[i].bytes, cases[i].len);
        assert_false(mp_skip(&in));
        assert_ptr_equal(in.at, cases[i].bytes);
    }
}

/* Arrays of arrays that each claim all bytes behind them. */
static void nested_counts_that_lie_end_with_the_bytes(void **state)
{
    (void)state;
    enum { BYTES = 60 * 5 };
    uint8_t bytes[BYTES];
    for (size_t i = 0; i < BYTES; i += 5) {
        size_t rest = BYTES - i - 5;
        memcpy(bytes + i, (uint8_t[]){0xdd, 0, 0, (uint8_t)(rest >> 8), (uint8_t)rest}, 5);
    }
    mp_cursor_t in = mp_cursor(bytes, BYTES);
    assert_false(mp_skip(&in));
}

static void nesting_is_walked_to_its_limit_and_not_past_it(void **state)
{
    (void)state;
    uint8_t bytes[MP_DEPTH_MAX + 2];
    memset(bytes, 0x91, sizeof bytes); /* [[[… */
    bytes[MP_DEPTH_MAX] = 0xc0;
    mp_cursor_t in = mp_cursor(bytes, MP_DEPTH_MAX + 1);
    assert_true(mp_skip(&in));
    assert_ptr_equal(in.at, in.end);
    bytes[MP_DEPTH_MAX] = 0x91;
    bytes[MP_DEPTH_MAX + 1] = 0xc0;
    in = mp_cursor(bytes, MP_DEPTH_MAX + 2);
    assert_false(mp_skip(&in));
}

static bool holds_malformed_time(const msgpack_object *object)
{
    msgpack_timestamp stamp;
    bool found = false;
    if (object->type == MSGPACK_OBJECT_EXT && object->via.ext.type == -1)
        return !msgpack_object_to_timestamp(object, &stamp) || stamp.tv_nsec >= 1000000000;
    if (object->type == MSGPACK_OBJECT_ARRAY)
        for (uint32_t i = 0; i < object->via.array.size; i++)
            found |= holds_malformed_time(&object->via.array.ptr[i]);
    if (object->type == MSGPACK_OBJECT_MAP)
        for (uint32_t i = 0; i < object->via.map.size; i++)
            found |= holds_malformed_time(&object->via.map.ptr[i].key) ||
                     holds_malformed_time(&object->via.map.ptr[i].val);
    return found;
}

/* msgpack-c allocates what a count claims, and nests 32 deep; so counts are kept small. */
static void of_random_bytes_both_think_the_same(void **state)
{
    (void)state;
    random_state = 0x853c49e6748fea9b;
    unsigned agreed = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[24];
        size_t len = 1 + random_next() % sizeof bytes, used = 0;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)random_next();
            if (bytes[i] >= 0xdc && bytes[i] <= 0xdf) /* array and map of 16 and 32 bits */
                bytes[i] = 0x92;
        }
        msgpack_unpacked result;
        msgpack_unpacked_init(&result);
        bool theirs =
            msgpack_unpack_next(&result, (const char *)bytes, len, &used) == MSGPACK_UNPACK_SUCCESS;
        mp_cursor_t in = mp_cursor(bytes, len);
        bool ours = mp_skip(&in);
        if (theirs && holds_malformed_time(&result.data))
            assert_false(ours);
        else
            assert_int_equal(ours, theirs);
        if (ours)
            assert_int_equal(in.at - bytes, used);
        agreed += ours && len > 4;
        msgpack_unpacked_destroy(&result);
    }
    assert_true(agreed > 1000); /* the comparison was one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_as_msgpack_c_writes_them),
        cmocka_unit_test(scalars_are_written_as_msgpack_c_writes_them),
        cmocka_unit_test(strings_and_bins_are_written_as_msgpack_c_writes_them),
        cmocka_unit_test(containers_are_written_as_msgpack_c_writes_them),
        cmocka_unit_test(times_are_written_as_msgpack_c_writes_them),
        cmocka_unit_test(a_writer_without_memory_says_so_and_writes_nothing),
        cmocka_unit_test(integers_read_the_same_in_every_encoding),
        cmocka_unit_test(every_timestamp_form_is_read),
        cmocka_unit_test(a_malformed_timestamp_is_refused),
        cmocka_unit_test(other_exts_are_borrowed_with_their_type),
        cmocka_unit_test(typed_readers_leave_the_cursor_on_another_type),
        cmocka_unit_test(what_msgpack_c_writes_reads_the_same),
        cmocka_unit_test(every_truncation_is_refused_and_leaves_the_cursor),
        cmocka_unit_test(counts_that_lie_cost_nothing),
        cmocka_unit_test(nested_counts_that_lie_end_with_the_bytes),
        cmocka_unit_test(nesting_is_walked_to_its_limit_and_not_past_it),
        cmocka_unit_test(of_random_bytes_both_think_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

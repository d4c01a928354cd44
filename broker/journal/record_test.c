/* A record is read as it was written, or not at all. */
#include "testing.h"

#include "bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint8_t *written(const record_t *r, size_t *len)
{
    *len = record_size(r);
    uint8_t *bytes = malloc(*len);
    assert_non_null(bytes);
    record_write(bytes, r);
    return bytes;
}

static void record_is_read_as_it_was_written(void **state)
{
    (void)state;
    size_t len;
    record_t r = test_record(0, 41, 3, "Job.OnJobFailed", 1000), read;
    r.prev = 40;
    r.joined = true;
    r.journal = 5;
    r.era = 6;
    r.era_base = 7;
    r.oldest = 8;
    uint8_t *bytes = written(&r, &len);
    assert_int_equal(record_claims(bytes, len), len);
    assert_int_equal(record_read(&read, bytes, len), SL_OK);
    assert_true(test_same(&r, &read));
    assert_int_equal(read.journal, 5);
    assert_int_equal(read.era, 6);
    assert_int_equal(read.era_base, 7);
    assert_int_equal(read.oldest, 8);
    free(bytes);
}

static void record_without_ids_has_none(void **state)
{
    (void)state;
    size_t len;
    record_t r = test_record(0, 1, 4096, "a", 0), read;
    uint8_t *bytes = written(&r, &len);
    assert_int_equal(record_read(&read, bytes, len), SL_OK);
    assert_null(read.ids);
    assert_int_equal(read.body_len, 0);
    free(bytes);
}

static void record_with_any_bit_flipped_is_refused(void **state)
{
    (void)state;
    size_t len;
    record_t r = test_record(0, 9, 2, "Job.x", 50), read;
    uint8_t *bytes = written(&r, &len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(record_read(&read, bytes, len), SL_EPROTO);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(record_read(&read, bytes, len), SL_OK);
    free(bytes);
}

static void record_cut_short_or_too_long_is_refused(void **state)
{
    (void)state;
    size_t len;
    record_t r = test_record(0, 9, 2, "Job.x", 50), read;
    uint8_t *bytes = written(&r, &len);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that a sanitizer sees a read past the cut */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_int_equal(record_read(&read, exact, cut), SL_EPROTO);
        free(exact);
    }
    bytes = realloc(bytes, len + 1);
    assert_non_null(bytes);
    bytes[len] = 0;
    assert_int_equal(record_read(&read, bytes, len + 1), SL_EPROTO);
    free(bytes);
}

static void record_of_a_later_format_is_told_apart_from_damage(void **state)
{
    (void)state;
    size_t len;
    record_t r = test_record(0, 9, 2, "Job.x", 50), read;
    uint8_t *bytes = written(&r, &len);
    put_u16(bytes + 8, 2); /* the version; the sum is wrong now */
    assert_int_equal(record_read(&read, bytes, len), SL_EPROTO);
    put_u64(bytes + len - RECORD_SUM_BYTES, XXH3_64bits(bytes, len - RECORD_SUM_BYTES));
    assert_int_equal(record_read(&read, bytes, len), SL_EVERSION);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_is_read_as_it_was_written),
        cmocka_unit_test(record_without_ids_has_none),
        cmocka_unit_test(record_with_any_bit_flipped_is_refused),
        cmocka_unit_test(record_cut_short_or_too_long_is_refused),
        cmocka_unit_test(record_of_a_later_format_is_told_apart_from_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

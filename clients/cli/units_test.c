#include "units.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef void put_fn(sl_buf_t *out, uint64_t amount);

static void assert_put(put_fn *put, uint64_t amount, const char *expected)
{
    sl_buf_t out = SL_BUF_INIT;
    put(&out, amount);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    sl_buf_fini(&out);
}

static void bytes_have_three_digits_and_the_unit_that_fits(void **state)
{
    (void)state;
    assert_put(units_bytes, 0, "0 B");
    assert_put(units_bytes, 1023, "1023 B");
    assert_put(units_bytes, 1024, "1.00 KiB");
    assert_put(units_bytes, 10230, "9.99 KiB");
    assert_put(units_bytes, 12897484, "12.3 MiB");
    assert_put(units_bytes, 1024 * 1024 - 1, "1.00 MiB");
    assert_put(units_bytes, 500u * 1024 * 1024, "500 MiB");
    assert_put(units_bytes, UINT64_C(4) << 30, "4.00 GiB");
    assert_put(units_bytes, UINT64_MAX, "16.0 EiB");
}

static void spans_have_at_most_two_units(void **state)
{
    (void)state;
    assert_put(units_span_ms, 0, "0 ms");
    assert_put(units_span_ms, 999, "999 ms");
    assert_put(units_span_ms, 1000, "1 s");
    assert_put(units_span_ms, 1250, "1.2 s");
    assert_put(units_span_ms, 59999, "59 s");
    assert_put(units_span_ms, 60000, "1 min");
    assert_put(units_span_ms, 3599999, "59 min 59 s");
    assert_put(units_span_ms, 11520000, "3 h 12 min");
    assert_put(units_span_ms, 86400000, "1 d");
    assert_put(units_span_ms, 7 * UINT64_C(86400000) + 3600000, "7 d 1 h");
}

static void counts_are_set_in_threes(void **state)
{
    (void)state;
    assert_put(units_count, 0, "0");
    assert_put(units_count, 999, "999");
    assert_put(units_count, 1000, "1,000");
    assert_put(units_count, 4000000, "4,000,000");
    assert_put(units_count, UINT64_MAX, "18,446,744,073,709,551,615");
}

static void times_are_utc_to_the_second(void **state)
{
    (void)state;
    assert_put(units_time_ns, UINT64_C(1780315200999999999), "2026-06-01T12:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_three_digits_and_the_unit_that_fits),
        cmocka_unit_test(spans_have_at_most_two_units),
        cmocka_unit_test(counts_are_set_in_threes),
        cmocka_unit_test(times_are_utc_to_the_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

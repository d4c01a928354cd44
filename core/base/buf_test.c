#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void appended_bytes_stand_in_order(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(sl_buf_append_byte(&buf, (uint8_t)(i * 7)), SL_OK);
    assert_int_equal(sl_buf_append_str(&buf, "end"), SL_OK);
    assert_int_equal(buf.len, 10003);
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(buf.data[i], (uint8_t)(i * 7));
    assert_memory_equal(buf.data + 10000, "end", 3);
    assert_false(buf.failed);
    sl_buf_fini(&buf);
}

static void appending_nothing_is_fine(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    assert_int_equal(sl_buf_append(&buf, NULL, 0), SL_OK);
    assert_int_equal(buf.len, 0);
    sl_buf_fini(&buf);
}

static void an_append_that_cannot_be_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    sl_buf_append_str(&buf, "kept");
    size_t cap = buf.cap;
    assert_int_equal(sl_buf_reserve(&buf, SIZE_MAX), SL_ENOMEM);     /* len + more overflows */
    assert_int_equal(sl_buf_reserve(&buf, SIZE_MAX - 8), SL_ENOMEM); /* no such capacity */
    assert_true(buf.failed);
    assert_int_equal(buf.cap, cap);
    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.data, "kept", 4);
    assert_int_equal(sl_buf_append_str(&buf, " on"), SL_OK);
    assert_true(buf.failed); /* until cleared: a writer looks once, at the end */
    sl_buf_clear(&buf);
    assert_false(buf.failed);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, cap);
    sl_buf_fini(&buf);
}

static void printf_appends_text_of_any_length_without_its_nul(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    assert_int_equal(sl_buf_printf(&buf, "%d-%s", 42, "x"), SL_OK);
    assert_int_equal(buf.len, 4);
    assert_int_equal(sl_buf_printf(&buf, "%1000d", 7), SL_OK);
    assert_int_equal(buf.len, 1004);
    assert_memory_equal(buf.data, "42-x ", 5);
    assert_int_equal(buf.data[1003], '7');
    sl_buf_fini(&buf);
}

static void take_hands_the_memory_over(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    size_t len;
    assert_int_equal(sl_buf_append_str(&buf, "mine"), SL_OK);
    uint8_t *data = sl_buf_take(&buf, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(data, "mine", 4);
    free(data);
    assert_null(buf.data);
    assert_int_equal(buf.len + buf.cap, 0);
    assert_int_equal(sl_buf_append_str(&buf, "again"), SL_OK);
    sl_buf_fini(&buf);
    sl_buf_fini(&buf); /* twice is fine */
}

static void growing_costs_few_reallocations(void **state)
{
    (void)state;
    sl_buf_t buf = SL_BUF_INIT;
    unsigned grown = 0;
    for (size_t i = 0, cap = 0; i < 1000000; i++) {
        sl_buf_append_byte(&buf, 0);
        grown += buf.cap != cap;
        cap = buf.cap;
    }
    assert_true(grown < 20);
    sl_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_stand_in_order),
        cmocka_unit_test(appending_nothing_is_fine),
        cmocka_unit_test(an_append_that_cannot_be_leaves_the_buffer_as_it_was),
        cmocka_unit_test(printf_appends_text_of_any_length_without_its_nul),
        cmocka_unit_test(take_hands_the_memory_over),
        cmocka_unit_test(growing_costs_few_reallocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

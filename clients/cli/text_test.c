#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void control_characters_are_shown_not_obeyed(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    const char *text = "a\x1b[0m\n\x7f\xc2\x9b!é\xc2";
    text_clean(&out, text, strlen(text));
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, "a\\x1b[0m\\x0a\\x7f\\x9b!é\xc2");
    sl_buf_fini(&out);
}

static void columns_are_characters_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(text_columns("", 0), 0);
    assert_int_equal(text_columns("aé…", strlen("aé…")), 3);
}

static void a_cut_never_ends_within_a_character(void **state)
{
    (void)state;
    const char *text = "aé…b";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 7, 7};
    for (size_t most = 0; most < sizeof expected / sizeof expected[0]; most++)
        assert_int_equal(text_cut(text, strlen(text), most), expected[most]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_shown_not_obeyed),
        cmocka_unit_test(columns_are_characters_not_bytes),
        cmocka_unit_test(a_cut_never_ends_within_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

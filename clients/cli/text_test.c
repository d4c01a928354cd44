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

static void only_whole_characters_in_their_one_form_are_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "é",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "ok\xc3"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(text_is_utf8("a\0b", 3));
}

static void plain_text_has_no_control_characters_but_line_ends_and_tabs(void **state)
{
    (void)state;
    static const char *const good[] = {"", "a\tb\r\n", "é", "\xc2\xa0"};
    static const char *const bad[] = {"\x1b[2J", "\x7f", "\xc2\x9b", "\xff", "bell\a"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_is_plain(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_plain(bad[i], strlen(bad[i])));
    assert_false(text_is_plain("a\0b", 3));
}

static void a_dump_shows_every_byte_and_what_of_it_is_printable(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    text_dump(&out, "", 0);
    assert_int_equal(out.len, 0);
    text_dump(&out, "0123456789abcdef\x00\xff~", 19);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal(
        (const char *)out.data,
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
        "00000010  00 ff 7e                                          |..~|\n");
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_shown_not_obeyed),
        cmocka_unit_test(columns_are_characters_not_bytes),
        cmocka_unit_test(only_whole_characters_in_their_one_form_are_utf8),
        cmocka_unit_test(plain_text_has_no_control_characters_but_line_ends_and_tabs),
        cmocka_unit_test(a_dump_shows_every_byte_and_what_of_it_is_printable),
        cmocka_unit_test(a_cut_never_ends_within_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

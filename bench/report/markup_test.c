#include "markup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *text, const char *escaped)
{
    sl_buf_t out = SL_BUF_INIT;
    markup_text(&out, text);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, escaped);
    sl_buf_fini(&out);
}

static void what_means_something_in_markup_is_escaped(void **state)
{
    (void)state;
    expect("a<b> & \"c\"", "a&lt;b&gt; &amp; &quot;c&quot;");
    expect("", "");
    expect("µs … 3×", "µs … 3×");
}

static void what_xml_cannot_hold_is_replaced(void **state)
{
    (void)state;
    expect("a\x01z", "a\uFFFDz");
    expect("a\xffz", "a\uFFFDz");
    expect("\xc0\x80", "\uFFFD\uFFFD");                     /* an overlong NUL */
    expect("\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD");           /* a surrogate */
    expect("\xef\xbf\xbf", "\uFFFD\uFFFD\uFFFD");           /* U+FFFF */
    expect("\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"); /* past the last one */
    expect("cut \xe2\x82", "cut \uFFFD\uFFFD");
    expect("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
}

static void a_formatted_text_is_escaped_too(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    markup_printf(&out, "%s %d", "<", 3);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, "&lt; 3");
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_something_in_markup_is_escaped),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
        cmocka_unit_test(a_formatted_text_is_escaped_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

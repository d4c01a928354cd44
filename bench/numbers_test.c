#include "numbers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void long_numbers_are_grouped_in_thousands(void **state)
{
    (void)state;
    char text[NUMBERS_TEXT_MAX];
    numbers_grouped(text, sizeof text, 3500000, 0);
    assert_string_equal(text, "3,500,000");
    numbers_grouped(text, sizeof text, -1234.5, 1);
    assert_string_equal(text, "-1,234.5");
    numbers_grouped(text, sizeof text, 999, 2);
    assert_string_equal(text, "999.00");
}

static void a_number_keeps_about_three_digits_that_count(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {{7183557.4, "7,183,557"},
                {426.4, "426"},
                {25.44, "25.4"},
                {6.25, "6.25"},
                {0.2541, "0.254"},
                {0.0012, "0.0012"},
                {0, "0"},
                {NAN, "–"},
                {2, "2"}};
    char text[NUMBERS_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        numbers_plain(text, sizeof text, rows[i].value);
        assert_string_equal(text, rows[i].text);
    }
}

static void a_plot_has_short_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {{7183557, "7.18M"}, {250000, "250k"}, {1000, "1k"},    {999, "999"},
                {0.05, "0.05"},     {0, "0"},         {2.5e9, "2.5G"}, {999700, "1M"}};
    char text[NUMBERS_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        numbers_short(text, sizeof text, rows[i].value);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_numbers_are_grouped_in_thousands),
        cmocka_unit_test(a_number_keeps_about_three_digits_that_count),
        cmocka_unit_test(a_plot_has_short_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

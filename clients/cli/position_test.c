#include "position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define S      UINT64_C(1000000000)
#define NOW_NS (1780315200 * S + 5)

static void the_five_forms_are_told_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        position_t is;
    } rows[] = {
        {"now", {.kind = POSITION_NOW}},
        {"earliest", {.kind = POSITION_EARLIEST}},
        {"0", {.kind = POSITION_NUMBER}},
        {"5120", {.kind = POSITION_NUMBER, .number = 5120}},
        {"18446744073709551615", {.kind = POSITION_NUMBER, .number = UINT64_MAX}},
        {"2026-06-01T12:00:00Z", {.kind = POSITION_TIME, .time_ns = 1780315200 * S}},
        {"2026-06-01T14:00:00.25+02:00",
         {.kind = POSITION_TIME, .time_ns = 1780315200 * S + S / 4}},
        {"1970-01-01T00:00:00Z", {.kind = POSITION_TIME, .time_ns = 1}},
        {"1066-10-14T09:00:00Z", {.kind = POSITION_TIME, .time_ns = 1}},
        {"-10m", {.kind = POSITION_TIME, .time_ns = NOW_NS - 600 * S}},
        {"-90s", {.kind = POSITION_TIME, .time_ns = NOW_NS - 90 * S}},
        {"-1h30m", {.kind = POSITION_TIME, .time_ns = NOW_NS - 5400 * S}},
        {"-7d", {.kind = POSITION_TIME, .time_ns = NOW_NS - 7 * 86400 * S}},
        {"-100000d", {.kind = POSITION_TIME, .time_ns = 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        position_t position;
        if (!position_parse(&position, rows[i].text, NOW_NS))
            fail_msg("%s is none", rows[i].text);
        assert_int_equal(position.kind, rows[i].is.kind);
        assert_int_equal(position.number, rows[i].is.number);
        if (position.time_ns != rows[i].is.time_ns)
            fail_msg("%s is %llu", rows[i].text, (unsigned long long)position.time_ns);
    }
}

static void anything_else_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "NOW",
                                        "yesterday",
                                        "-",
                                        "-0m",
                                        "-10",
                                        "-m",
                                        "-10x",
                                        "-10m5",
                                        "--10m",
                                        "+10m",
                                        "10m",
                                        "1e3",
                                        "18446744073709551616",
                                        "-18446744073709551615d",
                                        "-18446744073709551616s",
                                        "2026-06-01",
                                        "2026-02-30T00:00:00Z",
                                        "9999-01-01T00:00:00Z", /* Unix ns end in 2554 */
                                        "42 "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        position_t position;
        if (position_parse(&position, texts[i], NOW_NS))
            fail_msg("\"%s\" is one", texts[i]);
    }
}

static void a_time_is_neither_a_word_nor_a_number(void **state)
{
    (void)state;
    assert_int_equal(position_parse_time("now", NOW_NS), 0);
    assert_int_equal(position_parse_time("17", NOW_NS), 0);
    assert_int_equal(position_parse_time("-1s", NOW_NS), NOW_NS - S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_five_forms_are_told_apart),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(a_time_is_neither_a_word_nor_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

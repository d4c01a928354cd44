#include "event/iso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static bool parse(const char *text, int64_t *sec, uint32_t *nsec)
{
    return iso_parse((const uint8_t *)text, strlen(text), sec, nsec);
}

static void assert_parses(const char *text, int64_t sec, uint32_t nsec)
{
    int64_t got_sec = 0;
    uint32_t got_nsec = 0;
    if (!parse(text, &got_sec, &got_nsec) || got_sec != sec || got_nsec != nsec)
        fail_msg("%s gives %lld.%09u", text, (long long)got_sec, got_nsec);
}

static void assert_refused(const char *text)
{
    int64_t sec;
    uint32_t nsec;
    if (parse(text, &sec, &nsec))
        fail_msg("'%s' was taken", text);
}

static void a_fraction_keeps_every_nanosecond(void **state)
{
    (void)state;
    assert_parses("2016-11-01T15:25:02.837728Z", 1478013902, 837728000);
    assert_parses("2016-11-01T15:25:02Z", 1478013902, 0);
    assert_parses("2016-11-01T15:25:02.1Z", 1478013902, 100000000);
    assert_parses("2016-11-01T15:25:02.123456789Z", 1478013902, 123456789);
    assert_parses("2016-11-01T15:25:02.000000001Z", 1478013902, 1);
}

static void an_offset_is_taken_off(void **state)
{
    (void)state;
    assert_parses("2016-11-01T23:25:02+08:00", 1478013902, 0);
    assert_parses("2016-11-01T09:55:02.5-05:30", 1478013902, 500000000);
    assert_parses("1970-01-01T00:00:00-00:00", 0, 0);
    assert_parses("1969-12-31T23:59:59.25Z", -1, 250000000);
}

static void the_calendar_is_kept(void **state)
{
    (void)state;
    assert_parses("2000-02-29T00:00:00Z", 951782400, 0);
    assert_parses("2024-02-29T00:00:00Z", 1709164800, 0);
    assert_refused("1900-02-29T00:00:00Z");
    assert_refused("2023-02-29T00:00:00Z");
    assert_refused("2023-04-31T00:00:00Z");
    assert_refused("2023-00-10T00:00:00Z");
    assert_refused("2023-13-10T00:00:00Z");
    assert_refused("2023-01-00T00:00:00Z");
    assert_refused("2023-01-32T00:00:00Z");
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "2016-11-01",
        "2016-11-01T15:25:02",
        "2016-11-01T15:25Z",
        "2016-11-01 15:25:02Z",
        "2016-11-01t15:25:02z",
        "2016-11-01T15:25:02.Z",
        "2016-11-01T15:25:02.1234567890Z",
        "2016-11-01T15:25:02.12345678901234567890Z",
        "2016-11-01T15:25:02,5Z",
        "2016-11-01T15:25:02.5",
        "2016-11-01T15:25:02Z ",
        " 2016-11-01T15:25:02Z",
        "2016-11-01T15:25:02+0800",
        "2016-11-01T15:25:02+08",
        "2016-11-01T15:25:02+24:00",
        "2016-11-01T15:25:02+08:60",
        "2016-11-01T15:25:02*08:00",
        "2016-11-01T24:00:00Z",
        "2016-11-01T15:60:00Z",
        "2016-12-31T23:59:60Z",
        "20161101T152502Z",
        "2016/11/01T15:25:02Z",
        "2o16-11-01T15:25:02Z",
        "-016-11-01T15:25:02Z",
        "2016-11-01T15:25:-2Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(texts[i]);
}

static void years_beyond_four_digits_are_refused(void **state)
{
    (void)state;
    char text[ISO_TEXT_MAX];
    assert_parses("0000-01-01T00:00:00Z", -62167219200, 0);
    assert_parses("9999-12-31T23:59:59.999999999Z", 253402300799, 999999999);
    assert_refused("0000-01-01T00:00:00+00:01");
    assert_refused("9999-12-31T23:59:59-00:01");
    assert_int_equal(iso_format(text, -62167219201, 0), 0);
    assert_int_equal(iso_format(text, 253402300800, 0), 0);
}

static void formatting_writes_as_many_digits_as_it_takes(void **state)
{
    (void)state;
    static const struct {
        uint32_t nsec;
        const char *text;
    } cases[] = {
        {0, "2016-11-01T15:25:02Z"},           {500000000, "2016-11-01T15:25:02.500Z"},
        {1000000, "2016-11-01T15:25:02.001Z"}, {837728000, "2016-11-01T15:25:02.837728Z"},
        {1, "2016-11-01T15:25:02.000000001Z"}, {999999999, "2016-11-01T15:25:02.999999999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[ISO_TEXT_MAX + 1];
        text[iso_format(text, 1478013902, cases[i].nsec)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

/* libc is the oracle: a time in every week or so of ten thousand years, both ways. */
static void both_ways_agree_with_libc_over_all_years(void **state)
{
    (void)state;
    const int64_t step = 7 * 86400 - 4321;
    for (int64_t sec = -62167219200; sec <= 253402300799; sec += step) {
        char text[ISO_TEXT_MAX + 1], expected[80];
        time_t moment = (time_t)sec;
        struct tm tm;
        int64_t back;
        uint32_t nsec;
        assert_non_null(gmtime_r(&moment, &tm));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        text[iso_format(text, sec, 0)] = '\0';
        assert_string_equal(text, expected);
        assert_true(parse(text, &back, &nsec));
        assert_true(back == sec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fraction_keeps_every_nanosecond),
        cmocka_unit_test(an_offset_is_taken_off),
        cmocka_unit_test(the_calendar_is_kept),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(years_beyond_four_digits_are_refused),
        cmocka_unit_test(formatting_writes_as_many_digits_as_it_takes),
        cmocka_unit_test(both_ways_agree_with_libc_over_all_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

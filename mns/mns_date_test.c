#include "mns_date.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_date_is_written_as_http_wants_it(void **state)
{
    (void)state;
    char date[MNS_DATE_LEN + 1];
    mns_date_write(date, 1780315200);
    assert_string_equal(date, "Mon, 01 Jun 2026 12:00:00 GMT");
    mns_date_write(date, 951782399); /* the day before a leap day of a century */
    assert_string_equal(date, "Mon, 28 Feb 2000 23:59:59 GMT");
}

static void every_form_of_http_is_read(void **state)
{
    (void)state;
    assert_int_equal(mns_date_read("Mon, 01 Jun 2026 12:00:00 GMT"), 1780315200);
    assert_int_equal(mns_date_read("Monday, 01-Jun-26 12:00:00 GMT"), 1780315200);
    assert_int_equal(mns_date_read("Mon Jun  1 12:00:00 2026"), 1780315200);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char date[MNS_DATE_LEN + 1];
    for (int64_t at = 0; at < 4102444800; at += 86400 * 11 + 3601) {
        mns_date_write(date, at);
        assert_int_equal(mns_date_read(date), at);
    }
}

static void what_is_no_date_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "1",
                                      "120",
                                      "tomorrow",
                                      "Mon",
                                      "Mon, 01 Jun",
                                      "Mon, 99 Jun 2026 12:00:00 GMT",
                                      "2026-06-01T12:00:00Z",
                                      "on  01 Jun 2026 12:00:00 GMT"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mns_date_read(bad[i]), -1);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ms;
    } rows[] = {{"0", 0},
                {"1", 1000},
                {"120", 120000},
                {"4294967", 4294967000},
                {"4294968", UINT32_MAX},
                {"99999999999999999999999999", UINT32_MAX},
                {"Mon, 01 Jun 2026 12:00:07 GMT", 7000},
                {"Mon, 01 Jun 2026 11:59:59 GMT", 0},
                {"-1", 0},
                {"1.5", 0},
                {"1 s", 0},
                {"soon", 0},
                {"", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(mns_retry_after_ms(rows[i].text, 1780315200), rows[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_written_as_http_wants_it),
        cmocka_unit_test(every_form_of_http_is_read),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_no_date_is_none),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

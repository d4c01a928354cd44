#include "base/histogram_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = calloc(2, sizeof(histogram_t));
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* The text; the caller frees it. */
static char *text_of(const histogram_t *histograms, size_t count, double unit)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(histogram_write_text(out, histograms, count, unit), SL_OK);
    fclose(out);
    return text;
}

static void the_text_is_the_one_that_HdrHistogram_writes(void **state)
{
    histogram_t *h = *state;
    histogram_add(h, 25);
    histogram_add(h, 50);
    histogram_add(h, 75);
    char *text = text_of(h, 1, 1);
    assert_string_equal(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                              "\n"
                              "      25.000 0.000000000000          1           1.00\n"
                              "      25.000 0.100000000000          1           1.11\n"
                              "      25.000 0.200000000000          1           1.25\n"
                              "      25.000 0.300000000000          1           1.43\n"
                              "      50.000 0.400000000000          2           1.67\n"
                              "      50.000 0.500000000000          2           2.00\n"
                              "      50.000 0.550000000000          2           2.22\n"
                              "      50.000 0.600000000000          2           2.50\n"
                              "      50.000 0.650000000000          2           2.86\n"
                              "      75.000 0.700000000000          3           3.33\n"
                              "      75.000 1.000000000000          3\n"
                              "#[Mean    =       50.000, StdDeviation   =       20.412]\n"
                              "#[Max     =       75.000, Total count    =            3]\n"
                              "#[Buckets =           36, SubBuckets     =          256]\n");
    free(text);
}

static void rows_go_on_until_the_greatest_value(void **state)
{
    histogram_t *h = *state;
    for (int i = 0; i < 9999; i++)
        histogram_add(h, 100);
    histogram_add(h, 200);
    char *text = text_of(h, 1, 1);
    assert_non_null(strstr(text, "     100.000 0.999804687500       9999        5120.00\n"));
    assert_non_null(strstr(text, "     200.000 0.999902343750      10000       10240.00\n"
                                 "     200.000 1.000000000000      10000\n"));
    free(text);
}

static void several_are_written_as_one_in_the_unit_asked_for(void **state)
{
    histogram_t *h = *state;
    histogram_add(&h[0], 20);
    histogram_add(&h[1], 100);
    char *text = text_of(h, 2, 10);
    assert_non_null(strstr(text, "       2.000 0.500000000000          1           2.00\n"
                                 "      10.000 0.550000000000          2           2.22\n"));
    assert_non_null(strstr(text, "#[Mean    =        6.000, StdDeviation   =        4.000]\n"
                                 "#[Max     =       10.000, Total count    =            2]\n"));
    free(text);
}

static void an_empty_one_has_no_rows(void **state)
{
    char *text = text_of(*state, 1, 1);
    assert_non_null(strstr(text, "1/(1-Percentile)\n\n#[Mean    =        0.000, "));
    assert_non_null(strstr(text, "#[Max     =        0.000, Total count    =            0]\n"));
    free(text);
}

static void an_output_that_takes_no_more_is_told(void **state)
{
    FILE *full = fopen("/dev/full", "we");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(histogram_write_text(full, *state, 1, 1), SL_EIO);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text_is_the_one_that_HdrHistogram_writes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rows_go_on_until_the_greatest_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_are_written_as_one_in_the_unit_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_has_no_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_output_that_takes_no_more_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

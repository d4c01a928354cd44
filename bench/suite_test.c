#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_LIMIT_S = 28 * 60, QUICK_LIMIT_S = 100 }; /* and a little for what nobody foresaw */

static void all_ends_within_half_an_hour_and_quick_within_two_minutes(void **state)
{
    (void)state;
    assert_in_range(suite_seconds(&suite_all), 1, ALL_LIMIT_S);
    assert_in_range(suite_seconds(&suite_quick), 1, QUICK_LIMIT_S);
}

static void check_names(const suite_t *suite)
{
    for (size_t i = 0; i < suite->count; i++) {
        const suite_row_t *row = &suite->rows[i];
        size_t len = strlen(row->name);
        assert_in_range(len, 1, 24);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), len);
        assert_true(row->seconds > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(suite->rows[j].name, row->name);
    }
}

static void each_row_has_a_name_of_its_own_that_a_file_can_have(void **state)
{
    (void)state;
    check_names(&suite_all);
    check_names(&suite_quick);
}

static void arguments_are_words_with_one_blank_between(void **state)
{
    (void)state;
    const suite_t *const suites[] = {&suite_all, &suite_quick};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < suites[i]->count; j++) {
            const char *args = suites[i]->rows[j].args;
            assert_null(strstr(args, "  "));
            assert_true(args[0] != ' ' && args[strlen(args) - 1] != ' ');
            assert_null(strstr(args, "--json")); /* the suite says where */
        }
}

static void quick_measures_whatever_all_measures(void **state)
{
    (void)state;
    for (size_t i = 0; i < suite_all.count; i++) {
        char bench[32];
        snprintf(bench, sizeof bench, "%.*s ", (int)strcspn(suite_all.rows[i].args, " "),
                 suite_all.rows[i].args);
        size_t j = 0;
        while (j < suite_quick.count &&
               strncmp(suite_quick.rows[j].args, bench, strlen(bench)) != 0)
            j++;
        assert_true(j < suite_quick.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ends_within_half_an_hour_and_quick_within_two_minutes),
        cmocka_unit_test(each_row_has_a_name_of_its_own_that_a_file_can_have),
        cmocka_unit_test(arguments_are_words_with_one_blank_between),
        cmocka_unit_test(quick_measures_whatever_all_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

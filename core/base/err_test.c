#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const sl_err all[] = {
#define X(name, number, text) SL_##name,
    SL_ERR_MAP(X)
#undef X
};

enum { ALL = sizeof all / sizeof all[0] };

static void every_error_has_a_number_a_name_and_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++)
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(sl_err_name(all[i]), sl_err_name(all[j]));
            assert_string_not_equal(sl_err_text(all[i]), sl_err_text(all[j]));
        }
}

static void names_are_those_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(SL_OK, 0);
    assert_string_equal(sl_err_name(SL_EPROTO), "EPROTO");
    assert_string_equal(sl_err_text(SL_OK), "success");
}

static void a_number_off_the_list_has_a_text_too(void **state)
{
    (void)state;
    assert_string_equal(sl_err_text((sl_err)999), "unknown error");
    assert_string_equal(sl_err_name((sl_err)999), "EUNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_number_a_name_and_a_text_of_its_own),
        cmocka_unit_test(names_are_those_of_the_table),
        cmocka_unit_test(a_number_off_the_list_has_a_text_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

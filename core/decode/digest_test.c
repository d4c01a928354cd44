#include "digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static digest_t digest;

static int setup(void **state)
{
    (void)state;
    return digest_init(&digest) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    digest_fini(&digest);
    return 0;
}

static bool matches(const char *text, const char *hex)
{
    return digest_matches(&digest, text, strlen(text), hex, strlen(hex));
}

/* RFC 1321, appendix A.5, and the example of MNS's own documentation. */
static void digest_matches_known_sums_in_either_case(void **state)
{
    (void)state;
    assert_true(matches("", "D41D8CD98F00B204E9800998ECF8427E"));
    assert_true(matches("abc", "900150983CD24FB0D6963F7D28E17F72"));
    assert_true(matches("message digest", "f96b697d7cb7938d525a2f31aaf161d0"));
    assert_true(matches("{1:\"a\", 2:\"b\"}", "F1E92841751D795AB325861034B5CB55"));
}

static void digest_refuses_every_changed_digit(void **state)
{
    (void)state;
    char hex[] = "900150983CD24FB0D6963F7D28E17F72";
    for (size_t i = 0; i < 32; i++) {
        char kept = hex[i];
        for (int c = 0; c < 256; c++) {
            hex[i] = (char)c;
            bool same = (hex[i] | 0x20) == (kept | 0x20) && hex[i] >= '0' && hex[i] <= 'f' &&
                        (hex[i] <= '9' || hex[i] >= 'A');
            assert_int_equal(digest_matches(&digest, "abc", 3, hex, 32), same);
        }
        hex[i] = kept;
    }
    assert_false(matches("abc", "900150983CD24FB0D6963F7D28E17F7"));
    assert_false(matches("abc", "900150983CD24FB0D6963F7D28E17F720"));
    assert_false(matches("abc", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(digest_matches_known_sums_in_either_case, setup, teardown),
        cmocka_unit_test_setup_teardown(digest_refuses_every_changed_digit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

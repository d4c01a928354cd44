#include "base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool decodes_to(const char *text, const char *bytes)
{
    sl_buf_t out = SL_BUF_INIT;
    bool good = base64_decode(&out, text, strlen(text)) && out.len == strlen(bytes) &&
                (out.len == 0 || memcmp(out.data, bytes, out.len) == 0);
    sl_buf_fini(&out);
    return good;
}

static bool refused(const char *text)
{
    sl_buf_t out = SL_BUF_INIT;
    sl_buf_append_str(&out, "kept");
    bool refused = !base64_decode(&out, text, strlen(text)) && out.len == 4;
    sl_buf_fini(&out);
    return refused;
}

/* RFC 4648, section 10. */
static void base64_decodes_the_standards_vectors(void **state)
{
    (void)state;
    assert_true(decodes_to("", ""));
    assert_true(decodes_to("Zg==", "f"));
    assert_true(decodes_to("Zm8=", "fo"));
    assert_true(decodes_to("Zm9v", "foo"));
    assert_true(decodes_to("Zm9vYg==", "foob"));
    assert_true(decodes_to("Zm9vYmE=", "fooba"));
    assert_true(decodes_to("Zm9vYmFy", "foobar"));
}

static void base64_knows_every_character_of_the_alphabet(void **state)
{
    (void)state;
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    sl_buf_t out = SL_BUF_INIT;
    assert_true(base64_decode(&out, all, 64));
    assert_int_equal(out.len, 48);
    for (unsigned i = 0; i < 64; i++) { /* the i-th sextet of the bytes is i */
        unsigned bit = 6 * i, at = bit / 8;
        unsigned pair = (unsigned)out.data[at] << 8 | (at + 1 < 48 ? out.data[at + 1] : 0);
        assert_int_equal(pair >> (10 - bit % 8) & 63, i);
    }
    sl_buf_fini(&out);
}

static void base64_skips_line_breaks_wherever_they_stand(void **state)
{
    (void)state;
    assert_true(decodes_to("\r\nZm9v\r\nYm\nFy\n", "foobar"));
    assert_true(decodes_to("Z\ng\r=\n=\r\n", "f"));
    assert_true(decodes_to("\n\n", ""));
}

static void base64_refuses_what_is_no_base64(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",  "Zm9vY", "Zm9v Yg==", "Zm9v\tYg==", "Zg==Zg==", "=Zg=",
        "Z===", "====", "Zg=A", "Zm9-",  "Zm9_",      "Zm9v!",      "Zm9\x80",  "Zg==x",
        "Zh==", "Zm9=", "{",    "Zm9v=", "Zm9v==",    "Zm9v====",   "Zg==\n=",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!refused(bad[i]))
            fail_msg("accepted \"%s\"", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_decodes_the_standards_vectors),
        cmocka_unit_test(base64_knows_every_character_of_the_alphabet),
        cmocka_unit_test(base64_skips_line_breaks_wherever_they_stand),
        cmocka_unit_test(base64_refuses_what_is_no_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

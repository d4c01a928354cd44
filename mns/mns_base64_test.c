#include "mns_base64.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char text[512];
static size_t len;

static bool decodes(const char *from)
{
    len = strlen(from);
    memcpy(text, from, len + 1);
    return mns_base64_decode(text, &len);
}

static void the_examples_of_the_standard_decode(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xFB\xFF\xBF"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(decodes(rows[i][0]));
        assert_int_equal(len, strlen(rows[i][1]));
        assert_string_equal(text, rows[i][1]);
    }
}

static void whatever_is_looser_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const bad[] = {"A",    "AA",         "AAA",      "AAAAA",
                                      "=",    "====",       "A===",     "AA=A",
                                      "=AAA", "AAAA====",   "AA==AAAA", "Zm9v\n",
                                      "Zm9 ", "Zm\n9v",     "-_-_",     "Zh==" /* left-over bits */,
                                      "Zm9=", "{\"a\":1}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(decodes(bad[i]));
        assert_string_equal(text, bad[i]);
        assert_int_equal(len, strlen(bad[i]));
    }
}

static void what_openssl_encodes_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + 3);
    for (int size = 0; size <= 256; size++) {
        len = (size_t)EVP_EncodeBlock((uint8_t *)text, bytes, size);
        assert_true(mns_base64_decode(text, &len));
        assert_int_equal(len, size);
        assert_memory_equal(text, bytes, len);
        assert_int_equal(text[len], '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_decode),
        cmocka_unit_test(whatever_is_looser_stays_as_it_is),
        cmocka_unit_test(what_openssl_encodes_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

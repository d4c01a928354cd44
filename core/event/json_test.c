#include "event/json.h"

#include "json_impl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Skips the whole of a copy that ends where the text does. */
static json_err_t check(const void *text, size_t len, size_t *at)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    json_scan_t in = json_scan(copy, len);
    json_skip(&in);
    json_end(&in);
    if (at != NULL)
        *at = (size_t)(in.at - copy);
    free(copy);
    return in.err;
}

static void assert_text(const char *text, json_err_t err)
{
    json_err_t got = check(text, strlen(text), NULL);
    if (got != err)
        fail_msg("%s gives %d, not %d", text, (int)got, (int)err);
}

static void every_kind_of_value_is_passed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "10",
        "-1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "0.0",
        "0e0",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2]",
        "[[],{}]",
        "{\"a\":1,\"b\":[{}]}",
        " \t\r\n{ \"a\" : [ 1 , null ] } \n",
        "\xef\xbb\xbf[]",
        "{\"\":{\"\":{}}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], JSON_OK);
}

static void what_the_grammar_forbids_is_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "tru",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "undefined",
        "01",
        "-01",
        "00",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "-",
        "--1",
        "[0x10]",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\U0041\"",
        "\"\\",
        "\"\\ud83d\\u12\"",
        "\"\\ud83d",
        "\"\\ud83d\\",
        "\"a\tb\"",
        "\"a\nb\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1]",
        "{\"a\":1 \"b\":2}",
        "{null:1}",
        "//\n1",
        "[1,/**/2]",
        "]",
        "}",
        ":",
        ",",
        "\xff",
        "\xc3\xa9",
        "\v1",
        "{\"a\"}",
        "[\"a\":1]",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], JSON_BROKEN);
    assert_int_equal(check("\"a\0b\"", 5, NULL), JSON_BROKEN);
    assert_int_equal(check("[1]\0", 4, NULL), JSON_TRAILING);
    assert_int_equal(check("\0", 1, NULL), JSON_BROKEN);
}

static void bytes_behind_the_value_are_trailing(void **state)
{
    (void)state;
    static const char *const texts[] = {"1 2",    "{}}",   "{}{}", "[],",
                                        "\"a\"b", "nullx", "1a",   "[]\xef\xbb\xbf"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], JSON_TRAILING);
}

static void lone_surrogates_are_bad_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\\ud800\"",        "\"\\udc00\"",         "\"\\udc00\\ud800\"",
        "\"\\ud800\\ud800\"", "\"\\ud800x\\udc00\"", "\"\\ud83d\\n\\ude00\"",
        "\"\\uDFFF\"",        "\"\\ud800 \"",        "\"\\ud800\\u0041\"",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], JSON_BAD_UTF8);
}

/* The oracle is the definition: decode, and ask whether the shortest form was used. */
static bool is_utf8(const uint8_t *at, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < len;) {
        size_t bytes = at[i] < 0x80   ? 1
                       : at[i] < 0xc0 ? 0
                       : at[i] < 0xe0 ? 2
                       : at[i] < 0xf0 ? 3
                                      : 4;
        if (bytes == 0 || at[i] >= 0xf8 || bytes > len - i)
            return false;
        uint32_t point = bytes == 1 ? at[i] : at[i] & (0x7fu >> bytes);
        for (size_t k = 1; k < bytes; k++) {
            if ((at[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (at[i + k] & 0x3f);
        }
        if (point < least[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        i += bytes;
    }
    return true;
}

/* Every pair of bytes, and of the longer sequences every first two with each kind of rest. */
static void utf8_is_judged_as_the_standard_says(void **state)
{
    (void)state;
    static const uint8_t rests[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
                                    0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned pair = 0x8000; pair < 0x10000; pair++)
        for (size_t r = 0; r < COUNT(rests) * COUNT(rests); r++) {
            uint8_t text[] = {'"',
                              (uint8_t)(pair >> 8),
                              (uint8_t)pair,
                              rests[r / COUNT(rests)],
                              rests[r % COUNT(rests)],
                              '"'};
            bool plain = true;
            for (size_t i = 2; i < 5; i++)
                plain = plain && text[i] >= 0x20 && text[i] != '"' && text[i] != '\\';
            if (!plain)
                continue;
            json_scan_t in = json_scan(text, sizeof text);
            json_str_t str;
            bool taken = json_string(&in, &str);
            if (taken != is_utf8(text + 1, 4))
                fail_msg("%02x %02x %02x %02x", text[1], text[2], text[3], text[4]);
            assert_true(taken || in.err == JSON_BAD_UTF8);
        }
}

static void a_cut_sequence_is_bad_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"\xc3", "\"\xe4\xbd",  "\"\xf0\x9f\x98",
                                        "\"\xf0", "\"abc\xe4\"", "\"\x80\""};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], JSON_BAD_UTF8);
}

/* A byte that ends a run must be found wherever it stands in the blocks that are read at once. */
static void a_string_ends_where_its_quote_is(void **state)
{
    (void)state;
    static const uint8_t enders[] = {'"', '\\', 0x1f, 0x00, 0x80, 0xff};
    uint8_t text[80];
    for (size_t len = 0; len <= 64; len++)
        for (size_t at = 0; at < len; at++)
            for (size_t e = 0; e < COUNT(enders); e++) {
                memset(text, 'x', sizeof text);
                text[at] = enders[e];
                assert_ptr_equal(json_plain_run(text, text + len), text + at);
                if (len - at >= 8)
                    assert_int_equal(json_plain_8(text + at), 0);
            }
    memset(text, '~', sizeof text);
    for (size_t len = 0; len <= 64; len++)
        assert_ptr_equal(json_plain_run(text, text + len), text + len);
}

static void every_byte_is_plain_or_not_alike_in_all_widths(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (unsigned at = 0; at < 16; at++) {
            uint8_t block[16];
            memset(block, 'a', sizeof block);
            block[at] = (uint8_t)byte;
            bool plain = json_is_plain((uint8_t)byte);
            assert_int_equal(json_plain_8(block), !plain && at < 8 ? at : 8);
#if defined(__SSE2__)
            assert_int_equal(json_plain_16(block), plain ? 16 : at);
#endif
        }
}

static void assert_resolves(const char *quoted, const char *bytes, size_t len)
{
    json_scan_t in = json_scan(quoted, strlen(quoted));
    json_str_t str;
    sl_buf_t out = SL_BUF_INIT;
    assert_true(json_string(&in, &str));
    assert_int_equal(str.len, len);
    assert_int_equal(json_str_append(&out, &str), SL_OK);
    assert_int_equal(out.len, len);
    if (len > 0)
        assert_memory_equal(out.data, bytes, len);
    assert_int_equal(str.len == str.raw_len, strchr(quoted, '\\') == NULL);
    sl_buf_fini(&out);
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    assert_resolves("\"\"", "", 0);
    assert_resolves("\"plain\"", "plain", 5);
    assert_resolves("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    assert_resolves("\"a\\u0000b\"", "a\0b", 3);
    assert_resolves("\"\\u007f\\u0080\\u07FF\\u0800\\uFfFf\"",
                    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
    assert_resolves("\"\\ud800\\udc00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
    assert_resolves("\"\xe4\xbd\xa0\\n\xe5\xa5\xbd\"", "\xe4\xbd\xa0\n\xe5\xa5\xbd", 7);
    assert_resolves("\"\\\\u0041\"", "\\u0041", 6);
}

static void a_string_is_compared_with_its_escapes_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *quoted, *text;
        bool same;
    } cases[] = {
        {"\"Message\"", "Message", true},
        {"\"Message\"", "Messagf", false},
        {"\"Message\"", "Mess", false},
        {"\"M\\u0065ssage\"", "Message", true},
        {"\"M\\u0066ssage\"", "Message", false},
        {"\"\"", "", true},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", true},
        {"\"a\\u0000\"", "ab", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_scan_t in = json_scan(cases[i].quoted, strlen(cases[i].quoted));
        json_str_t str;
        assert_true(json_string(&in, &str));
        assert_int_equal(json_str_is(&str, cases[i].text), cases[i].same);
    }
}

static json_num_t number(const char *text)
{
    json_scan_t in = json_scan(text, strlen(text));
    json_num_t num;
    assert_true(json_number(&in, &num));
    assert_true(json_end(&in));
    assert_int_equal(num.raw_len, strlen(text));
    return num;
}

static void integers_are_exact_to_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } uints[] = {
        {"0", 0},
        {"9007199254740991", 9007199254740991},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", (uint64_t)INT64_MAX + 1},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(uints); i++) {
        assert_int_equal(number(uints[i].text).type, JSON_UINT);
        assert_true(number(uints[i].text).u64 == uints[i].value);
    }
    assert_int_equal(number("-1").type, JSON_INT);
    assert_true(number("-1").i64 == -1);
    assert_true(number("-9223372036854775808").i64 == INT64_MIN);
    assert_int_equal(number("-9223372036854775808").type, JSON_INT);
}

static void what_64_bits_or_a_double_cannot_hold_is_big(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "18446744073709551616",
        "-9223372036854775809",
        "99999999999999999999",
        "1e400",
        "-1e400",
        "1e309",
        "1.8e308",
        "1e99999999999999999999",
        "340282366920938463463374607431768211456",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(number(texts[i]).type, JSON_BIG);
}

/* strtod is the oracle; the test runs in the C locale. */
static void doubles_are_rounded_to_nearest(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "-0",
        "0.0",
        "-0.0",
        "0e999999999999999999999",
        "1.5",
        "1E5",
        "1e5",
        "100e-2",
        "0.1",
        "0.3",
        "1e22",
        "1e23",
        "123456789012345678",
        "9007199254740993.0",
        "9007199254740992.0",
        "4503599627370497.5",
        "1.7976931348623157e308",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "-1e-400",
        "1e-99999999999999999999",
        "0.000000000000000000000000000001",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207"
        "096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817"
        "7115317644"
        "757302700698555713669596228429148198608349364752927190741684443655107043427115596995080930"
        "428801779"
        "041744977920."
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        "8.98846567431157854072637118658521783990e+307",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        json_num_t num = number(texts[i]);
        double expected = strtod(texts[i], NULL);
        if (num.type == JSON_UINT) /* an integer without a point */
            continue;
        if (isinf(expected)) {
            assert_int_equal(num.type, JSON_BIG);
            continue;
        }
        assert_int_equal(num.type, JSON_DOUBLE);
        if (memcmp(&num.dbl, &expected, sizeof expected) != 0)
            fail_msg("%s gives %a, not %a", texts[i], num.dbl, expected);
    }
}

/* A digit far behind the halfway point between two doubles still decides. */
static void the_last_of_a_thousand_digits_counts(void **state)
{
    (void)state;
    char text[1200] = "1.00000000000000011102230246251565404236316680908203125";
    size_t len = strlen(text);
    memset(text + len, '0', 1000);
    assert_true(number(text).dbl == 1.0); /* a tie goes to even */
    text[len + 1000 - 1] = '1';
    assert_true(number(text).dbl == 1.0 + 0x1p-52);
    memset(text, '0', 1000);
    memcpy(text, "0.", 2);
    memcpy(text + 1000, "1e999", 6);
    assert_true(number(text).dbl == strtod(text, NULL));
}

static void random_doubles_agree_with_strtod(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double value;
        memcpy(&value, &seed, sizeof value);
        if (!isfinite(value))
            continue;
        snprintf(text, sizeof text, i % 2 ? "%.17e" : "%.9e", value);
        json_num_t num = number(text);
        double expected = strtod(text, NULL);
        if (isinf(expected)) {
            assert_int_equal(num.type, JSON_BIG);
            continue;
        }
        if (memcmp(&num.dbl, &expected, sizeof expected) != 0)
            fail_msg("%s gives %a, not %a", text, num.dbl, expected);
    }
}

static void thirty_two_levels_pass_and_one_more_does_not(void **state)
{
    (void)state;
    char text[200] = "";
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    assert_int_equal(check(text, 64, NULL), JSON_OK);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    size_t at;
    assert_int_equal(check(text, 66, &at), JSON_DEEP);
    assert_int_equal(at, 32);
}

static void depth_counts_levels_and_not_brackets(void **state)
{
    (void)state;
    sl_buf_t text = SL_BUF_INIT;
    sl_buf_append_byte(&text, '[');
    for (int i = 0; i < 1000; i++)
        sl_buf_append_str(&text, "[{}],{\"a\":[]},");
    sl_buf_append_str(&text, "0]");
    assert_int_equal(check(text.data, text.len, NULL), JSON_OK);
    sl_buf_fini(&text);
}

static void the_place_of_an_error_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"[1,x]", 3},       {"{\"a\":1,}", 7}, {"\"a\tb\"", 2}, {"\"\\x\"", 2}, {"01", 1},
        {"\"a\xff\"", 2},   {"[1] x", 4},      {"", 0},         {"[1,", 3},     {"\"\\ud800\"", 3},
        {"\"\\u00zz\"", 3}, {"1e+", 3},        {"tru", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t at;
        assert_int_not_equal(check(cases[i].text, strlen(cases[i].text), &at), JSON_OK);
        if (at != cases[i].at)
            fail_msg("%s breaks at %zu, not %zu", cases[i].text, at, cases[i].at);
    }
}

static void a_flat_object_is_walked(void **state)
{
    (void)state;
    const char *text =
        " {\"TopicName\" : \"t\", \"skip\":{\"a\":[1,{}]},\"Message\":\"{\\\"a\\\":1}\",\"n\":7 } ";
    json_scan_t in = json_scan(text, strlen(text));
    json_str_t key, message = {0};
    json_num_t num = {0};
    unsigned members = 0;
    assert_true(json_enter(&in, '{'));
    while (json_next_member(&in, &key)) {
        members++;
        if (json_str_is(&key, "Message"))
            assert_true(json_string(&in, &message));
        else if (json_str_is(&key, "n"))
            assert_true(json_number(&in, &num));
        else
            assert_true(json_skip(&in));
    }
    assert_true(json_end(&in));
    assert_int_equal(members, 4);
    assert_int_equal(message.len, strlen("{\"a\":1}"));
    assert_int_equal(num.u64, 7);
}

static void an_array_is_walked(void **state)
{
    (void)state;
    const char *text = "[1,[2,3],[],4]";
    json_scan_t in = json_scan(text, strlen(text));
    unsigned elements = 0;
    assert_true(json_enter(&in, '['));
    while (json_next_element(&in)) {
        assert_true(json_skip(&in));
        elements++;
    }
    assert_true(json_end(&in));
    assert_int_equal(elements, 4);
    assert_int_equal(in.depth, 0);
}

static void the_first_error_sticks(void **state)
{
    (void)state;
    const char *text = "[1,x,\"a\"]";
    json_scan_t in = json_scan(text, strlen(text));
    json_str_t str;
    json_num_t num;
    assert_true(json_enter(&in, '['));
    assert_true(json_next_element(&in));
    assert_true(json_number(&in, &num));
    assert_true(json_next_element(&in));
    assert_false(json_skip(&in));
    const uint8_t *at = in.at;
    assert_int_equal(json_peek(&in), 0);
    assert_false(json_next_element(&in));
    assert_false(json_next_member(&in, &str));
    assert_false(json_enter(&in, '['));
    assert_false(json_string(&in, &str));
    assert_false(json_number(&in, &num));
    assert_false(json_skip(&in));
    assert_false(json_end(&in));
    assert_int_equal(in.err, JSON_BROKEN);
    assert_ptr_equal(in.at, at);
}

static void a_value_of_another_kind_is_an_error(void **state)
{
    (void)state;
    json_str_t str;
    json_num_t num;
    json_scan_t in = json_scan("1", 1);
    assert_false(json_string(&in, &str));
    in = json_scan("\"1\"", 3);
    assert_false(json_number(&in, &num));
    in = json_scan("{}", 2);
    assert_false(json_enter(&in, '['));
    in = json_scan("", 0);
    assert_false(json_enter(&in, '{'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_passed),
        cmocka_unit_test(what_the_grammar_forbids_is_broken),
        cmocka_unit_test(bytes_behind_the_value_are_trailing),
        cmocka_unit_test(lone_surrogates_are_bad_utf8),
        cmocka_unit_test(utf8_is_judged_as_the_standard_says),
        cmocka_unit_test(a_cut_sequence_is_bad_utf8),
        cmocka_unit_test(a_string_ends_where_its_quote_is),
        cmocka_unit_test(every_byte_is_plain_or_not_alike_in_all_widths),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(a_string_is_compared_with_its_escapes_resolved),
        cmocka_unit_test(integers_are_exact_to_64_bits),
        cmocka_unit_test(what_64_bits_or_a_double_cannot_hold_is_big),
        cmocka_unit_test(doubles_are_rounded_to_nearest),
        cmocka_unit_test(the_last_of_a_thousand_digits_counts),
        cmocka_unit_test(random_doubles_agree_with_strtod),
        cmocka_unit_test(thirty_two_levels_pass_and_one_more_does_not),
        cmocka_unit_test(depth_counts_levels_and_not_brackets),
        cmocka_unit_test(the_place_of_an_error_is_told),
        cmocka_unit_test(a_flat_object_is_walked),
        cmocka_unit_test(an_array_is_walked),
        cmocka_unit_test(the_first_error_sticks),
        cmocka_unit_test(a_value_of_another_kind_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

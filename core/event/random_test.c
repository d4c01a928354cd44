/* random_test.c - texts that a seeded generator makes up, and the same with a few bytes damaged,
 * against oracle.h. */
#include "oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 20000, DAMAGED_OF_EACH = 3 };

typedef struct maker {
    uint64_t state;
    sl_buf_t text;
} maker_t;

static uint32_t below(maker_t *maker, uint32_t bound)
{
    maker->state ^= maker->state << 13; /* xorshift64, Marsaglia 2003 */
    maker->state ^= maker->state >> 7;
    maker->state ^= maker->state << 17;
    return (uint32_t)(maker->state >> 32) % bound;
}

#define PICK(maker, array) ((array)[below((maker), sizeof(array) / sizeof(array)[0])])

static void make_space(maker_t *maker)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n    ", "\t\r"};
    sl_buf_append_str(&maker->text, PICK(maker, spaces));
}

static void make_string(maker_t *maker)
{
    static const char *const pieces[] = {
        "a",
        "xyz",
        "0123456789abcdef",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u00e9",
        "\\u4f60",
        "\\ud83d\\ude00",
        "\\u0001",
        "\xc3\xa9",
        "\xe4\xbd\xa0",
        "\xf0\x9f\x98\x80",
        "~",
        " ",
        "oss://bucket/tests/a44c0ad8",
    };
    sl_buf_append_byte(&maker->text, '"');
    for (uint32_t n = below(maker, 8); n > 0; n--)
        sl_buf_append_str(&maker->text, PICK(maker, pieces));
    sl_buf_append_byte(&maker->text, '"');
}

static void make_number(maker_t *maker)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "1",
        "-1",
        "127",
        "128",
        "-32",
        "-33",
        "65535",
        "65536",
        "4294967296",
        "9007199254740991",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "0.5",
        "-1.25e3",
        "1E5",
        "1e400",
        "1e-400",
        "0.1",
        "123456789.123456789",
        "1.7976931348623157e308",
        "4.9e-324",
    };
    if (below(maker, 2) == 0)
        sl_buf_append_str(&maker->text, PICK(maker, numbers));
    else
        sl_buf_printf(&maker->text, "%.*g", (int)below(maker, 18),
                      (below(maker, 2000000) - 1e6) / 1024.0);
}

static void make_value(maker_t *maker, unsigned depth);

static void make_members(maker_t *maker, unsigned depth, uint32_t count, bool comma)
{
    static const char *const names[] = {
        "\"a\":",         "\"State\" :",       "\"StartTime\":", "\"RetryCount\":",
        "\"ErrorCode\":", "\"ErrorMessage\":", "\"\":",          "\"id\":",
        "\"$x\":",        "\"k\\u0065y\":",    "\"body:id\":",
    };
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 || comma)
            sl_buf_append_byte(&maker->text, ',');
        make_space(maker);
        if (below(maker, 8) == 0)
            sl_buf_append_str(&maker->text, PICK(maker, names));
        else
            sl_buf_printf(&maker->text, "\"%c%u\":", (int)('a' + below(maker, 26)), i);
        make_space(maker);
        make_value(maker, depth);
    }
}

static void make_value(maker_t *maker, unsigned depth)
{
    static const char *const words[] = {"true", "false", "null"};
    static const char *const typed[] = {"\"2016-11-01T15:25:02.837728Z\"", "\"0\"", "\"\"",
                                        "\"42\""};
    uint32_t kind = below(maker, depth < 5 ? 10 : 8);
    if (kind < 4) {
        make_string(maker);
    } else if (kind < 6) {
        make_number(maker);
    } else if (kind == 6) {
        sl_buf_append_str(&maker->text, PICK(maker, words));
    } else if (kind == 7) {
        sl_buf_append_str(&maker->text, PICK(maker, typed));
    } else if (kind == 8) {
        sl_buf_append_byte(&maker->text, '[');
        for (uint32_t i = 0, count = below(maker, 20); i < count; i++) {
            sl_buf_append_str(&maker->text, i > 0 ? "," : "");
            make_value(maker, depth + 1);
        }
        sl_buf_append_byte(&maker->text, ']');
    } else {
        sl_buf_append_byte(&maker->text, '{');
        make_members(maker, depth + 1, below(maker, below(maker, 20) == 0 ? 60 : 8), false);
        sl_buf_append_byte(&maker->text, '}');
    }
}

static void make_body(maker_t *maker)
{
    sl_buf_clear(&maker->text);
    make_space(maker);
    sl_buf_append_str(&maker->text, "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\"");
    make_members(maker, 1, below(maker, below(maker, 20) == 0 ? 60 : 12), true);
    make_space(maker);
    sl_buf_append_str(&maker->text, "}");
    make_space(maker);
}

/* @return whether it passed. */
static bool check(maker_t *maker)
{
    bool passed;
    sl_buf_append_byte(&maker->text, '\0');
    maker->text.len--;
    const char *json = (const char *)maker->text.data;
    const char *complaint = oracle_check(json, maker->text.len, &passed);
    if (complaint != NULL)
        fail_msg("%s: %s", complaint, json);
    return passed;
}

static void made_up_events_pass_and_agree_with_cjson(void **state)
{
    (void)state;
    maker_t maker = {.state = 0x5151cedeadbeef01};
    for (int i = 0; i < ROUNDS; i++) {
        make_body(&maker);
        assert_true(check(&maker));
    }
    sl_buf_fini(&maker.text);
}

static void damaged_events_pass_or_are_refused_cleanly(void **state)
{
    (void)state;
    static const char bytes[] = "\"\\{}[],:0-.eEu \n\t\xff\x80\xc3\xed\0atfn$";
    maker_t maker = {.state = 0x1234567890abcdef};
    unsigned refused = 0;
    for (int i = 0; i < ROUNDS; i++) {
        make_body(&maker);
        for (int n = 0; n < DAMAGED_OF_EACH; n++) {
            uint8_t *at = maker.text.data + below(&maker, (uint32_t)maker.text.len);
            if (below(&maker, 4) == 0) {
                memmove(at, at + 1, (size_t)(maker.text.data + maker.text.len - (at + 1)));
                maker.text.len--;
            } else {
                *at = (uint8_t)PICK(&maker, bytes);
            }
            refused += !check(&maker);
        }
    }
    assert_true(refused > ROUNDS); /* else the damage does not damage */
    sl_buf_fini(&maker.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_events_pass_and_agree_with_cjson),
        cmocka_unit_test(damaged_events_pass_or_are_refused_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

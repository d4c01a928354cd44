/* json_number.c - a number exactly: integers to 64 bits, else the nearest double.
 *
 * Decimal to double: where digits and power of ten are both exact doubles, one multiplication or
 * division rounds once and is right (Clinger 1990); else strtod decides, on a text without a
 * decimal point, so that no locale can change its mind. */
#include "json_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EXACT_POWER = 22,   /* 10^22 is a double without rounding */
    STRTOD_DIGITS = 800 /* past 768 only whether more follow can matter */
};

/* Past any number of digits a text can have, and far from overflow. */
static const int64_t exponent_max = (int64_t)1 << 48;

static inline bool is_digit(const uint8_t *at, const uint8_t *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* What the grammar found. */
typedef struct parts {
    bool negative, is_int;
    bool overflow;     /* mantissa does not hold all digits */
    uint64_t mantissa; /* the digits, the point left out */
    int64_t exponent;  /* of ten, the fraction's digits taken into account */
} parts_t;

static const uint8_t *pass_digits(const uint8_t *at, const uint8_t *end, parts_t *parts)
{
    for (; is_digit(at, end); at++)
        if (__builtin_mul_overflow(parts->mantissa, (uint64_t)10, &parts->mantissa) ||
            __builtin_add_overflow(parts->mantissa, (uint64_t)(*at - '0'), &parts->mantissa))
            parts->overflow = true;
    return at;
}

/* The exponent; `at` is behind the letter. */
static const uint8_t *pass_exponent(json_scan_t *in, const uint8_t *at, int64_t *exponent)
{
    bool negative = at < in->end && *at == '-';
    if (at < in->end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, in->end))
        return json_fail(in, JSON_BROKEN, at);
    int64_t value = 0;
    for (; is_digit(at, in->end); at++)
        if (value < exponent_max)
            value = value * 10 + (*at - '0');
    *exponent += negative ? -value : value;
    return at;
}

static const uint8_t *pass_number(json_scan_t *in, const uint8_t *at, parts_t *parts)
{
    parts->is_int = true;
    if (at < in->end && *at == '-') {
        parts->negative = true;
        at++;
    }
    if (!is_digit(at, in->end))
        return json_fail(in, JSON_BROKEN, at);
    if (*at == '0' && is_digit(at + 1, in->end))
        return json_fail(in, JSON_BROKEN, at + 1);
    at = pass_digits(at, in->end, parts);
    if (at < in->end && *at == '.') {
        const uint8_t *fraction = at + 1;
        if (!is_digit(fraction, in->end))
            return json_fail(in, JSON_BROKEN, fraction);
        parts->is_int = false;
        at = pass_digits(fraction, in->end, parts);
        parts->exponent = fraction - at;
    }
    if (at < in->end && (*at == 'e' || *at == 'E')) {
        parts->is_int = false;
        at = pass_exponent(in, at + 1, &parts->exponent);
    }
    return at;
}

/* The digits that can matter, as an integer with an exponent, through strtod. */
static double long_double_text(const json_num_t *num, int64_t exponent)
{
    char text[STRTOD_DIGITS + 32];
    size_t len = 0;
    bool more = false; /* a digit that was left out is not 0 */
    const uint8_t *at = num->raw, *end = num->raw + num->raw_len;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '-' || *at == '.' || (*at == '0' && len == 0))
            continue;
        if (len < STRTOD_DIGITS) {
            text[len++] = (char)*at;
            continue;
        }
        more = more || *at != '0';
        exponent++;
    }
    if (len == 0)
        return 0.0;
    if (more) {
        text[len++] = '1';
        exponent--;
    }
    snprintf(text + len, sizeof text - len, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

static double to_double(const parts_t *parts, const json_num_t *num)
{
    static const double powers[EXACT_POWER + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
    bool exact = !parts->overflow && parts->mantissa <= (uint64_t)1 << 53;
    if (exact && parts->exponent >= 0 && parts->exponent <= EXACT_POWER)
        return (double)parts->mantissa * powers[parts->exponent];
    if (exact && parts->exponent < 0 && parts->exponent >= -EXACT_POWER)
        return (double)parts->mantissa / powers[-parts->exponent];
    return long_double_text(num, parts->exponent);
}

static void classify(const parts_t *parts, json_num_t *num)
{
    const uint64_t int_min = (uint64_t)1 << 63;
    num->type = JSON_BIG;
    if (!parts->is_int || (parts->negative && parts->mantissa == 0 && !parts->overflow)) {
        double value = to_double(parts, num);
        if (isinf(value))
            return;
        num->type = JSON_DOUBLE;
        num->dbl = parts->negative ? -value : value;
    } else if (parts->overflow) {
        return;
    } else if (!parts->negative) {
        num->type = JSON_UINT;
        num->u64 = parts->mantissa;
    } else if (parts->mantissa <= int_min) {
        num->type = JSON_INT;
        num->i64 = (int64_t)(0 - parts->mantissa);
    }
}

const uint8_t *json_scan_number(json_scan_t *in, const uint8_t *at, json_num_t *num)
{
    parts_t parts = {0};
    num->raw = at;
    at = pass_number(in, at, &parts);
    if (at == NULL)
        return NULL;
    num->raw_len = (size_t)(at - num->raw);
    classify(&parts, num);
    return at;
}

#include "json_put.h"

#include "event/iso.h"
#include "json_impl.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PUT_LIT(out, literal) sl_buf_append((out), (literal), sizeof(literal) - 1)

/* -- strings --------------------------------------------------------------------------------- */

static void put_escape(sl_buf_t *out, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (byte < sizeof letters && letters[byte] != 0) {
        const char escape[] = {'\\', letters[byte]};
        sl_buf_append(out, escape, sizeof escape);
    } else {
        const char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        sl_buf_append(out, escape, sizeof escape);
    }
}

void json_put_chars(sl_buf_t *out, const void *text, size_t len)
{
    const uint8_t *at = text, *end = at + len;
    while (at < end) {
        const uint8_t *stop = json_plain_run(at, end);
        sl_buf_append(out, at, (size_t)(stop - at));
        at = stop;
        if (at == end)
            break;
        if (*at < 0x80) {
            put_escape(out, *at++);
            continue;
        }
        unsigned sequence = json_utf8_sequence(at, end);
        if (sequence > 0)
            sl_buf_append(out, at, sequence);
        else
            PUT_LIT(out, "\xef\xbf\xbd");
        at += sequence > 0 ? sequence : 1;
    }
}

void json_put_str(sl_buf_t *out, const void *text, size_t len)
{
    sl_buf_append_byte(out, '"');
    json_put_chars(out, text, len);
    sl_buf_append_byte(out, '"');
}

void json_put_bin(sl_buf_t *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i = 0;
    sl_buf_append_byte(out, '"');
    for (; len - i >= 3; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        const char four[] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                             digits[group & 63]};
        sl_buf_append(out, four, sizeof four);
    }
    if (i < len) {
        bool two = len - i == 2;
        uint32_t group = (uint32_t)bytes[i] << 16 | (two ? (uint32_t)bytes[i + 1] << 8 : 0);
        const char four[] = {digits[group >> 18], digits[group >> 12 & 63],
                             two ? digits[group >> 6 & 63] : '=', '='};
        sl_buf_append(out, four, sizeof four);
    }
    sl_buf_append_byte(out, '"');
}

/* -- numbers and times ----------------------------------------------------------------------- */

void json_put_uint(sl_buf_t *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    sl_buf_append(out, digits + at, sizeof digits - at);
}

void json_put_int(sl_buf_t *out, int64_t value)
{
    if (value < 0)
        sl_buf_append_byte(out, '-');
    json_put_uint(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Appends printf's text of a double.  A locale may have written another decimal point, of any
 * length: whatever belongs to no number stands for one. */
static void append_decimal(sl_buf_t *out, const char *text)
{
    bool is_float = false, in_point = false;
    for (; *text != '\0'; text++) {
        bool known = strchr("+-0123456789e", *text) != NULL;
        is_float = is_float || !known || *text == 'e';
        if (known)
            sl_buf_append_byte(out, (uint8_t)*text);
        else if (!in_point)
            sl_buf_append_byte(out, '.');
        in_point = !known;
    }
    if (!is_float)
        PUT_LIT(out, ".0");
}

void json_put_double(sl_buf_t *out, double value)
{
    /* 15 digits or fewer come out trimmed, so that the search may begin there; but the smallest
     * doubles have fewer digits to tell. */
    enum { ALWAYS_READ_BACK = 17, OFTEN_READ_BACK = 15 };
    char text[48];
    if (!isfinite(value)) {
        PUT_LIT(out, "null");
        return;
    }
    for (int digits = fabs(value) < DBL_MIN ? 1 : OFTEN_READ_BACK; digits <= ALWAYS_READ_BACK;
         digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    append_decimal(out, text);
}

void json_put_time(sl_buf_t *out, int64_t sec, uint32_t nsec)
{
    char text[ISO_TEXT_MAX];
    size_t len = iso_format(text, sec, nsec);
    if (len == 0) {
        PUT_LIT(out, "null");
        return;
    }
    sl_buf_append_byte(out, '"');
    sl_buf_append(out, text, len);
    sl_buf_append_byte(out, '"');
}

/* -- values ---------------------------------------------------------------------------------- */

static bool put_nested(sl_buf_t *out, mp_cursor_t *in, unsigned depth);

static bool put_array(sl_buf_t *out, mp_cursor_t *in, uint32_t count, unsigned depth)
{
    sl_buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            sl_buf_append_byte(out, ',');
        if (!put_nested(out, in, depth))
            return false;
    }
    sl_buf_append_byte(out, ']');
    return true;
}

static bool put_map(sl_buf_t *out, mp_cursor_t *in, uint32_t count, unsigned depth)
{
    const char *key;
    uint32_t len;
    sl_buf_append_byte(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (!mp_get_str(in, &key, &len))
            return false;
        if (i > 0)
            sl_buf_append_byte(out, ',');
        json_put_str(out, key, len);
        sl_buf_append_byte(out, ':');
        if (!put_nested(out, in, depth))
            return false;
    }
    sl_buf_append_byte(out, '}');
    return true;
}

/* `depth` containers are open around it. */
static bool put_nested(sl_buf_t *out, mp_cursor_t *in, unsigned depth)
{
    mp_value_t value;
    if (!mp_next(in, &value))
        return false;
    switch (value.type) {
    case MP_NIL:
        PUT_LIT(out, "null");
        break;
    case MP_BOOL:
        sl_buf_append_str(out, value.boolean ? "true" : "false");
        break;
    case MP_UINT:
        json_put_uint(out, value.u64);
        break;
    case MP_INT:
        json_put_int(out, value.i64);
        break;
    case MP_DOUBLE:
        json_put_double(out, value.dbl);
        break;
    case MP_STR:
        json_put_str(out, value.bytes.data, value.bytes.len);
        break;
    case MP_BIN:
    case MP_EXT:
        json_put_bin(out, value.bytes.data, value.bytes.len);
        break;
    case MP_TIME:
        json_put_time(out, value.time.sec, value.time.nsec);
        break;
    case MP_ARRAY:
        return depth < MP_DEPTH_MAX && put_array(out, in, value.count, depth + 1);
    case MP_MAP:
        return depth < MP_DEPTH_MAX && put_map(out, in, value.count, depth + 1);
    }
    return true;
}

bool json_put_value(sl_buf_t *out, mp_cursor_t *in)
{
    return put_nested(out, in, 0);
}

#include "event/writer.h"

#include "base/mp.h"
#include "event/reader.h"
#include "iso.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- JSON ---------------------------------------------------------------------------------- */

static void put_json_string(sl_buf_t *out, const void *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *at = text, *end = at + len;
    sl_buf_append_byte(out, '"');
    while (at < end) {
        const uint8_t *plain = at;
        while (at < end && *at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f)
            at++;
        sl_buf_append(out, plain, (size_t)(at - plain));
        if (at == end)
            break;
        uint8_t c = *at++;
        if (c == '"' || c == '\\') {
            sl_buf_append(out, (char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            sl_buf_append_str(out, "\\n");
        } else {
            sl_buf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        }
    }
    sl_buf_append_byte(out, '"');
}

static void put_base64(sl_buf_t *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        sl_buf_append(out, four, 4);
    }
}

/* The shortest decimal text that reads back as the same double. */
static void put_double(sl_buf_t *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        sl_buf_append_str(out, "null"); /* JSON has no word for it */
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    sl_buf_append_str(out, text);
    if (strpbrk(text, ".e") == NULL)
        sl_buf_append_str(out, ".0"); /* stays a float for whoever reads it */
}

static void put_time(sl_buf_t *out, int64_t sec, uint32_t nsec)
{
    char text[ISO_TEXT_MAX];
    size_t len = iso_format(text, sec, nsec);
    if (len == 0)
        sl_buf_append_str(out, "null"); /* a year that RFC 3339 cannot write */
    else
        put_json_string(out, text, len);
}

static bool put_json_value(sl_buf_t *out, mp_cursor_t *in, unsigned depth);

static bool put_json_array(sl_buf_t *out, mp_cursor_t *in, uint32_t count, unsigned depth)
{
    sl_buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            sl_buf_append_byte(out, ',');
        if (!put_json_value(out, in, depth + 1))
            return false;
    }
    sl_buf_append_byte(out, ']');
    return true;
}

static bool put_json_map(sl_buf_t *out, mp_cursor_t *in, uint32_t count, unsigned depth)
{
    sl_buf_append_byte(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        const char *key;
        uint32_t len;
        if (i > 0)
            sl_buf_append_byte(out, ',');
        if (!mp_get_str(in, &key, &len))
            return false;
        put_json_string(out, key, len);
        sl_buf_append_byte(out, ':');
        if (!put_json_value(out, in, depth + 1))
            return false;
    }
    sl_buf_append_byte(out, '}');
    return true;
}

static void put_json_bytes(sl_buf_t *out, const mp_value_t *value)
{
    sl_buf_append_byte(out, '"');
    put_base64(out, value->bytes.data, value->bytes.len);
    sl_buf_append_byte(out, '"');
}

static bool put_json_value(sl_buf_t *out, mp_cursor_t *in, unsigned depth)
{
    mp_value_t value;
    if (depth > MP_DEPTH_MAX || !mp_next(in, &value))
        return false;
    switch (value.type) {
    case MP_NIL:
        sl_buf_append_str(out, "null");
        break;
    case MP_BOOL:
        sl_buf_append_str(out, value.boolean ? "true" : "false");
        break;
    case MP_UINT:
        sl_buf_printf(out, "%" PRIu64, value.u64);
        break;
    case MP_INT:
        sl_buf_printf(out, "%" PRId64, value.i64);
        break;
    case MP_DOUBLE:
        put_double(out, value.dbl);
        break;
    case MP_STR:
        put_json_string(out, value.bytes.data, value.bytes.len);
        break;
    case MP_TIME:
        put_time(out, value.time.sec, value.time.nsec);
        break;
    case MP_BIN:
    case MP_EXT:
        put_json_bytes(out, &value);
        break;
    case MP_ARRAY:
        return put_json_array(out, in, value.count, depth);
    case MP_MAP:
        return put_json_map(out, in, value.count, depth);
    }
    return true;
}

/* Leaves `out` as it was unless all went well. */
static sl_err settle(sl_buf_t *out, size_t start, bool ok)
{
    if (ok && !out->failed)
        return SL_OK;
    out->len = start;
    return out->failed ? SL_ENOMEM : SL_EPROTO;
}

sl_err event_write_json(sl_buf_t *out, const void *event, size_t len)
{
    size_t start = out->len;
    mp_cursor_t in = mp_cursor(event, len);
    mp_value_t head;
    mp_cursor_t peek = in;
    bool ok = mp_next(&peek, &head) && head.type == MP_MAP && put_json_value(out, &in, 0) &&
              in.at == in.end;
    return settle(out, start, ok);
}

/* -- CloudEvents --------------------------------------------------------------------------- */

static bool find_str(const void *event, size_t len, const char *name, mp_value_t *value)
{
    return event_find(event, len, name, strlen(name), value, NULL) && value->type == MP_STR;
}

static void put_attribute(sl_buf_t *out, const char *name, const mp_value_t *value)
{
    sl_buf_printf(out, ",\"%s\":", name);
    put_json_string(out, value->bytes.data, value->bytes.len);
}

static bool is_context(const char *name, uint32_t len)
{
    return (len == 2 && memcmp(name, "id", 2) == 0) ||
           (len == 6 && memcmp(name, "source", 6) == 0) ||
           (len == 4 && memcmp(name, "time", 4) == 0);
}

/* data: the fields of the body, context left out. */
static bool put_data(sl_buf_t *out, const void *event, size_t len)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    bool first = true;
    event_iter_t iter = event_fields(event, len);
    sl_buf_append_str(out, ",\"data\":{");
    while (event_next_field(&iter, &name, &name_len, &raw)) {
        if (is_context(name, name_len))
            continue;
        if (!first)
            sl_buf_append_byte(out, ',');
        first = false;
        put_json_string(out, name, name_len);
        sl_buf_append_byte(out, ':');
        if (!put_json_value(out, &raw, 1))
            return false;
    }
    sl_buf_append_str(out, "}}");
    return !iter.bad;
}

static bool put_cloudevent(sl_buf_t *out, const void *event, size_t len)
{
    mp_value_t category, name, id, source, time, subject;
    if (!find_str(event, len, "Category", &category) || !find_str(event, len, "Event", &name) ||
        !find_str(event, len, "id", &id) || !find_str(event, len, "source", &source))
        return false;
    sl_buf_append_str(out, "{\"specversion\":\"1.0\"");
    put_attribute(out, "id", &id);
    put_attribute(out, "source", &source);
    sl_buf_printf(out, ",\"type\":\"com.aliyun.batchcompute.%.*s.%.*s\"", (int)category.bytes.len,
                  (const char *)category.bytes.data, (int)name.bytes.len,
                  (const char *)name.bytes.data);
    if (find_str(event, len, "JobId", &subject) || find_str(event, len, "ClusterId", &subject))
        put_attribute(out, "subject", &subject);
    if (event_find(event, len, "time", 4, &time, NULL) && time.type == MP_TIME) {
        sl_buf_append_str(out, ",\"time\":");
        put_time(out, time.time.sec, time.time.nsec);
    }
    sl_buf_append_str(out, ",\"datacontenttype\":\"application/json\"");
    return put_data(out, event, len);
}

sl_err event_write_cloudevent(sl_buf_t *out, const void *event, size_t len)
{
    size_t start = out->len;
    return settle(out, start, put_cloudevent(out, event, len));
}

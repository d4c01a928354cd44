#include "xml_out.h"

#include <string.h>

void xml_root(sl_buf_t *out, const char *name)
{
    XML_LIT(out, "<?xml version=\"1.0\" ?>\n<");
    sl_buf_append_str(out, name);
    XML_LIT(out, " xmlns=\"" XML_NAMESPACE "\">");
}

void xml_open(sl_buf_t *out, const char *name)
{
    XML_LIT(out, "<");
    sl_buf_append_str(out, name);
    XML_LIT(out, ">");
}

void xml_close(sl_buf_t *out, const char *name)
{
    XML_LIT(out, "</");
    sl_buf_append_str(out, name);
    XML_LIT(out, ">");
}

void xml_text(sl_buf_t *out, const char *name, const char *text)
{
    xml_open(out, name);
    xml_escape(out, text, strlen(text));
    xml_close(out, name);
}

void xml_u64(sl_buf_t *out, const char *name, uint64_t value)
{
    xml_open(out, name);
    xml_decimal(out, value);
    xml_close(out, name);
}

void xml_bool(sl_buf_t *out, const char *name, bool value)
{
    xml_text(out, name, value ? "True" : "False");
}

static const char *escaped(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

/* Has one of the eight bytes that value? */
static uint64_t has_byte(uint64_t eight, uint8_t value)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t zero = eight ^ (ones * value);
    return (zero - ones) & ~zero & (ones << 7);
}

/* Over what needs no escape, eight bytes at a time: most of a body is that. */
static const char *skip_plain(const char *at, const char *end)
{
    uint64_t eight;
    for (; end - at >= 8; at += 8) {
        memcpy(&eight, at, sizeof eight);
        if ((has_byte(eight, '&') | has_byte(eight, '<') | has_byte(eight, '>') |
             has_byte(eight, '\r')) != 0)
            return at;
    }
    return at;
}

void xml_escape(sl_buf_t *out, const char *text, size_t len)
{
    const char *end = text + len, *plain = text;
    for (const char *at = skip_plain(text, end); at < end; at++) {
        const char *instead = escaped(*at);
        if (instead == NULL)
            continue;
        sl_buf_append(out, plain, (size_t)(at - plain));
        sl_buf_append_str(out, instead);
        plain = at + 1;
        at = skip_plain(plain, end) - 1;
    }
    sl_buf_append(out, plain, (size_t)(end - plain));
}

void xml_decimal(sl_buf_t *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    sl_buf_append(out, digits + at, sizeof digits - at);
}

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

void xml_escape(sl_buf_t *out, const char *text, size_t len)
{
    const char *end = text + len, *plain = text;
    for (const char *at = text; at < end; at++) {
        const char *instead = escaped(*at);
        if (instead == NULL)
            continue;
        sl_buf_append(out, plain, (size_t)(at - plain));
        sl_buf_append_str(out, instead);
        plain = at + 1;
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

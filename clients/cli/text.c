#include "text.h"

void text_clean(sl_buf_t *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* U+0080 to U+009F */
            sl_buf_printf(out, "\\x%02x", next);
            i++;
        } else if (c < 0x20 || c == 0x7f) {
            sl_buf_printf(out, "\\x%02x", c);
        } else {
            sl_buf_append_byte(out, c);
        }
    }
}

static bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t text_columns(const void *text, size_t len)
{
    const unsigned char *at = text;
    size_t columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += !continues(at[i]);
    return columns;
}

size_t text_cut(const char *text, size_t len, size_t most)
{
    if (len <= most)
        return len;
    while (most > 0 && continues((unsigned char)text[most]))
        most--;
    return most;
}

/* The character at `at`, which has at least one byte.  0: it is none. */
static size_t character(const unsigned char *at, size_t len)
{
    static const struct {
        unsigned char first_least, first_most, second_least, second_most, bytes;
    } rows[] = {
        /* Unicode 15, table 3-7 */
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bytes = rows[i].bytes;
        if (at[0] < rows[i].first_least || at[0] > rows[i].first_most)
            continue;
        if (bytes > len ||
            (bytes > 1 && (at[1] < rows[i].second_least || at[1] > rows[i].second_most)))
            return 0;
        for (size_t more = 2; more < bytes; more++)
            if (!continues(at[more]))
                return 0;
        return bytes;
    }
    return 0;
}

bool text_is_utf8(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t bytes; len > 0; at += bytes, len -= bytes)
        if ((bytes = character(at, len)) == 0)
            return false;
    return true;
}

bool text_is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool c1 = c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f || c1)
            return false;
    }
    return text_is_utf8(text, len);
}

void text_dump(sl_buf_t *out, const void *bytes, size_t len)
{
    enum { ROW = 16 };
    const unsigned char *at = bytes;
    for (size_t row = 0; row < len; row += ROW) {
        sl_buf_printf(out, "%08zx ", row);
        for (size_t i = row; i < row + ROW; i++) {
            if (i == row + ROW / 2)
                sl_buf_append_byte(out, ' ');
            if (i < len)
                sl_buf_printf(out, " %02x", at[i]);
            else
                sl_buf_append_str(out, "   ");
        }
        sl_buf_append_str(out, "  |");
        for (size_t i = row; i < row + ROW && i < len; i++)
            sl_buf_append_byte(out, at[i] >= 0x20 && at[i] < 0x7f ? at[i] : '.');
        sl_buf_append_str(out, "|\n");
    }
}

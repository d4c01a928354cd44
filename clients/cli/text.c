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

#include "markup.h"

#include <stdarg.h>
#include <stdio.h>

/* How many bytes the character at `at` has; 0: it is no UTF-8, or nothing that XML may hold. */
static size_t character_length(const unsigned char *at)
{
    if (at[0] < 0x80)
        return at[0] >= 0x20 || at[0] == '\n' || at[0] == '\t' ? 1 : 0;
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    uint32_t code = at[0] & (0xffu >> (len + 1));
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++) { /* the end of the text is no continuation */
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool none = code == 0xfffe || code == 0xffff || code > 0x10ffff;
    return code < least[len] || surrogate || none ? 0 : len;
}

void markup_text(sl_buf_t *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t len = character_length(at);
        const char *entity = len == 0     ? "\xef\xbf\xbd"
                             : *at == '&' ? "&amp;"
                             : *at == '<' ? "&lt;"
                             : *at == '>' ? "&gt;"
                             : *at == '"' ? "&quot;"
                                          : NULL;
        if (entity != NULL)
            sl_buf_append_str(out, entity);
        else
            sl_buf_append(out, at, len);
        at += len == 0 ? 1 : len;
    }
}

void markup_printf(sl_buf_t *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    markup_text(out, text);
}

#include "mns_base64.h"

#include <stdint.h>

/* A digit's value, or a byte with the top bit set. */
static uint8_t value_of(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return (uint8_t)(digit - 'A');
    if (digit >= 'a' && digit <= 'z')
        return (uint8_t)(digit - 'a' + 26);
    if (digit >= '0' && digit <= '9')
        return (uint8_t)(digit - '0' + 52);
    return digit == '+' ? 62 : digit == '/' ? 63 : 0x80;
}

/* How many '=' the text ends with, or -1 when it is no Base64. */
static int padding_of(const char *text, size_t len)
{
    if (len % 4 != 0)
        return -1;
    if (len == 0)
        return 0;
    int padding = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
    uint8_t seen = 0;
    for (size_t i = 0; i < len - (size_t)padding; i++)
        seen |= value_of(text[i]);
    if (seen & 0x80)
        return -1;
    uint8_t left_over = padding == 1   ? value_of(text[len - 2]) & 3
                        : padding == 2 ? value_of(text[len - 3]) & 15
                                       : 0;
    return left_over == 0 ? padding : -1;
}

bool mns_base64_decode(char *text, size_t *len)
{
    int padding = padding_of(text, *len);
    if (padding < 0)
        return false;
    size_t out = 0;
    for (size_t in = 0; in < *len; in += 4) { /* never overtakes what is still to be read */
        uint32_t bits = 0;
        for (size_t i = in; i < in + 4; i++)
            bits = bits << 6 | (value_of(text[i]) & 63);
        text[out++] = (char)(bits >> 16);
        text[out++] = (char)(bits >> 8);
        text[out++] = (char)bits;
    }
    *len = out - (size_t)padding;
    text[*len] = '\0';
    return true;
}

#include "base64.h"

enum { FIRST = '+', LAST = 'z', NONE = 0xff };

/* The six bits that each byte from '+' to 'z' stands for. */
static const uint8_t sextets[LAST - FIRST + 1] = {
    62,   NONE, NONE, NONE, 63,                           /* + , - . / */
    52,   53,   54,   55,   56,   57,   58,   59, 60, 61, /* 0-9 */
    NONE, NONE, NONE, NONE, NONE, NONE, NONE,             /* : ; < = > ? @ */
    0,    1,    2,    3,    4,    5,    6,    7,  8,  9,  10, 11, 12,
    13,   14,   15,   16,   17,   18,   19,   20, 21, 22, 23, 24, 25, /* A-Z */
    NONE, NONE, NONE, NONE, NONE, NONE,                               /* [ \ ] ^ _ ` */
    26,   27,   28,   29,   30,   31,   32,   33, 34, 35, 36, 37, 38,
    39,   40,   41,   42,   43,   44,   45,   46, 47, 48, 49, 50, 51, /* a-z */
};

static inline uint8_t sextet(char c)
{
    unsigned at = (unsigned)(unsigned char)c - FIRST;
    return at <= LAST - FIRST ? sextets[at] : NONE;
}

/* Four characters at once while nothing interrupts them.  @return how many were taken. */
static size_t decode_groups(uint8_t **to, const char *text, size_t len)
{
    uint8_t *at = *to;
    size_t i = 0;
    for (; i + 4 <= len; i += 4) {
        uint8_t a = sextet(text[i]), b = sextet(text[i + 1]);
        uint8_t c = sextet(text[i + 2]), d = sextet(text[i + 3]);
        if ((a | b | c | d) > 63)
            break;
        *at++ = (uint8_t)(a << 2 | b >> 4);
        *at++ = (uint8_t)(b << 4 | c >> 2);
        *at++ = (uint8_t)(c << 6 | d);
    }
    *to = at;
    return i;
}

/* One group that a line break cuts, or the last one with its padding.
 * @return how many characters were taken; 0: this is no Base64. */
static size_t decode_group(uint8_t **to, const char *text, size_t len, bool *padded)
{
    uint8_t part[4] = {0};
    unsigned count = 0, pads = 0;
    size_t i = 0;
    for (; i < len && count < 4; i++) {
        if (text[i] == '\r' || text[i] == '\n')
            continue;
        if (text[i] == '=' && count >= 2)
            pads++;
        else if (pads > 0 || (part[count] = sextet(text[i])) == NONE)
            return 0;
        count++;
    }
    if (count == 0)
        return i; /* nothing but line breaks */
    /* Bits that no byte will hold must be zero, or two texts would mean the same bytes. */
    if (count < 4 || (pads == 1 && (part[2] & 3) != 0) || (pads == 2 && (part[1] & 15) != 0))
        return 0;
    const uint8_t bytes[3] = {(uint8_t)(part[0] << 2 | part[1] >> 4),
                              (uint8_t)(part[1] << 4 | part[2] >> 2),
                              (uint8_t)(part[2] << 6 | part[3])};
    memcpy(*to, bytes, 3);
    *to += 3 - pads;
    *padded = pads > 0;
    return i;
}

static size_t line_breaks(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (text[i] == '\r' || text[i] == '\n'))
        i++;
    return i;
}

bool base64_decode(sl_buf_t *out, const char *text, size_t len)
{
    if (sl_buf_reserve(out, len / 4 * 3 + 3) != SL_OK)
        return false;
    uint8_t *to = out->data + out->len;
    bool padded = false;
    for (size_t i = 0; i < len;) {
        i += decode_groups(&to, text + i, len - i);
        size_t taken = decode_group(&to, text + i, len - i, &padded);
        i += taken;
        if (padded)
            i += line_breaks(text + i, len - i);
        if (i < len && (padded || taken == 0))
            return false;
    }
    out->len = (size_t)(to - out->data);
    return true;
}

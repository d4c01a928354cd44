/* json_impl.h - the scanner's inner steps, inlined where speed counts.
 *
 * A step takes the cursor as a pointer of its own and returns it moved, so that it stays in a
 * register; on an error it returns NULL, and the scan has err and at.  Nothing reads past in->end.
 */
#ifndef EVENT_JSON_IMPL_H
#define EVENT_JSON_IMPL_H

#include "event/json.h"

#include <endian.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline const uint8_t *json_fail(json_scan_t *in, json_err_t err, const uint8_t *at)
{
    in->err = err;
    in->at = at;
    return NULL;
}

static inline bool json_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* White space that goes on past a byte or two: indentation. */
static inline const uint8_t *json_pass_indent(const uint8_t *at, const uint8_t *end)
{
#if defined(__SSE2__)
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)at);
        __m128i space = _mm_cmpeq_epi8(block, _mm_set1_epi8(' '));
        space = _mm_or_si128(space, _mm_cmpeq_epi8(block, _mm_set1_epi8('\n')));
        space = _mm_or_si128(space, _mm_cmpeq_epi8(block, _mm_set1_epi8('\r')));
        space = _mm_or_si128(space, _mm_cmpeq_epi8(block, _mm_set1_epi8('\t')));
        unsigned other = ~(unsigned)_mm_movemask_epi8(space);
        at += __builtin_ctz(other); /* 16 when there is none: the bits above are set */
        if ((other & 0xffff) != 0)
            return at;
    }
#endif
    while (at < end && json_is_space(*at))
        at++;
    return at;
}

/* Mostly there is none, or a single blank. */
static inline const uint8_t *json_pass_space(const uint8_t *at, const uint8_t *end)
{
    if (at<end && * at> ' ')
        return at;
    if (end - at >= 2 && *at == ' ' && at[1] > ' ')
        return at + 1;
    return json_pass_indent(at, end);
}

/* Bytes that end a plain run: the quote, the backslash, controls, and all that is not ASCII.  Each
 * finds the first such byte among the next 8 or 16; its width when there is none. */

static inline unsigned json_plain_8(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    word = le64toh(word);
    /* A byte's high bit tells that it is zero, or below 0x20.  A borrow can forge that only in
     * bytes above a true one, and the lowest is the one that is asked for. */
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    uint64_t found = (quote - ones) & ~quote;
    found |= (slash - ones) & ~slash;
    found |= (word - ones * 0x20) & ~word;
    found = (found | word) & high;
    return found ? (unsigned)__builtin_ctzll(found) / 8 : 8;
}

#if defined(__SSE2__)
static inline unsigned json_plain_16(const uint8_t *at)
{
    __m128i block = _mm_loadu_si128((const __m128i *)at);
    __m128i found = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20)); /* signed: 0x80 … 0xff as well */
    found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8('"')));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(found) | 0x10000u);
}
#endif

static inline bool json_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* The end of the plain run that begins at `at`. */
static inline const uint8_t *json_plain_run(const uint8_t *at, const uint8_t *end)
{
#if defined(__SSE2__)
    while (end - at >= 16) {
        unsigned run = json_plain_16(at);
        at += run;
        if (run < 16)
            return at;
    }
#endif
    while (end - at >= 8) {
        unsigned run = json_plain_8(at);
        at += run;
        if (run < 8)
            return at;
    }
    while (at < end && json_is_plain(*at))
        at++;
    return at;
}

static inline bool json_is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the sequence of two to four bytes at `at`, 0 when it is no UTF-8 (Unicode 15,
 * table 3-7: the second byte's range shuts out overlong forms, surrogates and what is beyond
 * U+10FFFF). */
static inline unsigned json_utf8_sequence(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    uint8_t first = at[0];
    if (first >= 0xc2 && first <= 0xdf)
        return left >= 2 && json_is_continuation(at[1]) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        if (left < 3 || !json_is_continuation(at[1]) || !json_is_continuation(at[2]))
            return 0;
        if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f))
            return 0;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (left < 4 || !json_is_continuation(at[1]) || !json_is_continuation(at[2]) ||
            !json_is_continuation(at[3]))
            return 0;
        if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

/* The rest of a string that is not one plain run; `at` is where that run ended. */
const uint8_t *json_rest_of_string(json_scan_t *in, const uint8_t *at, json_str_t *str);

/* `at` is behind the opening quote; returned is the byte behind the closing one. */
static inline const uint8_t *json_scan_string(json_scan_t *in, const uint8_t *at, json_str_t *str)
{
    const uint8_t *stop = json_plain_run(at, in->end);
    str->raw = at;
    if (UNLIKELY(stop == in->end || *stop != '"'))
        return json_rest_of_string(in, stop, str);
    str->raw_len = str->len = (size_t)(stop - at);
    return stop + 1;
}

/* `at` is the first byte of the number. */
const uint8_t *json_scan_number(json_scan_t *in, const uint8_t *at, json_num_t *num);

/* One of the three words; `at` is its first byte. */
static inline const uint8_t *json_scan_word(json_scan_t *in, const uint8_t *at, const char *word,
                                            size_t len)
{
    if ((size_t)(in->end - at) < len || memcmp(at, word, len) != 0)
        return json_fail(in, JSON_BROKEN, at);
    return at + len;
}

/* Any word, `true`, `false` or `null`. */
static inline const uint8_t *json_scan_any_word(json_scan_t *in, const uint8_t *at)
{
    switch (at < in->end ? *at : 0) {
    case 't':
        return json_scan_word(in, at, "true", 4);
    case 'f':
        return json_scan_word(in, at, "false", 5);
    case 'n':
        return json_scan_word(in, at, "null", 4);
    default:
        return json_fail(in, JSON_BROKEN, at);
    }
}

#endif

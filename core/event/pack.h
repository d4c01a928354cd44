/* pack.h - msgpack into memory that is known to suffice.
 *
 * base/mp.h asks for room before each value; here one reservation covers a whole event, so that a
 * value costs its bytes alone.  Every function returns the byte behind what it wrote.  The forms
 * are the shortest, as base/mp.h's are; tests hold them against it. */
#ifndef EVENT_PACK_H
#define EVENT_PACK_H

#include "json_impl.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
    PACK_NIL = 0xc0,
    PACK_NEVER = 0xc1, /* stands at the start of a member that is to be dropped */
    PACK_FALSE = 0xc2,
    PACK_TRUE = 0xc3,
    PACK_DOUBLE = 0xcb,
    PACK_UINT8 = 0xcc,
    PACK_INT8 = 0xd0,
    PACK_FIXEXT4 = 0xd6,
    PACK_FIXEXT8 = 0xd7,
    PACK_STR8 = 0xd9,
    PACK_STR32 = 0xdb,
    PACK_FIXSTR = 0xa0,
    PACK_NEGFIX = 0xe0,
    PACK_TIME_TYPE = 0xff, /* -1 */
    PACK_HEAD_MAX = 5,     /* of a str, map or array */
    PACK_TIME_MAX = 15,
    PACK_SLOP = 32, /* bytes behind the last value that a copy may scribble on */
};

/* A map's and an array's heads differ in their bytes alone. */
typedef struct pack_container {
    uint8_t fix, wide;
} pack_container_t;
#define PACK_MAP   ((pack_container_t){0x80, 0xde})
#define PACK_ARRAY ((pack_container_t){0x90, 0xdc})

static inline uint8_t *pack_be16(uint8_t *to, uint8_t first, uint16_t value)
{
    value = htobe16(value);
    *to = first;
    memcpy(to + 1, &value, sizeof value);
    return to + 3;
}

static inline uint8_t *pack_be32(uint8_t *to, uint8_t first, uint32_t value)
{
    value = htobe32(value);
    *to = first;
    memcpy(to + 1, &value, sizeof value);
    return to + 5;
}

static inline uint8_t *pack_be64(uint8_t *to, uint8_t first, uint64_t value)
{
    value = htobe64(value);
    *to = first;
    memcpy(to + 1, &value, sizeof value);
    return to + 9;
}

/* An integer's bits in the narrowest form; `first` is the 8-bit form's byte, the others follow. */
static inline uint8_t *pack_sized(uint8_t *to, uint8_t first, uint64_t bits, unsigned width)
{
    switch (width) {
    case 1:
        to[0] = first;
        to[1] = (uint8_t)bits;
        return to + 2;
    case 2:
        return pack_be16(to, (uint8_t)(first + 1), (uint16_t)bits);
    case 4:
        return pack_be32(to, (uint8_t)(first + 2), (uint32_t)bits);
    default:
        return pack_be64(to, (uint8_t)(first + 3), bits);
    }
}

static inline uint8_t *pack_uint(uint8_t *to, uint64_t value)
{
    if (value < 0x80) {
        *to = (uint8_t)value;
        return to + 1;
    }
    unsigned width = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
    return pack_sized(to, PACK_UINT8, value, width);
}

/* value < 0 */
static inline uint8_t *pack_negative(uint8_t *to, int64_t value)
{
    if (value >= -32) {
        *to = (uint8_t)value;
        return to + 1;
    }
    unsigned width = value >= INT8_MIN ? 1 : value >= INT16_MIN ? 2 : value >= INT32_MIN ? 4 : 8;
    return pack_sized(to, PACK_INT8, (uint64_t)value, width);
}

static inline uint8_t *pack_double(uint8_t *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return pack_be64(to, PACK_DOUBLE, bits);
}

static inline uint8_t *pack_time(uint8_t *to, int64_t sec, uint32_t nsec)
{
    if (sec < 0 || sec >= (int64_t)1 << 34) { /* timestamp 96: ext8 of 12 bytes */
        to[0] = 0xc7;
        to[1] = 12;
        to = pack_be32(to + 2, PACK_TIME_TYPE, nsec);
        uint64_t bits = htobe64((uint64_t)sec);
        memcpy(to, &bits, sizeof bits);
        return to + 8;
    }
    if (nsec != 0 || sec > UINT32_MAX) { /* timestamp 64: nanoseconds above 34 bits */
        *to = PACK_FIXEXT8;
        return pack_be64(to + 1, PACK_TIME_TYPE, (uint64_t)nsec << 34 | (uint64_t)sec);
    }
    *to = PACK_FIXEXT4;
    return pack_be32(to + 1, PACK_TIME_TYPE, (uint32_t)sec);
}

static inline size_t pack_str_head_len(size_t len)
{
    return len < 32 ? 1 : len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5;
}

static inline uint8_t *pack_str_head(uint8_t *to, size_t len)
{
    if (LIKELY(len < 32)) {
        *to = (uint8_t)(PACK_FIXSTR | len);
        return to + 1;
    }
    if (len <= UINT8_MAX) {
        to[0] = PACK_STR8;
        to[1] = (uint8_t)len;
        return to + 2;
    }
    if (len <= UINT16_MAX)
        return pack_be16(to, PACK_STR8 + 1, (uint16_t)len);
    return pack_be32(to, PACK_STR32, (uint32_t)len);
}

static inline uint8_t *pack_bytes(uint8_t *to, const void *text, size_t len)
{
    to = pack_str_head(to, len);
    if (len > 0)
        memcpy(to, text, len);
    return to + len;
}

/* A string of the text that ends at `end`.  Most are short: two blind moves of 16 bytes beat a
 * call; they may read on in the text and write into the slop. */
static inline uint8_t *pack_json_str(uint8_t *to, const json_str_t *str, const uint8_t *end)
{
    to = pack_str_head(to, str->len);
    if (UNLIKELY(str->len != str->raw_len))
        json_str_copy(str, to);
    else if (LIKELY(str->len <= PACK_SLOP && end - str->raw >= PACK_SLOP))
        memcpy(to, str->raw, PACK_SLOP);
    else
        memcpy(to, str->raw, str->len);
    return to + str->len;
}

static inline size_t pack_container_head_len(uint32_t count)
{
    return count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5;
}

static inline uint8_t *pack_container_head(uint8_t *to, pack_container_t kind, uint32_t count)
{
    if (count < 16) {
        *to = (uint8_t)(kind.fix | count);
        return to + 1;
    }
    if (count <= UINT16_MAX)
        return pack_be16(to, kind.wide, (uint16_t)count);
    return pack_be32(to, (uint8_t)(kind.wide + 1), count);
}

/* Is it the first byte of an integer? */
static inline bool pack_is_int(uint8_t first)
{
    return first < 0x80 || first >= PACK_NEGFIX || (first >= PACK_UINT8 && first <= PACK_INT8 + 3);
}

/* The bytes of the str at `at`, written by the above. */
static inline const uint8_t *pack_str_bytes(const uint8_t *at, size_t *len)
{
    uint16_t be16;
    uint32_t be32;
    if ((*at & 0xe0) == PACK_FIXSTR) {
        *len = *at & 0x1fu;
        return at + 1;
    }
    switch (*at) {
    case PACK_STR8:
        *len = at[1];
        return at + 2;
    case PACK_STR8 + 1:
        memcpy(&be16, at + 1, sizeof be16);
        *len = be16toh(be16);
        return at + 3;
    default:
        memcpy(&be32, at + 1, sizeof be32);
        *len = be32toh(be32);
        return at + 5;
    }
}

static inline bool pack_is_str(uint8_t first)
{
    return (first & 0xe0) == PACK_FIXSTR || (first >= PACK_STR8 && first <= PACK_STR32);
}

#endif

/* bytes.h - numbers in stored bytes: little endian, not aligned. */
#ifndef JOURNAL_BYTES_H
#define JOURNAL_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_u16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return le16toh(v);
}

static inline uint32_t get_u32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return le32toh(v);
}

static inline uint64_t get_u64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static inline void put_u16(void *at, uint16_t v)
{
    v = htole16(v);
    memcpy(at, &v, sizeof v);
}

static inline void put_u32(void *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}

static inline void put_u64(void *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

#endif

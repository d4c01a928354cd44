#include "journal/record.h"

#include "base/sum.h"
#include "bytes.h"

#include <assert.h>

const uint8_t record_magic[RECORD_MAGIC_BYTES] = {0xd7, 's', 'l', 'R', 'e', 'c', 0x1a, 0xe5};

enum { RECORD_VERSION = 1, FLAG_JOINED = 1 };

/* Where things stand in the head. */
enum {
    AT_VERSION = 8,
    AT_FLAGS = 10,
    AT_COUNT = 12,
    AT_TOPIC_LEN = 16,
    AT_HEADER_LEN = 20,
    AT_BODY_LEN = 24,
    AT_IDS_LEN = 28,
    AT_STREAM = 32,
    AT_FIRST = 40,
    AT_PREV = 48,
    AT_TIME_NS = 56,
    AT_JOURNAL = 64,
    AT_ERA = 72,
    AT_ERA_BASE = 80,
    AT_OLDEST = 88,
    /* 96: eight bytes of zeros, for later */
};

static size_t ids_len(const record_t *r)
{
    return r->ids != NULL ? (size_t)r->count * RECORD_ID_BYTES : 0;
}

size_t record_size(const record_t *r)
{
    return RECORD_HEAD_BYTES + r->topic_len + r->header_len + r->body_len + ids_len(r) +
           RECORD_SUM_BYTES;
}

static uint64_t sum_of(const void *data, size_t len)
{
    return sl_sum(&(sl_piece_t){data, len}, 1);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

void record_write(uint8_t *at, const record_t *r)
{
    assert(r->topic_len <= UINT32_MAX && r->header_len <= UINT32_MAX && r->body_len <= UINT32_MAX);
    memset(at, 0, RECORD_HEAD_BYTES);
    memcpy(at, record_magic, RECORD_MAGIC_BYTES);
    put_u16(at + AT_VERSION, RECORD_VERSION);
    put_u16(at + AT_FLAGS, r->joined ? FLAG_JOINED : 0);
    put_u32(at + AT_COUNT, r->count);
    put_u32(at + AT_TOPIC_LEN, (uint32_t)r->topic_len);
    put_u32(at + AT_HEADER_LEN, (uint32_t)r->header_len);
    put_u32(at + AT_BODY_LEN, (uint32_t)r->body_len);
    put_u32(at + AT_IDS_LEN, (uint32_t)ids_len(r));
    put_u64(at + AT_STREAM, r->stream);
    put_u64(at + AT_FIRST, r->first);
    put_u64(at + AT_PREV, r->prev);
    put_u64(at + AT_TIME_NS, r->time_ns);
    put_u64(at + AT_JOURNAL, r->journal);
    put_u64(at + AT_ERA, r->era);
    put_u64(at + AT_ERA_BASE, r->era_base);
    put_u64(at + AT_OLDEST, r->oldest);
    uint8_t *to = put_bytes(at + RECORD_HEAD_BYTES, r->topic, r->topic_len);
    to = put_bytes(to, r->header, r->header_len);
    to = put_bytes(to, r->body, r->body_len);
    to = put_bytes(to, r->ids, ids_len(r));
    put_u64(to, sum_of(at, (size_t)(to - at)));
}

size_t record_claims(const void *data, size_t len)
{
    const uint8_t *at = data;
    if (len < RECORD_HEAD_BYTES || memcmp(at, record_magic, RECORD_MAGIC_BYTES) != 0)
        return 0;
    return (size_t)RECORD_HEAD_BYTES + get_u32(at + AT_TOPIC_LEN) + get_u32(at + AT_HEADER_LEN) +
           get_u32(at + AT_BODY_LEN) + get_u32(at + AT_IDS_LEN) + RECORD_SUM_BYTES;
}

bool record_peek(record_t *r, const void *data, size_t len)
{
    if (record_claims(data, len) == 0)
        return false;
    const uint8_t *at = data;
    *r = (record_t){
        .stream = get_u64(at + AT_STREAM),
        .first = get_u64(at + AT_FIRST),
        .prev = get_u64(at + AT_PREV),
        .time_ns = get_u64(at + AT_TIME_NS),
        .count = get_u32(at + AT_COUNT),
        .joined = (get_u16(at + AT_FLAGS) & FLAG_JOINED) != 0,
        .topic_len = get_u32(at + AT_TOPIC_LEN),
        .header_len = get_u32(at + AT_HEADER_LEN),
        .body_len = get_u32(at + AT_BODY_LEN),
        .journal = get_u64(at + AT_JOURNAL),
        .era = get_u64(at + AT_ERA),
        .era_base = get_u64(at + AT_ERA_BASE),
        .oldest = get_u64(at + AT_OLDEST),
        .ids = get_u32(at + AT_IDS_LEN) > 0 ? at : NULL,
    };
    return true;
}

/* Numbers that no writer wrote: a sum that is right does not make them possible. */
static bool possible(const record_t *r, size_t ids_bytes)
{
    return r->count > 0 && r->first > 0 && r->first <= UINT64_MAX - r->count &&
           r->prev < r->first && (ids_bytes == 0 || ids_bytes == ids_len(r));
}

/* Does exactly one record fill these bytes, as far as its head says? */
static bool fills(const void *data, size_t len)
{
    return len > 0 && record_claims(data, len) == len;
}

sl_err record_trust(record_t *r, const void *data, size_t len)
{
    const uint8_t *at = data;
    record_t read;
    if (!fills(data, len) || !record_peek(&read, data, len))
        return SL_EPROTO;
    if (get_u16(at + AT_VERSION) != RECORD_VERSION)
        return SL_EVERSION;
    read.topic = (const char *)at + RECORD_HEAD_BYTES;
    read.header = at + RECORD_HEAD_BYTES + read.topic_len;
    read.body = read.header + read.header_len;
    size_t ids_bytes = get_u32(at + AT_IDS_LEN);
    read.ids = ids_bytes > 0 ? read.body + read.body_len : NULL;
    if (!possible(&read, ids_bytes))
        return SL_EPROTO;
    *r = read;
    return SL_OK;
}

sl_err record_read(record_t *r, const void *data, size_t len)
{
    const uint8_t *at = data;
    if (!fills(data, len))
        return SL_EPROTO;
    if (get_u64(at + len - RECORD_SUM_BYTES) != sum_of(at, len - RECORD_SUM_BYTES))
        return SL_EPROTO;
    return record_trust(r, data, len);
}

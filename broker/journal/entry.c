#include "entry.h"

#include "bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

const uint8_t state_magic[ENTRY_MAGIC_BYTES] = {0xd7, 's', 'l', 'S', 't', 'a', 0x1a, 0xe5};
const uint8_t tail_magic[ENTRY_MAGIC_BYTES] = {0xd7, 's', 'l', 'T', 'a', 'i', 0x1a, 0xe5};

enum {
    ENTRY_VERSION = 1,
    FLAG_CLEAN = 1,
    FLAG_BACKUP = 2,
    FLAG_DISK = 4,
    FLAG_SALVAGED = 8,
    SUM_AT_STATE = STATE_BYTES - 8,
};

static sl_err check(const uint8_t *at, size_t sum_at, const void *magic)
{
    if (memcmp(at, magic, ENTRY_MAGIC_BYTES) != 0 ||
        get_u64(at + sum_at) != XXH3_64bits(at, sum_at))
        return SL_EPROTO;
    return get_u16(at + 8) == ENTRY_VERSION ? SL_OK : SL_EVERSION;
}

/* -- state: magic, version, flags, count of parents, words, boot id, parents, more words, sum -- */

/* The words that follow one another in the same order, written and read. */
#define STATE_WORDS(X) \
    X(journal) X(era) X(era_base) X(txn) X(stream) X(next) X(oldest) X(time_ns) X(inode)

enum { STATE_AT_WORDS = 16, STATE_AT_BOOT = 88, STATE_AT_PARENTS = 128, STATE_AT_LATER = 256 };
_Static_assert(STATE_AT_BOOT + BOOT_ID_BYTES <= STATE_AT_PARENTS, "the boot id has room");
_Static_assert(STATE_AT_PARENTS + 16 * STORE_PARENTS_MAX <= STATE_AT_LATER, "parents have room");
_Static_assert(STATE_AT_LATER + 16 <= SUM_AT_STATE, "what came later has room");

static uint16_t flags_of(const store_state_t *state)
{
    return (uint16_t)((state->clean ? FLAG_CLEAN : 0) | (state->backup ? FLAG_BACKUP : 0) |
                      (state->sync == STORE_SYNC_DISK ? FLAG_DISK : 0) |
                      (state->salvaged ? FLAG_SALVAGED : 0));
}

void state_write(uint8_t at[STATE_BYTES], const store_state_t *state)
{
    memset(at, 0, STATE_BYTES);
    memcpy(at, state_magic, ENTRY_MAGIC_BYTES);
    put_u16(at + 8, ENTRY_VERSION);
    put_u16(at + 10, flags_of(state));
    put_u32(at + 12, state->parent_count);
    uint8_t *to = at + STATE_AT_WORDS;
#define X(word)               \
    put_u64(to, state->word); \
    to += 8;
    STATE_WORDS(X)
#undef X
    memcpy(at + STATE_AT_BOOT, state->boot, strnlen(state->boot, BOOT_ID_BYTES));
    for (uint32_t i = 0; i < state->parent_count; i++) {
        put_u64(at + STATE_AT_PARENTS + 16 * i, state->parents[i].stream);
        put_u64(at + STATE_AT_PARENTS + 16 * i + 8, state->parents[i].last);
    }
    put_u64(at + STATE_AT_LATER, state->unread);
    put_u64(at + STATE_AT_LATER + 8, state->lost);
    put_u64(at + SUM_AT_STATE, XXH3_64bits(at, SUM_AT_STATE));
}

sl_err state_read(store_state_t *state, const void *data, size_t len)
{
    const uint8_t *at = data;
    if (len != STATE_BYTES)
        return SL_EPROTO;
    sl_err err = check(at, SUM_AT_STATE, state_magic);
    if (err != SL_OK)
        return err;
    uint16_t flags = get_u16(at + 10);
    store_state_t read = {
        .sync = flags & FLAG_DISK ? STORE_SYNC_DISK : STORE_SYNC_OS,
        .clean = (flags & FLAG_CLEAN) != 0,
        .backup = (flags & FLAG_BACKUP) != 0,
        .salvaged = (flags & FLAG_SALVAGED) != 0,
        .parent_count = get_u32(at + 12),
        .unread = get_u64(at + STATE_AT_LATER),
        .lost = get_u64(at + STATE_AT_LATER + 8),
    };
    const uint8_t *from = at + STATE_AT_WORDS;
#define X(word)                \
    read.word = get_u64(from); \
    from += 8;
    STATE_WORDS(X)
#undef X
    memcpy(read.boot, at + STATE_AT_BOOT, BOOT_ID_BYTES);
    if (read.parent_count > STORE_PARENTS_MAX || read.next == 0 || read.oldest > read.next)
        return SL_EPROTO;
    for (uint32_t i = 0; i < read.parent_count; i++)
        read.parents[i] = (store_parent_t){get_u64(at + STATE_AT_PARENTS + 16 * i),
                                           get_u64(at + STATE_AT_PARENTS + 16 * i + 8)};
    *state = read;
    return SL_OK;
}

/* -- tail: magic, version, length of the topic, journal, last, sum over the rest; topic ------- */

enum { TAIL_AT_LEN = 12, TAIL_AT_JOURNAL = 16, TAIL_AT_LAST = 24, TAIL_AT_SUM = 32 };

/* The sum stands before the topic, and is taken as if it were zero. */
static uint64_t tail_sum(const uint8_t *at, size_t len)
{
    return XXH3_64bits_withSeed(at + TAIL_HEAD_BYTES, len - TAIL_HEAD_BYTES,
                                XXH3_64bits(at, TAIL_AT_SUM));
}

void tail_write(uint8_t *at, const store_tail_t *tail)
{
    memset(at, 0, TAIL_HEAD_BYTES);
    memcpy(at, tail_magic, ENTRY_MAGIC_BYTES);
    put_u16(at + 8, ENTRY_VERSION);
    put_u32(at + TAIL_AT_LEN, (uint32_t)tail->topic_len);
    put_u64(at + TAIL_AT_JOURNAL, tail->journal);
    put_u64(at + TAIL_AT_LAST, tail->last);
    memcpy(at + TAIL_HEAD_BYTES, tail->topic, tail->topic_len);
    put_u64(at + TAIL_AT_SUM, tail_sum(at, tail_size(tail)));
}

size_t tail_claims(const void *data, size_t len)
{
    const uint8_t *at = data;
    if (len < TAIL_HEAD_BYTES || memcmp(at, tail_magic, ENTRY_MAGIC_BYTES) != 0)
        return 0;
    uint32_t topic_len = get_u32(at + TAIL_AT_LEN);
    return topic_len <= TOPIC_BYTES_MAX ? TAIL_HEAD_BYTES + (size_t)topic_len : 0;
}

sl_err tail_read(store_tail_t *tail, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t claims = tail_claims(data, len);
    if (claims == 0 || claims != len || get_u64(at + TAIL_AT_SUM) != tail_sum(at, len))
        return SL_EPROTO;
    if (get_u16(at + 8) != ENTRY_VERSION)
        return SL_EVERSION;
    *tail = (store_tail_t){
        .journal = get_u64(at + TAIL_AT_JOURNAL),
        .last = get_u64(at + TAIL_AT_LAST),
        .topic = (const char *)at + TAIL_HEAD_BYTES,
        .topic_len = len - TAIL_HEAD_BYTES,
    };
    return SL_OK;
}

/* -- keys ------------------------------------------------------------------------------------- */

void record_key(uint8_t key[KEY_RECORD_BYTES], uint64_t first)
{
    key[0] = KEY_RECORD;
    uint64_t big = htobe64(first);
    memcpy(key + 1, &big, sizeof big);
}

bool record_key_read(const void *key, size_t len, uint64_t *first)
{
    const uint8_t *at = key;
    if (len != KEY_RECORD_BYTES || at[0] != KEY_RECORD)
        return false;
    uint64_t big;
    memcpy(&big, at + 1, sizeof big);
    *first = be64toh(big);
    return true;
}

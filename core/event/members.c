#include "members.h"

#include "base/mp.h"
#include "pack.h"

#include <stdalign.h>

void members_find(members_t *m, const uint8_t *first, const uint8_t *key, size_t len, uint64_t sig)
{
    for (uint32_t i = 0; i + 1 < m->count; i++)
        if (m->sig[i] == sig && memcmp(first + m->at[i], key, len) == 0)
            m->dead |= (uint32_t)1 << i;
}

/* Closes the gaps that members marked PACK_NEVER are.  @return the length that is left. */
static size_t squeeze(uint8_t *first, const uint32_t *at, uint32_t count, size_t len)
{
    uint8_t *to = first;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *from = first + at[i];
        const uint8_t *end = first + (i + 1 < count ? at[i + 1] : len);
        if (*from == PACK_NEVER)
            continue;
        if (to != from)
            memmove(to, from, (size_t)(end - from));
        to += end - from;
    }
    return (size_t)(to - first);
}

static uint32_t drop_noted(members_t *m, uint8_t *first, size_t *len)
{
    uint32_t dropped = 0;
    for (uint32_t left = m->dead; left != 0; left &= left - 1, dropped++)
        first[m->at[__builtin_ctz(left)]] = PACK_NEVER;
    if (dropped > 0)
        *len = squeeze(first, m->at, m->count, *len);
    return dropped;
}

/* -- an object of many members --------------------------------------------------------------- */

static int compare_keys(const void *ctx, uint32_t a, uint32_t b)
{
    const uint8_t *first = ctx;
    size_t a_len, b_len;
    const uint8_t *a_name = pack_str_bytes(first + a, &a_len);
    const uint8_t *b_name = pack_str_bytes(first + b, &b_len);
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return memcmp(a_name, b_name, a_len);
}

static void merge(const uint32_t *from, uint32_t *to, size_t left, size_t mid, size_t right,
                  members_compare_fn *compare, const void *ctx)
{
    size_t a = left, b = mid;
    for (size_t i = left; i < right; i++) {
        bool take_a = a < mid && (b == right || compare(ctx, from[a], from[b]) <= 0);
        to[i] = from[take_a ? a++ : b++];
    }
}

void members_sort(uint32_t *at, uint32_t *spare, size_t count, members_compare_fn *compare,
                  const void *ctx)
{
    uint32_t *from = at, *to = spare;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t left = 0; left < count; left += 2 * width) {
            size_t mid = left + width < count ? left + width : count;
            size_t right = mid + width < count ? mid + width : count;
            merge(from, to, left, mid, right, compare, ctx);
        }
        uint32_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != at)
        memcpy(at, from, count * sizeof *at);
}

static void find_members(uint32_t *at, uint32_t count, const uint8_t *first, size_t len)
{
    mp_cursor_t in = mp_cursor(first, len);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = (uint32_t)(in.at - first);
        mp_skip(&in);
        mp_skip(&in);
    }
}

/* Marks all but the last of equal members.  `sorted` is stable, so equal ones stand in order. */
static uint32_t mark_repeated(const uint32_t *sorted, uint32_t count, uint8_t *first)
{
    uint32_t marked = 0;
    for (uint32_t i = 1; i < count; i++)
        if (compare_keys(first, sorted[i - 1], sorted[i]) == 0) {
            first[sorted[i - 1]] = PACK_NEVER;
            marked++;
        }
    return marked;
}

static uint32_t drop_sorted(uint32_t count, sl_buf_t *out, size_t first_at, size_t *end)
{
    const size_t columns = 3;
    size_t scratch_at = (*end + alignof(uint32_t) - 1) & ~(alignof(uint32_t) - 1);
    size_t len_before = out->len;
    out->len = scratch_at;
    sl_err err = sl_buf_reserve(out, count * columns * sizeof(uint32_t));
    out->len = len_before;
    if (err != SL_OK)
        return 0;
    uint8_t *first = out->data + first_at;
    uint32_t *at = (uint32_t *)(void *)(out->data + scratch_at);
    uint32_t *sorted = at + count, *spare = sorted + count;
    find_members(at, count, first, *end - first_at);
    memcpy(sorted, at, count * sizeof *at);
    members_sort(sorted, spare, count, compare_keys, first);
    uint32_t dropped = mark_repeated(sorted, count, first);
    if (dropped > 0)
        *end = first_at + squeeze(first, at, count, *end - first_at);
    return dropped;
}

uint32_t members_close(members_t *m, sl_buf_t *out, size_t first, size_t *end)
{
    uint32_t dropped;
    if (m->count > MEMBERS_NOTED) {
        dropped = drop_sorted(m->count, out, first, end);
    } else {
        size_t len = *end - first;
        dropped = drop_noted(m, out->data + first, &len);
        *end = first + len;
    }
    m->count -= dropped;
    return dropped;
}

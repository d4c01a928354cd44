#include "pack.h"

#include <string.h>

enum { NUMBER_BYTES = 4 };

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static sl_err put_u32(sl_buf_t *out, size_t number)
{
    uint8_t bytes[NUMBER_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                                   (uint8_t)(number >> 24)};
    return sl_buf_append(out, bytes, sizeof bytes);
}

bool pack_add(pack_t *pack, const void *event, size_t len)
{
    if (sl_buf_reserve(&pack->ends, NUMBER_BYTES) != SL_OK ||
        sl_buf_append(&pack->events, event, len) != SL_OK)
        return false;
    put_u32(&pack->ends, pack->events.len);
    pack->count++;
    return true;
}

bool pack_seal(pack_t *pack, sl_buf_t *out)
{
    if (sl_buf_reserve(out, NUMBER_BYTES + pack->ends.len + pack->events.len) != SL_OK)
        return false;
    put_u32(out, pack->count);
    sl_buf_append(out, pack->ends.data, pack->ends.len);
    sl_buf_append(out, pack->events.data, pack->events.len);
    sl_buf_clear(&pack->ends);
    sl_buf_clear(&pack->events);
    pack->count = 0;
    return true;
}

void pack_fini(pack_t *pack)
{
    sl_buf_fini(&pack->ends);
    sl_buf_fini(&pack->events);
    pack->count = 0;
}

/* Do the ends rise, up to the end of the message? */
static bool ends_fit(const uint8_t *ends, uint32_t count, size_t events_len)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = get_u32(ends + (size_t)NUMBER_BYTES * i);
        if (end < last)
            return false;
        last = end;
    }
    return last == events_len;
}

bool pack_split(const void *message, size_t len, pack_event_fn *event, void *ctx)
{
    const uint8_t *ends = (const uint8_t *)message + NUMBER_BYTES;
    if (len < NUMBER_BYTES)
        return false;
    uint32_t count = get_u32(message), begin = 0;
    if (count > (len - NUMBER_BYTES) / NUMBER_BYTES)
        return false;
    const uint8_t *events = ends + (size_t)NUMBER_BYTES * count;
    if (!ends_fit(ends, count, len - NUMBER_BYTES - (size_t)NUMBER_BYTES * count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = get_u32(ends + (size_t)NUMBER_BYTES * i);
        event(ctx, events + begin, end - begin);
        begin = end;
    }
    return true;
}

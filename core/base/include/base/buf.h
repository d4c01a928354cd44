/* buf.h - a byte buffer that grows.
 *
 *     data                len          cap
 *      |--- bytes written --|-- room ----|
 *
 * Appending is amortised O(1).  A failed append leaves the buffer as it was and sets `failed`, so a
 * writer may append many pieces and look once at the end.  One thread owns a buffer. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct sl_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed; /**< an append found no memory since the last sl_buf_clear */
} sl_buf_t;

#define SL_BUF_INIT ((sl_buf_t){0})

/** Makes room for `more` bytes behind len.  @return SL_OK or SL_ENOMEM (and sets failed). */
sl_err sl_buf_grow(sl_buf_t *buf, size_t more);

/** printf behind len.  @return SL_OK, SL_ENOMEM. */
sl_err sl_buf_printf(sl_buf_t *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Frees the memory; the buffer is empty and usable again. */
void sl_buf_fini(sl_buf_t *buf);

/** Hands the memory to the caller, who frees it with free().  The buffer is empty afterwards. */
uint8_t *sl_buf_take(sl_buf_t *buf, size_t *len);

static inline sl_err sl_buf_reserve(sl_buf_t *buf, size_t more)
{
    return buf->cap - buf->len >= more ? SL_OK : sl_buf_grow(buf, more);
}

static inline sl_err sl_buf_append(sl_buf_t *buf, const void *bytes, size_t len)
{
    if (len == 0) /* and perhaps bytes is NULL */
        return SL_OK;
    if (sl_buf_reserve(buf, len) != SL_OK)
        return SL_ENOMEM;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return SL_OK;
}

static inline sl_err sl_buf_append_str(sl_buf_t *buf, const char *text)
{
    return sl_buf_append(buf, text, strlen(text));
}

static inline sl_err sl_buf_append_byte(sl_buf_t *buf, uint8_t byte)
{
    return sl_buf_append(buf, &byte, 1);
}

/** Forgets the bytes, keeps the memory. */
static inline void sl_buf_clear(sl_buf_t *buf)
{
    buf->len = 0;
    buf->failed = false;
}

#endif

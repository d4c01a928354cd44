#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

sl_err sl_buf_grow(sl_buf_t *buf, size_t more)
{
    size_t need, cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;
    if (__builtin_add_overflow(buf->len, more, &need))
        goto fail;
    while (cap < need)
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            goto fail;
    uint8_t *data = realloc(buf->data, cap);
    if (data == NULL)
        goto fail;
    buf->data = data;
    buf->cap = cap;
    return SL_OK;
fail:
    buf->failed = true;
    return SL_ENOMEM;
}

sl_err sl_buf_printf(sl_buf_t *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || sl_buf_reserve(buf, (size_t)len + 1) != SL_OK) {
        buf->failed = true;
        return SL_ENOMEM;
    }
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return SL_OK;
}

void sl_buf_fini(sl_buf_t *buf)
{
    free(buf->data);
    *buf = SL_BUF_INIT;
}

uint8_t *sl_buf_take(sl_buf_t *buf, size_t *len)
{
    uint8_t *data = buf->data;
    *len = buf->len;
    *buf = SL_BUF_INIT;
    return data;
}

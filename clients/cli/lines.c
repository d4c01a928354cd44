#include "lines.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, TOO_LONG_KEPT = 64 };

/* Makes room in front of new bytes: what was handed out goes, and of a line that is too long all
 * but its beginning. */
static void compact(lines_t *lines)
{
    sl_buf_t *buf = &lines->buf;
    if (lines->at > 0) {
        memmove(buf->data, buf->data + lines->at, buf->len - lines->at);
        buf->len -= lines->at;
        lines->searched -= lines->at;
        lines->at = 0;
    }
    if (buf->len > LINES_MAX && lines->searched == buf->len) {
        lines->skipping = true;
        buf->len = lines->searched = TOO_LONG_KEPT;
    }
}

sl_err lines_fill(lines_t *lines, int fd)
{
    compact(lines);
    sl_buf_t *buf = &lines->buf;
    if (sl_buf_reserve(buf, READ_BYTES) != SL_OK)
        return SL_ENOMEM;
    ssize_t got = read(fd, buf->data + buf->len, READ_BYTES);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? SL_EAGAIN : SL_EIO;
    lines->ended = got == 0;
    buf->len += (size_t)got;
    return got == 0 ? SL_ECLOSED : SL_OK;
}

sl_err lines_next(lines_t *lines, const char **line, size_t *len)
{
    sl_buf_t *buf = &lines->buf;
    const uint8_t *end = NULL;
    if (lines->searched < buf->len)
        end = memchr(buf->data + lines->searched, '\n', buf->len - lines->searched);
    if (end == NULL) {
        lines->searched = buf->len;
        if (!lines->ended || lines->at == buf->len)
            return SL_EAGAIN;
        end = buf->data + buf->len; /* the last line needs no end */
    }
    *line = (const char *)buf->data + lines->at;
    *len = (size_t)(end - (buf->data + lines->at));
    bool too_long = lines->skipping || *len > LINES_MAX;
    if (lines->skipping && *len > TOO_LONG_KEPT)
        *len = TOO_LONG_KEPT;
    lines->skipping = false;
    lines->number++;
    lines->at = (size_t)(end - buf->data) + 1;
    if (lines->at > buf->len)
        lines->at = buf->len;
    lines->searched = lines->at;
    return too_long ? SL_ELIMIT : SL_OK;
}

void lines_fini(lines_t *lines)
{
    sl_buf_fini(&lines->buf);
    *lines = (lines_t){.number = 0};
}

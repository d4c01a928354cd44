/* lines.h - lines from a descriptor that may never end one.
 *
 *     fill:  read(2) appends          next:  hands out what ends in \n, from the front
 *
 *     |-- handed out --|-- whole lines --|-- the beginning of one --|
 *                      at                                           len
 *
 * A line longer than LINES_MAX is not kept: it is handed out as too long, once its end has come. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"

enum { LINES_MAX = 1024 * 1024 };

typedef struct lines {
    sl_buf_t buf;
    size_t at;       /**< first byte not handed out */
    size_t searched; /**< no line ends before it */
    uint64_t number; /**< of the line handed out last, from 1 */
    bool skipping;   /**< inside a line that is too long */
    bool ended;      /**< the input has ended */
} lines_t;

/** Reads once, some 64 KiB.  @return SL_OK; SL_ECLOSED at the end of the input; SL_EAGAIN (a
 * signal, or nothing there); SL_EIO; SL_ENOMEM. */
sl_err lines_fill(lines_t *lines, int fd);

/** Hands out the next line, without its end; valid until the next lines_fill.
 *  @return SL_OK; SL_ELIMIT: a line that was too long (`*line` is what it began with);
 *  SL_EAGAIN: none is whole yet. */
sl_err lines_next(lines_t *lines, const char **line, size_t *len);

void lines_fini(lines_t *lines);

#endif

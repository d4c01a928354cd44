/* shim_write.h - libc's ways to write to a descriptor, all of them led to one function.
 *
 * Included by a library that is loaded in front of a program, once; it then defines write_any. */
#ifndef RELIABILITY_SHIM_WRITE_H
#define RELIABILITY_SHIM_WRITE_H

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHIM __attribute__((visibility("default")))

enum { AT_POSITION = -1 };

/* Every write of the program.  @param offset  AT_POSITION: where the descriptor stands. */
static ssize_t write_any(int fd, const struct iovec *parts, int count, off_t offset);

/* The write itself. */
static ssize_t write_through(int fd, const struct iovec *parts, int count, off_t offset)
{
    return offset == AT_POSITION ? syscall(SYS_writev, fd, parts, count)
                                 : syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

SHIM ssize_t write(int fd, const void *data, size_t len)
{
    return write_any(fd, &(struct iovec){(void *)data, len}, 1, AT_POSITION);
}

SHIM ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_any(fd, parts, count, AT_POSITION);
}

#define PWRITE(name)                                                         \
    SHIM ssize_t name(int fd, const void *data, size_t len, off_t offset)    \
    {                                                                        \
        return write_any(fd, &(struct iovec){(void *)data, len}, 1, offset); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name)                                                             \
    SHIM ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) \
    {                                                                             \
        return write_any(fd, parts, count, offset);                               \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#endif

#include "allocations.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHIM __attribute__((visibility("default"))) /* libzmq must find it too */

/* glibc's own, under the names that it keeps for this; and where the linker says that the program's
 * code begins and ends.  NOLINTBEGIN(bugprone-reserved-identifier) */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
extern const char __executable_start, etext;
/* NOLINTEND(bugprone-reserved-identifier) */

/* Defined here, so that no library has to be asked for it. */
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *old, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
int posix_memalign(void **out, size_t alignment, size_t bytes);

static _Thread_local bool counting;
static allocations_t counted;

static inline void count(const void *caller)
{
    if (!counting)
        return;
    const char *at = caller;
    if (at >= &__executable_start && at < &etext)
        counted.ours++;
    else
        counted.libraries++;
}

void allocations_begin(void)
{
    counting = true;
}

void allocations_end(void)
{
    counting = false;
}

allocations_t allocations_counted(void)
{
    return counted;
}

SHIM void *malloc(size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_malloc(bytes);
}

SHIM void *calloc(size_t items, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_calloc(items, bytes);
}

SHIM void *realloc(void *old, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_realloc(old, bytes);
}

SHIM void *aligned_alloc(size_t alignment, size_t bytes)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, bytes);
}

SHIM int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    count(__builtin_return_address(0));
    *out = __libc_memalign(alignment, bytes);
    return *out != NULL ? 0 : ENOMEM;
}

SHIM void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    count(__builtin_return_address(0));
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
}

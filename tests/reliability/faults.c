/* faults.c - libfaults.so: calls that fail when a test says so, while the program runs.
 *
 *     LD_PRELOAD=libfaults.so FAULTS=control FAULTS_DIR=folder [FAULTS_OBJECT=libzmq] program
 *
 * `control` is a file of one faults_t that the test maps too. Each kind of call is counted; those
 * whose number lies in [from, to) fail, or of these every `every`-th.
 *
 *     write, sync   of files below FAULTS_DIR: with `error`; error -1: half is written
 *     allocate      malloc and its kin, called from the program's own code; FAULTS_OBJECT: from
 *                   that library's instead. What libc allocates for others is not among them. */
#include "shim_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The test knows this layout: five 64-bit numbers and an error, for each kind. */
typedef struct fault {
    _Atomic uint64_t seen, from, to, every, fired;
    _Atomic int64_t error;
} fault_t;

typedef struct faults {
    fault_t write, sync, allocate;
} faults_t;

enum { SHORT = -1, RANGES_MAX = 8 };

static faults_t *faults;
static const char *folder;
static struct {
    uintptr_t from, to;
} ranges[RANGES_MAX];
static int range_count;

static bool strikes(fault_t *f)
{
    uint64_t n = atomic_fetch_add(&f->seen, 1) + 1;
    uint64_t from = atomic_load(&f->from), every = atomic_load(&f->every);
    if (n < from || n >= atomic_load(&f->to) || (every > 1 && (n - from) % every != 0))
        return false;
    atomic_fetch_add(&f->fired, 1);
    return true;
}

/* -- files ------------------------------------------------------------------------------------ */

static bool concerns(int fd)
{
    struct stat st;
    int kept = errno;
    char link[64], path[PATH_MAX];
    if (faults == NULL || folder == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    errno = kept;
    return len > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static ssize_t write_any(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (!concerns(fd) || !strikes(&faults->write))
        return write_through(fd, parts, count, offset);
    if (atomic_load(&faults->write.error) != SHORT) {
        errno = (int)atomic_load(&faults->write.error);
        return -1;
    }
    struct iovec half = {parts[0].iov_base, parts[0].iov_len / 2};
    return write_through(fd, &half, 1, offset);
}

static int sync_any(int fd, long number)
{
    if (!concerns(fd) || !strikes(&faults->sync))
        return (int)syscall(number, fd);
    errno = (int)atomic_load(&faults->sync.error);
    return -1;
}

SHIM int fsync(int fd)
{
    return sync_any(fd, SYS_fsync);
}

SHIM int fdatasync(int fd)
{
    return sync_any(fd, SYS_fdatasync);
}

/* -- memory ----------------------------------------------------------------------------------- */

/* glibc's own, under the names that it keeps for this. NOLINTBEGIN(bugprone-reserved-identifier) */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
/* NOLINTEND(bugprone-reserved-identifier) */

static bool allocation_fails(const void *caller)
{
    if (faults == NULL)
        return false;
    for (int i = 0; i < range_count; i++)
        if ((uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to &&
            strikes(&faults->allocate)) {
            errno = ENOMEM;
            return true;
        }
    return false;
}

SHIM void *malloc(size_t bytes)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

SHIM void *calloc(size_t count, size_t bytes)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, bytes);
}

SHIM void *realloc(void *old, size_t bytes)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, bytes);
}

SHIM void *aligned_alloc(size_t alignment, size_t bytes)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, bytes);
}

SHIM int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (allocation_fails(__builtin_return_address(0)))
        return ENOMEM;
    *out = __libc_memalign(alignment, bytes);
    return *out != NULL ? 0 : ENOMEM;
}

/* -- start ------------------------------------------------------------------------------------ */

/* Where the code lies whose allocations fail: the program's own, which is listed first, without a
 * name. */
static int note_ranges(struct dl_phdr_info *info, size_t size, void *wanted)
{
    (void)size;
    const char *object = wanted;
    bool match = object != NULL ? strstr(info->dlpi_name, object) != NULL
                                : info->dlpi_name[0] == '\0' && range_count == 0;
    for (int i = 0; match && i < info->dlpi_phnum && range_count < RANGES_MAX; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
            continue;
        ranges[range_count].from = info->dlpi_addr + part->p_vaddr;
        ranges[range_count].to = ranges[range_count].from + part->p_memsz;
        range_count++;
    }
    return 0;
}

__attribute__((constructor)) static void faults_start(void)
{
    const char *control = getenv("FAULTS");
    folder = getenv("FAULTS_DIR");
    if (control == NULL)
        return;
    int fd = open(control, O_RDWR | O_CLOEXEC);
    void *map = fd >= 0 ? mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                        : MAP_FAILED;
    if (map == MAP_FAILED) {
        fprintf(stderr, "faults: %s: %s\n", control, strerror(errno));
        _exit(99);
    }
    close(fd);
    dl_iterate_phdr(note_ranges, getenv("FAULTS_OBJECT"));
    faults = map;
}

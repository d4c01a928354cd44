/* powercut.c - libpowercut.so: stands between a program and its files, and remembers what a power
 * cut would take.
 *
 *     LD_PRELOAD=libpowercut.so POWERCUT_DIR=data POWERCUT_LOG=log [POWERCUT_AT=N|N+]
 *         [POWERCUT_BOOT_ID=file] program
 *
 * Everything that the program writes below POWERCUT_DIR is logged (powercut_log.h).  At the N-th
 * operation the process kills itself, before that operation or, with +, after it; or somebody else
 * kills it whenever they like.  Then `powercut LOG SEED` plays the cut.
 *
 * A sync is only logged, not done: the kernel stays alive, and it makes a test many times faster.
 * What is written through a mapping or by stdio cannot be seen here; the log then says it is blind,
 * and the cut refuses.  Not modelled: sectors that go bad or land elsewhere, disks that lie about a
 * sync, reads that see less than the page cache. */
#include "powercut_track.h"
#include "shim_write.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/* -- opening and closing ---------------------------------------------------------------------- */

static int open_watched(int dir, const char *path, int flags, mode_t mode)
{
    struct stat st;
    power_on();
    bool created = (flags & O_CREAT) != 0 && fstatat(dir, path, &st, 0) != 0;
    int fd = (int)syscall(SYS_openat, dir, path, flags & ~O_TRUNC, mode);
    if (fd >= 0)
        track_open(fd, flags, created);
    power_off();
    if (fd >= 0 && (flags & O_TRUNC) != 0 && ftruncate(fd, 0) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* After a power cut the machine has booted anew: POWERCUT_BOOT_ID names a file that says so. */
static const char *boot_id_path(const char *path)
{
    const char *instead = getenv("POWERCUT_BOOT_ID");
    return instead != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? instead : path;
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
    char absolute[POWERCUT_PATH_MAX];
    if (track_path(dir, path, absolute))
        return open_watched(dir, path, flags, mode);
    return (int)syscall(SYS_openat, dir, boot_id_path(path), flags, mode);
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define OPEN(name, declare, dir)                            \
    SHIM int name(declare const char *path, int flags, ...) \
    {                                                       \
        va_list args;                                       \
        va_start(args, flags);                              \
        mode_t mode = mode_of(flags, args);                 \
        va_end(args);                                       \
        return open_any(dir, path, flags, mode);            \
    }
#define NOTHING
#define DIR_ARGUMENT int dir,
OPEN(open, NOTHING, AT_FDCWD)
OPEN(open64, NOTHING, AT_FDCWD)
OPEN(openat, DIR_ARGUMENT, dir)
OPEN(openat64, DIR_ARGUMENT, dir)

SHIM int creat(const char *path, mode_t mode)
{
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

SHIM int close(int fd)
{
    slot_set(fd, 0);
    return (int)syscall(SYS_close, fd);
}

static int duplicated(int from, int to)
{
    if (to >= 0)
        slot_set(to, slot_of(from));
    return to;
}

SHIM int dup(int fd)
{
    return duplicated(fd, (int)syscall(SYS_dup, fd));
}

SHIM int dup3(int fd, int to, int flags)
{
    return duplicated(fd, (int)syscall(SYS_dup3, fd, to, flags));
}

SHIM int dup2(int fd, int to)
{
    return fd == to ? to : dup3(fd, to, 0);
}

#define FCNTL(name)                                                  \
    SHIM int name(int fd, int command, ...)                          \
    {                                                                \
        va_list args;                                                \
        va_start(args, command);                                     \
        void *argument = va_arg(args, void *);                       \
        va_end(args);                                                \
        int result = (int)syscall(SYS_fcntl, fd, command, argument); \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)        \
            return duplicated(fd, result);                           \
        return result;                                               \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* -- writing ---------------------------------------------------------------------------------- */

static uint64_t position_of(int fd, int slot)
{
    struct stat st;
    if ((slot & SLOT_APPEND) != 0)
        return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

static ssize_t write_any(int fd, const struct iovec *parts, int count, off_t offset)
{
    int slot = slot_checked(fd);
    if (slot == 0)
        return write_through(fd, parts, count, offset);
    uint64_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    power_on();
    uint64_t at = offset == AT_POSITION ? position_of(fd, slot) : (uint64_t)offset;
    log_write(slot, at, len);
    ssize_t n = write_through(fd, parts, count, offset);
    if (n > 0 && (slot & SLOT_DSYNC) != 0)
        log_range_sync(slot, at, (uint64_t)n);
    power_off();
    return n;
}

#define TRUNCATE(name)                                      \
    SHIM int name(int fd, off_t size)                       \
    {                                                       \
        int slot = slot_checked(fd);                        \
        if (slot == 0)                                      \
            return (int)syscall(SYS_ftruncate, fd, size);   \
        power_on();                                         \
        log_truncate(slot, (uint64_t)size);                 \
        int result = (int)syscall(SYS_ftruncate, fd, size); \
        power_off();                                        \
        return result;                                      \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

/* Room that is made ahead is size, which a cut may take back. */
#define FALLOCATE(name)                                                                           \
    SHIM int name(int fd, off_t offset, off_t len)                                                \
    {                                                                                             \
        struct stat st;                                                                           \
        if (fstat(fd, &st) == 0 && st.st_size < offset + len && ftruncate(fd, offset + len) != 0) \
            return errno;                                                                         \
        return syscall(SYS_fallocate, fd, 0, offset, len) == 0 ? 0 : errno;                       \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)

/* -- syncing ---------------------------------------------------------------------------------- */

static int sync_any(int fd, long number)
{
    int slot = slot_checked(fd);
    if (slot == 0)
        return (int)syscall(number, fd);
    power_on();
    log_sync(slot);
    power_off();
    return 0;
}

SHIM int fsync(int fd)
{
    return sync_any(fd, SYS_fsync);
}

SHIM int fdatasync(int fd)
{
    return sync_any(fd, SYS_fdatasync);
}

SHIM int syncfs(int fd)
{
    if (!track_active())
        return (int)syscall(SYS_syncfs, fd);
    power_on();
    log_sync_everything();
    power_off();
    return 0;
}

SHIM void sync(void)
{
    syncfs(-1);
}

/* Promises nothing: neither the size of the file nor the disk's own cache. */
SHIM int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags)
{
    return (int)syscall(SYS_sync_file_range, fd, offset, len, flags);
}

/* -- names ------------------------------------------------------------------------------------ */

SHIM int unlinkat(int dir, const char *path, int flags)
{
    char name[POWERCUT_PATH_MAX];
    struct stat st;
    if (!track_path(dir, path, name) || lstat(name, &st) != 0)
        return (int)syscall(SYS_unlinkat, dir, path, flags);
    power_on();
    if ((flags & AT_REMOVEDIR) != 0)
        log_name(POWERCUT_REMOVE_DIR, name);
    else
        log_move(name, NULL);
    int result = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (result == 0 && (flags & AT_REMOVEDIR) == 0)
        track_moved(name, NULL);
    power_off();
    return result;
}

SHIM int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

SHIM int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

SHIM int remove(const char *path)
{
    int result = unlink(path);
    return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

SHIM int mkdirat(int dir, const char *path, mode_t mode)
{
    char name[POWERCUT_PATH_MAX];
    struct stat st;
    if (!track_path(dir, path, name) || lstat(name, &st) == 0)
        return (int)syscall(SYS_mkdirat, dir, path, mode);
    power_on();
    log_name(POWERCUT_MAKE_DIR, name);
    int result = (int)syscall(SYS_mkdirat, dir, path, mode);
    power_off();
    return result;
}

SHIM int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

SHIM int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char old[POWERCUT_PATH_MAX], new[POWERCUT_PATH_MAX];
    bool leaves = track_path(from_dir, from, old), comes = track_path(to_dir, to, new);
    if (!leaves && !comes)
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    power_on();
    if (!leaves || !comes || flags != 0)
        track_blind("renamed", from);
    else
        log_move(old, new);
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (result == 0)
        track_moved(old, new);
    power_off();
    return result;
}

SHIM int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

SHIM int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

SHIM int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    char name[POWERCUT_PATH_MAX];
    struct stat st;
    if (!track_path(to_dir, to, name) || lstat(name, &st) == 0)
        return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    power_on();
    log_name(POWERCUT_LINK, name);
    int result = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    power_off();
    return result;
}

SHIM int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* -- what cannot be seen here ----------------------------------------------------------------- */

static void blind_descriptor(const char *how, int fd)
{
    if (slot_checked(fd) == 0)
        return;
    power_on();
    track_blind(how, "a watched file");
    power_off();
}

static void blind_path(const char *how, int dir, const char *path)
{
    char name[POWERCUT_PATH_MAX];
    if (!track_path(dir, path, name))
        return;
    power_on();
    track_blind(how, name);
    power_off();
}

#define MMAP(name)                                                                      \
    SHIM void *name(void *at, size_t len, int protect, int flags, int fd, off_t offset) \
    {                                                                                   \
        if (fd >= 0 && (protect & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0)        \
            blind_descriptor("a writable mapping of", fd);                              \
        return (void *)syscall(SYS_mmap, at, len, protect, flags, fd, offset);          \
    }
MMAP(mmap)
MMAP(mmap64)

#define FOPEN(name)                                                                  \
    SHIM FILE *name(const char *path, const char *mode)                              \
    {                                                                                \
        static FILE *(*next)(const char *, const char *);                            \
        if (next == NULL)                                                            \
            next = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, #name); \
        if (strpbrk(mode, "wa+") != NULL)                                            \
            blind_path("stdio writes", AT_FDCWD, path);                              \
        return next(path, mode);                                                     \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define SENDFILE(name)                                         \
    SHIM ssize_t name(int to, int from, off_t *at, size_t len) \
    {                                                          \
        blind_descriptor("sendfile to", to);                   \
        return syscall(SYS_sendfile, to, from, at, len);       \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)

SHIM ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
                             unsigned flags)
{
    blind_descriptor("copy_file_range to", to);
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, len, flags);
}

SHIM int truncate(const char *path, off_t size)
{
    blind_path("truncate by name of", AT_FDCWD, path);
    return (int)syscall(SYS_truncate, path, size);
}

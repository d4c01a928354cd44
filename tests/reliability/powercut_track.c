#include "powercut_track.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS_MAX = 65536, LINK_MAX_BYTES = POWERCUT_PATH_MAX + 16 };

static _Atomic int slots[FDS_MAX];
static powercut_log_t *log_;
static char folder[POWERCUT_PATH_MAX], log_path[POWERCUT_PATH_MAX];
static size_t folder_len;

bool track_active(void)
{
    return log_ != NULL;
}

int slot_of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? atomic_load_explicit(&slots[fd], memory_order_relaxed) : 0;
}

int slot_checked(int fd)
{
    int slot = slot_of(fd);
    if (slot == 0)
        return 0;
    int kept = errno;
    struct stat st;
    const powercut_file_t *f = &log_->files[(slot & SLOT_FILE) - 1];
    if (fstat(fd, &st) != 0 || st.st_dev != f->dev || st.st_ino != f->ino) {
        slot_set(fd, 0);
        slot = 0;
    }
    errno = kept;
    return slot;
}

void slot_set(int fd, int slot)
{
    if (fd >= 0 && fd < FDS_MAX)
        atomic_store(&slots[fd], slot);
}

void track_blind(const char *how, const char *what)
{
    if (log_->blind[0] == '\0')
        snprintf(log_->blind, sizeof log_->blind, "%s %.64s", how, what);
}

/* -- power ------------------------------------------------------------------------------------ */

static _Noreturn void cut(void)
{
    atomic_store(&log_->dark, true);
    kill(log_->owner, SIGKILL);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void power_on(void)
{
    int kept = errno;
    if (pthread_mutex_lock(&log_->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&log_->lock);
    uint64_t n = atomic_fetch_add(&log_->operations, 1) + 1;
    if (atomic_load(&log_->dark) || (log_->cut_at != 0 && n >= log_->cut_at && !log_->cut_after))
        cut();
    errno = kept;
}

void power_off(void)
{
    int kept = errno;
    if (log_->cut_at != 0 && atomic_load(&log_->operations) >= log_->cut_at)
        cut();
    pthread_mutex_unlock(&log_->lock);
    errno = kept;
}

/* -- records ---------------------------------------------------------------------------------- */

static void link_name(char link[LINK_MAX_BYTES], uint32_t number)
{
    snprintf(link, LINK_MAX_BYTES, "%s.%u", log_path, number);
}

static void forget_everything(void)
{
    atomic_store(&log_->used, 0);
    for (uint32_t i = 0; i < log_->file_count; i++)
        log_->files[i].dirty = false;
    log_->names_dirty = false;
    char link[LINK_MAX_BYTES];
    for (; log_->links > 0; log_->links--) {
        link_name(link, log_->links - 1);
        syscall(SYS_unlinkat, AT_FDCWD, link, 0);
    }
}

/* Room for a record, which counts once it is published. */
static powercut_record_t *record_begin(powercut_type_t type, uint32_t file, uint64_t kept)
{
    powercut_record_t head = {.type = type, .file = file, .kept = kept};
    uint64_t room = POWERCUT_LOG_BYTES - sizeof *log_;
    if (atomic_load(&log_->used) + powercut_record_size(&head) > room)
        forget_everything(); /* a disk may write back whatever it holds, whenever it likes */
    if (powercut_record_size(&head) > room) {
        track_blind("too large:", log_->files[file].path);
        return NULL;
    }
    powercut_record_t *r = (void *)(log_->records + atomic_load(&log_->used));
    *r = head;
    return r;
}

static void record_publish(const powercut_record_t *r)
{
    atomic_fetch_add(&log_->used, powercut_record_size(r));
}

/* Reads by the file's name, since the descriptor at hand may be for writing only. */
static void keep_old(powercut_record_t *r, const char *path, uint64_t offset)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    uint64_t done = 0;
    uint8_t *at = (uint8_t *)(r + 1);
    while (fd >= 0 && done < r->kept) {
        ssize_t n = pread(fd, at + done, r->kept - done, (off_t)(offset + done));
        if (n <= 0)
            break;
        done += (uint64_t)n;
    }
    if (done < r->kept)
        track_blind("cannot read", path);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static uint32_t file_of(int slot)
{
    return (uint32_t)(slot & SLOT_FILE) - 1;
}

void log_write(int slot, uint64_t offset, uint64_t len)
{
    powercut_file_t *f = &log_->files[file_of(slot)];
    uint64_t size = size_of(f->path);
    uint64_t end = offset + len < size ? offset + len : size;
    powercut_record_t *r =
        record_begin(POWERCUT_WRITE, file_of(slot), end > offset ? end - offset : 0);
    if (r == NULL)
        return;
    r->offset = offset;
    r->len = len;
    r->old_size = size;
    keep_old(r, f->path, offset);
    f->dirty = true;
    record_publish(r);
}

void log_truncate(int slot, uint64_t size)
{
    powercut_file_t *f = &log_->files[file_of(slot)];
    uint64_t old = size_of(f->path);
    powercut_record_t *r =
        record_begin(POWERCUT_TRUNCATE, file_of(slot), old > size ? old - size : 0);
    if (r == NULL || old == size)
        return;
    r->offset = size;
    r->old_size = old;
    keep_old(r, f->path, size);
    f->dirty = true;
    record_publish(r);
}

static void record_sync(uint32_t file, uint64_t offset, uint64_t len)
{
    powercut_record_t *r = record_begin(POWERCUT_SYNC, file, 0);
    r->offset = offset;
    r->len = len;
    record_publish(r);
}

void log_range_sync(int slot, uint64_t offset, uint64_t len)
{
    record_sync(file_of(slot), offset, len);
}

static bool anything_dirty(void)
{
    for (uint32_t i = 0; i < log_->file_count; i++)
        if (log_->files[i].dirty)
            return true;
    return log_->names_dirty;
}

void log_sync(int slot)
{
    record_sync(file_of(slot), 0, UINT64_MAX);
    atomic_fetch_add(&log_->syncs, 1);
    log_->files[file_of(slot)].dirty = false;
    log_->names_dirty = false; /* a file system's journal keeps the order of names */
    if (!anything_dirty())
        forget_everything();
}

void log_sync_everything(void)
{
    atomic_fetch_add(&log_->syncs, 1);
    forget_everything();
}

void log_name(powercut_type_t type, const char *path)
{
    powercut_record_t *r = record_begin(type, UINT32_MAX, strlen(path) + 1);
    memcpy(r + 1, path, strlen(path) + 1);
    log_->names_dirty = true;
    record_publish(r);
}

/* A second link keeps what a name stood for.  Empty: it stood for nothing. */
static void save_link(const char *path, char link[LINK_MAX_BYTES])
{
    struct stat st;
    link[0] = '\0';
    if (lstat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return;
    link_name(link, log_->links);
    syscall(SYS_unlinkat, AT_FDCWD, link, 0);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, link, 0) == 0)
        log_->links++;
    else
        track_blind("cannot keep", path);
}

void log_move(const char *from, const char *to)
{
    char link[LINK_MAX_BYTES];
    save_link(to != NULL ? to : from, link);
    size_t from_len = strlen(from) + 1, to_len = to != NULL ? strlen(to) + 1 : 0;
    powercut_record_t *r = record_begin(to != NULL ? POWERCUT_RENAME : POWERCUT_UNLINK, UINT32_MAX,
                                        from_len + to_len + strlen(link) + 1);
    char *at = (char *)(r + 1);
    memcpy(at, from, from_len);
    if (to != NULL)
        memcpy(at + from_len, to, to_len);
    memcpy(at + from_len + to_len, link, strlen(link) + 1);
    log_->names_dirty = true;
    record_publish(r);
}

void track_moved(const char *from, const char *to)
{
    char link[LINK_MAX_BYTES];
    if (log_->links > 0) {
        link_name(link, log_->links - 1);
        powercut_renamed(log_, to != NULL ? to : from, link);
    }
    if (to != NULL)
        powercut_renamed(log_, from, to);
}

/* -- files ------------------------------------------------------------------------------------ */

static bool below_folder(const char *path)
{
    return strncmp(path, folder, folder_len) == 0 &&
           (path[folder_len] == '\0' || path[folder_len] == '/');
}

bool track_path(int dir, const char *path, char absolute[POWERCUT_PATH_MAX])
{
    if (!track_active() || path == NULL)
        return false;
    int kept = errno;
    char parent[PATH_MAX], link[64];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    const char *name = slash != NULL ? path + (slash - parent) + 1 : path;
    if (slash != NULL)
        slash[slash == parent] = '\0';
    int fd = (int)syscall(SYS_openat, dir, slash != NULL ? parent : ".", O_PATH | O_CLOEXEC);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = fd >= 0 ? readlink(link, absolute, POWERCUT_PATH_MAX - 1) : -1;
    if (fd >= 0)
        syscall(SYS_close, fd);
    errno = kept;
    if (len < 0)
        return false;
    absolute[len] = '\0';
    if (*name != '\0')
        snprintf(absolute + len, POWERCUT_PATH_MAX - (size_t)len, "/%s", name);
    return below_folder(absolute);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static powercut_file_t *known_file(const struct stat *st)
{
    for (uint32_t i = 0; i < log_->file_count; i++)
        if (log_->files[i].dev == st->st_dev && log_->files[i].ino == st->st_ino)
            return &log_->files[i];
    return NULL;
}

/* By inode, since a file may have several names. */
static uint32_t find_file(const struct stat *st, const char *path, bool created)
{
    powercut_file_t *f = known_file(st);
    if (f == NULL && log_->file_count == POWERCUT_FILES_MAX)
        track_blind("too many files:", path);
    if (f == NULL) {
        f = &log_->files[log_->file_count - (log_->file_count == POWERCUT_FILES_MAX)];
        log_->file_count += log_->file_count < POWERCUT_FILES_MAX;
        created = true;
    }
    struct stat now;
    if (created || stat(f->path, &now) != 0 || now.st_ino != st->st_ino) {
        snprintf(f->path, sizeof f->path, "%s", path);
        f->dev = st->st_dev;
        f->ino = st->st_ino;
        f->directory = S_ISDIR(st->st_mode);
        f->locks =
            ends_with(path, "/lock") || ends_with(path, "/lock.mdb") || ends_with(path, "-lock");
    }
    return (uint32_t)(f - log_->files);
}

void track_open(int fd, int flags, bool created)
{
    char link[64], path[POWERCUT_PATH_MAX];
    struct stat st;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0 || fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return;
    path[len] = '\0';
    if (!below_folder(path))
        return;
    uint32_t file = find_file(&st, path, created);
    if (log_->files[file].locks)
        return;
    if (created) {
        record_publish(record_begin(POWERCUT_CREATE, file, 0));
        log_->names_dirty = true;
    }
    slot_set(fd, (int)(file + 1) | ((flags & O_DSYNC) != 0 ? SLOT_DSYNC : 0) |
                     ((flags & O_APPEND) != 0 ? SLOT_APPEND : 0));
}

/* -- start ------------------------------------------------------------------------------------ */

static void log_init(powercut_log_t *log)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&log->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    log->magic = POWERCUT_MAGIC;
}

/* The first process, or the first since that was killed without a cut: what it left is not synced
 * yet. */
static void own_log(powercut_log_t *log, const char *at)
{
    log->owner = getpid();
    log->cut_at = 0;
    if (at == NULL)
        return;
    char *end;
    log->cut_at = atomic_load(&log->operations) + strtoull(at, &end, 10);
    log->cut_after = *end == '+';
}

/* Descriptors that an exec left open. */
static void adopt_descriptors(void)
{
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0)
            track_open(fd, flags, false);
    }
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
    _exit(99); /* without its log the program would prove nothing */
}

__attribute__((constructor)) static void track_start(void)
{
    const char *dir = getenv("POWERCUT_DIR"), *log = getenv("POWERCUT_LOG");
    if (dir == NULL || log == NULL)
        return;
    char real[PATH_MAX];
    if (realpath(dir, real) == NULL || (folder_len = strlen(real)) >= sizeof folder)
        fail(dir);
    memcpy(folder, real, folder_len + 1);
    snprintf(log_path, sizeof log_path, "%s", log);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)POWERCUT_LOG_BYTES) != 0)
        fail(log);
    powercut_log_t *map = mmap(NULL, POWERCUT_LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        fail(log);
    syscall(SYS_close, fd);
    if (map->magic != POWERCUT_MAGIC)
        log_init(map);
    if (map->owner == 0 || kill(map->owner, 0) != 0)
        own_log(map, getenv("POWERCUT_AT"));
    log_ = map;
    adopt_descriptors();
}

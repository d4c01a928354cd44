/* Files, and LMDB's environment on them. */
#include "store_impl.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { READERS_MAX = 510, MODE = 0640, ASIDE_MAX = 1000 };

sl_err store_error(int rc)
{
    switch (rc) {
    case 0:
        return SL_OK;
    case ENOMEM:
        return SL_ENOMEM;
    case MDB_MAP_FULL:
        errno = ENOSPC;
        return SL_EIO;
    case MDB_READERS_FULL:
        errno = EAGAIN;
        return SL_EIO;
    case MDB_VERSION_MISMATCH:
        return SL_EVERSION;
    default:
        errno = rc > 0 ? rc : EIO; /* LMDB's own numbers are negative */
        return SL_EIO;
    }
}

int store_cause(const store_t *s, int rc)
{
    enum { NEARLY_NOTHING = 64 * 1024 };
    struct statvfs fs;
    if (rc != EIO || statvfs(s->dir, &fs) != 0)
        return rc;
    return (uint64_t)fs.f_bavail * fs.f_frsize < NEARLY_NOTHING ? ENOSPC : rc;
}

sl_err store_random_id(uint64_t *id)
{
    do {
        if (getrandom(id, sizeof *id, 0) != (ssize_t)sizeof *id)
            return SL_EIO;
    } while (*id == 0);
    return SL_OK;
}

char *store_path(const char *dir, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", dir, name) >= 0 ? path : NULL;
}

/* A file that is larger than the limit (which was lowered, or it is a copy) still needs free pages
 * to be made smaller. */
static size_t map_bytes(const store_t *s, const char *path)
{
    enum { PAGE = 4096, SPARE_BYTES = 64 << 20 };
    struct stat st;
    uint64_t bytes = s->o.map_bytes;
    if (stat(path, &st) == 0 && (uint64_t)st.st_size > bytes)
        bytes = (uint64_t)st.st_size + SPARE_BYTES;
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static int map_env(store_t *s, const char *path)
{
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
    if (s->o.read_only)
        flags |= MDB_RDONLY;
    else if (s->o.sync == STORE_SYNC_OS)
        flags |= MDB_NOSYNC;
    int rc = mdb_env_create(&s->env);
    if (rc == 0 && !s->o.read_only) /* else: as the file says */
        rc = mdb_env_set_mapsize(s->env, map_bytes(s, path));
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_open(s->env, path, flags, MODE);
    MDB_txn *txn;
    if (rc == 0)
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
        mdb_txn_abort(txn);
    }
    return rc;
}

int store_env_open(store_t *s, const char *file)
{
    char *path = store_path(s->dir, file);
    if (path == NULL)
        return ENOMEM;
    int rc = map_env(s, path);
    free(path);
    if (rc != 0)
        store_env_close(s);
    else if (!s->o.read_only)
        mdb_reader_check(s->env, NULL);
    return rc;
}

void store_env_close(store_t *s)
{
    if (s->env != NULL)
        mdb_env_close(s->env);
    s->env = NULL;
}

sl_err store_sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return SL_EIO;
    int rc = fsync(fd);
    int saved = errno;
    close(fd);
    errno = saved;
    return rc == 0 ? SL_OK : SL_EIO;
}

static bool stat_file(const char *dir, struct stat *st)
{
    char *path = store_path(dir, STORE_FILE);
    bool there = path != NULL && stat(path, st) == 0;
    free(path);
    return there;
}

uint64_t store_inode(const char *dir)
{
    struct stat st;
    return stat_file(dir, &st) ? (uint64_t)st.st_ino : 0;
}

uint64_t store_file_bytes(const char *dir)
{
    struct stat st;
    return stat_file(dir, &st) ? (uint64_t)st.st_size : 0;
}

static uint64_t tree_bytes(const char *path)
{
    uint64_t bytes = 0;
    DIR *listing = opendir(path);
    if (listing == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(listing)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(listing), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        char *inner = S_ISDIR(st.st_mode) ? store_path(path, e->d_name) : NULL;
        bytes += inner != NULL ? tree_bytes(inner) : S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
        free(inner);
    }
    closedir(listing);
    return bytes;
}

uint64_t store_quarantine_bytes(const char *dir)
{
    char *folder = store_path(dir, STORE_QUARANTINE);
    uint64_t bytes = folder != NULL ? tree_bytes(folder) : 0;
    free(folder);
    return bytes;
}

/* -- what is put aside ------------------------------------------------------------------------ */

static bool write_whole(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* Whole and synced before it has its name.  @return 0, or errno; EEXIST: it was put aside before.
 */
static int write_under(const char *path, char *part, const void *bytes, size_t len)
{
    int fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0)
        return errno;
    bool done = fchmod(fd, MODE) == 0 && write_whole(fd, bytes, len) && link(part, path) == 0;
    int error = done ? 0 : errno;
    close(fd);
    unlink(part);
    return error;
}

/* @return 0, or errno. */
static int put_aside(const char *dir, const char *name, const void *bytes, size_t len)
{
    char *folder = store_path(dir, STORE_QUARANTINE);
    char *path = folder != NULL ? store_path(folder, name) : NULL;
    char *part = path != NULL ? store_path(folder, "part-XXXXXX") : NULL;
    int error = ENOMEM;
    if (part != NULL) {
        if (mkdir(folder, 0750) == 0)
            store_sync_dir(dir);
        error = access(path, F_OK) == 0 ? EEXIST : write_under(path, part, bytes, len);
        if (error == 0 && store_sync_dir(folder) != SL_OK)
            error = errno;
    }
    free(part);
    free(path);
    free(folder);
    return error;
}

static void tell_not_aside(store_t *s, uint64_t first, const char *cause)
{
    if (!atomic_exchange(&s->told_aside, true))
        LOG_WARN("JOURNAL-ASIDE",
                 "dir=%s first=%" PRIu64 " cause=\"%s\"; a damaged record, and perhaps others, "
                 "cannot be put aside and stay in the journal; their numbers are holes",
                 s->dir, first, cause);
}

bool store_put_record_aside(store_t *s, uint64_t first, const void *bytes, size_t len)
{
    char name[48];
    snprintf(name, sizeof name, "record-%" PRIu64, first);
    if (s->o.read_only)
        return false;
    if (atomic_load(&s->quarantined) >= ASIDE_MAX) { /* a disk that breaks must not be filled */
        tell_not_aside(s, first, "so many were put aside already");
        return false;
    }
    int error = put_aside(s->dir, name, bytes, len);
    if (error == 0)
        atomic_fetch_add(&s->quarantined, 1);
    else if (error != EEXIST)
        tell_not_aside(s, first, strerror(error));
    return error == 0 || error == EEXIST;
}

/* powercut_log.h - what a power cut may still take back.
 *
 * Linux keeps what a program writes in its page cache, and a kill -9 loses none of it; a power cut
 * loses what was not synced, in any order, and tears what it catches half way.  libpowercut.so
 * (powercut.c) lets every write go to its file and keeps a log of what would undo it; `powercut`
 * (powercut_cut.c) plays the cut: it walks the log backwards and gives back to each sector the
 * content of some moment since it was last synced.
 *
 *     write | write | sync | write | unlink | write | <- kill -9
 *                          <------- may be undone -------
 *
 * The log is a file mapped MAP_SHARED outside of the watched folder, so it survives the kill as the
 * page cache does.  A record is complete before `used` covers it, and precedes its write: killed in
 * between, the cut restores what is there anyway.  A sync is logged after it was done.  When every
 * file is synced nothing can be undone, and the log begins anew. */
#ifndef POWERCUT_LOG_H
#define POWERCUT_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    POWERCUT_SECTOR = 512, /* a disk writes a sector whole or not at all */
    POWERCUT_FILES_MAX = 256,
    POWERCUT_PATH_MAX = 256,
    POWERCUT_RECORD_ALIGN = 8,
};
#define POWERCUT_MAGIC     UINT64_C(0x3174756372776f70)
#define POWERCUT_LOG_BYTES (UINT64_C(256) << 20)

/** What happened, what it keeps behind the record, and how the cut undoes it. */
#define POWERCUT_RECORD_MAP(X)                                              \
    X(WRITE, "old bytes", "sector by sector")                               \
    X(TRUNCATE, "the bytes cut off", "as a whole")                          \
    X(SYNC, "nothing", "never: what is older of this range is on the disk") \
    X(CREATE, "nothing", "unlink")                                          \
    X(MAKE_DIR, "path", "rmdir")                                            \
    X(REMOVE_DIR, "path", "mkdir")                                          \
    X(LINK, "path", "unlink")                                               \
    X(UNLINK, "path, path of a link that is kept", "rename back")           \
    X(RENAME, "from, to, link to what `to` was", "rename back")

#define X(name, kept, undo) POWERCUT_##name,
typedef enum { POWERCUT_RECORD_MAP(X) } powercut_type_t;
#undef X

typedef struct powercut_record {
    uint32_t type;
    uint32_t file; /**< index into files; UINT32_MAX: none */
    uint64_t offset, len;
    uint64_t old_size; /**< of the file, before */
    uint64_t kept;     /**< bytes that follow; the next record begins at the next multiple of 8 */
} powercut_record_t;

typedef struct powercut_file {
    char path[POWERCUT_PATH_MAX]; /**< one that it has now; when it has none any more, our link */
    uint64_t dev, ino;
    bool dirty;
    bool directory;
    bool locks; /**< what processes share while they run, no data: a cut may leave anything */
} powercut_file_t;

typedef struct powercut_log {
    uint64_t magic;
    pthread_mutex_t lock; /**< around each operation, so that log and files agree on the order */
    _Atomic uint64_t used;
    _Atomic uint64_t operations; /**< writes, syncs, and what changes a folder */
    _Atomic uint64_t syncs;
    int owner; /**< the process that the power takes first; the others find it dark */
    uint64_t cut_at;
    bool cut_after; /**< the operation itself is still done */
    atomic_bool dark;
    char blind[96]; /**< not empty: something wrote where the shim cannot see, nothing is proved */
    uint32_t links; /**< saved so far: LOG.0, LOG.1, ... */
    bool names_dirty;
    uint32_t file_count;
    powercut_file_t files[POWERCUT_FILES_MAX];
    _Alignas(POWERCUT_RECORD_ALIGN) uint8_t records[];
} powercut_log_t;

static inline uint64_t powercut_record_size(const powercut_record_t *r)
{
    return (sizeof *r + r->kept + POWERCUT_RECORD_ALIGN - 1) &
           ~(uint64_t)(POWERCUT_RECORD_ALIGN - 1);
}

/** Every file at or below `from` is at or below `to` from now on. */
static inline void powercut_renamed(powercut_log_t *log, const char *from, const char *to)
{
    size_t len = strlen(from);
    for (uint32_t i = 0; i < log->file_count; i++) {
        char *path = log->files[i].path, moved[2 * POWERCUT_PATH_MAX];
        if (strncmp(path, from, len) != 0 || (path[len] != '\0' && path[len] != '/'))
            continue;
        snprintf(moved, sizeof moved, "%s%s", to, path + len);
        memcpy(path, moved, POWERCUT_PATH_MAX - 1);
    }
}

#endif

#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(history_record_t) == 72, "no padding: the file is read elsewhere too");

uint64_t history_hash(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

void history_hash_id(uint8_t out[16], const char *text, size_t len)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text, len));
    memcpy(out, canonical.digest, 16);
}

uint64_t history_mix(uint64_t number, uint64_t topic, uint64_t event)
{
    uint64_t parts[] = {number, topic, event};
    return history_hash(parts, sizeof parts);
}

static uint32_t sum_of(const history_record_t *record)
{
    return (uint32_t)history_hash(record, offsetof(history_record_t, sum));
}

/* Where the whole records end, and the last event among them. */
static off_t find_end(int fd, off_t size, history_record_t *last)
{
    history_record_t record;
    off_t end = size - size % (off_t)sizeof record;
    while (end > 0 && (pread(fd, &record, sizeof record, end - (off_t)sizeof record) !=
                           (ssize_t)sizeof record ||
                       record.sum != sum_of(&record)))
        end -= (off_t)sizeof record;
    *last = (history_record_t){0};
    for (off_t at = end; at > 0 && last->kind == 0; at -= (off_t)sizeof record)
        if (pread(fd, &record, sizeof record, at - (off_t)sizeof record) == sizeof record &&
            record.kind == HISTORY_EVENT)
            *last = record;
    return end;
}

int history_open(const char *path, history_record_t *last)
{
    struct stat file;
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    if (fstat(fd, &file) != 0 || ftruncate(fd, find_end(fd, file.st_size, last)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool history_append(int fd, history_record_t *record)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    record->stored_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    record->sum = sum_of(record);
    ssize_t written = write(fd, record, sizeof *record);
    if (written >= 0 && written < (ssize_t)sizeof *record)
        errno = ENOSPC;
    return written == (ssize_t)sizeof *record;
}

bool history_map(history_view_t *view, const char *path)
{
    struct stat file;
    *view = (history_view_t){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0)
        return false;
    view->mapped_bytes = (size_t)file.st_size;
    view->count = view->mapped_bytes / sizeof(history_record_t);
    if (view->mapped_bytes > 0) {
        void *bytes = mmap(NULL, view->mapped_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        view->records = bytes == MAP_FAILED ? NULL : bytes;
    }
    close(fd);
    if (view->mapped_bytes > 0 && view->records == NULL)
        return false;
    for (size_t i = 0; i < view->count; i++)
        if (view->records[i].sum != sum_of(&view->records[i])) {
            errno = EBADMSG;
            return false;
        }
    return true;
}

void history_unmap(history_view_t *view)
{
    if (view->records != NULL)
        munmap((void *)(uintptr_t)view->records, view->mapped_bytes);
    *view = (history_view_t){0};
}

/* powercut_cut.c - `powercut LOG SEED`: the power fails; what is on the disk afterwards?
 *
 * Walks the log of libpowercut.so backwards. Each record that no sync covers is kept, lost, or torn
 * by the seed. A sector that is kept, or synced, is settled: nothing older may touch it, since a
 * sector shows the content of one moment. Names (files made, removed, renamed) survive in the order
 * in which they were made, as in the journal of a file system: once one is kept, so are the older
 * ones. The seed also picks how much survives, so that whole cuts lose everything or nothing.
 *
 * One line says what was done. Exit 3: the log is blind, nothing is proved. */
#include "powercut_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_BLIND = 3, LEVELS = 5 };

/* What is known of a file while the walk goes backwards. */
typedef struct disk_file {
    uint8_t *settled; /* a byte a sector */
    uint64_t sectors;
    bool all_settled;
    bool size_settled;
    uint64_t size_floor; /* the smallest size that the disk may show */
    uint64_t kept_end;   /* behind the last sector that is kept */
} disk_file_t;

typedef struct outcome {
    uint64_t records, kept, lost, torn, names_undone, sizes_undone;
} outcome_t;

static powercut_log_t *log_;
static disk_file_t disk[POWERCUT_FILES_MAX];
static outcome_t outcome;
static uint64_t random_state;
static uint32_t survive; /* of LEVELS - 1 */
static bool names_settled;

/* splitmix64 */
static uint32_t draw(uint32_t below)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static bool survives(void)
{
    return draw(LEVELS - 1) < survive;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* -- sectors ---------------------------------------------------------------------------------- */

static void reach(disk_file_t *d, uint64_t end)
{
    uint64_t sectors = (end + POWERCUT_SECTOR - 1) / POWERCUT_SECTOR;
    if (sectors <= d->sectors)
        return;
    d->settled = realloc(d->settled, sectors);
    if (d->settled == NULL)
        fail("memory");
    memset(d->settled + d->sectors, 0, sectors - d->sectors);
    d->sectors = sectors;
}

static void put(int fd, const void *data, uint64_t len, uint64_t offset)
{
    if (len > 0 && pwrite(fd, data, len, (off_t)offset) != (ssize_t)len)
        fail("cannot give back what was there");
}

/* Gives back what one record has written into [from, to), which lies in one sector. */
static void give_back(int fd, const powercut_record_t *r, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[POWERCUT_SECTOR];
    const uint8_t *old = (const uint8_t *)(r + 1);
    uint64_t old_end = r->offset + r->kept;
    uint64_t middle = old_end < from ? from : old_end < to ? old_end : to;
    put(fd, old + (from - r->offset), middle - from, from);
    put(fd, zeros, to - middle, middle);
}

static void undo_write(const powercut_record_t *r)
{
    disk_file_t *d = &disk[r->file];
    int fd = open(log_->files[r->file].path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || r->len == 0 || d->all_settled) {
        if (fd >= 0)
            close(fd);
        return;
    }
    uint64_t end = r->offset + r->len, kept = 0, lost = 0;
    reach(d, end);
    bool torn = draw(2) == 0, keep = survives();
    for (uint64_t s = r->offset / POWERCUT_SECTOR; s * POWERCUT_SECTOR < end; s++) {
        uint64_t from = s * POWERCUT_SECTOR, to = from + POWERCUT_SECTOR;
        if (from < r->offset)
            from = r->offset;
        if (to > end)
            to = end;
        if (!d->settled[s] && !(torn ? survives() : keep)) {
            give_back(fd, r, from, to);
            lost++;
            continue;
        }
        d->settled[s] = 1;
        kept++;
        if (to > d->kept_end)
            d->kept_end = to;
    }
    close(fd);
    if (!d->size_settled && r->old_size < d->size_floor)
        d->size_floor = r->old_size;
    outcome.kept += lost == 0;
    outcome.lost += kept == 0;
    outcome.torn += lost != 0 && kept != 0;
}

static void undo_truncate(const powercut_record_t *r)
{
    disk_file_t *d = &disk[r->file];
    if (d->all_settled || d->size_settled || survives()) {
        d->size_settled = true;
        return;
    }
    int fd = open(log_->files[r->file].path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (r->kept > 0 && d->kept_end <= r->offset)
        put(fd, r + 1, r->kept, r->offset);
    if (r->old_size < d->size_floor)
        d->size_floor = r->old_size;
    close(fd);
    outcome.sizes_undone++;
}

static void settle(const powercut_record_t *r)
{
    disk_file_t *d = &disk[r->file];
    if (r->len == UINT64_MAX) {
        d->all_settled = d->size_settled = names_settled = true;
        return;
    }
    uint64_t end = r->offset + r->len;
    reach(d, end);
    for (uint64_t s = r->offset / POWERCUT_SECTOR; s * POWERCUT_SECTOR < end; s++)
        d->settled[s] = 1;
    if (end > d->kept_end)
        d->kept_end = end;
}

/* A file that grew and was not synced: does the disk know how far? */
static void settle_size(uint32_t file)
{
    disk_file_t *d = &disk[file];
    const char *path = log_->files[file].path;
    struct stat st;
    uint64_t size = d->size_floor > d->kept_end ? d->size_floor : d->kept_end;
    if (d->size_floor == UINT64_MAX || stat(path, &st) != 0 || (uint64_t)st.st_size <= size ||
        survives())
        return;
    if (truncate(path, (off_t)size) != 0)
        fail(path);
    outcome.sizes_undone++;
}

/* -- names ------------------------------------------------------------------------------------ */

/* What had lost its last name has it again. */
static void give_name_back(const char *link, const char *name)
{
    if (*link == '\0')
        return;
    if (rename(link, name) != 0)
        fail(link);
    powercut_renamed(log_, link, name);
}

static void undo_rename(const char *from)
{
    const char *to = from + strlen(from) + 1, *link = to + strlen(to) + 1;
    if (access(from, F_OK) == 0 || rename(to, from) != 0)
        return; /* it had failed in the first place */
    powercut_renamed(log_, to, from);
    give_name_back(link, to);
}

static void undo_name(const powercut_record_t *r)
{
    const char *path = (const char *)(r + 1);
    if (names_settled || survives()) {
        names_settled = true;
        return;
    }
    outcome.names_undone++;
    switch ((powercut_type_t)r->type) {
    case POWERCUT_CREATE:
        unlink(log_->files[r->file].path);
        break;
    case POWERCUT_MAKE_DIR:
        rmdir(path);
        break;
    case POWERCUT_REMOVE_DIR:
        mkdir(path, 0755);
        break;
    case POWERCUT_UNLINK:
        if (access(path, F_OK) != 0)
            give_name_back(path + strlen(path) + 1, path);
        break;
    case POWERCUT_LINK:
        unlink(path);
        break;
    default:
        undo_rename(path);
        break;
    }
}

/* Memory that processes share: its pages went to the disk when they liked, or never. */
static void shake_locks(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if (draw(2) == 0 && truncate(path, st.st_size > 0 ? (off_t)draw((uint32_t)st.st_size) : 0) != 0)
        fail(path);
    if (draw(4) == 0)
        unlink(path);
}

/* -- the walk --------------------------------------------------------------------------------- */

static void undo(const powercut_record_t *r)
{
    outcome.records++;
    switch ((powercut_type_t)r->type) {
    case POWERCUT_WRITE:
        undo_write(r);
        break;
    case POWERCUT_TRUNCATE:
        undo_truncate(r);
        break;
    case POWERCUT_SYNC:
        settle(r);
        break;
    default:
        undo_name(r);
        break;
    }
}

static void walk_back(void)
{
    uint64_t used = atomic_load(&log_->used), count = 0;
    for (uint64_t at = 0; at < used; count++)
        at += powercut_record_size((const powercut_record_t *)(log_->records + at));
    uint64_t *starts = calloc(count + 1, sizeof *starts);
    if (starts == NULL)
        fail("memory");
    count = 0;
    for (uint64_t at = 0; at < used; count++) {
        starts[count] = at;
        at += powercut_record_size((const powercut_record_t *)(log_->records + at));
    }
    while (count-- > 0)
        undo((const powercut_record_t *)(log_->records + starts[count]));
    free(starts);
}

static powercut_log_t *map_log(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(path);
    void *map = mmap(NULL, POWERCUT_LOG_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        fail(path);
    return map;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "Usage: powercut LOG SEED\n");
        return 2;
    }
    log_ = map_log(argv[1]);
    random_state = strtoull(argv[2], NULL, 0);
    if (log_->magic != POWERCUT_MAGIC || log_->blind[0] != '\0') {
        fprintf(stderr, "powercut: blind: %s\n",
                log_->magic != POWERCUT_MAGIC ? "this is no log" : log_->blind);
        return EXIT_BLIND;
    }
    survive = draw(LEVELS);
    for (uint32_t i = 0; i < POWERCUT_FILES_MAX; i++)
        disk[i].size_floor = UINT64_MAX;
    walk_back();
    for (uint32_t i = 0; i < log_->file_count; i++) {
        if (!log_->files[i].directory && !log_->files[i].locks)
            settle_size(i);
        if (log_->files[i].locks)
            shake_locks(log_->files[i].path);
        free(disk[i].settled);
    }
    printf("operations=%" PRIu64 " syncs=%" PRIu64 " records=%" PRIu64 " kept=%" PRIu64
           " lost=%" PRIu64 " torn=%" PRIu64 " names=%" PRIu64 " sizes=%" PRIu64 "\n",
           atomic_load(&log_->operations), atomic_load(&log_->syncs), outcome.records, outcome.kept,
           outcome.lost, outcome.torn, outcome.names_undone, outcome.sizes_undone);
    return 0;
}

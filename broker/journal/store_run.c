/* store_run.c - the newest run, named beside the journal.
 *
 * With STORE_SYNC_OS a power cut can take every trace of a run out of the file, its mark too: LMDB
 * uses the mark's pages again before what stands in their place is on the disk.  And a file that
 * was put back in place never heard of it.  So a run is named in a small file of its own as well,
 * on the disk before the run gives out a number:
 *
 *     DIR/run    | state of the run's mark (entry.h) | the one before, or after | 4096 bytes each
 *
 * The two are written in turn, in place: a full disk has room for them, and when a power cut tears
 * one, the other is whole.  Here the state's `txn` counts the writes.
 *
 * It also says how a run began.  A file whose bodies no start has read may have a sector that the
 * disk does not give out: whoever meets it through LMDB's map ends by a signal, and a start that
 * trusts the file again would only lead there again.  So while a run starts, its death makes the
 * next start read everything (`unread` is STORE_UNREAD_MAX).  A death later on cannot be told from
 * a kill: three in a row are trusted, the fourth is not. */
#include "store_impl.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE STORE_RUN_FILE ".new"

enum { MODE = 0640, SLOT_BYTES = 4096, SLOTS = 2 };

/* -- read ------------------------------------------------------------------------------------- */

/* @return SL_OK, SL_EPROTO: it is damaged, or not there; SL_EVERSION; SL_EIO. */
static sl_err read_slot(int fd, unsigned slot, store_state_t *run)
{
    uint8_t bytes[STATE_BYTES];
    ssize_t n = pread(fd, bytes, sizeof bytes, (off_t)slot * SLOT_BYTES);
    if (n < 0)
        return SL_EIO;
    return n == (ssize_t)sizeof bytes ? state_read(run, bytes, sizeof bytes) : SL_EPROTO;
}

static sl_err read_newest(store_t *s, int fd)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        store_state_t run;
        sl_err err = read_slot(fd, slot, &run);
        if (err == SL_EPROTO)
            continue;
        if (err != SL_OK)
            return err;
        if (!s->has_run || run.txn > s->run.txn) {
            s->run = run;
            s->run_slot = slot;
            s->has_run = true;
        }
    }
    if (!s->has_run)
        LOG_WARN("JOURNAL-RUN",
                 "dir=%s; the file `run` is damaged: whether the journal's file is of the newest "
                 "run is not known",
                 s->dir);
    return SL_OK;
}

sl_err store_run_read(store_t *s)
{
    s->has_run = false;
    char *path = store_path(s->dir, STORE_RUN_FILE);
    if (path == NULL)
        return SL_ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0)
        return errno == ENOENT ? SL_OK : SL_EIO;
    sl_err err = read_newest(s, fd);
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}

bool store_run_is_of(const store_t *s, const store_state_t *state)
{
    return s->has_run && s->run.journal == state->journal &&
           store_next_run(s->run.era) == store_next_run(state->era);
}

/* A state that was put together out of what is left of a file may have the era of the run's
 * records, and the stream of the run before. */
bool store_run_is_later(const store_t *s, const store_state_t *state)
{
    if (!s->has_run || s->run.journal != state->journal)
        return false;
    uint64_t run = s->run.era / STORE_RUN_ERAS, known = state->era / STORE_RUN_ERAS;
    return run > known || (run == known && state->salvaged && s->run.stream != state->stream);
}

/* -- write ------------------------------------------------------------------------------------ */

static bool write_all(int fd, const void *bytes, size_t len, off_t at)
{
    ssize_t n = pwrite(fd, bytes, len, at);
    if (n >= 0 && n < (ssize_t)len)
        errno = ENOSPC;
    return n == (ssize_t)len && fdatasync(fd) == 0;
}

/* @return SL_ENOENT: there is no file with room for two. */
static sl_err write_in_place(const char *path, unsigned slot, const store_state_t *run)
{
    uint8_t bytes[STATE_BYTES];
    struct stat st;
    state_write(bytes, run);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SL_ENOENT : SL_EIO;
    sl_err err = SL_EIO;
    if (fstat(fd, &st) == 0 && st.st_size < SLOTS * SLOT_BYTES)
        err = SL_ENOENT;
    else if (write_all(fd, bytes, sizeof bytes, (off_t)slot * SLOT_BYTES))
        err = SL_OK;
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}

/* With room for both. */
static sl_err write_new(const char *path, const store_state_t *run)
{
    uint8_t bytes[SLOTS * SLOT_BYTES] = {0};
    state_write(bytes, run);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE);
    if (fd < 0)
        return SL_EIO;
    bool good = write_all(fd, bytes, sizeof bytes, 0);
    int saved = errno;
    close(fd);
    errno = saved;
    return good ? SL_OK : SL_EIO;
}

static sl_err make(const store_t *s, const char *path, const store_state_t *run)
{
    char *made = store_path(s->dir, NEW_FILE);
    sl_err err = made != NULL ? write_new(made, run) : SL_ENOMEM;
    if (err == SL_OK && rename(made, path) != 0)
        err = SL_EIO;
    free(made);
    return err == SL_OK ? store_sync_dir(s->dir) : err;
}

sl_err store_run_write(store_t *s, const store_state_t *state, uint64_t unread)
{
    store_state_t run = *state;
    unsigned slot = s->has_run ? 1 - s->run_slot : 0;
    run.txn = s->has_run ? s->run.txn + 1 : 1;
    run.unread = unread;
    char *path = store_path(s->dir, STORE_RUN_FILE);
    if (path == NULL)
        return SL_ENOMEM;
    sl_err err = s->has_run ? write_in_place(path, slot, &run) : SL_ENOENT;
    if (err == SL_ENOENT) {
        slot = 0;
        err = make(s, path, &run);
    }
    free(path);
    if (err != SL_OK)
        return err;
    s->run = run;
    s->run_slot = slot;
    s->has_run = true;
    return SL_OK;
}

sl_err store_ready(store_t *s)
{
    return s->o.read_only ? SL_OK : store_run_write(s, &s->run, s->unread);
}

/* store_run.c - the newest run, named beside the journal.
 *
 * With STORE_SYNC_OS a power cut can take every trace of a run out of the file, its mark too: LMDB
 * uses the mark's pages again before what stands in their place is on the disk.  And a file that
 * was put back in place never heard of it.  So a run is named in a small file of its own as well,
 * on the disk before the run gives out a number:
 *
 *     DIR/run    the state of the run's mark (entry.h) */
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NEW_FILE STORE_RUN_FILE ".new"

enum { MODE = 0640 };

static sl_err write_new(const char *path, const store_state_t *state)
{
    uint8_t bytes[STATE_BYTES];
    state_write(bytes, state);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE);
    if (fd < 0)
        return SL_EIO;
    ssize_t n = write(fd, bytes, sizeof bytes);
    if (n >= 0 && n < (ssize_t)sizeof bytes)
        errno = ENOSPC;
    bool good = n == (ssize_t)sizeof bytes && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return good ? SL_OK : SL_EIO;
}

sl_err store_run_write(const store_t *s, const store_state_t *state)
{
    char *path = store_path(s->dir, STORE_RUN_FILE), *made = store_path(s->dir, NEW_FILE);
    sl_err err = path != NULL && made != NULL ? write_new(made, state) : SL_ENOMEM;
    if (err == SL_OK && rename(made, path) != 0)
        err = SL_EIO;
    free(path);
    free(made);
    return err == SL_OK ? store_sync_dir(s->dir) : err;
}

bool store_run_read(const store_t *s, store_state_t *state)
{
    uint8_t bytes[STATE_BYTES];
    char *path = store_path(s->dir, STORE_RUN_FILE);
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n == (ssize_t)sizeof bytes && state_read(state, bytes, sizeof bytes) == SL_OK;
}

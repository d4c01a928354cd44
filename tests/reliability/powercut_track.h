/* powercut_track.h - the half of libpowercut.so that knows files and writes the log.
 *
 * A descriptor of a watched file has a slot, read without a lock: every write to a socket or an
 * eventfd passes here too.  Everything else happens between power_on and power_off, which hold the
 * log's lock and count one operation: there the cut strikes when POWERCUT_AT says so. */
#ifndef POWERCUT_TRACK_H
#define POWERCUT_TRACK_H

#include "powercut_log.h"

#include <stddef.h>
#include <sys/types.h>

enum { SLOT_DSYNC = 1 << 30, SLOT_APPEND = 1 << 29, SLOT_FILE = 0xffff };

/** @return 0: not watched; else the file's index + 1, and SLOT_ flags. */
int slot_of(int fd);
/** The same, if the descriptor is still what it was: libc closes some without telling. */
int slot_checked(int fd);
void slot_set(int fd, int slot);

/** Begins an operation on something watched.  May not return: then the power is off. */
void power_on(void);
/** The operation is done; errno stays. */
void power_off(void);

/** Is anything watched in this process? */
bool track_active(void);

/** Is it below the watched folder, or that itself?  `absolute` receives its name, without links on
 *  the way and without a link at its end followed.  Keeps errno. */
bool track_path(int dir, const char *path, char absolute[POWERCUT_PATH_MAX]);

/** A descriptor that was opened just now; under power_on.  @param created  was not there before. */
void track_open(int fd, int flags, bool created);

/** Something that the shim cannot see writes to this: the cut will refuse to prove anything. */
void track_blind(const char *how, const char *what);

/* Each before the operation, under power_on. */
void log_write(int slot, uint64_t offset, uint64_t len);
void log_truncate(int slot, uint64_t size);
void log_name(powercut_type_t type, const char *path);
/** @param to  NULL: unlink; else what is there is replaced. */
void log_move(const char *from, const char *to);
/* And after it. */
void log_range_sync(int slot, uint64_t offset, uint64_t len);
void log_sync(int slot);
void log_sync_everything(void);
/** `from` is called `to` now; NULL: it has lost this name.  What was called `to` has our link. */
void track_moved(const char *from, const char *to);

#endif

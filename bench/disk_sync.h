/* disk_sync.h - what a sync of the disk costs here: the yardstick beside every durable figure. */
#ifndef BENCH_DISK_SYNC_H
#define BENCH_DISK_SYNC_H

#include "base/err.h"

#include <stddef.h>

/** Appends 4 KiB and syncs, `probes` times, in a file of its own in `dir`.
 *  @param median_us  receives the median of write and fdatasync together.
 *  @return SL_OK; SL_EIO, told on stderr. */
sl_err disk_sync_measure(const char *dir, size_t probes, double *median_us);

#endif

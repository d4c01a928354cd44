/* disk_pages.h - is this LMDB file whole?
 *
 * LMDB trusts its file: a page whose header is damaged sends it off the map, or makes it write over
 * good pages.  So before it is given a file, every page that it can reach is looked at here, with
 * plain reads: each is what it says, holds its keys in order and within bounds, is reached once and
 * is not listed as free, and the counts of every table hold.  What stands in the values has sums of
 * its own, see disk_record.h.
 *
 *     meta page 0 or 1, the newer ──> table of free pages ──> leaves: lists of page numbers
 *                               └──> main table ──> leaves: a root for each named table ──> … */
#ifndef LOCAL_DISK_PAGES_H
#define LOCAL_DISK_PAGES_H

#include "base/err.h"

/** Checks the file; an empty one is fine.  @return SL_OK, SL_EPROTO (damaged, or no such file of
 *  this machine's LMDB), SL_EIO (cannot be read; errno), SL_ENOMEM. */
sl_err disk_pages_check(int fd);

#endif

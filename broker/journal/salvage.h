/* salvage.h - a new file out of what is left of a damaged one.
 *
 *     journal.mdb (damaged) --scan--> salvage.mdb --rename--> journal.mdb
 *          \--link--> quarantine/journal-<time>.mdb
 *
 * At each moment there is a journal.mdb: the damaged one, or the new one.  Records are copied as
 * they are.  The new state has the number that is known to be free, and a mark that makes the next
 * start begin a new stream.  Where a hole is, a topic's tail is raised to the hole's end: nobody
 * knows whose events it held, and whoever follows that topic shall be told. */
#ifndef JOURNAL_SALVAGE_H
#define JOURNAL_SALVAGE_H

#include "store_impl.h"

/** The caller holds DIR/lock, and nobody has the file open.
 *  @param records  receives how many were saved.
 *  @return SL_OK; SL_EPROTO: nothing of a journal was found, and no power cut can have taken it;
 * SL_EVERSION: a newer program wrote it; SL_EIO (errno); SL_ENOMEM.  Not SL_OK: the file is as it
 * was. */
sl_err salvage(const store_t *s, uint64_t *records);

#endif

/* status_view.h - a broker's STATUS, arranged for eyes.
 *
 *     name        sluice-broker 0.1.0, durability disk, up 3 h 12 min
 *     stream      1234
 *     parents                                    only when there are some
 *       stream  last
 *     journal
 *       numbers   1 to 5,120 (5,120 events, 412 batches)
 *       ...
 *     cursors                                    slow ones first
 *       name  lag  number  idle  patterns
 *     topics
 *       topic            last
 *     ...                                        whatever else the broker tells, as it is
 *
 * One msgpack map is made of another; table.h shows it. */
#ifndef CLI_STATUS_VIEW_H
#define CLI_STATUS_VIEW_H

#include "base/buf.h"

#include <stdbool.h>

/** Appends the arranged map.  @param counters  with the counters, too.
 *  @return SL_OK; SL_EPROTO (no map, or malformed); SL_ENOMEM. */
sl_err status_view(sl_buf_t *out, const void *status, size_t len, bool counters);

#endif

/* table.h - a msgpack map for eyes.
 *
 *     stream  1234                      a scalar: name and value
 *     counters                          a map: its rows, indented
 *       intake_events  42
 *     topics                            an array of maps: a table
 *       name             last
 *       Job.OnJobFailed  42
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buf.h"

/** @return SL_OK; SL_EPROTO (no map, or malformed); SL_ENOMEM.  After an error `out` may hold the
 * beginning. */
sl_err table_write(sl_buf_t *out, const void *map, size_t len);

/** An array of maps as a table alone, with its head line; at most 12 columns.  An empty array is
 *  nothing.  @return as table_write; SL_EPROTO also for anything else than such an array. */
sl_err table_write_rows(sl_buf_t *out, const void *array, size_t len);

#endif

/* units.h - amounts for eyes: three significant digits, the unit that fits. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include "base/buf.h"

/** "812 B", "12.3 MiB", "4.00 GiB". */
void units_bytes(sl_buf_t *out, uint64_t bytes);

/** "640 ms", "12.5 s", "3 h 12 min", "7 d": at most two units. */
void units_span_ms(sl_buf_t *out, uint64_t ms);

/** "4,000,000". */
void units_count(sl_buf_t *out, uint64_t count);

/** "2026-11-26T01:30:00Z", to the second. */
void units_time_ns(sl_buf_t *out, uint64_t unix_ns);

#endif

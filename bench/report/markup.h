/* markup.h - text into a page: escaped, and always well-formed, whatever the text holds. */
#ifndef BENCH_REPORT_MARKUP_H
#define BENCH_REPORT_MARKUP_H

#include "base/buf.h"

/** Appends `text` so that it may stand between tags and within a quoted attribute.  What XML cannot
 * hold (control characters, bytes that are no UTF-8) becomes U+FFFD. */
void markup_text(sl_buf_t *out, const char *text);

/** printf whose result is escaped.  At most 1,023 bytes of it count. */
void markup_printf(sl_buf_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

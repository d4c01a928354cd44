/* json_put.h - pieces of JSON appended to a buffer; no memory is told by out->failed.
 *
 * The result is JSON whatever the bytes are: a str from a foreign publisher need not be UTF-8. */
#ifndef EVENT_JSON_PUT_H
#define EVENT_JSON_PUT_H

#include "base/mp.h"

/** The inside of a string; what is no UTF-8 becomes U+FFFD. */
void json_put_chars(sl_buf_t *out, const void *text, size_t len);
/** The same in quotes. */
void json_put_str(sl_buf_t *out, const void *text, size_t len);
void json_put_uint(sl_buf_t *out, uint64_t value);
void json_put_int(sl_buf_t *out, int64_t value);
/** The shortest digits that read back as the same double, always with a point or an exponent, so
 *  that it stays a float for whoever reads it; `null` when it is not finite.  Any locale. */
void json_put_double(sl_buf_t *out, double value);
/** RFC 3339 in quotes; `null` when the year has not four digits. */
void json_put_time(sl_buf_t *out, int64_t sec, uint32_t nsec);
/** Base64 in quotes (RFC 4648, padded). */
void json_put_bin(sl_buf_t *out, const uint8_t *bytes, size_t len);

/** One msgpack value and all within it.  False: malformed, nested deeper than MP_DEPTH_MAX, or a
 *  map key that is no str; then pieces may have been appended. */
bool json_put_value(sl_buf_t *out, mp_cursor_t *in);

#endif

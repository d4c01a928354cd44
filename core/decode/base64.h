/* base64.h - strict Base64 (RFC 4648, section 4), reading only.
 *
 * MNS never encodes or decodes; whether a body is Base64 is an agreement between other people's
 * programs.  So this reader also serves as the test for it: anything but the alphabet, whole
 * groups of four, correct padding and line breaks makes it say no. */
#ifndef DECODE_BASE64_H
#define DECODE_BASE64_H

#include "base/buf.h"

#include <stdbool.h>

/** Appends the decoded bytes.  CR and LF are skipped wherever they stand.
 *  @return false: not Base64, or no memory (out->failed is set); `out` is as it was. */
bool base64_decode(sl_buf_t *out, const char *text, size_t len);

#endif

/* mns_push_check.h - two small texts of a push: its Date and its Content-MD5. */
#ifndef MNS_PUSH_CHECK_H
#define MNS_PUSH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MNS_PUSH_MD5_BYTES = 16 };

/** Reads "Mon, 01 Jun 2026 12:00:00 GMT" and nothing looser, without regard to the locale.
 *  @return false: it is no such date. */
bool mns_push_date_read(const char *text, size_t len, int64_t *unix_s);

/** Is `text` one of the ways in which Content-MD5 is written: hex, Base64 of the hex digits, either
 *  in upper or lower case, or Base64 of the bytes? */
bool mns_push_digest_is(const char *text, size_t len, const uint8_t md5[MNS_PUSH_MD5_BYTES]);

#endif

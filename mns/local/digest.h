/* digest.h - MD5, HMAC-SHA1 and Base64, with OpenSSL's contexts made ready once.
 *
 * Fetching an algorithm costs more than hashing a kilobyte with it, so it happens at start.  A
 * digest belongs to one thread. */
#ifndef LOCAL_DIGEST_H
#define LOCAL_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MD5_BYTES = 16, MD5_HEX = 32, SHA1_BYTES = 20, SHA1_BASE64 = 28 };

typedef struct digest digest_t;

/** @param secret  the key of every HMAC; copied.  @return SL_OK, SL_ENOMEM. */
sl_err digest_create(digest_t **out, const char *secret);
void digest_destroy(digest_t **digest);

/** False: OpenSSL failed (memory). */
bool digest_md5(digest_t *digest, const void *bytes, size_t len, uint8_t out[MD5_BYTES]);
bool digest_hmac_sha1(digest_t *digest, const void *bytes, size_t len, uint8_t out[SHA1_BYTES]);

/** 32 upper-case digits, no NUL. */
void digest_md5_hex(const uint8_t md5[MD5_BYTES], char out[MD5_HEX]);

/** Is `value` one of the ways in which clients write this MD5 into Content-MD5: hex, Base64 of hex,
 *  each in either case, or Base64 of the bytes? */
bool digest_md5_matches(const uint8_t md5[MD5_BYTES], const char *value, size_t len);

#endif

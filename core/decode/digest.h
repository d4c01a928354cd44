/* digest.h - is this the MD5 that the envelope states?
 *
 * MNS writes MessageMD5 as 32 hex digits of the published body.  The algorithm is looked up once
 * and the context reused: OpenSSL's own look-up costs as much as hashing a notification. */
#ifndef DECODE_DIGEST_H
#define DECODE_DIGEST_H

#include "base/err.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct digest {
    EVP_MD *md5;
    EVP_MD_CTX *context;
} digest_t;

/** @return SL_OK; SL_ENOMEM, also when OpenSSL offers no MD5 (a FIPS-only provider).  Call
 *  digest_fini either way. */
sl_err digest_init(digest_t *digest);
void digest_fini(digest_t *digest);

/** Do the 32 hex digits, of either case, state the MD5 of `bytes`? */
bool digest_matches(digest_t *digest, const void *bytes, size_t len, const char *hex,
                    size_t hex_len);

#endif

/* mns_sign.h - who says so?  Signature version 2 of the MNS API, and the digests beside it.
 *
 *     string to sign = VERB LF Content-MD5 LF Content-Type LF Date LF x-mns-headers resource
 *     Authorization  = "MNS " id ":" base64(HMAC-SHA1(secret, string to sign))
 *
 * A signer keeps its contexts keyed and fetched, since OpenSSL 3 spends more on looking an
 * algorithm up by name than on running it over a request.  One thread owns a signer. */
#ifndef MNS_SIGN_H
#define MNS_SIGN_H

#include "base/buf.h"
#include "mns/mns.h"

enum {
    MNS_SIGNATURE_LEN = 28,   /**< base64 of 20 bytes */
    MNS_CONTENT_MD5_LEN = 44, /**< base64 of 32 hex digits */
    MNS_MD5_BYTES = 16,
    MNS_MD5_HEX_LEN = 32,
};

/** A header whose name begins with "x-mns-": it is signed. */
typedef struct mns_header {
    const char *name; /**< in lower case */
    const char *value;
} mns_header_t;

enum { MNS_HEADERS_MAX = 5 };

/** What a signature covers.  Absent texts are "". */
typedef struct mns_signed {
    const char *verb, *content_md5, *content_type, *date;
    const mns_header_t *headers; /**< sorted by name */
    size_t header_count;
    const char *resource; /**< path and query exactly as sent */
} mns_signed_t;

/** Appends the string to sign.  No memory shows in out->failed. */
void mns_string_to_sign(sl_buf_t *out, const mns_signed_t *what);

typedef struct mns_signer mns_signer_t;

/** @return MNS_OK, MNS_ENOMEM (also when OpenSSL offers no SHA-1 or MD5). */
mns_err mns_signer_create(mns_signer_t **out, const char *secret);
void mns_signer_destroy(mns_signer_t **signer);

/** Signs with another secret from now on.  @return false when OpenSSL fails. */
bool mns_signer_rekey(mns_signer_t *signer, const char *secret);

/** Writes the signature and a NUL.  @return false when OpenSSL fails. */
bool mns_signer_sign(mns_signer_t *signer, const void *text, size_t len,
                     char out[MNS_SIGNATURE_LEN + 1]);

/** MD5 as upper-case hex and a NUL, as MNS writes MessageBodyMD5.  False as above. */
bool mns_signer_md5_hex(mns_signer_t *signer, const void *bytes, size_t len,
                        char out[MNS_MD5_HEX_LEN + 1]);

/** The Content-MD5 header that the official SDKs send: base64 of the lower-case hex digits. */
bool mns_signer_content_md5(mns_signer_t *signer, const void *bytes, size_t len,
                            char out[MNS_CONTENT_MD5_LEN + 1]);

#endif

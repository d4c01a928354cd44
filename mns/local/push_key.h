/* push_key.h - who signs the pushes: an RSA key, and the certificate that shows its public half.
 *
 * The certificate is self-signed and a function of the key alone: made again from the same key, it
 * is the same, byte for byte.  Signatures are RSA, PKCS#1 v1.5, SHA-1, as the service's are.  One
 * of 2048 bits takes most of a millisecond, one of 1024 bits a seventh of that. */
#ifndef LOCAL_PUSH_KEY_H
#define LOCAL_PUSH_KEY_H

#include "base/buf.h"

enum { PUSH_KEY_BITS = 2048, PUSH_KEY_BITS_LEAST = 512, PUSH_KEY_BITS_MOST = 8192 };

typedef struct push_key push_key_t;

/** Makes a new one, which takes a moment.  @return SL_OK, SL_ENOMEM (OpenSSL failed). */
sl_err push_key_make(push_key_t **out);

/** @param path  PEM, without a passphrase.
 *  @return SL_OK, SL_EIO (cannot be read; errno), SL_EINVAL (holds no RSA private key of 512 to
 *          8192 bits), SL_ENOMEM. */
sl_err push_key_read(push_key_t **out, const char *path);

/** Reads the key at `path`; where no file is, makes one and writes it there, for the owner's eyes.
 *  @return as push_key_read; SL_EIO also: cannot be written. */
sl_err push_key_keep(push_key_t **out, const char *path);

void push_key_destroy(push_key_t **key);

/** The certificate as PEM, NUL-terminated; the key's. */
const char *push_key_certificate(const push_key_t *key);

/** Appends the signature of these bytes in Base64.  @return SL_OK, SL_ENOMEM (OpenSSL failed). */
sl_err push_key_sign(push_key_t *key, const void *bytes, size_t len, sl_buf_t *out);

#endif

/* mns_cert_key.h - the one thing taken from a certificate: its RSA key.
 *
 * Who issued a certificate, until when it is valid and how it is signed is not looked at: MNS's own
 * is signed by itself with SHA-1, has 512 bits and expired in 2016.  Trust in it comes from where
 * it was had, over verified TLS or from a file. */
#ifndef MNS_CERT_KEY_H
#define MNS_CERT_KEY_H

#include "mns/push.h"

#include <openssl/evp.h>

enum {
    MNS_CERT_SIGNATURE_MIN = 512 / 8, /**< bytes of a signature, and of the key's modulus */
    MNS_CERT_SIGNATURE_MAX = 8192 / 8,
};

/** Reads the first certificate of a PEM text.
 *  @param bare  a public key will do, too.
 *  @return the key, for EVP_PKEY_free, or NULL: there is none, or it is not RSA of 512 to 8192
 * bits. */
EVP_PKEY *mns_cert_key_read(const void *pem, size_t len, bool bare);

/** Verifies RSA PKCS#1 v1.5 with SHA-1.
 *  @return MNS_PUSH_GENUINE, FORGED, or NO_MEMORY when OpenSSL fails. */
mns_push_verdict mns_cert_key_verify(EVP_PKEY *key, const EVP_MD *sha1, const void *text,
                                     size_t len, const void *signature, size_t signature_len);

#endif

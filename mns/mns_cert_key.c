#include "mns_cert_key.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

enum { SHA1_BYTES = 20 };

/* An encrypted PEM is none of ours; without this OpenSSL would ask the terminal. */
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return 0;
}

static EVP_PKEY *read_certificate(BIO *pem)
{
    X509 *certificate = PEM_read_bio_X509(pem, NULL, no_password, NULL);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    X509_free(certificate);
    return key;
}

static bool is_usable(EVP_PKEY *key)
{
    int bytes = EVP_PKEY_get_size(key);
    return EVP_PKEY_is_a(key, "RSA") && bytes >= MNS_CERT_SIGNATURE_MIN &&
           bytes <= MNS_CERT_SIGNATURE_MAX;
}

EVP_PKEY *mns_cert_key_read(const void *pem, size_t len, bool bare)
{
    if (len > INT_MAX)
        return NULL;
    ERR_set_mark(); /* the caller's own errors stay as they are */
    EVP_PKEY *key = NULL;
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    if (bio != NULL)
        key = read_certificate(bio);
    if (bio != NULL && key == NULL && bare && BIO_reset(bio) == 1)
        key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (key != NULL && !is_usable(key)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_pop_to_mark();
    return key;
}

/* Opens the signature with the key.  @return how many bytes were inside, 0: it is not well formed.
 *
 * EVP_PKEY_verify would compare, too; but systems whose policy forbids SHA-1 signatures refuse it
 * there, whatever the program thinks of the risk.  The padding is checked here all the same, so
 * comparing the whole content leaves a forger no room. */
static size_t open_signature(EVP_PKEY *key, const void *signature, size_t len,
                             unsigned char out[MNS_CERT_SIGNATURE_MAX])
{
    size_t out_len = MNS_CERT_SIGNATURE_MAX;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx == NULL || EVP_PKEY_verify_recover_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_verify_recover(ctx, out, &out_len, signature, len) != 1)
        out_len = 0;
    EVP_PKEY_CTX_free(ctx);
    return out_len;
}

mns_push_verdict mns_cert_key_verify(EVP_PKEY *key, const EVP_MD *sha1, const void *text,
                                     size_t len, const void *signature, size_t signature_len)
{
    /* DigestInfo of SHA-1 (RFC 8017, 9.2, note 1), then the digest. */
    unsigned char expected[] = {
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
        0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14, [15 + SHA1_BYTES - 1] = 0};
    unsigned char found[MNS_CERT_SIGNATURE_MAX];
    if (signature_len != (size_t)EVP_PKEY_get_size(key)) /* one signature, one spelling */
        return MNS_PUSH_FORGED;
    ERR_set_mark();
    mns_push_verdict verdict = MNS_PUSH_NO_MEMORY;
    if (EVP_Digest(text, len, expected + 15, NULL, sha1, NULL) == 1) {
        size_t found_len = open_signature(key, signature, signature_len, found);
        verdict = found_len == sizeof expected && memcmp(found, expected, found_len) == 0
                      ? MNS_PUSH_GENUINE
                      : MNS_PUSH_FORGED;
    }
    ERR_pop_to_mark();
    return verdict;
}

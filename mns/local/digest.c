#include "digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct digest {
    EVP_MD *md5;
    EVP_MD_CTX *md5_ctx;
    EVP_MAC_CTX *hmac_ctx; /**< keyed; every use starts it anew */
};

static bool make_hmac(digest_t *d, const char *secret)
{
    char sha1[] = "SHA1";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    d->hmac_ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    return d->hmac_ctx != NULL &&
           EVP_MAC_init(d->hmac_ctx, (const unsigned char *)secret, strlen(secret), params) == 1;
}

sl_err digest_create(digest_t **out, const char *secret)
{
    digest_t *d = calloc(1, sizeof *d);
    if (d == NULL)
        return SL_ENOMEM;
    d->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    d->md5_ctx = EVP_MD_CTX_new();
    if (d->md5 == NULL || d->md5_ctx == NULL || !make_hmac(d, secret)) {
        digest_destroy(&d);
        return SL_ENOMEM;
    }
    *out = d;
    return SL_OK;
}

void digest_destroy(digest_t **digest)
{
    digest_t *d = *digest;
    if (d == NULL)
        return;
    EVP_MAC_CTX_free(d->hmac_ctx);
    EVP_MD_CTX_free(d->md5_ctx);
    EVP_MD_free(d->md5);
    free(d);
    *digest = NULL;
}

bool digest_md5(digest_t *d, const void *bytes, size_t len, uint8_t out[MD5_BYTES])
{
    return EVP_DigestInit_ex2(d->md5_ctx, d->md5, NULL) == 1 &&
           EVP_DigestUpdate(d->md5_ctx, bytes, len) == 1 &&
           EVP_DigestFinal_ex(d->md5_ctx, out, NULL) == 1;
}

bool digest_hmac_sha1(digest_t *d, const void *bytes, size_t len, uint8_t out[SHA1_BYTES])
{
    size_t made;
    /* without key: starts anew with the key it has */
    return EVP_MAC_init(d->hmac_ctx, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(d->hmac_ctx, bytes, len) == 1 &&
           EVP_MAC_final(d->hmac_ctx, out, &made, SHA1_BYTES) == 1 && made == SHA1_BYTES;
}

void digest_md5_hex(const uint8_t md5[MD5_BYTES], char out[MD5_HEX])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < MD5_BYTES; i++) {
        out[2 * i] = digits[md5[i] >> 4];
        out[2 * i + 1] = digits[md5[i] & 15];
    }
}

bool digest_md5_matches(const uint8_t md5[MD5_BYTES], const char *value, size_t len)
{
    enum { HEX_BASE64 = 44, RAW_BASE64 = 24 };
    char hex[MD5_HEX];
    uint8_t decoded[HEX_BASE64];
    digest_md5_hex(md5, hex);
    if (len == MD5_HEX)
        return strncasecmp(value, hex, MD5_HEX) == 0;
    if (len != HEX_BASE64 && len != RAW_BASE64)
        return false;
    if (EVP_DecodeBlock(decoded, (const unsigned char *)value, (int)len) < 0)
        return false;
    /* 32 bytes end in one '=', 16 in two; what stands decoded behind them is zero */
    if (len == HEX_BASE64)
        return value[len - 1] == '=' && strncasecmp((const char *)decoded, hex, MD5_HEX) == 0;
    return value[len - 2] == '=' && memcmp(decoded, md5, MD5_BYTES) == 0;
}

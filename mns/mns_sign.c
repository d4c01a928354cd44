#include "mns_sign.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct mns_signer {
    EVP_MAC_CTX *hmac; /* keyed; EVP_MAC_init without a key starts it over */
    EVP_MD *md5;
    EVP_MD_CTX *digest;
};

static void put_line(sl_buf_t *out, const char *text)
{
    sl_buf_append_str(out, text);
    sl_buf_append_byte(out, '\n');
}

void mns_string_to_sign(sl_buf_t *out, const mns_signed_t *what)
{
    put_line(out, what->verb);
    put_line(out, what->content_md5);
    put_line(out, what->content_type);
    put_line(out, what->date);
    for (size_t i = 0; i < what->header_count; i++) {
        sl_buf_append_str(out, what->headers[i].name);
        sl_buf_append_byte(out, ':');
        put_line(out, what->headers[i].value);
    }
    sl_buf_append_str(out, what->resource);
}

static bool signer_key(mns_signer_t *signer, const char *secret)
{
    char sha1[] = "SHA1";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL)
        return false;
    signer->hmac = EVP_MAC_CTX_new(mac); /* holds a reference of its own */
    EVP_MAC_free(mac);
    return signer->hmac != NULL &&
           EVP_MAC_init(signer->hmac, (const unsigned char *)secret, strlen(secret), params) == 1;
}

mns_err mns_signer_create(mns_signer_t **out, const char *secret)
{
    mns_signer_t *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return MNS_ENOMEM;
    signer->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    signer->digest = EVP_MD_CTX_new();
    if (signer->md5 == NULL || signer->digest == NULL || !signer_key(signer, secret)) {
        mns_signer_destroy(&signer);
        return MNS_ENOMEM;
    }
    *out = signer;
    return MNS_OK;
}

bool mns_signer_rekey(mns_signer_t *signer, const char *secret)
{
    return EVP_MAC_init(signer->hmac, (const unsigned char *)secret, strlen(secret), NULL) == 1;
}

void mns_signer_destroy(mns_signer_t **signer)
{
    if (*signer == NULL)
        return;
    EVP_MAC_CTX_free((*signer)->hmac);
    EVP_MD_CTX_free((*signer)->digest);
    EVP_MD_free((*signer)->md5);
    free(*signer);
    *signer = NULL;
}

bool mns_signer_sign(mns_signer_t *signer, const void *text, size_t len,
                     char out[MNS_SIGNATURE_LEN + 1])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t mac_len;
    if (EVP_MAC_init(signer->hmac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(signer->hmac, text, len) != 1 ||
        EVP_MAC_final(signer->hmac, mac, &mac_len, sizeof mac) != 1)
        return false;
    return EVP_EncodeBlock((unsigned char *)out, mac, (int)mac_len) == MNS_SIGNATURE_LEN;
}

static bool md5_hex(mns_signer_t *signer, const void *bytes, size_t len, const char *digits,
                    char *out)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    if (EVP_DigestInit_ex2(signer->digest, signer->md5, NULL) != 1 ||
        EVP_DigestUpdate(signer->digest, bytes, len) != 1 ||
        EVP_DigestFinal_ex(signer->digest, md, NULL) != 1)
        return false;
    for (size_t i = 0; i < MNS_MD5_BYTES; i++) {
        *out++ = digits[md[i] >> 4];
        *out++ = digits[md[i] & 15];
    }
    *out = '\0';
    return true;
}

bool mns_signer_md5_hex(mns_signer_t *signer, const void *bytes, size_t len,
                        char out[MNS_MD5_HEX_LEN + 1])
{
    return md5_hex(signer, bytes, len, "0123456789ABCDEF", out);
}

bool mns_signer_content_md5(mns_signer_t *signer, const void *bytes, size_t len,
                            char out[MNS_CONTENT_MD5_LEN + 1])
{
    char hex[MNS_MD5_HEX_LEN + 1];
    return md5_hex(signer, bytes, len, "0123456789abcdef", hex) &&
           EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)hex, MNS_MD5_HEX_LEN) ==
               MNS_CONTENT_MD5_LEN;
}

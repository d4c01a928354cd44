#include "digest.h"

#include <stdint.h>

enum { MD5_BYTES = 16, NO_DIGIT = 0x100 /* a bit that no pair of digits has */ };

sl_err digest_init(digest_t *digest)
{
    digest->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    digest->context = EVP_MD_CTX_new();
    return digest->md5 != NULL && digest->context != NULL ? SL_OK : SL_ENOMEM;
}

void digest_fini(digest_t *digest)
{
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->md5);
    *digest = (digest_t){0};
}

/* @return 0 … 15, or NO_DIGIT. */
static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    unsigned letter = (unsigned)(c | 0x20) - 'a';
    return letter < 6 ? letter + 10 : NO_DIGIT;
}

bool digest_matches(digest_t *digest, const void *bytes, size_t len, const char *hex,
                    size_t hex_len)
{
    uint8_t sum[MD5_BYTES];
    if (hex_len != 2 * sizeof sum || !EVP_DigestInit_ex2(digest->context, digest->md5, NULL) ||
        !EVP_DigestUpdate(digest->context, bytes, len) ||
        !EVP_DigestFinal_ex(digest->context, sum, NULL))
        return false;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof sum; i++)
        wrong |= (hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1])) ^ sum[i];
    return wrong == 0;
}

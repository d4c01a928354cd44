#include "push_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

struct push_key {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *signing;
    EVP_MD *sha1;
    char *certificate;
};

/* -- the certificate ----------------------------------------------------------------------- */

static bool set_name(X509 *x)
{
    static const char *const parts[][2] = {{"O", "Sluice"}, {"OU", "mns-local"}, {"CN", "notify"}};
    X509_NAME *name = X509_get_subject_name(x);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (X509_NAME_add_entry_by_txt(name, parts[i][0], MBSTRING_ASC,
                                       (const unsigned char *)parts[i][1], -1, -1, 0) != 1)
            return false;
    return X509_set_issuer_name(x, name) == 1;
}

/* Nothing in it depends on when or where it is made. */
static bool fill_certificate(X509 *x, EVP_PKEY *pkey)
{
    return X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 && set_name(x) &&
           ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
           X509_set_pubkey(x, pkey) == 1 && X509_sign(x, pkey, EVP_sha256()) > 0;
}

static char *write_certificate(EVP_PKEY *pkey)
{
    char *text = NULL, *bytes;
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    if (x != NULL && bio != NULL && fill_certificate(x, pkey) && PEM_write_bio_X509(bio, x) == 1) {
        long len = BIO_get_mem_data(bio, &bytes);
        text = strndup(bytes, (size_t)len);
    }
    BIO_free(bio);
    X509_free(x);
    return text;
}

/* -- life ---------------------------------------------------------------------------------- */

static bool prepare_signing(push_key_t *k)
{
    k->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    k->signing = EVP_PKEY_CTX_new(k->pkey, NULL);
    return k->sha1 != NULL && k->signing != NULL && EVP_PKEY_sign_init(k->signing) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(k->signing, RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(k->signing, k->sha1) == 1;
}

/* Takes the key over, also when it fails. */
static sl_err create(push_key_t **out, EVP_PKEY *pkey)
{
    push_key_t *k = calloc(1, sizeof *k);
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return SL_ENOMEM;
    }
    k->pkey = pkey;
    k->certificate = write_certificate(pkey);
    if (k->certificate == NULL || !prepare_signing(k)) {
        push_key_destroy(&k);
        return SL_ENOMEM;
    }
    *out = k;
    return SL_OK;
}

sl_err push_key_make(push_key_t **out)
{
    EVP_PKEY *pkey = EVP_RSA_gen(PUSH_KEY_BITS);
    return pkey != NULL ? create(out, pkey) : SL_ENOMEM;
}

/* A key that wants a passphrase is none that we can read; nobody is asked. */
static int no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

sl_err push_key_read(push_key_t **out, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return SL_EIO;
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    fclose(file);
    if (pkey == NULL)
        return SL_EINVAL;
    int bits = EVP_PKEY_get_bits(pkey);
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && bits >= PUSH_KEY_BITS_LEAST &&
        bits <= PUSH_KEY_BITS_MOST)
        return create(out, pkey);
    EVP_PKEY_free(pkey);
    return SL_EINVAL;
}

/* Whole or not at all: the file gets its name when it is on the disk. */
static sl_err write_key(const push_key_t *k, const char *path)
{
    sl_buf_t name = SL_BUF_INIT;
    sl_buf_printf(&name, "%s.new", path);
    sl_buf_append_byte(&name, 0);
    if (name.failed)
        return SL_ENOMEM;
    const char *temporary = (const char *)name.data;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = file != NULL &&
                PEM_write_PrivateKey(file, k->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                fflush(file) == 0 && fsync(fd) == 0;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    else if (fd >= 0)
        close(fd);
    good = good && rename(temporary, path) == 0;
    int saved = errno;
    if (!good)
        unlink(temporary);
    sl_buf_fini(&name);
    errno = saved;
    return good ? SL_OK : SL_EIO;
}

sl_err push_key_keep(push_key_t **out, const char *path)
{
    push_key_t *k;
    sl_err err = push_key_read(&k, path);
    if (err == SL_EIO && errno == ENOENT) {
        err = push_key_make(&k);
        if (err == SL_OK && (err = write_key(k, path)) != SL_OK)
            push_key_destroy(&k);
    }
    if (err == SL_OK)
        *out = k;
    return err;
}

void push_key_destroy(push_key_t **key)
{
    push_key_t *k = *key;
    if (k == NULL)
        return;
    int saved = errno;
    EVP_PKEY_CTX_free(k->signing);
    EVP_MD_free(k->sha1);
    EVP_PKEY_free(k->pkey);
    free(k->certificate);
    free(k);
    *key = NULL;
    errno = saved;
}

const char *push_key_certificate(const push_key_t *k)
{
    return k->certificate;
}

/* -- signing ------------------------------------------------------------------------------- */

sl_err push_key_sign(push_key_t *k, const void *bytes, size_t len, sl_buf_t *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE], signature[PUSH_KEY_BITS_MOST / 8];
    size_t size = sizeof signature;
    if (EVP_Digest(bytes, len, digest, NULL, k->sha1, NULL) != 1 ||
        EVP_PKEY_sign(k->signing, signature, &size, digest, (size_t)EVP_MD_get_size(k->sha1)) != 1)
        return SL_ENOMEM;
    size_t room = 4 * ((size + 2) / 3) + 1; /* EVP_EncodeBlock ends with a NUL */
    if (sl_buf_reserve(out, room) != SL_OK)
        return SL_ENOMEM;
    out->len += (size_t)EVP_EncodeBlock(out->data + out->len, signature, (int)size);
    return SL_OK;
}

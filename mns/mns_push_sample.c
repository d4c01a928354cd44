#include "mns_push_sample.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

char *sample_keep(sample_t *sample, const void *bytes, size_t len)
{
    char *kept = sample->arena + sample->used;
    MUST(len < SAMPLE_ARENA_BYTES - sample->used);
    if (len > 0)
        memcpy(kept, bytes, len);
    kept[len] = '\0';
    sample->used += len + 1;
    return kept;
}

char *sample_base64(sample_t *sample, const void *bytes, size_t len)
{
    char *text = sample->arena + sample->used;
    MUST((len + 2) / 3 * 4 < SAMPLE_ARENA_BYTES - sample->used);
    sample->used += (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)len) + 1;
    return text;
}

/* -- headers --------------------------------------------------------------------------------- */

mns_push_header_t *sample_header(sample_t *sample, const char *name)
{
    for (size_t i = 0; i < sample->header_count; i++)
        if (strcmp(sample->headers[i].name, name) == 0)
            return &sample->headers[i];
    return NULL;
}

void sample_set_bytes(sample_t *sample, const char *name, const void *value, size_t len)
{
    mns_push_header_t *header = sample_header(sample, name);
    if (header == NULL) {
        MUST(sample->header_count < SAMPLE_HEADERS_MAX);
        header = &sample->headers[sample->header_count++];
    }
    *header = (mns_push_header_t){.name = sample_keep(sample, name, strlen(name)),
                                  .name_len = strlen(name),
                                  .value = sample_keep(sample, value, len),
                                  .value_len = len};
}

void sample_set(sample_t *sample, const char *name, const char *value)
{
    sample_set_bytes(sample, name, value, strlen(value));
}

void sample_add(sample_t *sample, const char *name, const char *value)
{
    MUST(sample->header_count < SAMPLE_HEADERS_MAX);
    sample->headers[sample->header_count++] =
        (mns_push_header_t){.name = sample_keep(sample, name, strlen(name)),
                            .name_len = strlen(name),
                            .value = sample_keep(sample, value, strlen(value)),
                            .value_len = strlen(value)};
}

void sample_drop(sample_t *sample, const char *name)
{
    mns_push_header_t *header = sample_header(sample, name);
    MUST(header != NULL);
    *header = sample->headers[--sample->header_count];
}

void sample_set_cert_url(sample_t *sample, const void *url, size_t len)
{
    sample_set(sample, "x-mns-signing-cert-url", sample_base64(sample, url, len));
}

void sample_set_digest(sample_t *sample, sample_digest_t form)
{
    unsigned char md5[EVP_MAX_MD_SIZE];
    char hex[33];
    bool upper = form == SAMPLE_HEX_UPPER || form == SAMPLE_BASE64_HEX_UPPER;
    MUST(EVP_Digest(sample->body, sample->body_len, md5, NULL, EVP_md5(), NULL) == 1);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, upper ? "%02X" : "%02x", md5[i]);
    const char *value = form == SAMPLE_BASE64_RAW         ? sample_base64(sample, md5, 16)
                        : form >= SAMPLE_BASE64_HEX_UPPER ? sample_base64(sample, hex, 32)
                                                          : hex;
    sample_set(sample, "Content-MD5", value);
}

void sample_init(sample_t *sample, const char *cert_url)
{
    static const char *const headers[][2] = {
        {"Host", "events.example"},
        {"User-Agent", "Aliyun Notification Service Agent"},
        {"Content-Type", "text/plain;charset=utf-8"},
        {"Date", "Mon, 01 Jun 2026 12:00:00 GMT"},
        {"x-mns-version", "2015-06-06"},
        {"x-mns-request-id", "6A1D75C03034410F00C70001"},
        {"x-mns-message-id", "AC10020B0019681A95159E591D100001"},
        {"x-mns-topic-owner", "123456789012"},
        {"x-mns-topic-name", "topic1"},
        {"x-mns-subscriber", "123456789012"},
        {"x-mns-subscription-name", "sub1"},
        {"x-mns-publish-time", "1780315200000"},
    };
    static const char body[] = "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\"}";
    sample->used = sample->header_count = 0;
    sample->method = "POST";
    sample->target = "/notifications";
    sample->body = body;
    sample->body_len = sizeof body - 1;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        sample_add(sample, headers[i][0], headers[i][1]);
    sample_set_cert_url(sample, cert_url, strlen(cert_url));
    sample_set_digest(sample, SAMPLE_HEX_UPPER);
}

/* -- signing --------------------------------------------------------------------------------- */

static void say(sample_t *sample, const void *bytes, size_t len)
{
    MUST(len < SAMPLE_ARENA_BYTES - sample->used);
    memcpy(sample->arena + sample->used, bytes, len);
    sample->used += len;
}

static void say_value(sample_t *sample, const char *name)
{
    const mns_push_header_t *header = sample_header(sample, name);
    if (header != NULL)
        say(sample, header->value, header->value_len);
    say(sample, "\n", 1);
}

static int by_name(const void *left, const void *right)
{
    const mns_push_header_t *a = left, *b = right;
    return strcasecmp(a->name, b->name);
}

const char *sample_string_to_sign(sample_t *sample, size_t *len)
{
    mns_push_header_t sorted[SAMPLE_HEADERS_MAX];
    const char *text = sample->arena + sample->used;
    memcpy(sorted, sample->headers, sample->header_count * sizeof sorted[0]);
    qsort(sorted, sample->header_count, sizeof sorted[0], by_name);
    say(sample, sample->method, strlen(sample->method));
    say(sample, "\n", 1);
    say_value(sample, "Content-MD5");
    say_value(sample, "Content-Type");
    say_value(sample, "Date");
    for (size_t i = 0; i < sample->header_count; i++) {
        if (strncasecmp(sorted[i].name, "x-mns-", 6) != 0)
            continue;
        for (const char *at = sorted[i].name; *at != '\0'; at++)
            say(sample, &(char){(char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at)}, 1);
        say(sample, ":", 1);
        say(sample, sorted[i].value, sorted[i].value_len);
        say(sample, "\n", 1);
    }
    say(sample, sample->target, strlen(sample->target));
    *len = (size_t)(sample->arena + sample->used - text);
    say(sample, "", 1);
    return text;
}

void sample_sign_oddly(sample_t *sample, EVP_PKEY *key, const EVP_MD *md, int padding)
{
    unsigned char digest[EVP_MAX_MD_SIZE], signature[1024];
    unsigned digest_len;
    size_t len, signature_len = sizeof signature;
    const char *text = sample_string_to_sign(sample, &len);
    MUST(EVP_Digest(text, len, digest, &digest_len, md != NULL ? md : EVP_sha1(), NULL) == 1);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1);
    MUST(md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
    MUST(EVP_PKEY_sign(ctx, signature, &signature_len, digest, digest_len) == 1);
    EVP_PKEY_CTX_free(ctx);
    sample_set(sample, "Authorization", sample_base64(sample, signature, signature_len));
}

void sample_sign(sample_t *sample, EVP_PKEY *key)
{
    sample_sign_oddly(sample, key, EVP_sha1(), RSA_PKCS1_PADDING);
}

/* -- verifying ------------------------------------------------------------------------------- */

mns_push_verdict sample_ask(const sample_t *sample, mns_push_verifier_t *verifier,
                            mns_push_info_t *info)
{
    mns_push_request_t request = {.method = sample->method,
                                  .target = sample->target,
                                  .headers = sample->headers,
                                  .header_count = sample->header_count,
                                  .body = sample->body,
                                  .body_len = sample->body_len};
    return mns_push_verify(verifier, &request, info);
}

mns_push_verdict sample_settle(const sample_t *sample, mns_push_verifier_t *verifier)
{
    mns_push_verdict verdict;
    while ((verdict = sample_ask(sample, verifier, NULL)) == MNS_PUSH_WAIT)
        while (mns_push_run(verifier, -1) == 0)
            continue;
    return verdict;
}

int64_t sample_now_s(void *ctx)
{
    return ctx == NULL ? SAMPLE_NOW_S : *(int64_t *)ctx;
}

/* -- certificates ---------------------------------------------------------------------------- */

EVP_PKEY *sample_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    MUST(key != NULL);
    return key;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    MUST(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static char *take_text(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *text = strndup(bytes, (size_t)len);
    MUST(text != NULL);
    BIO_free(bio);
    return text;
}

/* Which digest a key's own signature takes; those of Ed25519 take none. */
static const EVP_MD *digest_for(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) <= 1024 ? EVP_sha1() : EVP_sha256();
}

char *sample_certificate(EVP_PKEY *key, const char *dns_name, long from_s, long to_s)
{
    char names[128];
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    BIO *bio = BIO_new(BIO_s_mem());
    snprintf(names, sizeof names, "DNS:%s", dns_name);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_subject_alt_name, names);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    MUST(X509_sign(certificate, key, digest_for(key)) > 0);
    MUST(PEM_write_bio_X509(bio, certificate) == 1);
    X509_free(certificate);
    return take_text(bio);
}

char *sample_public_key(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_PUBKEY(bio, key) == 1);
    return take_text(bio);
}

char *sample_file(const char *text)
{
    char path[] = "/tmp/mns-push-XXXXXX";
    int fd = mkstemp(path);
    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    char *kept = strdup(path);
    MUST(kept != NULL);
    return kept;
}

/* mns_push_sample.h - for tests: a push as MNS sends it, and what can be done to it.
 *
 * Signing is written down here once more, from the documentation and not with the library's own
 * code, so that an error in one is not repeated in the other.  Nothing here fails: it aborts. */
#ifndef MNS_PUSH_SAMPLE_H
#define MNS_PUSH_SAMPLE_H

#include "mns/push.h"

#include <openssl/evp.h>

enum { SAMPLE_HEADERS_MAX = 80, SAMPLE_ARENA_BYTES = 512 * 1024 };

/** Monday, 1 June 2026, 12:00:00 GMT: the time at which a fresh sample is sent. */
#define SAMPLE_NOW_S 1780315200

typedef struct sample {
    const char *method, *target, *body;
    size_t body_len;
    mns_push_header_t headers[SAMPLE_HEADERS_MAX];
    size_t header_count;
    char arena[SAMPLE_ARENA_BYTES]; /**< what the strings above point to, if not constants */
    size_t used;
} sample_t;

/** A push with every header MNS sends; not signed yet.  @param cert_url  the address itself. */
void sample_init(sample_t *sample, const char *cert_url);

/** The header of that name (exactly), or NULL. */
mns_push_header_t *sample_header(sample_t *sample, const char *name);
void sample_set(sample_t *sample, const char *name, const char *value);
void sample_set_bytes(sample_t *sample, const char *name, const void *value, size_t len);
void sample_add(sample_t *sample, const char *name, const char *value);
void sample_drop(sample_t *sample, const char *name);
void sample_set_cert_url(sample_t *sample, const void *url, size_t len);
/** Content-MD5 of the body: as hex, Base64 of hex, upper or lower, or Base64 of the bytes. */
typedef enum {
    SAMPLE_HEX_UPPER,
    SAMPLE_HEX_LOWER,
    SAMPLE_BASE64_HEX_UPPER,
    SAMPLE_BASE64_HEX_LOWER,
    SAMPLE_BASE64_RAW,
    SAMPLE_DIGEST_FORMS
} sample_digest_t;
void sample_set_digest(sample_t *sample, sample_digest_t form);

/** Copies bytes to the sample's arena, with a NUL behind. */
char *sample_keep(sample_t *sample, const void *bytes, size_t len);
char *sample_base64(sample_t *sample, const void *bytes, size_t len);

/** The string to sign, on the arena. */
const char *sample_string_to_sign(sample_t *sample, size_t *len);
/** Sets Authorization. */
void sample_sign(sample_t *sample, EVP_PKEY *key);
/** The same by another algorithm: digest (NULL: the text's SHA-1 without a DigestInfo) and padding,
 *  one of OpenSSL's. */
void sample_sign_oddly(sample_t *sample, EVP_PKEY *key, const EVP_MD *md, int padding);

mns_push_verdict sample_ask(const sample_t *sample, mns_push_verifier_t *verifier,
                            mns_push_info_t *info);
/** The same, running the verifier until the verdict is not WAIT. */
mns_push_verdict sample_settle(const sample_t *sample, mns_push_verifier_t *verifier);

/** now_s of options: SAMPLE_NOW_S, or what ctx (an int64_t) says. */
int64_t sample_now_s(void *ctx);

/* Certificates. */
EVP_PKEY *sample_rsa(unsigned bits);
/** Signed by itself, SHA-1, for `dns_name`; PEM, to be freed.  @param from_s, to_s  from now on. */
char *sample_certificate(EVP_PKEY *key, const char *dns_name, long from_s, long to_s);
char *sample_public_key(EVP_PKEY *key);
/** Writes a text to a new file in /tmp.  @return its path, to be unlinked and freed. */
char *sample_file(const char *text);

#endif

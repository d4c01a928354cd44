/* mns_push.c - the verdict on a push, cheap checks first.
 *
 *     mns_push_head (what is said and signed) -> mns_push_check (Date, Content-MD5)
 *         -> mns_cert_url (may we?) -> mns_cert_store (fetch, keep) -> mns_cert_key (verify) */
#include "mns/push.h"

#include "mns_base64.h"
#include "mns_cert_key.h"
#include "mns_cert_store.h"
#include "mns_push_check.h"
#include "mns_push_head.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FETCH_TIMEOUT_MS = 3000,
    RETRY_MS = 1000,
    KEEP_S = 86400,
    CERTIFICATES = 64,
    CERTIFICATES_MAX = 4096,
    SKEW_S = 900,
    SIGNATURE_TEXT_MAX = (MNS_CERT_SIGNATURE_MAX + 2) / 3 * 4,
    URL_TEXT_MAX = (MNS_CERT_URL_MAX + 2) / 3 * 4,
};

struct mns_push_verifier {
    mns_cert_hosts_t hosts;
    mns_cert_store_t *store;
    EVP_PKEY *pinned; /* instead of any fetched one, or NULL */
    EVP_MD *sha1, *md5;
    uint32_t skew_s;
    int64_t (*now_s)(void *ctx);
    void *now_ctx;
    sl_buf_t text; /* scratch: the string to sign */
};

/* -- verdicts -------------------------------------------------------------------------------- */

static char names[MNS_PUSH_COUNT][24]; /* the table's, in lower case */

static void make_names(void)
{
    static const char *const upper[] = {
#define X(name, status, text) #name,
        MNS_PUSH_MAP(X)
#undef X
    };
    for (size_t i = 0; i < MNS_PUSH_COUNT; i++)
        for (size_t c = 0; upper[i][c] != '\0' && c < sizeof names[i] - 1; c++)
            names[i][c] =
                (char)(upper[i][c] >= 'A' && upper[i][c] <= 'Z' ? upper[i][c] + 32 : upper[i][c]);
}

const char *mns_push_name(mns_push_verdict verdict)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_names);
    return (unsigned)verdict < MNS_PUSH_COUNT ? names[verdict] : "unknown";
}

const char *mns_push_text(mns_push_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, status, text) text,
        MNS_PUSH_MAP(X)
#undef X
    };
    return (unsigned)verdict < MNS_PUSH_COUNT ? texts[verdict] : "unknown verdict";
}

int mns_push_status(mns_push_verdict verdict)
{
    static const int statuses[] = {
#define X(name, status, text) status,
        MNS_PUSH_MAP(X)
#undef X
    };
    return (unsigned)verdict < MNS_PUSH_COUNT ? statuses[verdict] : 500;
}

/* -- create and destroy ---------------------------------------------------------------------- */

static int64_t system_now_s(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static int64_t now_s(const mns_push_verifier_t *v)
{
    return v->now_s(v->now_ctx);
}

static mns_err read_pinned(mns_push_verifier_t *v, const char *path)
{
    char pem[MNS_CERT_BYTES_MAX];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return MNS_EIO;
    size_t len = fread(pem, 1, sizeof pem, file);
    bool read = !ferror(file), whole = len < sizeof pem;
    fclose(file);
    if (!read)
        return MNS_EIO;
    v->pinned = whole ? mns_cert_key_read(pem, len, true) : NULL;
    return v->pinned != NULL ? MNS_OK : MNS_EINVAL;
}

static uint32_t or_default(uint32_t given, uint32_t usual)
{
    return given != 0 ? given : usual;
}

static mns_err verifier_open(mns_push_verifier_t *v, const mns_push_options_t *options)
{
    mns_cert_store_options_t store = {
        .ca_file = options->ca_file,
        .fetch_timeout_ms = or_default(options->fetch_timeout_ms, FETCH_TIMEOUT_MS),
        .retry_ms = or_default(options->retry_ms, RETRY_MS),
        .keep_s = or_default(options->keep_s, KEEP_S),
        .certificates = or_default(options->certificates, CERTIFICATES)};
    if (store.certificates > CERTIFICATES_MAX)
        return MNS_EINVAL;
    mns_err err = mns_cert_hosts_init(&v->hosts, options->hosts);
    if (err == MNS_OK && options->certificate_file != NULL)
        err = read_pinned(v, options->certificate_file);
    store.direct = v->hosts.loopback;
    if (err == MNS_OK)
        err = mns_cert_store_create(&v->store, &store);
    return err;
}

mns_err mns_push_create(mns_push_verifier_t **out, const mns_push_options_t *given)
{
    mns_push_options_t options = {0};
    if (given != NULL)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    mns_push_verifier_t *v = calloc(1, sizeof *v);
    if (v == NULL)
        return MNS_ENOMEM;
    v->skew_s = or_default(options.skew_s, SKEW_S);
    v->now_s = options.now_s != NULL ? options.now_s : system_now_s;
    v->now_ctx = options.now_ctx;
    v->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    v->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    mns_err err = v->sha1 == NULL || v->md5 == NULL ? MNS_ENOMEM : verifier_open(v, &options);
    if (err != MNS_OK) {
        mns_push_destroy(&v);
        return err;
    }
    *out = v;
    return MNS_OK;
}

void mns_push_destroy(mns_push_verifier_t **verifier)
{
    mns_push_verifier_t *v = *verifier;
    if (v == NULL)
        return;
    mns_cert_store_destroy(&v->store);
    mns_cert_hosts_fini(&v->hosts);
    EVP_PKEY_free(v->pinned);
    EVP_MD_free(v->sha1);
    EVP_MD_free(v->md5);
    sl_buf_fini(&v->text);
    free(v);
    *verifier = NULL;
}

/* -- the checks, each GENUINE when it finds nothing wrong ------------------------------------- */

/* Decodes a header into `out`, of `max` characters and a NUL.  @return false: it is no Base64. */
static bool decode(mns_push_text_view_t text, char *out, size_t max, size_t *len)
{
    if (text.len == 0 || text.len > max)
        return false;
    memcpy(out, text.at, text.len);
    *len = text.len;
    return mns_base64_decode(out, len);
}

static mns_push_verdict check_form(const mns_push_head_t *head, const char *method)
{
    if (strcmp(method, "POST") != 0)
        return MNS_PUSH_BAD_METHOD;
    if (head->twice)
        return MNS_PUSH_TWICE;
    return head->broken ? MNS_PUSH_FORGED : MNS_PUSH_GENUINE;
}

static mns_push_verdict check_date(const mns_push_verifier_t *v, mns_push_text_view_t date)
{
    int64_t sent_s, now = now_s(v);
    if (date.at == NULL)
        return MNS_PUSH_NO_DATE;
    if (!mns_push_date_read(date.at, date.len, &sent_s))
        return MNS_PUSH_BAD_DATE;
    int64_t off_s = sent_s > now ? sent_s - now : now - sent_s;
    return off_s > (int64_t)v->skew_s ? MNS_PUSH_STALE : MNS_PUSH_GENUINE;
}

static mns_push_verdict check_digest(const mns_push_verifier_t *v, const mns_push_head_t *head,
                                     const mns_push_request_t *request)
{
    unsigned char md5[EVP_MAX_MD_SIZE];
    if (head->content_md5.at == NULL || head->content_md5.len == 0)
        return MNS_PUSH_NO_DIGEST;
    if (EVP_Digest(request->body, request->body_len, md5, NULL, v->md5, NULL) != 1)
        return MNS_PUSH_NO_MEMORY;
    return mns_push_digest_is(head->content_md5.at, head->content_md5.len, md5)
               ? MNS_PUSH_GENUINE
               : MNS_PUSH_BAD_DIGEST;
}

/* Reads the certificate's address, for `info` as far as it can be shown; `url` is its one form. */
static mns_push_verdict check_url(const mns_push_verifier_t *v, mns_push_text_view_t header,
                                  char shown[MNS_CERT_URL_MAX], char url[MNS_CERT_URL_MAX])
{
    char text[URL_TEXT_MAX + 1];
    size_t len;
    shown[0] = '\0';
    if (header.at == NULL || header.len == 0)
        return MNS_PUSH_NO_CERT_URL;
    if (!decode(header, text, URL_TEXT_MAX, &len) || len >= MNS_CERT_URL_MAX)
        return MNS_PUSH_BAD_CERT_URL;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] > 0x7e)
            return MNS_PUSH_BAD_CERT_URL;
    memcpy(shown, text, len + 1);
    return mns_cert_url_judge(&v->hosts, text, len, url);
}

/* -- the signature --------------------------------------------------------------------------- */

typedef struct signature {
    char bytes[SIGNATURE_TEXT_MAX + 1];
    size_t len;
} signature_t;

static mns_push_verdict check_signature(mns_push_text_view_t header, signature_t *out)
{
    if (header.at == NULL)
        return MNS_PUSH_NO_SIGNATURE;
    return decode(header, out->bytes, SIGNATURE_TEXT_MAX, &out->len) &&
                   out->len >= MNS_CERT_SIGNATURE_MIN && out->len <= MNS_CERT_SIGNATURE_MAX
               ? MNS_PUSH_GENUINE
               : MNS_PUSH_BAD_SIGNATURE;
}

static mns_push_verdict verify_with(mns_push_verifier_t *v, EVP_PKEY *key,
                                    const signature_t *signature)
{
    if (v->text.failed)
        return MNS_PUSH_NO_MEMORY;
    return mns_cert_key_verify(key, v->sha1, v->text.data, v->text.len, signature->bytes,
                               signature->len);
}

static mns_push_verdict verify(mns_push_verifier_t *v, const char *url,
                               const signature_t *signature)
{
    mns_push_verdict verdict;
    if (v->pinned != NULL)
        return verify_with(v, v->pinned, signature);
    EVP_PKEY *key = mns_cert_store_get(v->store, url, now_s(v), &verdict);
    if (key == NULL)
        return verdict;
    verdict = verify_with(v, key, signature);
    if (verdict == MNS_PUSH_FORGED && mns_cert_store_recheck(v->store, url, now_s(v)))
        verdict = MNS_PUSH_WAIT;
    return verdict;
}

mns_push_verdict mns_push_verify(mns_push_verifier_t *v, const mns_push_request_t *request,
                                 mns_push_info_t *info)
{
    mns_push_head_t head;
    mns_push_info_t own;
    signature_t signature;
    char url[MNS_CERT_URL_MAX] = "";
    info = info != NULL ? info : &own;
    mns_push_head_read(&head, request);
    mns_push_head_tell(&head, info);
    mns_push_verdict origin = check_url(v, head.cert_url, info->cert_url, url);
    mns_push_verdict verdict = check_form(&head, request->method);
    if (verdict == MNS_PUSH_GENUINE)
        verdict = check_signature(head.authorization, &signature);
    if (verdict == MNS_PUSH_GENUINE)
        verdict = check_date(v, head.date);
    if (verdict == MNS_PUSH_GENUINE && v->pinned == NULL)
        verdict = origin;
    if (verdict == MNS_PUSH_GENUINE)
        verdict = check_digest(v, &head, request);
    if (verdict != MNS_PUSH_GENUINE)
        return verdict;
    sl_buf_clear(&v->text);
    mns_push_string_to_sign(&v->text, &head, request);
    return verify(v, url, &signature);
}

/* -- running --------------------------------------------------------------------------------- */

int mns_push_fd(const mns_push_verifier_t *v)
{
    return mns_cert_store_fd(v->store);
}

size_t mns_push_run(mns_push_verifier_t *v, int timeout_ms)
{
    return mns_cert_store_run(v->store, timeout_ms, now_s(v));
}

void mns_push_stats(const mns_push_verifier_t *v, mns_push_stats_t *stats)
{
    mns_cert_store_stats(v->store, stats);
}

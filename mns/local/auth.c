#include "auth.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* -- headers ------------------------------------------------------------------------------- */

void auth_headers_init(auth_headers_t *h)
{
    memset(h, 0, offsetof(auth_headers_t, signed_headers)); /* not the long array, for speed */
}

static bool is_named(text_view_t name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp(name.at, lower, name.len) == 0;
}

static text_view_t trim(const char *at, size_t len)
{
    while (len > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        len--;
    }
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return (text_view_t){at, len};
}

static int compare_names(text_view_t a, text_view_t b)
{
    int order = strncasecmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Few headers, nearly sorted as they come: insertion, which keeps repeated ones in order. */
static void add_signed(auth_headers_t *h, text_view_t name, text_view_t value)
{
    if (h->signed_count == AUTH_SIGNED_MAX) {
        h->too_many = true;
        return;
    }
    size_t at = h->signed_count++;
    for (; at > 0 && compare_names(h->signed_headers[at - 1].name, name) > 0; at--)
        h->signed_headers[at] = h->signed_headers[at - 1];
    h->signed_headers[at] = (signed_header_t){name, value};
}

void auth_headers_add(auth_headers_t *h, const char *name_at, size_t name_len, const char *value_at,
                      size_t value_len)
{
    text_view_t name = {name_at, name_len}, value = trim(value_at, value_len);
    const struct {
        const char *lower;
        text_view_t *view;
    } known[] = {{"authorization", &h->authorization}, {"date", &h->date},
                 {"x-mns-date", &h->mns_date},         {"content-md5", &h->content_md5},
                 {"content-type", &h->content_type},   {"x-mns-version", &h->version}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].view->at == NULL && is_named(name, known[i].lower))
            *known[i].view = value;
    if (name_len >= 6 && strncasecmp(name_at, "x-mns-", 6) == 0)
        add_signed(h, name, value);
}

/* -- date ---------------------------------------------------------------------------------- */

static bool parse_date(const char *text, int64_t *seconds)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end == NULL || *end != '\0')
        return false;
    *seconds = timegm(&tm);
    return true;
}

static local_err check_date(auth_t *a, const auth_headers_t *h)
{
    text_view_t date = h->mns_date.at != NULL ? h->mns_date : h->date;
    if (date.at == NULL)
        return LOCAL_MissingDateHeader;
    if (date.len == 0 || date.len >= sizeof a->date)
        return LOCAL_InvalidDateHeader;
    if (strlen(a->date) != date.len || memcmp(a->date, date.at, date.len) != 0) {
        memcpy(a->date, date.at, date.len);
        a->date[date.len] = '\0';
        if (!parse_date(a->date, &a->date_s)) {
            a->date[0] = '\0';
            return LOCAL_InvalidDateHeader;
        }
    }
    int64_t now_s = (int64_t)(sl_clock_wall_ns(a->clock) / 1000000000);
    return llabs(now_s - a->date_s) > AUTH_SKEW_S ? LOCAL_TimeExpired : LOCAL_OK;
}

/* -- signature ----------------------------------------------------------------------------- */

static void append_view(sl_buf_t *out, text_view_t view)
{
    if (view.at != NULL)
        sl_buf_append(out, view.at, view.len);
}

static void append_lower(sl_buf_t *out, text_view_t name)
{
    for (size_t i = 0; i < name.len; i++)
        sl_buf_append_byte(out, (uint8_t)tolower((unsigned char)name.at[i]));
}

bool auth_string_to_sign(auth_t *a, const auth_request_t *request)
{
    const auth_headers_t *h = request->headers;
    sl_buf_t *out = &a->text;
    sl_buf_clear(out);
    sl_buf_append_str(out, request->method);
    const text_view_t lines[] = {h->content_md5, h->content_type,
                                 h->mns_date.at != NULL ? h->mns_date : h->date};
    for (size_t i = 0; i < 3; i++) {
        sl_buf_append_byte(out, '\n');
        append_view(out, lines[i]);
    }
    sl_buf_append_byte(out, '\n');
    for (size_t i = 0; i < h->signed_count; i++) {
        append_lower(out, h->signed_headers[i].name);
        sl_buf_append_byte(out, ':');
        append_view(out, h->signed_headers[i].value);
        sl_buf_append_byte(out, '\n');
    }
    sl_buf_append_str(out, request->resource);
    return !out->failed;
}

static local_err check_signature(auth_t *a, const auth_request_t *request)
{
    static const char scheme[] = "MNS ";
    text_view_t given = request->headers->authorization;
    if (given.len < 4 || memcmp(given.at, scheme, 4) != 0)
        return LOCAL_InvalidAuthorizationHeader;
    const char *id = given.at + 4;
    const char *colon = memchr(id, ':', given.len - 4);
    if (colon == NULL)
        return LOCAL_InvalidAuthorizationHeader;
    size_t id_len = (size_t)(colon - id), signature_len = given.len - 4 - id_len - 1;
    if (id_len != strlen(a->key_id) || memcmp(id, a->key_id, id_len) != 0)
        return LOCAL_InvalidAccessKeyId;
    uint8_t mac[SHA1_BYTES];
    unsigned char wanted[SHA1_BASE64 + 1];
    if (!auth_string_to_sign(a, request) ||
        !digest_hmac_sha1(a->digest, a->text.data, a->text.len, mac))
        return LOCAL_InternalError;
    EVP_EncodeBlock(wanted, mac, sizeof mac);
    bool same = signature_len == SHA1_BASE64 && CRYPTO_memcmp(colon + 1, wanted, SHA1_BASE64) == 0;
    return same ? LOCAL_OK : LOCAL_SignatureDoesNotMatch;
}

static local_err check_digest(auth_t *a, const auth_request_t *request)
{
    text_view_t given = request->headers->content_md5;
    uint8_t md5[MD5_BYTES];
    if (given.len == 0)
        return LOCAL_OK;
    if (!digest_md5(a->digest, request->body, request->body_len, md5))
        return LOCAL_InternalError;
    return digest_md5_matches(md5, given.at, given.len) ? LOCAL_OK : LOCAL_InvalidDegist;
}

local_err auth_check(auth_t *a, const auth_request_t *request)
{
    const auth_headers_t *h = request->headers;
    if (h->too_many)
        return LOCAL_InvalidArgument;
    if (h->authorization.at == NULL)
        return LOCAL_MissingAuthorizationHeader;
    if (h->version.at == NULL)
        return LOCAL_MissingVersionHeader;
    if (h->version.len != 10 || memcmp(h->version.at, "2015-06-06", 10) != 0)
        return LOCAL_InvalidVersionHeader;
    local_err err = check_date(a, h);
    if (err == LOCAL_OK)
        err = check_signature(a, request);
    return err != LOCAL_OK ? err : check_digest(a, request);
}

void auth_init(auth_t *a, const char *key_id, digest_t *digest, const sl_clock_t *clock)
{
    *a = (auth_t){.key_id = key_id, .digest = digest, .clock = clock};
}

void auth_fini(auth_t *a)
{
    sl_buf_fini(&a->text);
}

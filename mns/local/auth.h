/* auth.h - is this request what it says, from whom it says, and of now?
 *
 * Checks, in this order: Authorization, version and date are there and well formed; the date is
 * within 15 minutes; the access key is ours; signature version 2 holds over the bytes as they were
 * sent; Content-MD5, if any, is the body's.
 *
 *     string to sign = VERB LF Content-MD5 LF Content-Type LF date LF x-mns-headers resource
 *
 * Written from the protocol and apart from libmns's signing on purpose: each side is a test of the
 * other. */
#ifndef LOCAL_AUTH_H
#define LOCAL_AUTH_H

#include "base/buf.h"
#include "base/clock.h"
#include "digest.h"
#include "errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUTH_SIGNED_MAX = 64, AUTH_SKEW_S = 15 * 60 };

/** Borrowed bytes; NULL: the header is not there. */
typedef struct text_view {
    const char *at;
    size_t len;
} text_view_t;

typedef struct signed_header {
    text_view_t name, value;
} signed_header_t;

/** The headers of one request that signing is about. */
typedef struct auth_headers {
    text_view_t authorization, date, mns_date, content_md5, content_type, version;
    size_t signed_count;
    bool too_many;
    signed_header_t signed_headers[AUTH_SIGNED_MAX]; /**< x-mns-…, by name in lower case */
} auth_headers_t;

void auth_headers_init(auth_headers_t *headers);

/** Takes note of a header; the bytes are borrowed as long as `headers` is used. */
void auth_headers_add(auth_headers_t *headers, const char *name, size_t name_len, const char *value,
                      size_t value_len);

/** A request as it was sent.  `resource` is path and query: not decoded, in origin form, with one
 *  slash at its start. */
typedef struct auth_request {
    const char *method, *resource;
    const auth_headers_t *headers;
    const void *body;
    size_t body_len;
} auth_request_t;

typedef struct auth {
    const char *key_id; /**< borrowed */
    digest_t *digest;   /**< keyed with the secret; borrowed */
    const sl_clock_t *clock;
    sl_buf_t text;
    char date[32]; /**< the last date read, since a second's requests share it */
    int64_t date_s;
} auth_t;

void auth_init(auth_t *auth, const char *key_id, digest_t *digest, const sl_clock_t *clock);
void auth_fini(auth_t *auth);

/** @return LOCAL_OK, or why not. */
local_err auth_check(auth_t *auth, const auth_request_t *request);

/** Writes the string to sign into auth->text.  @return false: no memory. */
bool auth_string_to_sign(auth_t *auth, const auth_request_t *request);

#endif

/* push_head.h - the head of a push, and the string that its signature covers.
 *
 *     POST LF Content-MD5 LF Content-Type LF Date LF  every x-mns- header, sorted, name:value LF
 * target
 *
 * Content-MD5 comes in the two ways in which the service writes it: Base64 of the hex digits beside
 * XML, as its documents show, and the hex digits themselves otherwise, as it has been seen to. */
#ifndef LOCAL_PUSH_HEAD_H
#define LOCAL_PUSH_HEAD_H

#include "base/buf.h"
#include "digest.h"
#include "topic.h"

/** The x-mns- headers, sorted by name, as they are signed. */
#define PUSH_HEADERS(X)                             \
    X(MESSAGE_ID, "x-mns-message-id")               \
    X(MESSAGE_TAG, "x-mns-message-tag")             \
    X(PUBLISH_TIME, "x-mns-publish-time")           \
    X(REQUEST_ID, "x-mns-request-id")               \
    X(CERT_URL, "x-mns-signing-cert-url")           \
    X(SUBSCRIBER, "x-mns-subscriber")               \
    X(SUBSCRIPTION_NAME, "x-mns-subscription-name") \
    X(TOPIC_NAME, "x-mns-topic-name")               \
    X(TOPIC_OWNER, "x-mns-topic-owner")             \
    X(VERSION, "x-mns-version")

#define X(name, text) PUSH_##name,
typedef enum { PUSH_HEADERS(X) PUSH_HEADER_COUNT } push_header_t;
#undef X

extern const char *const push_header_names[PUSH_HEADER_COUNT];

/** Borrowed texts, all needed but as said. */
typedef struct push_head {
    const char *content_md5, *content_type, *date, *target;
    const char *values[PUSH_HEADER_COUNT]; /**< ""  or NULL: not sent, not signed */
} push_head_t;

enum { PUSH_CONTENT_MD5_MAX = 44 };

/** Appends the string to sign.  No memory shows in out->failed. */
void push_string_to_sign(sl_buf_t *out, const push_head_t *head);

/** Content-MD5 of a body in that format, and a NUL. */
void push_content_md5(notify_format_t format, const uint8_t md5[MD5_BYTES],
                      char out[PUSH_CONTENT_MD5_MAX + 1]);

/** Content-Type of a body in that format; static. */
const char *push_content_type(notify_format_t format);

#endif

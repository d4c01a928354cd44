/* mns_push_head.h - what of a push is signed, and what its headers say.
 *
 *     POST LF Content-MD5 LF Content-Type LF Date LF { x-mns-name ":" value LF } target
 *
 * Names in lower case and sorted, values verbatim, an absent value an empty line.  The string has
 * no quoting of its own, so whatever could be read as two different requests is refused: a header
 * that comes twice, and a line break inside of a signed part.
 *
 * Views point into the request and live as long. */
#ifndef MNS_PUSH_HEAD_H
#define MNS_PUSH_HEAD_H

#include "base/buf.h"
#include "mns/push.h"

enum { MNS_PUSH_SIGNED_MAX = 64 }; /**< x-mns- headers; a real push has ten */

/** The headers that must come once, and what they are called here.  at NULL: absent. */
#define MNS_PUSH_HEADER_MAP(X)                      \
    X("authorization", authorization)               \
    X("content-md5", content_md5)                   \
    X("content-type", content_type)                 \
    X("date", date)                                 \
    X("x-mns-signing-cert-url", cert_url)           \
    X("x-mns-message-id", message_id)               \
    X("x-mns-message-tag", message_tag)             \
    X("x-mns-topic-owner", topic_owner)             \
    X("x-mns-topic-name", topic_name)               \
    X("x-mns-subscriber", subscriber)               \
    X("x-mns-subscription-name", subscription_name) \
    X("x-mns-publish-time", publish_time)           \
    X("x-mns-request-id", request_id)

typedef struct mns_push_head {
#define X(name, member) mns_push_text_view_t member;
    MNS_PUSH_HEADER_MAP(X)
#undef X
    mns_push_header_t covered[MNS_PUSH_SIGNED_MAX]; /**< x-mns- headers, sorted, values trimmed */
    size_t covered_count;
    bool twice;  /**< a header that must come once comes twice */
    bool broken; /**< a signed part holds a line break or NUL, or there are too many */
} mns_push_head_t;

void mns_push_head_read(mns_push_head_t *head, const mns_push_request_t *request);

/** Fills in all but cert_url. */
void mns_push_head_tell(const mns_push_head_t *head, mns_push_info_t *info);

/** Appends the string to sign.  No memory shows in out->failed. */
void mns_push_string_to_sign(sl_buf_t *out, const mns_push_head_t *head,
                             const mns_push_request_t *request);

#endif

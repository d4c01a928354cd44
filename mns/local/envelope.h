/* envelope.h - what a subscriber gets: a published message in one of the three formats.
 *
 *     XML         <Notification …><TopicOwner>…</TopicOwner>…<Message>…</Message>…</Notification>
 *     JSON        {"TopicOwner":"…","Message":"…",…}, every value a string
 *     SIMPLIFIED  the message as it was published, and nothing else */
#ifndef LOCAL_ENVELOPE_H
#define LOCAL_ENVELOPE_H

#include "base/buf.h"
#include "topic.h"

typedef struct notification {
    const char *owner, *topic, *subscription;
    const char *message_id, *md5;
    const char *message;
    size_t message_len;
    const char *tag; /**< "": none */
    uint64_t publish_ms;
} notification_t;

/** Makes the queue message's body; what was in `out` is forgotten.  No memory shows in out->failed.
 */
void envelope_write(sl_buf_t *out, notify_format_t format, const notification_t *n);

/** Appends text as a JSON string holds it, without the quotes. */
void json_escape(sl_buf_t *out, const char *text, size_t len);

#endif

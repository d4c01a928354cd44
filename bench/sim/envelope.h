/* envelope.h - what MNS puts into a queue when a topic feeds it, in its three formats.
 *
 *     SIMPLIFIED  the published text, nothing else
 *     JSON        {"TopicOwner":"…","Message":"…",…}, every value a string
 *     XML         <Notification …><TopicOwner>…</TopicOwner>…</Notification>
 *
 * Base64 is the publisher's agreement: it covers the published text, and the envelope stays as it
 * is. */
#ifndef SIM_ENVELOPE_H
#define SIM_ENVELOPE_H

#include "base/buf.h"

typedef enum { ENVELOPE_SIMPLIFIED, ENVELOPE_JSON, ENVELOPE_XML } envelope_format_t;

enum { MESSAGE_ID_LEN = 32, MD5_HEX_LEN = 32 };

typedef struct envelope {
    const char *account, *topic, *subscription;
    const char *message_id;
    const char *message; /**< as published: Base64 already, if it is to be */
    size_t message_len;
    uint64_t publish_time_ms;
} envelope_t;

/** Appends it.  No memory shows in out->failed. */
void envelope_write(sl_buf_t *out, envelope_format_t format, const envelope_t *envelope);

/** Appends Base64 of the bytes.  No memory shows in out->failed. */
void base64_write(sl_buf_t *out, const void *bytes, size_t len);

/** Upper-case hex of the MD5, and a NUL. */
void md5_hex(const void *bytes, size_t len, char out[MD5_HEX_LEN + 1]);

/** Appends a JSON string's inside. */
void json_escape(sl_buf_t *out, const char *text, size_t len);

#endif

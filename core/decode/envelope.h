/* envelope.h - what an MNS topic wraps round a published body on its way into a queue.
 *
 * The formats JSON and XML carry the same members:
 *
 *     TopicOwner TopicName Subscriber SubscriptionName MessageId Message MessageMD5 PublishTime
 *
 * (SIMPLIFIED carries the body alone.)  A reader takes one text and says which of four things it
 * is; both readers fill the same struct.  Nothing here allocates once its buffers have grown. */
#ifndef DECODE_ENVELOPE_H
#define DECODE_ENVELOPE_H

#include "base/buf.h"
#include "event/normalise.h"

#include <stdbool.h>

enum { ENVELOPE_TEXT_MAX = 256 };

/** A short member, copied.  One that is longer, empty or no string counts as absent (len 0). */
typedef struct envelope_text {
    char data[ENVELOPE_TEXT_MAX];
    size_t len;
} envelope_text_t;

/** The members that are kept, beside Message. */
#define ENVELOPE_MEMBER_MAP(X)        \
    X(TopicOwner, topic_owner)        \
    X(TopicName, topic_name)          \
    X(SubscriptionName, subscription) \
    X(MessageId, message_id)          \
    X(MessageMD5, message_md5)        \
    X(PublishTime, publish_time)

typedef struct envelope {
#define X(name, field) envelope_text_t field;
    ENVELOPE_MEMBER_MAP(X)
#undef X
    bool has_message;
} envelope_t;

static inline void envelope_clear(envelope_t *envelope)
{
#define X(name, field) envelope->field.len = 0;
    ENVELOPE_MEMBER_MAP(X)
#undef X
    envelope->has_message = false;
}

/** Has it what tells an envelope from other texts? */
static inline bool envelope_complete(const envelope_t *envelope)
{
    return envelope->has_message && envelope->topic_name.len > 0 &&
           (envelope->message_id.len > 0 || envelope->subscription.len > 0);
}

typedef enum {
    ENVELOPE_FOUND,   /**< `envelope` and `message` are filled */
    ENVELOPE_NOT,     /**< something else; in JSON perhaps an event */
    ENVELOPE_LACKING, /**< an envelope without the members it needs */
    ENVELOPE_BROKEN,  /**< the text does not parse */
} envelope_verdict_t;

/* Both readers report no memory through message->failed; look at it first. */

/** Reads a JSON text that begins with '{'.  An object with members Category and Event is an event,
 *  whatever else it has: a job event has a member Message of its own.
 *  @param message  cleared; receives the published body, escapes resolved. */
envelope_verdict_t envelope_read_json(envelope_t *envelope, sl_buf_t *message, const char *text,
                                      size_t len);

typedef struct envelope_xml envelope_xml_t;

/** The XML reader keeps a parser between messages.  @return SL_OK, SL_ENOMEM. */
sl_err envelope_xml_create(envelope_xml_t **out);
void envelope_xml_destroy(envelope_xml_t **xml);

/** Reads an XML text that begins with '<': root `Notification`, by its local name in any namespace.
 *  A document type is refused before anything in it is looked at. */
envelope_verdict_t envelope_read_xml(envelope_xml_t *xml, envelope_t *envelope, sl_buf_t *message,
                                     const char *text, size_t len);

#endif

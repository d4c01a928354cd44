/* normalise.h - one JSON notification becomes one msgpack event, in one pass.
 *
 * Question: what does this body say, exactly?  The scanner copies strings with their escapes
 * resolved, keeps integers to 2^64-1, refuses what JSON (RFC 8259) does not allow, and writes
 * msgpack as it goes: no tree, no allocation beyond the output buffer.  The form of the result is
 * docs/protocol.md, "An event". */
#ifndef EVENT_NORMALISE_H
#define EVENT_NORMALISE_H

#include "base/buf.h"
#include "event/catalogue.h"

/** Why a body is no event.  The name is the topic: `$dead.<Name>`. */
#define EVENT_REASON_MAP(X)                                                                \
    X(NONE, "", "it is an event")                                                          \
    X(BROKEN_JSON, "BrokenJson", "the JSON text breaks a rule of RFC 8259")                \
    X(TRAILING_BYTES, "TrailingBytes", "bytes follow the JSON value")                      \
    X(BAD_UTF8, "BadUtf8", "bytes that are no UTF-8, or a lone surrogate")                 \
    X(TOO_DEEP, "TooDeep", "nested deeper than 32")                                        \
    X(NOT_AN_OBJECT, "NotAnObject", "JSON, but no object")                                 \
    X(NO_CATEGORY, "NoCategory", "Category is missing or no token of [A-Za-z0-9_-]{1,64}") \
    X(NO_EVENT, "NoEvent", "Event is missing or no token of [A-Za-z0-9_-]{1,64}")          \
    X(NOT_A_NOTIFICATION, "NotANotification", "neither JSON nor XML nor Base64 of one")    \
    X(BROKEN_XML, "BrokenXml", "an XML envelope that does not parse")                      \
    X(BAD_ENVELOPE, "BadEnvelope", "an envelope without the members it needs")             \
    X(TOO_NESTED, "TooNested", "more than 3 envelopes or encodings around it")             \
    X(BAD_DIGEST, "BadDigest", "the envelope's MessageMD5 is not that of its Message")     \
    X(TOO_LARGE, "TooLarge", "the normalised event is larger than the broker takes")       \
    X(REFUSED, "Refused", "the broker refused the event")

#define X(name, topic, text) EVENT_REASON_##name,
typedef enum { EVENT_REASON_MAP(X) EVENT_REASON_COUNT } event_reason_t;
#undef X

/** "BrokenJson"; static, "" for NONE. */
const char *event_reason_name(event_reason_t reason);
/** What it means, one phrase; static. */
const char *event_reason_text(event_reason_t reason);

enum {
    EVENT_TOKEN_MAX = 64,
    EVENT_TOPIC_MAX = 2 * EVENT_TOKEN_MAX + 1,
    EVENT_DEPTH_MAX = 32,
};

/** Where a body came from; all borrowed. */
typedef struct event_origin {
    const char *id; /**< MNS MessageId */
    size_t id_len;
    const char *source; /**< acs:mns:<region>:<account>:/topics/<name> */
    size_t source_len;
    int64_t time_ms; /**< Unix ms: PublishTime or EnqueueTime */
    /** Members `id`, `source` (str) and `time` (ISO 8601) of the body, where present and of that
     * form, replace the three above instead of being renamed: for events that went through Sluice
     * before. */
    bool from_body;
} event_origin_t;

/** What normalising found.  Slices point into the output buffer: valid until it moves. */
typedef struct event_info {
    event_kind_t kind; /**< EVENT_KIND_COUNT: passes, but the catalogue does not know it */
    char topic[EVENT_TOPIC_MAX + 1]; /**< "Job.OnJobFailed", NUL-terminated */
    uint8_t topic_len;
    uint32_t untyped;  /**< typed fields that did not parse and stayed as they were */
    uint32_t repeated; /**< members that came again; the last one won */
    uint32_t renamed;  /**< id, source, time, $… that became body:<name> */
    uint32_t inexact;  /**< integers beyond 2^64-1 that became str */
    size_t error_at;   /**< on failure: offset of the byte that broke the rule */
} event_info_t;

/** Appends the event to `out`.
 *  @param json  need not be NUL-terminated.
 *  @return EVENT_REASON_NONE; or why not, and then `out` is as it was.  Without memory out->failed
 *          is set and the event is not appended. */
event_reason_t event_normalise(sl_buf_t *out, const event_origin_t *origin, const void *json,
                               size_t len, event_info_t *info);

/** Appends the dead letter of a body that is no event:
 *  {Category:"$dead", Event:<Reason>, id, source, time, Body:<bin>, Detail:<str>, Attempt:<int>}.
 *  Its topic is "$dead." and the reason's name. */
void event_dead_letter(sl_buf_t *out, const event_origin_t *origin, event_reason_t reason,
                       const void *body, size_t len, const char *detail, uint32_t attempt);

#endif

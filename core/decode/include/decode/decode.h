/* decode.h - what does this message say?
 *
 *     body, BOM and blanks off --+-- '{' --+-- Category and Event ----------------> event
 *                ^               |         +-- Message, TopicName, an id --> envelope --+
 *                |               +-- '<' ----- Notification ---------------> envelope --+
 *                |               +-- Base64 of text that begins with '{' or '<' --------+
 *                |               +-- anything else ------------------------> dead letter|
 *                +---------------------------- again, at most three times --------------+
 *
 * The tests are unambiguous: neither '{' nor '<' belongs to Base64's alphabet, and Category with
 * Event comes first because a job event has a member Message of its own.  MessageMD5, where an
 * envelope states one, is checked against its Message before that is looked into.
 *
 * What comes out is always something to publish: the event in Sluice's normal form, or a dead
 * letter on `$dead.<Reason>` with the bytes as they came.  Pure but for its buffers: no clock, no
 * network.  After warm-up it allocates nothing.  One thread owns a decoder. */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include "event/normalise.h"

enum { DECODE_NEST_MAX = 3 };

/** One message as a queue gave it, or a push; all borrowed. */
typedef struct decode_message {
    const char *body;
    size_t body_len;
    const char *id; /**< the queue's own MessageId, or the push's; an envelope's is preferred */
    size_t id_len;
    const char *topic, *owner; /**< as the headers of a push say; used where no envelope does */
    size_t topic_len, owner_len;
    int64_t enqueue_time_ms; /**< used where no envelope states PublishTime */
    uint32_t attempt;        /**< DequeueCount, for dead letters; 0: unknown */
} decode_message_t;

/** Where a source stands; all borrowed. */
typedef struct decode_place {
    const char *region, *account;
    const char *queue; /**< NULL where the topic is given */
    const char *topic; /**< the topic that feeds it, where the configuration says; or NULL */
    /** Where it is known as a whole and not in its parts: every source is this one.  Or NULL. */
    const char *source;
    size_t source_len;
} decode_place_t;

/** All pointers are borrowed from the decoder, or are the message's: valid until its next call. */
typedef struct decode_result {
    event_reason_t reason; /**< NONE: an event; else this is its dead letter */
    const char *topic;
    size_t topic_len;
    const uint8_t *event;
    size_t event_len;
    const char *source, *id; /**< as in the event */
    size_t source_len, id_len;
    /** What makes it, together with the source, the same one when it comes again: the id.  A dead
     * letter has one of its own, made of the id: else it would stand in the way of the event that
     * comes of its body some day. */
    const char *identity;
    size_t identity_len;
    bool foreign; /**< the owner that MNS states, if it does, is not the place's account */
    uint32_t json_envelopes, xml_envelopes, base64; /**< layers taken off */
    event_info_t info;                              /**< of an event */
} decode_result_t;

typedef struct decoder decoder_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err decoder_create(decoder_t **out);
void decoder_destroy(decoder_t **decoder);

/** @return SL_OK; SL_ENOMEM: try again later. */
sl_err decoder_run(decoder_t *decoder, const decode_place_t *place, const decode_message_t *message,
                   decode_result_t *result);

/** The dead letter of a message that the broker would not take.
 *  @param reason  REFUSED or TOO_LARGE.  @param code the broker's word for it.
 *  @return as decoder_run. */
sl_err decoder_run_refused(decoder_t *decoder, const decode_place_t *place,
                           const decode_message_t *message, event_reason_t reason, const char *code,
                           decode_result_t *result);

#endif

/* intake.h - what publishers and the broker say to each other.
 *
 *     HELLO   [1,"HELLO",0,name]
 *     WELCOME [1,"WELCOME",0,stream,window,max_bytes,max_events]
 *     PUB     [1,"PUB",request,count,ends,ids], topic, events
 *     ACK     [1,"ACK",request,first,last,accepted,duplicates]
 *     NAK     [1,"NAK",request,code,text,retry_ms]
 *
 * One function encodes each message; one decodes any.  Authoritative text: docs/protocol.md. */
#ifndef WIRE_INTAKE_H
#define WIRE_INTAKE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { WIRE_ID_BYTES = 16, WIRE_NAME_MAX = 64 };

/** Why a request was not taken; and whether the same request may be sent again. */
#define WIRE_NAK_MAP(X)                                                                   \
    X(BUSY, true, "the broker's intake is full or its journal is not writing; try again") \
    X(ORDER, true, "an earlier request was refused; send that one again first")           \
    X(HELLO, true, "say HELLO first")                                                     \
    X(DRAINING, true, "the broker is shutting down")                                      \
    X(VERSION, false, "a protocol version this broker does not speak")                    \
    X(SIZE, false, "larger than max_bytes or more events than max_events")                \
    X(FRAME, false, "count, ends, ids or the number of frames do not fit together")       \
    X(TOPIC, false, "no topic that a publisher may use")                                  \
    X(TOPICS, false, "the stream has all the topics it may have")                         \
    X(FORBIDDEN, false, "this publisher may not publish to the topic")

#define X(name, again, text) WIRE_NAK_##name,
typedef enum { WIRE_NAK_MAP(X) WIRE_NAK_UNKNOWN } wire_nak_t;
#undef X

const char *wire_nak_name(wire_nak_t code); /**< "BUSY": the code as it stands on the wire */
const char *wire_nak_text(wire_nak_t code);
/** May the same request be sent again?  Of a code this version does not know: yes, since giving up
 * could lose what sending again does not. */
bool wire_nak_again(wire_nak_t code);

typedef enum { WIRE_HELLO, WIRE_WELCOME, WIRE_PUB, WIRE_ACK, WIRE_NAK } wire_intake_type_t;

/** Any intake message's first frame.  Pointers are borrowed from the frame. */
typedef struct wire_intake {
    wire_intake_type_t type;
    uint64_t request;
    union {
        struct {
            const char *name;
            uint32_t name_len;
        } hello;
        struct {
            uint64_t stream;
            uint32_t window;    /**< requests unacknowledged at most */
            uint32_t max_bytes; /**< of one PUB's events frame */
            uint32_t max_events;
        } welcome;
        struct {
            uint32_t count;
            const uint8_t *ends; /**< 4 × count bytes */
            const uint8_t *ids;  /**< 16 × count bytes; NULL: no dedup */
        } pub;
        struct {
            uint64_t first, last; /**< bounds of the numbers; both 0 when all were duplicates */
            uint32_t accepted, duplicates;
        } ack;
        struct {
            wire_nak_t code;
            const char *text;
            uint32_t text_len;
            uint32_t retry_ms;
        } nak;
    };
} wire_intake_t;

void wire_put_hello(sl_buf_t *out, const char *name, size_t name_len);
void wire_put_welcome(sl_buf_t *out, uint64_t stream, uint32_t window, uint32_t max_bytes,
                      uint32_t max_events);
void wire_put_pub(sl_buf_t *out, uint64_t request, uint32_t count, const uint8_t *ends,
                  const uint8_t *ids);
void wire_put_ack(sl_buf_t *out, uint64_t request, uint64_t first, uint64_t last, uint32_t accepted,
                  uint32_t duplicates);
void wire_put_nak(sl_buf_t *out, uint64_t request, wire_nak_t code, const char *text,
                  uint32_t retry_ms);

/** Decodes a first frame: types, count > 0, lengths of `ends` and `ids` against count.  Whether the
 * ends fit the events frame is wire_ends_valid's to say.  On SL_EVERSION and on an EPROTO behind
 * the request number, msg->request is set all the same, so that a NAK can name it; otherwise it is
 * 0.
 *  @return SL_OK, SL_EVERSION, SL_EPROTO. */
sl_err wire_intake_decode(wire_intake_t *msg, const void *frame, size_t len);

/** The dedup id of one event: XXH3-128, seed 0, canonical big-endian, of source 0x00 id. */
void wire_event_id(uint8_t out[WIRE_ID_BYTES], const void *source, size_t source_len,
                   const void *id, size_t id_len);

#endif

/* query.h - questions to the broker beside the feed.
 *
 *     TICK   [1,"TICK",request]      ->  [1,"TICK",request], then the feed's three frames of a tick
 *     STATUS [1,"STATUS",request]    ->  [1,"STATUS",request,map]
 *     anything else                  ->  [1,"ERROR",request,code,text]
 *
 * REPLAY, CREDIT, CANCEL and CURSOR.* come with the durable journal; their numbers are not taken.
 * Authoritative text: docs/protocol.md. */
#ifndef WIRE_QUERY_H
#define WIRE_QUERY_H

#include "base/buf.h"

#include <stdint.h>

typedef enum { WIRE_QUERY_TICK, WIRE_QUERY_STATUS, WIRE_QUERY_ERROR } wire_query_type_t;

typedef struct wire_query {
    wire_query_type_t type;
    uint64_t request;
    const uint8_t *rest; /**< what follows the third element: STATUS's map, ERROR's code and text */
    uint32_t rest_len;
} wire_query_t;

/** [1, "<type>", request], and room for `more` further elements, which the caller appends. */
void wire_put_query(sl_buf_t *out, wire_query_type_t type, uint64_t request, uint32_t more);
void wire_put_query_error(sl_buf_t *out, uint64_t request, const char *code, const char *text);

/** @return SL_OK; SL_EVERSION; SL_ENOENT (well formed, of a type this version does not know);
 * SL_EPROTO.  msg->request is set where it could be read, otherwise 0. */
sl_err wire_query_decode(wire_query_t *msg, const void *frame, size_t len);

#endif

/* feed.h - the header of a batch on the feed, and what makes a batch well formed.
 *
 *     frame 1  topic
 *     frame 2  [version, stream, prev, first, count, time_ns, encoding, ends, sum, ext]
 *     frame 3  count msgpack maps, one after another; `ends` says where each one ends
 *
 * `ext` is nil, but in ticks of a stream that goes on where another ended: {"parents":
 * [[stream, last], ...]}.
 *
 * Authoritative text: docs/protocol.md. */
#ifndef WIRE_FEED_H
#define WIRE_FEED_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_VERSION = 1,
    WIRE_BATCH_EVENTS_MAX = 4096,
    WIRE_BATCH_BYTES_MAX = 192 * 1024, /**< all three frames together, unless one event is larger */
    WIRE_HEADER_FIXED_MAX = 80,        /**< bytes of a header without `ends` and parents */
    WIRE_PARENTS_MAX = 8,
    WIRE_PARENTS_BYTES_MAX = 10 + WIRE_PARENTS_MAX * 19, /**< of a header's `ext` with parents */
};

/** What was numbered up to `last` under `stream` is in this number line too. */
typedef struct wire_parent {
    uint64_t stream, last;
} wire_parent_t;

/** A header, decoded; or what to encode.  Pointers are borrowed. */
typedef struct wire_feed_header {
    uint64_t stream;     /**< identity of the numbering */
    uint64_t prev;       /**< last number before this batch on the same topic; 0: none */
    uint64_t first;      /**< number of the first event; of a tick: the stream's next number */
    uint32_t count;      /**< events in the batch; 0: a tick */
    uint64_t time_ns;    /**< when sealed, Unix ns */
    const uint8_t *ends; /**< count u32, little endian, not aligned */
    uint64_t sum;
    const wire_parent_t *parents; /**< to encode, newest first; decoded: see wire_feed_parents */
    uint32_t parent_count;        /**< at most WIRE_PARENTS_MAX */
} wire_feed_header_t;

/** Appends the encoded header, with nil for encoding.  Computes `sum`: XXH3_64bits, seed 0,
 * of one byte string: the topic, then the encoded bytes of elements 0 to 7 (from behind the array's
 * head up to the head of element 8), then the body.  Sets header->sum.  Reports no memory through
 * out->failed. */
void wire_feed_encode(sl_buf_t *out, wire_feed_header_t *header, const void *topic,
                      size_t topic_len, const void *body, size_t body_len);

/** Decodes frame 2 and holds it against frames 1 and 3: elements' types, count, numbers (first > 0,
 * prev < first, no overflow), `ends` rising and ending at the body's last byte, sum.  Elements
 * after the tenth are ignored.  A tick's body is not looked into: wire_tails_next does that.
 *  @param header  filled in on SL_OK; `ends` points into `frame`.
 *  @return SL_OK; SL_EVERSION (unknown version or encoding: skip, count, report once); SL_EPROTO.
 */
sl_err wire_feed_decode(wire_feed_header_t *header, const void *frame, size_t frame_len,
                        const void *topic, size_t topic_len, const void *body, size_t body_len);

/** The parents that a header of a tick names, newest first; at most WIRE_PARENTS_MAX, further ones
 * are left out.
 *  @param count  receives their number: 0 when `ext` is nil, or does not name any.
 *  @return SL_OK; SL_EPROTO. */
sl_err wire_feed_parents(const void *frame, size_t len, wire_parent_t out[WIRE_PARENTS_MAX],
                         uint32_t *count);

/** The end of event `i`, an offset into the body.  Event 0 begins at 0, event i at the end of i-1.
 */
static inline uint32_t wire_end(const uint8_t *ends, uint32_t i)
{
    const uint8_t *at = ends + 4 * (size_t)i;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void wire_put_end(uint8_t *at, uint32_t end)
{
    at[0] = (uint8_t)end;
    at[1] = (uint8_t)(end >> 8);
    at[2] = (uint8_t)(end >> 16);
    at[3] = (uint8_t)(end >> 24);
}

/** Do `count` ends rise strictly from above 0 and stop exactly at body_len?  count 0 wants body_len
 * 0. */
bool wire_ends_valid(const uint8_t *ends, uint32_t count, size_t body_len);

/** Is the body `count` msgpack maps, each filling its slice exactly?  Walks every byte: not for the
 * hot path. */
bool wire_body_valid(const uint8_t *ends, uint32_t count, const void *body);

/* -- ticks: the body is one map topic -> last number on it ----------------------------------- */

typedef struct wire_tail {
    const char *topic; /**< borrowed */
    uint32_t topic_len;
    uint64_t last;
} wire_tail_t;

void wire_tails_begin(sl_buf_t *out, uint32_t count);
void wire_tails_put(sl_buf_t *out, const char *topic, size_t topic_len, uint64_t last);

typedef struct wire_tails {
    const uint8_t *at, *end;
    uint32_t left;
} wire_tails_t;

/** @return SL_OK or SL_EPROTO. */
sl_err wire_tails_open(wire_tails_t *tails, const void *body, size_t len);
/** @return SL_OK; SL_EAGAIN at the end; SL_EPROTO, also when bytes follow the map. */
sl_err wire_tails_next(wire_tails_t *tails, wire_tail_t *tail);

#endif

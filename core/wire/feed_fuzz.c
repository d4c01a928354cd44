/* feed_fuzz.c - any three frames as a message of the feed.
 *
 *     input: topic's length (1 byte), header's length (2 bytes, little endian), topic, header, body
 *
 * Bytes made up will not have the right sum.  So what is in them is also sealed anew, as a broker
 * would, and must then decode exactly when its ends are valid. */
#include "wire/feed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In every build, also without assertions. */
static void must(bool claim)
{
    if (!claim)
        abort();
}

typedef struct slice {
    const uint8_t *data;
    size_t len;
} slice_t;

static slice_t take(slice_t *in, size_t len)
{
    slice_t piece = {in->data, len < in->len ? len : in->len};
    in->data += piece.len;
    in->len -= piece.len;
    return piece;
}

static void walk_tails(slice_t body)
{
    wire_tails_t tails;
    wire_tail_t tail;
    if (wire_tails_open(&tails, body.data, body.len) != SL_OK)
        return;
    while (wire_tails_next(&tails, &tail) == SL_OK)
        must((const uint8_t *)tail.topic + tail.topic_len <= body.data + body.len);
}

/* The body as events that end where the header's bytes say. */
static void seal_and_decode(slice_t topic, slice_t ends, slice_t body)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_feed_header_t in = {.stream = 1, .first = 1, .ends = ends.data}, back;
    in.count = (uint32_t)(ends.len / 4);
    wire_feed_encode(&out, &in, topic.data, topic.len, body.data, body.len);
    sl_err err =
        wire_feed_decode(&back, out.data, out.len, topic.data, topic.len, body.data, body.len);
    bool valid = in.count == 0 || wire_ends_valid(in.ends, in.count, body.len);
    must((err == SL_OK) == (valid && in.count <= WIRE_BATCH_EVENTS_MAX));
    if (err == SL_OK)
        wire_body_valid(back.ends, back.count, body.data);
    sl_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    slice_t in = {data + 3, size - 3};
    slice_t topic = take(&in, data[0]);
    slice_t header = take(&in, (size_t)data[1] | (size_t)data[2] << 8);
    wire_feed_header_t h;
    if (wire_feed_decode(&h, header.data, header.len, topic.data, topic.len, in.data, in.len) ==
        SL_OK)
        wire_body_valid(h.ends, h.count, in.data);
    walk_tails(in);
    seal_and_decode(topic, header, in);
    return 0;
}

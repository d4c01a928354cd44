#include "wire/feed.h"

#include "base/sum.h"
#include "wire_impl.h"

enum { FEED_ELEMENTS = 10 };

static uint64_t feed_sum(const void *topic, size_t topic_len, const void *elements,
                         size_t elements_len, const void *body, size_t body_len)
{
    const sl_piece_t pieces[] = {{topic, topic_len}, {elements, elements_len}, {body, body_len}};
    return sl_sum(pieces, sizeof pieces / sizeof pieces[0]);
}

static void put_ext(sl_buf_t *out, const wire_feed_header_t *header)
{
    if (header->parent_count == 0) {
        mp_put_nil(out);
        return;
    }
    mp_put_map(out, 1);
    mp_put_lit(out, "parents");
    wire_put_parents(out, header->parents, header->parent_count);
}

void wire_feed_encode(sl_buf_t *out, wire_feed_header_t *header, const void *topic,
                      size_t topic_len, const void *body, size_t body_len)
{
    size_t ends_len = 4 * (size_t)header->count;
    size_t ext_len = header->parent_count > 0 ? WIRE_PARENTS_BYTES_MAX : 0;
    if (sl_buf_reserve(out, WIRE_HEADER_FIXED_MAX + ends_len + ext_len) != SL_OK)
        return;
    mp_put_array(out, FEED_ELEMENTS);
    size_t start = out->len;
    mp_put_uint(out, WIRE_VERSION);
    mp_put_uint(out, header->stream);
    mp_put_uint(out, header->prev);
    mp_put_uint(out, header->first);
    mp_put_uint(out, header->count);
    mp_put_uint(out, header->time_ns);
    mp_put_nil(out); /* encoding */
    mp_put_bin(out, header->ends, ends_len);
    header->sum = feed_sum(topic, topic_len, out->data + start, out->len - start, body, body_len);
    mp_put_uint(out, header->sum);
    put_ext(out, header);
}

/* Element 6.  A str names an encoding; this version knows none. */
static sl_err decode_encoding(mp_cursor_t *in)
{
    mp_value_t value;
    if (!mp_next(in, &value) || (value.type != MP_NIL && value.type != MP_STR))
        return SL_EPROTO;
    return value.type == MP_NIL ? SL_OK : SL_EVERSION;
}

/* Elements 0 to 7, in order. */
static sl_err decode_elements(mp_cursor_t *in, wire_feed_header_t *header)
{
    uint64_t version, count;
    uint32_t ends_len;
    if (!mp_get_uint(in, &version))
        return SL_EPROTO;
    if (version != WIRE_VERSION)
        return SL_EVERSION;
    if (!mp_get_uint(in, &header->stream) || !mp_get_uint(in, &header->prev) ||
        !mp_get_uint(in, &header->first) || !mp_get_uint(in, &count) ||
        !mp_get_uint(in, &header->time_ns))
        return SL_EPROTO;
    sl_err err = decode_encoding(in);
    if (err != SL_OK)
        return err;
    if (!mp_get_bin(in, &header->ends, &ends_len))
        return SL_EPROTO;
    if (count > WIRE_BATCH_EVENTS_MAX || ends_len != 4 * count)
        return SL_EPROTO;
    header->count = (uint32_t)count;
    return SL_OK;
}

/* Numbers start at 1 and never run past 2^64-1; a predecessor is smaller. */
static bool numbers_valid(const wire_feed_header_t *header)
{
    return header->first > 0 && header->prev < header->first &&
           header->first <= UINT64_MAX - header->count;
}

sl_err wire_feed_decode(wire_feed_header_t *header, const void *frame, size_t frame_len,
                        const void *topic, size_t topic_len, const void *body, size_t body_len)
{
    mp_cursor_t in = mp_cursor(frame, frame_len);
    uint32_t elements;
    if (!mp_get_array(&in, &elements) || elements == 0)
        return SL_EPROTO;
    wire_feed_header_t h = {0};
    const uint8_t *start = in.at;
    sl_err err = decode_elements(&in, &h);
    if (err != SL_OK)
        return err;
    const uint8_t *stop = in.at;
    if (elements < FEED_ELEMENTS || !mp_get_uint(&in, &h.sum) || !numbers_valid(&h))
        return SL_EPROTO;
    for (uint32_t left = elements - (FEED_ELEMENTS - 1); left > 0; left--) /* ext, and what grew */
        if (!mp_skip(&in))
            return SL_EPROTO;
    if (in.at != in.end || (h.count > 0 && !wire_ends_valid(h.ends, h.count, body_len)))
        return SL_EPROTO;
    if (h.sum != feed_sum(topic, topic_len, start, (size_t)(stop - start), body, body_len))
        return SL_EPROTO;
    *header = h;
    return SL_OK;
}

void wire_put_parents(sl_buf_t *out, const wire_parent_t *parents, uint32_t count)
{
    mp_put_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        mp_put_array(out, 2);
        mp_put_uint(out, parents[i].stream);
        mp_put_uint(out, parents[i].last);
    }
}

/* One [stream, last, ...]. */
static bool get_parent(mp_cursor_t *in, wire_parent_t *parent)
{
    uint32_t elements;
    if (!mp_get_array(in, &elements) || elements < 2 || !mp_get_uint(in, &parent->stream) ||
        !mp_get_uint(in, &parent->last))
        return false;
    for (uint32_t left = elements - 2; left > 0; left--)
        if (!mp_skip(in))
            return false;
    return true;
}

bool wire_get_parents(mp_cursor_t *in, wire_parent_t out[WIRE_PARENTS_MAX], uint32_t *count)
{
    uint32_t parents;
    if (!mp_get_array(in, &parents))
        return false;
    *count = 0;
    for (uint32_t i = 0; i < parents; i++) {
        wire_parent_t parent;
        if (!get_parent(in, &parent))
            return false;
        if (i < WIRE_PARENTS_MAX)
            out[(*count)++] = parent;
    }
    return true;
}

static bool is_parents_key(const mp_value_t *key)
{
    static const char name[] = "parents";
    return key->type == MP_STR && key->bytes.len == sizeof name - 1 &&
           memcmp(key->bytes.data, name, sizeof name - 1) == 0;
}

/* `ext`: a map, of which only "parents" is known. */
static bool get_ext(mp_cursor_t *in, wire_parent_t out[WIRE_PARENTS_MAX], uint32_t *count)
{
    uint32_t pairs;
    if (!mp_get_map(in, &pairs))
        return mp_skip(in); /* nil; or of a later version */
    for (; pairs > 0; pairs--) {
        mp_cursor_t key = *in;
        mp_value_t head;
        if (!mp_skip(in) || !mp_next(&key, &head))
            return false;
        if (is_parents_key(&head) ? !wire_get_parents(in, out, count) : !mp_skip(in))
            return false;
    }
    return true;
}

sl_err wire_feed_parents(const void *frame, size_t len, wire_parent_t out[WIRE_PARENTS_MAX],
                         uint32_t *count)
{
    mp_cursor_t in = mp_cursor(frame, len);
    uint32_t elements;
    *count = 0;
    if (!mp_get_array(&in, &elements) || elements < FEED_ELEMENTS)
        return SL_EPROTO;
    for (int before = FEED_ELEMENTS - 1; before > 0; before--)
        if (!mp_skip(&in))
            return SL_EPROTO;
    if (get_ext(&in, out, count))
        return SL_OK;
    *count = 0;
    return SL_EPROTO;
}

bool wire_ends_valid(const uint8_t *ends, uint32_t count, size_t body_len)
{
    if (count == 0)
        return body_len == 0;
    /* No branch on an element: one flag gathers them all, so the loop can run many a cycle. */
    uint32_t bad = wire_end(ends, 0) == 0;
    for (uint32_t i = 1; i < count; i++)
        bad |= wire_end(ends, i) <= wire_end(ends, i - 1);
    return bad == 0 && wire_end(ends, count - 1) == body_len;
}

bool wire_body_valid(const uint8_t *ends, uint32_t count, const void *body)
{
    const uint8_t *bytes = body;
    uint32_t from = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t to = wire_end(ends, i);
        mp_cursor_t in = mp_cursor(bytes + from, to - from);
        mp_cursor_t head = in;
        uint32_t pairs;
        if (!mp_get_map(&head, &pairs) || !mp_skip(&in) || in.at != in.end)
            return false;
        from = to;
    }
    return true;
}

void wire_tails_begin(sl_buf_t *out, uint32_t count)
{
    mp_put_map(out, count);
}

void wire_tails_put(sl_buf_t *out, const char *topic, size_t topic_len, uint64_t last)
{
    mp_put_str(out, topic, topic_len);
    mp_put_uint(out, last);
}

sl_err wire_tails_open(wire_tails_t *tails, const void *body, size_t len)
{
    mp_cursor_t in = mp_cursor(body, len);
    uint32_t pairs;
    if (!mp_get_map(&in, &pairs))
        return SL_EPROTO;
    *tails = (wire_tails_t){in.at, in.end, pairs};
    return SL_OK;
}

sl_err wire_tails_next(wire_tails_t *tails, wire_tail_t *tail)
{
    if (tails->left == 0)
        return tails->at == tails->end ? SL_EAGAIN : SL_EPROTO;
    mp_cursor_t in = {tails->at, tails->end};
    if (!mp_get_str(&in, &tail->topic, &tail->topic_len) || !mp_get_uint(&in, &tail->last))
        return SL_EPROTO;
    tails->at = in.at;
    tails->left--;
    return SL_OK;
}

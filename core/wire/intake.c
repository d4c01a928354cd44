#include "wire/intake.h"

#include "wire_impl.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Source, zero byte and id of an event, as long as BatchCompute's are. */
enum { ID_SHORT_MAX = 256 };

static const struct {
    const char *name, *text;
    bool again;
} naks[] = {
#define X(name, again, text) {#name, text, again},
    WIRE_NAK_MAP(X)
#undef X
    /* A code of a later version: sending again loses nothing, giving up might. */
    {"UNKNOWN", "a reason this version does not know", true},
};

const char *wire_nak_name(wire_nak_t code)
{
    return naks[code].name;
}

const char *wire_nak_text(wire_nak_t code)
{
    return naks[code].text;
}

bool wire_nak_again(wire_nak_t code)
{
    return naks[code].again;
}

static wire_nak_t nak_of(const char *name, uint32_t len)
{
    int code = 0;
    while (code < WIRE_NAK_UNKNOWN &&
           (strlen(naks[code].name) != len || memcmp(naks[code].name, name, len) != 0))
        code++;
    return (wire_nak_t)code;
}

void wire_put_hello(sl_buf_t *out, const char *name, size_t name_len)
{
    wire_msg_begin(out, 4, "HELLO", 0);
    mp_put_str(out, name, name_len);
}

void wire_put_welcome(sl_buf_t *out, uint64_t stream, uint32_t window, uint32_t max_bytes,
                      uint32_t max_events)
{
    wire_msg_begin(out, 7, "WELCOME", 0);
    mp_put_uint(out, stream);
    mp_put_uint(out, window);
    mp_put_uint(out, max_bytes);
    mp_put_uint(out, max_events);
}

void wire_put_pub(sl_buf_t *out, uint64_t request, uint32_t count, const uint8_t *ends,
                  const uint8_t *ids)
{
    wire_msg_begin(out, 6, "PUB", request);
    mp_put_uint(out, count);
    mp_put_bin(out, ends, 4 * (size_t)count);
    if (ids != NULL)
        mp_put_bin(out, ids, WIRE_ID_BYTES * (size_t)count);
    else
        mp_put_nil(out);
}

void wire_put_ack(sl_buf_t *out, uint64_t request, uint64_t first, uint64_t last, uint32_t accepted,
                  uint32_t duplicates)
{
    wire_msg_begin(out, 7, "ACK", request);
    mp_put_uint(out, first);
    mp_put_uint(out, last);
    mp_put_uint(out, accepted);
    mp_put_uint(out, duplicates);
}

void wire_put_nak(sl_buf_t *out, uint64_t request, wire_nak_t code, const char *text,
                  uint32_t retry_ms)
{
    wire_msg_begin(out, 6, "NAK", request);
    mp_put_str(out, wire_nak_name(code), strlen(wire_nak_name(code)));
    mp_put_str(out, text, strlen(text));
    mp_put_uint(out, retry_ms);
}

static bool decode_hello(wire_msg_t *in, wire_intake_t *msg)
{
    msg->type = WIRE_HELLO;
    return wire_msg_str(in, &msg->hello.name, &msg->hello.name_len) &&
           msg->hello.name_len <= WIRE_NAME_MAX;
}

static bool decode_welcome(wire_msg_t *in, wire_intake_t *msg)
{
    msg->type = WIRE_WELCOME;
    return wire_msg_u64(in, &msg->welcome.stream) && wire_msg_u32(in, &msg->welcome.window) &&
           wire_msg_u32(in, &msg->welcome.max_bytes) && wire_msg_u32(in, &msg->welcome.max_events);
}

static bool decode_pub(wire_msg_t *in, wire_intake_t *msg)
{
    uint32_t ends_len, ids_len;
    msg->type = WIRE_PUB;
    if (!wire_msg_u32(in, &msg->pub.count) || !wire_msg_bin(in, &msg->pub.ends, &ends_len) ||
        !wire_msg_bin_or_nil(in, &msg->pub.ids, &ids_len))
        return false;
    uint64_t count = msg->pub.count;
    return count > 0 && ends_len == 4 * count &&
           (msg->pub.ids == NULL || ids_len == WIRE_ID_BYTES * count);
}

static bool decode_ack(wire_msg_t *in, wire_intake_t *msg)
{
    msg->type = WIRE_ACK;
    return wire_msg_u64(in, &msg->ack.first) && wire_msg_u64(in, &msg->ack.last) &&
           wire_msg_u32(in, &msg->ack.accepted) && wire_msg_u32(in, &msg->ack.duplicates);
}

static bool decode_nak(wire_msg_t *in, wire_intake_t *msg)
{
    const char *code;
    uint32_t code_len;
    msg->type = WIRE_NAK;
    if (!wire_msg_str(in, &code, &code_len) ||
        !wire_msg_str(in, &msg->nak.text, &msg->nak.text_len) ||
        !wire_msg_u32(in, &msg->nak.retry_ms))
        return false;
    msg->nak.code = nak_of(code, code_len);
    return true;
}

/* PUB first: it is the one that comes often. */
static const struct {
    const char *type;
    bool (*decode)(wire_msg_t *in, wire_intake_t *msg);
} decoders[] = {
    {"PUB", decode_pub},     {"ACK", decode_ack},         {"NAK", decode_nak},
    {"HELLO", decode_hello}, {"WELCOME", decode_welcome},
};

sl_err wire_intake_decode(wire_intake_t *msg, const void *frame, size_t len)
{
    wire_msg_t in;
    sl_err err = wire_msg_open(&in, frame, len);
    msg->request = in.request;
    if (err != SL_OK)
        return err;
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
        if (wire_msg_is(&in, decoders[i].type))
            return decoders[i].decode(&in, msg) && wire_msg_close(&in) ? SL_OK : SL_EPROTO;
    return SL_EPROTO;
}

/* Of nearly all: put together first, since xxHash has a short way for what lies together. */
static XXH128_hash_t short_id(const void *source, size_t source_len, const void *id, size_t id_len)
{
    uint8_t together[ID_SHORT_MAX];
    if (source_len > 0)
        memcpy(together, source, source_len);
    together[source_len] = 0;
    if (id_len > 0)
        memcpy(together + source_len + 1, id, id_len);
    return XXH3_128bits(together, source_len + 1 + id_len);
}

static XXH128_hash_t long_id(const void *source, size_t source_len, const void *id, size_t id_len)
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, source, source_len);
    XXH3_128bits_update(&state, "", 1); /* the zero byte */
    XXH3_128bits_update(&state, id, id_len);
    return XXH3_128bits_digest(&state);
}

void wire_event_id(uint8_t out[WIRE_ID_BYTES], const void *source, size_t source_len,
                   const void *id, size_t id_len)
{
    bool is_short = source_len < ID_SHORT_MAX && id_len < ID_SHORT_MAX - source_len;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical,
                             (is_short ? short_id : long_id)(source, source_len, id, id_len));
    memcpy(out, canonical.digest, WIRE_ID_BYTES);
}

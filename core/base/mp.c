#include "base/mp.h"

/* The format's first bytes, by the specification's names. */
enum {
    MP_B_FIXMAP = 0x80,
    MP_B_FIXARRAY = 0x90,
    MP_B_FIXSTR = 0xa0,
    MP_B_NIL = 0xc0,
    MP_B_NEVER = 0xc1,
    MP_B_FALSE = 0xc2,
    MP_B_TRUE = 0xc3,
    MP_B_BIN8 = 0xc4,
    MP_B_EXT8 = 0xc7,
    MP_B_FLOAT32 = 0xca,
    MP_B_FLOAT64 = 0xcb,
    MP_B_UINT8 = 0xcc,
    MP_B_INT8 = 0xd0,
    MP_B_FIXEXT1 = 0xd4,
    MP_B_STR8 = 0xd9,
    MP_B_ARRAY16 = 0xdc,
    MP_B_MAP16 = 0xde,
    MP_B_NEGFIX = 0xe0,
};

enum { MP_EXT_TIME = -1, MP_HEAD_MAX = 9 };

/* -- writing ------------------------------------------------------------------------------- */

static inline uint8_t *store_be(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0; value >>= 8)
        to[i] = (uint8_t)value;
    return to + bytes;
}

/* First byte and `bytes` of big-endian value. */
static void put_head(sl_buf_t *out, uint8_t first, uint64_t value, unsigned bytes)
{
    if (sl_buf_reserve(out, MP_HEAD_MAX) != SL_OK)
        return;
    out->data[out->len] = first;
    store_be(out->data + out->len + 1, value, bytes);
    out->len += 1 + bytes;
}

void mp_put_nil(sl_buf_t *out)
{
    put_head(out, MP_B_NIL, 0, 0);
}

void mp_put_bool(sl_buf_t *out, bool value)
{
    put_head(out, value ? MP_B_TRUE : MP_B_FALSE, 0, 0);
}

void mp_put_uint(sl_buf_t *out, uint64_t value)
{
    if (value < 0x80)
        put_head(out, (uint8_t)value, 0, 0);
    else if (value <= UINT8_MAX)
        put_head(out, MP_B_UINT8, value, 1);
    else if (value <= UINT16_MAX)
        put_head(out, MP_B_UINT8 + 1, value, 2);
    else if (value <= UINT32_MAX)
        put_head(out, MP_B_UINT8 + 2, value, 4);
    else
        put_head(out, MP_B_UINT8 + 3, value, 8);
}

void mp_put_int(sl_buf_t *out, int64_t value)
{
    if (value >= 0)
        mp_put_uint(out, (uint64_t)value);
    else if (value >= -32)
        put_head(out, (uint8_t)value, 0, 0);
    else if (value >= INT8_MIN)
        put_head(out, MP_B_INT8, (uint64_t)value, 1);
    else if (value >= INT16_MIN)
        put_head(out, MP_B_INT8 + 1, (uint64_t)value, 2);
    else if (value >= INT32_MIN)
        put_head(out, MP_B_INT8 + 2, (uint64_t)value, 4);
    else
        put_head(out, MP_B_INT8 + 3, (uint64_t)value, 8);
}

void mp_put_double(sl_buf_t *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_head(out, MP_B_FLOAT64, bits, 8);
}

void mp_put_str(sl_buf_t *out, const char *text, size_t len)
{
    if (sl_buf_reserve(out, MP_HEAD_MAX + len) != SL_OK)
        return;
    if (len < 32)
        put_head(out, (uint8_t)(MP_B_FIXSTR | len), 0, 0);
    else if (len <= UINT8_MAX)
        put_head(out, MP_B_STR8, len, 1);
    else if (len <= UINT16_MAX)
        put_head(out, MP_B_STR8 + 1, len, 2);
    else
        put_head(out, MP_B_STR8 + 2, len, 4);
    sl_buf_append(out, text, len);
}

void mp_put_bin(sl_buf_t *out, const void *bytes, size_t len)
{
    if (sl_buf_reserve(out, MP_HEAD_MAX + len) != SL_OK)
        return;
    if (len <= UINT8_MAX)
        put_head(out, MP_B_BIN8, len, 1);
    else if (len <= UINT16_MAX)
        put_head(out, MP_B_BIN8 + 1, len, 2);
    else
        put_head(out, MP_B_BIN8 + 2, len, 4);
    sl_buf_append(out, bytes, len);
}

void mp_put_array(sl_buf_t *out, uint32_t count)
{
    if (count < 16)
        put_head(out, (uint8_t)(MP_B_FIXARRAY | count), 0, 0);
    else if (count <= UINT16_MAX)
        put_head(out, MP_B_ARRAY16, count, 2);
    else
        put_head(out, MP_B_ARRAY16 + 1, count, 4);
}

void mp_put_map(sl_buf_t *out, uint32_t count)
{
    if (count < 16)
        put_head(out, (uint8_t)(MP_B_FIXMAP | count), 0, 0);
    else if (count <= UINT16_MAX)
        put_head(out, MP_B_MAP16, count, 2);
    else
        put_head(out, MP_B_MAP16 + 1, count, 4);
}

void mp_put_time(sl_buf_t *out, int64_t sec, uint32_t nsec)
{
    uint8_t ext[15];
    uint8_t *at = ext;
    if (sec < 0 || sec >= (int64_t)1 << 34) { /* timestamp 96: ext8 of 12 bytes */
        *at++ = MP_B_EXT8;
        *at++ = 12;
        *at++ = (uint8_t)MP_EXT_TIME;
        at = store_be(at, nsec, 4);
        at = store_be(at, (uint64_t)sec, 8);
    } else if (nsec != 0 || sec > UINT32_MAX) { /* timestamp 64: nanoseconds above 34 bits */
        *at++ = MP_B_FIXEXT1 + 3;
        *at++ = (uint8_t)MP_EXT_TIME;
        at = store_be(at, (uint64_t)nsec << 34 | (uint64_t)sec, 8);
    } else { /* timestamp 32 */
        *at++ = MP_B_FIXEXT1 + 2;
        *at++ = (uint8_t)MP_EXT_TIME;
        at = store_be(at, (uint64_t)sec, 4);
    }
    sl_buf_append(out, ext, (size_t)(at - ext));
}

/* -- reading ------------------------------------------------------------------------------- */

static inline uint64_t load_be(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

/* Reads `bytes` of big-endian number behind the first byte. */
static inline bool take_be(mp_cursor_t *in, unsigned bytes, uint64_t *value)
{
    if ((size_t)(in->end - in->at) < 1u + bytes)
        return false;
    *value = load_be(in->at + 1, bytes);
    in->at += 1 + bytes;
    return true;
}

static inline bool take_bytes(mp_cursor_t *in, uint64_t len, mp_value_t *value)
{
    if ((uint64_t)(in->end - in->at) < len)
        return false;
    value->bytes.data = in->at;
    value->bytes.len = (uint32_t)len;
    in->at += len;
    return true;
}

static bool take_sized(mp_cursor_t *in, unsigned len_bytes, mp_type_t type, mp_value_t *value)
{
    uint64_t len;
    value->type = type;
    return take_be(in, len_bytes, &len) && take_bytes(in, len, value);
}

/* An int: 1, 2, 4 or 8 bytes, two's complement when `with_sign`. */
static bool take_int(mp_cursor_t *in, unsigned bytes, bool with_sign, mp_value_t *value)
{
    uint64_t bits;
    if (!take_be(in, bytes, &bits))
        return false;
    unsigned spare = 64 - 8 * bytes;
    int64_t extended = (int64_t)(bits << spare) >> spare;
    if (with_sign && extended < 0) {
        value->type = MP_INT;
        value->i64 = extended;
    } else {
        value->type = MP_UINT;
        value->u64 = bits;
    }
    return true;
}

/* The bytes of an ext value are taken; type -1 must be one of the three timestamp forms. */
static bool decode_ext(mp_value_t *value)
{
    value->type = MP_EXT;
    if (value->bytes.ext_type != MP_EXT_TIME)
        return true;
    const uint8_t *data = value->bytes.data;
    uint64_t bits, nsec = 0;
    int64_t sec;
    switch (value->bytes.len) {
    case 4:
        sec = (int64_t)load_be(data, 4);
        break;
    case 8:
        bits = load_be(data, 8);
        nsec = bits >> 34;
        sec = (int64_t)(bits & (((uint64_t)1 << 34) - 1));
        break;
    case 12:
        nsec = load_be(data, 4);
        sec = (int64_t)load_be(data + 4, 8);
        break;
    default:
        return false;
    }
    value->type = MP_TIME;
    value->time.sec = sec;
    value->time.nsec = (uint32_t)nsec;
    return nsec < 1000000000u;
}

static bool take_ext(mp_cursor_t *in, uint64_t len, mp_value_t *value)
{
    if (in->at == in->end)
        return false;
    int8_t type = (int8_t)*in->at++;
    if (!take_bytes(in, len, value))
        return false;
    value->bytes.ext_type = type;
    return decode_ext(value);
}

static bool take_count(mp_cursor_t *in, unsigned bytes, mp_type_t type, mp_value_t *value)
{
    uint64_t count;
    if (!take_be(in, bytes, &count))
        return false;
    value->type = type;
    value->count = (uint32_t)count;
    return true;
}

static bool take_float(mp_cursor_t *in, unsigned bytes, mp_value_t *value)
{
    uint64_t bits;
    if (!take_be(in, bytes, &bits))
        return false;
    value->type = MP_DOUBLE;
    if (bytes == 4) {
        uint32_t narrow = (uint32_t)bits;
        float single;
        memcpy(&single, &narrow, sizeof single);
        value->dbl = (double)single;
    } else {
        memcpy(&value->dbl, &bits, sizeof bits);
    }
    return true;
}

/* First bytes 0xc0 to 0xdf. */
static bool next_tagged(mp_cursor_t *in, uint8_t first, mp_value_t *value)
{
    uint64_t len;
    switch (first) {
    case MP_B_NIL:
        value->type = MP_NIL;
        in->at++;
        return true;
    case MP_B_FALSE:
    case MP_B_TRUE:
        value->type = MP_BOOL;
        value->boolean = first == MP_B_TRUE;
        in->at++;
        return true;
    case MP_B_BIN8:
    case MP_B_BIN8 + 1:
    case MP_B_BIN8 + 2:
        return take_sized(in, 1u << (first - MP_B_BIN8), MP_BIN, value);
    case MP_B_EXT8:
    case MP_B_EXT8 + 1:
    case MP_B_EXT8 + 2:
        return take_be(in, 1u << (first - MP_B_EXT8), &len) && take_ext(in, len, value);
    case MP_B_FLOAT32:
        return take_float(in, 4, value);
    case MP_B_FLOAT64:
        return take_float(in, 8, value);
    case MP_B_UINT8:
    case MP_B_UINT8 + 1:
    case MP_B_UINT8 + 2:
    case MP_B_UINT8 + 3:
        return take_int(in, 1u << (first - MP_B_UINT8), false, value);
    case MP_B_INT8:
    case MP_B_INT8 + 1:
    case MP_B_INT8 + 2:
    case MP_B_INT8 + 3:
        return take_int(in, 1u << (first - MP_B_INT8), true, value);
    case MP_B_FIXEXT1:
    case MP_B_FIXEXT1 + 1:
    case MP_B_FIXEXT1 + 2:
    case MP_B_FIXEXT1 + 3:
    case MP_B_FIXEXT1 + 4:
        in->at++;
        return take_ext(in, 1u << (first - MP_B_FIXEXT1), value);
    case MP_B_STR8:
    case MP_B_STR8 + 1:
    case MP_B_STR8 + 2:
        return take_sized(in, 1u << (first - MP_B_STR8), MP_STR, value);
    case MP_B_ARRAY16:
    case MP_B_ARRAY16 + 1:
        return take_count(in, 2u << (first - MP_B_ARRAY16), MP_ARRAY, value);
    case MP_B_MAP16:
    case MP_B_MAP16 + 1:
        return take_count(in, 2u << (first - MP_B_MAP16), MP_MAP, value);
    default: /* MP_B_NEVER */
        return false;
    }
}

bool mp_next(mp_cursor_t *in, mp_value_t *value)
{
    if (in->at == in->end)
        return false;
    mp_cursor_t try = *in;
    uint8_t first = *try.at;
    if (first < MP_B_FIXMAP) {
        value->type = MP_UINT;
        value->u64 = first;
        try.at++;
    } else if (first < MP_B_FIXARRAY) {
        value->type = MP_MAP;
        value->count = first & 0x0fu;
        try.at++;
    } else if (first < MP_B_FIXSTR) {
        value->type = MP_ARRAY;
        value->count = first & 0x0fu;
        try.at++;
    } else if (first < MP_B_NIL) {
        value->type = MP_STR;
        try.at++;
        if (!take_bytes(&try, first & 0x1fu, value))
            return false;
    } else if (first >= MP_B_NEGFIX) {
        value->type = MP_INT;
        value->i64 = (int8_t)first;
        try.at++;
    } else if (!next_tagged(&try, first, value)) {
        return false;
    }
    *in = try;
    return true;
}

/* Nearly all that stands in an event has one of the short forms: names and texts up to 255 bytes,
 * small numbers, nil, true, false.
 *  @param text  receives where its bytes begin, of a string; NULL of any other value.
 *  @return how long it is with its head; 0: it has another form, or is cut short. */
static inline size_t short_form(const mp_cursor_t *in, const uint8_t **text)
{
    size_t left = (size_t)(in->end - in->at), head = 1, len = 0;
    uint8_t first = left > 0 ? *in->at : MP_B_FIXMAP;
    *text = NULL;
    if (first >= MP_B_FIXSTR && first < MP_B_NIL) {
        len = first & 0x1fu;
    } else if (first == MP_B_STR8 && left > 1) {
        head = 2;
        len = in->at[1];
    } else if (first < MP_B_FIXMAP || first >= MP_B_NEGFIX || first == MP_B_NIL ||
               first == MP_B_FALSE || first == MP_B_TRUE) {
        return 1;
    } else {
        return 0;
    }
    *text = in->at + head;
    return head + len <= left ? head + len : 0;
}

/* Walks without recursion: the stack holds how many values each open container still owes. */
static bool skip_any(mp_cursor_t *in)
{
    uint64_t owed[MP_DEPTH_MAX + 1];
    unsigned depth = 0;
    mp_cursor_t try = *in;
    owed[0] = 1;
    for (;;) {
        while (owed[depth] == 0) {
            if (depth == 0) {
                *in = try;
                return true;
            }
            depth--;
        }
        owed[depth]--;
        mp_value_t value;
        if (!mp_next(&try, &value))
            return false;
        if (value.type != MP_ARRAY && value.type != MP_MAP)
            continue;
        uint64_t count = value.type == MP_MAP ? 2 * (uint64_t)value.count : value.count;
        if (count > (uint64_t)(try.end - try.at)) /* a value is a byte at least */
            return false;
        if (depth == MP_DEPTH_MAX)
            return false;
        owed[++depth] = count;
    }
}

bool mp_skip(mp_cursor_t *in)
{
    const uint8_t *text;
    size_t len = short_form(in, &text);
    if (len == 0)
        return skip_any(in);
    in->at += len;
    return true;
}

static inline bool get_typed(mp_cursor_t *in, mp_type_t type, mp_value_t *value)
{
    mp_cursor_t try = *in;
    if (!mp_next(&try, value) || value->type != type)
        return false;
    *in = try;
    return true;
}

bool mp_get_nil(mp_cursor_t *in)
{
    mp_value_t value;
    return get_typed(in, MP_NIL, &value);
}

bool mp_get_uint(mp_cursor_t *in, uint64_t *number)
{
    mp_value_t value;
    if (!get_typed(in, MP_UINT, &value))
        return false;
    *number = value.u64;
    return true;
}

bool mp_get_str(mp_cursor_t *in, const char **text, uint32_t *len)
{
    mp_value_t value;
    const uint8_t *begin;
    size_t whole = short_form(in, &begin);
    if (whole > 0 && begin != NULL) {
        in->at += whole;
        *text = (const char *)begin;
        *len = (uint32_t)(in->at - begin);
        return true;
    }
    if (!get_typed(in, MP_STR, &value))
        return false;
    *text = (const char *)value.bytes.data;
    *len = value.bytes.len;
    return true;
}

bool mp_get_bin(mp_cursor_t *in, const uint8_t **bytes, uint32_t *len)
{
    mp_value_t value;
    if (!get_typed(in, MP_BIN, &value))
        return false;
    *bytes = value.bytes.data;
    *len = value.bytes.len;
    return true;
}

bool mp_get_array(mp_cursor_t *in, uint32_t *count)
{
    mp_value_t value;
    if (!get_typed(in, MP_ARRAY, &value))
        return false;
    *count = value.count;
    return true;
}

bool mp_get_map(mp_cursor_t *in, uint32_t *count)
{
    mp_value_t value;
    if (!get_typed(in, MP_MAP, &value))
        return false;
    *count = value.count;
    return true;
}

/* query_cursor.c - the messages of CURSOR.OPEN, COMMIT, RESET and DROP. */
#include "wire/query.h"

#include "wire_impl.h"

bool wire_cursor_name_valid(const char *name, size_t len)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._:-";
    for (size_t i = 0; i < len; i++)
        if (memchr(allowed, name[i], sizeof allowed - 1) == NULL)
            return false;
    return len > 0 && len <= WIRE_CURSOR_NAME_MAX;
}

void wire_put_cursor_open(sl_buf_t *out, uint64_t request, const wire_cursor_open_t *open)
{
    wire_put_query(out, WIRE_QUERY_CURSOR_OPEN, request, 2);
    mp_put_str(out, open->name, open->name_len);
    if (open->keep)
        mp_put_nil(out);
    else
        wire_put_texts(out, open->patterns);
}

sl_err wire_cursor_open_decode(wire_cursor_open_t *open, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    *open = (wire_cursor_open_t){0};
    if (!wire_msg_str(&in, &open->name, &open->name_len) || in.left == 0)
        return SL_EPROTO;
    open->keep = mp_get_nil(&in.in);
    return open->keep || wire_msg_texts(&in, &open->patterns) ? SL_OK : SL_EPROTO;
}

void wire_put_cursor_opened(sl_buf_t *out, uint64_t request, const wire_cursor_opened_t *opened)
{
    wire_put_query(out, WIRE_QUERY_CURSOR_OPEN, request, 4);
    mp_put_uint(out, opened->generation);
    if (opened->placed) {
        mp_put_uint(out, opened->stream);
        mp_put_uint(out, opened->number);
    } else {
        mp_put_nil(out);
        mp_put_nil(out);
    }
    if (opened->known)
        wire_put_texts(out, opened->patterns);
    else
        mp_put_nil(out);
}

/* Both a number, or both nil. */
static bool decode_place(wire_msg_t *in, wire_cursor_opened_t *opened)
{
    if (in->left < 2)
        return false;
    opened->placed = !mp_get_nil(&in->in);
    if (opened->placed)
        return wire_msg_u64(in, &opened->stream) && wire_msg_u64(in, &opened->number);
    in->left -= 2;
    return mp_get_nil(&in->in);
}

sl_err wire_cursor_opened_decode(wire_cursor_opened_t *opened, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    *opened = (wire_cursor_opened_t){0};
    if (!wire_msg_u64(&in, &opened->generation) || !decode_place(&in, opened) || in.left == 0)
        return SL_EPROTO;
    opened->known = !mp_get_nil(&in.in);
    return !opened->known || wire_msg_texts(&in, &opened->patterns) ? SL_OK : SL_EPROTO;
}

void wire_put_cursor_place(sl_buf_t *out, wire_query_type_t type, uint64_t request,
                           const wire_cursor_place_t *place)
{
    wire_put_query(out, type, request, 4);
    mp_put_str(out, place->name, place->name_len);
    mp_put_uint(out, place->generation);
    mp_put_uint(out, place->stream);
    mp_put_uint(out, place->number);
}

sl_err wire_cursor_place_decode(wire_cursor_place_t *place, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_str(&in, &place->name, &place->name_len) &&
                   wire_msg_u64(&in, &place->generation) && wire_msg_u64(&in, &place->stream) &&
                   wire_msg_u64(&in, &place->number)
               ? SL_OK
               : SL_EPROTO;
}

void wire_put_cursor_placed(sl_buf_t *out, wire_query_type_t type, uint64_t request,
                            const wire_cursor_placed_t *placed)
{
    wire_put_query(out, type, request, 1);
    mp_put_uint(out, placed->number);
}

sl_err wire_cursor_placed_decode(wire_cursor_placed_t *placed, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_u64(&in, &placed->number) ? SL_OK : SL_EPROTO;
}

void wire_put_cursor_drop(sl_buf_t *out, uint64_t request, const wire_cursor_drop_t *drop)
{
    wire_put_query(out, WIRE_QUERY_CURSOR_DROP, request, 1);
    mp_put_str(out, drop->name, drop->name_len);
}

sl_err wire_cursor_drop_decode(wire_cursor_drop_t *drop, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    return wire_msg_str(&in, &drop->name, &drop->name_len) ? SL_OK : SL_EPROTO;
}

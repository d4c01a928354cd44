#include "wire/query.h"

#include "wire_impl.h"

static const char *const types[] = {
    [WIRE_QUERY_TICK] = "TICK",
    [WIRE_QUERY_STATUS] = "STATUS",
    [WIRE_QUERY_ERROR] = "ERROR",
};

void wire_put_query(sl_buf_t *out, wire_query_type_t type, uint64_t request, uint32_t more)
{
    wire_msg_begin(out, 3 + more, types[type], request);
}

void wire_put_query_error(sl_buf_t *out, uint64_t request, const char *code, const char *text)
{
    wire_put_query(out, WIRE_QUERY_ERROR, request, 2);
    mp_put_str(out, code, strlen(code));
    mp_put_str(out, text, strlen(text));
}

sl_err wire_query_decode(wire_query_t *msg, const void *frame, size_t len)
{
    wire_msg_t in;
    sl_err err = wire_msg_open(&in, frame, len);
    msg->request = in.request;
    if (err != SL_OK)
        return err;
    msg->rest = in.in.at;
    msg->rest_len = (uint32_t)(in.in.end - in.in.at);
    if (!wire_msg_close(&in))
        return SL_EPROTO;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (wire_msg_is(&in, types[i])) {
            msg->type = (wire_query_type_t)i;
            return SL_OK;
        }
    }
    return SL_ENOENT;
}

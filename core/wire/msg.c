#include "wire_impl.h"

sl_err wire_msg_open(wire_msg_t *msg, const void *frame, size_t len)
{
    uint64_t version;
    *msg = (wire_msg_t){.in = mp_cursor(frame, len)};
    if (!mp_get_array(&msg->in, &msg->left) || msg->left == 0)
        return SL_EPROTO;
    if (!wire_msg_u64(msg, &version))
        return SL_EPROTO;
    bool complete =
        wire_msg_str(msg, &msg->type, &msg->type_len) && wire_msg_u64(msg, &msg->request);
    if (version != WIRE_VERSION)
        return SL_EVERSION;
    return complete ? SL_OK : SL_EPROTO;
}

bool wire_msg_close(wire_msg_t *msg)
{
    for (; msg->left > 0; msg->left--)
        if (!mp_skip(&msg->in))
            return false;
    return msg->in.at == msg->in.end;
}

bool wire_msg_is(const wire_msg_t *msg, const char *type)
{
    size_t len = strlen(type);
    return msg->type_len == len && memcmp(msg->type, type, len) == 0;
}

bool wire_msg_u64(wire_msg_t *msg, uint64_t *value)
{
    if (msg->left == 0 || !mp_get_uint(&msg->in, value))
        return false;
    msg->left--;
    return true;
}

bool wire_msg_u32(wire_msg_t *msg, uint32_t *value)
{
    uint64_t wide;
    if (!wire_msg_u64(msg, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool wire_msg_str(wire_msg_t *msg, const char **text, uint32_t *len)
{
    if (msg->left == 0 || !mp_get_str(&msg->in, text, len))
        return false;
    msg->left--;
    return true;
}

bool wire_msg_bin(wire_msg_t *msg, const uint8_t **bytes, uint32_t *len)
{
    if (msg->left == 0 || !mp_get_bin(&msg->in, bytes, len))
        return false;
    msg->left--;
    return true;
}

bool wire_msg_bin_or_nil(wire_msg_t *msg, const uint8_t **bytes, uint32_t *len)
{
    if (msg->left == 0 || !mp_get_nil(&msg->in))
        return wire_msg_bin(msg, bytes, len);
    msg->left--;
    *bytes = NULL;
    *len = 0;
    return true;
}

bool wire_msg_u64_or_nil(wire_msg_t *msg, uint64_t *value, uint64_t none)
{
    if (msg->left == 0 || !mp_get_nil(&msg->in))
        return wire_msg_u64(msg, value);
    msg->left--;
    *value = none;
    return true;
}

void wire_msg_begin(sl_buf_t *out, uint32_t elements, const char *type, uint64_t request)
{
    mp_put_array(out, elements);
    mp_put_uint(out, WIRE_VERSION);
    mp_put_str(out, type, strlen(type));
    mp_put_uint(out, request);
}

#include "wire/query.h"

#include "wire/topic.h"
#include "wire_impl.h"

static const char *const types[] = {
#define X(name, text) text,
    WIRE_QUERY_MAP(X)
#undef X
};

static const struct {
    const char *name, *text;
    bool again;
} codes[] = {
#define X(name, again, text) {#name, text, again},
    WIRE_CODE_MAP(X)
#undef X
        {"UNKNOWN", "a reason this version does not know", false},
};

const char *wire_query_name(wire_query_type_t type)
{
    return types[type];
}

const char *wire_code_name(wire_code_t code)
{
    return codes[code].name;
}

const char *wire_code_text(wire_code_t code)
{
    return codes[code].text;
}

bool wire_code_again(wire_code_t code)
{
    return codes[code].again;
}

/* -- any message ----------------------------------------------------------------------------- */

void wire_put_query(sl_buf_t *out, wire_query_type_t type, uint64_t request, uint32_t more)
{
    wire_msg_begin(out, 3 + more, types[type], request);
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
    msg->rest_count = in.left;
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

wire_msg_t wire_query_rest(const wire_query_t *msg)
{
    return (wire_msg_t){.in = mp_cursor(msg->rest, msg->rest_len), .left = msg->rest_count};
}

void wire_put_query_error(sl_buf_t *out, uint64_t request, wire_code_t code, const char *text)
{
    if (text == NULL)
        text = wire_code_text(code);
    wire_put_query(out, WIRE_QUERY_ERROR, request, 2);
    mp_put_str(out, wire_code_name(code), strlen(wire_code_name(code)));
    mp_put_str(out, text, strlen(text));
}

static wire_code_t code_of(const char *name, uint32_t len)
{
    int code = 0;
    while (code < WIRE_CODE_UNKNOWN &&
           (strlen(codes[code].name) != len || memcmp(codes[code].name, name, len) != 0))
        code++;
    return (wire_code_t)code;
}

sl_err wire_query_error_decode(wire_query_error_t *error, const wire_query_t *msg)
{
    wire_msg_t in = wire_query_rest(msg);
    const char *code;
    uint32_t code_len;
    if (!wire_msg_str(&in, &code, &code_len) || !wire_msg_str(&in, &error->text, &error->text_len))
        return SL_EPROTO;
    error->code = code_of(code, code_len);
    return SL_OK;
}

/* -- texts ----------------------------------------------------------------------------------- */

void wire_texts_put(sl_buf_t *out, const char *text, size_t len)
{
    mp_put_str(out, text, len);
}

bool wire_texts_next(wire_texts_t *texts, const char **text, uint32_t *len)
{
    if (texts->count == 0) /* and perhaps data is NULL */
        return false;
    mp_cursor_t in = mp_cursor(texts->data, texts->len);
    if (!mp_get_str(&in, text, len))
        return false;
    texts->len = (uint32_t)(in.end - in.at);
    texts->data = in.at;
    texts->count--;
    return true;
}

bool wire_prefixes_match(wire_texts_t prefixes, const char *topic, size_t len)
{
    const char *prefix;
    uint32_t prefix_len;
    if (len == 0 || topic[0] == '~')
        return false;
    while (wire_texts_next(&prefixes, &prefix, &prefix_len)) {
        if (prefix_len == 0 ? topic[0] != '$'
                            : prefix_len <= len && memcmp(prefix, topic, prefix_len) == 0)
            return true;
    }
    return false;
}

void wire_put_texts(sl_buf_t *out, wire_texts_t texts)
{
    mp_put_array(out, texts.count);
    sl_buf_append(out, texts.data, texts.len);
}

bool wire_msg_texts(wire_msg_t *msg, wire_texts_t *texts)
{
    uint32_t count, len;
    const char *text;
    if (msg->left == 0 || !mp_get_array(&msg->in, &count))
        return false;
    const uint8_t *start = msg->in.at;
    for (uint32_t i = 0; i < count; i++)
        if (!mp_get_str(&msg->in, &text, &len))
            return false;
    *texts = (wire_texts_t){start, (uint32_t)(msg->in.at - start), count};
    msg->left--;
    return true;
}

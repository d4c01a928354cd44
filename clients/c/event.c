/* event.c - the event reader and writer behind sluice.h. */
#include "sluice.h"

#include "event/reader.h"
#include "event/writer.h"

#include <string.h>

static const sluice_type type_of[] = {
    [MP_NIL] = SLUICE_NIL,   [MP_BOOL] = SLUICE_BOOL,    [MP_UINT] = SLUICE_UINT,
    [MP_INT] = SLUICE_INT,   [MP_DOUBLE] = SLUICE_FLOAT, [MP_STR] = SLUICE_STR,
    [MP_BIN] = SLUICE_BIN,   [MP_ARRAY] = SLUICE_ARRAY,  [MP_MAP] = SLUICE_MAP,
    [MP_TIME] = SLUICE_TIME, [MP_EXT] = SLUICE_EXT,
};

static void fill(sluice_value_t *out, const mp_value_t *value, const mp_cursor_t *raw)
{
    *out = (sluice_value_t){
        .type = type_of[value->type], .raw = raw->at, .raw_len = (size_t)(raw->end - raw->at)};
    switch (value->type) {
    case MP_BOOL:
        out->boolean = value->boolean;
        break;
    case MP_UINT:
        out->u64 = value->u64;
        break;
    case MP_INT:
        out->i64 = value->i64;
        break;
    case MP_DOUBLE:
        out->f64 = value->dbl;
        break;
    case MP_STR:
    case MP_BIN:
        out->str.data = (const char *)value->bytes.data;
        out->str.len = value->bytes.len;
        break;
    case MP_TIME:
        out->time.sec = value->time.sec;
        out->time.nsec = value->time.nsec;
        break;
    case MP_NIL:
    case MP_ARRAY:
    case MP_MAP:
    case MP_EXT:
        break; /* raw says it all */
    }
}

sluice_err sluice_event_get(const void *event, size_t len, const char *field, sluice_value_t *value)
{
    mp_value_t found;
    mp_cursor_t raw;
    if (event_find(event, len, field, strlen(field), &found, &raw)) {
        fill(value, &found, &raw);
        return SLUICE_OK;
    }
    mp_cursor_t in = mp_cursor(event, len); /* not there, or not an event? */
    mp_cursor_t head = in;
    uint32_t pairs;
    return mp_get_map(&head, &pairs) && mp_skip(&in) && in.at == in.end ? SLUICE_ENOENT
                                                                        : SLUICE_EPROTO;
}

sluice_err sluice_event_json(const void *event, size_t len, char **json)
{
    sl_buf_t out = SL_BUF_INIT;
    sl_err err = event_write_json(&out, event, len);
    if (err == SL_OK)
        err = sl_buf_append_byte(&out, '\0');
    if (err != SL_OK) {
        sl_buf_fini(&out);
        return (sluice_err)err;
    }
    size_t json_len;
    *json = (char *)sl_buf_take(&out, &json_len);
    return SLUICE_OK;
}

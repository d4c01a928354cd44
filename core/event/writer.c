#include "event/writer.h"

#include "event/reader.h"
#include "json_put.h"

#define PUT_LIT(out, literal) sl_buf_append((out), (literal), sizeof(literal) - 1)

/* What was appended since `start` stays only when all went well. */
static sl_err settle(sl_buf_t *out, size_t start, bool well_formed)
{
    if (well_formed && !out->failed)
        return SL_OK;
    out->len = start;
    return out->failed ? SL_ENOMEM : SL_EPROTO;
}

/* Is it one msgpack map, and nothing behind it? */
static bool is_one_map(const void *event, size_t len)
{
    mp_cursor_t head = mp_cursor(event, len), whole = head;
    uint32_t count;
    return mp_get_map(&head, &count) && mp_skip(&whole) && whole.at == whole.end;
}

sl_err event_write_json(sl_buf_t *out, const void *event, size_t len)
{
    size_t start = out->len;
    mp_cursor_t in = mp_cursor(event, len);
    return settle(out, start, is_one_map(event, len) && json_put_value(out, &in));
}

/* -- CloudEvents ------------------------------------------------------------------------------ */

/* The members that become attributes. */
#define ATTRIBUTE_MAP(X)    \
    X(category, "Category") \
    X(event, "Event")       \
    X(id, "id")             \
    X(source, "source")     \
    X(time, "time")         \
    X(job, "JobId")         \
    X(cluster, "ClusterId")

#define X(member, name) ATTRIBUTE_##member,
typedef enum { ATTRIBUTE_MAP(X) ATTRIBUTE_COUNT } attribute_t;
#undef X

static attribute_t attribute_find(const char *name, size_t len)
{
#define X(member, text)                                                     \
    if (len == sizeof text - 1 && memcmp(name, text, sizeof text - 1) == 0) \
        return ATTRIBUTE_##member;
    ATTRIBUTE_MAP(X)
#undef X
    return ATTRIBUTE_COUNT;
}

static bool is_context(attribute_t attribute)
{
    return attribute == ATTRIBUTE_id || attribute == ATTRIBUTE_source ||
           attribute == ATTRIBUTE_time;
}

/* Finds the attributes' values; MP_NIL for those that the event lacks. */
static bool find_attributes(const void *event, size_t len, mp_value_t values[ATTRIBUTE_COUNT])
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    memset(values, 0, ATTRIBUTE_COUNT * sizeof *values);
    event_iter_t iter = event_fields(event, len);
    while (event_next_field(&iter, &name, &name_len, &raw)) {
        attribute_t attribute = attribute_find(name, name_len);
        if (attribute < ATTRIBUTE_COUNT)
            mp_next(&raw, &values[attribute]);
    }
    return !iter.bad;
}

static bool is_text(const mp_value_t *value)
{
    return value->type == MP_STR && value->bytes.len > 0;
}

static void put_text(sl_buf_t *out, const mp_value_t *value)
{
    json_put_str(out, value->bytes.data, value->bytes.len);
}

static void put_type(sl_buf_t *out, const mp_value_t *category, const mp_value_t *event)
{
    PUT_LIT(out, "\"com.aliyun.batchcompute.");
    json_put_chars(out, category->bytes.data, category->bytes.len);
    sl_buf_append_byte(out, '.');
    json_put_chars(out, event->bytes.data, event->bytes.len);
    sl_buf_append_byte(out, '"');
}

/* The fields of the body: all but id, source and time. */
static bool put_data(sl_buf_t *out, const void *event, size_t len)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    const char *comma = "";
    event_iter_t iter = event_fields(event, len);
    sl_buf_append_byte(out, '{');
    while (event_next_field(&iter, &name, &name_len, &raw)) {
        if (is_context(attribute_find(name, name_len)))
            continue;
        sl_buf_append_str(out, comma);
        json_put_str(out, name, name_len);
        sl_buf_append_byte(out, ':');
        if (!json_put_value(out, &raw))
            return false;
        comma = ",";
    }
    sl_buf_append_byte(out, '}');
    return true;
}

static bool put_cloudevent(sl_buf_t *out, const void *event, size_t len)
{
    mp_value_t v[ATTRIBUTE_COUNT];
    if (!is_one_map(event, len) || !find_attributes(event, len, v) ||
        !is_text(&v[ATTRIBUTE_category]) || !is_text(&v[ATTRIBUTE_event]) ||
        !is_text(&v[ATTRIBUTE_id]) || !is_text(&v[ATTRIBUTE_source]))
        return false;
    PUT_LIT(out, "{\"specversion\":\"1.0\",\"id\":");
    put_text(out, &v[ATTRIBUTE_id]);
    PUT_LIT(out, ",\"source\":");
    put_text(out, &v[ATTRIBUTE_source]);
    PUT_LIT(out, ",\"type\":");
    put_type(out, &v[ATTRIBUTE_category], &v[ATTRIBUTE_event]);
    const mp_value_t *subject =
        is_text(&v[ATTRIBUTE_job]) ? &v[ATTRIBUTE_job] : &v[ATTRIBUTE_cluster];
    if (is_text(subject)) {
        PUT_LIT(out, ",\"subject\":");
        put_text(out, subject);
    }
    if (v[ATTRIBUTE_time].type == MP_TIME) {
        PUT_LIT(out, ",\"time\":");
        json_put_time(out, v[ATTRIBUTE_time].time.sec, v[ATTRIBUTE_time].time.nsec);
    }
    PUT_LIT(out, ",\"datacontenttype\":\"application/json\",\"data\":");
    if (!put_data(out, event, len))
        return false;
    sl_buf_append_byte(out, '}');
    return true;
}

sl_err event_write_cloudevent(sl_buf_t *out, const void *event, size_t len)
{
    size_t start = out->len;
    return settle(out, start, put_cloudevent(out, event, len));
}

#include "format.h"

#include "text.h"

#include "base/mp.h"
#include "event/reader.h"
#include "event/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { PRETTY_VALUE_MAX = 100, PRETTY_TOPIC_COLUMNS = 24 };

/* -- colour -------------------------------------------------------------------------------- */

static void paint(sl_buf_t *out, const format_t *format, const char *colour)
{
    if (format->colour)
        sl_buf_printf(out, "\033[%sm", colour);
}

/* By how the topic ends: what went wrong should be seen first. */
static const char *topic_colour(const char *topic, size_t len)
{
    static const struct {
        const char *end, *colour;
    } rows[] = {{"Failed", "1;31"}, {"Finished", "32"}, {"Running", "36"}, {"Active", "36"},
                {"Stopped", "33"},  {"Deleted", "33"},  {"Waiting", "2"},  {"Created", "2"}};
    if (len > 0 && *topic == '$')
        return "1;35";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t end = strlen(rows[i].end);
        if (len >= end && memcmp(topic + len - end, rows[i].end, end) == 0)
            return rows[i].colour;
    }
    return "1";
}

/* -- json ---------------------------------------------------------------------------------- */

/* A value is written as a map's only one, and the map's own bytes are cut off again. */
sl_err format_value(sl_buf_t *out, const void *value, size_t len)
{
    sl_buf_t map = SL_BUF_INIT;
    size_t before = out->len;
    mp_put_map(&map, 1);
    mp_put_lit(&map, "");
    sl_buf_append(&map, value, len);
    sl_err err = map.failed ? SL_ENOMEM : event_write_json(out, map.data, map.len);
    sl_buf_fini(&map);
    if (err != SL_OK)
        return err;
    const size_t head = strlen("{\"\":"), tail = strlen("}");
    size_t kept = out->len - before - head - tail;
    memmove(out->data + before, out->data + before + head, kept);
    out->len = before + kept;
    return SL_OK;
}

/* {"$topic":…,"$number":…,"$prev":…,"$stream":…  and then the event's own members. */
static sl_err write_numbered(sl_buf_t *out, const sluice_item_t *item)
{
    sl_buf_t map = SL_BUF_INIT;
    size_t before = out->len;
    mp_put_map(&map, 4);
    mp_put_lit(&map, "$topic");
    mp_put_str(&map, item->topic, item->topic_len);
    mp_put_lit(&map, "$number");
    mp_put_uint(&map, item->number);
    mp_put_lit(&map, "$prev");
    mp_put_uint(&map, item->prev);
    mp_put_lit(&map, "$stream");
    mp_put_uint(&map, item->stream);
    sl_err err = map.failed ? SL_ENOMEM : event_write_json(out, map.data, map.len);
    sl_buf_fini(&map);
    if (err != SL_OK)
        return err;
    size_t joint = out->len - 1; /* the } that becomes a comma, if the event has members */
    err = event_write_json(out, item->data, item->len);
    if (err != SL_OK) {
        out->len = before;
        return err;
    }
    bool empty = out->data[joint + 2] == '}';
    memmove(out->data + joint + 1, out->data + joint + 2, out->len - joint - 2);
    out->data[joint] = ',';
    out->len--;
    if (empty) {
        memmove(out->data + joint, out->data + joint + 1, out->len - joint - 1);
        out->len--;
    }
    return SL_OK;
}

/* -- pretty -------------------------------------------------------------------------------- */

/* Appends " Key=value", unless there is nothing to say. */
static sl_err pretty_field(sl_buf_t *out, const format_t *format, const char *name, size_t name_len,
                           mp_cursor_t raw, sl_buf_t *scratch)
{
    sl_buf_clear(scratch);
    sl_err err = format_value(scratch, raw.at, (size_t)(raw.end - raw.at));
    if (err != SL_OK)
        return err;
    const char *text = (const char *)scratch->data;
    size_t len = scratch->len;
    if ((len == 4 && memcmp(text, "null", 4) == 0) || (len == 2 && memcmp(text, "\"\"", 2) == 0))
        return SL_OK;
    if (*text == '"' && memchr(text, '\\', len) == NULL && memchr(text, ' ', len) == NULL) {
        text++;
        len -= 2;
    }
    size_t shown = text_cut(text, len, PRETTY_VALUE_MAX);
    sl_buf_append_byte(out, ' ');
    paint(out, format, "2");
    text_clean(out, name, text_cut(name, name_len, PRETTY_VALUE_MAX));
    sl_buf_append_byte(out, '=');
    paint(out, format, "0");
    text_clean(out, text, shown);
    if (shown < len)
        sl_buf_append_str(out, "…");
    return SL_OK;
}

/* What the line's beginning says already. */
static bool is_context(const char *name, size_t len)
{
    static const char *const names[] = {"Category", "Event", "id", "source", "time"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return false;
}

static void pretty_time(sl_buf_t *out, const sluice_item_t *item)
{
    mp_value_t value;
    int64_t sec = (int64_t)(item->time_ns / 1000000000u);
    uint32_t nsec = (uint32_t)(item->time_ns % 1000000000u);
    if (event_find(item->data, item->len, "time", strlen("time"), &value, NULL) &&
        value.type == MP_TIME) {
        sec = value.time.sec;
        nsec = value.time.nsec;
    }
    struct tm tm;
    char text[16] = "--:--:--";
    if (gmtime_r(&(time_t){(time_t)sec}, &tm) != NULL)
        strftime(text, sizeof text, "%H:%M:%S", &tm);
    sl_buf_printf(out, "%s.%03u", text, nsec / 1000000u);
}

static sl_err write_pretty(sl_buf_t *out, const format_t *format, const sluice_item_t *item)
{
    sl_buf_t scratch = SL_BUF_INIT;
    sl_err err = SL_OK;
    paint(out, format, "2");
    pretty_time(out, item);
    sl_buf_printf(out, " #%-8" PRIu64 " ", item->number);
    paint(out, format, "0");
    paint(out, format, topic_colour(item->topic, item->topic_len));
    text_clean(out, item->topic, item->topic_len);
    paint(out, format, "0");
    for (size_t at = item->topic_len; at < PRETTY_TOPIC_COLUMNS; at++)
        sl_buf_append_byte(out, ' ');
    event_iter_t fields = event_fields(item->data, item->len);
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    while (err == SL_OK && event_next_field(&fields, &name, &name_len, &raw))
        if (!is_context(name, name_len))
            err = pretty_field(out, format, name, name_len, raw, &scratch);
    sl_buf_fini(&scratch);
    return err == SL_OK && fields.bad ? SL_EPROTO : err;
}

/* -- all ----------------------------------------------------------------------------------- */

static sl_err write_event(sl_buf_t *out, const format_t *format, const sluice_item_t *item)
{
    switch (format->kind) {
    case FORMAT_MSGPACK:
        return sl_buf_append(out, item->data, item->len);
    case FORMAT_CLOUDEVENTS:
        return event_write_cloudevent(out, item->data, item->len);
    case FORMAT_PRETTY:
        return write_pretty(out, format, item);
    default:
        return format->numbers ? write_numbered(out, item)
                               : event_write_json(out, item->data, item->len);
    }
}

sl_err format_event(sl_buf_t *out, const format_t *format, const sluice_item_t *item)
{
    size_t before = out->len;
    sl_err err = write_event(out, format, item);
    if (err == SL_OK && format->kind != FORMAT_MSGPACK)
        sl_buf_append_byte(out, '\n');
    if (err == SL_OK && out->failed)
        err = SL_ENOMEM;
    if (err != SL_OK)
        out->len = before;
    return err;
}

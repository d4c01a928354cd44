#include "status_view.h"

#include "cursors.h"
#include "units.h"

#include "base/mp.h"
#include "event/reader.h"

#include <inttypes.h>

/* A map under way: its pairs, and how many. */
typedef struct view {
    const void *status;
    size_t len;
    sl_buf_t pairs;
    uint32_t count;
    sl_buf_t text; /**< of the pair being made */
} view_t;

/* -- reading ------------------------------------------------------------------------------- */

static bool find(const void *map, size_t len, const char *name, mp_type_t type, mp_cursor_t *raw,
                 mp_value_t *value)
{
    return event_find(map, len, name, strlen(name), value, raw) && value->type == type;
}

static uint64_t number_in(mp_cursor_t map, const char *name)
{
    mp_value_t value;
    return find(map.at, (size_t)(map.end - map.at), name, MP_UINT, NULL, &value) ? value.u64 : 0;
}

static bool has(mp_cursor_t map, const char *name)
{
    mp_value_t value;
    return find(map.at, (size_t)(map.end - map.at), name, MP_UINT, NULL, &value);
}

static uint64_t number(const view_t *view, const char *name)
{
    return number_in(mp_cursor(view->status, view->len), name);
}

static bool sub_map(const view_t *view, const char *name, mp_cursor_t *raw)
{
    mp_value_t value;
    return find(view->status, view->len, name, MP_MAP, raw, &value);
}

static void put_str_of(sl_buf_t *out, mp_cursor_t map, const char *name)
{
    mp_value_t value;
    if (find(map.at, (size_t)(map.end - map.at), name, MP_STR, NULL, &value))
        sl_buf_append(out, value.bytes.data, value.bytes.len);
}

/* -- writing ------------------------------------------------------------------------------- */

static void put_key(sl_buf_t *out, uint32_t *count, const char *name)
{
    mp_put_str(out, name, strlen(name));
    ++*count;
}

/* Takes view->text as the value of a pair. */
static void put_text(view_t *view, sl_buf_t *out, uint32_t *count, const char *name)
{
    put_key(out, count, name);
    mp_put_str(out, (const char *)view->text.data, view->text.len);
    out->failed = out->failed || view->text.failed;
    sl_buf_clear(&view->text);
}

static void put_number(sl_buf_t *out, uint32_t *count, const char *name, uint64_t value)
{
    put_key(out, count, name);
    mp_put_uint(out, value);
}

/* A number that the broker tells, under a name for people. */
static void put_number_of(sl_buf_t *out, uint32_t *count, mp_cursor_t map, const char *key,
                          const char *name)
{
    if (has(map, key))
        put_number(out, count, name, number_in(map, key));
}

/* A map that was made on the side becomes a pair of the view. */
static void put_map(view_t *view, const char *name, sl_buf_t *pairs, uint32_t count)
{
    put_key(&view->pairs, &view->count, name);
    mp_put_map(&view->pairs, count);
    sl_buf_append(&view->pairs, pairs->data, pairs->len);
    view->pairs.failed = view->pairs.failed || pairs->failed;
    sl_buf_fini(pairs);
}

/* -- the broker ---------------------------------------------------------------------------- */

static void put_broker(view_t *view)
{
    mp_cursor_t map = mp_cursor(view->status, view->len);
    sl_buf_t *text = &view->text;
    mp_value_t value;
    if (!find(view->status, view->len, "name", MP_STR, NULL, &value))
        return; /* a journal without a broker */
    put_str_of(text, map, "name");
    sl_buf_append_byte(text, ' ');
    put_str_of(text, map, "version");
    sl_buf_append_str(text, ", durability ");
    put_str_of(text, map, "durability");
    sl_buf_append_str(text, ", up ");
    units_span_ms(text, number(view, "uptime_ms"));
    put_text(view, &view->pairs, &view->count, "broker");
}

static void put_stream(view_t *view)
{
    put_number(&view->pairs, &view->count, "stream", number(view, "stream"));
    put_number(&view->pairs, &view->count, "next", number(view, "next"));
}

/* [[stream, last], …] becomes a table. */
static void put_parents(view_t *view)
{
    mp_cursor_t raw;
    mp_value_t value;
    uint32_t count, pair;
    if (!find(view->status, view->len, "parents", MP_ARRAY, &raw, &value) || value.count == 0)
        return;
    mp_get_array(&raw, &count);
    put_key(&view->pairs, &view->count, "parents");
    mp_put_array(&view->pairs, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t stream = 0, last = 0;
        mp_cursor_t in = raw;
        if (mp_get_array(&in, &pair) && pair >= 2 && mp_get_uint(&in, &stream))
            mp_get_uint(&in, &last);
        mp_skip(&raw);
        mp_put_map(&view->pairs, 2);
        mp_put_lit(&view->pairs, "stream");
        mp_put_uint(&view->pairs, stream);
        mp_put_lit(&view->pairs, "last");
        mp_put_uint(&view->pairs, last);
    }
}

/* -- the journal --------------------------------------------------------------------------- */

static void text_span(view_t *view, mp_cursor_t map)
{
    sl_buf_t *text = &view->text;
    uint64_t oldest = number_in(map, "oldest"), next = number_in(map, "next");
    if (oldest == 0 || next <= oldest) {
        sl_buf_append_str(text, "none");
        return;
    }
    units_count(text, oldest);
    sl_buf_append_str(text, " to ");
    units_count(text, next - 1);
    sl_buf_append_str(text, " (");
    units_count(text, next - oldest);
    sl_buf_append_str(text, " events in ");
    units_count(text, number_in(map, "records"));
    sl_buf_append_str(text, " batches)");
}

static void text_times(view_t *view, mp_cursor_t map)
{
    uint64_t oldest_ns = number_in(map, "oldest_time_ns");
    uint64_t newest_ns = number_in(map, "newest_time_ns");
    if (newest_ns < oldest_ns) /* does not happen: sealing times never fall */
        newest_ns = oldest_ns;
    units_time_ns(&view->text, oldest_ns);
    sl_buf_append_str(&view->text, " to ");
    units_time_ns(&view->text, newest_ns);
    sl_buf_append_str(&view->text, " (");
    units_span_ms(&view->text, (newest_ns - oldest_ns) / 1000000);
    sl_buf_append_byte(&view->text, ')');
}

static void text_retention(view_t *view, mp_cursor_t map)
{
    uint64_t bytes = number_in(map, "retain_bytes"), age_ms = number_in(map, "retain_age_ms");
    if (bytes > 0)
        units_bytes(&view->text, bytes);
    if (bytes > 0 && age_ms > 0)
        sl_buf_append_str(&view->text, " or ");
    if (age_ms > 0)
        units_span_ms(&view->text, age_ms);
    if (bytes == 0 && age_ms == 0)
        sl_buf_append_str(&view->text, "everything");
}

static void text_file(view_t *view, mp_cursor_t map)
{
    units_bytes(&view->text, number_in(map, "file_bytes"));
    sl_buf_append_str(&view->text, ", ");
    units_bytes(&view->text, number_in(map, "used_bytes"));
    sl_buf_append_str(&view->text, " of a map of ");
    units_bytes(&view->text, number_in(map, "map_bytes"));
    sl_buf_append_str(&view->text, " used");
}

static void put_journal(view_t *view)
{
    sl_buf_t pairs = SL_BUF_INIT;
    uint32_t count = 0;
    mp_cursor_t map;
    if (!sub_map(view, "journal", &map))
        return;
    put_str_of(&view->text, map, "backend");
    put_text(view, &pairs, &count, "kept in");
    text_span(view, map);
    put_text(view, &pairs, &count, "numbers");
    if (number_in(map, "oldest_time_ns") > 0) {
        text_times(view, map);
        put_text(view, &pairs, &count, "sealed");
    }
    units_bytes(&view->text, number_in(map, "bytes"));
    put_text(view, &pairs, &count, "size");
    if (has(map, "retain_bytes")) {
        text_retention(view, map);
        put_text(view, &pairs, &count, "retention");
    }
    if (number_in(map, "map_bytes") > 0) {
        text_file(view, map);
        put_text(view, &pairs, &count, "file");
    }
    put_number_of(&pairs, &count, map, "commits", "commits");
    put_number_of(&pairs, &count, map, "failed_commits", "failed commits");
    put_number_of(&pairs, &count, map, "quarantined", "quarantined");
    put_map(view, "journal", &pairs, count);
}

/* -- duplicates ---------------------------------------------------------------------------- */

static void put_dedup(view_t *view)
{
    sl_buf_t pairs = SL_BUF_INIT, *text = &view->text;
    uint32_t count = 0;
    mp_cursor_t map;
    if (!sub_map(view, "dedup", &map))
        return;
    if (has(map, "window_ms")) {
        units_count(text, number_in(map, "window_events"));
        sl_buf_append_str(text, " events or ");
        units_span_ms(text, number_in(map, "window_ms"));
        put_text(view, &pairs, &count, "window in force");
    }
    units_count(text, number_in(map, "entries"));
    sl_buf_append_str(text, " ids, back to ");
    units_span_ms(text, number_in(map, "reach_ms"));
    sl_buf_append_str(text, " ago");
    put_text(view, &pairs, &count, "held");
    units_count(text, number_in(map, "entries_max"));
    sl_buf_append_str(text, " events or ");
    units_span_ms(text, number_in(map, "age_max_ms"));
    put_text(view, &pairs, &count, "at most");
    units_bytes(text, number_in(map, "memory_bytes"));
    put_text(view, &pairs, &count, "memory");
    put_map(view, "duplicates", &pairs, count);
}

/* -- subscribers, topics ------------------------------------------------------------------- */

static void put_cursor(view_t *view, const cursor_t *cursor)
{
    sl_buf_t pairs = SL_BUF_INIT;
    uint32_t count = 0;
    put_key(&pairs, &count, "name");
    mp_put_str(&pairs, cursor->name, cursor->name_len);
    put_number(&pairs, &count, "lag", cursor->lag);
    put_key(&pairs, &count, "number");
    if (cursor->placed)
        mp_put_uint(&pairs, cursor->number);
    else
        mp_put_nil(&pairs);
    units_span_ms(&view->text, cursor->idle_ms);
    put_text(view, &pairs, &count, "idle");
    put_key(&pairs, &count, "patterns");
    if (cursor->patterns_raw != NULL)
        sl_buf_append(&pairs, cursor->patterns_raw, cursor->patterns_raw_len);
    else
        mp_put_nil(&pairs);
    mp_put_map(&view->pairs, count);
    sl_buf_append(&view->pairs, pairs.data, pairs.len);
    view->pairs.failed = view->pairs.failed || pairs.failed;
    sl_buf_fini(&pairs);
}

static bool put_cursors(view_t *view)
{
    cursors_t cursors;
    cursor_t cursor;
    cursors_open(&cursors, view->status, view->len);
    if (cursors.left == 0)
        return !cursors.bad;
    put_key(&view->pairs, &view->count, "cursors");
    mp_put_array(&view->pairs, cursors.left);
    while (cursors_next(&cursors, &cursor))
        put_cursor(view, &cursor);
    return !cursors.bad;
}

/* topic -> last becomes a table. */
static void put_topics(view_t *view)
{
    mp_cursor_t map;
    uint32_t count;
    if (!sub_map(view, "topics", &map) || !mp_get_map(&map, &count) || count == 0)
        return;
    put_key(&view->pairs, &view->count, "topics");
    mp_put_array(&view->pairs, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *name = map.at;
        mp_skip(&map);
        const uint8_t *last = map.at;
        mp_skip(&map);
        mp_put_map(&view->pairs, 2);
        mp_put_lit(&view->pairs, "topic");
        sl_buf_append(&view->pairs, name, (size_t)(last - name));
        mp_put_lit(&view->pairs, "last");
        sl_buf_append(&view->pairs, last, (size_t)(map.at - last));
    }
}

/* -- all ----------------------------------------------------------------------------------- */

/* What has its place above already. */
static bool is_shown(const char *name, size_t len, bool counters)
{
    static const char *const names[] = {"name",    "version", "durability", "uptime_ms",
                                        "stream",  "next",    "oldest",     "parents",
                                        "journal", "dedup",   "cursors",    "topics"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return !counters && len == strlen("counters") && memcmp(name, "counters", len) == 0;
}

/* What this version has no place for is shown as it is.  False: malformed. */
static bool put_others(view_t *view, bool counters)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    event_iter_t pairs = event_fields(view->status, view->len);
    while (event_next_field(&pairs, &name, &name_len, &raw)) {
        if (is_shown(name, name_len, counters))
            continue;
        view->count++;
        mp_put_str(&view->pairs, name, name_len);
        sl_buf_append(&view->pairs, raw.at, (size_t)(raw.end - raw.at));
    }
    return !pairs.bad;
}

sl_err status_view(sl_buf_t *out, const void *status, size_t len, bool counters)
{
    view_t view = {.status = status};
    mp_cursor_t in = mp_cursor(status, len), head = in;
    uint32_t count;
    if (!mp_get_map(&head, &count) || !mp_skip(&in))
        return SL_EPROTO;
    view.len = (size_t)(in.at - (const uint8_t *)status); /* the answer may have more elements */
    put_broker(&view);
    put_stream(&view);
    put_parents(&view);
    put_journal(&view);
    put_dedup(&view);
    bool sound = put_cursors(&view);
    put_topics(&view);
    sound = put_others(&view, counters) && sound;
    mp_put_map(out, view.count);
    sl_buf_append(out, view.pairs.data, view.pairs.len);
    sl_err err = !sound                                                 ? SL_EPROTO
                 : out->failed || view.pairs.failed || view.text.failed ? SL_ENOMEM
                                                                        : SL_OK;
    sl_buf_fini(&view.pairs);
    sl_buf_fini(&view.text);
    return err;
}

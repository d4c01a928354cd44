#include "cursors.h"

#include "event/reader.h"

bool cursors_ask(cursors_t *cursors, ask_t *ask)
{
    uint64_t request = ask_begin(ask);
    wire_put_query(&ask->question, WIRE_QUERY_STATUS, request, 0);
    if (!ask_for(ask, WIRE_QUERY_STATUS))
        return false;
    cursors_open(cursors, ask->answer.rest, ask->answer.rest_len);
    return true;
}

void cursors_open(cursors_t *cursors, const void *map, size_t len)
{
    mp_value_t value;
    mp_cursor_t raw;
    *cursors = (cursors_t){0};
    if (!event_find(map, len, "cursors", strlen("cursors"), &value, &raw))
        return;
    cursors->in = raw;
    cursors->bad = !mp_get_array(&cursors->in, &cursors->left);
}

static bool is(const char *text, const char *name, uint32_t len)
{
    return strlen(text) == len && memcmp(text, name, len) == 0;
}

static void take_number(cursor_t *cursor, const char *name, uint32_t len, uint64_t number)
{
    const struct {
        const char *name;
        uint64_t *to;
    } rows[] = {{"stream", &cursor->stream},
                {"number", &cursor->number},
                {"lag", &cursor->lag},
                {"generation", &cursor->generation},
                {"idle_ms", &cursor->idle_ms}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is(rows[i].name, name, len))
            *rows[i].to = number;
    cursor->placed = cursor->placed || is("number", name, len);
}

/* Takes a pair that is known; others are for later brokers. */
static void take_pair(cursor_t *cursor, const char *name, uint32_t len, mp_cursor_t raw)
{
    mp_value_t value;
    mp_cursor_t in = raw;
    if (!mp_next(&in, &value))
        return;
    if (value.type == MP_UINT) {
        take_number(cursor, name, len, value.u64);
    } else if (value.type == MP_STR && is("name", name, len)) {
        cursor->name = (const char *)value.bytes.data;
        cursor->name_len = value.bytes.len;
    } else if (value.type == MP_ARRAY && is("patterns", name, len)) {
        cursor->patterns = (wire_texts_t){in.at, (uint32_t)(raw.end - in.at), value.count};
        cursor->patterns_raw = raw.at;
        cursor->patterns_raw_len = (size_t)(raw.end - raw.at);
    }
}

bool cursors_next(cursors_t *cursors, cursor_t *cursor)
{
    *cursor = (cursor_t){.name = ""};
    if (cursors->left == 0 || cursors->bad)
        return false;
    mp_cursor_t whole = cursors->in;
    if (!mp_skip(&cursors->in)) {
        cursors->bad = true;
        return false;
    }
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    event_iter_t pairs = event_fields(whole.at, (size_t)(cursors->in.at - whole.at));
    while (event_next_field(&pairs, &name, &name_len, &raw))
        take_pair(cursor, name, name_len, raw);
    cursors->bad = pairs.bad;
    cursors->left--;
    return !cursors->bad;
}

bool cursors_find(cursors_t *cursors, const char *name, cursor_t *cursor)
{
    while (cursors_next(cursors, cursor))
        if (cursor->name_len == strlen(name) && memcmp(cursor->name, name, cursor->name_len) == 0)
            return true;
    return false;
}

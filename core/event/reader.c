#include "event/reader.h"

event_iter_t event_fields(const void *event, size_t len)
{
    event_iter_t iter = {.in = mp_cursor(event, len)};
    iter.bad = !mp_get_map(&iter.in, &iter.left);
    return iter;
}

bool event_next_field(event_iter_t *iter, const char **name, uint32_t *name_len, mp_cursor_t *raw)
{
    if (iter->bad)
        return false;
    if (iter->left == 0) {
        iter->bad = iter->in.at != iter->in.end;
        return false;
    }
    if (!mp_get_str(&iter->in, name, name_len))
        goto malformed;
    raw->at = iter->in.at;
    if (!mp_skip(&iter->in))
        goto malformed;
    raw->end = iter->in.at;
    iter->left--;
    return true;
malformed:
    iter->bad = true;
    return false;
}

bool event_find(const void *event, size_t len, const char *name, size_t name_len, mp_value_t *value,
                mp_cursor_t *raw)
{
    event_iter_t iter = event_fields(event, len);
    const char *key;
    uint32_t key_len;
    mp_cursor_t field;
    while (event_next_field(&iter, &key, &key_len, &field)) {
        if (key_len != name_len || memcmp(key, name, name_len) != 0)
            continue;
        if (raw != NULL)
            *raw = field;
        return mp_next(&field, value);
    }
    return false;
}

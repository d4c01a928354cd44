/* oracle.h - what must hold for any text whatever; shared by the random test and the fuzzer.
 *
 * A text that is refused leaves the buffer as it was.  One that passes is one msgpack map, says
 * what cJSON says where cJSON is right, and its JSON normalises to the very same bytes again. */
#ifndef EVENT_ORACLE_H
#define EVENT_ORACLE_H

#include "event/normalise.h"
#include "event/reader.h"
#include "event/writer.h"

#include <cjson/cJSON.h>
#include <math.h>

static const event_origin_t oracle_origin = {
    .id = "ID",
    .id_len = 2,
    .source = "acs:mns:cn-hangzhou:1:/topics/t",
    .source_len = 31,
    .time_ms = 1478013902837,
    .from_body = true,
};

static inline bool oracle_same(mp_cursor_t *in, const cJSON *item);

static inline bool oracle_same_children(mp_cursor_t *in, const mp_value_t *head, const cJSON *item)
{
    const cJSON *child = item->child;
    for (uint32_t i = 0; i < head->count; i++, child = child->next) {
        const char *key;
        uint32_t key_len;
        if (child == NULL)
            return false;
        if (head->type == MP_MAP &&
            (!mp_get_str(in, &key, &key_len) || strlen(child->string) != key_len ||
             memcmp(child->string, key, key_len) != 0))
            return false;
        if (!oracle_same(in, child))
            return false;
    }
    return child == NULL;
}

/* Does the next value say what cJSON's says? */
static inline bool oracle_same(mp_cursor_t *in, const cJSON *item)
{
    mp_value_t value;
    if (!mp_next(in, &value))
        return false;
    switch (value.type) {
    case MP_NIL:
        return cJSON_IsNull(item);
    case MP_BOOL:
        return value.boolean ? cJSON_IsTrue(item) : cJSON_IsFalse(item);
    case MP_UINT:
        return cJSON_IsNumber(item) && item->valuedouble == (double)value.u64;
    case MP_INT:
        return cJSON_IsNumber(item) && item->valuedouble == (double)value.i64;
    case MP_DOUBLE:
        return cJSON_IsNumber(item) && item->valuedouble == value.dbl;
    case MP_STR:
        if (cJSON_IsNumber(item)) /* beyond our types: it stayed as text */
            return fabs(item->valuedouble) >= 0x1p63;
        return cJSON_IsString(item) && strlen(item->valuestring) == value.bytes.len &&
               memcmp(item->valuestring, value.bytes.data, value.bytes.len) == 0;
    case MP_ARRAY:
        return cJSON_IsArray(item) && oracle_same_children(in, &value, item);
    case MP_MAP:
        return cJSON_IsObject(item) && oracle_same_children(in, &value, item);
    default:
        return false;
    }
}

static inline bool oracle_is_context(const char *name, size_t len)
{
    static const char *const names[] = {"Category", "Event", "id", "source", "time"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return false;
}

/* Compares the fields behind the context with the object's members; typed ones by name alone. */
static inline bool oracle_same_event(const void *event, size_t len, const cJSON *object)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    const cJSON *child = object->child;
    event_iter_t iter = event_fields(event, len);
    while (event_next_field(&iter, &name, &name_len, &raw)) {
        if (oracle_is_context(name, name_len))
            continue;
        while (child != NULL && oracle_is_context(child->string, strlen(child->string)))
            child = child->next;
        if (child == NULL || strlen(child->string) != name_len ||
            memcmp(child->string, name, name_len) != 0)
            return false;
        if (event_field_type(name, name_len) == FIELD_VERBATIM && !oracle_same(&raw, child))
            return false;
        child = child->next;
    }
    while (child != NULL && oracle_is_context(child->string, strlen(child->string)))
        child = child->next;
    return !iter.bad && child == NULL;
}

/* cJSON ends strings at U+0000, and reads no more than 63 characters of a number. */
static inline bool oracle_cjson_is_right(const char *json, size_t len)
{
    size_t run = 0;
    for (size_t i = 0; i < len; i++) {
        run = strchr("+-.eE0123456789", json[i]) != NULL ? run + 1 : 0;
        if (run > 60)
            return false;
        if (len - i >= 6 && memcmp(json + i, "\\u0000", 6) == 0)
            return false;
    }
    return true;
}

/* The event as JSON, taken in again, must be the same bytes. */
static inline const char *oracle_check_json(const sl_buf_t *event)
{
    const char *complaint = NULL;
    sl_buf_t json = SL_BUF_INIT, again = SL_BUF_INIT;
    event_info_t info;
    if (event_write_json(&json, event->data, event->len) != SL_OK)
        complaint = "an event does not become JSON";
    else if (event_normalise(&again, &oracle_origin, json.data, json.len, &info) !=
             EVENT_REASON_NONE)
        complaint = "an event's JSON does not pass again";
    else if (again.len != event->len || memcmp(again.data, event->data, event->len) != 0)
        complaint = "an event's JSON gives another event";
    sl_buf_fini(&json);
    sl_buf_fini(&again);
    return complaint;
}

static inline const char *oracle_check_cloudevent(const sl_buf_t *event)
{
    const char *complaint = NULL;
    sl_buf_t json = SL_BUF_INIT;
    mp_value_t id, source;
    bool fit = event_find(event->data, event->len, "id", 2, &id, NULL) && id.bytes.len > 0 &&
               event_find(event->data, event->len, "source", 6, &source, NULL) &&
               source.bytes.len > 0;
    sl_err err = event_write_cloudevent(&json, event->data, event->len);
    if (err != (fit ? SL_OK : SL_EPROTO)) {
        complaint = "an event does not become a CloudEvent";
    } else if (fit) {
        cJSON *tree = cJSON_ParseWithLength((const char *)json.data, json.len);
        if (tree == NULL)
            complaint = "a CloudEvent is no JSON";
        cJSON_Delete(tree);
    }
    sl_buf_fini(&json);
    return complaint;
}

/* Every field is found under its name, so no name comes twice. */
static inline bool oracle_finds_fields(const sl_buf_t *event)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw, found;
    mp_value_t value;
    event_iter_t iter = event_fields(event->data, event->len);
    while (event_next_field(&iter, &name, &name_len, &raw))
        if (!event_find(event->data, event->len, name, name_len, &value, &found) ||
            found.at != raw.at || found.end != raw.end)
            return false;
    return !iter.bad;
}

static inline const char *oracle_check_event(const sl_buf_t *event, const event_info_t *info,
                                             const char *json, size_t len)
{
    mp_cursor_t in = mp_cursor(event->data, event->len);
    if (!mp_skip(&in) || in.at != in.end)
        return "an event is no msgpack";
    if (!oracle_finds_fields(event))
        return "a field is not found under its name";
    const char *complaint = oracle_check_json(event);
    if (complaint == NULL)
        complaint = oracle_check_cloudevent(event);
    if (complaint != NULL || info->repeated + info->renamed > 0 ||
        !oracle_cjson_is_right(json, len))
        return complaint;
    cJSON *tree = cJSON_ParseWithLength(json, len);
    if (tree == NULL)
        complaint = "cJSON does not take what passes";
    else if (!oracle_same_event(event->data, event->len, tree))
        complaint = "cJSON reads something else";
    cJSON_Delete(tree);
    return complaint;
}

/* What is wrong with how `json` is treated; NULL when nothing is.  `json` ends with a NUL that
 * `len` does not count, since cJSON may look there.  *passed tells whether it was an event. */
static inline const char *oracle_check(const char *json, size_t len, bool *passed)
{
    sl_buf_t event = SL_BUF_INIT;
    event_info_t info;
    const char *complaint = NULL;
    event_reason_t reason = event_normalise(&event, &oracle_origin, json, len, &info);
    *passed = reason == EVENT_REASON_NONE;
    if (*passed)
        complaint = oracle_check_event(&event, &info, json, len);
    else if (event.len != 0 || info.error_at > len)
        complaint = "a text that is refused leaves something behind";
    sl_buf_fini(&event);
    return complaint;
}

#endif

/* normalise_fuzz.c - any bytes as a notification.
 *
 * Whatever the bytes: no crash, and a refusal leaves the output as it was.  What is accepted must
 * be one whole msgpack map that the reader walks and the writers print, and must say what cJSON
 * says where cJSON is right: cJSON cuts strings at U+0000, keeps the first of repeated members and
 * knows doubles only, so those are left out. */
#include "base/mp.h"
#include "event/normalise.h"
#include "event/reader.h"
#include "event/writer.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Every field is found under its own name, and the walk ends where the event does. */
static void check_reader(const sl_buf_t *event)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    event_iter_t iter = event_fields(event->data, event->len);
    while (event_next_field(&iter, &name, &name_len, &raw)) {
        mp_value_t value;
        mp_cursor_t found;
        must(event_find(event->data, event->len, name, name_len, &value, &found));
        must(found.at == raw.at && found.end == raw.end); /* no key comes twice */
    }
    must(!iter.bad);
}

static void check_writers(const sl_buf_t *event)
{
    sl_buf_t text = SL_BUF_INIT;
    must(event_write_json(&text, event->data, event->len) == SL_OK);
    cJSON *json = cJSON_ParseWithLength((const char *)text.data, text.len);
    must(json != NULL);
    cJSON_Delete(json);
    sl_buf_clear(&text);
    must(event_write_cloudevent(&text, event->data, event->len) == SL_OK);
    json = cJSON_ParseWithLength((const char *)text.data, text.len);
    must(json != NULL);
    cJSON_Delete(json);
    sl_buf_fini(&text);
}

/* Strings of fields without a type, as cJSON reads them. */
static void check_oracle(const sl_buf_t *event, const uint8_t *data, size_t size)
{
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    must(json != NULL); /* it accepts all that RFC 8259 does, and more */
    for (const cJSON *item = json->child; item != NULL; item = item->next) {
        size_t len = strlen(item->string);
        mp_value_t value;
        if (!cJSON_IsString(item) || event_field_type(item->string, len) != FIELD_VERBATIM)
            continue;
        if (!event_find(event->data, event->len, item->string, len, &value, NULL))
            continue; /* renamed, or its name holds U+0000 */
        if (value.type != MP_STR || memchr(value.bytes.data, '\0', value.bytes.len) != NULL)
            continue;
        if (strcmp(item->string, "id") == 0 || strcmp(item->string, "source") == 0)
            continue; /* the context's */
        must(value.bytes.len == strlen(item->valuestring) &&
             memcmp(value.bytes.data, item->valuestring, value.bytes.len) == 0);
    }
    cJSON_Delete(json);
}

static void check_accepted(const sl_buf_t *event, const event_info_t *info, const uint8_t *data,
                           size_t size)
{
    mp_cursor_t in = mp_cursor(event->data, event->len);
    must(mp_skip(&in) && in.at == in.end);
    must(strlen(info->topic) == info->topic_len && info->topic_len <= EVENT_TOPIC_MAX);
    check_reader(event);
    check_writers(event);
    bool bom = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    bool zero = memchr(data, '\0', size) != NULL || memmem(data, size, "\\u0000", 6) != NULL;
    if (info->repeated == 0 && !bom && !zero)
        check_oracle(event, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    event_origin_t origin = {.id = "5F290C926D472878",
                             .id_len = 16,
                             .source = "acs:mns:cn-hangzhou:123456789012:/topics/batch",
                             .source_len = 46,
                             .time_ms = 1780315200123};
    for (int from_body = 0; from_body < 2; from_body++) {
        sl_buf_t out = SL_BUF_INIT;
        event_info_t info;
        origin.from_body = from_body == 1;
        event_reason_t reason = event_normalise(&out, &origin, data, size, &info);
        must(reason == EVENT_REASON_NONE ? out.len > 0 : out.len == 0);
        must(info.error_at <= size);
        if (reason == EVENT_REASON_NONE && from_body == 0)
            check_accepted(&out, &info, data, size);
        sl_buf_fini(&out);
    }
    return 0;
}

#include "notification.h"

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

bool event_set_add(event_set_t *set, const char *name)
{
    static const char *const names[EVENT_KIND_COUNT] = {
#define X(category, event, object, state) [EVENT_##category##_##event] = #event,
        EVENT_CATALOGUE(X)
#undef X
    };
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        if (strcmp(names[kind], name) != 0)
            continue;
        *set |= (event_set_t)1 << kind;
        return true;
    }
    return false;
}

static sl_err read_file(sl_buf_t *out, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return SL_EIO;
    sl_err err = sl_buf_reserve(out, FILE_MAX + 1);
    if (err == SL_OK) {
        out->len = fread(out->data, 1, FILE_MAX + 1, file);
        err = ferror(file) ? SL_EIO : out->len > FILE_MAX ? SL_EPROTO : SL_OK;
    }
    fclose(file);
    return err;
}

static const char *string_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static sl_err take_events(notification_t *out, const cJSON *events, char *why)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, events)
    {
        const char *name = cJSON_GetStringValue(item);
        if (name != NULL && event_set_add(&out->events, name))
            continue;
        snprintf(why, NOTIFICATION_WHY_MAX, "Events: BatchCompute has no event %.64s",
                 name == NULL ? "that is not a string" : name);
        return SL_EPROTO;
    }
    if (out->events != 0)
        return SL_OK;
    snprintf(why, NOTIFICATION_WHY_MAX, "Events names no event");
    return SL_EPROTO;
}

static sl_err take(notification_t *out, const cJSON *root, char *why)
{
    const cJSON *block = cJSON_GetObjectItemCaseSensitive(root, "Notification");
    const cJSON *topic = cJSON_GetObjectItemCaseSensitive(block, "Topic");
    const char *name = string_of(topic, "Name"), *endpoint = string_of(topic, "Endpoint");
    if (name == NULL || endpoint == NULL) {
        snprintf(why, NOTIFICATION_WHY_MAX,
                 "Notification.Topic with the strings Name and Endpoint is missing");
        return SL_EPROTO;
    }
    sl_err err = take_events(out, cJSON_GetObjectItemCaseSensitive(topic, "Events"), why);
    if (err != SL_OK)
        return err;
    out->topic = strdup(name);
    out->endpoint = strdup(endpoint);
    if (out->topic != NULL && out->endpoint != NULL)
        return SL_OK;
    snprintf(why, NOTIFICATION_WHY_MAX, "%s", sl_err_text(SL_ENOMEM));
    return SL_ENOMEM;
}

sl_err notification_read(notification_t *out, const char *path, char why[NOTIFICATION_WHY_MAX])
{
    notification_t read = {0};
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = read_file(&text, path);
    if (err != SL_OK) {
        snprintf(why, NOTIFICATION_WHY_MAX, "%s",
                 err == SL_EIO ? strerror(errno) : "the file is too large");
    } else {
        cJSON *root = cJSON_ParseWithLength((const char *)text.data, text.len);
        if (root == NULL) {
            err = SL_EPROTO;
            snprintf(why, NOTIFICATION_WHY_MAX, "the file is no JSON");
        } else {
            err = take(&read, root, why);
        }
        cJSON_Delete(root);
    }
    sl_buf_fini(&text);
    if (err == SL_OK)
        *out = read;
    else
        notification_fini(&read);
    return err;
}

void notification_fini(notification_t *notification)
{
    free(notification->topic);
    free(notification->endpoint);
    *notification = (notification_t){0};
}

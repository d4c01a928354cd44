#include "mns_notification.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024 };

#define WHY(...) snprintf(why, NOTIFICATION_WHY_BYTES, __VA_ARGS__)

/* -- text ---------------------------------------------------------------------------------- */

static bool read_all(FILE *in, sl_buf_t *text, char why[NOTIFICATION_WHY_BYTES])
{
    size_t got;
    do {
        if (sl_buf_reserve(text, 64 * 1024) != SL_OK) {
            WHY("out of memory");
            return false;
        }
        got = fread(text->data + text->len, 1, 64 * 1024, in);
        text->len += got;
    } while (got > 0 && text->len <= FILE_BYTES_MAX);
    if (ferror(in))
        WHY("cannot be read: %s", strerror(errno));
    else if (text->len > FILE_BYTES_MAX)
        WHY("is larger than 4 MiB");
    else if (memchr(text->data, '\0', text->len) != NULL)
        WHY("holds a NUL byte: it is no text");
    else
        return sl_buf_append_byte(text, '\0') == SL_OK;
    return false;
}

bool notification_read(notification_t *out, const char *path, char why[NOTIFICATION_WHY_BYTES])
{
    bool is_stdin = strcmp(path, "-") == 0;
    sl_buf_t text = SL_BUF_INIT;
    *out = (notification_t){.tree = NULL};
    FILE *in = is_stdin ? stdin : fopen(path, "rbe");
    if (in == NULL) {
        WHY("cannot be opened: %s", strerror(errno));
        return false;
    }
    bool good = read_all(in, &text, why) && notification_parse(out, (char *)text.data, why);
    if (!is_stdin)
        fclose(in);
    sl_buf_fini(&text);
    return good;
}

/* -- members ------------------------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

/* A member that is a string, if it is there.  @return false: it is something else. */
static bool take_text(const cJSON *object, const char *name, const char **text,
                      char why[NOTIFICATION_WHY_BYTES])
{
    const cJSON *value = member(object, name);
    if (value == NULL)
        return true;
    if (!cJSON_IsString(value) || *value->valuestring == '\0') {
        WHY("%s is no text", name);
        return false;
    }
    *text = value->valuestring;
    return true;
}

static bool take_events(const cJSON *topic, const cJSON **events, char why[NOTIFICATION_WHY_BYTES])
{
    const cJSON *array = member(topic, "Events"), *event;
    if (array == NULL)
        return true;
    bool texts = cJSON_IsArray(array);
    cJSON_ArrayForEach(event, array) texts = texts && cJSON_IsString(event);
    if (!texts)
        WHY("Notification.Topic.Events is no array of texts");
    *events = array;
    return texts;
}

static bool take_topic(const cJSON *block, mns_source_t *source, char why[NOTIFICATION_WHY_BYTES])
{
    const cJSON *topic = member(block, "Topic");
    if (!cJSON_IsObject(topic)) {
        WHY("Notification holds no object Topic");
        return false;
    }
    if (!take_text(topic, "Name", &source->topic, why) ||
        !take_text(topic, "Endpoint", &source->topic_endpoint, why) ||
        !take_events(topic, &source->events, why))
        return false;
    if (source->topic == NULL)
        WHY("Notification.Topic.Name is missing");
    return source->topic != NULL;
}

static bool take_source(const cJSON *object, mns_source_t *source, char why[NOTIFICATION_WHY_BYTES])
{
    const cJSON *block = member(object, "Notification");
    return take_text(object, "type", &source->type, why) &&
           take_text(object, "queue", &source->queue, why) &&
           take_text(object, "endpoint", &source->endpoint, why) &&
           take_text(object, "account", &source->account, why) &&
           take_text(object, "region", &source->region, why) &&
           take_text(object, "path", &source->path, why) &&
           take_text(object, "topic", &source->topic, why) &&
           (block == NULL || take_topic(block, source, why));
}

/* -- the whole ----------------------------------------------------------------------------- */

/* Finds the one Notification below `at`.  @return how many there are. */
static size_t find_block(const cJSON *at, const cJSON **block)
{
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, at)
    {
        if (cJSON_IsObject(at) && child->string != NULL &&
            strcmp(child->string, "Notification") == 0) {
            *block = child;
            count++;
        } else {
            count += find_block(child, block);
        }
    }
    return count;
}

static bool take_bridge(notification_t *out, const cJSON *sources, char why[NOTIFICATION_WHY_BYTES])
{
    char inner[NOTIFICATION_WHY_BYTES];
    int count = cJSON_GetArraySize(sources);
    if (count == 0) {
        WHY("holds no sources");
        return false;
    }
    out->sources = calloc((size_t)count, sizeof *out->sources);
    if (out->sources == NULL) {
        WHY("out of memory");
        return false;
    }
    out->is_bridge = true;
    for (; out->count < (size_t)count; out->count++)
        if (!take_source(cJSON_GetArrayItem(sources, (int)out->count), &out->sources[out->count],
                         inner)) {
            WHY("sources[%zu]: %.200s", out->count, inner);
            return false;
        }
    return true;
}

static bool take_block(notification_t *out, char why[NOTIFICATION_WHY_BYTES])
{
    const cJSON *block = NULL;
    size_t blocks = find_block(out->tree, &block);
    if (blocks == 0)
        WHY("holds no Notification: {\"Notification\": {\"Topic\": {\"Name\", \"Endpoint\", "
            "\"Events\"}}}");
    else if (blocks > 1)
        WHY("holds %zu Notifications; give one", blocks);
    if (blocks != 1)
        return false;
    out->sources = calloc(1, sizeof *out->sources);
    if (out->sources == NULL) {
        WHY("out of memory");
        return false;
    }
    out->count = 1;
    return take_topic(block, &out->sources[0], why);
}

bool notification_parse(notification_t *out, char *text, char why[NOTIFICATION_WHY_BYTES])
{
    const char *end = NULL;
    *out = (notification_t){.tree = NULL};
    cJSON_Minify(text); /* takes comments away */
    out->tree = cJSON_ParseWithOpts(text, &end, true);
    if (out->tree == NULL) {
        WHY("is no JSON; it breaks at: %.40s", end != NULL && *end != '\0' ? end : "its end");
        return false;
    }
    const cJSON *sources = member(out->tree, "sources");
    bool good = cJSON_IsArray(sources) ? take_bridge(out, sources, why) : take_block(out, why);
    if (!good)
        notification_fini(out);
    return good;
}

void notification_fini(notification_t *notification)
{
    cJSON_Delete(notification->tree);
    free(notification->sources);
    *notification = (notification_t){.tree = NULL};
}

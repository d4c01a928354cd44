#include "mns_setup_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PATH "/notifications"

const char *setup_file_parse_push(const char *push, char listen[16], const char **path)
{
    char bare[PLACE_HOST_MAX + 32];
    place_url_t url;
    const char *authority = strstr(push, "://");
    size_t len = authority != NULL ? (size_t)(authority - push) + 3 : 0;
    len += strcspn(push + len, "/?#");
    if (len >= sizeof bare)
        return "is too long";
    memcpy(bare, push, len);
    bare[len] = '\0';
    const char *wrong = place_parse_url(&url, bare);
    if (wrong != NULL)
        return wrong;
    if (strpbrk(push + len, " \t\r\n#") != NULL)
        return "has a blank or a # in its path";
    if (push[len] == '?')
        return "has a query without a path";
    *path = push[len] != '\0' ? push + len : DEFAULT_PATH;
    snprintf(listen, 16, "0.0.0.0:%s", url.port);
    return NULL;
}

/* -- sources ------------------------------------------------------------------------------- */

/* Endpoint, account and region only where the Notification's endpoint does not say them. */
static void add_place(cJSON *source, const setup_file_t *file)
{
    if (file->endpoint != NULL)
        cJSON_AddStringToObject(source, "endpoint", file->endpoint);
    if (file->place.network == PLACE_OTHER) {
        cJSON_AddStringToObject(source, "account", file->place.account);
        cJSON_AddStringToObject(source, "region", file->place.region);
    }
}

static void add_notification(cJSON *source, const setup_file_t *file)
{
    cJSON *topic =
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(source, "Notification"), "Topic");
    cJSON_AddStringToObject(topic, "Name", file->topic);
    if (file->topic_endpoint != NULL)
        cJSON_AddStringToObject(topic, "Endpoint", file->topic_endpoint);
    if (file->events != NULL)
        cJSON_AddItemToObject(topic, "Events", cJSON_Duplicate(file->events, true));
}

static cJSON *add_source(cJSON *sources, const char *type)
{
    cJSON *source = cJSON_CreateObject();
    cJSON_AddItemToArray(sources, source);
    cJSON_AddStringToObject(source, "type", type);
    return source;
}

static void add_queue(cJSON *sources, const setup_file_t *file)
{
    cJSON *source = add_source(sources, "queue");
    cJSON_AddStringToObject(source, "queue", file->queue);
    add_place(source, file);
    add_notification(source, file);
}

/* It has a name of its own: without one it is called as the topic, which the queue may be, too. */
static void add_push(cJSON *sources, const setup_file_t *file)
{
    char name[128], listen[16];
    const char *path;
    if (setup_file_parse_push(file->push, listen, &path) != NULL)
        return; /* told before anything was made */
    cJSON *source = add_source(sources, "push");
    snprintf(name, sizeof name, "%.100s-push", file->topic);
    cJSON_AddStringToObject(source, "name", name);
    cJSON_AddStringToObject(source, "listen", file->listen != NULL ? file->listen : listen);
    cJSON_AddStringToObject(source, "path", path);
    add_place(source, file);
    add_notification(source, file);
}

/* -- layout -------------------------------------------------------------------------------- */

/* cJSON indents with tabs, and within texts it escapes them: every bare tab is layout. */
static void append_layout(sl_buf_t *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at == '\t')
            sl_buf_append_str(out, at > text && at[-1] == ':' ? " " : "  ");
        else
            sl_buf_append_byte(out, (uint8_t)*at);
    sl_buf_append_byte(out, '\n');
}

sl_err setup_file_write(sl_buf_t *out, const setup_file_t *file)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "broker", file->broker);
    cJSON *sources = cJSON_AddArrayToObject(root, "sources");
    if (file->queue != NULL)
        add_queue(sources, file);
    if (file->push != NULL)
        add_push(sources, file);
    char *text = cJSON_Print(root);
    if (text != NULL)
        append_layout(out, text);
    bool good = text != NULL && !out->failed;
    cJSON_free(text);
    cJSON_Delete(root);
    return good ? SL_OK : SL_ENOMEM;
}

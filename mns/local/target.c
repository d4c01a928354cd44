#include "target.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

const char *target_resource(const char *text)
{
    const char *at = text;
    if (strncasecmp(at, "http://", 7) == 0 || strncasecmp(at, "https://", 8) == 0) {
        at = strstr(at, "//") + 2;
        at += strcspn(at, "/?");
        if (*at != '/')
            return "/"; /* the host alone */
    }
    while (at[0] == '/' && at[1] == '/')
        at++;
    return at;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends the decoded text and a NUL; room is reserved.  NULL: broken. */
static const char *decode(sl_buf_t *memory, const char *text, size_t len)
{
    char *start = (char *)memory->data + memory->len, *out = start;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(text[i + 1]) : -1;
            int low = high >= 0 ? hex(text[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        }
        *out++ = c;
    }
    *out++ = '\0';
    memory->len += (size_t)(out - start);
    return start;
}

static local_err parse_path(target_t *t, const char *path, size_t len, sl_buf_t *memory)
{
    const char *end = path + len;
    while (path < end) {
        path++; /* the slash */
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash != NULL ? slash : end;
        if (stop == path && stop == end)
            break; /* a slash at the end */
        if (t->segment_count == TARGET_SEGMENTS_MAX)
            return LOCAL_InvalidRequestURL;
        const char *segment = decode(memory, path, (size_t)(stop - path));
        if (segment == NULL)
            return LOCAL_InvalidRequestURL;
        t->segments[t->segment_count++] = segment;
        path = stop;
    }
    return LOCAL_OK;
}

static local_err parse_query(target_t *t, const char *query, sl_buf_t *memory)
{
    while (*query != '\0') {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - query) : len;
        const char *value_at = equals != NULL ? equals + 1 : query + len;
        if (len > 0 && t->param_count == TARGET_PARAMS_MAX)
            return LOCAL_InvalidQueryString;
        if (len > 0) {
            const char *name = decode(memory, query, name_len);
            const char *value = decode(memory, value_at, (size_t)(query + len - value_at));
            if (name == NULL || value == NULL)
                return LOCAL_InvalidQueryString;
            t->params[t->param_count++] = (target_param_t){name, value};
        }
        query += len + (query[len] == '&');
    }
    return LOCAL_OK;
}

local_err target_parse(target_t *t, const char *text, sl_buf_t *memory)
{
    *t = (target_t){.resource = target_resource(text)};
    if (t->resource[0] != '/')
        return LOCAL_InvalidRequestURL;
    size_t path_len = strcspn(t->resource, "?");
    const char *query = t->resource + path_len;
    sl_buf_clear(memory);
    /* decoding never lengthens; a NUL takes the place of each separator, and of the end */
    if (sl_buf_reserve(memory, strlen(t->resource) + TARGET_PARAMS_MAX + 2) != SL_OK)
        return LOCAL_InternalError;
    local_err err = parse_path(t, t->resource, path_len, memory);
    if (err == LOCAL_OK && *query == '?')
        err = parse_query(t, query + 1, memory);
    return err;
}

const char *target_param(const target_t *t, const char *name)
{
    for (size_t i = 0; i < t->param_count; i++)
        if (strcasecmp(t->params[i].name, name) == 0)
            return t->params[i].value;
    return NULL;
}

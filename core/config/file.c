/* The file as text and as tree.
 *
 * cJSON keeps no positions.  So comments are replaced by blanks, not cut out, and a node's line is
 * found by counting: the n-th node of the tree in document order is the n-th value in the text. */
#include "config_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024 };

static unsigned line_at(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

__attribute__((format(printf, 4, 5))) static void
report_line(config_t *config, const char *text, const char *at, const char *format, ...)
{
    char place[CONFIG_PATH_BYTES], what[CONFIG_WHY_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(place, sizeof place, "%s:%u", config->file.path, line_at(text, at));
    config_report(config, &(config_place_t){.name = place}, "%s", what);
}

/* -- reading ------------------------------------------------------------------------------- */

static char *read_all(config_t *config, FILE *in, size_t *len)
{
    config_place_t place = {.name = config->file.path};
    char *text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL) {
        config_report(config, &place, "out of memory");
        return NULL;
    }
    *len = fread(text, 1, FILE_BYTES_MAX + 1, in);
    if (ferror(in))
        config_report(config, &place, "cannot be read: %s", strerror(errno));
    else if (*len > FILE_BYTES_MAX)
        config_report(config, &place, "is larger than 4 MiB");
    else if (memchr(text, '\0', *len) != NULL)
        report_line(config, text, memchr(text, '\0', *len), "a NUL byte: this is no text file");
    else {
        text[*len] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

/* Moves behind the string that begins at `at`.  NULL: it does not end. */
static char *skip_string(char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

/* Blanks from `at` to `end`, but for line breaks, so that every other byte keeps its place. */
static char *blank(char *at, char *end)
{
    for (; at < end; at++)
        if (*at != '\n')
            *at = ' ';
    return end;
}

/* cJSON would end the string there, without a word. */
static bool holds_nul(const char *at, const char *end)
{
    for (; at < end; at++)
        if (*at == '\\' && strncmp(++at, "u0000", 5) == 0)
            return true;
    return false;
}

static bool blank_comments(config_t *config, char *text)
{
    for (char *at = text; *at != '\0';) {
        if (*at == '"') {
            char *end = skip_string(at);
            if (end == NULL) {
                report_line(config, text, at, "a string that does not end");
                return false;
            }
            if (holds_nul(at, end)) {
                report_line(config, text, at, "a string with \\u0000 in it");
                return false;
            }
            at = end;
        } else if (at[0] == '/' && at[1] == '/') {
            at = blank(at, at + strcspn(at, "\n"));
        } else if (at[0] == '/' && at[1] == '*') {
            char *end = strstr(at + 2, "*/");
            if (end == NULL) {
                report_line(config, text, at, "a comment that does not end");
                return false;
            }
            at = blank(at, end + 2);
        } else {
            at++;
        }
    }
    return true;
}

/* Says what stands where cJSON gave up: at that byte or one before it, as it happens; so from the
 * last byte that is no blank, which of a missing comma is the better place anyway. */
static void report_broken(config_t *config, const char *end)
{
    const char *text = config->file.text, *at = end > text ? end - 1 : end;
    while (at > text && (unsigned char)*at <= ' ')
        at--;
    size_t len = strcspn(at, "\r\n");
    report_line(config, text, at, "broken JSON near: %.*s", (int)(len < 60 ? len : 60), at);
}

bool file_load(config_t *config, const char *path)
{
    config->file.path = path;
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        config_report(config, &(config_place_t){.name = path}, "cannot be opened: %s",
                      strerror(errno));
        return false;
    }
    size_t len = 0;
    config->file.text = read_all(config, in, &len);
    fclose(in);
    if (config->file.text == NULL || !blank_comments(config, config->file.text))
        return false;
    const char *end = config->file.text;
    config->file.tree = cJSON_ParseWithLengthOpts(config->file.text, len + 1, &end, true);
    if (config->file.tree == NULL) {
        report_broken(config, end);
        return false;
    }
    if (!cJSON_IsObject(config->file.tree)) {
        report_line(config, config->file.text, config->file.text, "must be one object: { … }");
        return false;
    }
    return true;
}

void file_fini(config_file_t *file)
{
    cJSON_Delete(file->tree);
    free(file->text);
    *file = (config_file_t){NULL, NULL, NULL};
}

/* -- places -------------------------------------------------------------------------------- */

/* Counts nodes in document order until `node`.  True: found, *count is its position, from 0. */
static bool count_until(const cJSON *at, const cJSON *node, size_t *count)
{
    for (; at != NULL; at = at->next) {
        if (at == node)
            return true;
        ++*count;
        if (count_until(at->child, node, count))
            return true;
    }
    return false;
}

static char *skip_blanks(char *at)
{
    while (*at != '\0' && (unsigned char)*at <= ' ')
        at++;
    return at;
}

/* The text is known to parse, so tokens alone tell values: every string not followed by a colon,
 * every opening bracket, every bare word.  A member's place is its key's. */
unsigned file_line_of(const config_file_t *file, const cJSON *node)
{
    size_t left = 0;
    count_until(file->tree, node, &left);
    char *key = NULL;
    for (char *at = skip_blanks(file->text); *at != '\0'; at = skip_blanks(at)) {
        char *begin = at;
        if (*at == '"') {
            at = skip_blanks(skip_string(at));
            if (*at == ':') {
                key = begin;
                at++;
                continue;
            }
        } else if (*at == '{' || *at == '[') {
            at++;
        } else if (strchr("}],", *at) != NULL) {
            at++;
            continue;
        } else {
            at += strcspn(at, "}], \t\r\n");
        }
        if (left-- == 0)
            return line_at(file->text, key != NULL ? key : begin);
        key = NULL;
    }
    return 1;
}

const cJSON *file_node_at(const config_file_t *file, const char *path)
{
    const cJSON *node = file->tree;
    while (node != NULL && *path != '\0') {
        const cJSON *next = NULL;
        if (*path == '[') {
            char *end;
            next = cJSON_GetArrayItem(node, (int)strtol(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : end;
        } else {
            char key[CONFIG_PATH_BYTES];
            path += *path == '.';
            size_t len = strcspn(path, ".[");
            snprintf(key, sizeof key, "%.*s", (int)len, path);
            next = cJSON_GetObjectItemCaseSensitive(node, key);
            path += len;
        }
        if (next == NULL)
            return node;
        node = next;
    }
    return node;
}

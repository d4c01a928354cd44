/* mns_keys_file.c - a credentials file, as Alibaba Cloud's own tools keep it.
 *
 *     [default]
 *     type = access_key                  ; or sts, with security_token
 *     access_key_id = …
 *     access_key_secret = …
 *
 *     [on-ecs]
 *     type = ecs_ram_role
 *     role_name = …                      ; none: whichever the instance has
 *
 * Lines of "name = value", blank ones and comments that begin with '#' or ';'.  Names that are not
 * known are somebody else's.  A section with "enable = false" is not there.  What is wrong is told
 * with file and line, once, and never with a value: it might be a secret. */
#include "mns_keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_MAX = 64 * 1024 };

/* The names that matter, in any section. */
#define NAMES(X) \
    X(type) X(access_key_id) X(access_key_secret) X(security_token) X(role_name) X(enable)

typedef struct section {
    const char *path, *profile;
    bool seen;
#define X(name) char *name;
    NAMES(X)
#undef X
} section_t;

static mns_err wrong(mns_found_t *found, const section_t *section, int line, const char *what)
{
    if (line > 0)
        snprintf(found->note, sizeof found->note, "credentials: %.300s:%d: %s", section->path, line,
                 what);
    else
        snprintf(found->note, sizeof found->note, "credentials: %.250s: [%.60s]: %s", section->path,
                 section->profile, what);
    return MNS_EINVAL;
}

/* Reads the whole file into `text`, with a NUL.  @return what is wrong, or NULL. */
static const char *slurp(const char *path, char text[FILE_MAX + 1], size_t *len)
{
    *len = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return strerror(errno);
    *len = fread(text, 1, FILE_MAX + 1, file);
    const char *why = ferror(file) ? strerror(errno) : NULL;
    fclose(file);
    if (why != NULL)
        return why;
    if (*len > FILE_MAX)
        return "too large for credentials";
    text[*len] = '\0';
    return strlen(text) == *len ? NULL : "not a text";
}

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    return text;
}

static char **slot_of(section_t *section, const char *name)
{
#define X(name_)                   \
    if (strcmp(name, #name_) == 0) \
        return &section->name_;
    NAMES(X)
#undef X
    return NULL;
}

/* One line.  @param inside  are we in the section that was asked for? */
static mns_err read_line(mns_found_t *found, section_t *section, char *line, int number,
                         bool *inside)
{
    line = trim(line);
    if (*line == '\0' || *line == '#' || *line == ';')
        return MNS_OK;
    if (*line == '[') {
        char *end = strchr(line, ']');
        if (end == NULL || end[1] != '\0')
            return wrong(found, section, number, "a section's name ends with ']'");
        *end = '\0';
        *inside = strcmp(trim(line + 1), section->profile) == 0;
        if (*inside && section->seen)
            return wrong(found, section, number, "this section is there twice");
        section->seen |= *inside;
        return MNS_OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return wrong(found, section, number, "neither [section] nor name = value");
    *equals = '\0';
    char **slot = *inside ? slot_of(section, trim(line)) : NULL;
    if (slot == NULL)
        return MNS_OK;
    if (*slot != NULL)
        return wrong(found, section, number, "this name is there twice");
    *slot = trim(equals + 1);
    return MNS_OK;
}

static mns_err read_lines(mns_found_t *found, section_t *section, char *text)
{
    bool inside = false;
    mns_err err = MNS_OK;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* some editors' mark */
        text += 3;
    for (int number = 1; err == MNS_OK && text != NULL; number++) {
        char *line = strsep(&text, "\n");
        err = read_line(found, section, line, number, &inside);
    }
    return err;
}

static mns_err use_keys(mns_found_t *found, const section_t *section, const char *token)
{
    if (section->access_key_id == NULL)
        return wrong(found, section, 0, "access_key_id is missing");
    if (section->access_key_secret == NULL)
        return wrong(found, section, 0, "access_key_secret is missing");
    found->source = MNS_KEYS_FILE;
    mns_err err =
        mns_keys_set(&found->keys, section->access_key_id, section->access_key_secret, token);
    return err == MNS_EINVAL ? wrong(found, section, 0, "access key or token is malformed") : err;
}

static mns_err use_role(mns_found_t *found, const section_t *section)
{
    const char *role = section->role_name != NULL ? section->role_name : "*";
    if (strcmp(role, "*") != 0 && !mns_keys_good_role(role))
        return wrong(found, section, 0, "role_name is no name of a role");
    found->source = MNS_KEYS_ECS_ROLE;
    found->role = strdup(role);
    return found->role == NULL ? MNS_ENOMEM : MNS_OK;
}

static mns_err use(mns_found_t *found, const section_t *section)
{
    const char *type = section->type;
    if (!section->seen || (section->enable != NULL && strcasecmp(section->enable, "false") == 0)) {
        wrong(found, section, 0, section->seen ? "is not enabled" : "no such section");
        return MNS_ENOKEYS;
    }
    if (type == NULL)
        return wrong(found, section, 0, "type is missing");
    if (strcmp(type, "access_key") == 0)
        return use_keys(found, section, NULL);
    if (strcmp(type, "sts") == 0)
        return section->security_token == NULL
                   ? wrong(found, section, 0, "security_token is missing")
                   : use_keys(found, section, section->security_token);
    if (strcmp(type, "ecs_ram_role") == 0)
        return use_role(found, section);
    return wrong(found, section, 0, "type is neither access_key, sts nor ecs_ram_role");
}

mns_err mns_keys_read(mns_found_t *found, const char *path, const char *profile)
{
    section_t section = {.path = path, .profile = profile};
    size_t len;
    char *text = malloc(FILE_MAX + 1);
    if (text == NULL)
        return MNS_ENOMEM;
    mns_err err = MNS_EINVAL;
    const char *why = slurp(path, text, &len);
    if (why != NULL)
        snprintf(found->note, sizeof found->note, "credentials: %.300s: %s", path, why);
    else
        err = read_lines(found, &section, text);
    if (err == MNS_OK)
        err = use(found, &section);
    OPENSSL_cleanse(text, len);
    free(text);
    return err;
}

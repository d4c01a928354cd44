/* The file's tree into structs.
 *
 * A table's key may be a path, "Notification.Topic.Name"; so a member is a row, or leads to rows,
 * or is unknown.  Every mistake is told, with the line it stands in. */
#include "config_impl.h"

#include <stdlib.h>
#include <string.h>

/* The object being read: which rows it may have, and where. */
typedef struct walk {
    config_t *config;
    config_scope_t *scopes;
    size_t scope_count;
    const char *path; /* of the object itself: "" or "sources[0]" */
} walk_t;

static void walk_object(const walk_t *walk, const cJSON *object, const char *prefix);

static void join(char out[CONFIG_PATH_BYTES], const char *path, const char *key)
{
    snprintf(out, CONFIG_PATH_BYTES, "%.250s%s%.250s", path, *path != '\0' ? "." : "", key);
}

static const config_opt_t *find_row(const walk_t *walk, const char *key, config_scope_t **scope)
{
    for (size_t s = 0; s < walk->scope_count; s++)
        for (size_t row = 0; row < walk->scopes[s].table->count; row++) {
            const config_opt_t *opt = &walk->scopes[s].table->opts[row];
            if (!config_is_early(opt) && strcmp(opt->key, key) == 0) {
                *scope = &walk->scopes[s];
                return opt;
            }
        }
    return NULL;
}

/* Does any row's key begin with `key` and a dot? */
static bool leads_to_row(const walk_t *walk, const char *key)
{
    size_t len = strlen(key);
    for (size_t s = 0; s < walk->scope_count; s++)
        for (size_t row = 0; row < walk->scopes[s].table->count; row++) {
            const char *full = walk->scopes[s].table->opts[row].key;
            if (strncmp(full, key, len) == 0 && full[len] == '.')
                return true;
        }
    return false;
}

static void report_unknown(const walk_t *walk, const config_place_t *place, const char *key)
{
    const char *near = NULL;
    for (size_t s = 0; s < walk->scope_count && near == NULL; s++)
        near = near_key(walk->scopes[s].table, key);
    if (near != NULL)
        config_report(walk->config, place, "no such key; did you mean \"%s\"?", near);
    else
        config_report(walk->config, place, "no such key");
}

/* -- values -------------------------------------------------------------------------------- */

static const char *wanted(config_kind_t kind)
{
    switch (kind) {
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_U64:
        return "a whole number";
    case CONFIG_BYTES:
        return "a number of bytes, or a string such as \"64k\"";
    case CONFIG_MS:
        return "a number of milliseconds, or a string such as \"5s\"";
    case CONFIG_US:
        return "a number of microseconds, or a string such as \"250us\"";
    case CONFIG_STR_LIST:
        return "an array of strings";
    case CONFIG_OBJECTS:
        return "an array of objects";
    default:
        return "a string";
    }
}

static bool is_number_kind(config_kind_t kind)
{
    return kind == CONFIG_U64 || kind == CONFIG_BYTES || kind == CONFIG_MS || kind == CONFIG_US;
}

static void set_number(const walk_t *walk, const config_opt_t *opt, char *base,
                       const config_place_t *place)
{
    const double exact_max = 9007199254740992.0; /* cJSON keeps numbers as doubles */
    char why[CONFIG_WHY_BYTES];
    double number = place->node->valuedouble;
    if (!(number >= 0 && number <= exact_max) || number != (double)(uint64_t)number)
        config_report(walk->config, place, "%.17g is not a whole number from 0 to 2^53", number);
    else if (!value_set_number(opt, base, (uint64_t)number, why))
        config_report(walk->config, place, "%s", why);
}

static void set_string_list(const walk_t *walk, const config_opt_t *opt, char *base,
                            const config_place_t *place)
{
    config_list_t *list = (config_list_t *)(void *)(base + opt->offset);
    *list = (config_list_t){NULL, 0};
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, place->node)
    {
        char path[CONFIG_PATH_BYTES];
        snprintf(path, sizeof path, "%s[%zu]", place->name, i++);
        if (!cJSON_IsString(item))
            config_report(walk->config, &(config_place_t){item, path}, "must be a string");
        else if (!value_list_add(walk->config, list, item->valuestring, strlen(item->valuestring)))
            return;
    }
}

/* A variable that a nested row names serves every object that does not have the value itself. */
static void fill_from_env(const walk_t *walk, config_scope_t *scope)
{
    char why[CONFIG_WHY_BYTES];
    for (size_t row = 0; row < scope->table->count; row++) {
        const config_opt_t *opt = &scope->table->opts[row];
        if (opt->env == NULL || scope->origins[row] != CONFIG_FROM_DEFAULT)
            continue;
        const char *text = env_find(walk->config->environment, opt->env);
        if (text == NULL || *text == '\0')
            continue;
        scope->origins[row] = CONFIG_FROM_ENV;
        if (!value_set_text(walk->config, opt, scope->base, text, false, why))
            config_report(walk->config, &(config_place_t){.name = opt->env}, "%s", why);
    }
}

static void read_object(config_t *config, const config_table_t *table, char *base,
                        const config_place_t *place)
{
    if (!cJSON_IsObject(place->node)) {
        config_report(config, place, "must be an object");
        return;
    }
    config_scope_t scope = {table, base, calloc(table->count + 1, sizeof *scope.origins)};
    walk_t walk = {config, &scope, 1, place->name};
    if (scope.origins == NULL) {
        config_report(config, place, "out of memory");
        return;
    }
    value_set_defaults(config, table, base);
    walk_object(&walk, place->node, "");
    fill_from_env(&walk, &scope);
    for (size_t row = 0; row < table->count; row++)
        if ((table->opts[row].flags & CONFIG_REQUIRED) != 0 &&
            scope.origins[row] == CONFIG_FROM_DEFAULT) {
            char path[CONFIG_PATH_BYTES];
            join(path, place->name, table->opts[row].key);
            config_report(config, &(config_place_t){place->node, path}, "is missing");
        }
    free(scope.origins);
}

static void set_objects(const walk_t *walk, const config_opt_t *opt, char *base,
                        const config_place_t *place)
{
    config_list_t *list = (config_list_t *)(void *)(base + opt->offset);
    size_t count = (size_t)cJSON_GetArraySize(place->node), i = 0;
    char *items = config_keep(walk->config, count * opt->sub->size);
    if (items == NULL)
        return;
    *list = (config_list_t){items, count};
    const cJSON *item;
    cJSON_ArrayForEach(item, place->node)
    {
        char path[CONFIG_PATH_BYTES];
        snprintf(path, sizeof path, "%s[%zu]", place->name, i);
        read_object(walk->config, opt->sub, items + opt->sub->size * i++,
                    &(config_place_t){item, path});
    }
}

static void set_value(const walk_t *walk, const config_opt_t *opt, char *base,
                      const config_place_t *place)
{
    const cJSON *node = place->node;
    char why[CONFIG_WHY_BYTES];
    if (opt->kind == CONFIG_OBJECTS && cJSON_IsArray(node)) {
        set_objects(walk, opt, base, place);
    } else if (opt->kind == CONFIG_STR_LIST && cJSON_IsArray(node)) {
        set_string_list(walk, opt, base, place);
    } else if (opt->kind == CONFIG_BOOL && cJSON_IsBool(node)) {
        *(bool *)(base + opt->offset) = cJSON_IsTrue(node);
    } else if (is_number_kind(opt->kind) && cJSON_IsNumber(node)) {
        set_number(walk, opt, base, place);
    } else if ((is_number_kind(opt->kind) || opt->kind == CONFIG_STR ||
                opt->kind == CONFIG_CHOICE) &&
               cJSON_IsString(node)) {
        if (!value_set_text(walk->config, opt, base, node->valuestring, false, why))
            config_report(walk->config, place, "%s", why);
    } else {
        config_report(walk->config, place, "must be %s", wanted(opt->kind));
    }
}

/* -- members ------------------------------------------------------------------------------- */

static bool is_repeated(const cJSON *object, const cJSON *member)
{
    for (const cJSON *at = object->child; at != member; at = at->next)
        if (strcmp(at->string, member->string) == 0)
            return true;
    return false;
}

static void walk_member(const walk_t *walk, const cJSON *object, const cJSON *member,
                        const char *prefix)
{
    char key[CONFIG_PATH_BYTES], path[CONFIG_PATH_BYTES];
    join(key, prefix, member->string);
    join(path, walk->path, key);
    config_place_t place = {member, path};
    config_scope_t *scope;
    const config_opt_t *opt = find_row(walk, key, &scope);
    if (is_repeated(object, member)) {
        config_report(walk->config, &place, "stands here a second time");
    } else if (opt != NULL) {
        set_value(walk, opt, scope->base, &place);
        scope->origins[opt - scope->table->opts] = CONFIG_FROM_FILE;
    } else if (!leads_to_row(walk, key)) {
        report_unknown(walk, &place, key);
    } else if (!cJSON_IsObject(member)) {
        config_report(walk->config, &place, "must be an object");
    } else {
        walk_object(walk, member, key);
    }
}

static void walk_object(const walk_t *walk, const cJSON *object, const char *prefix)
{
    for (const cJSON *member = object->child; member != NULL; member = member->next)
        walk_member(walk, object, member, prefix);
}

void walk_file(config_t *config)
{
    walk_t walk = {config, config->scopes, CONFIG_SCOPES, ""};
    walk_object(&walk, config->file.tree, "");
}

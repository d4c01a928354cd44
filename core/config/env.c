#include "config_impl.h"

#include <ctype.h>
#include <string.h>

const char *env_name(const config_opt_t *opt, char out[CONFIG_PATH_BYTES])
{
    if ((opt->flags & (CONFIG_FILE_ONLY | CONFIG_FLAG_ONLY)) != 0 || opt->kind == CONFIG_OBJECTS)
        return NULL;
    if (opt->env != NULL)
        return opt->env;
    snprintf(out, CONFIG_PATH_BYTES, "SLUICE_%s", opt->key);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '.' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return out;
}

const char *env_find(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    return NULL;
}

static void apply_row(config_t *config, config_scope_t *scope, size_t row, char *const *environment)
{
    const config_opt_t *opt = &scope->table->opts[row];
    char buffer[CONFIG_PATH_BYTES], why[CONFIG_WHY_BYTES];
    const char *name = env_name(opt, buffer);
    const char *text = name != NULL ? env_find(environment, name) : NULL;
    if (text == NULL || *text == '\0') /* as shells do: empty is unset */
        return;
    if (!value_set_text(config, opt, scope->base, text, false, why))
        config_report(config, &(config_place_t){.name = name}, "%s", why);
    scope->origins[row] = CONFIG_FROM_ENV;
}

void env_apply(config_t *config, char *const *environment, bool early)
{
    for (size_t s = 0; s < CONFIG_SCOPES; s++)
        for (size_t row = 0; row < config->scopes[s].table->count; row++)
            if (config_is_early(&config->scopes[s].table->opts[row]) == early)
                apply_row(config, &config->scopes[s], row, environment);
}

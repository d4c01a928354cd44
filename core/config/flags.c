#include "config_impl.h"

#include <string.h>

void flag_name(const config_opt_t *opt, char out[CONFIG_PATH_BYTES])
{
    snprintf(out, CONFIG_PATH_BYTES, "--%s", opt->key);
    for (char *at = out; *at != '\0'; at++)
        if (*at == '_')
            *at = '-';
}

bool flag_exists(const config_opt_t *opt)
{
    return (opt->flags & (CONFIG_FILE_ONLY | CONFIG_SECRET)) == 0 && opt->kind != CONFIG_OBJECTS;
}

/* "--batch_bytes" is as good as "--batch-bytes". */
static bool same_name(const char *key, const char *name, size_t len)
{
    if (strlen(key) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((key[i] == '_' ? '-' : key[i]) != (name[i] == '_' ? '-' : name[i]))
            return false;
    return true;
}

static bool find_flag(config_t *config, const char *name, size_t len, config_flag_t *flag)
{
    for (size_t s = 0; s < CONFIG_SCOPES; s++) {
        config_scope_t *scope = &config->scopes[s];
        for (size_t row = 0; row < scope->table->count; row++) {
            const config_opt_t *opt = &scope->table->opts[row];
            if (same_name(opt->key, name, len)) {
                *flag = (config_flag_t){opt, scope, NULL};
                return true;
            }
        }
    }
    return false;
}

static void report_unknown(config_t *config, const char *name, size_t len)
{
    char bare[CONFIG_PATH_BYTES], typed[CONFIG_PATH_BYTES];
    snprintf(bare, sizeof bare, "%.*s", (int)(len < 100 ? len : 100), name);
    snprintf(typed, sizeof typed, "--%.100s", bare);
    const char *near = NULL;
    for (size_t s = 0; s < CONFIG_SCOPES && near == NULL; s++)
        near = near_key(config->scopes[s].table, bare);
    const config_opt_t *opt = near != NULL ? config_find(config, near, NULL) : NULL;
    config_place_t place = {.name = typed};
    if (opt != NULL && flag_exists(opt)) {
        char meant[CONFIG_PATH_BYTES];
        flag_name(opt, meant);
        config_report(config, &place, "no such option; did you mean %s?", meant);
    } else {
        config_report(config, &place, "no such option; --help lists them all");
    }
}

/* Finds the row that "--name" or "--no-name" means.  False: there is none, and that was told. */
static bool resolve(config_t *config, const char *name, size_t len, config_flag_t *flag)
{
    char typed[CONFIG_PATH_BYTES], variable[CONFIG_PATH_BYTES];
    bool found = find_flag(config, name, len, flag);
    if (!found && len > 3 && memcmp(name, "no-", 3) == 0) {
        found = find_flag(config, name + 3, len - 3, flag) && flag->opt->kind == CONFIG_BOOL;
        flag->value = "false";
    }
    if (!found) {
        report_unknown(config, name, len);
        return false;
    }
    if (flag_exists(flag->opt))
        return true;
    flag_name(flag->opt, typed);
    const char *env = env_name(flag->opt, variable);
    if ((flag->opt->flags & CONFIG_SECRET) != 0 && env != NULL)
        config_report(config, &(config_place_t){.name = typed},
                      "a secret has no place on a command line; set %s, or \"%s\" in the file", env,
                      flag->opt->key);
    else
        config_report(config, &(config_place_t){.name = typed}, "can stand in the file only");
    return false;
}

/* Takes argv[i], a flag, and perhaps the argument behind it.  Returns how many it took. */
static int collect_flag(config_t *config, int argc, char *const *argv, int i)
{
    const char *name = argv[i] + 2;
    size_t len = strcspn(name, "=");
    config_flag_t flag;
    if (strcmp(argv[i], "-h") == 0) {
        name = "help";
        len = strlen(name);
    }
    if (!resolve(config, name, len, &flag))
        return 1;
    int took = 1;
    char typed[CONFIG_PATH_BYTES];
    flag_name(flag.opt, typed);
    if (name[len] == '=' && flag.value != NULL) {
        config_report(config, &(config_place_t){.name = argv[i]}, "--no-… takes no value");
        return 1;
    }
    if (name[len] == '=') {
        flag.value = name + len + 1;
    } else if (flag.opt->kind == CONFIG_BOOL) {
        flag.value = flag.value != NULL ? flag.value : "true";
    } else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0) {
        flag.value = argv[i + 1];
        took = 2;
    } else {
        config_report(config, &(config_place_t){.name = typed}, "needs a value");
        return 1;
    }
    config->given[config->given_count++] = flag;
    return took;
}

void flags_collect(config_t *config, int argc, char *const *argv)
{
    config->given = config_keep(config, (size_t)argc * sizeof *config->given);
    config->positional = config_keep(config, ((size_t)argc + 1) * sizeof *config->positional);
    if (config->given == NULL || config->positional == NULL)
        return;
    bool flags_over = false;
    for (int i = 1; i < argc;) {
        if (flags_over || argv[i][0] != '-' || argv[i][1] == '\0') {
            config->positional[config->positional_count++] = argv[i++];
        } else if (strcmp(argv[i], "--") == 0) {
            flags_over = true;
            i++;
        } else if (argv[i][1] != '-' && strcmp(argv[i], "-h") != 0) {
            config_report(config, &(config_place_t){.name = argv[i]},
                          "no such option; options begin with two dashes");
            i++;
        } else {
            i += collect_flag(config, argc, argv, i);
        }
    }
    if (config->program->positional == NULL && config->positional_count > 0)
        config_report(config, &(config_place_t){.name = config->positional[0]},
                      "%s takes options only", config->program->name);
}

void flags_apply(config_t *config, bool early)
{
    for (size_t i = 0; i < config->given_count; i++) {
        const config_flag_t *flag = &config->given[i];
        if (config_is_early(flag->opt) != early)
            continue;
        config_origin_t *origin = &flag->scope->origins[flag->opt - flag->scope->table->opts];
        char typed[CONFIG_PATH_BYTES], why[CONFIG_WHY_BYTES];
        bool again = *origin == CONFIG_FROM_FLAG;
        if (!value_set_text(config, flag->opt, flag->scope->base, flag->value, again, why)) {
            flag_name(flag->opt, typed);
            config_report(config, &(config_place_t){.name = typed}, "%s", why);
        }
        *origin = CONFIG_FROM_FLAG;
    }
}

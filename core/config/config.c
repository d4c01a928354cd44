#include "config_impl.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Rows of every program.  The order of the choices is log_format_t's and log_level_t's. */
static const config_opt_t common_opts[] = {
    {.key = "config",
     .kind = CONFIG_STR,
     .offset = offsetof(config_common_t, file),
     .arg = "FILE",
     .help = "read options from this file: JSON with // comments",
     .flags = CONFIG_NOT_IN_FILE},
    {.key = "check",
     .kind = CONFIG_BOOL,
     .offset = offsetof(config_common_t, check),
     .help = "look all options over, tell what is wrong, and do nothing else",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "log",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(config_common_t, log_format),
     .def = "text",
     .help = "how log lines are written",
     .choices = "text|json"},
    {.key = "log-level",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(config_common_t, log_level),
     .def = "info",
     .help = "the least level that is logged",
     .choices = "debug|info|warn|error"},
    {.key = "help",
     .kind = CONFIG_BOOL,
     .offset = offsetof(config_common_t, help),
     .help = "print this and exit",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "version",
     .kind = CONFIG_BOOL,
     .offset = offsetof(config_common_t, version),
     .help = "print the version and exit",
     .flags = CONFIG_FLAG_ONLY},
};

const config_table_t config_common_table = {common_opts, sizeof common_opts / sizeof common_opts[0],
                                            sizeof(config_common_t)};

/* -- memory -------------------------------------------------------------------------------- */

static bool room_for_block(config_t *config)
{
    if (config->block_count < config->block_cap)
        return true;
    size_t cap = config->block_cap == 0 ? 16 : 2 * config->block_cap;
    void **blocks = realloc(config->blocks, cap * sizeof *blocks);
    if (blocks == NULL)
        return false;
    config->blocks = blocks;
    config->block_cap = cap;
    return true;
}

void *config_keep(config_t *config, size_t bytes)
{
    void *block = room_for_block(config) ? calloc(1, bytes + 1) : NULL;
    if (block == NULL) {
        config_report(config, &(config_place_t){NULL, NULL}, "out of memory");
        return NULL;
    }
    config->blocks[config->block_count++] = block;
    return block;
}

const char *config_keep_text(config_t *config, const char *text, size_t len)
{
    char *kept = config_keep(config, len);
    if (kept != NULL)
        memcpy(kept, text, len);
    return kept;
}

void config_free(config_t **config)
{
    config_t *c = *config;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->block_count; i++)
        free(c->blocks[i]);
    free(c->blocks);
    file_fini(&c->file);
    free(c);
    *config = NULL;
}

/* -- mistakes ------------------------------------------------------------------------------ */

/* One line, whatever bytes a key or a value brought along. */
static void print_line(FILE *err, const char *text)
{
    for (; *text != '\0'; text++)
        putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, err);
    putc('\n', err);
}

void config_report(config_t *config, const config_place_t *place, const char *format, ...)
{
    char what[CONFIG_WHY_BYTES], line[CONFIG_WHY_BYTES + 3 * CONFIG_PATH_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    config->bad = true;
    if (place->node != NULL)
        snprintf(line, sizeof line, "%s:%u: %s: %s", config->file.path,
                 file_line_of(&config->file, place->node), place->name, what);
    else if (place->name != NULL)
        snprintf(line, sizeof line, "%s: %s", place->name, what);
    else
        snprintf(line, sizeof line, "%s: %s", config->program->name, what);
    print_line(config->err, line);
}

const config_opt_t *config_find(const config_t *config, const char *key,
                                const config_scope_t **scope)
{
    for (size_t s = 0; s < CONFIG_SCOPES; s++) {
        const config_table_t *table = config->scopes[s].table;
        for (size_t row = 0; row < table->count; row++)
            if (strcmp(table->opts[row].key, key) == 0) {
                if (scope != NULL)
                    *scope = &config->scopes[s];
                return &table->opts[row];
            }
    }
    return NULL;
}

void config_complain(config_t *config, const char *key, const char *format, ...)
{
    char what[CONFIG_WHY_BYTES], name[CONFIG_PATH_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    config_place_t place = {.name = key};
    const config_scope_t *scope = NULL;
    const config_opt_t *opt = config_find(config, key, &scope);
    config_origin_t origin =
        opt != NULL ? scope->origins[opt - scope->table->opts] : CONFIG_FROM_DEFAULT;
    if (origin == CONFIG_FROM_FLAG) {
        flag_name(opt, name);
        place.name = name;
    } else if (origin == CONFIG_FROM_ENV) {
        place.name = env_name(opt, name);
    } else {
        place.node = file_node_at(&config->file, key);
        if (opt == NULL && place.node == config->file.tree)
            place.node = NULL; /* no option, and nothing in the file: a positional argument */
    }
    config_report(config, &place, "%s", what);
}

/* -- reading ------------------------------------------------------------------------------- */

static bool bind_scope(config_t *config, size_t s, const config_table_t *table, void *base)
{
    config_origin_t *origins = config_keep(config, table->count * sizeof *origins);
    config->scopes[s] = (config_scope_t){table, base, origins};
    return origins != NULL;
}

static config_t *create(const config_program_t *program, void *options, char *const *environment,
                        FILE *err)
{
    config_t *config = calloc(1, sizeof *config);
    if (config == NULL)
        return NULL;
    config->program = program;
    config->environment = environment;
    config->err = err;
    if (!bind_scope(config, 0, &program->table, options) ||
        !bind_scope(config, 1, &config_common_table, &config->common)) {
        config_free(&config);
        return NULL;
    }
    for (size_t s = 0; s < CONFIG_SCOPES; s++)
        value_set_defaults(config, config->scopes[s].table, config->scopes[s].base);
    return config;
}

/* Where the user may put it: "--intake, SLUICE_INTAKE, or \"intake\" in the file". */
static void report_missing(config_t *config, const config_opt_t *opt)
{
    char flag[CONFIG_PATH_BYTES], variable[CONFIG_PATH_BYTES];
    flag_name(opt, flag);
    const char *env = env_name(opt, variable);
    config_place_t place = {.node = config->file.tree, .name = opt->key};
    config_report(config, &place, "is missing: give %s%s%s%s\"%s\" in the file",
                  flag_exists(opt) ? flag : "", flag_exists(opt) ? ", " : "",
                  env != NULL ? env : "", env != NULL ? ", or " : "", opt->key);
}

static void check_required(config_t *config)
{
    const config_scope_t *scope = &config->scopes[0];
    for (size_t row = 0; row < scope->table->count; row++)
        if ((scope->table->opts[row].flags & CONFIG_REQUIRED) != 0 &&
            scope->origins[row] == CONFIG_FROM_DEFAULT)
            report_missing(config, &scope->table->opts[row]);
}

static void read_sources(config_t *config)
{
    if (config->common.file != NULL && file_load(config, config->common.file))
        walk_file(config);
    env_apply(config, config->environment, false);
    flags_apply(config, false);
    check_required(config);
    log_setup((log_level_t)config->common.log_level, (log_format_t)config->common.log_format);
}

config_outcome_t config_read(config_t **out, const config_program_t *program, void *options,
                             int argc, char *const *argv, char *const *environment, FILE *outfile,
                             FILE *err)
{
    config_t *config = create(program, options, environment, err);
    *out = config;
    if (config == NULL) {
        fprintf(err, "%s: out of memory\n", program->name);
        return CONFIG_BAD;
    }
    flags_collect(config, argc, argv);
    env_apply(config, environment, true);
    flags_apply(config, true);
    if (config->common.help) {
        help_print(program, &config_common_table, outfile);
        return CONFIG_DONE;
    }
    if (config->common.version) {
        fprintf(outfile, "%s %s\n", program->name, SLUICE_VERSION);
        return CONFIG_DONE;
    }
    read_sources(config);
    if (!config->bad && program->check != NULL)
        program->check(config, options);
    if (config->bad)
        return CONFIG_BAD;
    if (!config->common.check)
        return CONFIG_RUN;
    fprintf(outfile, "ok\n");
    return CONFIG_DONE;
}

bool config_given(const config_t *config, const char *key)
{
    const config_scope_t *scope = &config->scopes[0];
    for (size_t row = 0; row < scope->table->count; row++)
        if (strcmp(scope->table->opts[row].key, key) == 0)
            return scope->origins[row] != CONFIG_FROM_DEFAULT;
    return false;
}

size_t config_positional(const config_t *config, const char *const **args)
{
    *args = config->positional;
    return config->positional_count;
}

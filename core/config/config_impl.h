/* config_impl.h - what the pieces of core/config share.
 *
 *     defaults -> file (file.c, walk.c) -> environment (env.c) -> flags (flags.c)
 *
 * Each source writes over the one before it, through value.c; so the last one wins.  A scope is a
 * table bound to the struct it fills; a program has two: its own, and the one of the options that
 * every program gets.  Whatever is told to the user goes through config_report, with its place. */
#ifndef CONFIG_IMPL_H
#define CONFIG_IMPL_H

#include "config/config.h"

#include <cjson/cJSON.h>

enum {
    CONFIG_NOT_IN_FILE = 128, /**< no key in the file */
    CONFIG_WHY_BYTES = 256,   /**< room for why a value does not do */
    CONFIG_PATH_BYTES = 512,  /**< room for "sources[0].polls", or a variable's name */
};

typedef enum {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENV,
    CONFIG_FROM_FLAG,
} config_origin_t;

typedef struct config_scope {
    const config_table_t *table;
    char *base;               /**< the struct that the table's offsets point into */
    config_origin_t *origins; /**< one an option */
} config_scope_t;

/** What every program gets. */
typedef struct config_common {
    bool help, version, check;
    const char *file;
    int log_format, log_level;
} config_common_t;

typedef struct config_file {
    const char *path;
    char *text;  /**< NUL-terminated; comments are blanks */
    cJSON *tree; /**< NULL: no file, or none that parses */
} config_file_t;

/** A flag as it stood on the command line. */
typedef struct config_flag {
    const config_opt_t *opt;
    config_scope_t *scope;
    const char *value;
} config_flag_t;

enum { CONFIG_SCOPES = 2 };

struct config {
    const config_program_t *program;
    FILE *err;
    char *const *environment;
    bool bad; /**< a mistake was told */
    config_file_t file;
    config_common_t common;
    config_scope_t scopes[CONFIG_SCOPES]; /**< the program's own, the common one */
    config_flag_t *given;
    size_t given_count;
    const char **positional;
    size_t positional_count;
    void **blocks; /**< every string and array we gave out */
    size_t block_count, block_cap;
};

/** Where a value stands: a node of the file, a flag or a variable; all NULL: nowhere. */
typedef struct config_place {
    const cJSON *node;
    const char *name; /**< "--hwm", "SLUICE_HWM"; for a node its path */
} config_place_t;

/** Tells one mistake, in one line, and makes the outcome CONFIG_BAD. */
void config_report(config_t *config, const config_place_t *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Zeroed memory that lives until config_free.  NULL: none left, and that was told. */
void *config_keep(config_t *config, size_t bytes);
const char *config_keep_text(config_t *config, const char *text, size_t len);

/** Finds the row with this key in any scope.  @return NULL when there is none. */
const config_opt_t *config_find(const config_t *config, const char *key,
                                const config_scope_t **scope);

/* value.c: one value */
/** Sets opt's field from text: a flag's argument, a variable's value, a default.
 *  @param append  add to a list instead of beginning it anew.
 *  @return false when the text does not do; `why` then says so. */
bool value_set_text(config_t *config, const config_opt_t *opt, char *base, const char *text,
                    bool append, char why[CONFIG_WHY_BYTES]);
/** Checks a number against opt's limits and sets the field. */
bool value_set_number(const config_opt_t *opt, char *base, uint64_t number,
                      char why[CONFIG_WHY_BYTES]);
bool value_list_add(config_t *config, config_list_t *list, const char *text, size_t len);
/** A number as its kind writes it: "64k", "5s". */
void value_print_number(config_kind_t kind, uint64_t number, char *out, size_t size);
void value_set_defaults(config_t *config, const config_table_t *table, char *base);

/* file.c: text to tree, node to line */
bool file_load(config_t *config, const char *path);
unsigned file_line_of(const config_file_t *file, const cJSON *node);
/** The node at "sources[0].queue", or the deepest one on the way there. */
const cJSON *file_node_at(const config_file_t *file, const char *path);
void file_fini(config_file_t *file);

/* walk.c: tree to structs */
void walk_file(config_t *config);

/* env.c */
/** Is the row one that is read before the file? */
static inline bool config_is_early(const config_opt_t *opt)
{
    return (opt->flags & (CONFIG_FLAG_ONLY | CONFIG_NOT_IN_FILE)) != 0;
}

/** The variable's name of a top-level row, or NULL when it has none. */
const char *env_name(const config_opt_t *opt, char out[CONFIG_PATH_BYTES]);
const char *env_find(char *const *environment, const char *name);
/** As flags_apply. */
void env_apply(config_t *config, char *const *environment, bool early);

/* flags.c */
/** "--batch-bytes" of the key "batch_bytes". */
void flag_name(const config_opt_t *opt, char out[CONFIG_PATH_BYTES]);
bool flag_exists(const config_opt_t *opt);
/** Sorts the command line into flags and positional arguments. */
void flags_collect(config_t *config, int argc, char *const *argv);
/** Sets what the flags say: first of the rows without a key in the file (they decide which file
 * there is), later of all others. */
void flags_apply(config_t *config, bool early);

/* help.c */
void help_print(const config_program_t *program, const config_table_t *common, FILE *out);

/* near.c */
/** The key of a row that `name` may be a slip of the pen for, or NULL. */
const char *near_key(const config_table_t *table, const char *name);

extern const config_table_t config_common_table;

#endif

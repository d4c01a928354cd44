/* config.h - a program's options as one table.
 *
 * Each row is one option; flag, environment variable, JSON key, default, limits and help all come
 * from it, and cannot drift apart:
 *
 *     key "batch_bytes"  ->  --batch-bytes N    SLUICE_BATCH_BYTES=N    {"batch_bytes": N}
 *
 * (In the variable dots and dashes become _; in a flag _ and - are the same.)  Precedence: flag >
 * environment > file (--config FILE, JSON with // and block comments) > default.  Every program
 * also gets --help, --version, --config, --check, --log text|json and --log-level.  A mistake is
 * told in one sentence that names its place:
 *
 *     bridge.json:12: sources[0].polls: 400 is above the limit 64
 *
 * Rows write into a plain struct at `offset`.  Strings and arrays belong to the config_t and live
 * until config_free. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    CONFIG_STR,      /**< const char * */
    CONFIG_U64,      /**< uint64_t within min … max */
    CONFIG_BYTES,    /**< uint64_t; accepts 64k, 16M, 2G (powers of 1024) */
    CONFIG_MS,       /**< uint64_t milliseconds; accepts 250ms, 5s, 10m, 2h; a bare number is ms */
    CONFIG_US,       /**< uint64_t microseconds; accepts 250us, 2ms, 5s; a bare number is us */
    CONFIG_BOOL,     /**< bool; a flag alone means true; --no-NAME means false */
    CONFIG_CHOICE,   /**< int: index into `choices` ("memory|os|disk") */
    CONFIG_STR_LIST, /**< config_list_t of const char *; a flag may be repeated; text is cut at
                          commas */
    CONFIG_OBJECTS,  /**< config_list_t of `sub->size` structs; in the file only */
} config_kind_t;

typedef struct config_list {
    void *items;
    size_t count;
} config_list_t;

enum {
    CONFIG_FILE_ONLY = 1, /**< no flag, no variable */
    CONFIG_REQUIRED = 2,  /**< must be given somewhere */
    CONFIG_SECRET = 4,    /**< environment or file only, never a flag, never printed */
    CONFIG_FLAG_ONLY = 8, /**< no variable, no key in the file: what one run is about */
};

typedef struct config_table config_table_t;

typedef struct config_opt {
    const char *key; /**< also the flag; may be a path into the file: "Notification.Topic.Name" */
    config_kind_t kind;
    size_t offset;
    const char *def;     /**< as text, like a flag's argument; NULL: zero */
    const char *arg;     /**< the argument's name in --help: "ENDPOINT" */
    const char *help;    /**< one line, no full stop */
    uint64_t min, max;   /**< for U64, BYTES, MS, US; max 0: no limit */
    const char *choices; /**< for CHOICE */
    /** NULL: SLUICE_<KEY>; else this variable, e.g. ALIBABA_CLOUD_ACCESS_KEY_ID.  In a nested table
     * NULL is no variable, and a variable serves each object that does not have the key itself. */
    const char *env;
    const config_table_t *sub; /**< for OBJECTS */
    unsigned flags;
} config_opt_t;

struct config_table {
    const config_opt_t *opts;
    size_t count;
    size_t size; /**< sizeof the struct that one object fills */
};

typedef struct config config_t;

typedef struct config_program {
    const char *name;       /**< "sluice-broker" */
    const char *summary;    /**< what it does, one sentence */
    const char *positional; /**< "PATTERN…", or NULL when none are taken */
    const char *epilog;     /**< printed at the end of --help; may be NULL */
    config_table_t table;
    /** Rules that span options; may be NULL.  Reports each mistake with config_complain. */
    void (*check)(config_t *config, const void *options);
} config_program_t;

typedef enum {
    CONFIG_RUN,  /**< options are filled in */
    CONFIG_DONE, /**< --help, --version or a clean --check was answered: exit 0 */
    CONFIG_BAD,  /**< the mistakes are printed: exit 2 */
} config_outcome_t;

/** Reads flags, environment and file into *options (a zeroed struct of table.size bytes), and sets
 *  the log up.  Prints help to `out`, mistakes to `err`, one line each, all of them, not just the
 * first.
 *  @param argv        argv[0] is skipped.  "--" ends the flags.  "-" is positional.
 *  @param environment NULL-terminated "NAME=value" strings (environ).
 *  @param config      receives the owner of all strings; free it after the options' last use, also
 *                     after CONFIG_DONE and CONFIG_BAD. */
config_outcome_t config_read(config_t **config, const config_program_t *program, void *options,
                             int argc, char *const *argv, char *const *environment, FILE *out,
                             FILE *err);

/** The positional arguments, a NULL behind the last.  @return their number. */
size_t config_positional(const config_t *config, const char *const **args);

/** Was the option of the program's own table with this key given anywhere, or is it the default? */
bool config_given(const config_t *config, const char *key);

/** For `check`: reports a mistake at `key` ("sources[0].queue", or a positional argument); finds
 * where the value came from (file and line, flag or variable) and makes the outcome CONFIG_BAD. */
void config_complain(config_t *config, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void config_free(config_t **config);

#endif

/* testing.h - one program with an option of every kind, and how tests read it. */
#ifndef CONFIG_TESTING_H
#define CONFIG_TESTING_H

#include "config/config.h"

typedef struct source {
    const char *queue, *topic, *secret;
    uint64_t polls;
    config_list_t events;
} source_t;

typedef struct options {
    const char *feed, *data, *key;
    uint64_t hwm, batch_bytes, linger_ms, any;
    bool dedup, verbose;
    int durability;
    config_list_t prefixes, sources;
} options_t;

extern const config_program_t program;

/** One call of config_read, and what it printed. */
typedef struct reading {
    config_t *config;
    options_t options;
    config_outcome_t outcome;
    char *out, *err;
    char path[32]; /**< the file, when there was one */
} reading_t;

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

reading_t read_program(const config_program_t *p, const char *const *args,
                       const char *const *environment);
reading_t read_args(const char *const *args);
/** Puts text into a file of its own.  @param path receives its name. */
void write_file(char path[32], const char *text, size_t len);
reading_t read_bytes(const char *text, size_t len, const char *const *environment);
reading_t read_file(const char *text);
void done(reading_t *r);

/** The arguments are wrong, and `says` is all that is told. */
void assert_mistake(const char *const *args, const char *says);
void assert_says(const reading_t *r, const char *text);
const char *item(const config_list_t *list, size_t i);

#endif

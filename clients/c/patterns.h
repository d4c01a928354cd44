/* patterns.h - a list of patterns: which topics are mine, and what to subscribe to for them. */
#ifndef CLIENT_PATTERNS_H
#define CLIENT_PATTERNS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct pattern {
    const char *text;
    size_t len, prefix_len;
} pattern_t;

typedef struct patterns {
    pattern_t *list; /**< sorted by prefix */
    size_t count;
    char *text; /**< all of them, one after another */
} patterns_t;

/** Copies a NULL-terminated list; NULL: every topic.
 *  @return SL_OK, SL_EINVAL (malformed, or a list of none), SL_ENOMEM. */
sl_err patterns_init(patterns_t *patterns, const char *const *list);
void patterns_fini(patterns_t *patterns);

bool patterns_match(const patterns_t *patterns, const char *topic, size_t len);

/** The next prefix to subscribe to: none twice, and none that another one contains.
 *  @param at  0 at first; moved on.  @return NULL at the end.  *len may be 0: everything. */
const char *patterns_next_prefix(const patterns_t *patterns, size_t *at, size_t *len);

/** The same for a replay, where the empty prefix does not contain those that begin with $. */
const char *patterns_next_replay_prefix(const patterns_t *patterns, size_t *at, size_t *len);

#endif

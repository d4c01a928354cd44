#include "config_impl.h"

#include <string.h>

enum { NEAR_LEN_MAX = 64, NEAR_DISTANCE_MAX = 2 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAR_LEN_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > NEAR_LEN_MAX || b_len > NEAR_LEN_MAX)
        return NEAR_LEN_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = least(least(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *near_key(const config_table_t *table, const char *name)
{
    const char *best = NULL;
    size_t best_distance = NEAR_DISTANCE_MAX + 1;
    for (size_t i = 0; i < table->count; i++) {
        size_t d = distance(table->opts[i].key, name);
        if (d > 0 && d < best_distance && 3 * d <= strlen(name)) { /* 0: known, but not here */
            best = table->opts[i].key;
            best_distance = d;
        }
    }
    return best;
}

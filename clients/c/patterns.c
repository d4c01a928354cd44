#include "patterns.h"

#include "wire/topic.h"

#include <stdlib.h>
#include <string.h>

static bool prefix_contains(const pattern_t *outer, const pattern_t *inner)
{
    return outer->prefix_len <= inner->prefix_len &&
           memcmp(outer->text, inner->text, outer->prefix_len) == 0;
}

/* Bytewise, the shorter one first: a prefix comes before all that it contains. */
static int by_prefix(const void *a, const void *b)
{
    const pattern_t *one = a, *two = b;
    size_t shared = one->prefix_len < two->prefix_len ? one->prefix_len : two->prefix_len;
    int order = memcmp(one->text, two->text, shared);
    if (order != 0)
        return order;
    return (one->prefix_len > two->prefix_len) - (one->prefix_len < two->prefix_len);
}

sl_err patterns_init(patterns_t *patterns, const char *const *list)
{
    static const char *const everything[] = {"", NULL};
    if (list == NULL)
        list = everything;
    size_t count = 0, bytes = 0;
    for (; list[count] != NULL; count++) {
        size_t len = strnlen(list[count], WIRE_PATTERN_MAX + 1);
        if (!wire_pattern_valid(list[count], len))
            return SL_EINVAL;
        bytes += len;
    }
    if (count == 0)
        return SL_EINVAL;
    patterns->list = calloc(count, sizeof *patterns->list);
    patterns->text = malloc(bytes + 1);
    patterns->count = count;
    if (patterns->list == NULL || patterns->text == NULL) {
        patterns_fini(patterns);
        return SL_ENOMEM;
    }
    char *at = patterns->text;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list[i]);
        memcpy(at, list[i], len);
        patterns->list[i] = (pattern_t){at, len, wire_pattern_prefix(at, len)};
        at += len;
    }
    qsort(patterns->list, count, sizeof *patterns->list, by_prefix);
    return SL_OK;
}

void patterns_fini(patterns_t *patterns)
{
    free(patterns->list);
    free(patterns->text);
    *patterns = (patterns_t){0};
}

bool patterns_match(const patterns_t *patterns, const char *topic, size_t len)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (wire_pattern_match(patterns->list[i].text, patterns->list[i].len, topic, len))
            return true;
    return false;
}

static const char *next_prefix(const patterns_t *patterns, size_t *at, size_t *len,
                               bool (*contains)(const pattern_t *, const pattern_t *))
{
    if (*at == patterns->count)
        return NULL;
    const pattern_t *taken = &patterns->list[*at];
    while (*at < patterns->count && contains(taken, &patterns->list[*at]))
        ++*at;
    *len = taken->prefix_len;
    return taken->text;
}

const char *patterns_next_prefix(const patterns_t *patterns, size_t *at, size_t *len)
{
    return next_prefix(patterns, at, len, prefix_contains);
}

static bool replay_prefix_contains(const pattern_t *outer, const pattern_t *inner)
{
    bool apart = outer->prefix_len == 0 && inner->prefix_len > 0 && inner->text[0] == '$';
    return !apart && prefix_contains(outer, inner);
}

const char *patterns_next_replay_prefix(const patterns_t *patterns, size_t *at, size_t *len)
{
    return next_prefix(patterns, at, len, replay_prefix_contains);
}

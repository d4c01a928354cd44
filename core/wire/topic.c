#include "wire/topic.h"

#include <stdint.h>
#include <string.h>

/* The bytes of a token: A-Z a-z 0-9 _ -  One load a byte beats five comparisons. */
static const bool token_byte[256] = {
    ['-'] = true, ['_'] = true, ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true,
    ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
    ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
    ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true,
    ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true,
    ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true,
    ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
    ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,
    ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true,
    ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true,
    ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

bool wire_token_valid(const char *token, size_t len)
{
    if (len == 0 || len > WIRE_TOKEN_MAX)
        return false;
    bool good = true;
    for (size_t i = 0; i < len; i++)
        good &= token_byte[(uint8_t)token[i]];
    return good;
}

bool wire_topic_valid(const char *topic, size_t len)
{
    if (len < 3 || len > WIRE_TOPIC_MAX)
        return false;
    const char *dot = memchr(topic, '.', len);
    if (dot == NULL)
        return false;
    size_t head = (size_t)(dot - topic) + 1;
    bool dead = head == sizeof WIRE_DEAD_PREFIX - 1 && memcmp(topic, WIRE_DEAD_PREFIX, head) == 0;
    return (dead || wire_token_valid(topic, head - 1)) && wire_token_valid(dot + 1, len - head);
}

bool wire_is_sync_topic(const void *topic, size_t len)
{
    const char *text = topic;
    const size_t head = sizeof WIRE_SYNC_PREFIX - 1;
    if (len != WIRE_SYNC_TOPIC_LEN || memcmp(text, WIRE_SYNC_PREFIX, head) != 0)
        return false;
    for (size_t i = head; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

bool wire_pattern_valid(const char *pattern, size_t len)
{
    if (len == 0)
        return true;
    if (len > WIRE_PATTERN_MAX)
        return false;
    size_t i = pattern[0] == '$';
    const size_t first = i;
    unsigned dots = 0;
    for (; i < len; i++) {
        if (pattern[i] == '.' && i > first)
            dots++;
        else if (pattern[i] != '*' && !token_byte[(uint8_t)pattern[i]])
            return false;
    }
    return dots == 1;
}

size_t wire_pattern_prefix(const char *pattern, size_t len)
{
    const char *star = len > 0 ? memchr(pattern, '*', len) : NULL;
    return star != NULL ? (size_t)(star - pattern) : len;
}

/* The glob alone.  Since * stays within its segment, a literal that fails needs to go back to the
 * last star only. */
static bool glob_match(const char *pattern, size_t pattern_len, const char *topic, size_t topic_len)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    for (;;) {
        if (p < pattern_len && pattern[p] == '*') {
            star = p++;
            resume = t;
            continue;
        }
        if (p == pattern_len && t == topic_len)
            return true;
        if (p < pattern_len && t < topic_len && pattern[p] == topic[t]) {
            p++;
            t++;
            continue;
        }
        if (star == SIZE_MAX || resume == topic_len || topic[resume] == '.')
            return false;
        p = star + 1; /* let the star take one byte more */
        t = ++resume;
    }
}

bool wire_pattern_match(const char *pattern, size_t pattern_len, const char *topic,
                        size_t topic_len)
{
    char kind = topic_len > 0 ? topic[0] : '\0';
    if (kind == '~' || (kind == '$' && (pattern_len == 0 || pattern[0] != '$')))
        return false;
    if (pattern_len == 0)
        return true;
    if (pattern[pattern_len - 1] != '.')
        return glob_match(pattern, pattern_len, topic, topic_len);
    const char *dot = topic_len > 0 ? memchr(topic, '.', topic_len) : NULL;
    return dot != NULL && glob_match(pattern, pattern_len, topic, (size_t)(dot - topic) + 1);
}

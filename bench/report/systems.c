#include "systems.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The style sheet has the colours. */
static const struct {
    const char *family;
    int hue;
} families[] = {{SYSTEMS_OURS, SYSTEMS_HUE_OURS},
                {"nats", 1},
                {"jetstream", 1},
                {"redis", 2},
                {"mosquitto", 3},
                {"xpub", 4},
                {"proxy", 5},
                {"loopback", 6}};

/* Words are parted by '_'. */
static bool begins_with(const char *key, const char *word)
{
    size_t len = strlen(word);
    return strncmp(key, word, len) == 0 && (key[len] == '_' || key[len] == '\0');
}

static bool has_word(const char *key, const char *word)
{
    for (const char *at = key; at != NULL; at = strchr(at, '_')) {
        at += *at == '_';
        if (begins_with(at, word))
            return true;
    }
    return false;
}

/* As a carrier: among the figures of the journal, where all keep events, it tells nothing. */
static bool keeps(const char *key)
{
    return begins_with(key, "jetstream") || begins_with(key, "redis_stream");
}

system_look_t systems_look(const char *key, int other)
{
    system_look_t look = {.hue = other};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (has_word(key, families[i].family))
            look.hue = families[i].hue;
    look.dash = has_word(key, "packed") ? 2 : has_word(key, "lean") ? 1 : keeps(key) ? 3 : 0;
    return look;
}

void systems_name(const char *key, char *out, size_t size)
{
    snprintf(out, size, "%s", key);
    for (; *out != '\0'; out++)
        if (*out == '_')
            *out = '-';
}

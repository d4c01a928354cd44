#include "systems.h"

#include <stdio.h>
#include <string.h>

/* The style sheet has the colours. */
static const struct {
    const char *family;
    int hue;
} families[] = {{SYSTEMS_OURS, 0}, {"nats", 1},  {"redis", 2},   {"mosquitto", 3},
                {"xpub", 4},       {"proxy", 5}, {"loopback", 6}};

enum { HUE_OTHERS = 7 };

system_look_t systems_look(const char *key)
{
    size_t len = strcspn(key, "_-");
    system_look_t look = {.hue = HUE_OTHERS};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strlen(families[i].family) == len && strncmp(key, families[i].family, len) == 0)
            look.hue = families[i].hue;
    look.dash = strstr(key, "packed") != NULL ? 2 : strstr(key, "lean") != NULL ? 1 : 0;
    return look;
}

void systems_name(const char *key, char *out, size_t size)
{
    snprintf(out, size, "%s", key);
    for (; *out != '\0'; out++)
        if (*out == '_')
            *out = '-';
}

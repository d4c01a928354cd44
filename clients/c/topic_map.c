#include "topic_map.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SLOTS_FIRST = 64 };

/* Not keyed: collisions cost little among as few topics as there may be. */
uint32_t topic_hash(const char *name, size_t len)
{
    return (uint32_t)XXH3_64bits(name, len);
}

topic_key_t *topic_map_find(const topic_map_t *map, uint32_t hash, const char *name, size_t len)
{
    if (map->slot_count == 0)
        return NULL;
    size_t mask = map->slot_count - 1;
    for (size_t i = hash & mask; map->slots[i] != NULL; i = (i + 1) & mask) {
        topic_key_t *key = map->slots[i];
        if (key->hash == hash && key->len == len && memcmp(key->name, name, len) == 0)
            return key;
    }
    return NULL;
}

static void place(topic_key_t **slots, size_t slot_count, topic_key_t *entry)
{
    size_t i = entry->hash & (slot_count - 1);
    while (slots[i] != NULL)
        i = (i + 1) & (slot_count - 1);
    slots[i] = entry;
}

static sl_err grow(topic_map_t *map)
{
    size_t slot_count = map->slot_count > 0 ? 2 * map->slot_count : SLOTS_FIRST;
    topic_key_t **slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return SL_ENOMEM;
    for (size_t i = 0; i < map->slot_count; i++)
        if (map->slots[i] != NULL)
            place(slots, slot_count, map->slots[i]);
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return SL_OK;
}

sl_err topic_map_insert(topic_map_t *map, topic_key_t *entry, uint32_t hash, const char *name,
                        size_t len)
{
    if (2 * (map->count + 1) > map->slot_count && grow(map) != SL_OK)
        return SL_ENOMEM;
    entry->hash = hash;
    entry->len = (uint32_t)len;
    memcpy(entry->name, name, len);
    entry->name[len] = '\0';
    place(map->slots, map->slot_count, entry);
    map->count++;
    return SL_OK;
}

void topic_map_fini(topic_map_t *map)
{
    for (size_t i = 0; i < map->slot_count; i++)
        free(map->slots[i]);
    free(map->slots);
    *map = (topic_map_t){0};
}

/* topic_map.h - a table of topics by name.
 *
 * Entries belong to their owner and begin with a topic_key_t; the map holds pointers, at most half
 * of its slots used, so that a look-up is a hash and mostly one comparison. */
#ifndef CLIENT_TOPIC_MAP_H
#define CLIENT_TOPIC_MAP_H

#include "base/err.h"
#include "wire/topic.h"

#include <stdint.h>

typedef struct topic_key {
    uint32_t hash;
    uint32_t len;
    char name[WIRE_TOPIC_MAX + 1]; /**< and a NUL */
} topic_key_t;

typedef struct topic_map {
    topic_key_t **slots; /**< open addressing; NULL: free */
    size_t slot_count;   /**< a power of two, or 0 */
    size_t count;
} topic_map_t;

uint32_t topic_hash(const char *name, size_t len);

topic_key_t *topic_map_find(const topic_map_t *map, uint32_t hash, const char *name, size_t len);

/** Adds an entry, allocated with malloc; its key is filled in from hash and name.
 *  len <= WIRE_TOPIC_MAX, and no entry of that name may be there.  @return SL_OK, SL_ENOMEM. */
sl_err topic_map_insert(topic_map_t *map, topic_key_t *entry, uint32_t hash, const char *name,
                        size_t len);

/** Frees the table and, with free(), every entry. */
void topic_map_fini(topic_map_t *map);

#endif

#include "topics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

sl_err topics_init(topics_t *topics, uint32_t max)
{
    assert(max <= WIRE_TOPICS_PER_STREAM);
    memset(topics, 0, sizeof *topics);
    topics->max = max;
    topics->list = calloc(max, sizeof *topics->list);
    return topics->list != NULL ? SL_OK : SL_ENOMEM;
}

void topics_fini(topics_t *topics)
{
    free(topics->list);
    memset(topics, 0, sizeof *topics);
}

/* The slot that holds the name, or the empty one where it would go. */
static uint32_t find_slot(const topics_t *topics, const void *name, size_t len)
{
    uint32_t at = (uint32_t)XXH3_64bits(name, len) % TOPICS_SLOTS;
    for (; topics->slots[at] != 0; at = (at + 1) % TOPICS_SLOTS) {
        const topic_t *topic = &topics->list[topics->slots[at] - 1];
        if (topic->len == len && memcmp(topic->name, name, len) == 0)
            break;
    }
    return at;
}

topic_t *topics_find(const topics_t *topics, const void *name, size_t len)
{
    uint32_t at = find_slot(topics, name, len);
    return topics->slots[at] != 0 ? &topics->list[topics->slots[at] - 1] : NULL;
}

topic_t *topics_add(topics_t *topics, const void *name, size_t len)
{
    assert(len <= WIRE_TOPIC_MAX);
    uint32_t at = find_slot(topics, name, len);
    if (topics->slots[at] == 0) {
        bool dead = len > 0 && *(const char *)name == '$';
        if (topics->count >= (dead ? topics->max : topics_ordinary(topics->max)))
            return NULL;
        topic_t *topic = &topics->list[topics->count++];
        topic->len = (uint8_t)len;
        memcpy(topic->name, name, len);
        topics->slots[at] = (uint16_t)topics->count;
    }
    return &topics->list[topics->slots[at] - 1];
}

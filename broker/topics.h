/* topics.h - the topics of the stream, their tails and their forming batches.
 *
 * At most WIRE_TOPICS_PER_STREAM, kept for the broker's life: a name's address is stable, so frames
 * on the feed may point to it.  Threads: the sequencer owns it. */
#ifndef BROKER_TOPICS_H
#define BROKER_TOPICS_H

#include "base/err.h"
#include "wire/topic.h"

#include <stdint.h>

typedef struct batch batch_t;

typedef struct topic {
    uint64_t last;    /**< number of the last event that was given one; provisional until commit */
    uint64_t fed;     /**< number of the last event that was handed to the feed: what ticks show */
    batch_t *forming; /**< the batch that takes its next event, or NULL */
    uint32_t last_bytes; /**< size of its last batch: how large a buffer the next one begins with */
    uint8_t len;
    char name[WIRE_TOPIC_MAX];
} topic_t;

enum { TOPICS_SLOTS = 4 * WIRE_TOPICS_PER_STREAM };

typedef struct topics {
    topic_t *list; /**< in order of first appearance */
    uint32_t count, max;
    uint16_t slots[TOPICS_SLOTS]; /**< position in the list + 1; 0: empty */
} topics_t;

/** @param max  at most WIRE_TOPICS_PER_STREAM.  @return SL_OK, SL_ENOMEM. */
sl_err topics_init(topics_t *topics, uint32_t max);
void topics_fini(topics_t *topics);

/** @return the topic, or NULL when it is not there yet. */
topic_t *topics_find(const topics_t *topics, const void *name, size_t len);

/** How many of `max` topics are for any name.  One in 32 is kept for dead letters: whoever sends
 * ever new topics cannot shut them out. */
static inline uint32_t topics_ordinary(uint32_t max)
{
    return max - max / 32;
}

/** Finds or adds a valid name.  @return NULL when there are too many topics. */
topic_t *topics_add(topics_t *topics, const void *name, size_t len);

#endif

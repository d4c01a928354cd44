/* mix.h - events of a given size to publish: real normalised BatchCompute notifications.
 *
 * One event of each of a few topics is made by the normaliser, its free text filled up until it has
 * exactly the size asked for; each time one is handed out it gets an id of its own, in its bytes
 * and for dedup, as the bridge would send it.  Costs a copy of 32 digits and one hash an event. */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MIX_TOPICS = 4, MIX_EVENT_MIN = 320, MIX_EVENT_MAX = 65536 };

typedef struct mix_event {
    const char *topic;
    size_t topic_len;
    const uint8_t *data; /**< until the next mix_next of its topic */
    size_t len;
    uint8_t id[16];
} mix_event_t;

typedef struct mix mix_t;

/** @param event_bytes  MIX_EVENT_MIN … MIX_EVENT_MAX.  @param publisher makes the ids its own.
 *  @return SL_OK; SL_EINVAL: that size cannot be met; SL_ENOMEM. */
sl_err mix_create(mix_t **out, size_t event_bytes, uint32_t publisher);

/** The next event; topics take turns. */
void mix_next(mix_t *mix, mix_event_t *event);

/** The next event on topic `topic` of MIX_TOPICS: for whoever wants batches of one topic. */
void mix_next_on(mix_t *mix, size_t topic, mix_event_t *event);

/** Which event of which publisher it is. */
typedef struct mix_origin {
    uint32_t publisher;
    uint64_t counter; /**< from 0, over all topics of the publisher */
} mix_origin_t;

/** Reads it from an event's bytes: some nanoseconds, so that a bench can look at every one.
 *  @return false: it is no event of a mix. */
bool mix_origin_of(const void *data, size_t len, mix_origin_t *origin);

/** The name of a topic of the mix. */
const char *mix_topic(const mix_t *mix, size_t topic);

/** The size of the events: of every single one. */
size_t mix_event_bytes(const mix_t *mix);

void mix_destroy(mix_t **mix);

#endif

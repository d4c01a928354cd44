/* mix.h - events to publish: real normalised BatchCompute notifications, of a given size or of
 * batch-sim's.
 *
 *     a given size   one event of each topic, its free text filled up until it has just that size
 *     batch-sim's    a thousand of its events, one after another and then again; sorted by topic
 *                    for whoever has batches larger than one, which else would not fill
 *
 * All are made by the normaliser at the beginning; each time one is handed out it gets an id of its
 * own, in its bytes and for dedup, as the bridge would send it.  Costs a copy of 16 digits and one
 * hash an event. */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MIX_TOPICS = 4,       /**< of a mix_create */
    MIX_TOPICS_MAX = 992, /**< a broker's 1,024, but for those it keeps for dead letters */
    MIX_EVENT_MIN = 128,
    MIX_EVENT_MAX = 65536,
};

typedef struct mix_event {
    const char *topic;
    size_t topic_len;
    const uint8_t *data; /**< until the next mix_next of its topic */
    size_t len;
    uint8_t id[16];
} mix_event_t;

typedef struct mix mix_t;

/** Zero is every default. */
typedef struct mix_options {
    /** MIX_EVENT_MIN … MIX_EVENT_MAX; 0: batch-sim's events, in their own sizes.  Below 320, less
     * than a whole notification takes, they have fewer fields and a shorter source. */
    size_t event_bytes;
    uint32_t publisher; /**< makes the ids its own */
    /** 0: MIX_TOPICS.  Those past the first MIX_TOPICS have names that the catalogue does not know,
     * Job.OnJobRunning-004.  batch-sim's events keep the topics they have. */
    size_t topics;
    /** So many on a topic, then the next topic's turn; 0: 1.  batch-sim's events come each in its
     * turn, and with more than 1 are sorted by topic. */
    size_t in_a_row;
} mix_options_t;

/** @return SL_OK; SL_EINVAL: that size cannot be met, or too many topics; SL_ENOMEM. */
sl_err mix_create_with(mix_t **out, const mix_options_t *options);

/** Events of one size, on MIX_TOPICS topics that take turns.
 *  @param event_bytes  MIX_EVENT_MIN … MIX_EVENT_MAX. */
sl_err mix_create(mix_t **out, size_t event_bytes, uint32_t publisher);

/** The next event; topics take turns. */
void mix_next(mix_t *mix, mix_event_t *event);

/** The next event on topic `topic` of mix_topics: for whoever wants batches of one topic.  (Of
 * batch-sim's events: the sample `topic`, whatever its topic is.) */
void mix_next_on(mix_t *mix, size_t topic, mix_event_t *event);

/** Which event of which publisher it is. */
typedef struct mix_origin {
    uint32_t publisher;
    uint64_t counter; /**< from 0, over all topics of the publisher */
} mix_origin_t;

/** Reads it from an event's bytes: some nanoseconds, so that a bench can look at every one.
 *  @return false: it is no event of a mix. */
bool mix_origin_of(const void *data, size_t len, mix_origin_t *origin);

/** How many topics there are; of batch-sim's events: samples. */
size_t mix_topics(const mix_t *mix);

/** The name of a topic of the mix. */
const char *mix_topic(const mix_t *mix, size_t topic);

/** The size of the events: of every single one; of batch-sim's: the mean, rounded. */
size_t mix_event_bytes(const mix_t *mix);

typedef struct mix_sizes {
    size_t least, median, p99, most; /**< bytes */
} mix_sizes_t;

/** How large the events are, over one cycle of the mix. */
void mix_sizes(const mix_t *mix, mix_sizes_t *sizes);

void mix_destroy(mix_t **mix);

#endif

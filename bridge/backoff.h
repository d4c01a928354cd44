/* backoff.h - how long to wait after a failure: twice as long each time, up to a bound, and by
 * chance between half of that and all of it, so that many clients do not come back together. */
#ifndef BRIDGE_BACKOFF_H
#define BRIDGE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

typedef struct backoff {
    uint32_t failures; /**< in a row */
    uint64_t until_ms; /**< monotonic; 0: no waiting */
} backoff_t;

/** SplitMix64 (Steele, Lea, Flood 2014): small, and any seed will do. */
static inline uint64_t backoff_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline bool backoff_waits(const backoff_t *backoff, uint64_t now_ms)
{
    return now_ms < backoff->until_ms;
}

static inline void backoff_fail(backoff_t *backoff, uint64_t now_ms, uint64_t first_ms,
                                uint64_t most_ms, uint64_t *random)
{
    uint64_t ms = backoff->failures < 20 ? first_ms << backoff->failures : most_ms;
    if (ms > most_ms)
        ms = most_ms;
    backoff->failures++;
    backoff->until_ms = now_ms + ms / 2 + backoff_random(random) % (ms / 2 + 1);
}

static inline void backoff_reset(backoff_t *backoff)
{
    *backoff = (backoff_t){0};
}

#endif

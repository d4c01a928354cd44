/* rng.h - repeatable random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna).
 *
 * Integers only: what a libm rounds differently would make another workload of the same seed. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t s[4];
} rng_t;

static inline void rng_seed(rng_t *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9E3779B97F4A7C15u);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        rng->s[i] = z ^ (z >> 31);
    }
}

static inline uint64_t rng_rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(rng_t *rng)
{
    uint64_t *s = rng->s, result = rng_rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotl(s[3], 45);
    return result;
}

/** 0 … n-1; n > 0.  The bias of the remainder is far below what a workload shows. */
static inline uint64_t rng_below(rng_t *rng, uint64_t n)
{
    return rng_next(rng) % n;
}

/** least … most, both included. */
static inline int64_t rng_between(rng_t *rng, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(rng, (uint64_t)(most - least) + 1);
}

static inline bool rng_percent(rng_t *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

/** Fills out[0 … len-1] from the alphabet. */
static inline void rng_text(rng_t *rng, char *out, size_t len, const char *alphabet, size_t letters)
{
    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[rng_below(rng, letters)];
}

#endif

/* share.h - what the processes of a bench tell each other: memory they share, one slot a worker.
 *
 *     | stop | slot 0 | slot 1 | …        a slot is a cache line of its own, written by its worker,
 *                                         read by the bench and by whoever must wait for it
 *
 * Made before the workers are forked, so that they inherit it. */
#ifndef BENCH_SHARE_H
#define BENCH_SHARE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_LINE_BYTES = 64 };

typedef struct share_slot {
    _Alignas(SHARE_LINE_BYTES) _Atomic uint64_t events; /**< published, or delivered */
    _Atomic uint64_t bytes;
    _Atomic uint64_t
        number_sum;           /**< of all event numbers: equal everywhere when all got the same */
    _Atomic uint64_t faults;  /**< lost, malformed, refused: anything but zero fails */
    _Atomic uint64_t held_ns; /**< a publisher's time spent waiting for the slowest subscriber */
    _Atomic uint64_t repairs; /**< replays that a subscriber asked for */
    _Atomic uint64_t disconnects; /**< of a subscriber, seen by it or by the publisher */
    _Atomic uint32_t ready;
} share_slot_t;

typedef struct share {
    _Atomic uint32_t stop;
    size_t count;
    share_slot_t slots[];
} share_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err share_create(share_t **out, size_t slots);
void share_destroy(share_t **share);

/** Adds to a counter that only the caller writes. */
static inline void share_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_release);
}

static inline uint64_t share_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

static inline bool share_stopped(const share_t *share)
{
    return atomic_load_explicit(&share->stop, memory_order_acquire) != 0;
}

#endif

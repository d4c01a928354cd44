/* clock.h - a clock that a test can own.
 *
 * Code that waits or stamps takes a sl_clock_t and reads it once a turn.  Programs pass
 * &sl_clock_system; tests pass a sl_clock_manual_t and move time by hand. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

typedef struct sl_clock sl_clock_t;
struct sl_clock {
    uint64_t (*mono_ns)(const sl_clock_t *clock); /**< never goes back; no epoch */
    uint64_t (*wall_ns)(const sl_clock_t *clock); /**< Unix time */
};

extern const sl_clock_t sl_clock_system;

/** Time that stands still until a test moves it.  Pass &manual.clock. */
typedef struct sl_clock_manual {
    sl_clock_t clock;
    uint64_t mono_ns, wall_ns;
} sl_clock_manual_t;

void sl_clock_manual_init(sl_clock_manual_t *manual, uint64_t mono_ns, uint64_t wall_ns);
void sl_clock_manual_advance(sl_clock_manual_t *manual, uint64_t ns);

static inline uint64_t sl_clock_mono_ns(const sl_clock_t *clock)
{
    return clock->mono_ns(clock);
}

static inline uint64_t sl_clock_wall_ns(const sl_clock_t *clock)
{
    return clock->wall_ns(clock);
}

static inline uint64_t sl_clock_mono_ms(const sl_clock_t *clock)
{
    return clock->mono_ns(clock) / 1000000u;
}

#endif

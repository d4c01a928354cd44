#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t system_mono_ns(const sl_clock_t *clock)
{
    (void)clock;
    return read_ns(CLOCK_MONOTONIC);
}

static uint64_t system_wall_ns(const sl_clock_t *clock)
{
    (void)clock;
    return read_ns(CLOCK_REALTIME);
}

const sl_clock_t sl_clock_system = {system_mono_ns, system_wall_ns};

/* The clock is the first member, so that its address is the manual clock's. */
static uint64_t manual_mono_ns(const sl_clock_t *clock)
{
    return ((const sl_clock_manual_t *)clock)->mono_ns;
}

static uint64_t manual_wall_ns(const sl_clock_t *clock)
{
    return ((const sl_clock_manual_t *)clock)->wall_ns;
}

_Static_assert(offsetof(sl_clock_manual_t, clock) == 0, "a manual clock begins with its clock");

void sl_clock_manual_init(sl_clock_manual_t *manual, uint64_t mono_ns, uint64_t wall_ns)
{
    *manual = (sl_clock_manual_t){
        .clock = {manual_mono_ns, manual_wall_ns}, .mono_ns = mono_ns, .wall_ns = wall_ns};
}

void sl_clock_manual_advance(sl_clock_manual_t *manual, uint64_t ns)
{
    manual->mono_ns += ns;
    manual->wall_ns += ns;
}

#include "pace.h"

#include <string.h>

/* Forgets the steps that are a second old. */
static void advance(pace_t *p, uint64_t now_ms)
{
    uint64_t step = now_ms / PACE_STEP_MS;
    if (step - p->step >= PACE_STEPS) {
        memset(p->change, 0, sizeof p->change);
        p->sum = 0;
        p->step = step;
    }
    while (p->step < step) {
        int32_t *oldest = &p->change[++p->step % PACE_STEPS];
        p->sum -= *oldest;
        *oldest = 0;
    }
}

void pace_add(pace_t *p, uint64_t now_ms, int32_t change)
{
    advance(p, now_ms);
    p->change[p->step % PACE_STEPS] += change;
    p->sum += change;
}

int64_t pace_sum(pace_t *p, uint64_t now_ms)
{
    advance(p, now_ms);
    return p->sum;
}

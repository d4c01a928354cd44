/* pace.h - by how much did something grow within the last second?
 *
 *     steps of 50 ms:  | +16 | +32 | -16 |  0  | … | +16 |      sum over the last 20
 *                        oldest                      now
 *
 * A ring of steps; the sum is kept, so asking costs nothing. */
#ifndef LOCAL_PACE_H
#define LOCAL_PACE_H

#include <stdint.h>

enum { PACE_STEP_MS = 50, PACE_STEPS = 20 };

/** Zero is a good start. */
typedef struct pace {
    uint64_t step; /**< now, in steps */
    int64_t sum;
    int32_t change[PACE_STEPS];
} pace_t;

/** Notes a change. */
void pace_add(pace_t *pace, uint64_t now_ms, int32_t change);

/** The sum of what changed within the last second: the step that runs, and the 19 before it. */
int64_t pace_sum(pace_t *pace, uint64_t now_ms);

#endif

#include "push_plan.h"

enum {
    BACKOFF_RETRIES = 3,
    BACKOFF_LEAST_MS = 10000,
    BACKOFF_SPREAD_MS = 10000,
    DECAY_RETRIES = 176,
    DECAY_FIRST_MS = 1000,
    DECAY_DOUBLINGS = 9, /* 1 s … 512 s */
};

uint64_t push_wait_ms(notify_strategy_t strategy, uint32_t failures, uint32_t random)
{
    if (strategy == NOTIFY_BACKOFF_RETRY)
        return failures > BACKOFF_RETRIES ? PUSH_GIVE_UP
                                          : BACKOFF_LEAST_MS + random % (BACKOFF_SPREAD_MS + 1);
    if (failures > DECAY_RETRIES)
        return PUSH_GIVE_UP;
    uint32_t doublings = failures - 1 < DECAY_DOUBLINGS ? failures - 1 : DECAY_DOUBLINGS;
    return (uint64_t)DECAY_FIRST_MS << doublings;
}

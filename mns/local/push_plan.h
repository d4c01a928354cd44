/* push_plan.h - when is a push that failed tried again?
 *
 *     BACKOFF_RETRY             3 retries, each after 10 to 20 s, by chance
 *     EXPONENTIAL_DECAY_RETRY   176 retries in about a day: after 1, 2, 4 … 256 s, then 512 s each
 */
#ifndef LOCAL_PUSH_PLAN_H
#define LOCAL_PUSH_PLAN_H

#include "topic.h"

#define PUSH_GIVE_UP UINT64_MAX

/** @param failures  how often the push has failed so far, 1 or more.
 *  @param random    any number.
 *  @return ms from the last failure to the next try, or PUSH_GIVE_UP. */
uint64_t push_wait_ms(notify_strategy_t strategy, uint32_t failures, uint32_t random);

#endif

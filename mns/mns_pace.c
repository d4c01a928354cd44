#include "mns_pace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* -- after a failure ------------------------------------------------------------------------- */

void mns_backoff_init(mns_backoff_t *backoff, uint32_t first_ms, uint32_t most_ms, uint64_t seed)
{
    *backoff = (mns_backoff_t){.first_ms = first_ms, .most_ms = most_ms, .random = seed};
    if (seed == 0 && getrandom(&backoff->random, sizeof backoff->random, GRND_NONBLOCK) !=
                         (ssize_t)sizeof backoff->random)
        backoff->random = (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)backoff;
    backoff->random |= 1; /* xorshift never leaves 0 */
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

uint32_t mns_backoff_ms(mns_backoff_t *backoff, uint32_t failures)
{
    uint64_t pause_ms = backoff->first_ms;
    for (uint32_t i = 1; i < failures && pause_ms < backoff->most_ms; i++)
        pause_ms *= 2;
    if (pause_ms > backoff->most_ms)
        pause_ms = backoff->most_ms;
    return (uint32_t)(pause_ms - next_random(&backoff->random) % (pause_ms / 2 + 1));
}

/* -- so many a second ------------------------------------------------------------------------ */

static int64_t price_ns(const mns_rate_t *rate, uint32_t cost)
{
    return (int64_t)cost * 1000000000 / rate->per_s;
}

int64_t mns_rate_wait_ns(const mns_rate_t *rate, uint32_t cost, int64_t now_ns)
{
    if (rate->per_s == 0)
        return 0;
    uint32_t within = cost < rate->burst ? cost : rate->burst;
    int64_t wait_ns = rate->paid_ns - now_ns - price_ns(rate, rate->burst - within);
    return wait_ns > 0 ? wait_ns : 0;
}

void mns_rate_take(mns_rate_t *rate, uint32_t cost, int64_t now_ns)
{
    if (rate->per_s == 0)
        return;
    if (rate->paid_ns < now_ns)
        rate->paid_ns = now_ns;
    rate->paid_ns += price_ns(rate, cost);
}

/* -- who is due ------------------------------------------------------------------------------ */

bool mns_pauses_add(mns_pauses_t *pauses, int64_t due_ns, void *who)
{
    if (pauses->count == pauses->room) {
        size_t room = pauses->room == 0 ? 16 : pauses->room * 2;
        mns_pause_t *heap = realloc(pauses->heap, room * sizeof *heap);
        if (heap == NULL)
            return false;
        pauses->heap = heap;
        pauses->room = room;
    }
    size_t at = pauses->count++;
    while (at > 0 && pauses->heap[(at - 1) / 2].due_ns > due_ns) {
        pauses->heap[at] = pauses->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    pauses->heap[at] = (mns_pause_t){due_ns, who};
    return true;
}

int64_t mns_pauses_due_ns(const mns_pauses_t *pauses)
{
    return pauses->count == 0 ? INT64_MAX : pauses->heap[0].due_ns;
}

void *mns_pauses_take(mns_pauses_t *pauses)
{
    mns_pause_t *heap = pauses->heap;
    void *who = heap[0].who;
    mns_pause_t last = heap[--pauses->count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < pauses->count) {
        if (child + 1 < pauses->count && heap[child + 1].due_ns < heap[child].due_ns)
            child++;
        if (heap[child].due_ns >= last.due_ns)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return who;
}

void mns_pauses_fini(mns_pauses_t *pauses)
{
    free(pauses->heap);
    memset(pauses, 0, sizeof *pauses);
}

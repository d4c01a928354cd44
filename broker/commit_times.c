#include "commit_times.h"

#include "counters.h"

#define SECOND_NS UINT64_C(1000000000)
enum { WINDOW_S = 30 };

static void tell(const commit_times_t *times)
{
    counter_t *c = times->counters;
    counter_set(&c[BROKER_JOURNAL_COMMIT_P50_US], histogram_quantile(times->windows, 2, 0.5));
    counter_set(&c[BROKER_JOURNAL_COMMIT_P99_US], histogram_quantile(times->windows, 2, 0.99));
}

void commit_times_add(commit_times_t *times, uint64_t now_ns, uint64_t took_ns)
{
    counter_t *slowest = &times->counters[BROKER_JOURNAL_COMMIT_MAX_US];
    if (took_ns / 1000 > counter_get(slowest))
        counter_set(slowest, took_ns / 1000);
    counter_add(&times->counters[BROKER_JOURNAL_COMMIT_US], took_ns / 1000);
    if (now_ns >= times->window_end_ns) {
        times->current ^= 1;
        histogram_clear(&times->windows[times->current]);
        times->window_end_ns = now_ns + WINDOW_S * SECOND_NS;
    }
    histogram_add(&times->windows[times->current], took_ns / 1000);
    if (now_ns < times->tell_at_ns)
        return;
    times->tell_at_ns = now_ns + SECOND_NS;
    tell(times);
}

#include "visibility.h"

#include <stdbool.h>

enum {
    DEFAULT_TIMEOUT_MS = 30 * 1000,
    MIN_TIMEOUT_MS = 1000,
    MAX_TIMEOUT_MS = 43200 * 1000,
    WINDOW_MS = 60 * 1000,
};

static const int64_t MAX_TIME_MS = (int64_t)1 << 52; /* beyond any date; sums cannot overflow */

void visibility_init(visibility_t *visibility)
{
    *visibility = (visibility_t){
        .timeout_ms = DEFAULT_TIMEOUT_MS, .least = INT64_MAX, .least_before = INT64_MAX};
}

static bool plausible(int64_t time_ms)
{
    return time_ms > 0 && time_ms < MAX_TIME_MS;
}

void visibility_learn(visibility_t *visibility, uint64_t now_ms, int64_t first_dequeue_ms,
                      int64_t next_visible_ms, uint32_t dequeue_count)
{
    if (dequeue_count != 1 || !plausible(first_dequeue_ms) || !plausible(next_visible_ms))
        return;
    int64_t timeout_ms = next_visible_ms - first_dequeue_ms;
    if (timeout_ms < MIN_TIMEOUT_MS || timeout_ms > MAX_TIMEOUT_MS)
        return;
    visibility->timeout_ms = timeout_ms;
    int64_t lead_ms = (int64_t)now_ms - first_dequeue_ms;
    if (now_ms >= visibility->window_ends_ms) {
        visibility->least_before = visibility->least;
        visibility->least = lead_ms;
        visibility->window_ends_ms = now_ms + WINDOW_MS;
    } else if (lead_ms < visibility->least) {
        visibility->least = lead_ms;
    }
}

void visibility_set_timeout(visibility_t *visibility, int64_t timeout_s)
{
    if (timeout_s >= MIN_TIMEOUT_MS / 1000 && timeout_s <= MAX_TIMEOUT_MS / 1000)
        visibility->timeout_ms = timeout_s * 1000;
}

/* Our clock minus the service's; INT64_MAX while it is unknown. */
static int64_t lead_of(const visibility_t *visibility)
{
    return visibility->least < visibility->least_before ? visibility->least
                                                        : visibility->least_before;
}

int64_t visibility_service_ms(const visibility_t *visibility, uint64_t now_ms)
{
    int64_t lead_ms = lead_of(visibility);
    return lead_ms == INT64_MAX ? 0 : (int64_t)now_ms - lead_ms;
}

uint64_t visibility_deadline_ms(const visibility_t *visibility, uint64_t now_ms,
                                int64_t next_visible_ms)
{
    int64_t lead_ms = lead_of(visibility);
    if (!plausible(next_visible_ms) || lead_ms == INT64_MAX)
        return now_ms + (uint64_t)visibility->timeout_ms;
    int64_t deadline_ms = next_visible_ms + lead_ms;
    return deadline_ms > 0 ? (uint64_t)deadline_ms : 0;
}

#include "pace.h"

/* @return the current slice's place. */
static size_t move_on(pace_t *pace, uint64_t now_ms)
{
    uint64_t slice = now_ms / PACE_SLICE_MS;
    uint64_t passed = slice > pace->slice ? slice - pace->slice : 0;
    for (uint64_t i = 1; i <= passed && i <= PACE_SLICES; i++)
        pace->slices[(pace->slice + i) % PACE_SLICES].whole =
            pace->slices[(pace->slice + i) % PACE_SLICES].end = 0;
    pace->slice += passed;
    return pace->slice % PACE_SLICES;
}

static void add(pace_t *pace, int64_t n, uint64_t now_ms)
{
    size_t at = move_on(pace, now_ms);
    int64_t end = pace->slices[at].end + n;
    pace->slices[at].whole += n;
    pace->slices[at].end = end > 0 ? end : 0;
}

void pace_received(pace_t *pace, size_t count, uint64_t now_ms)
{
    add(pace, (int64_t)count, now_ms);
}

void pace_deleted(pace_t *pace, size_t count, uint64_t now_ms)
{
    add(pace, -(int64_t)count, now_ms);
}

bool pace_allows(pace_t *pace, size_t count, uint64_t now_ms)
{
    size_t at = move_on(pace, now_ms);
    int64_t sum = (int64_t)count, most = sum;
    for (size_t back = 0; back < PACE_SLICES; back++) {
        most = sum + pace->slices[at].end > most ? sum + pace->slices[at].end : most;
        sum += pace->slices[at].whole;
        at = (at + PACE_SLICES - 1) % PACE_SLICES;
    }
    return most <= PACE_MOST;
}

uint64_t pace_due_ms(uint64_t now_ms)
{
    return (now_ms / PACE_SLICE_MS + 1) * PACE_SLICE_MS;
}

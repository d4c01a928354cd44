#include "unseen.h"

enum { GRAIN_MS = 512, GRAINS = 64 };

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t round_up(uint64_t until_ms, uint64_t now_ms)
{
    uint64_t grain_ms = GRAIN_MS;
    while (until_ms - now_ms > grain_ms * GRAINS)
        grain_ms *= 2;
    return (until_ms + grain_ms - 1) / grain_ms * grain_ms;
}

void unseen_give_up(unseen_t *u, size_t count, uint64_t until_ms, uint64_t now_ms)
{
    if (until_ms <= now_ms || count == 0)
        return;
    uint64_t at_ms = round_up(until_ms, now_ms);
    size_t last = 0;
    u->count += count;
    for (size_t i = 0; i < u->len; i++) {
        if (u->notes[i].until_ms == at_ms) {
            u->notes[i].count += count;
            return;
        }
        if (u->notes[i].until_ms > u->notes[last].until_ms)
            last = i;
    }
    if (u->len < UNSEEN_NOTES) {
        u->notes[u->len].count = count;
        u->notes[u->len++].until_ms = at_ms;
    } else { /* rather too long than too short */
        u->notes[last].count += count;
        u->notes[last].until_ms = later(u->notes[last].until_ms, at_ms);
    }
}

void unseen_lose(unseen_t *u, size_t count, uint64_t started_ms, uint64_t ends_ms)
{
    uint64_t refused_ms = started_ms + UNSEEN_DATE_LIMIT_MS;
    size_t last = u->silent_len - 1;
    u->count += count;
    if (u->silent_len > 0 &&
        (u->silent[last].ends_ms == ends_ms || u->silent_len == UNSEEN_NOTES)) {
        u->silent[last].count += count;
        u->silent[last].ends_ms = later(u->silent[last].ends_ms, ends_ms);
        u->silent[last].refused_ms = later(u->silent[last].refused_ms, refused_ms);
        return;
    }
    u->silent[u->silent_len].count = count;
    u->silent[u->silent_len].ends_ms = ends_ms;
    u->silent[u->silent_len++].refused_ms = refused_ms;
}

/* From `from_ms` on the i-th takes nothing more; the last one takes its place. */
static void end_silence(unseen_t *u, size_t i, uint64_t from_ms, uint64_t now_ms,
                        uint64_t visibility_ms)
{
    size_t count = u->silent[i].count;
    u->silent[i] = u->silent[--u->silent_len];
    u->count -= count;
    unseen_give_up(u, count, from_ms + visibility_ms, now_ms);
}

void unseen_answered(unseen_t *u, uint64_t now_ms, uint64_t visibility_ms)
{
    for (size_t i = u->silent_len; i-- > 0;)
        if (now_ms >= u->silent[i].ends_ms)
            end_silence(u, i, now_ms, now_ms, visibility_ms);
}

void unseen_expire(unseen_t *u, uint64_t now_ms, uint64_t visibility_ms)
{
    for (size_t i = u->silent_len; i-- > 0;)
        if (now_ms >= u->silent[i].refused_ms)
            end_silence(u, i, u->silent[i].refused_ms, now_ms, visibility_ms);
    for (size_t i = 0; i < u->len;) {
        if (now_ms < u->notes[i].until_ms) {
            i++;
            continue;
        }
        u->count -= u->notes[i].count;
        u->notes[i] = u->notes[--u->len];
    }
}

uint64_t unseen_due_ms(const unseen_t *u)
{
    uint64_t due_ms = UINT64_MAX;
    for (size_t i = 0; i < u->silent_len; i++)
        if (u->silent[i].refused_ms < due_ms)
            due_ms = u->silent[i].refused_ms;
    for (size_t i = 0; i < u->len; i++)
        if (u->notes[i].until_ms < due_ms)
            due_ms = u->notes[i].until_ms;
    return due_ms;
}

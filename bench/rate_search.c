#include "rate_search.h"

enum { MAJORITY = 2 /* of three */, RESOLUTION = 16 };

typedef struct search {
    rate_try_fn *try_rate;
    void *ctx;
    uint64_t held, missed; /* the highest that held, the lowest that did not; 0: none yet */
} search_t;

static sl_err probe(search_t *s, uint64_t rate)
{
    int held = 0, missed = 0;
    while (held < MAJORITY && missed < MAJORITY) {
        bool holds = false;
        sl_err err = s->try_rate(s->ctx, rate, &holds);
        if (err != SL_OK)
            return err;
        ++*(holds ? &held : &missed);
    }
    *(held == MAJORITY ? &s->held : &s->missed) = rate;
    return SL_OK;
}

/* Finds one rate that holds and one that does not, a factor of two apart. */
static sl_err bracket(search_t *s, uint64_t start, uint64_t most)
{
    sl_err err = SL_OK;
    for (uint64_t rate = start; err == SL_OK && s->missed == 0 && s->held < most; rate *= 2)
        err = probe(s, rate < most ? rate : most);
    for (uint64_t rate = s->missed / 2; err == SL_OK && s->held == 0 && rate > 0; rate /= 2)
        err = probe(s, rate);
    return err;
}

sl_err rate_search(rate_try_fn *try_rate, void *ctx, uint64_t start, uint64_t most, uint64_t *best)
{
    search_t s = {.try_rate = try_rate, .ctx = ctx};
    sl_err err = bracket(&s, start, most);
    while (err == SL_OK && s.held > 0 && s.missed > s.held &&
           s.missed - s.held > 1 + s.held / RESOLUTION)
        err = probe(&s, s.held + (s.missed - s.held) / 2);
    if (err == SL_OK)
        *best = s.held;
    return err;
}

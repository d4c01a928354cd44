#include "tally.h"

#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { RING_FIRST = 256 };

void tally_init(tally_t *tally)
{
    *tally = (tally_t){.first = 1};
}

static tally_line_t *line_at(tally_t *tally, uint64_t line)
{
    return &tally->ring[line & (tally->cap - 1)];
}

void tally_fini(tally_t *tally)
{
    for (uint64_t line = tally->first; line < tally->first + tally->count; line++)
        free(line_at(tally, line)->why);
    free(tally->ring);
    sl_buf_fini(&tally->out);
    tally_init(tally);
}

static sl_err grow(tally_t *tally)
{
    tally_t wider = *tally;
    wider.cap = tally->cap == 0 ? RING_FIRST : 2 * tally->cap;
    wider.ring = calloc(wider.cap, sizeof *wider.ring);
    if (wider.ring == NULL)
        return SL_ENOMEM;
    for (uint64_t line = tally->first; line < tally->first + tally->count; line++)
        *line_at(&wider, line) = *line_at(tally, line);
    free(tally->ring);
    *tally = wider;
    return SL_OK;
}

sl_err tally_begin(tally_t *tally)
{
    if (tally->count == tally->cap && grow(tally) != SL_OK)
        return SL_ENOMEM;
    *line_at(tally, tally->first + tally->count) = (tally_line_t){.state = TALLY_WAITING};
    tally->count++;
    return SL_OK;
}

void tally_tell_run(tally_t *tally)
{
    if (tally->run_from == 0)
        return;
    if (tally->run_from == tally->first - 1)
        sl_buf_printf(&tally->out, "accepted %" PRIu64 "\n", tally->run_from);
    else
        sl_buf_printf(&tally->out, "accepted %" PRIu64 "-%" PRIu64 "\n", tally->run_from,
                      tally->first - 1);
    tally->run_from = 0;
}

static void tell(tally_t *tally, tally_line_t *settled)
{
    if (settled->state == TALLY_ACCEPTED) {
        tally->accepted++;
        if (tally->run_from == 0)
            tally->run_from = tally->first;
        return;
    }
    tally_tell_run(tally);
    if (settled->state == TALLY_REFUSED) {
        const char *why = settled->why != NULL ? settled->why : "refused";
        tally->refused++;
        sl_buf_printf(&tally->out, "refused %" PRIu64 ": ", tally->first);
        text_clean(&tally->out, why, strlen(why));
        sl_buf_append_byte(&tally->out, '\n');
    }
    free(settled->why);
    settled->why = NULL;
}

void tally_settle(tally_t *tally, uint64_t line, tally_state_t state, const char *why, ...)
{
    assert(line >= tally->first && line < tally->first + tally->count);
    tally_line_t *settled = line_at(tally, line);
    assert(settled->state == TALLY_WAITING);
    settled->state = state;
    if (why != NULL) {
        va_list args;
        va_start(args, why);
        if (vasprintf(&settled->why, why, args) < 0)
            settled->why = NULL;
        va_end(args);
    }
    while (tally->count > 0 && line_at(tally, tally->first)->state != TALLY_WAITING) {
        tell(tally, line_at(tally, tally->first));
        tally->first++;
        tally->count--;
    }
}

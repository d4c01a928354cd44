#include "mns_bodies.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void bodies_init(bodies_t *bodies, const char *const *words, size_t count)
{
    *bodies = (bodies_t){.words = words, .count = count};
    bodies->from_stdin = count == 1 && strcmp(words[0], "-") == 0;
}

void bodies_fini(bodies_t *bodies)
{
    lines_fini(&bodies->lines);
}

/* A last line without its end is a line too: lines_next gives it once the input has ended. */
static sl_err next_line(bodies_t *bodies, const char **body, size_t *len)
{
    for (;;) {
        sl_err err = lines_next(&bodies->lines, body, len);
        if (err == SL_OK && *len == 0)
            continue;
        if (err != SL_EAGAIN)
            return err;
        if (bodies->lines.ended)
            return SL_ECLOSED;
        err = lines_fill(&bodies->lines, STDIN_FILENO);
        if (err == SL_EIO || err == SL_ENOMEM)
            return err;
    }
}

sl_err bodies_next(bodies_t *bodies, const char **body, size_t *len)
{
    if (bodies->from_stdin)
        return next_line(bodies, body, len);
    if (bodies->at == bodies->count)
        return SL_ECLOSED;
    *body = bodies->words[bodies->at++];
    *len = strlen(*body);
    return SL_OK;
}

void bodies_place(const bodies_t *bodies, char out[48])
{
    if (bodies->from_stdin)
        snprintf(out, 48, "line %" PRIu64, bodies->lines.number);
    else
        snprintf(out, 48, "message %zu", bodies->at);
}

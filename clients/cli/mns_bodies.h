/* mns_bodies.h - what is to be sent: the words of a command line, or the lines of standard input.
 *
 *     send q one two          two bodies
 *     send q -                a body a line; empty lines are none
 *
 * The same for anything that is given so: receipt handles, too. */
#ifndef CLI_MNS_BODIES_H
#define CLI_MNS_BODIES_H

#include "lines.h"

typedef struct bodies {
    const char *const *words;
    size_t count, at;
    lines_t lines;
    bool from_stdin; /**< the one word is "-" */
} bodies_t;

void bodies_init(bodies_t *bodies, const char *const *words, size_t count);
void bodies_fini(bodies_t *bodies);

/** Hands out the next one, borrowed until the next call.
 *  @return SL_OK; SL_ECLOSED at the end; SL_ELIMIT: a line longer than LINES_MAX; SL_EIO (errno);
 *          SL_ENOMEM. */
sl_err bodies_next(bodies_t *bodies, const char **body, size_t *len);

/** Where it stands, for what is told: "line 3" or "message 3". */
void bodies_place(const bodies_t *bodies, char out[48]);

#endif

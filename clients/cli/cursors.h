/* cursors.h - the named subscribers that a broker's STATUS tells of. */
#ifndef CLI_CURSORS_H
#define CLI_CURSORS_H

#include "ask.h"

#include "base/mp.h"

/** One, borrowed from the answer.  What the broker does not say is 0 or empty. */
typedef struct cursor {
    const char *name;
    size_t name_len;
    bool placed; /**< it was committed: `number` says where */
    uint64_t stream, number, lag, generation, idle_ms;
    wire_texts_t patterns;
    const uint8_t *patterns_raw; /**< as an array */
    size_t patterns_raw_len;
} cursor_t;

typedef struct cursors {
    mp_cursor_t in;
    uint32_t left;
    bool bad; /**< the answer is malformed */
} cursors_t;

/** Asks for them.  @return true; they are there until the next question.  False: told. */
bool cursors_ask(cursors_t *cursors, ask_t *ask);

/** Opens STATUS's map.  A broker that tells of none has none. */
void cursors_open(cursors_t *cursors, const void *map, size_t len);

/** @return false at the end, or when the rest is malformed: `bad`. */
bool cursors_next(cursors_t *cursors, cursor_t *cursor);

bool cursors_find(cursors_t *cursors, const char *name, cursor_t *cursor);

#endif

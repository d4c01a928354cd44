/* replay.h - a stretch of the journal, event by event, and then it ends.
 *
 *     FIND since --> after ; REPLAY after … until --> BATCH BATCH LOST BATCH … DONE
 *
 * The broker sends as much as there is credit for; what was handed to the caller is given back as
 * credit, so a slow reader of our output holds up this replay and nobody else.  It may be silent
 * for long while it searches for the few batches that are ours: then its STATUS shows that it
 * lives, and whether it was started anew and has to be asked again. */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "ask.h"

#include <sluice.h>

typedef struct replay {
    uint64_t since_ns; /**< sealed at or after; 0: all there is.  Or: */
    uint64_t after,
        until;          /**< numbers, exclusive and inclusive; both 0: by since_ns, to the head */
    const char *prefix; /**< of topics */
    /** One event; the item is borrowed for the call.  @return false ends the replay. */
    bool (*on_event)(void *ctx, const sluice_item_t *item);
    /** A range that is not there any more.  @return false, or NULL: tell it on standard error. */
    bool (*on_lost)(void *ctx, const wire_lost_t *lost);
    void *ctx;
} replay_t;

/** @return true: all was handed over, or on_event ended it.  False: told. */
bool replay_run(ask_t *ask, const replay_t *replay);

#endif

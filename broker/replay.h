/* replay.h - what the journal holds, sent again to who asks for it.
 *
 *     journal --slices, in turn--> replay 1  --credit--> BATCH BATCH LOST BATCH ... DONE
 *                                  replay 2
 *
 * Each turn reads a bounded slice for each of some replays, so that many share the thread fairly.
 * A replay sends while it has credit, which the reader gives as it reads: a reader that stops is
 * not read for.  What libzmq does not take, since very many small messages wait already, is read
 * from the journal again a little later.
 *
 * Threads: one owns it; journal_read may be called in any. */
#ifndef BROKER_REPLAY_H
#define BROKER_REPLAY_H

#include "counters.h"
#include "journal.h"
#include "route.h"
#include "wire/query.h"

typedef struct replay replay_t;

typedef struct replays_options {
    void *router; /**< with ROUTER_MANDATORY, borrowed */
    journal_t *journal;
    counter_t *counters;
    uint32_t max;       /**< replays at once */
    uint64_t silent_ns; /**< one that can send nothing for so long is dropped */
} replays_options_t;

typedef struct replays {
    replays_options_t o;
    replay_t **list;
    uint32_t count;
    uint32_t turn; /**< whose slice is next */
    uint64_t now_ns;
    sl_buf_t frame;
} replays_t;

/** @return SL_OK, SL_ENOMEM. */
sl_err replays_init(replays_t *rs, const replays_options_t *options);
void replays_fini(replays_t *rs);

/** Begins one; it replaces what the same peer runs under the same request.
 *  @param replay  `until` is a number; prefixes are copied.
 *  @return SL_OK; SL_ELIMIT: as many as may be are running, of all or of this peer, and none of
 *          them idle; SL_ENOMEM. */
sl_err replays_add(replays_t *rs, const route_t *peer, uint64_t request,
                   const wire_replay_t *replay);

/* Of a replay that does not run: nothing happens. */
void replays_credit(replays_t *rs, const route_t *peer, uint64_t request, uint64_t bytes);
void replays_cancel(replays_t *rs, const route_t *peer, uint64_t request);

/** Some slices.  @param now_ns  of this turn.  @return how many sent something or got on. */
int replays_turn(replays_t *rs, uint64_t now_ns);

/** When the next turn is worth it, if nobody asks for anything before; UINT64_MAX: never. */
uint64_t replays_deadline_ns(const replays_t *rs);

#endif

/* bridge.h - the loop that moves messages from MNS to the broker.
 *
 *     wait --> take replies --> publish --> take receipts --> delete --> receive --> observe
 *
 * One thread runs bridge_turn over and over; each duty is bounded and reads the clock that the turn
 * read.  A test calls bridge_turn by hand with a clock of its own. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "base/clock.h"
#include "base/counter.h"
#include "options.h"

typedef struct bridge bridge_t;

/** @param options   borrowed until destroy; as options_program checked them.
 *  @param registry  borrowed; receives the counters.
 *  @param wake_fd   ends a turn's wait when it becomes readable; -1: none.  Borrowed.
 *  @param failed    on error receives what could not be used: an endpoint, an address, a file; one
 * of the options' texts.
 *  @return SL_OK, SL_EINVAL (an endpoint that none can be, no keys, a file with something else in
 *          it), SL_ENOMEM, SL_EIO. */
sl_err bridge_create(bridge_t **out, const bridge_options_t *options, const sl_clock_t *clock,
                     counter_registry_t *registry, int wake_fd, const char **failed);

/** One round of duties.  @param timeout_ms  how long to wait for something to do; -1: until
 *  something is due.  @return the work done, or -1 when the loop cannot go on (errno). */
int bridge_turn(bridge_t *bridge, int timeout_ms);

/** Receive no more; publish and delete what is in hand, within the option `drain`.  Called again:
 *  give up at once. */
void bridge_stop(bridge_t *bridge);

/** Is it stopped, with nothing left to wait for? */
bool bridge_done(const bridge_t *bridge);

/** Where MNS may push to: "https://127.0.0.1:8443", with the real port and without the path, which
 *  may be secret; NULL for a queue.  Valid until destroy. */
const char *bridge_source_url(const bridge_t *bridge, size_t index);

/** Messages received and not deleted. */
size_t bridge_in_hand(const bridge_t *bridge);

/** For observe.h, from any thread. */
bool bridge_ready(void *bridge, const char **reason);

/** Ends at once.  What the broker has not acknowledged stays in MNS. */
void bridge_destroy(bridge_t **bridge);

#endif

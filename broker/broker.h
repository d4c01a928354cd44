/* broker.h - the turn: one thread, a short list of duties, each bounded.
 *
 *     completions -> intake -> seal -> feed -> answers -> subscriptions -> queries -> ticks -> wait
 *
 * When the journal fails, intake closes for a while, each time for longer; the requests that come
 * when it opens again are the probe.  The feed goes on all the while.
 *
 * Threads: whoever calls broker_turn is the sequencer.  Beside it run the journal's thread, the
 * query service's, libzmq's three I/O threads, one for each endpoint, and the door's. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/clock.h"
#include "door.h"
#include "feed.h"
#include "intake.h"
#include "options.h"
#include "query.h"
#include "query_service.h"
#include "recovery.h"

enum { BROKER_ENDPOINT_MAX = 256, BROKER_FAILED_MAX = 512 };

typedef struct broker {
    const sl_clock_t *clock;
    broker_options_t o;
    counter_t counters[BROKER_COUNTER_COUNT];
    void *context, *feed_socket, *intake_socket;
    void *query_socket;         /**< the query service's, once it runs */
    void *service_pair, *asked; /**< the service's end, and ours, of TICK and STATUS */
    int feed_fd, intake_fd, asked_fd;
    char feed_endpoint[BROKER_ENDPOINT_MAX], intake_endpoint[BROKER_ENDPOINT_MAX],
        query_endpoint[BROKER_ENDPOINT_MAX];
    door_t *door;
    journal_t *journal;
    cursors_t *cursors;
    query_service_t *query_service;
    char journal_failed[BROKER_FAILED_MAX];
    recovery_t recovery; /**< what the journal held; zeros: it is a new one in memory */
    sequencer_t sequencer;
    feed_t feed;
    intake_t intake;
    query_t query;
    bool built; /**< the four above are */
    uint64_t now_ns, wall_ns;
    uint64_t stopped_ns; /**< since when intake is not read; 0: it is */
    uint64_t slow_ns;    /**< when the slow chores were done last */
    uint64_t rollbacks;  /**< of the sequencer that were heeded */
    uint64_t closed_ms;  /**< how long the last one closed intake; 0: a group succeeded since */
    uint64_t closed_until_ns;
    bool intake_empty;
    bool completed; /**< the journal completed something this turn */
    bool draining;
    _Atomic bool serving; /**< read by the HTTP thread */
} broker_t;

/** Opens the sockets and binds them.
 *  @param journal  taken over; NULL: by options->durability, and what it holds goes on.
 *  @param clock    borrowed.
 *  @param failed   receives what could not be done, for people; errno says why.  Static or in *b.
 *  @return SL_OK; else broker_fini is called already. */
sl_err broker_init(broker_t *b, const broker_options_t *options, journal_t *journal,
                   const sl_clock_t *clock, const char **failed);

/** One turn; waits at most `wait_ns` for something to do.
 *  @param wake_fd  a descriptor that ends the wait when readable, or -1.
 *  @return work done: 0 means that nothing is left to do now. */
int broker_turn(broker_t *b, uint64_t wait_ns, int wake_fd);

/** Refuses new requests from now on; what was taken goes on. */
void broker_begin_drain(broker_t *b);
/** Is everything that was taken committed and handed to libzmq? */
bool broker_is_drained(const broker_t *b);

/** Closes everything.
 *  @param linger_ms  how long libzmq may go on sending.
 *  @return SL_OK; SL_EIO, SL_ENOMEM: the journal could not be marked as ended in order; logged. */
sl_err broker_fini(broker_t *b, int linger_ms);

#endif

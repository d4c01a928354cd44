/* load.h - one load over a carrier: its server, its publishers and its crowd, each process new for
 * it.
 *
 *     load_begin    server, publishers, subscribers; ends when all have joined
 *     load_pass     time passes, while everybody is well
 *     load_look     counters and CPU clocks: two looks tell what was between them
 *     load_settle   the publishers stop, what is on its way arrives, everybody leaves
 *     load_end      nothing of it is left
 *
 * Between load_begin and load_pass stands crowd_go, and a load may do what it likes to the
 * processes meanwhile. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench.h"
#include "crowd.h"
#include "proc.h"

/** The first three paragraphs are the caller's to fill in, with zeros for what it does not need. */
typedef struct load {
    const bench_run_t *bench;
    const char *title; /**< for the terminal, beside the bench's own */

    crowd_plan_t plan; /**< not its share and clock, nor where the server is */

    daemons_transport_t transport;
    daemons_durability_t durability;  /**< of ours */
    const config_list_t *broker_args; /**< of ours; NULL: none */

    proc_set_t set;
    carrier_server_t server;
    proc_t *apart;       /**< the process of those apart; NULL: there are none */
    uint64_t rss_max;    /**< load_weigh's */
    uint64_t weighed_ns; /**< when the workers were, last */
    bool weighs_workers; /**< once a second: it costs a look at every process */
    uint64_t settled_ns; /**< when everything had arrived; load_settle's */
    uint64_t seen, seen_ns, patience_ns;
} load_t;

/** Starts everything.  The carrier's version and what it promises become a note of the result.
 *  @return SL_OK; errors, told on stderr.  After each: load_end. */
sl_err load_begin(load_t *load);

/** @param phase  for the terminal, with the deliveries a second; NULL: without.
 *  @return SL_OK; SL_EIO: somebody left; SL_ECLOSED: interrupted. */
sl_err load_pass(load_t *load, uint64_t ms, const char *phase);

typedef struct load_look {
    uint64_t at_ns, published, delivered, bytes, held_ns;
    uint64_t cpu_publishers_ns, cpu_server_ns, cpu_subs_ns;
} load_look_t;

load_look_t load_look(load_t *load);

/** The process that subscribers are connected to: the server's, else the publisher's. */
const proc_t *load_server(const load_t *load);

/** Weighs that process, and keeps the most it ever had; once a second the workers, too.  load_pass
 * and load_settle do so. */
void load_weigh(load_t *load);

/** The most RssAnon that a publisher had, and a process of subscribers: medians over them. */
double load_publisher_mib(const load_t *load);
double load_subscriber_mib(const load_t *load);

/** What was on a broker's feed, between two looks at its counters.  They are asked for over HTTP,
 * which costs it a moment: so load_look does not. */
typedef struct load_feed {
    bool asked; /**< else there is no broker of ours, or it did not answer */
    broker_counters_t begin;
} load_feed_t;

void load_feed_begin(const load_t *load, load_feed_t *feed);
/** @return zeros where nothing is known. */
feed_batch_t load_feed_end(const load_t *load, const load_feed_t *feed);

typedef enum {
    LOAD_COMPLETE, /**< every subscriber is to have every event */
    LOAD_QUIET,    /**< or at least all that still comes */
    LOAD_PATIENT,  /**< likewise, of who may yet ask for what it misses */
} load_settled_t;

/** @return SL_OK; SL_ETIMEDOUT (not complete, and nothing comes any more) and others, told on
 *  stderr. */
sl_err load_settle(load_t *load, load_settled_t when);

void load_end(load_t *load);

#endif

/* fanout_run.h - one run of fan-out: what the bench `fanout` repeats, and `scale` turns axis by
 * axis.
 *
 * Broker, subscribers and publishers, each a process of its own and each new for this run; warm-up;
 * the measured phase, between two looks at everybody's counters and CPU clocks; then the publishers
 * stop, and every subscriber must come to have every event, with nothing lost, repeated or
 * malformed, or there is no outcome.  What the feed lost on its way and a subscriber fetched from
 * the broker is counted as a repair. */
#ifndef BENCH_FANOUT_RUN_H
#define BENCH_FANOUT_RUN_H

#include "bench.h"
#include "daemons.h"

#include <stddef.h>
#include <stdint.h>

/** As --read calls them. */
#define FANOUT_READS "batch|event|decode"
typedef enum {
    FANOUT_READ_BATCH,
    FANOUT_READ_EVENT,
    FANOUT_READ_DECODE, /**< an event a call, and three of its fields looked up by name */
} fanout_read_t;
const char *fanout_read_name(fanout_read_t read);

enum { FANOUT_SUBS_MAX = 1000, FANOUT_PUBLISHERS_MAX = 32 };

/** What stands there and what it does. */
typedef struct fanout_setup {
    size_t subs, publishers;
    size_t topics;         /**< as in mix_options_t */
    size_t event_bytes;    /**< likewise */
    uint64_t window;       /**< how far publishers may be ahead of the slowest subscriber, events */
    uint32_t batch_bytes;  /**< of the publishers; 0: libsluice's default */
    uint32_t batch_events; /**< likewise; more than 0: as many events of a topic come in a row */
    fanout_read_t read;
    daemons_transport_t transport;
    daemons_durability_t durability;
    uint64_t prefill_bytes; /**< of events that are in the journal before anybody subscribes */
    uint64_t warmup_ms, measure_ms;
    const config_list_t *broker_args; /**< further ones; NULL: none */
} fanout_setup_t;

/** What came of it, in the measured phase. */
typedef struct fanout_outcome {
    double deliveries_per_s, gb_per_s; /**< over all subscribers */
    double events_per_s;               /**< published */
    double events_per_batch;           /**< on the feed */
    double event_bytes;                /**< mean size of what was delivered */
    double feed_bytes_per_event;       /**< with the batch's header, once for all subscribers */
    double cpu_s_publishers, cpu_s_broker, cpu_s_subscribers;
    double cpu_s_per_million;                          /**< deliveries, of all processes */
    double broker_cpu_s_per_million;                   /**< likewise, of the broker alone */
    double sequencer_cores, feed_cores, journal_cores; /**< what these threads of it kept busy */
    double sequencer_s_per_event;                      /**< CPU */
    double feed_s_per_delivery;                        /**< CPU of the feed's I/O thread */
    double held;         /**< share of the time that the publishers waited */
    double rss_anon_mib; /**< of the broker, at the end */
    double dedup_mib;    /**< of these, what remembers ids */
    double lossy_sends, repairs;
    double window_events, sub_processes; /**< as they were set up */
} fanout_outcome_t;

/** Of batch-sim's events, puts how large they are and how they follow each other; of events of one
 * size nothing. */
void fanout_put_payload(const fanout_setup_t *setup, result_t *result);

/** Does a run.  @param bench  gives the place, the meter and the title.
 *  @return SL_OK; an error, told on stderr: nothing of it counts. */
sl_err fanout_run(const bench_run_t *bench, const fanout_setup_t *setup, fanout_outcome_t *out);

#endif

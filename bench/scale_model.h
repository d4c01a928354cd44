/* scale_model.h - what one host with 10 GbE would carry, on paper.
 *
 * Question: where does a broker stop when publishers and subscribers are on other machines, and it
 * has what it needs of cores?  At the first of three limits; each comes from a cost that was
 * measured here:
 *
 *     the wire         W / bytes that a delivery takes on the feed
 *     the feed         one core / CPU that the feed's I/O thread needs for a delivery
 *     the sequencer    one core / (CPU that it needs for an event, shared by the N subscribers,
 *                      and CPU that it needs to hand the event to one of them)
 *
 *     deliveries/s
 *          |            ,------------------  the lower of wire and feed
 *          |          /:
 *          |        /  :
 *          |      / <- the sequencer
 *          |    /      :
 *          +-----------+------------------> subscribers
 *                    the knee
 *
 * What it takes for granted is in docs/performance.md.  No I/O, no state. */
#ifndef BENCH_SCALE_MODEL_H
#define BENCH_SCALE_MODEL_H

/** What was measured; each more than 0. */
typedef struct scale_costs {
    double feed_bytes_per_event; /**< with its share of the batch's header */
    double events_per_batch;     /**< on the feed */
    double feed_s_per_delivery;  /**< CPU of the feed's I/O thread */
    /** CPU of the sequencer for an event, with one subscriber and with `many_subs` (more than 1) of
     * them. */
    double sequencer_s_to_one, sequencer_s_to_many, many_subs;
} scale_costs_t;

typedef struct scale_model {
    double wire_deliveries_per_s; /**< of any number of subscribers together */
    double feed_deliveries_per_s;
    double sequencer_s_per_event, sequencer_s_per_delivery;
    double deliveries_per_s; /**< the lowest, with ever more subscribers */
    double knee_subs;        /**< from so many on it is not the sequencer; 0: it always is */
} scale_model_t;

scale_model_t scale_model(const scale_costs_t *costs);

/** Events a second to `subs` subscribers, each of which gets all. */
double scale_model_events_per_s(const scale_model_t *model, double subs);

#endif

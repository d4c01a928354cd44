#include "scale_points.h"

#define X(axis, help) {#axis, help},
const scale_axis_def_t scale_axes[SCALE_AXIS_COUNT] = {SCALE_AXES(X)};
#undef X

#define X(axis, point, value, when) {SCALE_##axis, #axis "_" #point, value, when},
const scale_point_t scale_points[SCALE_POINT_COUNT] = {SCALE_POINTS(X)};
#undef X

#define METRIC(axis, point, metric, unit, digits, help, value) \
    {"scale_" #axis "_" #point "_" #metric, unit, help, digits, BOUND_NONE, 0},
#define X(axis, point, value, when) SCALE_METRICS(METRIC, axis, point)
const figure_def_t scale_figures[SCALE_FIGURES] = {
    SCALE_POINTS(X)[SCALE_MEMORY_REST] = {"scale_memory_rest_mib", "MiB",
                                          "a broker with nothing to do", 1},
    [SCALE_MEMORY_SUBSCRIBER] = {"scale_memory_subscriber_kib", "KiB", "one more quiet subscriber",
                                 1},
    [SCALE_MEMORY_TOPIC] = {"scale_memory_topic_kib", "KiB", "one more topic", 2},
    [SCALE_MEMORY_ID_LEAST] = {"scale_memory_id_bytes_least", "bytes",
                               "an id remembered, before the table doubles", 1},
    [SCALE_MEMORY_ID_MOST] = {"scale_memory_id_bytes_most", "bytes", "after it has", 1},
    [SCALE_MODEL_WIRE] = {"scale_model_wire_deliveries_per_s", "1/s", "10 GbE, at the base's sizes",
                          0},
    [SCALE_MODEL_FEED] = {"scale_model_feed_deliveries_per_s", "1/s",
                          "one core for the feed's thread", 0},
    [SCALE_MODEL_SEQUENCER_EVENT] = {"scale_model_event_sequencer_us", "us",
                                     "CPU of the sequencer for an event", 3},
    [SCALE_MODEL_SEQUENCER_DELIVERY] = {"scale_model_delivery_sequencer_us", "us",
                                        "and to hand it to one subscriber", 4},
    [SCALE_MODEL_DELIVERIES] = {"scale_model_deliveries_per_s", "1/s",
                                "the lowest, with ever more subscribers", 0},
    [SCALE_MODEL_KNEE] = {"scale_model_knee_subs", "", "with fewer the sequencer is the limit", 1},
    [SCALE_MODEL_TO_8] = {"scale_model_8_events_per_s", "1/s", "to each of 8 subscribers", 0},
    [SCALE_MODEL_TO_64] = {"scale_model_64_events_per_s", "1/s", "to each of 64", 0},
    [SCALE_MODEL_TO_1000] = {"scale_model_1000_events_per_s", "1/s", "to each of 1,000", 0},
};
#undef X

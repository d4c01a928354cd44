/* scale_points.h - what the bench `scale` turns, and what it reads off: one row each.
 *
 * Every figure is a point and a metric: scale_subs_256_deliveries_per_s.  Each axis has one point
 * that is the base; it is measured once a run and stands in every axis. */
#ifndef BENCH_SCALE_POINTS_H
#define BENCH_SCALE_POINTS_H

#include "fanout_run.h"
#include "result.h"

/** Axis, what changes along it. */
#define SCALE_AXES(X)                                                                       \
    X(subs, "subscriber processes")                                                         \
    X(batch, "events in a publisher's batch; big: libsluice's default")                     \
    X(transport, "of feed and intake")                                                      \
    X(durability, "of the broker")                                                          \
    X(read, "a batch a call; an event a call; that, and three of its fields decoded")       \
    X(size, "bytes of an event; sim: batch-sim's, sorted by topic, again and again")        \
    X(topics, "topics that events are on")                                                  \
    X(publishers, "publisher processes")                                                    \
    X(journal, "bytes in the journal beforehand; turning: full, the oldest deleted as new " \
               "ones come")

/** When a point is measured. */
typedef enum {
    SCALE_BASE,  /**< always, once for all axes */
    SCALE_QUICK, /**< with --quick too */
    SCALE_FULL,
} scale_when_t;

/** The value of a journal that is full. */
enum { SCALE_JOURNAL_TURNING = UINT16_MAX };

/** Axis, point, the axis' value there (scale.c says what it is of), when. */
#define SCALE_POINTS(X)                               \
    X(subs, 1, 1, SCALE_QUICK)                        \
    X(subs, 8, 8, SCALE_QUICK)                        \
    X(subs, 64, 64, SCALE_BASE)                       \
    X(subs, 256, 256, SCALE_FULL)                     \
    X(subs, 1000, 1000, SCALE_FULL)                   \
    X(batch, 1, 1, SCALE_QUICK)                       \
    X(batch, 16, 16, SCALE_BASE)                      \
    X(batch, big, 0, SCALE_QUICK)                     \
    X(transport, tcp, DAEMONS_TCP, SCALE_BASE)        \
    X(transport, ipc, DAEMONS_IPC, SCALE_QUICK)       \
    X(durability, memory, DAEMONS_MEMORY, SCALE_FULL) \
    X(durability, os, DAEMONS_OS, SCALE_BASE)         \
    X(durability, disk, DAEMONS_DISK, SCALE_FULL)     \
    X(read, batch, FANOUT_READ_BATCH, SCALE_FULL)     \
    X(read, event, FANOUT_READ_EVENT, SCALE_BASE)     \
    X(read, decode, FANOUT_READ_DECODE, SCALE_QUICK)  \
    X(size, 128, 128, SCALE_FULL)                     \
    X(size, 320, 320, SCALE_BASE)                     \
    X(size, 1024, 1024, SCALE_FULL)                   \
    X(size, sim, 0, SCALE_FULL)                       \
    X(topics, 1, 1, SCALE_FULL)                       \
    X(topics, 4, 4, SCALE_BASE)                       \
    X(topics, 64, 64, SCALE_FULL)                     \
    X(topics, 960, 960, SCALE_FULL)                   \
    X(publishers, 1, 1, SCALE_BASE)                   \
    X(publishers, 4, 4, SCALE_FULL)                   \
    X(publishers, 16, 16, SCALE_FULL)                 \
    X(journal, empty, 0, SCALE_BASE)                  \
    X(journal, 256m, 256, SCALE_FULL)                 \
    X(journal, 1g, 1024, SCALE_FULL)                  \
    X(journal, turning, SCALE_JOURNAL_TURNING, SCALE_FULL)

/** Metric, unit, digits, what it is, where it comes from: `out` is the fanout_outcome_t of the
 * point, `base` that of the base in the same run. */
#define SCALE_METRICS(X, axis, point)                                                           \
    X(axis, point, deliveries_per_s, "1/s", 0, "events delivered, over all subscribers",        \
      out->deliveries_per_s)                                                                    \
    X(axis, point, ratio_to_base, "", 3, "deliveries_per_s, against the base of the same run",  \
      base->deliveries_per_s > 0 ? out->deliveries_per_s / base->deliveries_per_s : 0)          \
    X(axis, point, events_per_s, "1/s", 0, "published", out->events_per_s)                      \
    X(axis, point, gb_per_s, "GB/s", 3, "bytes of events delivered", out->gb_per_s)             \
    X(axis, point, event_bytes, "bytes", 0, "mean size of the events", out->event_bytes)        \
    X(axis, point, events_per_batch, "", 1, "on the feed", out->events_per_batch)               \
    X(axis, point, cpu_s_per_million, "s", 3, "CPU of all processes, for a million deliveries", \
      out->cpu_s_per_million)                                                                   \
    X(axis, point, broker_cpu_s_per_million, "s", 3,                                            \
      "CPU of the broker, for a million deliveries", out->broker_cpu_s_per_million)             \
    X(axis, point, sequencer_cores, "", 2, "what the broker's sequencer thread kept busy",      \
      out->sequencer_cores)                                                                     \
    X(axis, point, feed_cores, "", 2, "what the feed's I/O thread kept busy", out->feed_cores)  \
    X(axis, point, journal_cores, "", 2, "what the journal's thread kept busy",                 \
      out->journal_cores)                                                                       \
    X(axis, point, broker_mib, "MiB", 1,                                                        \
      "anonymous memory of the broker, without the dedup window",                               \
      out->rss_anon_mib - out->dedup_mib)                                                       \
    X(axis, point, repairs, "", 0, "replays that subscribers asked for, to be complete",        \
      out->repairs)                                                                             \
    X(axis, point, window_events, "", 0,                                                        \
      "how far publishers might be ahead of the slowest subscriber", out->window_events)        \
    X(axis, point, sub_processes, "", 0, "subscriber processes", out->sub_processes)

#define X(axis, help) SCALE_##axis,
typedef enum { SCALE_AXES(X) SCALE_AXIS_COUNT } scale_axis_t;
#undef X

typedef struct scale_axis_def {
    const char *name, *help;
} scale_axis_def_t;

typedef struct scale_point {
    scale_axis_t axis;
    const char *name; /**< "subs_256" */
    uint64_t value;
    scale_when_t when;
} scale_point_t;

#define X(axis, point, value, when) SCALE_AT_##axis##_##point,
enum { SCALE_POINTS(X) SCALE_POINT_COUNT };
#undef X

#define X(axis, point, metric, unit, digits, help, value) SCALE_##metric,
typedef enum { SCALE_METRICS(X, , ) SCALE_METRIC_COUNT } scale_metric_t;
#undef X

/** The figures: a row of metrics a point, and what stands behind them. */
enum {
    SCALE_MEMORY_REST = SCALE_POINT_COUNT * SCALE_METRIC_COUNT,
    SCALE_MEMORY_SUBSCRIBER,
    SCALE_MEMORY_TOPIC,
    SCALE_MEMORY_ID_LEAST,
    SCALE_MEMORY_ID_MOST,
    SCALE_MODEL_WIRE,
    SCALE_MODEL_FEED,
    SCALE_MODEL_SEQUENCER_EVENT,
    SCALE_MODEL_SEQUENCER_DELIVERY,
    SCALE_MODEL_DELIVERIES,
    SCALE_MODEL_KNEE,
    SCALE_MODEL_TO_8,
    SCALE_MODEL_TO_64,
    SCALE_MODEL_TO_1000,
    SCALE_FIGURES
};

extern const scale_axis_def_t scale_axes[SCALE_AXIS_COUNT];
extern const scale_point_t scale_points[SCALE_POINT_COUNT];
extern const figure_def_t scale_figures[SCALE_FIGURES];

static inline size_t scale_figure(size_t point, scale_metric_t metric)
{
    return point * SCALE_METRIC_COUNT + metric;
}

/** A table for people: a line a point.  As result_print. */
void scale_print(const result_t *result, FILE *out);

#endif

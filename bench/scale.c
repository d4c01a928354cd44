/* scale.c - how does the cost grow?  One axis at a time, round a base.
 *
 *     base --+-- subs:   1 8 (64) 256 1000      64 subscribers, one publisher that sends 16
 *            +-- batch:  1 (16) big             events at a time, tcp, durability os, 320
 *            +-- ...                            bytes, an event a call, 4 topics
 *            +-- memory: one more subscriber, topic, remembered id
 *            '-- model:  what one host with 10 GbE would carry at these costs
 *
 * Every point is a fan-out run (fanout_run.h) that differs from the base in one thing; its ratio is
 * to the base of the same run, so that a machine that drifts moves both. */
#include "scale_points.h"

#include "benches.h"
#include "fanout_run.h"
#include "mix.h"
#include "scale_memory.h"
#include "scale_model.h"

#include <stdio.h>
#include <string.h>

enum {
    BROKER_ARGS_MAX = DAEMONS_EXTRA_ARGS_MAX,
    BASE_SUBS = 64,
    WINDOW_MIN = 1024,
    UNDER_WAY_MAX = 1 << 20, /* deliveries: a third of a second's work */
    TURNING_MIB = 64,        /* what a journal keeps that is full */
    QUICK_WARMUP_MS = 200,
    OVERHEAD_MS = 700, /* of a run, to start and to check */
    SUB_START_MS = 10,
    PREFILL_MIB_PER_S = 200,
};

typedef struct scale_options {
    bench_common_t common;
    config_list_t axes, points, broker_args;
    uint64_t seconds, warmup_ms, window;
    bool quick;
} scale_options_t;

#define OPT(name, what, ...)                   \
    {                                          \
        .key = name, .kind = what, __VA_ARGS__ \
    }
#define AT(member) .offset = offsetof(scale_options_t, member)
static const config_opt_t options_table[] = {
    OPT("axes", CONFIG_STR_LIST, AT(axes), .arg = "AXIS,…",
        .help = "only these, of: subs batch transport durability read size topics publishers "
                "journal memory"),
    OPT("points", CONFIG_STR_LIST, AT(points), .arg = "AXIS_POINT,…",
        .help = "only these (and those of --axes), as the figures call them: subs_256,batch_1; "
                "the model wants subs_1"),
    OPT("quick", CONFIG_BOOL, AT(quick),
        .help = "few points, a second each; with --runs 1 less than half a minute"),
    OPT("seconds", CONFIG_U64, AT(seconds), .def = "2", .arg = "N",
        .help = "measured at each point", .min = 1, .max = 600),
    OPT("warmup", CONFIG_MS, AT(warmup_ms), .def = "500ms", .arg = "TIME",
        .help = "before the measured phase", .max = 60000),
    OPT("window", CONFIG_U64, AT(window), .def = "16384", .arg = "EVENTS",
        .help = "how far publishers may be ahead of the slowest subscriber; with many subscribers "
                "less, so that 2^20 deliveries are under way: each point tells its window_events "
                "and sub_processes",
        .min = WINDOW_MIN),
    OPT("broker-arg", CONFIG_STR_LIST, AT(broker_args), .arg = "ARG",
        .help = "a further argument for sluice-broker; may be repeated"),
    BENCH_COMMON_OPTIONS("3"),
};

/* -- what to measure ------------------------------------------------------------------------ */

#define MEMORY_AXIS "memory"

static bool lists(const config_list_t *list, const char *name)
{
    const char *const *items = list->items;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(items[i], name) == 0)
            return true;
    return false;
}

static bool takes_all(const scale_options_t *o)
{
    return o->axes.count == 0 && o->points.count == 0;
}

static bool is_listed(const scale_options_t *o, const scale_point_t *point)
{
    return lists(&o->points, point->name);
}

static bool is_on_axis(const scale_options_t *o, const scale_point_t *point)
{
    return takes_all(o) || lists(&o->axes, scale_axes[point->axis].name);
}

static bool is_turned_to(const scale_options_t *o, const scale_point_t *point)
{
    return point->when != SCALE_BASE &&
           (is_listed(o, point) ||
            (is_on_axis(o, point) && (!o->quick || point->when == SCALE_QUICK)));
}

/* Is the point's figure wanted?  The base's is, on each axis of which another is. */
static bool wants(const scale_options_t *o, const scale_point_t *point)
{
    if (point->when != SCALE_BASE)
        return is_turned_to(o, point);
    for (size_t i = 0; i < SCALE_POINT_COUNT; i++)
        if (scale_points[i].axis == point->axis && is_turned_to(o, &scale_points[i]))
            return true;
    return is_listed(o, point) || (o->axes.count > 0 && is_on_axis(o, point));
}

static bool wants_memory(const scale_options_t *o)
{
    return takes_all(o) || lists(&o->axes, MEMORY_AXIS);
}

/* Is there any point to measure? */
static bool takes_points(const scale_options_t *o)
{
    for (size_t i = 0; i < SCALE_POINT_COUNT; i++)
        if (wants(o, &scale_points[i]))
            return true;
    return false;
}

static bool is_axis(const char *name)
{
    for (size_t i = 0; i < SCALE_AXIS_COUNT; i++)
        if (strcmp(scale_axes[i].name, name) == 0)
            return true;
    return strcmp(name, MEMORY_AXIS) == 0;
}

static bool is_point(const char *name)
{
    for (size_t i = 0; i < SCALE_POINT_COUNT; i++)
        if (strcmp(scale_points[i].name, name) == 0)
            return true;
    return false;
}

static void check(config_t *config, const void *options)
{
    const scale_options_t *o = options;
    const char *const *names = o->axes.items;
    for (size_t i = 0; i < o->axes.count; i++)
        if (!is_axis(names[i]))
            config_complain(config, "axes", "\"%s\" is no axis", names[i]);
    names = o->points.items;
    for (size_t i = 0; i < o->points.count; i++)
        if (!is_point(names[i]))
            config_complain(config, "points", "\"%s\" is no point", names[i]);
}

/* -- a run ---------------------------------------------------------------------------------- */

static uint64_t measure_ms(const scale_options_t *o)
{
    return o->quick ? 1000 : o->seconds * 1000;
}

static uint64_t warmup_ms(const scale_options_t *o)
{
    return o->quick && o->warmup_ms > QUICK_WARMUP_MS ? QUICK_WARMUP_MS : o->warmup_ms;
}

/* What may be added to the broker's arguments at a point. */
typedef struct arguments {
    config_list_t list;
    const char *items[BROKER_ARGS_MAX];
} arguments_t;

static void add_argument(arguments_t *arguments, const char *text)
{
    if (arguments->list.count < BROKER_ARGS_MAX)
        arguments->items[arguments->list.count++] = text;
}

static fanout_setup_t base_setup(const scale_options_t *o, arguments_t *arguments)
{
    const char *const *given = o->broker_args.items;
    *arguments = (arguments_t){.list.items = arguments->items};
    for (size_t i = 0; i < o->broker_args.count; i++)
        add_argument(arguments, given[i]);
    return (fanout_setup_t){.subs = BASE_SUBS,
                            .publishers = 1,
                            .topics = MIX_TOPICS,
                            .event_bytes = 320,
                            .window = o->window,
                            .batch_events = 16,
                            .read = FANOUT_READ_EVENT,
                            .transport = DAEMONS_TCP,
                            .durability = DAEMONS_OS,
                            .warmup_ms = warmup_ms(o),
                            .measure_ms = measure_ms(o),
                            .broker_args = &arguments->list};
}

/* A journal of so many MiB; or one that is full twice over, of a few. */
static void set_journal(uint64_t mib, fanout_setup_t *setup, arguments_t *arguments)
{
    if (mib == SCALE_JOURNAL_TURNING) {
        mib = 2 * TURNING_MIB;
        add_argument(arguments, "--retain-bytes");
        add_argument(arguments, "64M");
    }
    setup->prefill_bytes = mib << 20;
}

static void turn(const scale_point_t *point, fanout_setup_t *setup, arguments_t *arguments)
{
    switch (point->axis) {
    case SCALE_subs:
        setup->subs = point->value;
        break;
    case SCALE_batch:
        setup->batch_events = (uint32_t)point->value;
        break;
    case SCALE_transport:
        setup->transport = (daemons_transport_t)point->value;
        break;
    case SCALE_durability:
        setup->durability = (daemons_durability_t)point->value;
        break;
    case SCALE_read:
        setup->read = (fanout_read_t)point->value;
        break;
    case SCALE_size:
        setup->event_bytes = point->value;
        break;
    case SCALE_topics:
        setup->topics = point->value;
        break;
    case SCALE_publishers:
        setup->publishers = point->value;
        break;
    case SCALE_journal:
        set_journal(point->value, setup, arguments);
        break;
    case SCALE_AXIS_COUNT:
        break;
    }
}

/* With a window of the same events, a thousand subscribers would be seconds behind, and each with
 * more than the feed queues for it. */
static uint64_t fit_window(uint64_t window, size_t subs)
{
    uint64_t most = UNDER_WAY_MAX / subs;
    if (most < WINDOW_MIN)
        most = WINDOW_MIN;
    return window < most ? window : most;
}

/* @param point  NULL: the base. */
static fanout_setup_t setup_of(const scale_options_t *o, const scale_point_t *point,
                               arguments_t *arguments)
{
    fanout_setup_t setup = base_setup(o, arguments);
    if (point != NULL)
        turn(point, &setup, arguments);
    setup.window = fit_window(setup.window, setup.subs);
    return setup;
}

static sl_err fan_out(const bench_run_t *bench, const char *name, const scale_point_t *point,
                      fanout_outcome_t *out)
{
    char title[96];
    snprintf(title, sizeof title, "%s, %s", bench->title, name);
    bench_run_t titled = *bench;
    titled.title = title;
    arguments_t arguments;
    fanout_setup_t setup = setup_of(bench->options, point, &arguments);
    sl_err err = fanout_run(&titled, &setup, out);
    if (err != SL_OK)
        fprintf(stderr, "sluice-bench: scale: failed at %s\n", name);
    return err;
}

static void put_point(size_t point, const fanout_outcome_t *out, const fanout_outcome_t *base,
                      result_t *result)
{
#define X(axis, point_, metric, unit, digits, help, value) \
    result_put(result, scale_figure(point, SCALE_##metric), value);
    SCALE_METRICS(X, , )
#undef X
}

static void put_model(const fanout_outcome_t *base, const fanout_outcome_t *one, result_t *result)
{
    const scale_costs_t costs = {.feed_bytes_per_event = base->feed_bytes_per_event,
                                 .events_per_batch = base->events_per_batch,
                                 .feed_s_per_delivery = base->feed_s_per_delivery,
                                 .sequencer_s_to_one = one->sequencer_s_per_event,
                                 .sequencer_s_to_many = base->sequencer_s_per_event,
                                 .many_subs = BASE_SUBS};
    if (costs.feed_s_per_delivery <= 0 || costs.sequencer_s_to_one <= 0)
        return; /* nothing came, or the kernel does not tell the threads' time */
    scale_model_t model = scale_model(&costs);
    result_put(result, SCALE_MODEL_WIRE, model.wire_deliveries_per_s);
    result_put(result, SCALE_MODEL_FEED, model.feed_deliveries_per_s);
    result_put(result, SCALE_MODEL_SEQUENCER_EVENT, 1e6 * model.sequencer_s_per_event);
    result_put(result, SCALE_MODEL_SEQUENCER_DELIVERY, 1e6 * model.sequencer_s_per_delivery);
    result_put(result, SCALE_MODEL_DELIVERIES, model.deliveries_per_s);
    result_put(result, SCALE_MODEL_KNEE, model.knee_subs);
    result_put(result, SCALE_MODEL_TO_8, scale_model_events_per_s(&model, 8));
    result_put(result, SCALE_MODEL_TO_64, scale_model_events_per_s(&model, 64));
    result_put(result, SCALE_MODEL_TO_1000, scale_model_events_per_s(&model, 1000));
}

static sl_err measure_memory(const bench_run_t *bench)
{
    scale_memory_t memory;
    sl_err err = scale_memory(bench, &memory);
    if (err != SL_OK)
        return err;
    result_put(bench->result, SCALE_MEMORY_REST, memory.rest_mib);
    result_put(bench->result, SCALE_MEMORY_SUBSCRIBER, memory.subscriber_kib);
    result_put(bench->result, SCALE_MEMORY_TOPIC, memory.topic_kib);
    result_put(bench->result, SCALE_MEMORY_ID_LEAST, memory.id_bytes_least);
    result_put(bench->result, SCALE_MEMORY_ID_MOST, memory.id_bytes_most);
    return SL_OK;
}

static sl_err one_run(const bench_run_t *bench)
{
    const scale_options_t *o = bench->options;
    fanout_outcome_t base = {0}, out = {0};
    sl_err err = takes_points(o) ? fan_out(bench, "base", NULL, &base) : SL_OK;
    for (size_t i = 0; i < SCALE_POINT_COUNT && err == SL_OK; i++) {
        const scale_point_t *point = &scale_points[i];
        if (!wants(o, point))
            continue;
        if (point->when != SCALE_BASE)
            err = fan_out(bench, point->name, point, &out);
        if (err == SL_OK)
            put_point(i, point->when == SCALE_BASE ? &base : &out, &base, bench->result);
        if (err == SL_OK && i == SCALE_AT_subs_1)
            put_model(&base, &out, bench->result);
    }
    if (err == SL_OK && wants_memory(o))
        err = measure_memory(bench);
    return err;
}

/* -- the bench ------------------------------------------------------------------------------ */

static void put_facts(const void *options, result_t *result)
{
    const scale_options_t *o = options;
    result_fact_number(result, "seconds", (double)measure_ms(o) / 1000);
    result_fact_number(result, "warmup_ms", (double)warmup_ms(o));
    result_fact_number(result, "window_events", (double)o->window);
    result_note(result, "the base: 64 subscriber processes, one publisher, batches of 16, tcp, "
                        "durability os, an event a call, 320 bytes, 4 topics, ids and dedup on");
    result_note(result, "publishers are held within a window of the slowest subscriber, smaller "
                        "where else over 2^20 deliveries were under way; every subscriber, a "
                        "process each, has every "
                        "event, once, or there are no figures");
    if (wants(o, &scale_points[SCALE_AT_size_sim])) {
        arguments_t arguments;
        fanout_setup_t setup = setup_of(o, &scale_points[SCALE_AT_size_sim], &arguments);
        fanout_put_payload(&setup, result);
    }
}

static double point_seconds(const scale_options_t *o, const scale_point_t *point)
{
    arguments_t arguments;
    fanout_setup_t setup = setup_of(o, point, &arguments);
    double extra_ms = OVERHEAD_MS + (double)SUB_START_MS * (double)setup.subs;
    return ((double)(setup.measure_ms + setup.warmup_ms) + extra_ms) / 1000 +
           (double)(setup.prefill_bytes >> 20) / PREFILL_MIB_PER_S;
}

static double run_seconds(const void *options)
{
    const scale_options_t *o = options;
    double sum = (takes_points(o) ? point_seconds(o, NULL) : 0) +
                 (wants_memory(o) ? SCALE_MEMORY_SECONDS : 0);
    for (size_t i = 0; i < SCALE_POINT_COUNT; i++)
        if (is_turned_to(o, &scale_points[i]))
            sum += point_seconds(o, &scale_points[i]);
    return sum;
}

const bench_spec_t bench_scale = {
    .program = {.name = "sluice-bench scale",
                .summary = "How deliveries a second, CPU and memory change with subscribers, "
                           "batches, sizes, topics and more, one at a time.",
                .table = {options_table, sizeof options_table / sizeof options_table[0],
                          sizeof(scale_options_t)},
                .check = check},
    .figures = scale_figures,
    .figure_count = SCALE_FIGURES,
    .put_facts = put_facts,
    .run_seconds = run_seconds,
    .run = one_run,
    .print = scale_print,
};

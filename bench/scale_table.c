#include "scale_points.h"
#include "stats.h"

#include <math.h>

/* Where a figure's runs lie.  @return false: none took it. */
static bool runs_of(const result_t *result, size_t figure, stats_t *stats)
{
    double taken[RESULT_RUNS_MAX];
    size_t count = 0;
    for (size_t run = 0; run < result->runs; run++) {
        double value = result->values[figure * RESULT_RUNS_MAX + run];
        if (!isnan(value))
            taken[count++] = value;
    }
    if (count > 0)
        *stats = stats_of(taken, count);
    return count > 0;
}

static void print_point(const result_t *result, size_t point, FILE *out)
{
    double medians[SCALE_METRIC_COUNT];
    stats_t rate;
    if (!runs_of(result, scale_figure(point, SCALE_deliveries_per_s), &rate))
        return;
    for (size_t i = 0; i < SCALE_METRIC_COUNT; i++)
        medians[i] = result_median(result, scale_figure(point, (scale_metric_t)i));
    fprintf(out,
            "  %-18s%s %7.3f %5.0f%% %6.2f %9.1f %6.2f %6.0f %7.1f %6.3f %7.3f %5.2f %5.2f %8.2f "
            "%7.1f %7.0f %7.0f %5.0f\n",
            scale_points[point].name, scale_points[point].when == SCALE_BASE ? "*" : " ",
            rate.median / 1e6, 100 * stats_spread(&rate), medians[SCALE_ratio_to_base],
            medians[SCALE_events_per_s] / 1e3, medians[SCALE_gb_per_s], medians[SCALE_event_bytes],
            medians[SCALE_events_per_batch], medians[SCALE_cpu_s_per_million],
            medians[SCALE_broker_cpu_s_per_million], medians[SCALE_sequencer_cores],
            medians[SCALE_feed_cores], medians[SCALE_journal_cores], medians[SCALE_broker_mib],
            medians[SCALE_repairs], medians[SCALE_window_events], medians[SCALE_sub_processes]);
}

static void print_heads(FILE *out)
{
    fprintf(out, "  %19s %21s %9s %6s %6s %7s %14s %20s %7s %7s %7s %5s\n", "", "deliveries",
            "events", "", "bytes", "events", "CPU s for 1 M", "cores busy, broker", "broker", "",
            "window", "subs");
    fprintf(out, "  %-19s %7s %6s %6s %9s %6s %6s %7s %6s %7s %5s %5s %8s %7s %7s %7s %5s\n",
            "axis_point", "M/s", "spread", "ratio", "1000/s", "GB/s", "/event", "/batch", "all",
            "broker", "seq.", "feed", "journal", "MiB", "repairs", "events", "proc.");
}

static void print_single(const result_t *result, size_t figure, FILE *out)
{
    stats_t stats;
    const figure_def_t *def = &scale_figures[figure];
    if (!runs_of(result, figure, &stats))
        return;
    if (figure == SCALE_MEMORY_REST)
        fprintf(out, "  - memory of the broker, or that one more needs\n");
    if (figure == SCALE_MODEL_WIRE)
        fprintf(out, "  - what one host with 10 GbE would carry, on paper (docs/performance.md)\n");
    fprintf(out, "  %-36s %14.*f %-6s %4.0f%%  %s\n", def->name, def->digits, stats.median,
            def->unit, 100 * stats_spread(&stats), def->help);
}

void scale_print(const result_t *result, FILE *out)
{
    fprintf(out, "scale: %zu run%s; medians, spread of the deliveries; * the base\n", result->runs,
            result->runs == 1 ? "" : "s");
    result_print_machine(result, out);
    print_heads(out);
    for (size_t axis = 0; axis < SCALE_AXIS_COUNT; axis++) {
        bool named = false;
        for (size_t i = 0; i < SCALE_POINT_COUNT; i++) {
            if (scale_points[i].axis != axis ||
                isnan(result_median(result, scale_figure(i, SCALE_deliveries_per_s))))
                continue;
            if (!named)
                fprintf(out, "  - %s\n", scale_axes[axis].help);
            named = true;
            print_point(result, i, out);
        }
    }
    for (size_t i = SCALE_MEMORY_REST; i < SCALE_FIGURES; i++)
        print_single(result, i, out);
    for (const cJSON *note = result->notes->child; note != NULL; note = note->next)
        fprintf(out, "  - %s\n", note->valuestring);
    fflush(out);
}

/* section_latency.c - how late events are: a curve and a row of percentiles for each system; and
 * where rates were searched, the highest that each keeps. */
#include "markup.h"
#include "page.h"
#include "systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CURVE_POINTS_MAX = 256 };

static const char *const percentiles[] = {"p50", "p90", "p99", "p99_9", "p99_99", "max"};
#define P99_US "_p99_us"
#define MAX_US "_max_us" /* who was measured has it, however few values there were */
#define RATE   "_rate_at_p99"

/* -- curves --------------------------------------------------------------------------------- */

typedef struct curve {
    char name[FIGURES_NAME_MAX];
    plot_point_t points[CURVE_POINTS_MAX];
    size_t count;
} curve_t;

/* Pairs of a share (0 … 1) and the value there in µs; onto the plot in percent and ms. */
static void read_curve(const figures_source_t *source, const char *key, curve_t *curve)
{
    char name[FIGURES_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s_curve_us", key);
    systems_name(key, curve->name, sizeof curve->name);
    const cJSON *pairs = cJSON_GetObjectItemCaseSensitive(source->json, name), *pair;
    cJSON_ArrayForEach(pair, pairs)
    {
        const cJSON *share = cJSON_GetArrayItem(pair, 0), *value = cJSON_GetArrayItem(pair, 1);
        if (!cJSON_IsNumber(share) || !cJSON_IsNumber(value) || curve->count == CURVE_POINTS_MAX)
            continue;
        curve->points[curve->count++] =
            (plot_point_t){100 * share->valuedouble, value->valuedouble / 1000};
    }
}

/* A curve has no median: every event of every run is in it. */
static void put_curve_runs(page_t *page, const figures_source_t *source)
{
    double runs = figures_number(source, "runs");
    if (isnan(runs))
        return;
    page_str(page, "<p class=\"runs\">");
    markup_printf(&page->out, runs == 1 ? "%.0f run." : "Events of %.0f runs.", runs);
    page_str(page, "</p>\n");
}

static void put_curves(page_t *page, const figures_source_t *source, char (*keys)[FIGURES_NAME_MAX],
                       size_t count)
{
    plot_series_t series[PAGE_SYSTEMS_MAX];
    curve_t *curves = calloc(count + 1, sizeof *curves);
    if (curves == NULL) {
        page->out.failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        read_curve(source, keys[i], &curves[i]);
        system_look_t look = systems_look(keys[i], SYSTEMS_HUE_OTHERS);
        series[i] = (plot_series_t){.name = curves[i].name,
                                    .points = curves[i].points,
                                    .count = curves[i].count,
                                    .hue = look.hue,
                                    .dash = look.dash,
                                    .smooth = true};
    }
    if (plot_lines(&page->out, &(plot_t){.title = "Latency by percentile, all runs together",
                                         .x_label = "percentile",
                                         .y_label = "ms, from when an event was due",
                                         .x_kind = AXIS_PERCENTILE,
                                         .y_kind = AXIS_LOG,
                                         .series = series,
                                         .count = count}))
        put_curve_runs(page, source);
    free(curves);
}

/* -- percentiles ---------------------------------------------------------------------------- */

/* The figure whose name these two make. */
static void put_cell(page_t *page, const figures_source_t *source, const char *first,
                     const char *second)
{
    char name[3 * FIGURES_NAME_MAX];
    snprintf(name, sizeof name, "%s_%s", first, second);
    page_cell_number(page, figures_spread(source, name).median);
}

static void put_percentiles(page_t *page, const figures_source_t *source,
                            char (*keys)[FIGURES_NAME_MAX], size_t count)
{
    page_table(page, "µs|values a run|p50|p90|p99|p99.9|p99.99|max|p99: ours / it|"
                     "publisher late, ms");
    for (size_t i = 0; i < count; i++) {
        char name[2 * FIGURES_NAME_MAX];
        systems_name(keys[i], name, sizeof name);
        page_row(page, name);
        put_cell(page, source, keys[i], "samples");
        for (size_t j = 0; j < sizeof percentiles / sizeof percentiles[0]; j++) {
            snprintf(name, sizeof name, "%s_us", percentiles[j]);
            put_cell(page, source, keys[i], name);
        }
        put_cell(page, source, "p99_to", keys[i]);
        put_cell(page, source, keys[i], "late_ms");
        page_end_row(page);
    }
    page_end_table(page);
    page_runs(page, source, "");
}

/* -- rates ---------------------------------------------------------------------------------- */

static void put_rates(page_t *page, const figures_source_t *source)
{
    char title[128];
    snprintf(title, sizeof title, "The highest rate at which p99 stays below %g ms, nothing lost",
             figures_number(source, "p99_limit_ms"));
    page_bars_of(page, source,
                 &(page_bars_t){.suffix = RATE,
                                .title = title,
                                .x_label = "events/s",
                                .other_hue = SYSTEMS_HUE_OTHERS});
}

/* -- the section ---------------------------------------------------------------------------- */

static void put_source(page_t *page, const figures_source_t *source)
{
    char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX];
    size_t count = figures_prefixes(source, MAX_US, keys, PAGE_SYSTEMS_MAX);
    page_source_title(page, source);
    put_rates(page, source);
    put_curves(page, source, keys, count);
    page_bars_of(page, source,
                 &(page_bars_t){.suffix = P99_US,
                                .title = "The 99th percentile",
                                .x_label = "µs, from when an event was due",
                                .other_hue = SYSTEMS_HUE_OTHERS});
    if (count > 0)
        put_percentiles(page, source, keys, count);
    page_notes(page, source);
    page_details(page, source);
}

void section_latency(page_t *page)
{
    page_section(
        page, "latency", "Latency",
        "Open loop: events are due at fixed times, whatever the system does, and a latency "
        "counts from when its event was due; so a stall shows in full.");
    const figures_source_t *sources[SOURCES_MAX];
    size_t count = page_sources(page, "latency", sources);
    for (size_t i = 0; i < count; i++)
        put_source(page, sources[i]);
    page_end_section(page);
}

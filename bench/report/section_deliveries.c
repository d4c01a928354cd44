/* section_deliveries.c - deliveries a second of each system: against subscribers, and at each point
 * that was measured.
 *
 *     sources of the bench `peers`, one for each number of subscribers  ->  a line for each system
 *
 * Which sources share a line, and what must be said under it, sweep.h tells. */
#include "markup.h"
#include "page.h"
#include "sweep.h"
#include "systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERIES "_deliveries_per_s"
#define CPU        "_cpu_s_per_million"

/* -- lines ---------------------------------------------------------------------------------- */

/* All systems that any of the sources has, in the order they are met. */
static size_t systems_of(const figures_source_t *const *sources, size_t count, const char *suffix,
                         char (*out)[FIGURES_NAME_MAX])
{
    size_t systems = 0;
    for (size_t i = 0; i < count; i++) {
        char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX];
        size_t found = figures_prefixes(sources[i], suffix, keys, PAGE_SYSTEMS_MAX);
        for (size_t k = 0; k < found && systems < PAGE_SYSTEMS_MAX; k++) {
            size_t j = 0;
            while (j < systems && strcmp(out[j], keys[k]) != 0)
                j++;
            if (j == systems)
                memcpy(out[systems++], keys[k], FIGURES_NAME_MAX);
        }
    }
    return systems;
}

typedef struct sweep_line {
    char name[FIGURES_NAME_MAX];
    plot_point_t points[SOURCES_MAX];
} sweep_line_t;

static plot_point_t point_at(const figures_source_t *source, const figures_spread_t *value)
{
    return (plot_point_t){figures_number(source, "subs"), value->median, value->min, value->max};
}

/* @return how many sources have this system. */
static size_t read_line(const figures_source_t *const *sources, size_t count, const char *key,
                        const char *suffix, sweep_line_t *line)
{
    char name[2 * FIGURES_NAME_MAX];
    size_t points = 0;
    snprintf(name, sizeof name, "%s%s", key, suffix);
    systems_name(key, line->name, sizeof line->name);
    for (size_t i = 0; i < count; i++) {
        figures_spread_t value = figures_spread(sources[i], name);
        if (!isnan(value.median))
            line->points[points++] = point_at(sources[i], &value);
    }
    return points;
}

/* @return how many sources have it. */
static size_t read_limit(const figures_source_t *const *sources, size_t count, sweep_line_t *line)
{
    size_t points = 0;
    snprintf(line->name, sizeof line->name, SOURCES_LOOPBACK_NAME);
    for (size_t i = 0; i < count; i++) {
        double value = sources_loopback(sources[i]).median;
        if (!isnan(value))
            line->points[points++] = (plot_point_t){figures_number(sources[i], "subs"), value};
    }
    return points;
}

/* How many runs the points are of, and what was not the same at all of them. */
static void put_footnotes(page_t *page, const figures_source_t *const *sources, size_t count)
{
    char text[SWEEP_TEXT_MAX];
    sweep_runs(sources, count, text);
    page_str(page, "<p class=\"runs\">");
    markup_printf(&page->out, "Medians; runs at each point: %s%s.", text, PAGE_WHISKERS);
    sweep_differences(sources, count, text);
    if (text[0] != '\0')
        markup_printf(&page->out,
                      " The harness did not do the same at every point, and a kink there may be "
                      "its own: %s.",
                      text);
    page_str(page, "</p>\n");
}

/* @param limited  with the bytes/s of bare loopback as a line of its own. */
static void put_sweep(page_t *page, const figures_source_t *const *sources, size_t count,
                      const char *suffix, const char *title, const char *y_label, bool limited)
{
    char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX];
    plot_series_t series[PLOT_SERIES_MAX];
    size_t systems = systems_of(sources, count, suffix, keys);
    sweep_line_t *lines = calloc(systems + 1, sizeof *lines); /* one for the limit */
    if (lines == NULL) {
        page->out.failed = true;
        return;
    }
    size_t shown = 0;
    for (size_t i = 0; i < systems; i++) {
        sweep_line_t *line = &lines[shown];
        system_look_t look = systems_look(keys[i], SYSTEMS_HUE_OTHERS);
        size_t points = read_line(sources, count, keys[i], suffix, line);
        if (points > 1) /* one point is no line, and the bars have it */
            series[shown++] = (plot_series_t){.name = line->name,
                                              .points = line->points,
                                              .count = points,
                                              .hue = look.hue,
                                              .dash = look.dash};
    }
    size_t limits = limited && shown > 0 ? read_limit(sources, count, &lines[shown]) : 0;
    if (limits > 1)
        series[shown] = (plot_series_t){.name = lines[shown].name,
                                        .points = lines[shown].points,
                                        .count = limits,
                                        .limit = true};
    if (plot_lines(&page->out, &(plot_t){.title = title,
                                         .x_label = "subscribers",
                                         .y_label = y_label,
                                         .x_kind = AXIS_LOG,
                                         .y_kind = AXIS_LOG,
                                         .ticks_at_points = true,
                                         .series = series,
                                         .count = shown + (limits > 1)}))
        put_footnotes(page, sources, count);
    free(lines);
}

static void put_sweeps(page_t *page, const figures_source_t *const *sources, size_t count)
{
    const figures_source_t *sweep[SOURCES_MAX];
    size_t points = sweep_of(sources, count, sweep);
    if (points < 2)
        return;
    put_sweep(page, sweep, points, DELIVERIES, "Deliveries a second against subscribers",
              "deliveries/s, all subscribers together", true);
    put_sweep(page, sweep, points, CPU, "What a delivery costs as subscribers grow",
              "CPU seconds of all processes for a million deliveries", false);
}

/* -- a point -------------------------------------------------------------------------------- */

/* Columns of a table with a row a system: figure, heading. */
typedef struct column {
    const char *suffix, *heading;
} column_t;

static const column_t cost_columns[] = {
    {DELIVERIES, "deliveries/s"},
    {"_gb_per_s", "GB/s"},
    {"_ratio", "ours / it"},
    {CPU, "CPU s for a million"},
    {"_cpu_s_publishers", "of publishers"},
    {"_cpu_s_server", "of the server"},
    {"_cpu_s_subscribers", "of subscribers"},
    {"_server_rss_mib", "server MiB"},
    {"_publisher_held", "publisher held"},
};

static const column_t open_columns[] = {
    {"_open_events_per_s", "published/s"},
    {"_open_lost", "share lost"},
    {"_open_disconnected", "subscribers disconnected"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A row for each system that has the first column; nothing where none has. */
static void put_systems(page_t *page, const figures_source_t *source, const column_t *columns,
                        size_t count, const char *caption)
{
    char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX], headings[512];
    size_t systems = figures_prefixes(source, columns[0].suffix, keys, PAGE_SYSTEMS_MAX);
    if (systems == 0)
        return;
    size_t len = (size_t)snprintf(headings, sizeof headings, "%s", caption);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(headings + len, sizeof headings - len, "|%s", columns[i].heading);
    page_table(page, headings);
    for (size_t i = 0; i < systems; i++) {
        char name[2 * FIGURES_NAME_MAX];
        systems_name(keys[i], name, sizeof name);
        page_row(page, name);
        for (size_t j = 0; j < count; j++) {
            snprintf(name, sizeof name, "%s%s", keys[i], columns[j].suffix);
            page_cell_number(page, figures_spread(source, name).median);
        }
        page_end_row(page);
    }
    page_end_table(page);
    page_runs(page, source, "");
}

static void put_source(page_t *page, const figures_source_t *source)
{
    page_source_title(page, source);
    page_bars_of(page, source,
                 &(page_bars_t){.suffix = DELIVERIES,
                                .title = "Deliveries a second",
                                .x_label = "deliveries/s",
                                .other_hue = SYSTEMS_HUE_OTHERS,
                                .limit = sources_loopback(source).median,
                                .limit_name = SOURCES_LOOPBACK_NAME});
    put_systems(page, source, cost_columns, COUNT_OF(cost_columns), "system");
    put_systems(page, source, open_columns, COUNT_OF(open_columns), "open loop, nobody waits");
    page_notes(page, source);
    page_details(page, source);
}

/* -- the section ---------------------------------------------------------------------------- */

void section_deliveries(page_t *page)
{
    page_section(page, "deliveries", "Deliveries, beside other systems",
                 "One harness, one run: each run measures every system once, its publisher held "
                 "within a window of the slowest subscriber, and every event is counted at every "
                 "subscriber. Solid lines and full bars are documented clients, dashed ones lean "
                 "readers of the same protocol, finely dashed ones carry packs of events "
                 "(pack_bytes), dash-dotted "
                 "ones are documented clients of those that keep events, as Sluice does. A "
                 "thin dashed line is what the bytes a second of bare loopback TCP come to.");
    const figures_source_t *sources[SOURCES_MAX];
    size_t count = page_sources(page, "peers", sources);
    put_sweeps(page, sources, count);
    for (size_t i = 0; i < count; i++)
        put_source(page, sources[i]);
    page_end_section(page);
}

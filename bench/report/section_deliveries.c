/* section_deliveries.c - deliveries a second of each system: against subscribers, and at each point
 * that was measured.
 *
 *     sources of the bench `peers`, one for each number of subscribers  ->  a line for each system
 *
 * Only sources that differ in nothing but the subscribers share a line. */
#include "markup.h"
#include "page.h"
#include "systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERIES "_deliveries_per_s"
#define CPU        "_cpu_s_per_million"

/* -- the sources of one line ---------------------------------------------------------------- */

static bool same_text(const figures_source_t *a, const figures_source_t *b, const char *fact)
{
    return strcmp(figures_text(a, fact), figures_text(b, fact)) == 0;
}

static bool same_number(const figures_source_t *a, const figures_source_t *b, const char *fact)
{
    double x = figures_number(a, fact), y = figures_number(b, fact);
    return x == y || (isnan(x) && isnan(y));
}

static bool differ_in_subs_only(const figures_source_t *a, const figures_source_t *b)
{
    return same_text(a, b, "transport") && same_text(a, b, "durability") &&
           same_text(a, b, "publishing") && same_text(a, b, "reading") &&
           same_number(a, b, "event_bytes") && same_number(a, b, "publishers");
}

static int by_subs(const void *a, const void *b)
{
    double x = figures_number(*(const figures_source_t *const *)a, "subs");
    double y = figures_number(*(const figures_source_t *const *)b, "subs");
    return (x > y) - (x < y);
}

/* The largest group of sources that share a line.  @return its size; it is in `out`, by subs. */
static size_t sweep_of(const figures_source_t *const *sources, size_t count,
                       const figures_source_t **out)
{
    size_t best = 0, best_size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        for (size_t j = 0; j < count; j++)
            size += differ_in_subs_only(sources[i], sources[j]);
        if (size > best_size) {
            best = i;
            best_size = size;
        }
    }
    size_t kept = 0;
    for (size_t j = 0; j < count; j++)
        if (differ_in_subs_only(sources[best], sources[j]))
            out[kept++] = sources[j];
    if (kept > 0)
        qsort(out, kept, sizeof *out, by_subs);
    return kept;
}

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
    plot_point_t points[PAGE_SOURCES_MAX];
} sweep_line_t;

/* @return how many sources have this system. */
static size_t read_line(const figures_source_t *const *sources, size_t count, const char *key,
                        const char *suffix, sweep_line_t *line)
{
    char name[2 * FIGURES_NAME_MAX];
    size_t points = 0;
    snprintf(name, sizeof name, "%s%s", key, suffix);
    systems_name(key, line->name, sizeof line->name);
    for (size_t i = 0; i < count; i++) {
        double value = figures_spread(sources[i], name).median;
        if (!isnan(value))
            line->points[points++] = (plot_point_t){figures_number(sources[i], "subs"), value};
    }
    return points;
}

static void put_sweep(page_t *page, const figures_source_t *const *sources, size_t count,
                      const char *suffix, const char *title, const char *y_label)
{
    char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX];
    plot_series_t series[PAGE_SYSTEMS_MAX];
    size_t systems = systems_of(sources, count, suffix, keys);
    sweep_line_t *lines = calloc(systems + 1, sizeof *lines);
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
    plot_lines(&page->out, &(plot_t){.title = title,
                                     .x_label = "subscribers",
                                     .y_label = y_label,
                                     .x_kind = AXIS_LOG,
                                     .y_kind = AXIS_LOG,
                                     .ticks_at_points = true,
                                     .series = series,
                                     .count = shown});
    free(lines);
}

static void put_sweeps(page_t *page, const figures_source_t *const *sources, size_t count)
{
    const figures_source_t *sweep[PAGE_SOURCES_MAX];
    size_t points = sweep_of(sources, count, sweep);
    if (points < 2)
        return;
    put_sweep(page, sweep, points, DELIVERIES, "Deliveries a second against subscribers",
              "deliveries/s, all subscribers together");
    put_sweep(page, sweep, points, CPU, "What a delivery costs as subscribers grow",
              "CPU seconds of all processes for a million deliveries");
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
}

static void put_source(page_t *page, const figures_source_t *source)
{
    char title[256];
    page_source_title(source, title, sizeof title);
    page_element(page, "h3", title);
    page_bars_of(page, source, DELIVERIES, "Deliveries a second", "deliveries/s",
                 SYSTEMS_HUE_OTHERS);
    put_systems(page, source, cost_columns, COUNT_OF(cost_columns), "medians of runs");
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
                 "readers of the same protocol, dotted ones carry batches of our size.");
    const figures_source_t *sources[PAGE_SOURCES_MAX];
    size_t count = page_sources(page, "peers", sources, PAGE_SOURCES_MAX);
    put_sweeps(page, sources, count);
    for (size_t i = 0; i < count; i++)
        put_source(page, sources[i]);
    page_end_section(page);
}

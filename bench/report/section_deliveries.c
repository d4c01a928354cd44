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

static bool same_member(const figures_source_t *a, const figures_source_t *b, const char *fact)
{
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(a->json, fact);
    const cJSON *y = cJSON_GetObjectItemCaseSensitive(b->json, fact);
    return (x == NULL && y == NULL) || cJSON_Compare(x, y, true);
}

static bool differ_in_subs_only(const figures_source_t *a, const figures_source_t *b)
{
    return same_text(a, b, "transport") && same_text(a, b, "durability") &&
           same_member(a, b, "size") && same_member(a, b, "event_bytes") &&
           same_member(a, b, "single") && same_member(a, b, "publishers");
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
    for (size_t i = 0; i < systems; i++) {
        char name[2 * FIGURES_NAME_MAX];
        system_look_t look = systems_look(keys[i]);
        snprintf(name, sizeof name, "%s%s", keys[i], suffix);
        systems_name(keys[i], lines[i].name, sizeof lines[i].name);
        for (size_t j = 0; j < count; j++)
            lines[i].points[j] = (plot_point_t){figures_number(sources[j], "subs"),
                                                figures_spread(sources[j], name).median};
        series[i] = (plot_series_t){.name = lines[i].name,
                                    .points = lines[i].points,
                                    .count = count,
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
                                     .count = systems});
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
    for (size_t i = 0; i < count; i++) {
        char title[256];
        page_source_title(sources[i], title, sizeof title);
        page_element(page, "h3", title);
        page_bars_of(page, sources[i], DELIVERIES, "Deliveries a second", "deliveries/s");
        page_notes(page, sources[i]);
        page_details(page, sources[i]);
    }
    page_end_section(page);
}

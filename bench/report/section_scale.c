/* section_scale.c - what each setting costs: one axis at a time, round one base point.
 *
 *     "scale_subs_256_deliveries_per_s"  ->  axis "subs", point "256", figure "deliveries_per_s"
 *
 * Each axis is a table, a row a point and a column a figure; where its points are numbers, plots
 * too.  What has one figure a point (memory, the model) is a list. */
#include "markup.h"
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 32, CELLS_MAX = 512 };

typedef struct cell {
    char axis[FIGURES_NAME_MAX], point[FIGURES_NAME_MAX], figure[FIGURES_NAME_MAX];
    figures_spread_t value;
} cell_t;

/* Different texts, in the order they were met. */
typedef struct tokens {
    const char *items[TOKENS_MAX];
    size_t count;
} tokens_t;

static void tokens_add(tokens_t *tokens, const char *text)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->items[i], text) == 0)
            return;
    if (tokens->count < TOKENS_MAX)
        tokens->items[tokens->count++] = text;
}

/* @return false when the name is built otherwise. */
static bool read_cell(const char *name, cell_t *cell)
{
    const char *axis = name + strlen("scale_");
    if (strncmp(name, "scale_", strlen("scale_")) != 0)
        return false;
    const char *point = strchr(axis, '_');
    const char *figure = point == NULL ? NULL : strchr(point + 1, '_');
    if (figure == NULL)
        return false;
    snprintf(cell->axis, sizeof cell->axis, "%.*s", (int)(point - axis), axis);
    snprintf(cell->point, sizeof cell->point, "%.*s", (int)(figure - point - 1), point + 1);
    snprintf(cell->figure, sizeof cell->figure, "%s", figure + 1);
    return true;
}

static size_t read_cells(const figures_source_t *source, cell_t *cells)
{
    size_t count = 0;
    for (const cJSON *member = source->json->child; member != NULL && count < CELLS_MAX;
         member = member->next) {
        if (!figures_is_figure(source, member) || !read_cell(member->string, &cells[count]))
            continue;
        cells[count++].value = figures_spread(source, member->string);
    }
    return count;
}

/* All NaN where there is none. */
static figures_spread_t value_at(const cell_t *cells, size_t count, const char *axis,
                                 const char *point, const char *figure)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(cells[i].axis, axis) == 0 && strcmp(cells[i].point, point) == 0 &&
            strcmp(cells[i].figure, figure) == 0)
            return cells[i].value;
    return (figures_spread_t){NAN, NAN, NAN};
}

/* -- an axis -------------------------------------------------------------------------------- */

typedef struct scale_axis {
    const figures_source_t *source;
    const cell_t *cells;
    size_t count;
    const char *name;
    tokens_t points, figures;
} scale_axis_t;

static void put_axis_table(page_t *page, const scale_axis_t *axis)
{
    char headings[TOKENS_MAX * (FIGURES_NAME_MAX + 1) + FIGURES_NAME_MAX];
    size_t len = (size_t)snprintf(headings, sizeof headings, "%s", axis->name);
    for (size_t i = 0; i < axis->figures.count; i++)
        len +=
            (size_t)snprintf(headings + len, sizeof headings - len, "|%s", axis->figures.items[i]);
    for (char *at = headings; *at != '\0'; at++) /* so that a long heading may break */
        if (*at == '_')
            *at = ' ';
    page_table(page, headings);
    for (size_t i = 0; i < axis->points.count; i++) {
        page_row(page, axis->points.items[i]);
        for (size_t j = 0; j < axis->figures.count; j++)
            page_cell_number(page, value_at(axis->cells, axis->count, axis->name,
                                            axis->points.items[i], axis->figures.items[j])
                                       .median);
        page_end_row(page);
    }
    page_end_table(page);
    page_runs(page, axis->source, "");
}

/* @return how many points are numbers and have this figure. */
static size_t numeric_points(const scale_axis_t *axis, const char *figure, plot_point_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < axis->points.count; i++) {
        char *end;
        double x = strtod(axis->points.items[i], &end);
        figures_spread_t y =
            value_at(axis->cells, axis->count, axis->name, axis->points.items[i], figure);
        if (end != axis->points.items[i] && *end == '\0' && !isnan(y.median))
            out[count++] = (plot_point_t){x, y.median, y.min, y.max};
    }
    return count;
}

/* As a person says it, where that is not the axis' own name. */
static const char *spoken(const char *axis)
{
    static const char *const names[][2] = {{"subs", "subscribers"},
                                           {"batch", "events in a publisher's batch"},
                                           {"size", "bytes of an event"},
                                           {"read", "how a subscriber reads"},
                                           {"memory", "memory of the broker"},
                                           {"model", "model: one host with 10 GbE, on paper"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], axis) == 0)
            return names[i][1];
    return axis;
}

/* What a plot shows: one line a figure. */
typedef struct scale_line {
    const char *figure, *name;
} scale_line_t;

static const scale_line_t rate_lines[] = {{"deliveries_per_s", "sluice"}};
static const scale_line_t cost_lines[] = {{"cpu_s_per_million", "all processes"},
                                          {"broker_cpu_s_per_million", "the broker"}};
enum { LINES_MAX = 2, POINTS_MIN = 3 }; /* two points are no curve */

/* Was the publishers' window not the same all along? */
static bool window_differs(const scale_axis_t *axis)
{
    plot_point_t windows[TOKENS_MAX];
    size_t count = numeric_points(axis, "window_events", windows);
    for (size_t i = 1; i < count; i++)
        if (windows[i].y != windows[0].y)
            return true;
    return false;
}

static void put_axis_plot(page_t *page, const scale_axis_t *axis, const scale_line_t *lines,
                          size_t count, const char *what, const char *y_label)
{
    plot_point_t points[LINES_MAX][TOKENS_MAX];
    plot_series_t series[LINES_MAX];
    char title[256];
    for (size_t i = 0; i < count; i++) {
        size_t numbers = numeric_points(axis, lines[i].figure, points[i]);
        if (i == 0 && numbers < POINTS_MIN)
            return;
        series[i] = (plot_series_t){.name = lines[i].name,
                                    .points = points[i],
                                    .count = numbers,
                                    .hue = i == 0 ? 0 : 5,
                                    .dash = i == 0 ? 0 : 1};
    }
    snprintf(title, sizeof title, "%s against %s", what, spoken(axis->name));
    if (!plot_lines(&page->out, &(plot_t){.title = title,
                                          .x_label = spoken(axis->name),
                                          .y_label = y_label,
                                          .x_kind = AXIS_LOG,
                                          .ticks_at_points = true,
                                          .series = series,
                                          .count = count}))
        return;
    page_runs(page, axis->source, PAGE_WHISKERS);
    if (window_differs(axis))
        page_str(page, "<p class=\"runs\">The window of the publishers was not the same at every "
                       "point (the table tells), and a kink there may come of that.</p>\n");
}

static void put_axis_list(page_t *page, const scale_axis_t *axis)
{
    page_table(page, "figure|median|least … most");
    for (size_t i = 0; i < axis->count; i++) {
        if (strcmp(axis->cells[i].axis, axis->name) != 0)
            continue;
        char name[2 * FIGURES_NAME_MAX + 2];
        snprintf(name, sizeof name, "%s %s", axis->cells[i].point, axis->cells[i].figure);
        for (char *at = name; *at != '\0'; at++)
            if (*at == '_')
                *at = ' ';
        page_row(page, name);
        page_cell_number(page, axis->cells[i].value.median);
        page_cell_spread(page, &axis->cells[i].value);
        page_end_row(page);
    }
    page_end_table(page);
    page_runs(page, axis->source, "");
}

/* Has no point two figures? */
static bool is_list(const scale_axis_t *axis)
{
    size_t cells = 0;
    for (size_t i = 0; i < axis->count; i++)
        cells += strcmp(axis->cells[i].axis, axis->name) == 0;
    return cells <= axis->points.count + 1; /* one point of memory has two: least and most */
}

static void put_axis(page_t *page, scale_axis_t *axis)
{
    for (size_t i = 0; i < axis->count; i++)
        if (strcmp(axis->cells[i].axis, axis->name) == 0) {
            tokens_add(&axis->points, axis->cells[i].point);
            tokens_add(&axis->figures, axis->cells[i].figure);
        }
    page_element(page, "h3", spoken(axis->name));
    if (is_list(axis)) {
        put_axis_list(page, axis);
        return;
    }
    put_axis_plot(page, axis, rate_lines, 1, "Deliveries a second", "deliveries/s");
    put_axis_plot(page, axis, cost_lines, 2, "CPU seconds for a million deliveries", "s");
    put_axis_table(page, axis);
}

static void put_source(page_t *page, const figures_source_t *source)
{
    cell_t *cells = calloc(CELLS_MAX, sizeof *cells);
    if (cells == NULL) {
        page->out.failed = true;
        return;
    }
    size_t count = read_cells(source, cells);
    tokens_t axes = {0};
    for (size_t i = 0; i < count; i++)
        tokens_add(&axes, cells[i].axis);
    for (size_t i = 0; i < axes.count; i++) {
        scale_axis_t axis = {
            .source = source, .cells = cells, .count = count, .name = axes.items[i]};
        put_axis(page, &axis);
    }
    page_notes(page, source);
    page_details(page, source);
    free(cells);
}

/* -- the section ---------------------------------------------------------------------------- */

void section_scale(page_t *page)
{
    page_section(
        page, "scale", "Scale: cost as load grows",
        "One axis at a time; all else stays at the base point: 64 subscribers, publishers "
        "that send 16 events together, tcp, durability os, a plain subscriber, 320 bytes.");
    const figures_source_t *sources[SOURCES_MAX];
    size_t count = page_sources(page, "scale", sources);
    for (size_t i = 0; i < count; i++)
        put_source(page, sources[i]);
    page_end_section(page);
}

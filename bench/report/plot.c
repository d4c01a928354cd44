#include "plot.h"

#include "markup.h"
#include "numbers.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All in the units of the viewBox; the browser scales the whole. */
enum {
    WIDTH = 860,
    TOP = 34,      /* the title */
    LEFT = 64,     /* the y axis's labels */
    BOTTOM = 46,   /* the x axis's, and its name */
    HEIGHT = 320,  /* of the field, at least */
    LINE_GAP = 16, /* between names */
    NAME_PAD = 18, /* from a line's end to its name */
    BAR_ROW = 26,
    BAR_THICK = 14,
    LEGEND_ROW = 22,
    TICK_GAP = 8, /* between labels of the x axis */
    WHISKER = 3,  /* half of what closes its ends */
};
#define LETTER       6.9 /* the width of one, at the 12 px that labels have: rather too wide */
#define LETTER_LEAST 6.2

/* UTF-8 letters, roughly: what is no continuation. */
static double text_width(const char *text)
{
    size_t letters = 0;
    for (; *text != '\0'; text++)
        letters += ((unsigned char)*text & 0xc0) != 0x80;
    return (double)letters * LETTER;
}

static void put_label(sl_buf_t *out, double x, double y, const char *style, const char *text)
{
    sl_buf_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", style, x, y);
    markup_text(out, text);
    sl_buf_append_str(out, "</text>\n");
}

static void put_line(sl_buf_t *out, const char *style, double x1, double y1, double x2, double y2)
{
    sl_buf_printf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                  style, x1, y1, x2, y2);
}

static void begin(sl_buf_t *out, double height, const char *title)
{
    sl_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
                  "aria-label=\"",
                  WIDTH, height);
    markup_text(out, title);
    sl_buf_append_str(out, "\">\n");
    put_label(out, 0, 16, "title", title);
}

static void end(sl_buf_t *out)
{
    sl_buf_append_str(out, "</svg>\n");
}

/* The x axis's labels, without those that would run into the one before; the last one stays. */
static void put_x_ticks(sl_buf_t *out, const axis_t *x, const axis_tick_t *ticks, size_t count,
                        double top, double bottom)
{
    double free_from = -1e9;
    double last_px = count > 0 ? axis_px(x, ticks[count - 1].value) : 0;
    double last_from = count > 0 ? last_px - text_width(ticks[count - 1].label) / 2 - TICK_GAP : 0;
    for (size_t i = 0; i < count; i++) {
        double px = axis_px(x, ticks[i].value), half = text_width(ticks[i].label) / 2;
        put_line(out, "grid", px, top, px, bottom);
        if (px - half < free_from || (i + 1 < count && px + half > last_from))
            continue;
        put_label(out, px, bottom + 17, "tick mid", ticks[i].label);
        free_from = px + half + TICK_GAP;
    }
}

/* Are runs known to lie apart, where the axis can show it? */
static bool has_whisker(axis_kind_t kind, double min, double max)
{
    return axis_holds(kind, min) && axis_holds(kind, max) && min < max;
}

/* -- lines: what is to be shown ------------------------------------------------------------- */

static bool shows(const plot_t *plot, const plot_point_t *point)
{
    return axis_holds(plot->x_kind, point->x) && axis_holds(plot->y_kind, point->y);
}

typedef struct extent {
    double x_min, x_max, y_min, y_max, name_width;
    size_t points, lines;
} extent_t;

static void widen(extent_t *extent, const plot_point_t *point, axis_kind_t y_kind)
{
    bool whisker = has_whisker(y_kind, point->min, point->max);
    extent->x_min = fmin(extent->x_min, point->x);
    extent->x_max = fmax(extent->x_max, point->x);
    extent->y_min = fmin(extent->y_min, whisker ? fmin(point->y, point->min) : point->y);
    extent->y_max = fmax(extent->y_max, whisker ? fmax(point->y, point->max) : point->y);
    extent->points++;
}

static extent_t extent_of(const plot_t *plot)
{
    extent_t extent = {INFINITY, -INFINITY, INFINITY, -INFINITY, 0, 0, 0};
    for (size_t i = 0; i < plot->count; i++) {
        const plot_series_t *series = &plot->series[i];
        size_t before = extent.points;
        for (size_t j = 0; j < series->count; j++)
            if (shows(plot, &series->points[j]))
                widen(&extent, &series->points[j], plot->y_kind);
        if (extent.points == before)
            continue;
        extent.lines++;
        extent.name_width = fmax(extent.name_width, text_width(series->name));
    }
    return extent;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Ticks at the points themselves: a row of sizes that somebody chose. */
static size_t point_ticks(const plot_t *plot, axis_tick_t ticks[AXIS_TICKS_MAX])
{
    double values[PLOT_SERIES_MAX * 4];
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < plot->count; i++)
        for (size_t j = 0; j < plot->series[i].count; j++)
            if (shows(plot, &plot->series[i].points[j]) && count < sizeof values / sizeof *values)
                values[count++] = plot->series[i].points[j].x;
    qsort(values, count, sizeof *values, by_number);
    for (size_t i = 0; i < count && kept < AXIS_TICKS_MAX; i++) {
        if (kept > 0 && values[i] == ticks[kept - 1].value)
            continue;
        ticks[kept].value = values[i];
        numbers_grouped(ticks[kept].label, AXIS_LABEL_MAX, values[i],
                        values[i] < 10 && values[i] != floor(values[i]) ? 1 : 0);
        kept++;
    }
    return kept;
}

/* -- lines: names --------------------------------------------------------------------------- */

void plot_spread(double *places, size_t count, double gap, double min, double max)
{
    if (count == 0)
        return;
    if (gap * (double)(count - 1) > max - min)
        gap = (max - min) / (double)(count - 1);
    double least = min;
    for (size_t i = 0; i < count; i++) {
        places[i] = fmax(places[i], least);
        least = places[i] + gap;
    }
    double most = max;
    for (size_t i = count; i-- > 0;) {
        places[i] = fmin(places[i], most);
        most = places[i] - gap;
    }
}

typedef struct line_end {
    double x, y;
    const plot_series_t *series;
} line_end_t;

static int by_height(const void *a, const void *b)
{
    double x = ((const line_end_t *)a)->y, y = ((const line_end_t *)b)->y;
    return (x > y) - (x < y);
}

static void put_names(sl_buf_t *out, line_end_t *ends, size_t count, const axis_t *x,
                      const axis_t *y)
{
    double places[PLOT_SERIES_MAX];
    qsort(ends, count, sizeof *ends, by_height);
    for (size_t i = 0; i < count; i++)
        places[i] = ends[i].y;
    plot_spread(places, count, LINE_GAP, y->max_px, y->min_px);
    for (size_t i = 0; i < count; i++) {
        char style[32];
        put_line(out, "lead", ends[i].x + 5, ends[i].y, x->max_px + NAME_PAD - 3, places[i]);
        if (ends[i].series->limit)
            snprintf(style, sizeof style, "name limit");
        else
            snprintf(style, sizeof style, "name h%d", ends[i].series->hue);
        put_label(out, x->max_px + NAME_PAD, places[i] + 4, style, ends[i].series->name);
    }
}

/* -- lines: drawing ------------------------------------------------------------------------- */

static void put_mark(sl_buf_t *out, const plot_series_t *series, const plot_point_t *point,
                     double px, double py)
{
    char x[NUMBERS_TEXT_MAX], y[NUMBERS_TEXT_MAX];
    numbers_plain(x, sizeof x, point->x);
    numbers_plain(y, sizeof y, point->y);
    sl_buf_printf(out, "<circle class=\"mark h%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"><title>",
                  series->hue, px, py);
    markup_printf(out, "%s, %s: %s", series->name, x, y);
    sl_buf_append_str(out, "</title></circle>\n");
}

static void put_whisker(sl_buf_t *out, const plot_series_t *series, double px, double min_py,
                        double max_py)
{
    sl_buf_printf(out, "<path class=\"whisker h%d\" d=\"M%.1f %.1fh%dm-%d 0V%.1fm-%d 0h%d\"/>\n",
                  series->hue, px - WHISKER, max_py, 2 * WHISKER, WHISKER, min_py, WHISKER,
                  2 * WHISKER);
}

/* A mark at each point, and how far its runs lie apart. */
static void put_marks(sl_buf_t *out, const plot_t *plot, const plot_series_t *series,
                      const axis_t *x, const axis_t *y)
{
    for (size_t i = 0; i < series->count; i++) {
        const plot_point_t *point = &series->points[i];
        if (!shows(plot, point))
            continue;
        double px = axis_px(x, point->x);
        if (has_whisker(plot->y_kind, point->min, point->max))
            put_whisker(out, series, px, axis_px(y, point->min), axis_px(y, point->max));
        put_mark(out, series, point, px, axis_px(y, point->y));
    }
}

static void begin_polyline(sl_buf_t *out, const plot_series_t *series)
{
    if (series->limit)
        sl_buf_append_str(out, "<polyline class=\"line limit\" points=\"");
    else
        sl_buf_printf(out, "<polyline class=\"line h%d d%d\" points=\"", series->hue, series->dash);
}

/* @return false when none of its points can be shown. */
static bool put_series(sl_buf_t *out, const plot_t *plot, const plot_series_t *series,
                       const axis_t *x, const axis_t *y, line_end_t *line_end)
{
    bool any = false;
    for (size_t i = 0; i < series->count; i++) {
        if (!shows(plot, &series->points[i]))
            continue;
        double px = axis_px(x, series->points[i].x), py = axis_px(y, series->points[i].y);
        if (!any)
            begin_polyline(out, series);
        sl_buf_printf(out, "%s%.1f,%.1f", any ? " " : "", px, py);
        *line_end = (line_end_t){px, py, series};
        any = true;
    }
    if (!any)
        return false;
    sl_buf_append_str(out, "\"><title>");
    markup_text(out, series->name);
    sl_buf_append_str(out, "</title></polyline>\n");
    if (!series->smooth && !series->limit)
        put_marks(out, plot, series, x, y);
    return true;
}

static void put_field(sl_buf_t *out, const plot_t *plot, const axis_t *x, const axis_t *y)
{
    axis_tick_t ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(y, ticks);
    for (size_t i = 0; i < count; i++) {
        double py = axis_px(y, ticks[i].value);
        put_line(out, "grid", x->min_px, py, x->max_px, py);
        put_label(out, x->min_px - 8, py + 4, "tick right", ticks[i].label);
    }
    count = plot->ticks_at_points ? point_ticks(plot, ticks) : axis_ticks(x, ticks);
    put_x_ticks(out, x, ticks, count, y->max_px, y->min_px);
    put_line(out, "axis", x->min_px, y->min_px, x->max_px, y->min_px);
    put_label(out, (x->min_px + x->max_px) / 2, y->min_px + 38, "tick mid", plot->x_label);
    put_label(out, 0, TOP - 2, "tick", plot->y_label);
}

bool plot_lines(sl_buf_t *out, const plot_t *plot)
{
    assert(plot->count <= PLOT_SERIES_MAX);
    extent_t extent = extent_of(plot);
    if (extent.points == 0)
        return false;
    double field = fmax(HEIGHT, (double)extent.lines * LINE_GAP), top = TOP + 12;
    axis_t x = {.min_px = LEFT, .max_px = WIDTH - NAME_PAD - extent.name_width};
    axis_t y = {.min_px = top + field, .max_px = top};
    axis_fit(&x, plot->x_kind, extent.x_min, extent.x_max);
    axis_fit(&y, plot->y_kind, extent.y_min, extent.y_max);
    if (plot->ticks_at_points && extent.x_max > extent.x_min && plot->x_kind == AXIS_LOG) {
        x.min = extent.x_min; /* their ticks are the points', so nothing need be rounded */
        x.max = extent.x_max;
    }
    begin(out, top + field + BOTTOM, plot->title);
    put_field(out, plot, &x, &y);
    line_end_t ends[PLOT_SERIES_MAX];
    size_t count = 0;
    for (size_t i = plot->count; i-- > 0;) /* the first one lies on top */
        count += put_series(out, plot, &plot->series[i], &x, &y, &ends[count]);
    put_names(out, ends, count, &x, &y);
    end(out);
    return true;
}

/* -- bars ----------------------------------------------------------------------------------- */

typedef struct bar_extent {
    double min, max, label_width, text_width;
    size_t shown;
} bar_extent_t;

static bool has_limit(const plot_bars_t *bars)
{
    return bars->limit_name != NULL && axis_holds(bars->kind, bars->limit);
}

static void widen_bars(bar_extent_t *extent, axis_kind_t kind, double value)
{
    if (!axis_holds(kind, value))
        return;
    extent->min = fmin(extent->min, value);
    extent->max = fmax(extent->max, value);
}

static bar_extent_t bar_extent_of(const plot_bars_t *bars)
{
    bar_extent_t extent = {bars->base, bars->base, 0, 0, 0};
    if (has_limit(bars))
        widen_bars(&extent, bars->kind, bars->limit);
    for (size_t i = 0; i < bars->count; i++) {
        const plot_bar_t *bar = &bars->bars[i];
        extent.label_width = fmax(extent.label_width, text_width(bar->label));
        extent.text_width = fmax(extent.text_width, text_width(bar->text));
        widen_bars(&extent, bars->kind, bar->aim);
        if (!axis_holds(bars->kind, bar->value))
            continue;
        widen_bars(&extent, bars->kind, bar->value);
        if (has_whisker(bars->kind, bar->min, bar->max)) {
            widen_bars(&extent, bars->kind, bar->min);
            widen_bars(&extent, bars->kind, bar->max);
        }
        extent.shown++;
    }
    return extent;
}

static void put_aim(sl_buf_t *out, double px, double y)
{
    sl_buf_printf(out, "<path class=\"aim\" d=\"M%.1f %.1fv%d\"/>\n", px, y - 3, BAR_THICK + 6);
}

/* Twice: a wide one in the colour of the page below, so that it shows on a bar of any colour. */
static void put_bar_whisker(sl_buf_t *out, double min_px, double max_px, double y)
{
    static const char *const styles[] = {"halo", "span"};
    for (size_t i = 0; i < 2; i++)
        sl_buf_printf(out, "<path class=\"%s\" d=\"M%.1f %.1fv%dm0 -%dH%.1fm0 -%dv%d\"/>\n",
                      styles[i], min_px, y + BAR_THICK / 2.0 - WHISKER, 2 * WHISKER, WHISKER,
                      max_px, WHISKER, 2 * WHISKER);
}

static void put_bar(sl_buf_t *out, const plot_bars_t *bars, const plot_bar_t *bar, const axis_t *x,
                    double y)
{
    double base_px = axis_px(x, bars->base), middle = y + BAR_THICK / 2.0;
    put_label(out, x->min_px - 8, y + 11, "tick right", bar->label);
    if (axis_holds(bars->kind, bar->value)) {
        double px = axis_px(x, bar->value), from = fmin(px, base_px), to = fmax(px, base_px);
        sl_buf_printf(out,
                      "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\">"
                      "<title>",
                      bar->style, from, y, fmax(to - from, 1), BAR_THICK);
        markup_printf(out, "%s: %s", bar->label, bar->text);
        sl_buf_append_str(out, "</title></rect>\n");
        if (bar->dash > 0) {
            char style[64];
            snprintf(style, sizeof style, "hatch %s", bar->style);
            put_line(out, style, from, middle, to, middle);
        }
        if (has_whisker(bars->kind, bar->min, bar->max))
            put_bar_whisker(out, axis_px(x, bar->min), axis_px(x, bar->max), y);
    }
    if (axis_holds(bars->kind, bar->aim))
        put_aim(out, axis_px(x, bar->aim), y);
}

/* Behind all that there is of the bar. */
static void put_bar_text(sl_buf_t *out, const plot_bars_t *bars, const plot_bar_t *bar,
                         const axis_t *x, double y)
{
    double px = axis_px(x, bars->base);
    if (axis_holds(bars->kind, bar->value)) {
        px = fmax(px, axis_px(x, bar->value));
        if (has_whisker(bars->kind, bar->min, bar->max))
            px = fmax(px, axis_px(x, bar->max));
    }
    if (axis_holds(bars->kind, bar->aim))
        px = fmax(px, axis_px(x, bar->aim));
    /* no line of the field shows through it */
    sl_buf_printf(out, "<path class=\"paper\" d=\"M%.1f %.1fh%.1fv%dH%.1fz\"/>\n", px + 5, y - 1,
                  text_width(bar->text) * LETTER_LEAST / LETTER + 4, BAR_THICK + 2, px + 5);
    put_label(out, px + 7, y + 11, "value", bar->text);
}

/* @param at  where the next one may begin; moved behind this one. */
static void put_legend_name(sl_buf_t *out, double *at, double y, const char *name)
{
    put_label(out, *at + 8, y + 9, "tick", name);
    *at += text_width(name) + 28;
}

static void put_legend(sl_buf_t *out, const plot_bars_t *bars, const axis_t *x, double y)
{
    double at = x->min_px;
    if (bars->base_name != NULL) {
        put_line(out, "base", at + 1, y - 3, at + 1, y + BAR_THICK - 1);
        put_legend_name(out, &at, y, bars->base_name);
    }
    if (bars->aim_name != NULL) {
        put_aim(out, at + 1, y - 2);
        put_legend_name(out, &at, y, bars->aim_name);
    }
    if (has_limit(bars)) {
        put_line(out, "limit", at + 1, y - 3, at + 1, y + BAR_THICK - 1);
        put_legend_name(out, &at, y, bars->limit_name);
    }
}

static void put_bar_rows(sl_buf_t *out, const plot_bars_t *bars, const axis_t *x, double top,
                         double bottom)
{
    for (size_t i = 0; i < bars->count; i++)
        put_bar(out, bars, &bars->bars[i], x, top + 7 + (double)i * BAR_ROW);
    double base_px = axis_px(x, bars->base), limit_px = axis_px(x, bars->limit);
    put_line(out, "base", base_px, top, base_px, bottom);
    if (has_limit(bars))
        put_line(out, "limit", limit_px, top, limit_px, bottom);
    for (size_t i = 0; i < bars->count; i++) /* over the lines */
        put_bar_text(out, bars, &bars->bars[i], x, top + 7 + (double)i * BAR_ROW);
}

bool plot_bars(sl_buf_t *out, const plot_bars_t *bars)
{
    bar_extent_t extent = bar_extent_of(bars);
    if (extent.shown == 0)
        return false;
    bool legend = bars->base_name != NULL || bars->aim_name != NULL || has_limit(bars);
    double top = TOP + (legend ? LEGEND_ROW : 0);
    double bottom = top + (double)bars->count * BAR_ROW;
    axis_t x = {.min_px = extent.label_width + 12, .max_px = WIDTH - extent.text_width - 12};
    axis_fit(&x, bars->kind, extent.min, extent.max);
    begin(out, bottom + BOTTOM, bars->title);
    if (legend)
        put_legend(out, bars, &x, TOP - 6);
    axis_tick_t ticks[AXIS_TICKS_MAX];
    put_x_ticks(out, &x, ticks, axis_ticks(&x, ticks), top, bottom);
    put_label(out, (x.min_px + x.max_px) / 2, bottom + 38, "tick mid", bars->x_label);
    put_bar_rows(out, bars, &x, top, bottom);
    end(out);
    return true;
}

/* plot.h - two kinds of plot as inline SVG: lines over a scale, and bars.
 *
 *     |      .--o nats            each line ends in its name, and names do not overlap: where
 *     |   .-'                     lines end close together the names move apart, and a thin
 *     | -'   .--o redis           line leads to each
 *     +---------->
 *
 *     sluice ========|-|   7.18M      a whisker, on a bar or through a point of a line: from the
 *     nats   == == |--|    1.9M       least to the most of several runs
 *
 * No colours in here: a line or a bar has a hue (0 … 7) and a dash (0 … 3), which the page's style
 * sheet turns into colours for light and dark, and into a pattern.  Whoever cannot tell hues apart
 * has patterns and names; a pointer on a mark shows its value. */
#ifndef BENCH_REPORT_PLOT_H
#define BENCH_REPORT_PLOT_H

#include "axis.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { PLOT_HUES = 8, PLOT_DASHES = 4, PLOT_SERIES_MAX = 40 };

typedef struct plot_point {
    double x, y;
    double min, max; /**< of y, over runs: a whisker, where min < max */
} plot_point_t;

typedef struct plot_series {
    const char *name;
    const plot_point_t *points; /**< ascending in x; what an axis cannot hold is left out */
    size_t count;
    int hue, dash;
    bool smooth; /**< so many points that they need no marks */
    bool limit;  /**< nobody's figure but what bounds all: thin and dashed, without hue or marks */
} plot_series_t;

typedef struct plot {
    const char *title, *x_label, *y_label;
    axis_kind_t x_kind, y_kind;
    bool ticks_at_points; /**< the x axis has its ticks where points are */
    const plot_series_t *series;
    size_t count;
} plot_t;

/** Appends an <svg>.  @return false, and nothing appended, when there is nothing to show. */
bool plot_lines(sl_buf_t *out, const plot_t *plot);

typedef struct plot_bar {
    const char *label, *text; /**< text stands behind the bar */
    double value;
    double min, max;   /**< over runs: a whisker, where min < max */
    double aim;        /**< a mark there; NaN: none */
    const char *style; /**< a class of the style sheet */
    int dash;          /**< 0: a full bar; else filled in the pattern that lines with it have */
} plot_bar_t;

typedef struct plot_bars {
    const char *title, *x_label;
    axis_kind_t kind;
    double base;            /**< where bars begin, which also has a line */
    const char *base_name;  /**< and what that is called; NULL: nothing */
    const char *aim_name;   /**< what the marks are called; NULL: there are none */
    double limit;           /**< a thin dashed line through all bars */
    const char *limit_name; /**< and what that is called; NULL: there is none */
    const plot_bar_t *bars;
    size_t count;
} plot_bars_t;

/** Appends an <svg>.  @return as plot_lines. */
bool plot_bars(sl_buf_t *out, const plot_bars_t *bars);

/** Moves places apart: at least `gap` between neighbours and all within min … max, in the order
 * they come in, rather down than up; where they do not fit, evenly.
 *  @param places  ascending. */
void plot_spread(double *places, size_t count, double gap, double min, double max);

#endif

/* page.h - the page while it is written, and the pieces that its sections are made of. */
#ifndef BENCH_REPORT_PAGE_H
#define BENCH_REPORT_PAGE_H

#include "base/buf.h"
#include "figures.h"
#include "plot.h"
#include "report.h"
#include "sources.h"

#include <stdbool.h>

typedef struct page {
    sl_buf_t out; /**< its `failed` is looked at once, in the end */
    const figures_t *figures;
    const report_plan_t *plan;
    const char *dir;
} page_t;

void page_str(page_t *page, const char *markup);
/** An element with text in it. */
void page_element(page_t *page, const char *element, const char *text);
/** A <section> with its heading; page_end_section closes it.  @param intro  NULL: none. */
void page_section(page_t *page, const char *id, const char *title, const char *intro);
void page_end_section(page_t *page);

/** A table whose columns are numbers, except the first: headings in one text, parted by '|'. */
void page_table(page_t *page, const char *headings);
void page_row(page_t *page, const char *first);
void page_cell(page_t *page, const char *text);
void page_cell_number(page_t *page, double value);
/** "least … most", or nothing where that says nothing. */
void page_cell_spread(page_t *page, const figures_spread_t *spread);
void page_end_row(page_t *page);
void page_end_table(page_t *page);

/** As sources_of; and for each row whose JSON is missing a line goes onto the page, which says what
 *  makes it. */
size_t page_sources(page_t *page, const char *bench, const figures_source_t *out[SOURCES_MAX]);

/** A source's heading, as sources_title has it. */
void page_source_title(page_t *page, const figures_source_t *source);

/** A line under a plot or a table: how many runs it is of.
 *  @param more  what is said, too, where there are several. */
void page_runs(page_t *page, const figures_source_t *source, const char *more);
#define PAGE_WHISKERS "; whiskers from least to most"

/** What one must know beside a source's figures: its notes. */
void page_notes(page_t *page, const figures_source_t *source);

/** All figures of a source. */
void page_figures(page_t *page, const figures_source_t *source);

/** Settings and all figures, folded away. */
void page_details(page_t *page, const figures_source_t *source);

typedef struct page_bars {
    const char *suffix; /**< of the figures that have a bar each */
    const char *title, *x_label;
    int other_hue;          /**< as systems_look's */
    double limit;           /**< as plot_bars_t */
    const char *limit_name; /**< likewise */
} page_bars_t;

/** Bars, the longest first, and their runs below. */
void page_bars_of(page_t *page, const figures_source_t *source, const page_bars_t *what);

enum { PAGE_SYSTEMS_MAX = PLOT_SERIES_MAX - 1 }; /* and a limit */

/* -- the sections, in their order ----------------------------------------------------------- */

void section_machine(page_t *page);
void section_budgets(page_t *page);
void section_deliveries(page_t *page);
void section_latency(page_t *page);
void section_scale(page_t *page);
/** What has no section of its own: ours alone, the journal, stopped subscribers, the bridge. */
void section_rest(page_t *page);

#endif

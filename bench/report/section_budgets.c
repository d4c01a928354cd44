/* section_budgets.c - the machine, and each budget beside what was measured. */
#include "budgets.h"
#include "markup.h"
#include "numbers.h"
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- machine -------------------------------------------------------------------------------- */

static const struct {
    const char *fact, *name;
} machine[] = {{"processor", "processor"}, {"cores", "cores"},
               {"kernel", "kernel"},       {"version", "Sluice"},
               {"commit", "commit"},       {"load_at_start", "load at the start"}};

/* A fact of one source as text; "" where it has none. */
static void fact_text(const figures_source_t *source, const char *name, char *out, size_t size)
{
    double number = figures_number(source, name);
    if (isnan(number))
        snprintf(out, size, "%s", figures_text(source, name));
    else
        numbers_plain(out, size, number);
}

/* Each value once: sources may come from several commits or machines, and then it shows. */
static void put_fact(page_t *page, const char *fact, const char *name)
{
    sl_buf_t seen = SL_BUF_INIT; /* "\nvalue\nvalue\n" */
    sl_buf_append_byte(&seen, '\n');
    for (size_t i = 0; i < page->figures->count; i++) {
        char value[256], line[264];
        if (page->figures->items[i].json == NULL)
            continue;
        fact_text(&page->figures->items[i], fact, value, sizeof value);
        snprintf(line, sizeof line, "\n%s\n", value);
        if (value[0] == '\0' || seen.failed || memmem(seen.data, seen.len, line, strlen(line)))
            continue;
        if (seen.len == 1) {
            page_element(page, "dt", name);
            page_str(page, "<dd>");
        } else {
            page_str(page, "; ");
        }
        markup_text(&page->out, value);
        sl_buf_append_str(&seen, line + 1);
    }
    if (seen.len > 1)
        page_str(page, "</dd>\n");
    sl_buf_fini(&seen);
}

void section_machine(page_t *page)
{
    page_str(page, "<dl class=\"machine\">\n");
    for (size_t i = 0; i < sizeof machine / sizeof machine[0]; i++)
        put_fact(page, machine[i].fact, machine[i].name);
    page_str(page, "</dl>\n");
}

/* -- budgets -------------------------------------------------------------------------------- */

static const struct {
    const char *text, *style;
} states[] = {
    [BUDGET_UNKNOWN] = {"not measured", "unknown"},
    [BUDGET_UNDER] = {"below the floor", "under"},
    [BUDGET_FLOOR] = {"floor held", "held"},
    [BUDGET_AIM] = {"aim reached", "reached"},
};

static void with_unit(char *out, size_t size, double value, const char *unit)
{
    char number[NUMBERS_TEXT_MAX];
    numbers_plain(number, sizeof number, value);
    snprintf(out, size, "%s %s", number, unit);
}

/* Where less is better the least figure is the most of the floor. */
static plot_bar_t bar_of(const budget_t *budget, const figures_spread_t *value, const char *text)
{
    bool more = budget->sense == BUDGET_MORE;
    return (plot_bar_t){.label = budget->what,
                        .text = text,
                        .value = budgets_share(budget, value->median),
                        .min = budgets_share(budget, more ? value->min : value->max),
                        .max = budgets_share(budget, more ? value->max : value->min),
                        .aim = budgets_share(budget, budget->aim),
                        .style = states[budgets_state(budget, value->median)].style};
}

static void put_bars(page_t *page)
{
    plot_bar_t *bars = calloc(budgets_count, sizeof *bars);
    char(*texts)[2 * NUMBERS_TEXT_MAX] = calloc(budgets_count, sizeof *texts);
    size_t count = 0;
    for (size_t i = 0; bars != NULL && texts != NULL && i < budgets_count; i++) {
        const budget_t *budget = &budgets[i];
        figures_spread_t value = budgets_value(budget, page->figures);
        if (isnan(value.median) || isnan(budget->floor))
            continue;
        with_unit(texts[count], sizeof *texts, value.median, budget->unit);
        bars[count] = bar_of(budget, &value, texts[count]);
        count++;
    }
    if (plot_bars(&page->out,
                  &(plot_bars_t){.title = "Each budget on one scale: measured, over its floor",
                                 .x_label = "times the floor (where less is better: the "
                                            "ceiling over the figure)",
                                 .kind = AXIS_LOG,
                                 .base = 1,
                                 .base_name = "floor",
                                 .aim_name = "aim",
                                 .bars = bars,
                                 .count = count}))
        page_str(page, "<p class=\"runs\">Medians" PAGE_WHISKERS
                       "; the table says of how many runs each is.</p>\n");
    free(bars);
    free(texts);
}

static void put_table(page_t *page)
{
    page_table(page, "budget|measured|least … most|runs|floor|aim|state");
    for (size_t i = 0; i < budgets_count; i++) {
        const budget_t *budget = &budgets[i];
        figures_spread_t value = budgets_value(budget, page->figures);
        budget_state_t state = budgets_state(budget, value.median);
        char text[2 * NUMBERS_TEXT_MAX];
        page_row(page, budget->what);
        with_unit(text, sizeof text, value.median, isnan(value.median) ? "" : budget->unit);
        page_cell(page, text);
        page_cell_spread(page, &value);
        page_cell_number(page, isnan(value.median) ? NAN : budgets_runs(budget, page->figures));
        char mark[NUMBERS_TEXT_MAX];
        budgets_mark(budget, budget->floor, mark, sizeof mark);
        page_cell(page, isnan(budget->floor) ? "reported" : mark);
        budgets_mark(budget, budget->aim, mark, sizeof mark);
        page_cell(page, mark);
        sl_buf_printf(&page->out, "<td class=\"state %s\">", states[state].style);
        markup_text(&page->out, states[state].text);
        page_str(page, "</td>");
        page_end_row(page);
    }
    page_end_table(page);
}

void section_budgets(page_t *page)
{
    page_section(page, "budgets", "Budgets",
                 "What is owed (floor) and what is aimed at. A ratio is ours over the other's, of "
                 "the same run; × is better when larger, except for latency and CPU. Figures are "
                 "medians over runs; a quotient of two figures has no span.");
    put_bars(page);
    put_table(page);
    page_end_section(page);
}

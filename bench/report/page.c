#include "page.h"

#include "markup.h"
#include "numbers.h"
#include "systems.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- elements ------------------------------------------------------------------------------- */

void page_str(page_t *page, const char *markup)
{
    sl_buf_append_str(&page->out, markup);
}

void page_element(page_t *page, const char *element, const char *text)
{
    sl_buf_printf(&page->out, "<%s>", element);
    markup_text(&page->out, text);
    sl_buf_printf(&page->out, "</%s>\n", element);
}

void page_section(page_t *page, const char *id, const char *title, const char *intro)
{
    sl_buf_printf(&page->out, "<section id=\"%s\">\n", id);
    page_element(page, "h2", title);
    if (intro != NULL)
        page_element(page, "p", intro);
}

void page_end_section(page_t *page)
{
    page_str(page, "</section>\n");
}

/* -- tables --------------------------------------------------------------------------------- */

void page_table(page_t *page, const char *headings)
{
    page_str(page, "<div class=\"wide\"><table>\n<thead><tr>");
    while (*headings != '\0') {
        size_t len = strcspn(headings, "|");
        page_str(page, "<th>");
        markup_printf(&page->out, "%.*s", (int)len, headings);
        page_str(page, "</th>");
        headings += len + (headings[len] == '|');
    }
    page_str(page, "</tr></thead>\n<tbody>\n");
}

void page_row(page_t *page, const char *first)
{
    page_str(page, "<tr><th>");
    markup_text(&page->out, first);
    page_str(page, "</th>");
}

void page_cell(page_t *page, const char *text)
{
    page_str(page, "<td>");
    markup_text(&page->out, text);
    page_str(page, "</td>");
}

void page_cell_number(page_t *page, double value)
{
    char text[NUMBERS_TEXT_MAX];
    numbers_plain(text, sizeof text, value);
    page_cell(page, text);
}

void page_cell_spread(page_t *page, const figures_spread_t *spread)
{
    char min[NUMBERS_TEXT_MAX], max[NUMBERS_TEXT_MAX], both[2 * NUMBERS_TEXT_MAX + 8] = "";
    if (spread->min < spread->max) {
        numbers_plain(min, sizeof min, spread->min);
        numbers_plain(max, sizeof max, spread->max);
        snprintf(both, sizeof both, "%s … %s", min, max);
    }
    page_cell(page, both);
}

void page_end_row(page_t *page)
{
    page_str(page, "</tr>\n");
}

void page_end_table(page_t *page)
{
    page_str(page, "</tbody></table></div>\n");
}

/* -- sources -------------------------------------------------------------------------------- */

static void tell_missing(void *ctx, const char *name)
{
    page_t *page = ctx;
    bool failed = sources_has_failed(page->dir, name);
    page_str(page, failed ? "<p class=\"missing failed\">" : "<p class=\"missing\">");
    markup_printf(&page->out, failed ? "%s failed; %s.log says why. " : "%s was not measured. ",
                  name, name);
    page_str(page, "<code>");
    markup_printf(&page->out, "./run bench %s --only %s", page->plan->suite, name);
    page_str(page, "</code> measures it.</p>\n");
}

size_t page_sources(page_t *page, const char *bench, const figures_source_t *out[SOURCES_MAX])
{
    return sources_of(page->figures, page->plan, bench, tell_missing, page, out);
}

void page_source_title(page_t *page, const figures_source_t *source)
{
    char title[SOURCES_TEXT_MAX];
    sources_title(source, title);
    page_element(page, "h3", title);
}

void page_runs(page_t *page, const figures_source_t *source, const char *more)
{
    char runs[SOURCES_TEXT_MAX];
    sources_runs(source, runs);
    if (runs[0] == '\0')
        return;
    bool several = figures_number(source, "runs") > 1;
    page_str(page, "<p class=\"runs\">");
    markup_printf(&page->out, "%c%s%s.", toupper((unsigned char)runs[0]), runs + 1,
                  several ? more : "");
    page_str(page, "</p>\n");
}

void page_notes(page_t *page, const figures_source_t *source)
{
    const cJSON *notes = cJSON_GetObjectItemCaseSensitive(source->json, "notes");
    if (!cJSON_IsArray(notes) || notes->child == NULL)
        return;
    page_str(page, "<ul class=\"notes\">\n");
    for (const cJSON *note = notes->child; note != NULL; note = note->next)
        if (cJSON_IsString(note))
            page_element(page, "li", note->valuestring);
    page_str(page, "</ul>\n");
}

void page_figures(page_t *page, const figures_source_t *source)
{
    page_table(page, "figure|median|least … most|spread");
    for (const cJSON *member = source->json->child; member != NULL; member = member->next) {
        if (!figures_is_figure(source, member))
            continue;
        figures_spread_t spread = figures_spread(source, member->string);
        char share[NUMBERS_TEXT_MAX] = "";
        if (spread.max > spread.min && spread.median != 0)
            snprintf(share, sizeof share, "%.0f %%",
                     100 * (spread.max - spread.min) / fabs(spread.median));
        page_row(page, member->string);
        page_cell_number(page, spread.median);
        page_cell_spread(page, &spread);
        page_cell(page, share);
        page_end_row(page);
    }
    page_end_table(page);
    page_runs(page, source, "");
}

/* Is it the least or the most of a figure? */
static bool is_edge(const figures_source_t *source, const char *name)
{
    char figure[FIGURES_NAME_MAX];
    size_t len = strlen(name);
    if (len < 5 || len >= sizeof figure ||
        (strcmp(name + len - 4, "_min") != 0 && strcmp(name + len - 4, "_max") != 0))
        return false;
    snprintf(figure, sizeof figure, "%.*s", (int)(len - 4), name);
    return !isnan(figures_spread(source, figure).median);
}

static void put_settings(page_t *page, const figures_source_t *source)
{
    page_str(page, "<p class=\"settings\">");
    const char *before = "";
    for (const cJSON *member = source->json->child; member != NULL; member = member->next) {
        bool plain = cJSON_IsString(member) || cJSON_IsNumber(member) || cJSON_IsBool(member);
        if (!plain || figures_is_figure(source, member) || is_edge(source, member->string))
            continue;
        char *value = cJSON_IsString(member) ? NULL : cJSON_PrintUnformatted(member);
        page_str(page, before);
        page_str(page, "<span>");
        markup_printf(&page->out, "%s = %s", member->string,
                      value != NULL ? value : member->valuestring);
        page_str(page, "</span>");
        cJSON_free(value);
        before = "; ";
    }
    page_str(page, "</p>\n");
}

void page_details(page_t *page, const figures_source_t *source)
{
    page_str(page, "<details><summary>");
    markup_printf(&page->out, "%s: settings and all figures", source->name);
    page_str(page, "</summary>\n");
    char command[SOURCES_TEXT_MAX];
    if (sources_command(page->plan, source->name, command)) {
        page_str(page, "<p><code>");
        markup_text(&page->out, command);
        page_str(page, "</code></p>\n");
    }
    put_settings(page, source);
    page_figures(page, source);
    page_str(page, "</details>\n");
}

/* -- bars ----------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = ((const plot_bar_t *)a)->value, y = ((const plot_bar_t *)b)->value;
    return (x < y) - (x > y);
}

typedef struct bar_texts {
    char label[FIGURES_NAME_MAX], text[3 * NUMBERS_TEXT_MAX], style[16];
} bar_texts_t;

/* "7,183,557   0.254 CPU s/million   ours 3.9 ×", as far as the source has it. */
static void bar_text(const figures_source_t *source, const char *key, double value, char *out,
                     size_t size)
{
    char name[FIGURES_NAME_MAX + 32], number[NUMBERS_TEXT_MAX];
    numbers_plain(number, sizeof number, value);
    size_t len = (size_t)snprintf(out, size, "%s", number);
    snprintf(name, sizeof name, "%s_cpu_s_per_million", key);
    figures_spread_t cpu = figures_spread(source, name);
    if (!isnan(cpu.median)) {
        numbers_plain(number, sizeof number, cpu.median);
        len += (size_t)snprintf(out + len, size - len, " · CPU %s s/M", number);
    }
    snprintf(name, sizeof name, "%s_ratio", key);
    figures_spread_t ratio = figures_spread(source, name);
    if (!isnan(ratio.median) && strcmp(key, SYSTEMS_OURS) != 0)
        snprintf(out + len, size - len, " · ours %.2f ×", ratio.median);
}

void page_bars_of(page_t *page, const figures_source_t *source, const page_bars_t *what)
{
    char keys[PAGE_SYSTEMS_MAX][FIGURES_NAME_MAX];
    plot_bar_t bars[PAGE_SYSTEMS_MAX];
    bar_texts_t texts[PAGE_SYSTEMS_MAX];
    size_t count = figures_prefixes(source, what->suffix, keys, PAGE_SYSTEMS_MAX);
    for (size_t i = 0; i < count; i++) {
        char name[FIGURES_NAME_MAX * 2];
        snprintf(name, sizeof name, "%s%s", keys[i], what->suffix);
        figures_spread_t value = figures_spread(source, name);
        system_look_t look = systems_look(keys[i], what->other_hue);
        systems_name(keys[i], texts[i].label, sizeof texts[i].label);
        bar_text(source, keys[i], value.median, texts[i].text, sizeof texts[i].text);
        snprintf(texts[i].style, sizeof texts[i].style, "h%d d%d", look.hue, look.dash);
        bars[i] = (plot_bar_t){.label = texts[i].label,
                               .text = texts[i].text,
                               .value = value.median,
                               .min = value.min,
                               .max = value.max,
                               .aim = NAN,
                               .style = texts[i].style,
                               .dash = look.dash};
    }
    qsort(bars, count, sizeof *bars, by_value);
    if (plot_bars(&page->out, &(plot_bars_t){.title = what->title,
                                             .x_label = what->x_label,
                                             .limit = what->limit,
                                             .limit_name = what->limit_name,
                                             .bars = bars,
                                             .count = count}))
        page_runs(page, source, PAGE_WHISKERS);
}

#include "report.h"

#include "budgets.h"
#include "markdown.h"
#include "markup.h"
#include "page.h"
#include "style.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void written_at(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, size, "unknown");
}

/* -- the page ------------------------------------------------------------------------------- */

static void put_head(page_t *page)
{
    page_str(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                   "<title>Sluice: benchmarks</title>\n<style>\n");
    page_str(page, report_style);
    page_str(page, "</style>\n</head>\n<body>\n<header>\n<h1>Sluice: benchmarks</h1>\n");
    char when[64];
    written_at(when, sizeof when);
    page_str(page, "<p class=\"when\">");
    markup_printf(&page->out,
                  "./run bench %s; written %s. Everything on one machine, over loopback: "
                  "ratios hold elsewhere, absolutes drift.",
                  page->plan->suite, when);
    page_str(page, "</p>\n");
    if (page->plan->remark != NULL) {
        page_str(page, "<p class=\"remark\">");
        markup_text(&page->out, page->plan->remark);
        page_str(page, "</p>\n");
    }
    section_machine(page);
    page_str(page,
             "<nav><a href=\"#budgets\">budgets</a> <a href=\"#deliveries\">deliveries</a> "
             "<a href=\"#latency\">latency</a> <a href=\"#scale\">scale</a> "
             "<a href=\"#fanout\">fan-out</a> <a href=\"#journal\">journal</a> "
             "<a href=\"#ingest\">bridge</a> <a href=\"#slow\">stopped subscribers</a></nav>\n"
             "</header>\n<main>\n");
}

static void put_page(page_t *page)
{
    put_head(page);
    section_budgets(page);
    section_deliveries(page);
    section_latency(page);
    section_scale(page);
    section_rest(page);
    page_str(page, "</main>\n</body>\n</html>\n");
}

/* -- the object ----------------------------------------------------------------------------- */

static const char *const state_names[] = {
    [BUDGET_UNKNOWN] = "not measured",
    [BUDGET_UNDER] = "below the floor",
    [BUDGET_FLOOR] = "floor held",
    [BUDGET_AIM] = "aim reached",
};

static void add_number(cJSON *object, const char *name, double value)
{
    if (isnan(value))
        cJSON_AddNullToObject(object, name);
    else
        cJSON_AddNumberToObject(object, name, value);
}

static void add_budgets(cJSON *report, const figures_t *figures)
{
    cJSON *list = cJSON_AddArrayToObject(report, "budgets");
    for (size_t i = 0; i < budgets_count; i++) {
        const budget_t *budget = &budgets[i];
        figures_spread_t value = budgets_value(budget, figures);
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "what", budget->what);
        cJSON_AddStringToObject(object, "source", budget->source);
        cJSON_AddStringToObject(object, "figure", budget->figure);
        cJSON_AddStringToObject(object, "unit", budget->unit);
        cJSON_AddStringToObject(object, "better", budget->sense == BUDGET_MORE ? "more" : "less");
        add_number(object, "value", value.median);
        add_number(object, "value_min", value.min);
        add_number(object, "value_max", value.max);
        add_number(object, "floor", budget->floor);
        add_number(object, "aim", budget->aim);
        cJSON_AddStringToObject(object, "state", state_names[budgets_state(budget, value.median)]);
        cJSON_AddItemToArray(list, object);
    }
}

/* Machine, versions and commit are in each bench's object, as it was measured. */
static char *as_json(const figures_t *figures, const report_plan_t *plan)
{
    char when[64];
    written_at(when, sizeof when);
    cJSON *report = cJSON_CreateObject();
    cJSON_AddStringToObject(report, "suite", plan->suite);
    cJSON_AddStringToObject(report, "written", when);
    add_budgets(report, figures);
    cJSON *benches = cJSON_AddObjectToObject(report, "benches");
    for (size_t i = 0; i < figures->count; i++)
        if (figures->items[i].json != NULL)
            cJSON_AddItemToObject(benches, figures->items[i].name,
                                  cJSON_Duplicate(figures->items[i].json, true));
    cJSON *missing = cJSON_AddArrayToObject(report, "missing");
    for (size_t i = 0; i < plan->count; i++)
        if (figures_find(figures, plan->rows[i].name) == NULL)
            cJSON_AddItemToArray(missing, cJSON_CreateString(plan->rows[i].name));
    char *text = cJSON_Print(report);
    cJSON_Delete(report);
    return text;
}

/* -- files ---------------------------------------------------------------------------------- */

/* Under another name first: who looks meanwhile sees the old page or the new one. */
static sl_err write_file(const char *dir, const char *name, const void *bytes, size_t len)
{
    char path[4096], fresh[4112];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "we");
    if (file == NULL)
        return SL_EIO;
    bool written = fwrite(bytes, 1, len, file) == len;
    if (fclose(file) != 0)
        written = false;
    if (written && rename(fresh, path) == 0)
        return SL_OK;
    int saved = errno;
    remove(fresh);
    errno = saved;
    return SL_EIO;
}

sl_err report_write(const char *dir, const report_plan_t *plan)
{
    figures_t figures;
    sl_err err = figures_read(&figures, dir);
    if (err != SL_OK)
        return err;
    page_t page = {.figures = &figures, .plan = plan, .dir = dir};
    char *json = as_json(&figures, plan);
    put_page(&page);
    if (json == NULL || page.out.failed)
        err = SL_ENOMEM;
    if (err == SL_OK)
        err = write_file(dir, REPORT_HTML, page.out.data, page.out.len);
    if (err == SL_OK)
        err = write_file(dir, REPORT_JSON, json, strlen(json));
    cJSON_free(json);
    sl_buf_fini(&page.out);
    figures_fini(&figures);
    return err;
}

sl_err report_markdown(const char *dir, const report_plan_t *plan, FILE *out)
{
    figures_t figures;
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = figures_read(&figures, dir);
    if (err != SL_OK)
        return err;
    markdown_write(&text, &figures, plan, dir);
    if (text.failed)
        err = SL_ENOMEM;
    else if (fwrite(text.data, 1, text.len, out) != text.len || fflush(out) != 0)
        err = SL_EIO;
    sl_buf_fini(&text);
    figures_fini(&figures);
    return err;
}

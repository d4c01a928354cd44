#include "sources.h"

#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- which ---------------------------------------------------------------------------------- */

static bool is_of(const char *args, const char *bench)
{
    size_t len = strlen(bench);
    return strncmp(args, bench, len) == 0 && (args[len] == ' ' || args[len] == '\0');
}

/* NULL: it is none of the plan's. */
static const report_row_t *row_of(const report_plan_t *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->rows[i].name, name) == 0)
            return &plan->rows[i];
    return NULL;
}

size_t sources_of(const figures_t *figures, const report_plan_t *plan, const char *bench,
                  sources_missing_fn *missing, void *ctx, const figures_source_t *out[SOURCES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (!is_of(plan->rows[i].args, bench))
            continue;
        const figures_source_t *source = figures_find(figures, plan->rows[i].name);
        if (source != NULL && count < SOURCES_MAX)
            out[count++] = source;
        else if (source == NULL && missing != NULL)
            missing(ctx, plan->rows[i].name);
    }
    for (size_t i = 0; i < figures->count && count < SOURCES_MAX; i++) {
        const figures_source_t *source = &figures->items[i];
        if (source->json != NULL && strcmp(figures_bench(source), bench) == 0 &&
            row_of(plan, source->name) == NULL)
            out[count++] = source;
    }
    return count;
}

bool sources_has_failed(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.log", dir, name);
    return access(path, F_OK) == 0;
}

/* -- what is said of it --------------------------------------------------------------------- */

/* The settings that tell one source from another, as a person says them. */
static const struct {
    const char *fact, *one, *many; /* "%s" where the number goes */
} spoken[] = {
    {"rate", "%s event/s", "%s events/s"},
    {"subs", "%s subscriber", "%s subscribers"},
    {"publishers", NULL, "%s publishers"}, /* one goes without saying */
    {"event_bytes", "%s byte", "%s bytes"},
    {"messages", "%s message", "%s messages"},
    {"transport", NULL, "%s"},
    {"durability", NULL, "durability %s"},
    {"others", NULL, "beside others that %s"},
};

/* Ours is not told how: without a linger time libsluice puts into one request what comes while many
 * are unanswered.  The others' clients send as they are told. */
#define SINGLE "events published one by one (ours gathers them under load)"

static void append_setting(char *out, size_t size, const char *before, const char *format,
                           const char *value)
{
    const char *at = strstr(format, "%s");
    size_t len = strlen(out);
    snprintf(out + len, size - len, "%s%.*s%s%s", before, (int)(at - format), format, value,
             at + 2);
}

void sources_title(const figures_source_t *source, char out[SOURCES_TEXT_MAX])
{
    const char *before = "";
    out[0] = '\0';
    for (size_t i = 0; i < sizeof spoken / sizeof spoken[0]; i++) {
        const char *text = figures_text(source, spoken[i].fact);
        double number = figures_number(source, spoken[i].fact);
        char value[NUMBERS_TEXT_MAX];
        if (!isnan(number))
            numbers_grouped(value, sizeof value, number, 0);
        else
            snprintf(value, sizeof value, "%s", text);
        const char *format = number == 1 ? spoken[i].one : spoken[i].many;
        if (value[0] == '\0' || format == NULL)
            continue;
        append_setting(out, SOURCES_TEXT_MAX, before, format, value);
        before = ", ";
    }
    if (strcmp(figures_text(source, "publishing"), "single") == 0)
        append_setting(out, SOURCES_TEXT_MAX, before, "%s", SINGLE);
    if (out[0] == '\0')
        snprintf(out, SOURCES_TEXT_MAX, "%s", source->name);
}

bool sources_command(const report_plan_t *plan, const char *name, char out[SOURCES_TEXT_MAX])
{
    const report_row_t *row = row_of(plan, name);
    if (row != NULL)
        snprintf(out, SOURCES_TEXT_MAX, "./run bench %s", row->args);
    return row != NULL;
}

void sources_runs(const figures_source_t *source, char out[SOURCES_TEXT_MAX])
{
    double runs = figures_number(source, "runs");
    out[0] = '\0';
    if (runs == 1)
        snprintf(out, SOURCES_TEXT_MAX, "1 run");
    else if (!isnan(runs))
        snprintf(out, SOURCES_TEXT_MAX, "medians of %.0f runs", runs);
}

figures_spread_t sources_loopback(const figures_source_t *source)
{
    figures_spread_t rate = figures_spread(source, "loopback_gb_per_s");
    double bytes = figures_number(source, "event_bytes");
    double events = bytes > 0 ? 1e9 / bytes : NAN; /* in a gigabyte */
    return (figures_spread_t){rate.median * events, rate.min * events, rate.max * events};
}

#include "result.h"

#include "commit.h"
#include "numbers.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 30 }; /* or more, where a name has more */

/* Rows for `count` figures; the new ones are empty.  @return SL_OK, SL_ENOMEM (nothing changed). */
static sl_err make_room(result_t *result, size_t count)
{
    double *values = realloc(result->values, count * RESULT_RUNS_MAX * sizeof *values);
    if (values == NULL)
        return SL_ENOMEM;
    result->values = values;
    figure_def_t *defs = realloc(result->defs, count * sizeof *defs);
    if (defs == NULL)
        return SL_ENOMEM;
    result->defs = defs;
    for (size_t i = result->count * RESULT_RUNS_MAX; i < count * RESULT_RUNS_MAX; i++)
        values[i] = NAN;
    return SL_OK;
}

sl_err result_init(result_t *result, const char *bench, const figure_def_t *defs, size_t count)
{
    *result = (result_t){.bench = bench, .checked = true};
    result->facts = cJSON_CreateObject();
    result->notes = cJSON_AddArrayToObject(result->facts, "notes");
    if (result->notes == NULL || (count > 0 && make_room(result, count) != SL_OK)) {
        result_fini(result);
        return SL_ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        result->defs[i] = defs[i];
    result->count = result->fixed = count;
    result_fact_text(result, "bench", bench);
    result_fact_text(result, "version", SLUICE_VERSION);
    result_fact_text(result, "commit", bench_commit);
    return SL_OK;
}

void result_fini(result_t *result)
{
    for (size_t i = result->fixed; i < result->count; i++) {
        free((char *)result->defs[i].name);
        free((char *)result->defs[i].unit);
        free((char *)result->defs[i].help);
    }
    free(result->defs);
    free(result->values);
    cJSON_Delete(result->facts);
    *result = (result_t){0};
}

void result_put(result_t *result, size_t figure, double value)
{
    assert(figure < result->count && result->runs < RESULT_RUNS_MAX);
    result->values[figure * RESULT_RUNS_MAX + result->runs] = value;
}

size_t result_find(const result_t *result, const char *name)
{
    size_t i = 0;
    while (i < result->count && strcmp(result->defs[i].name, name) != 0)
        i++;
    return i;
}

static sl_err add_figure(result_t *result, const figure_def_t *def)
{
    figure_def_t own = *def;
    own.name = strdup(def->name);
    own.unit = strdup(def->unit);
    own.help = strdup(def->help);
    if (own.name != NULL && own.unit != NULL && own.help != NULL &&
        make_room(result, result->count + 1) == SL_OK) {
        result->defs[result->count++] = own;
        return SL_OK;
    }
    free((char *)own.name);
    free((char *)own.unit);
    free((char *)own.help);
    return SL_ENOMEM;
}

void result_put_named(result_t *result, const figure_def_t *def, double value)
{
    size_t figure = result_find(result, def->name);
    if (figure < result->count || add_figure(result, def) == SL_OK)
        result_put(result, figure, value);
    else
        fprintf(stderr, "sluice-bench: no memory for the figure %s\n", def->name);
}

double result_last(const result_t *result, size_t figure)
{
    double value = result->values[figure * RESULT_RUNS_MAX + result->runs];
    return isnan(value) ? 0 : value;
}

void result_end_run(result_t *result)
{
    result->runs++;
}

void result_fact_text(result_t *result, const char *name, const char *text)
{
    cJSON_AddStringToObject(result->facts, name, text);
}

void result_fact_number(result_t *result, const char *name, double value)
{
    cJSON_AddNumberToObject(result->facts, name, value);
}

void result_note(result_t *result, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const cJSON *note = result->notes->child; note != NULL; note = note->next)
        if (strcmp(note->valuestring, text) == 0)
            return;
    cJSON_AddItemToArray(result->notes, cJSON_CreateString(text));
}

size_t result_stats(const result_t *result, size_t figure, stats_t *stats)
{
    double taken[RESULT_RUNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < result->runs; i++) {
        double value = result->values[figure * RESULT_RUNS_MAX + i];
        if (!isnan(value))
            taken[count++] = value;
    }
    *stats = count > 0 ? stats_of(taken, count) : (stats_t){NAN, NAN, NAN};
    return count;
}

double result_median(const result_t *result, size_t figure)
{
    stats_t stats;
    result_stats(result, figure, &stats);
    return stats.median;
}

static bool bound_met(const figure_def_t *def, double value)
{
    switch (def->bound) {
    case BOUND_FLOOR:
        return value >= def->limit;
    case BOUND_CEILING:
        return value <= def->limit;
    case BOUND_NONE:
        break;
    }
    return true;
}

bool result_bounds_met(const result_t *result)
{
    if (!result->checked)
        return true;
    for (size_t i = 0; i < result->count; i++) {
        double median = result_median(result, i);
        if (!isnan(median) && !bound_met(&result->defs[i], median))
            return false;
    }
    return true;
}

static void print_figure(const result_t *result, size_t figure, int width, FILE *out)
{
    const figure_def_t *def = &result->defs[figure];
    stats_t stats;
    size_t runs = result_stats(result, figure, &stats);
    char median[80], min[80], max[80], limit[80];
    numbers_grouped(median, sizeof median, stats.median, def->digits);
    numbers_grouped(min, sizeof min, stats.min, def->digits);
    numbers_grouped(max, sizeof max, stats.max, def->digits);
    fprintf(out, "  %-*s %14s %-8s", width, def->name, median, def->unit);
    if (runs > 1)
        fprintf(out, " %14s … %-14s %4.0f %%", min, max, 100 * stats_spread(&stats));
    if (def->bound != BOUND_NONE && result->checked) {
        numbers_grouped(limit, sizeof limit, def->limit, def->digits);
        fprintf(out, "  %s %s: %s", def->bound == BOUND_FLOOR ? "floor" : "ceiling", limit,
                bound_met(def, stats.median) ? "met" : "MISSED");
    }
    fputc('\n', out);
}

/* The facts that machine.h puts, with what stands round them. */
static const struct {
    const char *fact, *before, *behind;
    double times; /* of a number */
} machine[] = {
    {"processor", "", "", 1},
    {"cores", " × ", "", 1},
    {"hypervisor", ", hypervisor ", "", 1},
    {"ram_mib", ", ", " MiB", 1},
    {"kernel", ", Linux ", "", 1},
    {"data_file_system", ", data on ", "", 1},
    {"transparent_huge_pages", ", huge pages ", "", 1},
    {"compiler", ", ", "", 1},
    {"steal_share", ", stolen ", " %", 100},
};

void result_print_machine(const result_t *result, FILE *out)
{
    const char *indent = "  ";
    for (size_t i = 0; i < sizeof machine / sizeof machine[0]; i++) {
        char number[NUMBERS_TEXT_MAX];
        const cJSON *fact = cJSON_GetObjectItemCaseSensitive(result->facts, machine[i].fact);
        if (fact == NULL)
            continue;
        numbers_plain(number, sizeof number, fact->valuedouble * machine[i].times);
        fprintf(out, "%s%s%s%s", indent, machine[i].before,
                cJSON_IsString(fact) ? fact->valuestring : number, machine[i].behind);
        indent = "";
    }
    if (indent[0] == '\0')
        fputc('\n', out);
}

void result_print_head(const result_t *result, FILE *out)
{
    fprintf(out, "%s: %zu run%s%s\n", result->bench, result->runs, result->runs == 1 ? "" : "s",
            result->runs > 1 ? "; median, minimum … maximum, spread" : "");
    result_print_machine(result, out);
}

/* Has it a value, and a bound where only those are wanted? */
static bool is_shown(const result_t *result, size_t figure, bool all)
{
    return (all || result->defs[figure].bound != BOUND_NONE) &&
           !isnan(result_median(result, figure));
}

/* @param all  those without a bound, too. */
static void print_figures(const result_t *result, bool all, FILE *out)
{
    size_t width = NAME_WIDTH;
    for (size_t i = 0; i < result->count; i++)
        if (is_shown(result, i, all) && strlen(result->defs[i].name) > width)
            width = strlen(result->defs[i].name);
    for (size_t i = 0; i < result->count; i++)
        if (is_shown(result, i, all))
            print_figure(result, i, (int)width, out);
}

void result_print_bounds(const result_t *result, FILE *out)
{
    print_figures(result, false, out);
}

void result_print_notes(const result_t *result, FILE *out)
{
    for (const cJSON *note = result->notes->child; note != NULL; note = note->next)
        fprintf(out, "  - %s\n", note->valuestring);
    fflush(out);
}

void result_print(const result_t *result, FILE *out)
{
    result_print_head(result, out);
    print_figures(result, true, out);
    result_print_notes(result, out);
}

/* What each run gave, null where it gave nothing. */
static void add_runs(cJSON *object, const result_t *result, size_t figure)
{
    char name[96];
    snprintf(name, sizeof name, "%s_runs", result->defs[figure].name);
    cJSON *runs = cJSON_AddArrayToObject(object, name);
    for (size_t i = 0; i < result->runs; i++) {
        double value = result->values[figure * RESULT_RUNS_MAX + i];
        cJSON_AddItemToArray(runs, isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value));
    }
}

static cJSON *as_json(const result_t *result)
{
    cJSON *object = cJSON_Duplicate(result->facts, true);
    if (object == NULL)
        return NULL;
    cJSON_AddNumberToObject(object, "runs", (double)result->runs);
    cJSON_AddBoolToObject(object, "bounds_met", result_bounds_met(result));
    for (size_t i = 0; i < result->count && result->runs > 0; i++) {
        char name[96];
        stats_t stats;
        if (result_stats(result, i, &stats) == 0)
            continue;
        cJSON_AddNumberToObject(object, result->defs[i].name, stats.median);
        snprintf(name, sizeof name, "%s_min", result->defs[i].name);
        cJSON_AddNumberToObject(object, name, stats.min);
        snprintf(name, sizeof name, "%s_max", result->defs[i].name);
        cJSON_AddNumberToObject(object, name, stats.max);
        add_runs(object, result, i);
    }
    return object;
}

sl_err result_write_json(const result_t *result, const char *path)
{
    cJSON *object = as_json(result);
    char *text = object == NULL ? NULL : cJSON_Print(object);
    cJSON_Delete(object);
    if (text == NULL)
        return SL_ENOMEM;
    FILE *file = fopen(path, "we");
    bool written = file != NULL && fputs(text, file) >= 0 && fputc('\n', file) != EOF;
    if (file != NULL && fclose(file) != 0)
        written = false;
    cJSON_free(text);
    return written ? SL_OK : SL_EIO;
}

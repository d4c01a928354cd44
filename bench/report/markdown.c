#include "markdown.h"

#include "budgets.h"
#include "numbers.h"
#include "sources.h"
#include "systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define ABSENT          "-"
#define DELIVERIES      "_deliveries_per_s"
#define P99             "_p99_us"

enum { KEYS_MAX = 64, NAME_MAX_BYTES = 2 * FIGURES_NAME_MAX };

typedef struct markdown {
    sl_buf_t *out;
    const figures_t *figures;
    const report_plan_t *plan;
    const char *dir;
} markdown_t;

/* -- tables --------------------------------------------------------------------------------- */

/* What would end a cell, or begin an element. */
static void put_text(sl_buf_t *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '|':
            sl_buf_append_str(out, "\\|");
            break;
        case '<':
            sl_buf_append_str(out, "&lt;");
            break;
        case '\r':
        case '\n':
            sl_buf_append_byte(out, ' ');
            break;
        default:
            sl_buf_append_byte(out, (uint8_t)*text);
        }
}

static void cell(sl_buf_t *out, const char *text)
{
    sl_buf_append_byte(out, ' ');
    put_text(out, text[0] == '\0' ? ABSENT : text);
    sl_buf_append_str(out, " |");
}

static void begin_row(sl_buf_t *out, const char *first)
{
    sl_buf_append_byte(out, '|');
    cell(out, first);
}

static void end_row(sl_buf_t *out)
{
    sl_buf_append_byte(out, '\n');
}

static void number_text(char *text, size_t size, double value)
{
    if (isnan(value))
        snprintf(text, size, ABSENT);
    else
        numbers_plain(text, size, value);
}

static void cell_number(sl_buf_t *out, double value)
{
    char text[NUMBERS_TEXT_MAX];
    number_text(text, sizeof text, value);
    cell(out, text);
}

static void cell_unit(sl_buf_t *out, double value, const char *unit)
{
    char number[NUMBERS_TEXT_MAX], text[2 * NUMBERS_TEXT_MAX];
    bool bare = isnan(value) || unit[0] == '\0';
    number_text(number, sizeof number, value);
    snprintf(text, sizeof text, "%s%s%s", number, bare ? "" : " ", bare ? "" : unit);
    cell(out, text);
}

/* "least … most"; one run has neither. */
static void cell_spread(sl_buf_t *out, const figures_spread_t *spread, double scale)
{
    char min[NUMBERS_TEXT_MAX], max[NUMBERS_TEXT_MAX], both[2 * NUMBERS_TEXT_MAX + 8] = "";
    if (spread->min < spread->max) {
        numbers_plain(min, sizeof min, spread->min * scale);
        numbers_plain(max, sizeof max, spread->max * scale);
        snprintf(both, sizeof both, "%s … %s", min, max);
    }
    cell(out, both);
}

/* @param headings  parted by '|'. */
static void begin_table(sl_buf_t *out, const char *headings)
{
    size_t columns = 1;
    sl_buf_append_str(out, "| ");
    for (const char *at = headings; *at != '\0'; at++) {
        columns += *at == '|';
        if (*at == '|')
            sl_buf_append_str(out, " | ");
        else
            sl_buf_append_byte(out, (uint8_t)*at);
    }
    sl_buf_append_str(out, " |\n|");
    for (size_t i = 0; i < columns; i++)
        sl_buf_append_str(out, " --- |");
    sl_buf_append_byte(out, '\n');
}

static void end_table(sl_buf_t *out)
{
    sl_buf_append_byte(out, '\n');
}

/* -- a table whose rows are systems, or points ---------------------------------------------- */

/* A figure is called `before`, the row's key, `after`. */
typedef struct column {
    const char *heading, *before, *after;
    double scale;
    bool spread; /* least … most in place of the median */
} column_t;

/* What the row is called.  @return false: it is none. */
typedef bool row_name_fn(const figures_source_t *source, const char *key, char *out, size_t size);

typedef struct keyed_table {
    const char *first;  /* heading of the rows' names */
    const char *suffix; /* of the figures that say which rows there are */
    row_name_fn *name;
    const column_t *columns;
    size_t count;
} keyed_table_t;

static void put_row(sl_buf_t *out, const figures_source_t *source, const keyed_table_t *table,
                    const char *key, const char *name)
{
    begin_row(out, name);
    for (size_t i = 0; i < table->count; i++) {
        const column_t *column = &table->columns[i];
        char figure[NAME_MAX_BYTES];
        snprintf(figure, sizeof figure, "%s%s%s", column->before, key, column->after);
        figures_spread_t value = figures_spread(source, figure);
        if (column->spread)
            cell_spread(out, &value, column->scale);
        else
            cell_number(out, value.median * column->scale);
    }
    end_row(out);
}

static void put_keyed(sl_buf_t *out, const figures_source_t *source, const keyed_table_t *table)
{
    char headings[512], keys[KEYS_MAX][FIGURES_NAME_MAX], name[NAME_MAX_BYTES];
    size_t rows = figures_prefixes(source, table->suffix, keys, KEYS_MAX);
    size_t len = (size_t)snprintf(headings, sizeof headings, "%s", table->first);
    for (size_t i = 0; i < table->count; i++)
        len += (size_t)snprintf(headings + len, sizeof headings - len, "|%s",
                                table->columns[i].heading);
    begin_table(out, headings);
    for (size_t i = 0; i < rows; i++)
        if (table->name(source, keys[i], name, sizeof name))
            put_row(out, source, table, keys[i], name);
}

static bool system_name(const figures_source_t *source, const char *key, char *out, size_t size)
{
    (void)source;
    systems_name(key, out, size);
    return true;
}

static const column_t delivery_columns[] = {
    {"million/s", "", DELIVERIES, 1e-6, false},
    {"least … most", "", DELIVERIES, 1e-6, true},
    {"GB/s", "", "_gb_per_s", 1, false},
    {"ours / it", "", "_ratio", 1, false},
    {"CPU s a million: all", "", "_cpu_s_per_million", 1, false},
    {"publishers", "", "_cpu_s_publishers", 1, false},
    {"server", "", "_cpu_s_server", 1, false},
    {"subscribers", "", "_cpu_s_subscribers", 1, false},
};
static const keyed_table_t deliveries = {"system", DELIVERIES, system_name, delivery_columns,
                                         COUNT_OF(delivery_columns)};

static const column_t latency_columns[] = {
    {"p50, µs", "", "_p50_us", 1, false},
    {"p90", "", "_p90_us", 1, false},
    {"p99", "", P99, 1, false},
    {"p99, least … most", "", P99, 1, true},
    {"p99.9", "", "_p99_9_us", 1, false},
    {"p99: ours / it", "p99_to_", "", 1, false},
    {"cores: publisher", "", "_cores_publisher", 1, false},
    {"server", "", "_cores_server", 1, false},
    {"subscribers", "", "_cores_subscribers", 1, false},
};
static const keyed_table_t latencies = {"system", P99, system_name, latency_columns,
                                        COUNT_OF(latency_columns)};

#define RATE "_rate_at_p99"
static const column_t rate_columns[] = {
    {"events/s within the p99 asked for", "", RATE, 1, false},
    {"least … most", "", RATE, 1, true},
};
static const keyed_table_t rates = {"system", RATE, system_name, rate_columns,
                                    COUNT_OF(rate_columns)};

#define POINT "scale_"
#define MODEL "scale_model"

/* "scale_subs_64" -> "subs 64", in bold where it is the base: that is 1 to itself, in every run. */
static bool point_name(const figures_source_t *source, const char *key, char *out, size_t size)
{
    char ratio[NAME_MAX_BYTES];
    if (strncmp(key, MODEL, strlen(MODEL)) == 0 || strncmp(key, POINT, strlen(POINT)) != 0)
        return false;
    snprintf(ratio, sizeof ratio, "%s_ratio_to_base", key);
    figures_spread_t to_base = figures_spread(source, ratio);
    bool base = to_base.min == 1 && to_base.max == 1;
    snprintf(out, size, "%s%s%s", base ? "**" : "", key + strlen(POINT), base ? "**" : "");
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '_' ? ' ' : *at;
    return true;
}

static const column_t point_columns[] = {
    {"events/s", "", "_events_per_s", 1, false},
    {"deliveries/s", "", DELIVERIES, 1, false},
    {"least … most", "", DELIVERIES, 1, true},
    {"to the base", "", "_ratio_to_base", 1, false},
    {"CPU s a million: all", "", "_cpu_s_per_million", 1, false},
    {"broker", "", "_broker_cpu_s_per_million", 1, false},
    {"events a batch", "", "_events_per_batch", 1, false},
    {"cores busy: sequencer", "", "_sequencer_cores", 1, false},
    {"feed", "", "_feed_cores", 1, false},
    {"journal", "", "_journal_cores", 1, false},
};
static const keyed_table_t points = {"point", DELIVERIES, point_name, point_columns,
                                     COUNT_OF(point_columns)};

/* -- a table whose rows are figures --------------------------------------------------------- */

typedef struct line {
    const char *figure, *what, *unit;
} line_t;

static const line_t memory_lines[] = {
    {"scale_memory_rest_mib", "a broker with nothing to do", "MiB"},
    {"scale_memory_subscriber_kib", "one more quiet subscriber", "KiB"},
    {"scale_memory_topic_kib", "one more topic", "KiB"},
    {"scale_memory_id_bytes_least", "an id remembered, before the table doubles", "bytes"},
    {"scale_memory_id_bytes_most", "an id remembered, after it has", "bytes"},
};

static const line_t model_lines[] = {
    {"scale_model_wire_deliveries_per_s", "the wire, 10 GbE", "deliveries/s"},
    {"scale_model_feed_deliveries_per_s", "one core for the feed's thread", "deliveries/s"},
    {"scale_model_event_sequencer_us", "CPU of the sequencer for an event", "µs"},
    {"scale_model_delivery_sequencer_us", "and to hand it to one subscriber", "µs"},
    {"scale_model_deliveries_per_s", "the lowest, with ever more subscribers", "deliveries/s"},
    {"scale_model_knee_subs", "the knee: with fewer the sequencer is the limit", "subscribers"},
    {"scale_model_8_events_per_s", "to each of 8 subscribers", "events/s"},
    {"scale_model_64_events_per_s", "to each of 64", "events/s"},
    {"scale_model_1000_events_per_s", "to each of 1,000", "events/s"},
};

static void put_line(sl_buf_t *out, const char *what, const figures_spread_t *value,
                     const char *unit)
{
    begin_row(out, what);
    cell_unit(out, value->median, unit);
    cell_spread(out, value, 1);
    end_row(out);
}

static void put_lines(sl_buf_t *out, const figures_source_t *source, const char *title,
                      const line_t *lines, size_t count)
{
    sl_buf_printf(out, "#### %s\n\n", title);
    begin_table(out, "what|median|least … most");
    for (size_t i = 0; i < count; i++) {
        figures_spread_t value = figures_spread(source, lines[i].figure);
        put_line(out, lines[i].what, &value, lines[i].unit);
    }
    end_table(out);
}

static void put_all_figures(sl_buf_t *out, const figures_source_t *source)
{
    begin_table(out, "figure|median|least … most");
    for (const cJSON *member = source->json->child; member != NULL; member = member->next) {
        if (!figures_is_figure(source, member))
            continue;
        figures_spread_t value = figures_spread(source, member->string);
        put_line(out, member->string, &value, "");
    }
    end_table(out);
}

/* -- budgets -------------------------------------------------------------------------------- */

static const char *reached(const budget_t *budget, double value)
{
    switch (budgets_state(budget, value)) {
    case BUDGET_AIM:
        return "aim";
    case BUDGET_FLOOR:
        return isnan(budget->floor) ? ABSENT : "floor";
    case BUDGET_UNDER:
        return "under";
    case BUDGET_UNKNOWN:
        break;
    }
    return ABSENT;
}

static void cell_command(const markdown_t *md, const char *source)
{
    char command[SOURCES_TEXT_MAX], text[SOURCES_TEXT_MAX + 2] = "";
    if (sources_command(md->plan, source, command))
        snprintf(text, sizeof text, "`%s`", command);
    cell(md->out, text);
}

static void put_budget(const markdown_t *md, const budget_t *budget)
{
    figures_spread_t value = budgets_value(budget, md->figures);
    char mark[NUMBERS_TEXT_MAX];
    begin_row(md->out, budget->what);
    cell_unit(md->out, value.median, budget->unit);
    cell_spread(md->out, &value, 1);
    budgets_mark(budget, budget->floor, mark, sizeof mark);
    cell(md->out, mark);
    budgets_mark(budget, budget->aim, mark, sizeof mark);
    cell(md->out, mark);
    cell(md->out, reached(budget, value.median));
    cell_command(md, budget->source);
    cell_number(md->out, isnan(value.median) ? NAN : budgets_runs(budget, md->figures));
    end_row(md->out);
}

static void put_budgets(const markdown_t *md)
{
    sl_buf_append_str(md->out, "## Budgets\n\n");
    begin_table(md->out, "what|measured, median|least … most|floor|aim|reached|command|runs");
    for (size_t i = 0; i < budgets_count; i++)
        put_budget(md, &budgets[i]);
    end_table(md->out);
}

/* -- sources -------------------------------------------------------------------------------- */

static void tell_missing(void *ctx, const char *name)
{
    const markdown_t *md = ctx;
    sl_buf_printf(md->out, "`%s` %s: `./run bench %s --only %s`\n\n", name,
                  sources_has_failed(md->dir, name) ? "failed, its log says why"
                                                    : "was not measured",
                  md->plan->suite, name);
}

/* What is measured; what makes it, of how many runs and which commit it is. */
static void put_head(const markdown_t *md, const figures_source_t *source)
{
    char text[SOURCES_TEXT_MAX];
    sources_title(source, text);
    sl_buf_printf(md->out, "### %s", source->name);
    if (strcmp(text, source->name) != 0) {
        sl_buf_append_str(md->out, ": ");
        put_text(md->out, text);
    }
    sl_buf_append_str(md->out, "\n\n");
    if (sources_command(md->plan, source->name, text))
        sl_buf_printf(md->out, "`%s`: ", text);
    sources_runs(source, text);
    put_text(md->out, text[0] != '\0' ? text : "runs not told");
    const char *commit = figures_text(source, "commit");
    if (commit[0] != '\0') {
        sl_buf_append_str(md->out, ", commit ");
        put_text(md->out, commit);
    }
    sl_buf_append_str(md->out, ".\n\n");
}

static void put_deliveries(sl_buf_t *out, const figures_source_t *source)
{
    figures_spread_t limit = sources_loopback(source);
    put_keyed(out, source, &deliveries);
    if (!isnan(figures_spread(source, "loopback_gb_per_s").median)) {
        begin_row(out, SOURCES_LOOPBACK_NAME);
        cell_number(out, limit.median * 1e-6);
        cell_spread(out, &limit, 1e-6);
        cell_number(out, figures_spread(source, "loopback_gb_per_s").median);
        cell_number(out, figures_spread(source, "loopback_ratio").median);
        for (size_t i = 0; i < 4; i++) /* its CPU is not looked at */
            cell(out, ABSENT);
        end_row(out);
    }
    end_table(out);
}

/* What was searched has rates and no percentiles. */
static void put_latency(sl_buf_t *out, const figures_source_t *source)
{
    bool searched = !isnan(figures_number(source, "p99_limit_ms"));
    put_keyed(out, source, searched ? &rates : &latencies);
    end_table(out);
}

static void put_scale(sl_buf_t *out, const figures_source_t *source)
{
    put_keyed(out, source, &points);
    end_table(out);
    put_lines(out, source, "Memory of the broker", memory_lines, COUNT_OF(memory_lines));
    put_lines(out, source, "One host with 10 GbE, on paper", model_lines, COUNT_OF(model_lines));
}

typedef void put_source_fn(sl_buf_t *out, const figures_source_t *source);

static const struct {
    const char *title, *bench; /* no title: it belongs to the section before */
    put_source_fn *put;
} sections[] = {
    {"Deliveries", "peers", put_deliveries}, {"Latency", "latency", put_latency},
    {"Scale", "scale", put_scale},           {"Others", "fanout", put_all_figures},
    {NULL, "journal", put_all_figures},      {NULL, "ingest", put_all_figures},
    {NULL, "slow", put_all_figures},
};

/* -- the whole ------------------------------------------------------------------------------ */

/* The machine of the first source that tells it. */
static void put_machine(const markdown_t *md)
{
    for (size_t i = 0; i < md->figures->count; i++) {
        const figures_source_t *source = &md->figures->items[i];
        if (source->json == NULL || isnan(figures_number(source, "cores")))
            continue;
        sl_buf_printf(md->out, "%.0f cores, ", figures_number(source, "cores"));
        put_text(md->out, figures_text(source, "processor"));
        sl_buf_append_str(md->out, ", Linux ");
        put_text(md->out, figures_text(source, "kernel"));
        sl_buf_append_str(md->out, "; everything on one machine, over loopback.\n\n");
        return;
    }
}

void markdown_write(sl_buf_t *out, const figures_t *figures, const report_plan_t *plan,
                    const char *dir)
{
    markdown_t md = {out, figures, plan, dir};
    put_machine(&md);
    if (plan->remark != NULL)
        sl_buf_printf(out, "%s\n\n", plan->remark);
    put_budgets(&md);
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        const figures_source_t *sources[SOURCES_MAX];
        if (sections[i].title != NULL)
            sl_buf_printf(out, "## %s\n\n", sections[i].title);
        size_t count = sources_of(figures, plan, sections[i].bench, tell_missing, &md, sources);
        for (size_t j = 0; j < count; j++) {
            put_head(&md, sources[j]);
            sections[i].put(out, sources[j]);
        }
    }
}

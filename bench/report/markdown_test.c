#include "markdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOG_PATH_MAX = 128 };

static const struct {
    const char *source, *facts;
} facts[] = {
    {"ingest", "{\"bench\":\"ingest\",\"runs\":2}"},
    {"latency-os", "{\"bench\":\"latency\",\"rate\":1000,\"subs\":1,\"runs\":3}"},
    {"latency-rate", "{\"bench\":\"latency\",\"p99_limit_ms\":2,\"subs\":8,\"runs\":3}"},
    {"peers-64", "{\"bench\":\"peers\",\"subs\":64,\"event_bytes\":320,\"runs\":5,\"cores\":2,"
                 "\"commit\":\"0123456789ab\",\"processor\":\"A|B <C>\",\"kernel\":\"6.1\"}"},
    {"scale", "{\"bench\":\"scale\",\"runs\":1}"},
};
enum { SOURCES = sizeof facts / sizeof facts[0] };

static const struct {
    const char *source, *name;
    double median, min, max; /* no min: all runs alike */
} samples[] = {
    {"ingest", "events_per_s", 107118, 106983, 107252},
    {"ingest", "cpu_us_per_event", 20},
    {"latency-os", "sluice_p50_us", 60.5},
    {"latency-os", "sluice_p90_us", 90.5},
    {"latency-os", "sluice_p99_us", 150, 140, 1160},
    {"latency-os", "sluice_p99_9_us", 300},
    {"latency-os", "sluice_cores_publisher", 0.01},
    {"latency-os", "sluice_cores_server", 0.02},
    {"latency-os", "sluice_cores_subscribers", 0.03},
    {"latency-os", "proxy_p99_us", 120},
    {"latency-rate", "proxy_rate_at_p99", 61000, 59000, 64000},
    {"latency-os", "p99_to_proxy", 1.25},
    {"peers-64", "nats_ratio", 3.9, 3.7, 4.1},
    {"peers-64", "sluice_deliveries_per_s", 7183557, 6950000, 7440000},
    {"peers-64", "sluice_gb_per_s", 2.3},
    {"peers-64", "sluice_cpu_s_per_million", 0.254},
    {"peers-64", "sluice_cpu_s_publishers", 0.025},
    {"peers-64", "sluice_cpu_s_server", 0.125},
    {"peers-64", "sluice_cpu_s_subscribers", 0.104},
    {"peers-64", "nats_lean_packed_deliveries_per_s", 1.5e6},
    {"peers-64", "nats_lean_packed_ratio", 4.79},
    {"peers-64", "loopback_gb_per_s", 4.01, 3.3, 4.7},
    {"peers-64", "loopback_ratio", 0.575},
    {"scale", "scale_subs_1_deliveries_per_s", 1e6},
    {"scale", "scale_subs_1_ratio_to_base", 0.25},
    {"scale", "scale_subs_64_events_per_s", 62500},
    {"scale", "scale_subs_64_deliveries_per_s", 4e6},
    {"scale", "scale_subs_64_ratio_to_base", 1},
    {"scale", "scale_subs_64_cpu_s_per_million", 0.25},
    {"scale", "scale_subs_64_broker_cpu_s_per_million", 0.125},
    {"scale", "scale_subs_64_events_per_batch", 426},
    {"scale", "scale_subs_64_sequencer_cores", 0.11},
    {"scale", "scale_subs_64_feed_cores", 0.22},
    {"scale", "scale_subs_64_journal_cores", 0.33},
    {"scale", "scale_memory_subscriber_kib", 18.5},
    {"scale", "scale_model_deliveries_per_s", 3630000},
    {"scale", "scale_model_knee_subs", 5},
};

static const report_row_t rows[] = {{"peers-64", "peers --runs 5"},
                                    {"latency-os", "latency --runs 3"},
                                    {"latency-20k", "latency --rate 20000"},
                                    {"latency-memory", "latency --durability memory"},
                                    {"latency-rate", "latency --find-rate"},
                                    {"scale", "scale"},
                                    {"ingest", "ingest --runs 2"}};
static const report_plan_t plan = {
    .suite = "all", .rows = rows, .count = sizeof rows / sizeof rows[0]};

static void add_number(cJSON *json, const char *name, const char *end, double value)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s%s", name, end);
    cJSON_AddNumberToObject(json, whole, value);
}

static void fill(figures_source_t *source, size_t index)
{
    strcpy(source->name, facts[index].source);
    source->json = cJSON_Parse(facts[index].facts);
    assert_non_null(source->json);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        if (strcmp(samples[i].source, source->name) != 0)
            continue;
        bool alike = samples[i].min == 0;
        add_number(source->json, samples[i].name, "", samples[i].median);
        add_number(source->json, samples[i].name, "_min",
                   alike ? samples[i].median : samples[i].min);
        add_number(source->json, samples[i].name, "_max",
                   alike ? samples[i].median : samples[i].max);
    }
}

/* As a bench leaves it that failed: a log, and no figures. */
static void leave_log(const char *dir, char path[LOG_PATH_MAX])
{
    snprintf(path, LOG_PATH_MAX, "%s/latency-memory.log", dir);
    FILE *log = fopen(path, "we");
    assert_non_null(log);
    fclose(log);
}

static int setup(void **state)
{
    sl_buf_t out = SL_BUF_INIT;
    char dir[] = "/tmp/sluice-markdown-XXXXXX", log[LOG_PATH_MAX];
    assert_non_null(mkdtemp(dir));
    leave_log(dir, log);
    figures_source_t items[SOURCES];
    for (size_t i = 0; i < SOURCES; i++)
        fill(&items[i], i);
    markdown_write(&out, &(figures_t){items, SOURCES}, &plan, dir);
    remove(log);
    remove(dir);
    sl_buf_append_byte(&out, '\0');
    assert_false(out.failed);
    for (size_t i = 0; i < SOURCES; i++)
        cJSON_Delete(items[i].json);
    size_t len;
    *state = sl_buf_take(&out, &len);
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Is it a line of its own? */
static void expect_line(const char *text, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("there is no line\n%s\nin\n%s", line, text);
}

static void a_budget_tells_what_was_measured_how_and_how_far_it_is_reached(void **state)
{
    expect_line(*state, "| what | measured, median | least … most | floor | aim | reached | "
                        "command | runs |");
    expect_line(*state, "| 64 subscribers, against nats-server | 3.90 × | 3.70 … 4.10 | ≥ 3 | ≥ 6 "
                        "| floor | `./run bench peers --runs 5` | 5 |");
    expect_line(*state, "| bridge, a full queue | 107,118 events/s | 106,983 … 107,252 | ≥ 50,000 "
                        "| ≥ 100,000 | aim | `./run bench ingest --runs 2` | 2 |");
}

static void what_was_not_measured_is_a_dash(void **state)
{
    expect_line(*state, "| … against redis pub/sub | - | - | ≥ 2 | ≥ 4 | - | `./run bench peers "
                        "--runs 5` | - |");
    expect_line(*state, "| memory for 10 stopped of 100 | - | - | ≤ 64 | ≤ 32 | - | - | - |");
    expect_line(*state, "`latency-20k` was not measured: `./run bench all --only latency-20k`");
}

static void what_failed_is_not_said_to_be_unmeasured(void **state)
{
    expect_line(*state, "`latency-memory` failed, its log says why: `./run bench all --only "
                        "latency-memory`");
}

static void a_figure_is_held_against_floor_and_aim_whichever_way_is_better(void **state)
{
    expect_line(*state, "| bridge, CPU an event | 20 µs | - | ≤ 12 | ≤ 6 | under | `./run bench "
                        "ingest --runs 2` | 2 |");
    expect_line(*state, "| p99 at 1,000/s, os, XPUB proxy | 1.25 × | - | ≤ 1.5 | ≤ 1.2 | floor | "
                        "`./run bench latency --runs 3` | 3 |");
}

static void each_system_has_its_deliveries_and_cpu_and_loopback_stands_below(void **state)
{
    expect_line(*state, "### peers-64: 64 subscribers, 320 bytes");
    expect_line(*state, "`./run bench peers --runs 5`: medians of 5 runs, commit 0123456789ab.");
    expect_line(*state, "| sluice | 7.18 | 6.95 … 7.44 | 2.30 | - | 0.254 | 0.025 | 0.125 | 0.104 "
                        "|");
    expect_line(*state, "| nats-lean-packed | 1.50 | - | - | 4.79 | - | - | - | - |");
    expect_line(*state,
                "| bare loopback TCP | 12.5 | 10.3 … 14.7 | 4.01 | 0.575 | - | - | - | - |");
}

static void latency_has_percentiles_ratio_and_cores(void **state)
{
    expect_line(*state, "| sluice | 60.5 | 90.5 | 150 | 140 … 1,160 | 300 | - | 0.010 | 0.020 | "
                        "0.030 |");
    expect_line(*state, "| proxy | - | - | 120 | - | - | 1.25 | - | - | - |");
}

static void searched_rates_are_a_table_of_their_own(void **state)
{
    expect_line(*state, "| system | events/s within the p99 asked for | least … most |");
    expect_line(*state, "| proxy | 61,000 | 59,000 … 64,000 |");
}

static void a_point_of_scale_is_a_row_the_base_is_bold_and_the_model_is_none(void **state)
{
    const char *text = *state;
    expect_line(text, "| subs 1 | - | 1,000,000 | - | 0.250 | - | - | - | - | - | - |");
    expect_line(text, "| **subs 64** | 62,500 | 4,000,000 | - | 1 | 0.250 | 0.125 | 426 | 0.110 | "
                      "0.220 | 0.330 |");
    assert_null(strstr(text, "| model |"));
    expect_line(text, "| one more quiet subscriber | 18.5 KiB | - |");
    expect_line(text, "| one more topic | - | - |");
    expect_line(text, "| the lowest, with ever more subscribers | 3,630,000 deliveries/s | - |");
}

static size_t cells(const char *line, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    return count;
}

static void every_row_has_as_many_cells_as_its_heading(void **state)
{
    size_t heading = 0, tables = 0;
    for (const char *line = *state; *line != '\0';) {
        size_t len = strcspn(line, "\n"), count = line[0] == '|' ? cells(line, len) : 0;
        if (heading > 0 && count > 0)
            assert_int_equal(count, heading);
        tables += heading == 0 && count > 0;
        heading = count;
        line += len + (line[len] == '\n');
    }
    assert_int_equal(tables, 8); /* budgets, deliveries, latency, rates, points, memory, model,
                                    ingest */
}

static void a_text_ends_no_cell_and_begins_no_element(void **state)
{
    assert_ptr_equal(strstr(*state, "2 cores, A\\|B &lt;C>, Linux 6.1;"), *state);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_budget_tells_what_was_measured_how_and_how_far_it_is_reached),
        CASE(what_was_not_measured_is_a_dash),
        CASE(what_failed_is_not_said_to_be_unmeasured),
        CASE(a_figure_is_held_against_floor_and_aim_whichever_way_is_better),
        CASE(each_system_has_its_deliveries_and_cpu_and_loopback_stands_below),
        CASE(latency_has_percentiles_ratio_and_cores),
        CASE(searched_rates_are_a_table_of_their_own),
        CASE(a_point_of_scale_is_a_row_the_base_is_bold_and_the_model_is_none),
        CASE(every_row_has_as_many_cells_as_its_heading),
        CASE(a_text_ends_no_cell_and_begins_no_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

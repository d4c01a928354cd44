#include "sources.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static figures_source_t source_of(const char *name, const char *json)
{
    figures_source_t source = {.json = cJSON_Parse(json)};
    assert_non_null(source.json);
    strcpy(source.name, name);
    return source;
}

static void expect_title(const char *json, const char *title)
{
    figures_source_t source = source_of("peers-8", json);
    char text[SOURCES_TEXT_MAX];
    sources_title(&source, text);
    assert_string_equal(text, title);
    cJSON_Delete(source.json);
}

static void a_title_is_the_settings_as_a_person_says_them(void **state)
{
    (void)state;
    expect_title("{}", "peers-8");
    expect_title("{\"subs\":1,\"publishers\":1,\"event_bytes\":320,\"transport\":\"tcp\"}",
                 "1 subscriber, 320 bytes, tcp");
    expect_title("{\"rate\":20000,\"subs\":8,\"durability\":\"os\"}",
                 "20,000 events/s, 8 subscribers, durability os");
}

static void events_published_one_by_one_are_not_said_to_be_sent_alone(void **state)
{
    (void)state;
    expect_title("{\"subs\":8,\"publishing\":\"single\"}",
                 "8 subscribers, events published one by one (ours gathers them under load)");
    expect_title("{\"subs\":8,\"publishing\":\"batches\"}", "8 subscribers");
}

static void expect_runs(const char *json, const char *runs)
{
    figures_source_t source = source_of("fanout", json);
    char text[SOURCES_TEXT_MAX];
    sources_runs(&source, text);
    assert_string_equal(text, runs);
    cJSON_Delete(source.json);
}

static void one_run_has_no_median(void **state)
{
    (void)state;
    expect_runs("{\"runs\":1}", "1 run");
    expect_runs("{\"runs\":5}", "medians of 5 runs");
    expect_runs("{}", "");
}

static void loopback_is_told_in_deliveries_of_the_sources_size(void **state)
{
    (void)state;
    figures_source_t source = source_of(
        "peers-8", "{\"event_bytes\":400,\"loopback_gb_per_s\":2,\"loopback_gb_per_s_min\":1,"
                   "\"loopback_gb_per_s_max\":4}");
    figures_spread_t limit = sources_loopback(&source);
    assert_float_equal(limit.median, 5e6, 1);
    assert_float_equal(limit.min, 2.5e6, 1);
    assert_float_equal(limit.max, 10e6, 1);
    cJSON_Delete(source.json);
    source = source_of("peers-8", "{\"event_bytes\":400}");
    assert_true(isnan(sources_loopback(&source).median));
    cJSON_Delete(source.json);
}

static void note(void *ctx, const char *name)
{
    strcat(ctx, name);
    strcat(ctx, " ");
}

static void sources_come_in_the_plans_order_and_then_those_it_does_not_know(void **state)
{
    (void)state;
    figures_source_t items[] = {source_of("a-guest", "{\"bench\":\"peers\"}"),
                                source_of("ingest", "{\"bench\":\"ingest\"}"),
                                source_of("peers-1", "{\"bench\":\"peers\"}"),
                                source_of("peers-8", "{\"bench\":\"peers\"}")};
    const figures_t figures = {items, 4};
    const report_row_t rows[] = {{"peers-8", "peers --subs 8"},
                                 {"peers-64", "peers"},
                                 {"peers-1", "peers --subs 1"},
                                 {"other", "peers2 --subs 1"}};
    const report_plan_t plan = {.suite = "all", .rows = rows, .count = 4};
    const figures_source_t *sources[SOURCES_MAX];
    char missing[64] = "", command[SOURCES_TEXT_MAX];
    assert_int_equal(sources_of(&figures, &plan, "peers", note, missing, sources), 3);
    assert_string_equal(sources[0]->name, "peers-8");
    assert_string_equal(sources[1]->name, "peers-1");
    assert_string_equal(sources[2]->name, "a-guest");
    assert_string_equal(missing, "peers-64 ");
    assert_int_equal(sources_of(&figures, &plan, "peers", NULL, NULL, sources), 3);
    assert_true(sources_command(&plan, "peers-8", command));
    assert_string_equal(command, "./run bench peers --subs 8");
    assert_false(sources_command(&plan, "a-guest", command));
    for (size_t i = 0; i < 4; i++)
        cJSON_Delete(items[i].json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_title_is_the_settings_as_a_person_says_them),
        cmocka_unit_test(events_published_one_by_one_are_not_said_to_be_sent_alone),
        cmocka_unit_test(one_run_has_no_median),
        cmocka_unit_test(loopback_is_told_in_deliveries_of_the_sources_size),
        cmocka_unit_test(sources_come_in_the_plans_order_and_then_those_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

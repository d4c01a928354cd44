#include "sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS_MAX = 8 };

/* Sources of `peers`, each of facts that are given as JSON without its braces. */
typedef struct sample {
    figures_source_t items[POINTS_MAX];
    const figures_source_t *sources[POINTS_MAX], *sweep[POINTS_MAX];
    size_t count, points;
} sample_t;

static void add(sample_t *sample, const char *facts)
{
    char json[256];
    snprintf(json, sizeof json, "{%s}", facts);
    figures_source_t *item = &sample->items[sample->count];
    *item = (figures_source_t){.json = cJSON_Parse(json)};
    assert_non_null(item->json);
    sample->sources[sample->count++] = item;
    sample->points = sweep_of(sample->sources, sample->count, sample->sweep);
}

static void fini(sample_t *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        cJSON_Delete(sample->items[i].json);
}

#define ALIKE "\"processes\":1,\"window_events\":16384,\"seconds\":2,\"runs\":5"

static void a_line_is_of_sources_that_differ_in_subscribers_by_their_number(void **state)
{
    (void)state;
    sample_t sample = {0};
    add(&sample, "\"subs\":64,\"durability\":\"os\"");
    add(&sample, "\"subs\":8,\"durability\":\"memory\"");
    add(&sample, "\"subs\":1,\"durability\":\"os\"");
    add(&sample, "\"subs\":8,\"durability\":\"os\",\"publishing\":\"single\"");
    add(&sample, "\"subs\":8,\"durability\":\"os\",\"batch_bytes\":1024");
    assert_int_equal(sample.points, 2);
    assert_ptr_equal(sample.sweep[0], &sample.items[2]);
    assert_ptr_equal(sample.sweep[1], &sample.items[0]);
    fini(&sample);
}

static void what_the_harness_did_alike_is_not_told(void **state)
{
    (void)state;
    sample_t sample = {0};
    char text[SWEEP_TEXT_MAX];
    add(&sample, "\"subs\":1," ALIKE);
    add(&sample, "\"subs\":1," ALIKE);
    sweep_differences(sample.sweep, sample.points, text);
    assert_string_equal(text, "");
    sweep_runs(sample.sweep, sample.points, text);
    assert_string_equal(text, "5");
    fini(&sample);
}

static void subscribers_that_share_a_process_are_told_from_where_they_do(void **state)
{
    (void)state;
    sample_t sample = {0};
    char text[SWEEP_TEXT_MAX];
    add(&sample, "\"subs\":256,\"processes\":64");
    add(&sample, "\"subs\":1,\"processes\":1");
    add(&sample, "\"subs\":64,\"processes\":64");
    sweep_differences(sample.sweep, sample.points, text);
    assert_string_equal(text, "subscribers a process 1, from 256 subscribers on 4");
    fini(&sample);
}

static void packs_of_another_size_are_told_and_part_no_line(void **state)
{
    (void)state;
    sample_t sample = {0};
    char text[SWEEP_TEXT_MAX];
    add(&sample, "\"subs\":8,\"pack_bytes\":0");
    add(&sample, "\"subs\":64,\"pack_bytes\":1024");
    sweep_differences(sample.sweep, sample.points, text);
    assert_string_equal(text, "bytes of a pack (0: 60 KiB) 0, from 64 subscribers on 1,024");
    fini(&sample);
}

static void each_thing_that_differs_is_told_at_every_change(void **state)
{
    (void)state;
    sample_t sample = {0};
    char text[SWEEP_TEXT_MAX];
    add(&sample, "\"subs\":1,\"window_events\":16384,\"seconds\":2,\"runs\":5");
    add(&sample, "\"subs\":8,\"window_events\":16384,\"seconds\":1,\"runs\":1");
    add(&sample, "\"subs\":64,\"window_events\":4096,\"seconds\":2,\"runs\":5");
    sweep_differences(sample.sweep, sample.points, text);
    assert_string_equal(text, "events of window 16,384, from 64 subscribers on 4,096; "
                              "seconds measured 2, from 8 subscribers on 1, from 64 subscribers "
                              "on 2");
    sweep_runs(sample.sweep, sample.points, text);
    assert_string_equal(text, "5, from 8 subscribers on 1, from 64 subscribers on 5");
    fini(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_of_sources_that_differ_in_subscribers_by_their_number),
        cmocka_unit_test(what_the_harness_did_alike_is_not_told),
        cmocka_unit_test(subscribers_that_share_a_process_are_told_from_where_they_do),
        cmocka_unit_test(packs_of_another_size_are_told_and_part_no_line),
        cmocka_unit_test(each_thing_that_differs_is_told_at_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "result.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RATE, COST };
static const figure_def_t defs[] = {
    [RATE] = {"events_per_s", "1/s", "events", 0, BOUND_FLOOR, 3000000},
    [COST] = {"cpu_us", "µs", "cost", 2, BOUND_CEILING, 12},
};

static void put_runs(result_t *result, const double *rates, const double *costs, size_t runs)
{
    assert_int_equal(result_init(result, "sample", defs, 2), SL_OK);
    for (size_t i = 0; i < runs; i++) {
        result_put(result, RATE, rates[i]);
        result_put(result, COST, costs[i]);
        result_end_run(result);
    }
}

static void bounds_hold_for_the_medians(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){1, 3000000, 4000000}, (double[]){12, 90, 3}, 3);
    assert_true(result_bounds_met(&result));
    result_fini(&result);
}

static void a_missed_floor_and_a_missed_ceiling_are_told(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){2999999}, (double[]){1}, 1);
    assert_false(result_bounds_met(&result));
    result_fini(&result);
    put_runs(&result, (double[]){3000000}, (double[]){12.5}, 1);
    assert_false(result_bounds_met(&result));
    result.checked = false; /* other options than those the bounds are meant for */
    assert_true(result_bounds_met(&result));
    result_fini(&result);
}

static void the_table_groups_thousands_and_names_the_bound(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){1234567}, (double[]){6.25}, 1);
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print(&result, out);
    fclose(out);
    assert_non_null(strstr(text, "1,234,567"));
    assert_non_null(strstr(text, "floor 3,000,000: MISSED"));
    assert_non_null(strstr(text, "6.25"));
    assert_non_null(strstr(text, "ceiling 12.00: met"));
    result_fini(&result);
}

static cJSON *read_json(const char *path)
{
    char text[4096] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return cJSON_Parse(text);
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

/* As it is written to a file. */
static cJSON *as_written(const result_t *result)
{
    char path[] = "/tmp/sluice-result-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(result_write_json(result, path), SL_OK);
    cJSON *object = read_json(path);
    unlink(path);
    return object;
}

static void the_json_is_one_flat_object_of_medians_and_facts(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){5, 7, 6}, (double[]){1, 1, 1}, 3);
    result_fact_number(&result, "subs", 64);
    cJSON *object = as_written(&result);
    assert_float_equal(number(object, "events_per_s"), 6, 1e-9);
    assert_float_equal(number(object, "events_per_s_min"), 5, 1e-9);
    assert_float_equal(number(object, "events_per_s_max"), 7, 1e-9);
    assert_float_equal(number(object, "subs"), 64, 1e-9);
    assert_float_equal(number(object, "runs"), 3, 1e-9);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(object, "bounds_met")));
    cJSON_Delete(object);
    result_fini(&result);
}

static void the_json_tells_what_each_run_gave_in_their_order(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){5, NAN, 6}, (double[]){NAN, NAN, NAN}, 3);
    cJSON *object = as_written(&result);
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(object, "events_per_s_runs");
    assert_int_equal(cJSON_GetArraySize(runs), 3);
    assert_float_equal(cJSON_GetArrayItem(runs, 0)->valuedouble, 5, 1e-9);
    assert_true(cJSON_IsNull(cJSON_GetArrayItem(runs, 1))); /* it did not take it */
    assert_float_equal(cJSON_GetArrayItem(runs, 2)->valuedouble, 6, 1e-9);
    assert_null(cJSON_GetObjectItemCaseSensitive(object, "cpu_us_runs"));
    cJSON_Delete(object);
    result_fini(&result);
}

static void the_head_says_in_a_line_what_it_was_measured_on(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){5}, (double[]){1}, 1);
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print_head(&result, out); /* it knows nothing of the machine yet */
    result_fact_text(&result, "processor", "Sample CPU");
    result_fact_number(&result, "cores", 2);
    result_fact_number(&result, "ram_mib", 7936);
    result_fact_text(&result, "data_file_system", "ext4");
    result_fact_number(&result, "steal_share", 0.025);
    result_print_head(&result, out);
    fclose(out);
    assert_string_equal(text, "sample: 1 run\n"
                              "sample: 1 run\n"
                              "  Sample CPU × 2, 7,936 MiB, data on ext4, stolen 2.50 %\n");
    result_fini(&result);
}

static void a_figure_counts_the_runs_that_took_it_and_is_not_shown_when_none_did(void **state)
{
    (void)state;
    result_t result;
    assert_int_equal(result_init(&result, "sample", defs, 2), SL_OK);
    result_put(&result, RATE, 4000000);
    result_end_run(&result);
    result_end_run(&result);
    assert_float_equal(result_median(&result, RATE), 4000000, 1e-9);
    assert_true(result_bounds_met(&result));
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print(&result, out);
    fclose(out);
    assert_non_null(strstr(text, "4,000,000"));
    assert_null(strstr(text, "cpu_us"));
    result_fini(&result);
}

static void figures_that_only_a_run_knows_are_kept_by_their_names(void **state)
{
    (void)state;
    result_t result;
    assert_int_equal(result_init(&result, "sample", defs, 2), SL_OK);
    for (int run = 0; run < 3; run++) {
        for (int i = 0; i < 20; i++) {
            char name[32], help[32];
            snprintf(name, sizeof name, "system_%d_per_s", i);
            snprintf(help, sizeof help, "of system %d", i);
            result_put_named(&result, &(figure_def_t){name, "1/s", help, 0}, 100 * i + run);
        }
        if (run > 0) /* not in the first run */
            result_put_named(&result, &(figure_def_t){"late", "", "", 0, BOUND_FLOOR, 9}, run);
        result_put(&result, RATE, 3000000 + run);
        result_end_run(&result);
    }
    assert_int_equal(result.count, 2 + 20 + 1);
    assert_float_equal(result_median(&result, result_find(&result, "system_7_per_s")), 701, 1e-9);
    assert_float_equal(result_median(&result, result_find(&result, "late")), 1.5, 1e-9);
    assert_float_equal(result_median(&result, RATE), 3000001, 1e-9);
    assert_int_equal(result_find(&result, "nothing"), result.count);
    assert_false(result_bounds_met(&result)); /* of "late" */
    result_fini(&result);
}

/* How far into its line a text stands. */
static size_t column(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    assert_non_null(at);
    const char *line = at;
    while (line > text && line[-1] != '\n')
        line--;
    return (size_t)(at - line);
}

static void values_stand_below_each_other_however_long_a_name_is(void **state)
{
    (void)state;
    static const figure_def_t long_one = {"a_name_that_has_more_than_thirty_letters", "s", "", 0};
    result_t result;
    assert_int_equal(result_init(&result, "sample", defs, 2), SL_OK);
    result_put(&result, RATE, 4000001);
    result_put_named(&result, &long_one, 7000001);
    result_end_run(&result);
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print(&result, out);
    fclose(out);
    assert_int_equal(column(text, "4,000,001"), column(text, "7,000,001"));
    out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print_bounds(&result, out);
    fclose(out);
    assert_int_equal(column(text, "4,000,001"), 2 + 30 + 1 + 14 - strlen("4,000,001"));
    assert_null(strstr(text, "thirty"));
    result_fini(&result);
}

static void a_note_is_printed_once(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){1}, (double[]){1}, 1);
    result_note(&result, "redis %s", "7.0.15");
    result_note(&result, "redis %s", "7.0.15");
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    result_print(&result, out);
    fclose(out);
    const char *note = strstr(text, "redis 7.0.15");
    assert_non_null(note);
    assert_null(strstr(note + 1, "redis 7.0.15"));
    result_fini(&result);
}

static void a_json_file_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    result_t result;
    put_runs(&result, (double[]){5}, (double[]){1}, 1);
    assert_int_equal(result_write_json(&result, "/nonexistent/figures.json"), SL_EIO);
    result_fini(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold_for_the_medians),
        cmocka_unit_test(a_missed_floor_and_a_missed_ceiling_are_told),
        cmocka_unit_test(the_table_groups_thousands_and_names_the_bound),
        cmocka_unit_test(the_json_is_one_flat_object_of_medians_and_facts),
        cmocka_unit_test(the_json_tells_what_each_run_gave_in_their_order),
        cmocka_unit_test(the_head_says_in_a_line_what_it_was_measured_on),
        cmocka_unit_test(a_figure_counts_the_runs_that_took_it_and_is_not_shown_when_none_did),
        cmocka_unit_test(figures_that_only_a_run_knows_are_kept_by_their_names),
        cmocka_unit_test(values_stand_below_each_other_however_long_a_name_is),
        cmocka_unit_test(a_note_is_printed_once),
        cmocka_unit_test(a_json_file_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

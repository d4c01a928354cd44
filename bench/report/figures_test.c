#include "figures.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct folder {
    char path[64];
    figures_t figures;
} folder_t;

static const struct {
    const char *name, *text;
} files[] = {
    {"peers-8.json", "{\"bench\":\"peers\",\"subs\":8,\"runs\":3,"
                     "\"nats_lean_ratio\":2.5,\"nats_lean_ratio_min\":2,\"nats_lean_ratio_max\":3,"
                     "\"nats_ratio\":4,\"nats_ratio_min\":3,\"nats_ratio_max\":5,"
                     "\"odd_ratio\":1}"},
    {"ingest.json", "{\"bench\":\"ingest\"}"},
    {"broken.json", "{\"bench\":"},
    {"list.json", "[1,2]"},
    {"empty.json", ""},
    {"report.json", "{\"bench\":\"none\"}"},
    {"notes.txt", "{\"bench\":\"none\"}"},
};

static void file_path(const folder_t *folder, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", folder->path, name);
}

static int setup(void **state)
{
    folder_t *folder = calloc(1, sizeof *folder);
    assert_non_null(folder);
    strcpy(folder->path, "/tmp/sluice-figures-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[256];
        file_path(folder, files[i].name, path, sizeof path);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(files[i].text, file);
        fclose(file);
    }
    assert_int_equal(figures_read(&folder->figures, folder->path), SL_OK);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    folder_t *folder = *state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[256];
        file_path(folder, files[i].name, path, sizeof path);
        unlink(path);
    }
    rmdir(folder->path);
    figures_fini(&folder->figures);
    free(folder);
    return 0;
}

static void every_json_file_is_a_source_but_the_report_itself(void **state)
{
    const folder_t *folder = *state;
    const figures_t *figures = &folder->figures;
    assert_int_equal(figures->count, 5);
    assert_string_equal(figures->items[0].name, "broken");
    assert_string_equal(figures->items[4].name, "peers-8");
    assert_string_equal(figures_bench(figures_find(figures, "peers-8")), "peers");
    assert_null(figures_find(figures, "report"));
    assert_null(figures_find(figures, "notes"));
}

static void a_file_that_holds_no_object_is_no_source_but_is_listed(void **state)
{
    const folder_t *folder = *state;
    assert_null(figures_find(&folder->figures, "broken"));
    assert_null(figures_find(&folder->figures, "list"));
    assert_null(figures_find(&folder->figures, "empty"));
    assert_null(folder->figures.items[0].json);
}

static void a_figure_has_a_least_and_a_most_and_a_fact_has_not(void **state)
{
    const folder_t *folder = *state;
    const figures_source_t *source = figures_find(&folder->figures, "peers-8");
    figures_spread_t spread = figures_spread(source, "nats_ratio");
    assert_float_equal(spread.median, 4, 1e-9);
    assert_float_equal(spread.min, 3, 1e-9);
    assert_float_equal(spread.max, 5, 1e-9);
    assert_true(isnan(figures_spread(source, "odd_ratio").median));
    assert_float_equal(figures_number(source, "subs"), 8, 1e-9);
    assert_true(isnan(figures_number(source, "bench")));
    assert_true(isnan(figures_number(source, "nothing")));
    assert_string_equal(figures_text(source, "subs"), "");
}

static void prefixes_are_those_of_figures_in_the_files_order(void **state)
{
    const folder_t *folder = *state;
    char names[4][FIGURES_NAME_MAX];
    const figures_source_t *source = figures_find(&folder->figures, "peers-8");
    assert_int_equal(figures_prefixes(source, "_ratio", names, 4), 2);
    assert_string_equal(names[0], "nats_lean");
    assert_string_equal(names[1], "nats");
    assert_int_equal(figures_prefixes(source, "_ratio", names, 1), 1);
    assert_int_equal(figures_prefixes(source, "_p99_us", names, 4), 0);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    figures_t figures;
    assert_int_equal(figures_read(&figures, "/nonexistent/bench"), SL_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_json_file_is_a_source_but_the_report_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_holds_no_object_is_no_source_but_is_listed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_figure_has_a_least_and_a_most_and_a_fact_has_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(prefixes_are_those_of_figures_in_the_files_order, setup,
                                        teardown),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

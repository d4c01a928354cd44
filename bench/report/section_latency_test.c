#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cJSON *source_of_bench(void)
{
    cJSON *json = cJSON_CreateObject();
    assert_non_null(json);
    cJSON_AddStringToObject(json, "bench", "latency");
    cJSON_AddNumberToObject(json, "subs", 8);
    return json;
}

static void add_figure(cJSON *json, const char *name, double value)
{
    static const char *const edges[] = {"", "_min", "_max"};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s%s", name, edges[i]);
        cJSON_AddNumberToObject(json, key, value);
    }
}

/* The section of one source, which ends with it; the caller frees it. */
static char *section_of(cJSON *json)
{
    figures_source_t source = {.name = "latency-x", .json = json};
    const figures_t figures = {.items = &source, .count = 1};
    const report_plan_t plan = {.suite = "all"};
    page_t page = {.out = SL_BUF_INIT, .figures = &figures, .plan = &plan, .dir = "/nonexistent"};
    section_latency(&page);
    sl_buf_append_byte(&page.out, '\0');
    assert_false(page.out.failed);
    char *text = strdup((const char *)page.out.data);
    assert_non_null(text);
    sl_buf_fini(&page.out);
    cJSON_Delete(json);
    return text;
}

static void searched_rates_are_a_bar_each_and_no_table_of_percentiles(void **state)
{
    (void)state;
    cJSON *json = source_of_bench();
    cJSON_AddNumberToObject(json, "p99_limit_ms", 0.5);
    add_figure(json, "sluice_rate_at_p99", 52000);
    add_figure(json, "proxy_rate_at_p99", 61000);
    char *page = section_of(json);
    assert_non_null(strstr(page, "The highest rate at which p99 stays below 0.5 ms, nothing lost"));
    const char *proxy = strstr(page, "<title>proxy: 61,000</title>");
    const char *sluice = strstr(page, "<title>sluice: 52,000</title>");
    assert_true(proxy != NULL && sluice != NULL && proxy < sluice); /* the longest first */
    assert_null(strstr(page, "values a run"));
    free(page);
}

static void who_was_timed_has_a_row_even_without_percentiles(void **state)
{
    (void)state;
    cJSON *json = source_of_bench();
    add_figure(json, "sluice_samples", 15);
    add_figure(json, "sluice_max_us", 4321);
    add_figure(json, "sluice_late_ms", 0.125);
    char *page = section_of(json);
    assert_null(strstr(page, "The highest rate"));
    assert_non_null(strstr(page, "values a run"));
    assert_non_null(strstr(page,
                           "<tr><th>sluice</th><td>15</td><td>–</td><td>–</td><td>–</td>"
                           "<td>–</td><td>–</td><td>4,321</td><td>–</td><td>0.125</td></tr>"));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searched_rates_are_a_bar_each_and_no_table_of_percentiles),
        cmocka_unit_test(who_was_timed_has_a_row_even_without_percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

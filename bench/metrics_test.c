#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char page[] = "HTTP/1.1 200 OK\r\n\r\n"
                           "# HELP sluice_bridge_deleted_total deleted\n"
                           "# TYPE sluice_bridge_deleted_total counter\n"
                           "sluice_bridge_deleted_total{queue=\"a b\"} 40\n"
                           "sluice_bridge_deleted_total{queue=\"c\"} 2\n"
                           "sluice_bridge_deleted_totals 1000\n"
                           "sluice_bridge_sources 3";

static void samples_of_all_labels_are_summed(void **state)
{
    (void)state;
    assert_float_equal(metrics_sum(page, "sluice_bridge_deleted_total"), 42, 1e-9);
}

static void a_sample_without_labels_and_without_line_end_counts(void **state)
{
    (void)state;
    assert_float_equal(metrics_sum(page, "sluice_bridge_sources"), 3, 1e-9);
}

static void a_name_that_only_begins_alike_does_not_count(void **state)
{
    (void)state;
    assert_float_equal(metrics_sum(page, "sluice_bridge_deleted"), 0, 1e-9);
    assert_float_equal(metrics_sum("", "sluice_bridge_deleted"), 0, 1e-9);
}

static void an_address_that_is_none_is_refused(void **state)
{
    (void)state;
    sl_buf_t text = SL_BUF_INIT;
    assert_int_equal(metrics_fetch(&text, "tcp://127.0.0.1:80"), SL_EINVAL);
    assert_int_equal(metrics_fetch(&text, "http://127.0.0.1:0"), SL_EINVAL);
    assert_int_equal(metrics_fetch(&text, "http://127.0.0.1:99999"), SL_EINVAL);
    sl_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_all_labels_are_summed),
        cmocka_unit_test(a_sample_without_labels_and_without_line_end_counts),
        cmocka_unit_test(a_name_that_only_begins_alike_does_not_count),
        cmocka_unit_test(an_address_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

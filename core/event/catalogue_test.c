#include "event/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static event_kind_t find(const char *category, const char *event)
{
    return event_catalogue_find(category, strlen(category), event, strlen(event));
}

static void the_catalogue_has_three_cluster_and_sixteen_job_events(void **state)
{
    (void)state;
    unsigned clusters = 0;
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
        clusters += strcmp(event_catalogue[kind].category, "Cluster") == 0;
    assert_int_equal(clusters, 3);
    assert_int_equal(EVENT_KIND_COUNT, 19);
}

static void every_row_finds_itself(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
        assert_int_equal(find(event_catalogue[kind].category, event_catalogue[kind].event), kind);
}

static void an_event_of_the_other_category_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(find("Cluster", "OnJobFailed"), EVENT_KIND_COUNT);
    assert_int_equal(find("Job", "OnClusterDeleted"), EVENT_KIND_COUNT);
    assert_int_equal(find("Job", "OnJobFaileD"), EVENT_KIND_COUNT);
    assert_int_equal(find("Job", "OnJobFailedTwice"), EVENT_KIND_COUNT);
    assert_int_equal(find("", ""), EVENT_KIND_COUNT);
}

static void every_row_lists_category_first_and_event_among_its_fields(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        const char *const *fields = event_catalogue[kind].fields;
        bool has_event = false;
        assert_string_equal(fields[0], "Category");
        for (; *fields != NULL; fields++)
            has_event = has_event || strcmp(*fields, "Event") == 0;
        assert_true(has_event);
    }
}

static void types_go_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        field_type_t type;
    } cases[] = {
        {"RetryCount", FIELD_INT},
        {"Progress", FIELD_INT},
        {"ExitCode", FIELD_INT},
        {"From", FIELD_INT},
        {"To", FIELD_INT},
        {"CreationTime", FIELD_TIME},
        {"StartTime", FIELD_TIME},
        {"EndTime", FIELD_TIME},
        {"Time", FIELD_TIME},
        {"UnknownTime", FIELD_TIME},
        {"time", FIELD_VERBATIM},
        {"Timeout", FIELD_VERBATIM},
        {"Runtime", FIELD_VERBATIM},
        {"InstanceId", FIELD_VERBATIM},
        {"from", FIELD_VERBATIM},
        {"Tom", FIELD_VERBATIM},
        {"ErrorCode", FIELD_VERBATIM},
        {"ProgressX", FIELD_VERBATIM},
        {"RetryCounts", FIELD_VERBATIM},
        {"", FIELD_VERBATIM},
        {"ime", FIELD_VERBATIM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(event_field_type(cases[i].name, strlen(cases[i].name)), cases[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_has_three_cluster_and_sixteen_job_events),
        cmocka_unit_test(every_row_finds_itself),
        cmocka_unit_test(an_event_of_the_other_category_is_not_found),
        cmocka_unit_test(every_row_lists_category_first_and_event_among_its_fields),
        cmocka_unit_test(types_go_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

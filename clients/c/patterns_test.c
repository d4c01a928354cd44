#include "patterns.h"
#include "testing.h"

/* The prefixes subscribed to, each followed by a space. */
static void expect_prefixes(const char *const *list, const char *want)
{
    patterns_t patterns;
    char got[256] = "";
    size_t at = 0, len;
    const char *prefix;
    assert_int_equal(patterns_init(&patterns, list), SL_OK);
    while ((prefix = patterns_next_prefix(&patterns, &at, &len)) != NULL) {
        strncat(got, prefix, len);
        strcat(got, " ");
    }
    assert_string_equal(got, want);
    patterns_fini(&patterns);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void prefixes_are_the_tightest(void **state)
{
    (void)state;
    expect_prefixes(LIST("Job.OnJobFailed", "Cluster.On*Active"), "Cluster.On Job.OnJobFailed ");
    expect_prefixes(LIST("*.On*Failed"), " ");
    expect_prefixes(NULL, " ");
}

static void prefix_within_another_is_not_subscribed_to(void **state)
{
    (void)state;
    expect_prefixes(LIST("Job.OnTask*", "Job.", "Job.OnJobFailed", "Jobs.A"), "Job. Jobs.A ");
    expect_prefixes(LIST("Job.", "Job.", "Job."), "Job. ");
    expect_prefixes(LIST("Job.A", "", "$dead."), " ");
    expect_prefixes(LIST("Job.AB", "Job.A", "Job.B"), "Job.A Job.B ");
}

static void any_of_the_patterns_may_match(void **state)
{
    (void)state;
    patterns_t patterns;
    assert_int_equal(patterns_init(&patterns, LIST("Job.A", "*.B*", "$dead.")), SL_OK);
    assert_true(patterns_match(&patterns, "Job.A", 5));
    assert_true(patterns_match(&patterns, "X.Bee", 5));
    assert_true(patterns_match(&patterns, "$dead.JSON", 10));
    assert_false(patterns_match(&patterns, "Job.AA", 6));
    assert_false(patterns_match(&patterns, "$tick", 5));
    patterns_fini(&patterns);
}

static void malformed_pattern_and_empty_list_are_refused(void **state)
{
    (void)state;
    patterns_t patterns;
    assert_int_equal(patterns_init(&patterns, LIST("Job.", "Job")), SL_EINVAL);
    assert_int_equal(patterns_init(&patterns, (const char *const[]){NULL}), SL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_the_tightest),
        cmocka_unit_test(prefix_within_another_is_not_subscribed_to),
        cmocka_unit_test(any_of_the_patterns_may_match),
        cmocka_unit_test(malformed_pattern_and_empty_list_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "testing.h"
#include "topics.h"

#include <stdio.h>

static topics_t topics;

static topic_t *add(unsigned n)
{
    char name[32];
    int len = snprintf(name, sizeof name, "Job.OnEvent%u", n);
    return topics_add(&topics, name, (size_t)len);
}

static int close_topics(void **state)
{
    (void)state;
    topics_fini(&topics);
    return 0;
}

static void topics_finds_what_was_added(void **state)
{
    (void)state;
    assert_int_equal(topics_init(&topics, 10), SL_OK);
    assert_null(topics_find(&topics, "Job.OnJobFailed", 15));
    topic_t *topic = topics_add(&topics, "Job.OnJobFailed", 15);
    assert_non_null(topic);
    assert_ptr_equal(topics_find(&topics, "Job.OnJobFailed", 15), topic);
    assert_ptr_equal(topics_add(&topics, "Job.OnJobFailed", 15), topic);
    assert_null(topics_find(&topics, "Job.OnJobFaile", 14));
    assert_int_equal(topics.count, 1);
}

static void topics_refuses_more_than_its_maximum_and_keeps_the_others(void **state)
{
    (void)state;
    assert_int_equal(topics_init(&topics, WIRE_TOPICS_PER_STREAM), SL_OK);
    static topic_t *all[WIRE_TOPICS_PER_STREAM];
    unsigned most = topics_ordinary(WIRE_TOPICS_PER_STREAM);
    for (unsigned n = 0; n < most; n++)
        assert_non_null(all[n] = add(n));
    assert_null(add(most));
    for (unsigned n = 0; n < most; n++)
        assert_ptr_equal(add(n), all[n]);
}

static void topics_keeps_room_for_dead_letters(void **state)
{
    (void)state;
    assert_int_equal(topics_init(&topics, WIRE_TOPICS_PER_STREAM), SL_OK);
    for (unsigned n = 0; n < topics_ordinary(WIRE_TOPICS_PER_STREAM); n++)
        assert_non_null(add(n));
    char name[32];
    for (unsigned n = 0; n < 32; n++) {
        int len = snprintf(name, sizeof name, "$dead.R%u", n);
        assert_non_null(topics_add(&topics, name, (size_t)len));
    }
    assert_null(topics_add(&topics, "$dead.More", 10));
}

static void topics_takes_names_of_the_longest_kind(void **state)
{
    (void)state;
    char name[WIRE_TOPIC_MAX];
    memset(name, 'x', sizeof name);
    name[WIRE_TOKEN_MAX] = '.';
    assert_int_equal(topics_init(&topics, 1), SL_OK);
    topic_t *topic = topics_add(&topics, name, sizeof name);
    assert_non_null(topic);
    assert_int_equal(topic->len, sizeof name);
    assert_memory_equal(topic->name, name, sizeof name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(topics_finds_what_was_added, close_topics),
        cmocka_unit_test_teardown(topics_refuses_more_than_its_maximum_and_keeps_the_others,
                                  close_topics),
        cmocka_unit_test_teardown(topics_keeps_room_for_dead_letters, close_topics),
        cmocka_unit_test_teardown(topics_takes_names_of_the_longest_kind, close_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

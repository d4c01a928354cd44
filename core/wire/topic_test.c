#include "wire/topic.h"

#include "testing.h"

/* `len` times the same byte, then `tail`. */
static const char *long_name(char *room, char byte, size_t len, const char *tail)
{
    memset(room, byte, len);
    strcpy(room + len, tail);
    return room;
}

static void topic_is_two_tokens_or_a_dead_letter(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        bool valid;
    } rows[] = {
        {"Job.OnJobFailed", true},
        {"a.b", true},
        {"A-1_.x", true},
        {"$dead.JSON", true},
        {"$dead.", false},
        {"$dead", false},
        {"$tick", false},
        {"$tick.x", false},
        {"$Job.OnJobFailed", false},
        {"~sync.0123456789abcdef", false},
        {"", false},
        {"Job", false},
        {"Job.", false},
        {".OnJobFailed", false},
        {"Job.On.Failed", false},
        {"Job.On Failed", false},
        {"Job.On*Failed", false},
        {"J\xc3\xb6"
         "b.x",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(wire_topic_valid(rows[i].topic, strlen(rows[i].topic)), rows[i].valid);
    assert_false(wire_topic_valid("Job.On\0Failed", 13));
}

static void token_ends_at_64_bytes(void **state)
{
    (void)state;
    char name[200];
    assert_true(wire_token_valid(long_name(name, 'a', 64, ""), 64));
    assert_false(wire_token_valid(long_name(name, 'a', 65, ""), 65));
    assert_false(wire_token_valid("", 0));
    assert_true(wire_topic_valid(long_name(name, 'a', 64, ".b"), 66));
    assert_false(wire_topic_valid(long_name(name, 'a', 65, ".b"), 67));
}

static void sync_topic_is_sixteen_lower_hex_digits(void **state)
{
    (void)state;
    assert_true(wire_is_sync_topic("~sync.0123456789abcdef", 22));
    assert_false(wire_is_sync_topic("~sync.0123456789ABCDEF", 22));
    assert_false(wire_is_sync_topic("~sync.0123456789abcde", 21));
    assert_false(wire_is_sync_topic("~sync.0123456789abcdef0", 23));
    assert_false(wire_is_sync_topic("~sink.0123456789abcdef", 22));
}

static void pattern_that_can_match_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "Job.",
                                       "Job.OnJobFailed",
                                       "*.On*Failed",
                                       "*.*",
                                       "Job.OnTask*",
                                       "$dead.",
                                       "$dead.*",
                                       "*.",
                                       "**.a",
                                       "$*.*"};
    static const char *const bad[] = {"Job",   "*",       "$",    ".",     "$.",
                                      ".x",    "a.b.c",   "a..b", "Job .", "~sync.*",
                                      "Job.$", "$$dead.", "Jöb.x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(wire_pattern_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(wire_pattern_valid(bad[i], strlen(bad[i])));
    char name[300];
    assert_true(wire_pattern_valid(long_name(name, '*', 255, "."), 256));
    assert_false(wire_pattern_valid(long_name(name, '*', 256, "."), 257));
}

static void prefix_stops_at_the_first_star(void **state)
{
    (void)state;
    assert_int_equal(wire_pattern_prefix("", 0), 0);
    assert_int_equal(wire_pattern_prefix("Job.", 4), 4);
    assert_int_equal(wire_pattern_prefix("Job.OnTask*", 11), 10);
    assert_int_equal(wire_pattern_prefix("*.On*Failed", 11), 0);
    assert_int_equal(wire_pattern_prefix("Job.OnJobFailed", 15), 15);
}

static const struct {
    const char *pattern, *topic;
    bool match;
} matches[] = {
    {"", "Job.OnJobFailed", true},
    {"", "$dead.JSON", false},
    {"", "$tick", false},
    {"", "~sync.0123456789abcdef", false},
    {"Job.", "Job.OnJobFailed", true},
    {"Job.", "Jobs.OnJobFailed", false},
    {"Job.", "Cluster.OnClusterDeleted", false},
    {"Job.OnJobFailed", "Job.OnJobFailed", true},
    {"Job.OnJobFailed", "Job.OnJobFailedTwice", false},
    {"Job.OnJobFailedTwice", "Job.OnJobFailed", false},
    {"*.On*Failed", "Job.OnJobFailed", true},
    {"*.On*Failed", "Job.OnTaskFailed", true},
    {"*.On*Failed", "Job.OnFailed", true},
    {"*.On*Failed", "Job.OnJobFailedTwice", false},
    {"*.On*Failed", "Job.OnJobFinished", false},
    {"*.On*Failed", "$dead.OnJobFailed", false},
    {"Job.OnTask*", "Job.OnTask", true},
    {"Job.OnTask*", "Job.OnTaskRunning", true},
    {"Job.OnTask*", "Job.OnJobRunning", false},
    {"J*.*d", "Job.OnJobFailed", true},
    {"J*", "Job.OnJobFailed", false},
    {"*a*a*.x", "banana.x", true},
    {"*a*a*a*a*.x", "banana.x", false},
    {"*.", "Job.OnJobFailed", true},
    {"J*.", "Cluster.OnJob", false},
    {"**.**", "a.b", true},
    {"*.*", "~sync.0123456789abcdef", false},
    {"$dead.", "$dead.JSON", true},
    {"$dead.J*", "$dead.JSON", true},
    {"$dead.J*", "$dead.Depth", false},
    {"$dead.", "Job.OnJobFailed", false},
    {"$*.*", "$dead.JSON", true},
};

static void pattern_matches_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        const char *pattern = matches[i].pattern, *topic = matches[i].topic;
        if (wire_pattern_match(pattern, strlen(pattern), topic, strlen(topic)) != matches[i].match)
            fail_msg("pattern \"%s\", topic \"%s\"", pattern, topic);
    }
}

static void matched_topic_always_has_the_patterns_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        const char *pattern = matches[i].pattern;
        size_t prefix = wire_pattern_prefix(pattern, strlen(pattern));
        if (matches[i].match)
            assert_memory_equal(matches[i].topic, pattern, prefix);
    }
}

/* The plain definition: a star is any run of bytes without a dot. */
static bool slow_match(const char *pattern, const char *topic)
{
    if (*pattern == '*')
        return slow_match(pattern + 1, topic) ||
               (*topic != '\0' && *topic != '.' && slow_match(pattern, topic + 1));
    if (*pattern == '\0' || *topic == '\0')
        return *pattern == *topic;
    return *pattern == *topic && slow_match(pattern + 1, topic + 1);
}

static void glob_agrees_with_its_plain_definition(void **state)
{
    (void)state;
    uint64_t seed = 7;
    static const char letters[] = "ab*.";
    for (int round = 0; round < 200000; round++) {
        char pattern[9], topic[9];
        size_t pattern_len = 1 + test_random(&seed) % 8, topic_len = test_random(&seed) % 8;
        for (size_t i = 0; i < pattern_len; i++)
            pattern[i] = letters[test_random(&seed) % 4];
        for (size_t i = 0; i < topic_len; i++)
            topic[i] = "ab."[test_random(&seed) % 3];
        pattern[pattern_len] = topic[topic_len] = '\0';
        if (pattern[pattern_len - 1] == '.')
            continue; /* a prefix, not a glob */
        assert_int_equal(wire_pattern_match(pattern, pattern_len, topic, topic_len),
                         slow_match(pattern, topic));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_is_two_tokens_or_a_dead_letter),
        cmocka_unit_test(token_ends_at_64_bytes),
        cmocka_unit_test(sync_topic_is_sixteen_lower_hex_digits),
        cmocka_unit_test(pattern_that_can_match_nothing_is_refused),
        cmocka_unit_test(prefix_stops_at_the_first_star),
        cmocka_unit_test(pattern_matches_as_the_table_says),
        cmocka_unit_test(matched_topic_always_has_the_patterns_prefix),
        cmocka_unit_test(glob_agrees_with_its_plain_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

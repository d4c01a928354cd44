/* The journal on disk in good times: what was committed is read again, retention takes the oldest.
 */
#include "store_fixture.h"

#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- commit and read -------------------------------------------------------------------------- */

static void new_journal_is_empty_and_begins_at_one(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(f->found.next, 1);
    assert_int_equal(f->found.oldest, 1);
    assert_int_equal(f->found.records, 0);
    assert_int_equal(f->found.parent_count, 0);
    assert_true(f->found.new_stream);
    assert_int_not_equal(f->found.stream, 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "");
}

static bool check_same(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    size_t *seen = ctx;
    assert_null(hole);
    record_t expected = test_record(0, r->first, r->count, *seen % 2 == 0 ? "a" : "b", r->body_len);
    assert_true(test_same(r, &expected));
    ++*seen;
    return true;
}

static void what_was_committed_is_read_byte_by_byte(void **state)
{
    fixture_t *f = *state;
    const size_t sizes[] = {0, 1, 300, 1900, 2100, 5000, 190000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(fixture_commit(f, 4, 10, sizes[i]), SL_OK);
    size_t seen = 0;
    uint64_t upto;
    assert_int_equal(store_read(f->s, 0, UINT64_MAX, SIZE_MAX, check_same, &seen, &upto), SL_OK);
    assert_int_equal(seen, 4 * ARRAY_LEN(sizes));
    assert_int_equal(upto, f->next - 1);
}

static void read_begins_with_the_batch_that_holds_the_number(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 5, 10, 100), SL_OK);
    assert_string_equal(test_line(f->s, 0, 20, 1), "1-10 11-20");
    assert_string_equal(test_line(f->s, 10, 20, 1), "11-20");
    assert_string_equal(test_line(f->s, 9, 20, 1), "1-10 11-20");
    assert_string_equal(test_line(f->s, 15, 21, 1), "11-20 21-30");
    assert_string_equal(test_line(f->s, 49, UINT64_MAX, 1), "41-50");
    assert_string_equal(test_line(f->s, 50, UINT64_MAX, 1), "");
    assert_string_equal(test_line(f->s, 5000, UINT64_MAX, 1), "");
}

static bool stop_at_once(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)r;
    (void)hole;
    ++*(int *)ctx;
    return false;
}

static void read_ends_when_the_visitor_says_so_or_bytes_are_shown(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 5, 10, 100), SL_OK);
    int visits = 0;
    uint64_t upto;
    assert_int_equal(store_read(f->s, 0, 50, SIZE_MAX, stop_at_once, &visits, &upto), SL_OK);
    assert_int_equal(visits, 1);
    assert_int_equal(upto, 10);
    size_t seen = 0;
    assert_int_equal(store_read(f->s, 0, 50, 1, check_same, &seen, &upto), SL_OK);
    assert_int_equal(seen, 1);
    assert_int_equal(upto, 10);
}

static void numbers_that_do_not_follow_are_refused(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 1, 10, 100), SL_OK);
    f->next = 12;
    assert_int_equal(fixture_commit(f, 1, 10, 100), SL_EINVAL);
    f->next = 10;
    assert_int_equal(fixture_commit(f, 1, 10, 100), SL_EINVAL);
    f->next = 11;
    assert_int_equal(fixture_commit(f, 1, 10, 100), SL_OK);
}

/* -- across a restart ------------------------------------------------------------------------- */

static void collect_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    assert_int_equal(len, 1);
    ((uint64_t *)ctx)[topic[0] - 'a'] = last;
}

static void tails_are_there_after_a_restart(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    fixture_reopen(f, true);
    uint64_t tails[2] = {0, 0};
    assert_int_equal(store_tails(f->s, collect_tail, tails), SL_OK);
    assert_int_equal(tails[0], 30);
    assert_int_equal(tails[1], 20);
}

static void numbering_goes_on_after_a_restart(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    uint64_t stream = f->found.stream;
    fixture_reopen(f, true);
    assert_true(f->found.was_clean);
    assert_false(f->found.new_stream);
    assert_int_equal(f->found.stream, stream);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.last_time_ns, 21000);
    assert_int_equal(f->found.records, 3);
    assert_int_equal(f->found.events, 30);
    assert_int_equal(fixture_commit(f, 1, 1, 100), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20 21-30 31-31");
}

typedef struct ids_seen {
    uint64_t first, last, records;
} ids_seen_t;

static void see_ids(void *ctx, const record_t *r)
{
    ids_seen_t *seen = ctx;
    if (seen->records++ == 0)
        seen->first = r->first;
    else
        assert_int_equal(r->first, seen->last + 1);
    seen->last = record_last(r);
    assert_non_null(r->ids);
}

static void ids_come_from_the_newest_records_oldest_first(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_commit(f, TEST_SLOTS, 10, 100), SL_OK);
    ids_seen_t seen = {0};
    assert_int_equal(store_ids(f->s, 25, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 3);
    assert_int_equal(seen.last, f->next - 1);
    seen = (ids_seen_t){0};
    assert_int_equal(store_ids(f->s, UINT64_MAX, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 3 * TEST_SLOTS);
    assert_int_equal(seen.first, 1);
    seen = (ids_seen_t){0};
    assert_int_equal(store_ids(f->s, 0, see_ids, &seen), SL_OK);
    assert_int_equal(seen.records, 0);
}

/* -- retention, find, stat -------------------------------------------------------------------- */

static void retention_by_bytes_takes_the_oldest(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 1 << 20;
    fixture_reopen(f, true);
    for (int i = 0; i < 30; i++)
        assert_int_equal(fixture_commit(f, 10, 10, 10000), SL_OK);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_in_range(stat.bytes, 900 << 10, 1 << 20);
    assert_true(stat.oldest > 1);
    char hole[64];
    snprintf(hole, sizeof hole, "[1-%" PRIu64 " retention]", stat.oldest - 1);
    assert_string_equal(test_line(f->s, 0, stat.oldest - 1, 1), hole);
    fixture_reopen(f, true);
    assert_int_equal(f->found.lost_events, 0);
    assert_int_equal(f->found.oldest, stat.oldest);
    assert_int_equal(f->found.records, stat.records);
    assert_int_equal(f->found.bytes, stat.bytes);
}

static void retention_by_age_takes_what_is_too_old_even_when_nothing_comes(void **state)
{
    fixture_t *f = *state;
    f->o.retain_age_ms = 1000;
    fixture_reopen(f, true);
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK); /* at 1, 11 and 21 µs */
    f->clock.wall_ns = 11000 + 1000999999;
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-10 retention] 11-20 21-30");
    f->clock.wall_ns += 1000000000;
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-30 retention]");
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_int_equal(stat.oldest, 31);
    assert_int_equal(stat.next, 31);
    fixture_reopen(f, true);
    assert_int_equal(f->found.next, 31);
    assert_int_equal(f->found.lost_events, 0);
    assert_int_equal(fixture_commit(f, 1, 1, 100), SL_OK);
}

static uint64_t found_after(fixture_t *f, uint64_t since_ns)
{
    uint64_t after = UINT64_MAX;
    assert_int_equal(store_find(f->s, since_ns, &after), SL_OK);
    return after;
}

static void find_answers_where_a_time_begins(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(found_after(f, 0), 0);
    assert_int_equal(found_after(f, 5), 0);
    assert_int_equal(fixture_commit(f, TEST_SLOTS, 10, 100), SL_OK); /* first * 1000 ns */
    for (uint64_t first = 1; first < f->next; first += 10) {
        assert_int_equal(found_after(f, first * 1000), first - 1);
        assert_int_equal(found_after(f, first * 1000 + 1),
                         first + 10 < f->next ? first + 9 : f->next - 1);
    }
    assert_int_equal(found_after(f, 0), 0);
    assert_int_equal(found_after(f, UINT64_MAX), f->next - 1);
}

static void find_never_answers_below_the_oldest(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 256 << 10;
    fixture_reopen(f, true);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fixture_commit(f, 10, 10, 10000), SL_OK);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_int_equal(found_after(f, 0), stat.oldest - 1);
    assert_int_equal(found_after(f, stat.oldest_time_ns), stat.oldest - 1);
    assert_int_equal(found_after(f, stat.newest_time_ns + 1), stat.next - 1);
}

/* -- who may open ----------------------------------------------------------------------------- */

static void second_writer_is_refused(void **state)
{
    fixture_t *f = *state;
    store_t *second = NULL;
    const char *failed = NULL;
    assert_int_equal(store_open(&second, &f->o, NULL, &failed), SL_EEXIST);
    assert_null(second);
    assert_string_equal(failed, "another process has this journal");
}

static void directory_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    store_t *s = NULL;
    const char *failed = NULL;
    store_options_t o = {.dir = "/proc/nowhere/journal"};
    assert_int_equal(store_open(&s, &o, NULL, &failed), SL_EIO);
    assert_non_null(failed);
    o.read_only = true;
    assert_int_equal(store_open(&s, &o, NULL, &failed), SL_ENOENT);
}

/* In a process of its own: LMDB forbids one process to open a file twice. */
static void reader_beside_the_writer_sees_what_is_committed(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(fixture_commit(f, 3, 10, 100), SL_OK);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        store_t *s = NULL;
        store_options_t o = f->o;
        o.read_only = true;
        if (store_open(&s, &o, NULL, NULL) != SL_OK)
            _exit(1);
        record_t r = test_record(0, 31, 1, "a", 1);
        bool refused = store_commit(s, &r, 1) == SL_EINVAL;
        bool same = strcmp(test_line(s, 0, UINT64_MAX, 1), "1-10 11-20 21-30") == 0;
        store_close(&s, true);
        _exit(refused && same ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fixture_commit(f, 1, 1, 1), SL_OK);
}

/* -- topics ----------------------------------------------------------------------------------- */

static void count_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    (void)len;
    (void)last;
    char seen[2] = {topic[0], '\0'};
    strcat(ctx, seen);
}

static const char *tails(fixture_t *f)
{
    static char seen[27];
    seen[0] = '\0';
    assert_int_equal(store_tails(f->s, count_tail, seen), SL_OK);
    return seen;
}

static void topics_of_which_nothing_is_kept_are_dropped_when_they_run_out(void **state)
{
    fixture_t *f = *state;
    uint64_t stream = f->found.stream;
    f->o.retain_bytes = 16384; /* three records or so */
    f->o.topics_max = 8;
    fixture_reopen(f, true);
    for (const char *topic = "abcdef"; *topic != '\0'; topic++) {
        char name[2] = {*topic, '\0'};
        record_t r = test_record(0, f->next, 1, name, 4200);
        assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
        f->next++;
    }
    fixture_reopen(f, true); /* three quarters, and no more */
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(tails(f), "abcdef");
    record_t r = test_record(0, f->next, 1, "g", 4200);
    assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
    fixture_reopen(f, true);
    assert_int_not_equal(f->found.stream, stream);
    assert_int_equal(f->found.parents[0].stream, stream);
    assert_int_equal(f->found.parents[0].last, 7);
    const char *kept = "abcdefg" + f->found.oldest - 1;
    assert_true(f->found.oldest > 2 && *kept != '\0');
    assert_string_equal(tails(f), kept);
    stream = f->found.stream;
    fixture_reopen(f, false);
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(tails(f), kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_journal_is_empty_and_begins_at_one),
        TEST(what_was_committed_is_read_byte_by_byte),
        TEST(read_begins_with_the_batch_that_holds_the_number),
        TEST(read_ends_when_the_visitor_says_so_or_bytes_are_shown),
        TEST(numbers_that_do_not_follow_are_refused),
        TEST(tails_are_there_after_a_restart),
        TEST(numbering_goes_on_after_a_restart),
        TEST(ids_come_from_the_newest_records_oldest_first),
        TEST(retention_by_bytes_takes_the_oldest),
        TEST(retention_by_age_takes_what_is_too_old_even_when_nothing_comes),
        TEST(find_answers_where_a_time_begins),
        TEST(find_never_answers_below_the_oldest),
        TEST(topics_of_which_nothing_is_kept_are_dropped_when_they_run_out),
        TEST(second_writer_is_refused),
        TEST(directory_that_cannot_be_made_is_an_error),
        TEST(reader_beside_the_writer_sees_what_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

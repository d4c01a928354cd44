/* Retention turns the journal over, twenty times, under readers that stand still: the file stays
 * within its bound, no commit fails, and who asks for what is gone is told so exactly. */
#include "testing.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RETAIN_BYTES = 2 << 20,
    MAP_BYTES = 4 * RETAIN_BYTES,
    TURNS = 20,
    GROUP = 8,
    EVENTS = 10, /* in a record */
};

typedef struct fixture {
    char *dir;
    store_t *s;
    store_options_t o;
    uint64_t next, seed;
    uint64_t position; /* of a reader that never comes on */
} fixture_t;

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    store_found_t found;
    f->dir = test_dir_make();
    f->seed = 42;
    f->o = (store_options_t){.dir = f->dir, .retain_bytes = RETAIN_BYTES, .map_bytes = MAP_BYTES};
    assert_int_equal(store_open(&f->s, &f->o, &found, NULL), SL_OK);
    f->next = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    test_dir_remove(f->dir);
    free(f);
    return 0;
}

/* Sizes of every kind: in leaves, in one page, in many. */
static size_t some_size(uint64_t *seed)
{
    static const size_t most[] = {300, 3000, 40000, 150000};
    return test_random(seed) % most[test_random(seed) % ARRAY_LEN(most)];
}

/* Commits until as much was written as retention keeps, and a little more. */
static void turn_over(fixture_t *f)
{
    for (size_t bytes = 0; bytes < RETAIN_BYTES + RETAIN_BYTES / 8;) {
        record_t group[GROUP];
        for (int i = 0; i < GROUP; i++) {
            group[i] = test_record(i, f->next, EVENTS, "a", some_size(&f->seed));
            f->next += EVENTS;
            bytes += record_size(&group[i]);
        }
        assert_int_equal(store_commit(f->s, group, GROUP), SL_OK);
    }
    assert_int_equal(store_housekeep(f->s), SL_OK);
}

typedef struct shown {
    uint64_t upto, retention, damage, served;
} shown_t;

static bool check_shown(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    shown_t *v = ctx;
    uint64_t from = r != NULL ? r->first : hole->from, to = r != NULL ? record_last(r) : hole->to;
    assert_true(r != NULL ? from <= v->upto + 1 : from == v->upto + 1);
    *(r != NULL ? &v->served : hole->damage ? &v->damage : &v->retention) += to - v->upto;
    v->upto = to;
    return true;
}

/* From its position on, each number is served or said to be gone; and what is said to be gone is
 * exactly what is below the oldest. */
static void reader_is_told(fixture_t *f)
{
    store_stat_t stat;
    store_stat(f->s, &stat);
    shown_t v = {.upto = f->position};
    uint64_t upto = f->position;
    while (upto < f->next - 1)
        assert_int_equal(store_read(f->s, upto, UINT64_MAX, 1 << 20, check_shown, &v, &upto),
                         SL_OK);
    assert_int_equal(v.damage, 0);
    assert_int_equal(v.retention, stat.oldest > f->position ? stat.oldest - 1 - f->position : 0);
    assert_int_equal(v.served + v.retention, f->next - 1 - f->position);
}

static void within_bounds(fixture_t *f)
{
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_in_range(stat.bytes, RETAIN_BYTES / 2, RETAIN_BYTES);
    assert_in_range(stat.file_bytes, RETAIN_BYTES, MAP_BYTES);
}

static void reader_at_a_position_is_told_what_is_gone(void **state)
{
    fixture_t *f = *state;
    turn_over(f);
    f->position = f->next - 55; /* in the middle of a batch */
    for (int turn = 0; turn < TURNS; turn++) {
        turn_over(f);
        within_bounds(f);
        reader_is_told(f);
    }
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_true(stat.file_bytes < 2 * RETAIN_BYTES); /* nobody held pages back */
}

/* -- what goes, and when ---------------------------------------------------------------------- */

static void open_anew(fixture_t *f)
{
    store_close(&f->s, true);
    assert_int_equal(store_open(&f->s, &f->o, NULL, NULL), SL_OK);
}

static sl_err commit(fixture_t *f, int count, size_t body)
{
    record_t group[TEST_SLOTS];
    for (int i = 0; i < count; i++) {
        group[i] = test_record(i, f->next + (uint64_t)i, 1, "a", body);
        group[i].joined = i + 1 < count;
    }
    sl_err err = store_commit(f->s, group, (size_t)count);
    if (err == SL_OK)
        f->next += (uint64_t)count;
    return err;
}

static void commit_at(fixture_t *f, sl_clock_manual_t *time, uint64_t wall_ns)
{
    time->wall_ns = wall_ns;
    record_t r = test_record(0, f->next, 1, "a", 100);
    r.time_ns = wall_ns;
    assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
    f->next++;
}

static void age_takes_what_is_old_and_leaves_what_comes(void **state)
{
    static const uint64_t second = 1000000000;
    fixture_t *f = *state;
    sl_clock_manual_t time;
    sl_clock_manual_init(&time, 1, 1000 * second);
    f->o = (store_options_t){.dir = f->dir, .retain_age_ms = 10000, .clock = &time.clock};
    open_anew(f);
    commit_at(f, &time, 1000 * second);
    commit_at(f, &time, 1012 * second); /* the first is due, and goes with this commit */
    time.wall_ns += 1;
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_true(store_is_tidy(f->s));
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-1 retention] 2-2");
    time.wall_ns = 1023 * second;
    assert_false(store_is_tidy(f->s));
    assert_int_equal(store_housekeep(f->s), SL_OK);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-2 retention]");
    f->o.clock = NULL;
    open_anew(f);
}

/* Thousands of small ones make place for a few large ones. */
static void bytes_stay_below_the_limit_whatever_the_sizes_are(void **state)
{
    fixture_t *f = *state;
    store_stat_t stat;
    do {
        assert_int_equal(commit(f, TEST_SLOTS, 400), SL_OK);
        store_stat(f->s, &stat);
    } while (stat.oldest == 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(commit(f, 4, 150000), SL_OK);
        store_stat(f->s, &stat);
        assert_in_range(stat.bytes, RETAIN_BYTES / 2, RETAIN_BYTES);
    }
}

/* The options are foolish, but what was accepted must not stop intake for ever. */
static void group_that_is_larger_than_what_is_kept_finds_room(void **state)
{
    static const struct {
        uint64_t retain, map;
        int records;
    } cases[] = {{1 << 20, 2 << 20, 6}, {1 << 20, 8 << 20, 6}, {8 << 20, 16 << 20, 44}};
    fixture_t *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_dir_remove(f->dir);
        store_close(&f->s, false);
        f->dir = test_dir_make();
        f->o = (store_options_t){
            .dir = f->dir, .retain_bytes = cases[i].retain, .map_bytes = cases[i].map};
        open_anew(f);
        f->next = 1;
        for (int k = 0; k < 20; k++)
            assert_int_equal(commit(f, cases[i].records, 190000), SL_OK);
    }
}

static uint64_t hurrying_ns(const sl_clock_t *clock)
{
    static uint64_t now_ns;
    (void)clock;
    return now_ns += 1000000;
}

static void housekeeping_is_done_in_small_parts(void **state)
{
    fixture_t *f = *state;
    sl_clock_t clock = sl_clock_system;
    clock.mono_ns = hurrying_ns;
    turn_over(f);
    f->o.clock = &clock;
    f->o.retain_bytes = RETAIN_BYTES / 4;
    open_anew(f);
    assert_false(store_is_tidy(f->s));
    int parts = 1;
    while (store_housekeep(f->s) == SL_EAGAIN)
        parts++;
    assert_true(parts > 1);
    assert_true(store_is_tidy(f->s));
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_in_range(stat.bytes, 0, RETAIN_BYTES / 4);
    assert_int_equal(store_housekeep(f->s), SL_OK);
    f->o.clock = NULL;
    open_anew(f);
}

/* -- a process that reads, and stands still -----------------------------------------------------
 */

static bool stand_still(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)r;
    (void)hole;
    if (write(*(int *)ctx, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static pid_t start_stuck_reader(fixture_t *f)
{
    int seen[2];
    assert_int_equal(pipe(seen), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        store_t *s = NULL;
        store_options_t o = f->o;
        uint64_t upto;
        o.read_only = true;
        if (store_open(&s, &o, NULL, NULL) == SL_OK)
            store_read(s, f->position, UINT64_MAX, SIZE_MAX, stand_still, &seen[1], &upto);
        _exit(1);
    }
    char byte;
    close(seen[1]);
    assert_int_equal(read(seen[0], &byte, 1), 1);
    close(seen[0]);
    return pid;
}

static void process_that_dies_in_the_middle_of_a_read_costs_nothing_for_long(void **state)
{
    fixture_t *f = *state;
    turn_over(f);
    f->position = f->next - 55;
    for (int turn = 0; turn < TURNS; turn += 2) {
        pid_t pid = start_stuck_reader(f);
        turn_over(f); /* its snapshot keeps all of this */
        within_bounds(f);
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        turn_over(f);
        within_bounds(f);
        reader_is_told(f);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reader_at_a_position_is_told_what_is_gone),
        TEST(age_takes_what_is_old_and_leaves_what_comes),
        TEST(bytes_stay_below_the_limit_whatever_the_sizes_are),
        TEST(group_that_is_larger_than_what_is_kept_finds_room),
        TEST(housekeeping_is_done_in_small_parts),
        TEST(process_that_dies_in_the_middle_of_a_read_costs_nothing_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

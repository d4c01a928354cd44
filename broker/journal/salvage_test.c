/* What is taken out of a damaged file is what was in force, and nothing that only looks like it. */
#include "scan.h"
#include "store_impl.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    char *dir, *path;
    store_t *s;
    store_options_t o;
    store_found_t found;
} fixture_t;

static void fixture_open(fixture_t *f)
{
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    if (err != SL_OK)
        fail_msg("store_open: %s (%s)", sl_err_name(err), failed);
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->dir = test_dir_make();
    f->path = store_path(f->dir, STORE_FILE);
    f->o = (store_options_t){.dir = f->dir, .boot_id = "boot", .sync = STORE_SYNC_DISK};
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    test_dir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

/* The next start is on another boot: it reads everything. */
static void power_off(fixture_t *f)
{
    store_close(&f->s, false);
    f->o.boot_id = "next boot";
}

static void commit(fixture_t *f, uint64_t first, const char *topic, size_t body)
{
    record_t r = test_record(0, first, 10, topic, body);
    assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
}

/* Overwrites bytes of the file: those that begin with `like`, or at `at` when it is NULL. */
static void damage(fixture_t *f, const void *like, size_t len, size_t at)
{
    static uint8_t file[4 << 20];
    int fd = open(f->path, O_RDWR);
    ssize_t n = read(fd, file, sizeof file);
    assert_true(n > 0);
    if (like != NULL) {
        const uint8_t *found = memmem(file, (size_t)n, like, len);
        assert_non_null(found);
        at = (size_t)(found - file);
    }
    assert_int_equal(pwrite(fd, "damaged!", 8, (off_t)at), 8);
    close(fd);
}

static void damage_tree(fixture_t *f)
{
    damage(f, NULL, 0, 16); /* a meta page */
}

static void damage_body(fixture_t *f, uint64_t first)
{
    record_t r = test_record(0, first, 10, "x", 64);
    damage(f, r.body, 64, 0);
}

static void collect_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    assert_int_equal(len, 1);
    ((uint64_t *)ctx)[topic[0] - 'a'] = last;
}

static void check_tails(fixture_t *f, uint64_t a, uint64_t b)
{
    uint64_t tails[26] = {0};
    assert_int_equal(store_tails(f->s, collect_tail, tails), SL_OK);
    assert_int_equal(tails[0], a);
    assert_int_equal(tails[1], b);
}

/* -- what is saved ---------------------------------------------------------------------------- */

static void records_tails_and_numbers_are_saved(void **state)
{
    fixture_t *f = *state;
    uint64_t old = f->found.stream;
    commit(f, 1, "a", 100);
    commit(f, 11, "b", 9000);
    power_off(f);
    damage_tree(f);
    fixture_open(f);
    assert_int_equal(f->found.salvaged, 2);
    assert_int_equal(f->found.lost_events, 0);
    assert_int_equal(f->found.next, 21);
    assert_true(f->found.new_stream);
    assert_int_equal(f->found.parents[0].stream, old);
    assert_int_equal(f->found.parents[0].last, 20);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 11-20");
    check_tails(f, 10, 20);
}

/* Nobody knows which topics the hole held: who follows one of them shall ask, and be told. */
static void tails_are_raised_to_the_end_of_a_hole(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    commit(f, 11, "b", 9000);
    commit(f, 21, "b", 9000);
    power_off(f);
    damage_tree(f);
    damage_body(f, 11);
    fixture_open(f);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage] 21-30");
    check_tails(f, 20, 30);
}

static void newest_record_that_is_damaged_is_a_hole_too(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    commit(f, 11, "b", 9000);
    power_off(f);
    damage_tree(f);
    damage_body(f, 11);
    fixture_open(f);
    assert_int_equal(f->found.next, 21);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
    check_tails(f, 20, 20);
}

static void what_retention_took_does_not_come_back(void **state)
{
    fixture_t *f = *state;
    f->o.retain_bytes = 100000;
    store_close(&f->s, true);
    fixture_open(f);
    for (uint64_t first = 1; first < 201; first += 10)
        commit(f, first, "a", 9000);
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_true(stat.oldest > 1);
    power_off(f);
    damage_tree(f);
    fixture_open(f);
    assert_int_equal(f->found.oldest, stat.oldest);
    assert_int_equal(f->found.records, stat.records);
    assert_int_equal(f->found.lost_events, 0);
}

static void damaged_file_is_kept(void **state)
{
    fixture_t *f = *state;
    struct stat before, st;
    assert_int_equal(stat(f->path, &before), 0);
    power_off(f);
    damage_tree(f);
    fixture_open(f);
    char command[512];
    snprintf(command, sizeof command, "find %s/quarantine -inum %lu | grep -q journal-", f->dir,
             (unsigned long)before.st_ino);
    assert_int_equal(system(command), 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_not_equal(st.st_ino, before.st_ino);
}

/* -- a file as it was left ------------------------------------------------------------------ */

static void check_bodies_are_read_when_they_are_served(fixture_t *f, bool orderly)
{
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    assert_int_equal(store_ready(f->s), SL_OK);
    store_close(&f->s, orderly);
    damage_body(f, 11);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 0);
    assert_int_equal(f->found.records, 2);
    assert_int_equal(f->found.events, 20);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
    power_off(f);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 1);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
}

static void bodies_are_not_read_after_an_orderly_end_but_when_they_are_served(void **state)
{
    check_bodies_are_read_when_they_are_served(*state, true);
}

static void bodies_are_not_read_after_a_death_on_this_boot_but_when_they_are_served(void **state)
{
    check_bodies_are_read_when_they_are_served(*state, false);
}

/* It may have died of what it read: of a sector that the disk does not give out. */
static void bodies_are_read_after_a_start_that_did_not_get_ready(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    assert_int_equal(store_ready(f->s), SL_OK);
    store_close(&f->s, false);
    damage_body(f, 11);
    fixture_open(f); /* dies before store_ready */
    assert_int_equal(f->found.damaged_records, 0);
    store_close(&f->s, false);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 1);
}

static void bodies_are_read_after_four_deaths_in_a_row(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    assert_int_equal(store_ready(f->s), SL_OK);
    store_close(&f->s, false);
    damage_body(f, 11);
    for (int starts = 0; starts < 3; starts++) {
        fixture_open(f);
        assert_int_equal(f->found.damaged_records, 0);
        assert_int_equal(store_ready(f->s), SL_OK);
        store_close(&f->s, false);
    }
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 1);
    assert_int_equal(store_ready(f->s), SL_OK);
    commit(f, 21, "a", 9000);
    commit(f, 31, "a", 9000);
    store_close(&f->s, false);
    damage_body(f, 31);
    fixture_open(f); /* and the count begins anew */
    assert_int_equal(f->found.damaged_records, 0);
}

/* Same inode, same boot, clean: only the file `run` knows that there was a later run. */
static void bodies_of_an_older_file_that_was_put_back_are_read(void **state)
{
    fixture_t *f = *state;
    char command[512];
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    store_close(&f->s, true);
    snprintf(command, sizeof command, "cp %s %s/before", f->path, f->dir);
    assert_int_equal(system(command), 0);
    fixture_open(f);
    assert_int_equal(store_ready(f->s), SL_OK);
    store_close(&f->s, true);
    snprintf(command, sizeof command, "cat %s/before > %s", f->dir, f->path);
    assert_int_equal(system(command), 0);
    damage_body(f, 11);
    fixture_open(f);
    assert_true(f->found.new_stream);
    assert_int_equal(f->found.damaged_records, 1);
}

static void head_that_is_damaged_is_seen_after_an_orderly_end_too(void **state)
{
    fixture_t *f = *state;
    uint64_t stream = f->found.stream;
    commit(f, 1, "a", 9000);
    store_close(&f->s, true);
    damage(f, record_magic, RECORD_MAGIC_BYTES, 0);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 1);
    assert_string_equal(f->found.damage, "");
    assert_int_equal(f->found.stream, stream);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-10 damage]");
}

/* Writes over bytes of the head of the record that begins with this number. */
static void damage_head(fixture_t *f, uint64_t first, size_t at)
{
    static uint8_t file[4 << 20];
    int fd = open(f->path, O_RDWR);
    ssize_t n = read(fd, file, sizeof file);
    record_t r;
    const uint8_t *found = file;
    do
        found = memmem(found + 1, (size_t)n - (size_t)(found + 1 - file), record_magic,
                       RECORD_MAGIC_BYTES);
    while (found != NULL && record_peek(&r, found, RECORD_HEAD_BYTES) && r.first != first);
    assert_non_null(found);
    assert_int_equal(pwrite(fd, "\x77", 1, found + at - file), 1);
    close(fd);
}

/* Else one flipped bit stops retention by age for a whole run, or lets it delete what is young. */
static void oldest_record_is_proven_before_its_time_is_used(void **state)
{
    fixture_t *f = *state;
    store_stat_t stat;
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    commit(f, 21, "a", 9000);
    store_close(&f->s, true);
    damage_head(f, 1, 56 + 7);
    fixture_open(f);
    store_stat(f->s, &stat);
    assert_int_equal(stat.oldest_time_ns, 11000);
    assert_int_equal(f->found.damaged_records, 1);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "[1-10 damage] 11-20 21-30");
}

static void head_of_another_version_is_looked_at(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 9000);
    store_close(&f->s, true);
    damage_head(f, 11, 8);
    fixture_open(f);
    assert_int_equal(f->found.damaged_records, 1);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
}

static void file_that_was_cut_is_seen_after_an_orderly_end_too(void **state)
{
    fixture_t *f = *state;
    struct stat st;
    commit(f, 1, "a", 9000);
    commit(f, 11, "a", 90000);
    store_close(&f->s, true);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(truncate(f->path, st.st_size - 10 * 4096), 0); /* within the second */
    fixture_open(f);
    assert_string_not_equal(f->found.damage, "");
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage]");
}

/* -- what only looks like it ------------------------------------------------------------------ */

/* A publisher sends an event whose bytes are a record, sum and all.  The record that holds it is
 * damaged, so the search comes by. */
static void event_that_looks_like_a_record_fools_nobody(void **state)
{
    fixture_t *f = *state;
    static uint8_t body[100000];
    size_t len = 64;
    for (uint64_t first = 11; first < 500; first += 10) {
        record_t fake = test_record(1, first, 10, "a", 1000);
        fake.journal = 12345; /* the real one is a secret */
        fake.era = 1000;
        record_write(body + len, &fake);
        len += record_size(&fake);
        assert_true(len < sizeof body);
    }
    memset(body, 'x', 64);
    record_t outer = test_record(0, 11, 10, "a", 0);
    outer.body = body;
    outer.body_len = len;
    commit(f, 1, "a", 90000);
    assert_int_equal(store_commit(f->s, &outer, 1), SL_OK);
    commit(f, 21, "a", 90000);
    power_off(f);
    damage_tree(f);
    damage(f, body, 64, 0);
    fixture_open(f);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10 [11-20 damage] 21-30");
}

/* They come first in the file, and are many. */
static void what_looks_like_many_journals_does_not_hide_the_one(void **state)
{
    fixture_t *f = *state;
    char *path = store_path(f->dir, "bytes");
    static uint8_t bytes[200000];
    FILE *out = fopen(path, "w");
    for (uint64_t id = 1; id <= 1000; id++) {
        record_t fake = test_record(0, 1, 1, "a", id == 1000 ? 9000 : 100);
        fake.journal = id;
        record_write(bytes, &fake);
        assert_int_equal(fwrite(bytes, record_size(&fake), 1, out), 1);
    }
    fclose(out);
    scan_t *scan = NULL;
    store_state_t found;
    size_t count;
    assert_int_equal(scan_create(&scan, path), SL_OK);
    scan_state(scan, &found);
    assert_int_equal(found.journal, 1000);
    scan_records(scan, &count);
    assert_int_equal(count, 1);
    scan_destroy(&scan);
    free(path);
}

/* -- files that are hardly there -------------------------------------------------------------- */

static void file_of_no_bytes_is_a_new_journal(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    assert_int_equal(truncate(f->path, 0), 0);
    fixture_open(f);
    assert_string_equal(f->found.damage, "");
    assert_int_equal(f->found.next, 1);
    commit(f, 1, "a", 100);
}

/* Nobody wants an empty journal in the place of one that cannot be read. */
static void is_refused_and_left(fixture_t *f)
{
    struct stat before, after;
    const char *failed = NULL;
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(store_open(&f->s, &f->o, &f->found, &failed), SL_EPROTO);
    assert_non_null(strstr(failed, "move the directory aside"));
    assert_string_not_equal(f->found.damage, "");
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_size, before.st_size);
}

static void write_other_bytes(fixture_t *f)
{
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(truncate(f->path, 50000), 0);
    damage(f, NULL, 0, 5000);
}

static void file_of_other_bytes_is_refused(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    write_other_bytes(f);
    is_refused_and_left(f);
}

static void power_cut_that_took_all_of_an_unsynced_run_leaves_its_name(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    f->o.sync = STORE_SYNC_OS;
    fixture_open(f);
    uint64_t old = f->found.stream;
    commit(f, 1, "a", 100);
    power_off(f);
    write_other_bytes(f);
    fixture_open(f);
    assert_true(f->found.new_stream);
    assert_string_not_equal(f->found.damage, "");
    assert_int_equal(f->found.next, 1);
    assert_int_equal(f->found.parents[0].stream, old);
    assert_int_equal(f->found.parents[0].last, 0);
    commit(f, 1, "a", 100);
}

/* Breaks every state in the file that names the stream. */
static void damage_states_of(fixture_t *f, uint64_t stream)
{
    static uint8_t file[4 << 20];
    int fd = open(f->path, O_RDONLY);
    ssize_t n = read(fd, file, sizeof file);
    close(fd);
    assert_true(n > STATE_BYTES);
    for (const uint8_t *at = file; (size_t)(at - file) + STATE_BYTES <= (size_t)n; at++) {
        store_state_t state;
        if (memcmp(at, state_magic, ENTRY_MAGIC_BYTES) == 0 &&
            state_read(&state, at, STATE_BYTES) == SL_OK && state.stream == stream)
            damage(f, NULL, 0, (size_t)(at - file) + 16);
    }
}

/* What is left tells the era of the run, by its records, and not its name. */
static void run_of_which_only_records_are_left_is_a_parent(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 100);
    store_close(&f->s, true);
    f->o.boot_id = "boot of another stream";
    f->o.sync = STORE_SYNC_OS;
    fixture_open(f);
    store_close(&f->s, false);
    f->o.boot_id = "and of another";
    fixture_open(f);
    assert_true(f->found.new_stream);
    uint64_t last = f->found.stream;
    commit(f, 11, "b", 9000);
    power_off(f);
    damage_states_of(f, last);
    damage_tree(f);
    fixture_open(f);
    assert_int_equal(f->found.salvaged, 2);
    assert_true(f->found.new_stream);
    assert_int_equal(f->found.parents[0].stream, last);
    assert_int_equal(f->found.parents[0].last, 20);
}

static void kill_cannot_take_all_of_an_unsynced_run(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    f->o.sync = STORE_SYNC_OS;
    fixture_open(f);
    store_close(&f->s, false);
    write_other_bytes(f);
    is_refused_and_left(f);
}

static void journal_of_which_nothing_is_left_is_refused(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    store_close(&f->s, true);
    assert_int_equal(truncate(f->path, 8192), 0); /* both meta pages, and no more */
    is_refused_and_left(f);
}

/* The machine went down while the file was made: nothing was acknowledged yet. */
static void file_that_was_being_made_is_a_new_journal(void **state)
{
    fixture_t *f = *state;
    MDB_env *env;
    store_close(&f->s, true);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, f->path, MDB_NOSUBDIR, 0640), 0);
    mdb_env_close(env);
    assert_int_equal(truncate(f->path, 4096), 0); /* the second meta page is not there yet */
    assert_int_equal(truncate(f->path, 20000), 0);
    fixture_open(f);
    assert_int_equal(f->found.next, 1);
    commit(f, 1, "a", 100);
    store_close(&f->s, true);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(truncate(f->path, 20000), 0);
    fixture_open(f);
    assert_int_equal(f->found.next, 1);
    commit(f, 1, "a", 100);
}

static void limit_that_was_lowered_does_not_stop_a_salvage(void **state)
{
    fixture_t *f = *state;
    for (uint64_t first = 1; first < 201; first += 10)
        commit(f, first, "a", 190000);
    store_close(&f->s, true);
    damage_tree(f);
    f->o.map_bytes = 1 << 20;
    fixture_open(f);
    assert_int_equal(f->found.salvaged, 20);
    commit(f, 201, "a", 190000);
}

static void salvage_that_was_interrupted_is_done_again(void **state)
{
    fixture_t *f = *state;
    commit(f, 1, "a", 9000);
    power_off(f);
    damage_tree(f);
    char *left = store_path(f->dir, "salvage.mdb");
    int fd = open(left, O_WRONLY | O_CREAT, 0640);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    fixture_open(f);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1), "1-10");
    assert_int_not_equal(access(left, F_OK), 0);
    free(left);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_tails_and_numbers_are_saved),
        TEST(tails_are_raised_to_the_end_of_a_hole),
        TEST(newest_record_that_is_damaged_is_a_hole_too),
        TEST(what_retention_took_does_not_come_back),
        TEST(damaged_file_is_kept),
        TEST(bodies_are_not_read_after_an_orderly_end_but_when_they_are_served),
        TEST(bodies_are_not_read_after_a_death_on_this_boot_but_when_they_are_served),
        TEST(bodies_are_read_after_a_start_that_did_not_get_ready),
        TEST(bodies_are_read_after_four_deaths_in_a_row),
        TEST(bodies_of_an_older_file_that_was_put_back_are_read),
        TEST(head_that_is_damaged_is_seen_after_an_orderly_end_too),
        TEST(oldest_record_is_proven_before_its_time_is_used),
        TEST(head_of_another_version_is_looked_at),
        TEST(file_that_was_cut_is_seen_after_an_orderly_end_too),
        TEST(event_that_looks_like_a_record_fools_nobody),
        TEST(what_looks_like_many_journals_does_not_hide_the_one),
        TEST(file_of_no_bytes_is_a_new_journal),
        TEST(file_of_other_bytes_is_refused),
        TEST(power_cut_that_took_all_of_an_unsynced_run_leaves_its_name),
        TEST(run_of_which_only_records_are_left_is_a_parent),
        TEST(kill_cannot_take_all_of_an_unsynced_run),
        TEST(journal_of_which_nothing_is_left_is_refused),
        TEST(file_that_was_being_made_is_a_new_journal),
        TEST(limit_that_was_lowered_does_not_stop_a_salvage),
        TEST(salvage_that_was_interrupted_is_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

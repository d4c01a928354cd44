/* Looking at a journal from outside: each tool in a process of its own, beside the one that writes.
 */
#include "journal/tools.h"
#include "testing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    char *dir, *dest;
    store_t *s;
    store_options_t o;
    store_found_t found;
} fixture_t;

static void fixture_open(fixture_t *f, const char *dir)
{
    f->o.dir = dir;
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    if (err != SL_OK)
        fail_msg("store_open: %s (%s)", sl_err_name(err), failed);
}

static char said[4096]; /* by what is shown findings and records */

/* Six records of ten events: 1-10 and so on; in pages of their own, but for the third. */
static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    record_t group[6];
    said[0] = '\0';
    f->dir = test_dir_make();
    f->dest = test_dir_make();
    f->o.boot_id = "boot";
    fixture_open(f, f->dir);
    for (int i = 0; i < 6; i++)
        group[i] = test_record(i, 1 + 10 * (uint64_t)i, 10, "a", i == 2 ? 100 : 9000);
    assert_int_equal(store_commit(f->s, group, 6), SL_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    test_dir_remove(f->dir);
    test_dir_remove(f->dest);
    free(f);
    return 0;
}

/* Runs a check in a child, as LMDB demands; what it asserts there fails here. */
static void in_child(fixture_t *f, void (*check)(fixture_t *f))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        check(f);
        _exit(0); /* an assertion that fails has ended the process otherwise */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: " #condition "\n", __FILE__, __LINE__); \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

static void note(void *ctx, const char *what, uint64_t from, uint64_t to)
{
    (void)ctx;
    size_t len = strlen(said);
    snprintf(said + len, sizeof said - len, "%s %" PRIu64 "-%" PRIu64 "; ", what, from, to);
}

static bool note_line(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)ctx;
    if (r != NULL)
        note(NULL, "record", r->first, record_last(r));
    else
        note(NULL, hole->damage ? "damage" : "retention", hole->from, hole->to);
    return true;
}

/* Flips a bit of the byte behind the first place where `bytes` stand in the file. */
static void damage(fixture_t *f, const void *bytes, size_t len, size_t behind)
{
    char path[512];
    static char file[1 << 20];
    snprintf(path, sizeof path, "%s/journal.mdb", f->dir);
    int fd = open(path, O_RDWR);
    ssize_t n = read(fd, file, sizeof file);
    assert_true(n > 0);
    char *at = memmem(file, (size_t)n, bytes, len);
    assert_non_null(at);
    at[behind] ^= 4;
    assert_int_equal(pwrite(fd, at + behind, 1, at + behind - file), 1);
    close(fd);
}

static void damage_record(fixture_t *f, uint64_t first)
{
    record_t r = test_record(0, first, 10, "a", 9000);
    damage(f, r.body, 64, 10);
}

/* -- verify ----------------------------------------------------------------------------------- */

static void sound_beside_the_writer(fixture_t *f)
{
    store_verdict_t verdict;
    CHECK(store_verify(f->dir, note, NULL, &verdict) == SL_OK);
    CHECK(said[0] == '\0');
    CHECK(verdict.sound && verdict.records == 6 && verdict.events == 60 && verdict.next == 61);
    CHECK(verdict.stream == f->found.stream && verdict.pages > 10);
}

static void verify_finds_nothing_wrong_beside_the_writer(void **state)
{
    in_child(*state, sound_beside_the_writer);
}

static void verify_names_records_that_are_damaged(void **state)
{
    fixture_t *f = *state;
    store_verdict_t verdict;
    store_close(&f->s, false);
    f->o.boot_id = "next boot"; /* it was not killed, the machine went down: all is read */
    damage_record(f, 11);
    said[0] = '\0';
    assert_int_equal(store_verify(f->dir, note, NULL, &verdict), SL_EPROTO);
    assert_string_equal(said, "numbers are missing 11-20; a record is damaged 11-11; ");
    assert_true(verdict.sound);
    assert_int_equal(verdict.damaged_records, 1);
    fixture_open(f, f->dir);
    assert_int_equal(f->found.damaged_records, 1);
    assert_int_equal(f->found.lost_events, 10);
    store_close(&f->s, true);
    said[0] = '\0';
    assert_int_equal(store_verify(f->dir, note, NULL, &verdict), SL_OK); /* it is aside */
    assert_string_equal(said, "numbers are missing 11-20; ");
    fixture_open(f, f->dir);
    assert_int_equal(f->found.damaged_records, 0);
    assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1),
                        "1-10 [11-20 damage] 21-30 31-40 41-50 51-60");
}

static void verify_says_what_can_be_saved_and_changes_nothing(void **state)
{
    fixture_t *f = *state;
    store_verdict_t verdict;
    store_close(&f->s, true);
    damage_record(f, 31);
    damage(f, "\xde\xc0\xef\xbe", 4, 0); /* a meta page's magic number */
    for (int i = 0; i < 2; i++) {
        said[0] = '\0';
        assert_int_equal(store_verify(f->dir, note, NULL, &verdict), SL_EPROTO);
        assert_string_equal(said, "page 0 is no meta page 0-0; numbers are missing 31-40; ");
        assert_false(verdict.sound);
        assert_int_equal(verdict.records, 5);
        assert_int_equal(verdict.next, 61);
    }
    fixture_open(f, f->dir);
    assert_int_equal(f->found.salvaged, 5);
    assert_string_equal(f->found.why, "the journal was damaged");
    assert_int_equal(f->found.parents[0].last, 60);
}

static void verify_of_nothing_says_so(void **state)
{
    fixture_t *f = *state;
    store_verdict_t verdict;
    assert_int_equal(store_verify(f->dest, note, NULL, &verdict), SL_ENOENT);
    assert_int_equal(store_verify("/nowhere", note, NULL, &verdict), SL_ENOENT);
}

/* -- export ----------------------------------------------------------------------------------- */

static void exported(fixture_t *f)
{
    bool sound;
    CHECK(store_export(f->dir, 15, 45, note_line, NULL, &sound) == SL_OK);
    CHECK(sound);
    CHECK(strcmp(said, "record 11-20; record 21-30; record 31-40; record 41-50; ") == 0);
}

static void export_shows_what_a_read_shows(void **state)
{
    in_child(*state, exported);
}

static void export_of_a_damaged_tree_shows_what_is_left(void **state)
{
    fixture_t *f = *state;
    bool sound = true;
    store_close(&f->s, true);
    damage_record(f, 31);
    damage(f, "\xde\xc0\xef\xbe", 4, 0);
    said[0] = '\0';
    assert_int_equal(store_export(f->dir, 0, UINT64_MAX, note_line, NULL, &sound), SL_OK);
    assert_false(sound);
    assert_string_equal(said, "record 1-10; record 11-20; record 21-30; damage 31-40; "
                              "record 41-50; record 51-60; ");
    fixture_open(f, f->dir);
}

static void shell(const fixture_t *f, const char *what)
{
    char command[1024];
    snprintf(command, sizeof command, "cd %s && dest=%s && %s", f->dir, f->dest, what);
    assert_int_equal(system(command), 0);
}

/* What a start takes from the file `run`, verify takes too. */
static void verify_foretells_a_new_stream_where_the_file_does_not_know_the_last_run(void **state)
{
    fixture_t *f = *state;
    store_verdict_t verdict;
    store_close(&f->s, true);
    shell(f, "cp journal.mdb before");
    assert_int_equal(store_verify(f->dir, note, NULL, &verdict), SL_OK);
    assert_false(verdict.new_stream);
    fixture_open(f, f->dir);
    store_close(&f->s, true);
    shell(f, "cat before > journal.mdb");
    assert_int_equal(store_verify(f->dir, note, NULL, &verdict), SL_OK);
    assert_true(verdict.new_stream);
    fixture_open(f, f->dir);
    assert_true(f->found.new_stream);
}

/* -- backup ----------------------------------------------------------------------------------- */

static void backed_up(fixture_t *f)
{
    const char *failed = "";
    CHECK(store_backup(f->dir, f->dest, &failed) == SL_OK);
    CHECK(failed == NULL);
    CHECK(store_backup(f->dir, f->dest, &failed) == SL_EEXIST);
    CHECK(strcmp(failed, "there is a journal already") == 0);
}

static void broker_on_a_backup_begins_a_new_stream(void **state)
{
    fixture_t *f = *state;
    uint64_t old = f->found.stream;
    in_child(f, backed_up);
    record_t more = test_record(0, 61, 1, "a", 1); /* is not in the backup */
    assert_int_equal(store_commit(f->s, &more, 1), SL_OK);
    store_close(&f->s, true);
    for (int i = 0; i < 2; i++) {
        fixture_open(f, f->dest);
        assert_int_equal(f->found.new_stream, i == 0);
        assert_int_not_equal(f->found.stream, old);
        assert_int_equal(f->found.next, 61);
        assert_int_equal(f->found.parent_count, 1);
        assert_int_equal(f->found.parents[0].stream, old);
        assert_int_equal(f->found.parents[0].last, 60);
        assert_string_equal(f->found.damage, "");
        assert_string_equal(test_line(f->s, 0, UINT64_MAX, 1),
                            "1-10 11-20 21-30 31-40 41-50 51-60");
        store_close(&f->s, true);
    }
    fixture_open(f, f->dir);
    assert_false(f->found.new_stream);
}

/* An environment with one pair, which holds the number of the day. */
static MDB_env *open_cursors(const char *dir, bool write)
{
    char path[512];
    MDB_env *env;
    snprintf(path, sizeof path, "%s/cursors", dir);
    mkdir(path, 0750);
    CHECK(mdb_env_create(&env) == 0);
    CHECK(mdb_env_open(env, path, write ? 0 : MDB_RDONLY, 0640) == 0);
    return env;
}

static void backed_up_with_cursors(fixture_t *f)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    char name[] = "audit", number[] = "41";
    MDB_val key = {5, name}, value = {2, number};
    MDB_env *env = open_cursors(f->dir, true);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    CHECK(mdb_put(txn, dbi, &key, &value, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    mdb_env_close(open_cursors(f->dest, true)); /* one that was interrupted */
    CHECK(store_backup(f->dir, f->dest, NULL) == SL_OK);
    env = open_cursors(f->dest, false);
    CHECK(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    CHECK(mdb_get(txn, dbi, &key, &value) == 0);
    CHECK(value.mv_size == 2 && memcmp(value.mv_data, "41", 2) == 0);
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

static void backup_has_the_cursors_too(void **state)
{
    in_child(*state, backed_up_with_cursors);
}

/* Put in place by `cp`, it keeps the inode of the file that was there. */
static void bodies_of_a_backup_that_is_put_in_place_are_read(void **state)
{
    fixture_t *f = *state;
    in_child(f, backed_up);
    assert_int_equal(store_ready(f->s), SL_OK);
    store_close(&f->s, true);
    shell(f, "cp $dest/journal.mdb journal.mdb");
    damage_record(f, 11);
    fixture_open(f, f->dir);
    assert_true(f->found.new_stream);
    assert_int_equal(f->found.damaged_records, 1);
}

static void backup_of_a_damaged_tree_is_refused(void **state)
{
    fixture_t *f = *state;
    const char *failed = NULL;
    store_close(&f->s, true);
    damage(f, "\xde\xc0\xef\xbe", 4, 0);
    assert_int_equal(store_backup(f->dir, f->dest, &failed), SL_EPROTO);
    assert_string_equal(failed, "the journal is damaged");
    assert_int_equal(store_backup("/nowhere", f->dest, &failed), SL_ENOENT);
    fixture_open(f, f->dir);
}

/* -- a limit that was lowered ----------------------------------------------------------------- */

static void file_larger_than_the_map_is_opened_and_made_smaller(void **state)
{
    fixture_t *f = *state;
    uint64_t next = 61;
    for (int i = 0; i < 100; i++, next++) {
        record_t r = test_record(0, next, 1, "a", 100000);
        assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
    }
    f->o.map_bytes = 4 << 20;
    f->o.retain_bytes = 1 << 20;
    store_close(&f->s, true);
    fixture_open(f, f->dir);
    for (int i = 0; i < 100; i++, next++) {
        record_t r = test_record(0, next, 1, "a", 100000);
        assert_int_equal(store_commit(f->s, &r, 1), SL_OK);
    }
    store_stat_t stat;
    store_stat(f->s, &stat);
    assert_true(stat.bytes <= 1 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(verify_finds_nothing_wrong_beside_the_writer),
        TEST(verify_names_records_that_are_damaged),
        TEST(verify_says_what_can_be_saved_and_changes_nothing),
        TEST(verify_of_nothing_says_so),
        TEST(export_shows_what_a_read_shows),
        TEST(export_of_a_damaged_tree_shows_what_is_left),
        TEST(verify_foretells_a_new_stream_where_the_file_does_not_know_the_last_run),
        TEST(broker_on_a_backup_begins_a_new_stream),
        TEST(bodies_of_a_backup_that_is_put_in_place_are_read),
        TEST(backup_has_the_cursors_too),
        TEST(backup_of_a_damaged_tree_is_refused),
        TEST(file_larger_than_the_map_is_opened_and_made_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cursors.h"

#include "base/mp.h"
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STREAM = 7, OTHER_STREAM = 6, CURSORS_MAX = 100, START_MS = 5000 };

static char dir[64];
static sl_clock_manual_t hand_clock;
static cursors_options_t options;
static cursors_t *cursors;
static wire_code_t why;

/* The directories that were synced since it was emptied, each followed by a space. */
static char synced_dirs[4096];

__attribute__((visibility("default"))) int fsync(int fd);

int fsync(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 2);
    if (len > 0) {
        path[len] = ' ';
        path[len + 1] = '\0';
        strncat(synced_dirs, path, sizeof synced_dirs - strlen(synced_dirs) - 1);
    }
    return (int)syscall(SYS_fsync, fd);
}

static bool was_synced(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s ", dir, name);
    return strstr(synced_dirs, path) != NULL;
}

static void open_all(void)
{
    const char *failed;
    assert_int_equal(cursors_create(&cursors, &options, &failed), SL_OK);
}

static void restart(void)
{
    cursors_destroy(&cursors);
    open_all();
}

static int setup(void **state)
{
    (void)state;
    synced_dirs[0] = '\0';
    strcpy(dir, "/tmp/sluice-cursors-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sl_clock_manual_init(&hand_clock, 1, (uint64_t)START_MS * 1000000);
    options = (cursors_options_t){
        .dir = dir, .synced = true, .max = CURSORS_MAX, .clock = &hand_clock.clock};
    open_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    cursors_destroy(&cursors);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* -- words ----------------------------------------------------------------------------------- */

static wire_texts_t patterns(const char *encoded, uint32_t count)
{
    return (wire_texts_t){(const uint8_t *)encoded, (uint32_t)strlen(encoded), count};
}

static wire_cursor_opened_t open_with(const char *name, wire_texts_t texts)
{
    wire_cursor_opened_t opened;
    wire_cursor_open_t open = {name, (uint32_t)strlen(name), false, texts};
    assert_true(cursors_open(cursors, &open, &opened, &why));
    return opened;
}

static wire_cursor_opened_t open_named(const char *name)
{
    return open_with(name, patterns("\xa4Job.", 1));
}

static bool place(const char *name, uint64_t generation, uint64_t stream, uint64_t number,
                  bool backwards)
{
    wire_cursor_place_t to = {name, (uint32_t)strlen(name), generation, stream, number};
    return cursors_place(cursors, &to, backwards, &why);
}

static bool drop(const char *name)
{
    return cursors_drop(cursors, &(wire_cursor_drop_t){name, (uint32_t)strlen(name)}, &why);
}

static void flush(void)
{
    assert_int_equal(cursors_flush(cursors), SL_OK);
    assert_false(cursors_staged(cursors));
}

static void expect_place(const wire_cursor_opened_t *opened, uint64_t stream, uint64_t number)
{
    assert_true(opened->placed);
    assert_int_equal(opened->stream, stream);
    assert_int_equal(opened->number, number);
}

/* -- tests ----------------------------------------------------------------------------------- */

static void cursor_goes_on_where_it_was_committed(void **state)
{
    (void)state;
    wire_cursor_opened_t opened = open_named("me");
    assert_false(opened.placed);
    assert_false(opened.known);
    assert_true(place("me", opened.generation, STREAM, 41, false));
    flush();
    opened = open_named("me");
    assert_true(opened.known);
    expect_place(&opened, STREAM, 41);
    flush();
    restart();
    opened = open_named("me");
    expect_place(&opened, STREAM, 41);
    assert_int_equal(cursors_count(cursors), 1);
}

static void cursor_opened_and_never_committed_is_known_but_nowhere(void **state)
{
    (void)state;
    open_named("me");
    flush();
    restart();
    wire_cursor_opened_t opened = open_named("me");
    assert_true(opened.known);
    assert_false(opened.placed);
}

static void open_tells_the_patterns_before_and_keeps_the_new_ones(void **state)
{
    (void)state;
    open_with("me", patterns("\xa4Job.", 1));
    wire_cursor_opened_t opened = open_with("me", patterns("\xa8"
                                                           "Cluster.\xa6$dead.",
                                                           2));
    assert_int_equal(opened.patterns.count, 1);
    assert_memory_equal(opened.patterns.data, "\xa4Job.", opened.patterns.len);
    flush();
    restart();
    wire_cursor_open_t keeping = {.name = "me", .name_len = 2, .keep = true};
    for (int i = 0; i < 2; i++) {
        assert_true(cursors_open(cursors, &keeping, &opened, &why));
        assert_int_equal(opened.patterns.count, 2);
        assert_memory_equal(opened.patterns.data,
                            "\xa8"
                            "Cluster.\xa6$dead.",
                            opened.patterns.len);
    }
}

static void expect_patterns(const char *encoded)
{
    wire_cursor_opened_t opened = open_named("me");
    assert_int_equal(opened.patterns.len, strlen(encoded));
    assert_memory_equal(opened.patterns.data, encoded, opened.patterns.len);
}

static void open_whose_answer_is_lost_does_not_hide_what_it_changed(void **state)
{
    (void)state;
    wire_cursor_opened_t opened = open_with("me", patterns("\xa2"
                                                           "A.",
                                                           1));
    assert_true(place("me", opened.generation, STREAM, 41, false));
    flush();
    for (int i = 0; i < 3; i++) { /* asked again and again, and over a restart */
        expect_patterns("\xa2"
                        "A.");
        flush();
    }
    restart();
    expect_patterns("\xa2"
                    "A.");
    assert_true(
        place("me", open_named("me").generation, STREAM, 40, true)); /* no one has them yet */
    flush();
    expect_patterns("\xa2"
                    "A.");
    assert_true(place("me", open_named("me").generation, STREAM, 42, false));
    flush();
    expect_patterns("\xa4Job.");
    flush();
    restart();
    expect_patterns("\xa4Job.");
}

static void older_holder_is_fenced_also_after_a_restart(void **state)
{
    (void)state;
    uint64_t older = open_named("me").generation;
    flush();
    uint64_t newer = open_named("me").generation;
    assert_true(newer > older);
    assert_false(place("me", older, STREAM, 5, false));
    assert_int_equal(why, WIRE_CODE_FENCED);
    assert_false(place("me", older, STREAM, 5, true));
    assert_int_equal(why, WIRE_CODE_FENCED);
    assert_true(place("me", newer, STREAM, 5, false));
    flush();
    restart();
    assert_true(place("me", newer, STREAM, 6, false)); /* the holder outlives the broker */
    assert_false(place("me", older, STREAM, 7, false));
    assert_true(open_named("me").generation > newer);
}

static void holder_that_is_newer_than_the_cursor_is_told_that_it_is_another(void **state)
{
    (void)state;
    uint64_t mine = open_named("me").generation;
    assert_false(place("me", mine + 1, STREAM, 5, false)); /* opened since this was copied */
    assert_int_equal(why, WIRE_CODE_NAME);
    assert_true(place("me", mine, STREAM, 5, false));
}

static void dropped_cursor_is_gone_and_its_holder_stays_fenced(void **state)
{
    (void)state;
    uint64_t older = open_named("me").generation;
    flush();
    assert_true(drop("me"));
    assert_false(drop("me"));
    assert_int_equal(why, WIRE_CODE_NAME);
    assert_false(place("me", older, STREAM, 5, false));
    assert_int_equal(why, WIRE_CODE_NAME);
    flush();
    assert_int_equal(cursors_count(cursors), 0);
    restart();
    assert_int_equal(cursors_count(cursors), 0);
    wire_cursor_opened_t opened = open_named("me");
    assert_false(opened.known);
    assert_true(opened.generation > older);
    assert_false(place("me", older, STREAM, 5, false));
    assert_int_equal(why, WIRE_CODE_FENCED);
}

static void only_a_reset_goes_backwards(void **state)
{
    (void)state;
    uint64_t mine = open_named("me").generation;
    assert_true(place("me", mine, STREAM, 41, false));
    assert_true(place("me", mine, STREAM, 41, false)); /* the same again */
    assert_false(place("me", mine, STREAM, 40, false));
    assert_int_equal(why, WIRE_CODE_BACKWARDS);
    assert_true(place("me", mine, STREAM + 1, 3, false)); /* numbers of streams do not compare */
    assert_true(place("me", mine, STREAM + 1, 1, true));
    flush();
    wire_cursor_opened_t opened = open_named("me");
    expect_place(&opened, STREAM + 1, 1);
}

static void names_and_lists_have_their_limits(void **state)
{
    (void)state;
    wire_cursor_opened_t opened;
    char long_pattern[300];
    sl_buf_t texts = SL_BUF_INIT;
    assert_false(
        cursors_open(cursors, &(wire_cursor_open_t){.name = "a b", .name_len = 3}, &opened, &why));
    assert_int_equal(why, WIRE_CODE_NAME);
    memset(long_pattern, 'p', sizeof long_pattern);
    wire_texts_put(&texts, long_pattern, 257);
    wire_cursor_open_t open = {"me", 2, false, wire_texts(&texts, 1)};
    assert_false(cursors_open(cursors, &open, &opened, &why));
    assert_int_equal(why, WIRE_CODE_LIMIT);
    sl_buf_clear(&texts);
    for (int i = 0; i < 65; i++)
        wire_texts_put(&texts, long_pattern, 253);
    open.patterns = wire_texts(&texts, 65);
    assert_false(cursors_open(cursors, &open, &opened, &why));
    assert_int_equal(why, WIRE_CODE_LIMIT);
    sl_buf_fini(&texts);
    for (int i = 0; i < CURSORS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        open_named(name);
    }
    open.patterns = patterns("", 0);
    assert_false(cursors_open(cursors, &open, &opened, &why));
    assert_int_equal(why, WIRE_CODE_LIMIT);
    open_named("c7"); /* one that is there may be opened */
    assert_true(drop("c8"));
    assert_true(cursors_open(cursors, &open, &opened, &why));
}

static void what_is_staged_is_lost_without_a_flush(void **state)
{
    (void)state;
    uint64_t mine = open_named("me").generation;
    assert_true(place("me", mine, STREAM, 41, false));
    flush();
    assert_true(place("me", mine, STREAM, 42, false));
    open_named("other");
    assert_true(cursors_staged(cursors));
    restart();
    wire_cursor_opened_t opened = open_named("me");
    expect_place(&opened, STREAM, 41);
    assert_int_equal(cursors_count(cursors), 1);
}

static void cursors_without_a_directory_are_in_memory(void **state)
{
    (void)state;
    options.dir = NULL;
    restart();
    uint64_t mine = open_named("me").generation;
    assert_true(place("me", mine, STREAM, 41, false));
    flush();
    wire_cursor_opened_t opened = open_named("me");
    expect_place(&opened, STREAM, 41);
    sl_clock_manual_advance(&hand_clock, 1000000000);
    restart();
    assert_false(place("me", mine, STREAM, 41, false));
    assert_int_equal(why, WIRE_CODE_NAME);
    assert_true(open_named("me").generation > mine); /* though nobody remembers */
}

/* The disk has no room any more: the map is that small. */
static void full_disk_undoes_the_group_and_the_next_one_may_fit(void **state)
{
    (void)state;
    options.map_bytes = 64 * 1024;
    restart();
    uint64_t mine = open_named("me").generation;
    assert_true(place("me", mine, STREAM, 41, false));
    flush();
    char text[255];
    memset(text, 'p', sizeof text);
    sl_buf_t texts = SL_BUF_INIT;
    for (int i = 0; i < 60; i++)
        wire_texts_put(&texts, text, 250);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "large%d", i);
        open_with(name, wire_texts(&texts, 60));
    }
    assert_true(place("me", mine, STREAM, 42, false));
    assert_true(drop("large3"));
    assert_int_equal(cursors_flush(cursors), SL_EIO);
    assert_int_equal(cursors_count(cursors), 1);
    assert_false(place("large0", mine, STREAM, 1, false));
    assert_int_equal(why, WIRE_CODE_NAME);
    for (uint64_t n = 42; n < 60; n++) {
        assert_true(place("me", mine, STREAM, n, false));
        flush();
    }
    sl_buf_fini(&texts);
    restart();
    assert_int_equal(cursors_count(cursors), 1);
    wire_cursor_opened_t opened = open_named("me");
    expect_place(&opened, STREAM, 59);
}

static void copy_file(const char *from, const char *to)
{
    char command[320];
    snprintf(command, sizeof command, "cp %s/%s %s/%s", dir, from, dir, to);
    assert_int_equal(system(command), 0);
}

/* A commit that failed may have reached the disk in part, or not: here the file is an older one
 * when it is opened again. */
static void file_is_written_anew_after_a_failure(void **state)
{
    (void)state;
    options.map_bytes = 64 * 1024;
    restart();
    uint64_t mine = open_named("me").generation;
    flush();
    copy_file("cursors/data.mdb", "older");
    open_named("other");
    flush();
    sl_buf_t texts = SL_BUF_INIT;
    char text[255] = {0};
    for (int i = 0; i < 60; i++)
        wire_texts_put(&texts, text, 250);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "large%d", i);
        open_with(name, wire_texts(&texts, 60));
    }
    sl_buf_fini(&texts);
    assert_int_equal(cursors_flush(cursors), SL_EIO);
    copy_file("older", "cursors/data.mdb");
    assert_true(place("me", mine, STREAM, 5, false));
    flush();
    restart();
    assert_int_equal(cursors_count(cursors), 2);
    wire_cursor_opened_t opened = open_named("me");
    expect_place(&opened, STREAM, 5);
}

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", dir, name);
}

static size_t entries_in(const char *name)
{
    char path[128];
    size_t count = 0;
    path_of(path, name);
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        count += entry->d_name[0] != '.';
    if (listing != NULL)
        closedir(listing);
    return count;
}

/* Overwrites bytes of the file, from `at` on. */
static void damage(off_t at, size_t len)
{
    char path[128];
    uint8_t junk[8192];
    memset(junk, 0x5a, sizeof junk);
    path_of(path, "cursors/data.mdb");
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, len, at), (ssize_t)len);
    close(fd);
}

static void damaged_file_is_put_aside_and_cursors_begin_anew(void **state)
{
    (void)state;
    uint64_t mine = 0;
    for (int round = 0; round < 2; round++) {
        mine = open_named("me").generation;
        flush();
        cursors_destroy(&cursors);
        damage(0, 8192); /* both of LMDB's meta pages */
        sl_clock_manual_advance(&hand_clock, 1000000000);
        open_all();
        assert_int_equal(cursors_count(cursors), 0);
        assert_int_equal(entries_in("quarantine"), round + 1);
    }
    wire_cursor_opened_t opened = open_named("me");
    assert_false(opened.known);
    assert_true(opened.generation > mine);
    flush();
    restart();
    assert_int_equal(cursors_count(cursors), 1);
}

/* A name that a power cut takes away is a file that is gone. */
static void directories_are_synced_when_something_is_made_or_moved_in_them(void **state)
{
    (void)state;
    assert_true(was_synced("") && was_synced("/cursors"));
    cursors_destroy(&cursors);
    damage(0, 8192);
    synced_dirs[0] = '\0';
    open_all();
    assert_true(was_synced("") && was_synced("/cursors") && was_synced("/quarantine"));
}

/* Finds the record's bytes in the file and flips one of them. */
static void flip_in_record(const char *needle)
{
    char path[128];
    static uint8_t file[1 << 20];
    path_of(path, "cursors/data.mdb");
    int fd = open(path, O_RDWR);
    ssize_t len = read(fd, file, sizeof file);
    int flipped = 0;
    for (ssize_t at = 0; at + (ssize_t)strlen(needle) <= len; at++)
        if (memcmp(file + at, needle, strlen(needle)) == 0) {
            uint8_t byte = file[at] ^ 1;
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
            flipped++;
        }
    close(fd);
    assert_true(flipped > 0);
}

static void record_whose_sum_fails_is_damage(void **state)
{
    (void)state;
    open_with("me", patterns("\xa6Needle", 1));
    flush();
    cursors_destroy(&cursors);
    flip_in_record("Needle");
    open_all();
    assert_int_equal(cursors_count(cursors), 0);
    assert_int_equal(entries_in("quarantine"), 1);
}

/* Whatever bit of the file flips, the broker starts, and what it has of cursors is true. */
static void no_flipped_bit_crashes_or_lies(void **state)
{
    (void)state;
    uint64_t random = 11;
    char path[128], name[16];
    struct stat st;
    for (uint64_t i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "c%u", (unsigned)i);
        uint64_t mine = open_named(name).generation;
        assert_true(place(name, mine, STREAM, 100 + i, false));
        flush();
    }
    cursors_destroy(&cursors);
    copy_file("cursors/data.mdb", "whole");
    path_of(path, "cursors/data.mdb");
    unsigned kept = 0;
    for (int round = 0; round < 60; round++) {
        copy_file("whole", "cursors/data.mdb");
        assert_int_equal(stat(path, &st), 0);
        off_t at = (off_t)(test_random(&random) % (uint64_t)st.st_size);
        if (round % 2 == 0) /* a page's head, and where its nodes are: what leads LMDB astray */
            at = at / 4096 * 4096 + (off_t)(test_random(&random) % 120);
        uint8_t byte;
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= (uint8_t)(1u << test_random(&random) % 8);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        sl_clock_manual_advance(&hand_clock, 1000000);
        open_all();
        assert_true(cursors_count(cursors) == 50 || cursors_count(cursors) == 0);
        kept += cursors_count(cursors) == 50;
        if (cursors_count(cursors) == 50) {
            wire_cursor_opened_t opened = open_named("c7");
            expect_place(&opened, STREAM, 107);
        }
        open_named("new");
        flush();
        cursors_destroy(&cursors);
    }
    assert_in_range(kept, 1, 59); /* some bits are in pages that nobody reads */
    open_all();
}

/* -- STATUS ---------------------------------------------------------------------------------- */

static uint64_t value_of(mp_cursor_t map, const char *key, bool *nil)
{
    uint32_t pairs, len;
    const char *name;
    uint64_t value = 0;
    assert_true(mp_get_map(&map, &pairs));
    for (; pairs > 0; pairs--) {
        assert_true(mp_get_str(&map, &name, &len));
        if (len == strlen(key) && memcmp(name, key, len) == 0) {
            *nil = mp_get_nil(&map);
            assert_true(*nil || mp_get_uint(&map, &value));
            return value;
        }
        assert_true(mp_skip(&map));
    }
    fail_msg("no %s", key);
    return 0;
}

static void status_lists_cursors_slowest_first(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t stream, number, lag;
    } rows[] = {{"nowhere", 0, 0, 99},
                {"unknown", 1, 90, 99},
                {"parent", OTHER_STREAM, 80, 49},
                {"slow", STREAM, 60, 39},
                {"quick", STREAM, 99, 0}};
    for (size_t i = ARRAY_LEN(rows); i-- > 0;) {
        uint64_t mine = open_named(rows[i].name).generation;
        if (rows[i].stream != 0)
            assert_true(place(rows[i].name, mine, rows[i].stream, rows[i].number, false));
        flush();
    }
    assert_true(place("quick", open_named("quick").generation, STREAM, 99, false));
    flush();
    open_named("staged"); /* not kept: not shown */
    sl_clock_manual_advance(&hand_clock, 5000000);
    sl_buf_t out = SL_BUF_INIT;
    static const wire_parent_t parent = {OTHER_STREAM, 50};
    cursors_put_status(cursors, &out, &(cursors_line_t){STREAM, 100, &parent, 1});
    mp_cursor_t in = mp_cursor(out.data, out.len);
    uint32_t count;
    assert_true(mp_get_array(&in, &count));
    assert_int_equal(count, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool nil;
        mp_cursor_t map = in;
        assert_int_equal(value_of(map, "lag", &nil), rows[i].lag);
        if (i >= 2) {
            assert_int_equal(value_of(map, "number", &nil), rows[i].number);
            assert_int_equal(value_of(map, "idle_ms", &nil), 5);
        }
        assert_true(mp_skip(&in));
    }
    assert_ptr_equal(in.at, in.end);
    sl_buf_fini(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(cursor_goes_on_where_it_was_committed),
        TEST(cursor_opened_and_never_committed_is_known_but_nowhere),
        TEST(open_tells_the_patterns_before_and_keeps_the_new_ones),
        TEST(open_whose_answer_is_lost_does_not_hide_what_it_changed),
        TEST(older_holder_is_fenced_also_after_a_restart),
        TEST(holder_that_is_newer_than_the_cursor_is_told_that_it_is_another),
        TEST(dropped_cursor_is_gone_and_its_holder_stays_fenced),
        TEST(only_a_reset_goes_backwards),
        TEST(names_and_lists_have_their_limits),
        TEST(what_is_staged_is_lost_without_a_flush),
        TEST(cursors_without_a_directory_are_in_memory),
        TEST(full_disk_undoes_the_group_and_the_next_one_may_fit),
        TEST(file_is_written_anew_after_a_failure),
        TEST(damaged_file_is_put_aside_and_cursors_begin_anew),
        TEST(directories_are_synced_when_something_is_made_or_moved_in_them),
        TEST(record_whose_sum_fails_is_damage),
        TEST(no_flipped_bit_crashes_or_lies),
        TEST(status_lists_cursors_slowest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A broker that ends and begins again on the same journal.  "The machine was started anew" is
 * another boot id; a death without a word is a child process that ends at once. */
#include "fixture.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MS = 1000000, AGE_MS = 3600000 };

static fixture_t f;
static char dir[TEST_DIR_BYTES];

static int prepare(void **state)
{
    (void)state;
    test_dir_create(dir);
    fixture_prepare(&f);
    f.options.data = dir;
    f.options.durability = DURABILITY_DISK;
    f.options.retain_bytes = 64 << 20;
    f.options.retain_age_ms = 24ull * AGE_MS;
    f.options.boot_id = "first boot";
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    test_dir_remove(dir);
    return 0;
}

static void restart(void)
{
    fixture_close(&f);
    f.peer_count = 0;
    fixture_open(&f);
}

/* Publishes 3 events on Job.a and 2 on Job.b: numbers 1 to 5, ids 1 to 5. */
static void publish_some(void)
{
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.a", 3, 10, 1});
    publisher_expect_ack(&f, dealer, 1, 1, 3, 0);
    publisher_send(dealer, &(pub_t){2, "Job.b", 2, 10, 4});
    publisher_expect_ack(&f, dealer, 2, 4, 5, 0);
}

/* A broker of another process publishes some and dies without a word; this one has not begun. */
static void die_after_publishing(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fixture_open(&f);
        publish_some();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A tick of the feed. */
static void join(message_t *m)
{
    void *sub = fixture_subscriber(&f, "Job.");
    subscriber_join(&f, sub, m);
}

static uint32_t parents_of(const message_t *m, wire_parent_t parents[WIRE_PARENTS_MAX])
{
    uint32_t count;
    assert_int_equal(wire_feed_parents(m->parts.data[1], m->parts.len[1], parents, &count), SL_OK);
    return count;
}

/* What was there is known, and the line goes on behind it. */
static void assert_it_goes_on(void)
{
    message_t m;
    join(&m);
    assert_int_equal(m.header.first, 6);
    assert_int_equal(message_tail(&m, "Job.a"), 3);
    assert_int_equal(message_tail(&m, "Job.b"), 5);
    message_free(&m);

    void *sub = fixture_subscriber(&f, "Job.");
    subscriber_join(&f, sub, &m);
    message_free(&m);
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.a", 3, 10, 1}); /* all known */
    publisher_expect_ack(&f, dealer, 1, 0, 0, 3);
    publisher_send(dealer, &(pub_t){2, "Job.a", 4, 10, 4}); /* two of them are */
    publisher_expect_ack(&f, dealer, 2, 6, 7, 2);
    subscriber_await(&f, sub, "Job.a", &m);
    assert_int_equal(m.header.first, 6);
    assert_int_equal(m.header.prev, 3);
    assert_int_equal(m.header.stream, f.broker.sequencer.o.stream);
    message_free(&m);
}

/* -- goes on --------------------------------------------------------------------------------- */

static void restart_goes_on_with_stream_numbers_tails_and_ids(void **state)
{
    (void)state;
    fixture_open(&f);
    uint64_t stream = f.broker.sequencer.o.stream;
    publish_some();
    restart();
    assert_int_equal(f.broker.sequencer.o.stream, stream);
    assert_true(f.broker.recovery.found.was_clean);
    assert_int_equal(f.broker.recovery.ids, 5);
    assert_int_equal(f.broker.recovery.topics, 2);
    assert_it_goes_on();
    message_t m;
    wire_parent_t parents[WIRE_PARENTS_MAX];
    join(&m);
    assert_int_equal(parents_of(&m, parents), 0);
    message_free(&m);
    fixture_close(&f);
}

static void restart_on_another_boot_goes_on_after_a_clean_end(void **state)
{
    (void)state;
    f.options.durability = DURABILITY_OS;
    fixture_open(&f);
    uint64_t stream = f.broker.sequencer.o.stream;
    publish_some();
    f.options.boot_id = "second boot";
    restart();
    assert_int_equal(f.broker.sequencer.o.stream, stream);
    assert_it_goes_on();
    fixture_close(&f);
}

static void restart_after_a_crash_goes_on_with_durability_os(void **state)
{
    (void)state;
    f.options.durability = DURABILITY_OS;
    die_after_publishing();
    fixture_open(&f);
    assert_false(f.broker.recovery.found.was_clean);
    assert_false(f.broker.recovery.found.new_stream);
    assert_it_goes_on();
    fixture_close(&f);
}

static void restart_after_the_machine_stopped_goes_on_with_durability_disk(void **state)
{
    (void)state;
    die_after_publishing();
    f.options.boot_id = "second boot";
    fixture_open(&f);
    assert_false(f.broker.recovery.found.was_clean);
    assert_false(f.broker.recovery.found.new_stream);
    assert_it_goes_on();
    fixture_close(&f);
}

/* -- begins anew ----------------------------------------------------------------------------- */

static void restart_after_the_machine_stopped_is_a_new_stream_with_durability_os(void **state)
{
    (void)state;
    f.options.durability = DURABILITY_OS;
    fixture_open(&f);
    uint64_t stream = f.broker.sequencer.o.stream;
    fixture_close(&f);
    f.peer_count = 0;
    die_after_publishing();
    f.options.boot_id = "second boot";
    fixture_open(&f);
    assert_true(f.broker.recovery.found.new_stream);
    assert_int_not_equal(f.broker.sequencer.o.stream, stream);
    assert_it_goes_on(); /* the number line does */
    message_t m;
    wire_parent_t parents[WIRE_PARENTS_MAX];
    join(&m);
    assert_int_equal(m.header.stream, f.broker.sequencer.o.stream);
    assert_int_equal(parents_of(&m, parents), 1);
    assert_int_equal(parents[0].stream, stream);
    assert_int_equal(parents[0].last, 5);
    message_free(&m);
    restart(); /* it keeps its parent */
    join(&m);
    assert_int_equal(parents_of(&m, parents), 1);
    message_free(&m);
    fixture_close(&f);
}

/* -- the dedup window ------------------------------------------------------------------------ */

/* The monotonic clock begins anew with the machine: the ids are older than it. */
static void restart_remembers_ids_as_long_as_their_age_allows(void **state)
{
    (void)state;
    sl_clock_manual_init(&f.clock, 50000000ull * MS, 1000000000ull * MS);
    f.use_clock = &f.clock.clock;
    f.options.dedup_age_ms = AGE_MS;
    fixture_open(&f);
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.a", 2, 10, 1});
    publisher_expect_ack(&f, dealer, 1, 1, 2, 0);
    sl_clock_manual_advance(&f.clock, AGE_MS / 2ull * MS);
    publisher_send(dealer, &(pub_t){2, "Job.a", 2, 10, 11});
    publisher_expect_ack(&f, dealer, 2, 3, 4, 0);
    fixture_close(&f);
    f.peer_count = 0;

    sl_clock_manual_init(&f.clock, MS, (1000000000ull + AGE_MS + 1) * MS);
    fixture_open(&f);
    assert_int_equal(f.broker.recovery.ids, 2);
    dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.a", 2, 10, 11});
    publisher_expect_ack(&f, dealer, 1, 0, 0, 2);
    publisher_send(dealer, &(pub_t){2, "Job.a", 2, 10, 1}); /* too old to be known */
    publisher_expect_ack(&f, dealer, 2, 5, 6, 0);
    sl_clock_manual_advance(&f.clock, (AGE_MS / 2ull + AGE_MS / 100) * MS);
    fixture_settle(&f);
    publisher_send(dealer, &(pub_t){3, "Job.a", 2, 10, 11}); /* now it is, too */
    publisher_expect_ack(&f, dealer, 3, 7, 8, 0);
    fixture_close(&f);
}

static void restart_remembers_as_many_ids_as_the_window_holds(void **state)
{
    (void)state;
    fixture_open(&f);
    publish_some();
    f.options.dedup_count = 2;
    restart();
    assert_int_equal(f.broker.sequencer.dedup.live, 2);
    void *dealer = fixture_publisher(&f);
    publisher_send(dealer, &(pub_t){1, "Job.a", 2, 10, 4});
    publisher_expect_ack(&f, dealer, 1, 0, 0, 2);
    publisher_send(dealer, &(pub_t){2, "Job.a", 1, 10, 3});
    publisher_expect_ack(&f, dealer, 2, 6, 6, 0);
    fixture_close(&f);
}

/* What retention took is not recognised after a restart, and the window in force says so before. */
static void restart_window_in_force_ends_where_retention_does(void **state)
{
    (void)state;
    enum { REQUESTS = 60, EVENTS = 50, BYTES = 1000 }; /* 3 MB */
    sl_clock_manual_init(&f.clock, 1000ull * MS, 1000000000ull * MS);
    f.use_clock = &f.clock.clock;
    f.options.retain_bytes = 1 << 20;
    fixture_open(&f);
    void *dealer = fixture_publisher(&f);
    fixture_settle(&f);
    assert_int_equal(fixture_count(&f, BROKER_DEDUP_WINDOW_EVENTS), f.options.dedup_count);
    assert_int_equal(fixture_count(&f, BROKER_DEDUP_WINDOW_MS), f.options.dedup_age_ms);
    for (uint64_t n = 1; n <= REQUESTS; n++) {
        sl_clock_manual_advance(&f.clock, MS * 1000);
        publisher_send(dealer, &(pub_t){n, "Job.a", EVENTS, BYTES, 1 + EVENTS * n});
        wire_intake_t answer = publisher_answer(&f, dealer);
        assert_int_equal(answer.type, WIRE_ACK);
    }
    sl_clock_manual_advance(&f.clock, MS * 1000);
    fixture_settle(&f);
    uint64_t window = fixture_count(&f, BROKER_DEDUP_WINDOW_EVENTS);
    assert_in_range(window, EVENTS, REQUESTS * EVENTS / 2);
    assert_int_equal(fixture_count(&f, BROKER_DEDUP_WINDOW_MS), window / EVENTS * 1000);
    restart();
    assert_int_equal(f.broker.recovery.ids, window);
    fixture_close(&f);
}

static void note_warning(const char *line, size_t len, void *ctx)
{
    static const char wanted[] = " warn BROKER-CLOCK ahead_ms=100000000 ";
    if (memmem(line, len, wanted, sizeof wanted - 1) != NULL)
        ++*(int *)ctx;
}

static void restart_time_never_goes_back(void **state)
{
    (void)state;
    int warnings = 0;
    log_set_sink(note_warning, &warnings);
    sl_clock_manual_init(&f.clock, 1000ull * MS, 1000000000ull * MS);
    f.use_clock = &f.clock.clock;
    fixture_open(&f);
    publish_some();
    fixture_close(&f);
    f.peer_count = 0;
    sl_clock_manual_init(&f.clock, 1000ull * MS, 900000000ull * MS); /* set back */
    assert_int_equal(warnings, 0);
    fixture_open(&f);
    log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 1);
    message_t m;
    join(&m);
    assert_int_equal(m.header.time_ns, 1000000000ull * MS);
    message_free(&m);
    assert_it_goes_on();
    assert_int_equal(f.broker.sequencer.time_ns, 1000000000ull * MS);
    fixture_close(&f);
}

/* -- stopping -------------------------------------------------------------------------------- */

static void restart_after_a_drain_has_all_that_was_taken(void **state)
{
    (void)state;
    fixture_open(&f);
    void *dealer = fixture_publisher(&f);
    for (uint64_t n = 1; n <= 10; n++)
        publisher_send(dealer, &(pub_t){n, "Job.a", 100, 100, 100 * n});
    fixture_await(&f, BROKER_INTAKE_MESSAGES, 11);
    broker_begin_drain(&f.broker);
    while (!broker_is_drained(&f.broker))
        fixture_turn(&f);
    for (uint64_t n = 1; n <= 10; n++)
        publisher_expect_ack(&f, dealer, n, 100 * n - 99, 100 * n, 0);
    restart();
    assert_true(f.broker.recovery.found.was_clean);
    assert_int_equal(f.broker.sequencer.next, 1001);
    fixture_close(&f);
}

/* -- what cannot be started ------------------------------------------------------------------ */

static void assert_no_start(sl_err err)
{
    static broker_t second;
    const char *failed = NULL;
    assert_int_equal(broker_init(&second, &f.options, NULL, &sl_clock_system, &failed), err);
    assert_non_null(failed);
}

static void restart_beside_a_running_broker_is_refused(void **state)
{
    (void)state;
    fixture_open(&f);
    publish_some();
    assert_no_start(SL_EEXIST);
    fixture_close(&f);
}

static void restart_with_too_few_topics_is_refused(void **state)
{
    (void)state;
    fixture_open(&f);
    publish_some();
    fixture_close(&f);
    f.peer_count = 0;
    f.options.topics = 1;
    assert_no_start(SL_ELIMIT);
    f.options.topics = 2; /* the refusal did no harm */
    fixture_open(&f);
    assert_it_goes_on();
    fixture_close(&f);
}

static void restart_in_a_directory_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char path[2 * TEST_DIR_BYTES];
    snprintf(path, sizeof path, "%s/no/such", dir);
    f.options.data = path;
    assert_no_start(SL_EIO);
    snprintf(path, sizeof path, "%s/file", dir);
    fclose(fopen(path, "w"));
    assert_no_start(SL_EIO);
}

static void keep_line(const char *line, size_t len, void *ctx)
{
    snprintf(ctx, 512, "%.*s", (int)len, line);
}

/* Tells it until the log, which writes a few such lines a second, took one. */
static void tell(const recovery_t *r, char line[512])
{
    line[0] = '\0';
    while (line[0] == '\0')
        recovery_tell(r, dir);
}

/* Also when no record was put aside or saved: then everything is lost. */
static void restart_on_a_damaged_journal_is_a_warning(void **state)
{
    (void)state;
    char line[512];
    recovery_t r = {.found = {.stream = 7, .next = 1}};
    log_set_sink(keep_line, line);
    tell(&r, line);
    assert_non_null(strstr(line, " info BROKER-JOURNAL"));
    strcpy(r.found.damage, "page 2 is none");
    tell(&r, line);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(line, " warn BROKER-JOURNAL"));
    assert_non_null(strstr(line, "damage: page 2 is none"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(restart_goes_on_with_stream_numbers_tails_and_ids),
        TEST(restart_on_another_boot_goes_on_after_a_clean_end),
        TEST(restart_after_a_crash_goes_on_with_durability_os),
        TEST(restart_after_the_machine_stopped_goes_on_with_durability_disk),
        TEST(restart_after_the_machine_stopped_is_a_new_stream_with_durability_os),
        TEST(restart_remembers_ids_as_long_as_their_age_allows),
        TEST(restart_remembers_as_many_ids_as_the_window_holds),
        TEST(restart_window_in_force_ends_where_retention_does),
        TEST(restart_time_never_goes_back),
        TEST(restart_after_a_drain_has_all_that_was_taken),
        TEST(restart_beside_a_running_broker_is_refused),
        TEST(restart_with_too_few_topics_is_refused),
        TEST(restart_on_a_damaged_journal_is_a_warning),
        TEST(restart_in_a_directory_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static tally_t tally;

static int setup(void **state)
{
    (void)state;
    tally_init(&tally);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tally_fini(&tally);
    return 0;
}

static void begin(unsigned lines)
{
    for (unsigned i = 0; i < lines; i++)
        assert_int_equal(tally_begin(&tally), SL_OK);
}

static void accept(uint64_t line)
{
    tally_settle(&tally, line, TALLY_ACCEPTED, NULL);
}

static void assert_told(const char *expected)
{
    sl_buf_append_byte(&tally.out, '\0');
    assert_string_equal((const char *)tally.out.data, expected);
    sl_buf_clear(&tally.out);
}

static void a_run_of_accepted_lines_is_told_once(void **state)
{
    (void)state;
    begin(3);
    accept(1);
    accept(2);
    assert_told("");
    tally_tell_run(&tally);
    assert_told("accepted 1-2\n");
    accept(3);
    tally_tell_run(&tally);
    assert_told("accepted 3\n");
    tally_tell_run(&tally);
    assert_told("");
    assert_int_equal(tally.accepted, 3);
}

static void answers_out_of_order_are_told_in_order(void **state)
{
    (void)state;
    begin(5);
    accept(3);
    tally_settle(&tally, 2, TALLY_REFUSED, "%s at %d", "broken", 7);
    accept(5);
    tally_tell_run(&tally);
    assert_told("");
    accept(1);
    tally_tell_run(&tally);
    assert_told("accepted 1\nrefused 2: broken at 7\naccepted 3\n");
    accept(4);
    tally_tell_run(&tally);
    assert_told("accepted 4-5\n");
    assert_int_equal(tally.accepted, 4);
    assert_int_equal(tally.refused, 1);
}

static void a_blank_line_counts_for_nothing(void **state)
{
    (void)state;
    begin(3);
    accept(1);
    tally_settle(&tally, 2, TALLY_BLANK, NULL);
    accept(3);
    tally_tell_run(&tally);
    assert_told("accepted 1\naccepted 3\n");
    assert_int_equal(tally.accepted, 2);
    assert_int_equal(tally.refused, 0);
}

static void a_reason_cannot_move_the_cursor(void **state)
{
    (void)state;
    begin(1);
    tally_settle(&tally, 1, TALLY_REFUSED, "%s", "\x1b[2J\n");
    assert_told("refused 1: \\x1b[2J\\x0a\n");
}

/* A window of lines that moves far past the ring's size, answered backwards in groups. */
static void many_lines_pass_through(void **state)
{
    (void)state;
    for (uint64_t group = 0; group < 100; group++) {
        begin(1000);
        for (uint64_t i = 1000; i > 0; i--)
            accept(group * 1000 + i);
    }
    tally_tell_run(&tally);
    assert_told("accepted 1-100000\n");
    assert_true(tally.cap <= 1024);
}

static void lines_that_never_settle_are_freed(void **state)
{
    (void)state;
    begin(300);
    for (uint64_t line = 2; line <= 300; line++)
        tally_settle(&tally, line, TALLY_REFUSED, "no %d", 1);
    assert_told(""); /* and the leak checker has the last word */
}

int main(void)
{
#define TALLY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TALLY_TEST(a_run_of_accepted_lines_is_told_once),
        TALLY_TEST(answers_out_of_order_are_told_in_order),
        TALLY_TEST(a_blank_line_counts_for_nothing),
        TALLY_TEST(a_reason_cannot_move_the_cursor),
        TALLY_TEST(many_lines_pass_through),
        TALLY_TEST(lines_that_never_settle_are_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

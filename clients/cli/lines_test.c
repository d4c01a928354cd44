#include "lines.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct piped {
    lines_t lines;
    int read_fd, write_fd;
} piped_t;

static int setup(void **state)
{
    piped_t *p = calloc(1, sizeof *p);
    int fds[2];
    if (p == NULL || pipe2(fds, O_NONBLOCK) != 0)
        return -1;
    p->read_fd = fds[0];
    p->write_fd = fds[1];
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    piped_t *p = *state;
    lines_fini(&p->lines);
    close(p->read_fd);
    if (p->write_fd >= 0)
        close(p->write_fd);
    free(p);
    return 0;
}

static void feed(piped_t *p, const char *bytes, size_t len)
{
    assert_int_equal(write(p->write_fd, bytes, len), len);
    while (lines_fill(&p->lines, p->read_fd) == SL_OK)
        ;
}

static void feed_text(piped_t *p, const char *text)
{
    feed(p, text, strlen(text));
}

static void end_input(piped_t *p)
{
    close(p->write_fd);
    p->write_fd = -1;
    assert_int_equal(lines_fill(&p->lines, p->read_fd), SL_ECLOSED);
}

static void assert_line(piped_t *p, const char *expected)
{
    const char *line;
    size_t len;
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_OK);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(line, expected, len);
}

static void assert_no_line(piped_t *p)
{
    const char *line;
    size_t len;
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_EAGAIN);
}

static void lines_come_without_their_ends_and_counted(void **state)
{
    piped_t *p = *state;
    feed_text(p, "one\n\ntwo\n");
    assert_line(p, "one");
    assert_line(p, "");
    assert_line(p, "two");
    assert_int_equal(p->lines.number, 3);
    assert_no_line(p);
}

static void a_line_may_come_in_pieces(void **state)
{
    piped_t *p = *state;
    const char *text = "piecemeal\nrest";
    for (size_t i = 0; i < strlen("piecemeal"); i++) {
        feed(p, text + i, 1);
        assert_no_line(p);
    }
    feed_text(p, "\nrest");
    assert_line(p, "piecemeal");
    assert_no_line(p);
    feed_text(p, "ing\n");
    assert_line(p, "resting");
}

static void the_last_line_needs_no_end(void **state)
{
    piped_t *p = *state;
    feed_text(p, "a\nlast");
    end_input(p);
    assert_line(p, "a");
    assert_line(p, "last");
    assert_no_line(p);
}

static void an_end_behind_the_last_line_is_no_further_line(void **state)
{
    piped_t *p = *state;
    feed_text(p, "only\n");
    end_input(p);
    assert_line(p, "only");
    assert_no_line(p);
}

static void bytes_are_kept_as_they_are(void **state)
{
    piped_t *p = *state;
    const char *line;
    size_t len;
    feed(p, "a\0b\xff\r\n", 6);
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(line, "a\0b\xff\r", 5);
}

/* Feeds `len` bytes of 'x' in pieces that a pipe holds. */
static void feed_long(piped_t *p, size_t len)
{
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    while (len > 0) {
        size_t now = len < sizeof piece ? len : sizeof piece;
        feed(p, piece, now);
        assert_no_line(p);
        len -= now;
    }
}

static void a_line_of_the_greatest_length_is_whole(void **state)
{
    piped_t *p = *state;
    const char *line;
    size_t len;
    feed_long(p, LINES_MAX);
    feed_text(p, "\nnext\n");
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_OK);
    assert_int_equal(len, LINES_MAX);
    assert_line(p, "next");
}

static void a_longer_line_is_refused_and_the_next_one_good(void **state)
{
    piped_t *p = *state;
    const char *line;
    size_t len;
    feed_long(p, LINES_MAX + 1);
    feed_text(p, "\nnext\n");
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_ELIMIT);
    assert_int_equal(line[0], 'x');
    assert_line(p, "next");
    assert_int_equal(p->lines.number, 2);
}

static void a_line_that_grows_too_long_with_its_end_is_refused(void **state)
{
    piped_t *p = *state;
    const char *line;
    size_t len;
    feed_long(p, LINES_MAX);
    feed_text(p, "x\nnext\n"); /* the byte too many and the end in one read */
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_ELIMIT);
    assert_line(p, "next");
}

static void a_line_without_end_takes_no_more_memory_than_a_good_one(void **state)
{
    piped_t *p = *state;
    const char *line;
    size_t len;
    feed_long(p, 5 * (size_t)LINES_MAX);
    assert_true(p->lines.buf.cap <= 4 * (size_t)LINES_MAX);
    feed_text(p, "\nnext\n");
    assert_int_equal(lines_next(&p->lines, &line, &len), SL_ELIMIT);
    assert_true(len <= LINES_MAX);
    assert_line(p, "next");
    end_input(p);
    assert_no_line(p);
}

int main(void)
{
#define LINES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LINES_TEST(lines_come_without_their_ends_and_counted),
        LINES_TEST(a_line_may_come_in_pieces),
        LINES_TEST(the_last_line_needs_no_end),
        LINES_TEST(an_end_behind_the_last_line_is_no_further_line),
        LINES_TEST(bytes_are_kept_as_they_are),
        LINES_TEST(a_line_of_the_greatest_length_is_whole),
        LINES_TEST(a_longer_line_is_refused_and_the_next_one_good),
        LINES_TEST(a_line_that_grows_too_long_with_its_end_is_refused),
        LINES_TEST(a_line_without_end_takes_no_more_memory_than_a_good_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

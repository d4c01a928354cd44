#include "pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const events[] = {"one", "", "and three"};
enum { EVENTS = 3 };

/* The three as a message, in memory of exactly its length: a sanitizer sees a byte too far. */
static uint8_t *sealed(size_t *len)
{
    pack_t pack = {0};
    sl_buf_t out = SL_BUF_INIT;
    for (size_t i = 0; i < EVENTS; i++)
        assert_true(pack_add(&pack, events[i], strlen(events[i])));
    assert_true(pack_seal(&pack, &out));
    uint8_t *copy = malloc(out.len);
    memcpy(copy, out.data, out.len);
    *len = out.len;
    sl_buf_fini(&out);
    pack_fini(&pack);
    return copy;
}

static void take(void *ctx, const void *event, size_t len)
{
    size_t *taken = ctx;
    assert_true(*taken < EVENTS);
    assert_int_equal(len, strlen(events[*taken]));
    assert_memory_equal(event, events[*taken], len);
    (*taken)++;
}

static void ignore(void *ctx, const void *event, size_t len)
{
    (void)event, (void)len;
    (*(size_t *)ctx)++;
}

static void events_come_out_as_they_went_in(void **state)
{
    (void)state;
    size_t len, taken = 0;
    uint8_t *message = sealed(&len);
    assert_true(pack_split(message, len, take, &taken));
    assert_int_equal(taken, EVENTS);
    free(message);
}

static void a_message_begins_with_the_count_and_the_ends(void **state)
{
    (void)state;
    size_t len;
    uint8_t *message = sealed(&len);
    static const uint8_t expected[] = "\x03\0\0\0\x03\0\0\0\x03\0\0\0\x0c\0\0\0oneand three";
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(message, expected, len);
    free(message);
}

static void a_sealed_pack_is_empty_and_good_for_the_next(void **state)
{
    (void)state;
    pack_t pack = {0};
    sl_buf_t out = SL_BUF_INIT;
    size_t taken = 0;
    assert_true(pack_add(&pack, "gone", 4));
    assert_true(pack_seal(&pack, &out));
    sl_buf_clear(&out);
    assert_int_equal(pack.count, 0);
    assert_true(pack_add(&pack, events[0], 3));
    assert_true(pack_seal(&pack, &out));
    assert_true(pack_split(out.data, out.len, take, &taken));
    assert_int_equal(taken, 1);
    sl_buf_fini(&out);
    pack_fini(&pack);
}

static void every_truncation_is_refused_whole(void **state)
{
    (void)state;
    size_t len, taken = 0;
    uint8_t *message = sealed(&len);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, message, cut);
        assert_false(pack_split(copy, cut, ignore, &taken));
        free(copy);
    }
    assert_int_equal(taken, 0);
    free(message);
}

static void a_count_or_an_end_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    size_t len, taken = 0;
    uint8_t *message = sealed(&len);
    for (size_t at = 0; at < 16; at++) { /* count and ends, byte by byte */
        message[at] ^= 0x41;
        assert_false(pack_split(message, len, ignore, &taken));
        message[at] ^= 0x41;
    }
    assert_int_equal(taken, 0);
    free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_out_as_they_went_in),
        cmocka_unit_test(a_message_begins_with_the_count_and_the_ends),
        cmocka_unit_test(a_sealed_pack_is_empty_and_good_for_the_next),
        cmocka_unit_test(every_truncation_is_refused_whole),
        cmocka_unit_test(a_count_or_an_end_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

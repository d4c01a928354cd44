#include "sum_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BYTES = 5000, PIECES = 3, ROUNDS = 20000 };

static uint8_t bytes[BYTES];

static int fill(void **state)
{
    (void)state;
    srand(1);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)rand();
    return 0;
}

/* Cuts what is summed at two places, so that pieces of no bytes occur too. */
static void holds_however_it_is_cut(sl_sum_fn *sum)
{
    for (int round = 0; round < ROUNDS; round++) {
        size_t most = round % 2 == 0 ? 600 : BYTES; /* xxHash takes other ways to 240 bytes */
        size_t len = (size_t)rand() % (most + 1);
        size_t first = (size_t)rand() % (len + 1), second = (size_t)rand() % (len - first + 1);
        const sl_piece_t whole = {bytes, len};
        const sl_piece_t pieces[PIECES] = {{bytes, first},
                                           {bytes + first, second},
                                           {bytes + first + second, len - first - second}};
        uint64_t expected = XXH3_64bits(bytes, len);
        assert_int_equal(sum(&whole, 1), expected);
        assert_int_equal(sum(pieces, PIECES), expected);
    }
}

static void the_sum_is_xxh3_64(void **state)
{
    (void)state;
    holds_however_it_is_cut(sl_sum);
}

static void every_kernel_comes_to_the_same(void **state)
{
    (void)state;
    holds_however_it_is_cut(sl_sum_plain);
#ifdef SUM_HAS_AVX2
    if (__builtin_cpu_supports("avx2"))
        holds_however_it_is_cut(sl_sum_avx2);
#endif
}

static void of_nothing_it_is_what_xxhash_documents(void **state)
{
    (void)state;
    assert_int_equal(sl_sum(NULL, 0), 0x2D06800538D394C2);
    assert_int_equal(sl_sum(&(sl_piece_t){NULL, 0}, 1), 0x2D06800538D394C2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_xxh3_64),
        cmocka_unit_test(every_kernel_comes_to_the_same),
        cmocka_unit_test(of_nothing_it_is_what_xxhash_documents),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}

/* sum_kernel.c - xxHash, inlined, for the instructions that the compiler is told to use.
 * SUM_KERNEL is the name that it gets. */
#include "sum_kernel.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t SUM_KERNEL(const sl_piece_t *pieces, size_t count)
{
    if (count == 1)
        return XXH3_64bits(pieces[0].data, pieces[0].len);
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (size_t i = 0; i < count; i++) /* long ones are read where they lie */
        XXH3_64bits_update(&state, pieces[i].data, pieces[i].len);
    return XXH3_64bits_digest(&state);
}

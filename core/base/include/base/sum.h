/* sum.h - XXH3-64 (seed 0, the default secret) with the widest instructions that this CPU has.
 *
 * xxHash itself chooses when it is compiled, and what is compiled for any x86-64 takes half the
 * bytes a second that AVX2 does.  The result is the same everywhere. */
#ifndef BASE_SUM_H
#define BASE_SUM_H

#include <stddef.h>
#include <stdint.h>

typedef struct sl_piece {
    const void *data; /**< may be NULL when len is 0 */
    size_t len;
} sl_piece_t;

/** The sum of the pieces as if they lay one after another.  Any thread. */
uint64_t sl_sum(const sl_piece_t *pieces, size_t count);

#endif

#include "sum_kernel.h"

/* The CPU is asked each time: a look at what libgcc found out when the program was loaded. */
uint64_t sl_sum(const sl_piece_t *pieces, size_t count)
{
#ifdef SUM_HAS_AVX2
    if (__builtin_cpu_supports("avx2"))
        return sl_sum_avx2(pieces, count);
#endif
    return sl_sum_plain(pieces, count);
}

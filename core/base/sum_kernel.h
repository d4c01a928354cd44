/* sum_kernel.h - the ways to compute a sum: sum_kernel.c, compiled once for each. */
#ifndef BASE_SUM_KERNEL_H
#define BASE_SUM_KERNEL_H

#include "base/sum.h"

typedef uint64_t sl_sum_fn(const sl_piece_t *pieces, size_t count);

sl_sum_fn sl_sum_plain;
#ifdef SUM_HAS_AVX2
sl_sum_fn sl_sum_avx2; /**< only where the CPU has AVX2 */
#endif

#endif

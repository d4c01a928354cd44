/* sum_kernel.h - the ways to compute a sum: sum_kernel.c, compiled once for each. */
#ifndef BASE_SUM_KERNEL_H
#define BASE_SUM_KERNEL_H

#include "base/sum.h"

typedef uint64_t sum_kernel_t(const sl_piece_t *pieces, size_t count);

sum_kernel_t sum_plain;
#ifdef SUM_HAS_AVX2
sum_kernel_t sum_avx2; /**< only where the CPU has AVX2 */
#endif

#endif

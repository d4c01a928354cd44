#include "base/heap.h"

#include <stdlib.h> /* __GLIBC__ */

#ifdef __GLIBC__
#include <malloc.h>

enum { MIB = 1024 * 1024 };

void sl_heap_keep_freed(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 * MIB);
    mallopt(M_TRIM_THRESHOLD, 256 * MIB);
    mallopt(M_TOP_PAD, 16 * MIB);
}
#else
void sl_heap_keep_freed(void)
{
}
#endif

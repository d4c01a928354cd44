/* heap.h - how a program of ours wants its heap.  Never called in a library for others. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/** Freed memory is kept for what comes next.  By default glibc returns pieces of 128 KiB and more,
 * such as batches are, to the system, which clears them anew each time.  Once, before threads. */
void sl_heap_keep_freed(void);

#endif

/* allocations.h - how often was memory asked for, and by whom?
 *
 * malloc and its kin, and mmap, stand here in front of libc's own, for the whole program.  They
 * count while this thread says so: calls from the program's own code, which is ours, apart from
 * those of the libraries that it uses (libzmq, libcrypto, and libc for itself). */
#ifndef INSTRUCTIONS_ALLOCATIONS_H
#define INSTRUCTIONS_ALLOCATIONS_H

#include <stdint.h>

typedef struct allocations {
    uint64_t ours, libraries;
} allocations_t;

/** Counts what this thread asks for from here on, on top of what was counted before. */
void allocations_begin(void);
void allocations_end(void);

/** All that was counted so far. */
allocations_t allocations_counted(void);

#endif

/* thread_cpu.h - which of a process's threads uses the CPU?
 *
 * Threads are known by the names that the kernel shows (/proc/<pid>/task/<tid>/comm).  The clock of
 * another process's thread cannot be read, but its schedstat tells nanoseconds too. */
#ifndef BENCH_THREAD_CPU_H
#define BENCH_THREAD_CPU_H

#include <stdint.h>
#include <sys/types.h>

/** CPU time so far, ns, of all threads of the process that have this name; 0 where there is none,
 *  or the kernel keeps no schedstat. */
uint64_t thread_cpu_ns(pid_t pid, const char *name);

#endif

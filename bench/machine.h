/* machine.h - what figures were measured on: processor, memory, kernel, disk, compiler, libraries.
 *
 * All of it is asked once, of the kernel, /proc and /sys, and becomes facts of a result.  Only how
 * much of the time a hypervisor gave to others is known by the end of a bench: two looks at
 * /proc/stat.  What the system does not tell is no fact. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** @param dir  the folder that the daemons' data lie in. */
void machine_put_facts(result_t *result, const char *dir);

/** Where time went since the machine started, of all CPUs, in the kernel's ticks. */
typedef struct machine_times {
    uint64_t all, stolen;
} machine_times_t;

/** Reads the first line of /proc/stat.  @return false: it does not tell of stolen time. */
bool machine_read_times(const char *line, machine_times_t *times);

/** Now.  @return as machine_read_times. */
bool machine_times_now(machine_times_t *times);

/** Of the time between two looks; 0 where there is none between them. */
double machine_stolen_share(const machine_times_t *begin, const machine_times_t *end);

/** Puts the share stolen since `begin` as a fact. */
void machine_put_stolen(result_t *result, const machine_times_t *begin);

typedef struct machine_processor {
    char name[128]; /**< "unknown" where it is not told */
    bool virtual;   /**< its flags say that it stands under a hypervisor */
} machine_processor_t;

/** Reads the first processor of /proc/cpuinfo. */
void machine_read_processor(FILE *cpuinfo, machine_processor_t *processor);

/** The word in brackets: "always [madvise] never" -> "madvise".  @return false: there is none. */
bool machine_read_choice(const char *line, char *out, size_t size);

/** The name of a file system, by what statfs calls its type; of an unknown one that in hex. */
void machine_file_system_name(unsigned long type, char *out, size_t size);

/** Of the folder; "unknown" where it cannot be asked. */
void machine_file_system(const char *dir, char *out, size_t size);

/** Does what lies there survive no loss of power, as on a tmpfs? */
bool machine_is_in_memory(const char *dir);

/** For whoever is to keep things on a disk there: says on stderr, once, when there is none. */
void machine_warn_of_memory(const char *dir);

#endif

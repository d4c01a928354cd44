/* systems.h - how each measured system looks and is called, the same in every plot.
 *
 * A system is a family (its hue) in one of four ways (its dash): as its client library has it, by a
 * lean reader, carrying batches, keeping events. */
#ifndef BENCH_REPORT_SYSTEMS_H
#define BENCH_REPORT_SYSTEMS_H

#include <stddef.h>

typedef struct system_look {
    int hue, dash;
} system_look_t;

enum { SYSTEMS_HUE_OURS = 0, SYSTEMS_HUE_OTHERS = 7 };

/** @param key    what stands before a figure: "nats_lean", "batch_redis".
 *  @param other  the hue where none of the systems is named in it. */
system_look_t systems_look(const char *key, int other);

/** "nats_lean" -> "nats-lean". */
void systems_name(const char *key, char *out, size_t size);

/** What figures of our own begin with. */
#define SYSTEMS_OURS "sluice"

#endif

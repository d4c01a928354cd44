/* roster.h - whom a bench holds against each other: the carriers that its option names.
 *
 *     "sluice,nats-lean,nats-lean-packed"    these, in this order
 *     "all"      every carrier of this sluice-bench, and every other than ours packed
 *     "plain"    every carrier, none packed */
#ifndef BENCH_ROSTER_H
#define BENCH_ROSTER_H

#include "carrier.h"
#include "config/config.h"

#include <stddef.h>

enum { ROSTER_MAX = 32, ROSTER_KEY_MAX = 48 };

typedef struct roster {
    const carrier_ops_t *items[ROSTER_MAX];
    size_t count;
} roster_t;

/** @param wrong  receives the name that is no carrier, or too many; may be NULL.
 *  @return false: see `wrong`. */
bool roster_of(roster_t *roster, const config_list_t *names, const char **wrong);

/** For a bench's check of its options: complains about each name that this sluice-bench does not
 * have, with the package that would bring it, and each that does not do the transport. */
void roster_check(config_t *config, const char *key, const config_list_t *names,
                  daemons_transport_t transport);

/** Drops those that `keep` does not want. */
void roster_keep(roster_t *roster, bool (*keep)(const carrier_ops_t *ops, const void *ctx),
                 const void *ctx);

/** A carrier's name as its figures begin: "nats_lean_packed". */
void roster_key(const carrier_ops_t *ops, char out[ROSTER_KEY_MAX]);

#endif

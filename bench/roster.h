/* roster.h - whom a bench holds against each other: the carriers that its option names.
 *
 *     "sluice,nats-lean,nats-lean-packed"    these, in this order
 *     "all"      every carrier of this sluice-bench, and every other than ours packed
 *     "plain"    every carrier that passes events on, and ours; none packed.  Those that keep
 * events are another question, and are asked it by their names. */
#ifndef BENCH_ROSTER_H
#define BENCH_ROSTER_H

#include "carrier.h"
#include "config/config.h"

#include <stddef.h>
#include <stdint.h>

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

/** Whose turn is when: a permutation of 0 … count − 1, drawn anew for each run, so that nobody
 * always comes first or always behind the same one.  The same seed gives the same orders.
 *  @param count  at most ROSTER_MAX.
 *  @param run    from 0. */
void roster_order(size_t count, uint64_t seed, size_t run, size_t order[ROSTER_MAX]);

/** A carrier's name as its figures begin: "nats_lean_packed". */
void roster_key(const carrier_ops_t *ops, char out[ROSTER_KEY_MAX]);

#endif

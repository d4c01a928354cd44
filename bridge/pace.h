/* pace.h - how many more may be received this second?
 *
 * MNS throttles a consumer that leaves more than 1,000 messages a second undeleted: with a burst
 * into empty hands, or with one burst after another as fast as visibility ends.  So what is
 * received less what is deleted is kept below that over the last second, and over every shorter
 * time up to now, since nobody knows where the service's seconds begin:
 *
 *     | … | 100 ms | 100 ms | now      eleven slices; of each the whole, received - deleted, and
 *                   `---------'        the largest of its ends: so the largest sum that ends now is
 *                                      known, and stays within PACE_MOST
 *
 * A flow that is deleted as fast as it comes has no bound here.  Monotonic ms, handed in. */
#ifndef BRIDGE_PACE_H
#define BRIDGE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACE_MOST = 900, PACE_SLICES = 11, PACE_SLICE_MS = 100 };

typedef struct pace {
    struct {
        int64_t whole, end;
    } slices[PACE_SLICES];
    uint64_t slice; /**< the number of the current one, from time zero on */
} pace_t;

void pace_received(pace_t *pace, size_t count, uint64_t now_ms);
void pace_deleted(pace_t *pace, size_t count, uint64_t now_ms);

/** May so many be received now? */
bool pace_allows(pace_t *pace, size_t count, uint64_t now_ms);

/** When that may change though nothing happens: the next slice. */
uint64_t pace_due_ms(uint64_t now_ms);

#endif

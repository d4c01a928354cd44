/* pack.h - several events as one message, so that systems which know no batches can carry some.
 *
 *     | count u32 | end 0 u32 | end 1 u32 | … | event 0 | event 1 | …      numbers little endian
 *
 * An end counts from the first event's first byte, as in the feed's header: nobody must parse to
 * split.  Costs each event two copies on its way in, and none on its way out. */
#ifndef BENCH_PACK_H
#define BENCH_PACK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Events that are being gathered.  All zeros is an empty one. */
typedef struct pack {
    sl_buf_t ends, events;
    uint32_t count;
} pack_t;

/** @return false: no memory; the pack is as it was. */
bool pack_add(pack_t *pack, const void *event, size_t len);

/** Appends the message, and empties the pack.  @return false: no memory. */
bool pack_seal(pack_t *pack, sl_buf_t *out);

void pack_fini(pack_t *pack);

typedef void pack_event_fn(void *ctx, const void *event, size_t len);

/** Hands out the events of a message one by one.
 *  @return false: it is malformed, and none was handed out. */
bool pack_split(const void *message, size_t len, pack_event_fn *event, void *ctx);

#endif

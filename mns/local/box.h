/* box.h - a bounded place for things to look at: mails, short messages, dead pushes.
 *
 * Each entry is a JSON object, as text, oldest first.  A box that is full lets its oldest entry go
 * and counts it. */
#ifndef LOCAL_BOX_H
#define LOCAL_BOX_H

#include "base/buf.h"

typedef struct box_entry box_entry_t;
typedef struct box box_t;

/** Somebody who keeps entries beyond the process. */
typedef struct box_keeper {
    /** One was added.  @return the number by which it is kept. */
    uint64_t (*on_add)(void *ctx, const box_t *box, const char *text, size_t len);
    void (*on_remove)(void *ctx, const box_t *box, uint64_t number);
    void *ctx;
} box_keeper_t;

struct box {
    box_entry_t *entries; /**< oldest first */
    size_t count, bytes;
    size_t count_max, bytes_max;
    uint64_t added, dropped;
    box_keeper_t keeper; /**< its functions NULL: nobody */
};

void box_init(box_t *box, size_t count_max, size_t bytes_max);
/** Forgets all entries; the box stays usable. */
void box_clear(box_t *box);

/** Adds an object.  @param json  its text, copied; NULL, as when memory was short, counts as one
 *  that did not fit.  @return SL_OK, SL_ENOMEM (counted as dropped). */
sl_err box_add(box_t *box, const char *json);

/** Has entries kept from now on.  @param keeper  copied. */
void box_keep(box_t *box, const box_keeper_t *keeper);
/** Puts an entry back that was kept; the oldest first.  @return SL_OK, SL_ENOMEM. */
sl_err box_restore(box_t *box, uint64_t number, const char *text, size_t len);

/** Appends {"`name`":[…]}. */
void box_write(const box_t *box, const char *name, sl_buf_t *out);

#endif

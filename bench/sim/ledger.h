/* ledger.h - what was really published: one JSON line for each message that MNS confirmed.
 *
 *     {"n":17,"topic":"Job.OnJobFailed","id":"<MessageId>","time_ms":1780315200000,"md5":"<of the
 * body>"}
 *
 * `n` counts the notifications in the order of the workload, `id` is what a subscriber sees as the
 * event's id, `md5` is upper-case hex over the notification's JSON.  With bodies, the last member
 * is "body", the JSON as a string.  A message that was not confirmed is not in it. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "base/buf.h"

#include <stdio.h>

typedef struct ledger {
    FILE *file; /**< NULL: nobody wants one */
    bool bodies;
    sl_buf_t line;
} ledger_t;

typedef struct ledger_entry {
    uint64_t n;
    const char *topic, *id, *body;
    size_t body_len;
    uint64_t time_ms;
} ledger_entry_t;

/** @param path  NULL: none.  @return SL_OK, SL_EIO (errno). */
sl_err ledger_open(ledger_t *ledger, const char *path, bool bodies);
/** @return SL_OK, SL_ENOMEM, SL_EIO (errno). */
sl_err ledger_add(ledger_t *ledger, const ledger_entry_t *entry);
/** What was added can be read by others.  @return SL_OK, SL_EIO (errno). */
sl_err ledger_flush(ledger_t *ledger);
/** @return SL_OK, SL_EIO (errno): the ledger is not whole. */
sl_err ledger_close(ledger_t *ledger);

#endif

/* scan.h - records found in the bytes of a file whose tree cannot be trusted.
 *
 *     | .... | record [5..9] | .... | record [5..7], void | .... | record [8..12] | .. torn .. |
 *
 * The file is searched for the magic numbers of records, states and tails; what passes its sum is a
 * candidate.  A file holds more than what is in its tree: what retention took, what a commit that
 * failed left, copies that an update of a leaf left.  record.h says how those are told from what is
 * in force.  Bytes inside a record that is whole are not searched; and what belongs to another
 * journal, as an event may pretend, is left out.
 *
 * Memory: 32 bytes a record.  A file that cannot be read is an error, not damage. */
#ifndef JOURNAL_SCAN_H
#define JOURNAL_SCAN_H

#include "entry.h"

typedef struct scan_record {
    uint64_t offset; /**< in the file */
    uint64_t first;
    uint32_t count;
    uint32_t len;
    uint32_t era; /**< index into the scan's eras */
} scan_record_t;

typedef struct scan scan_t;

/** Searches the file.  @return SL_OK; SL_EIO (errno): it cannot be opened or read; SL_ENOMEM.
 */
sl_err scan_create(scan_t **out, const char *path);
void scan_destroy(scan_t **s);

/** What is in force, in the order of the numbers. */
const scan_record_t *scan_records(const scan_t *s, size_t *count);

/** Reads one of them; its bytes are borrowed until the next call.
 *  @return SL_OK; SL_EIO (errno); SL_EPROTO: it is not there any more. */
sl_err scan_read(scan_t *s, const scan_record_t *found, const uint8_t **bytes, record_t *r);

/** The youngest state, with the highest era and oldest number seen anywhere.
 *  @return false: none was found, and *state has nothing but journal, era and oldest. */
bool scan_state(const scan_t *s, store_state_t *state);

/** Shows the topics' tails, those that no record shows too. */
sl_err scan_tails(const scan_t *s,
                  sl_err (*tail)(void *ctx, const char *topic, size_t len, uint64_t last),
                  void *ctx);

/** Was something whole, but of a later format? */
bool scan_newer(const scan_t *s);

#endif

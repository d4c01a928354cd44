/* cursors_file.h - cursors as records in a file of LMDB.
 *
 *     DIR/cursors/data.mdb    name -> [format, generation, stream or nil, number or nil,
 *                                      touched_ns, patterns], and XXH3-64 over name and record
 *                             zero byte "generation" -> [format, generation], likewise
 *
 * One thread uses it at a time. */
#ifndef BROKER_CURSORS_FILE_H
#define BROKER_CURSORS_FILE_H

#include "wire/query.h"

typedef struct cursors_file cursors_file_t;

/** A cursor as it is kept. */
typedef struct cursor_record {
    uint64_t generation;
    bool placed;
    uint64_t stream, number;
    uint64_t touched_ns; /**< Unix time of the last commit or open */
    wire_texts_t patterns;
} cursor_record_t;

/** @return false: no memory. */
typedef bool cursors_file_load_fn(void *ctx, const char *name, size_t len,
                                  const cursor_record_t *record);

/** Opens DIR/cursors, makes it when it is not there, and shows every record.
 *  @param generation  receives the largest that was handed out.
 *  @return SL_OK; SL_EPROTO: damaged; SL_ENOMEM; SL_EIO (errno). */
sl_err cursors_file_open(cursors_file_t **out, const char *dir, bool synced, uint64_t map_bytes,
                         cursors_file_load_fn *load, void *ctx, uint64_t *generation);

/** Moves DIR/cursors to DIR/quarantine/cursors-N.  @return SL_OK, SL_EIO (errno). */
sl_err cursors_file_set_aside(const char *dir, uint64_t n);

void cursors_file_close(cursors_file_t **file);

/* One transaction: begin, any number of puts and drops, commit.  After an error it is aborted, and
 * the file must be closed. */

/** @param anew  empties the file first. */
sl_err cursors_file_begin(cursors_file_t *file, uint64_t generation, bool anew);
sl_err cursors_file_put(cursors_file_t *file, const char *name, size_t len,
                        const cursor_record_t *record);
sl_err cursors_file_drop(cursors_file_t *file, const char *name, size_t len);
sl_err cursors_file_commit(cursors_file_t *file);

#endif

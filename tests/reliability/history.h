/* history.h - what one subscriber had, in a file that survives kill -9.
 *
 * One record of 72 bytes for each event, and for each thing that happened between them, appended by
 * one write() each: a process that is killed leaves whole records, or at worst one torn at the end,
 * which its sum shows and the next start cuts off.  So "number and event are stored together" is
 * true without a database, and the last record says where to go on.
 *
 *     OPEN  EVENT EVENT EVENT COMMIT EVENT …   OPEN  EVENT …
 *     '------------- one process ----------'   '-- the next one
 *
 * The keeper writes it; histories.c and joins.c hold it against what was sent. */
#ifndef RELIABILITY_HISTORY_H
#define RELIABILITY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum history_kind {
    HISTORY_EVENT = 1, /**< number, stream, sealed_ns, topic, event, id */
    HISTORY_OPEN,      /**< a process began; number: where it goes on behind, 0: from the start */
    HISTORY_LOST,      /**< number … until */
    HISTORY_STREAM,    /**< the numbering is another one; number: last of the one it continues */
    HISTORY_COMMIT,    /**< the broker confirmed a commit of everything up to number */
    HISTORY_AWAY,      /**< the connection counts as dead */
    HISTORY_JOINED,    /**< the subscription is in force; number: all up to it is confirmed */
    HISTORY_REPLAY,    /**< it found that it lacks something, and asked; number: how often by now */
} history_kind_t;

typedef struct history_record {
    uint64_t number, stream;
    uint64_t sealed_ns; /**< Unix, by the broker */
    uint64_t stored_ns; /**< Unix, by us */
    union {
        uint64_t topic; /**< XXH3-64 of its name */
        uint64_t until;
    };
    uint64_t event; /**< XXH3-64 of its bytes */
    uint8_t id[16]; /**< XXH3-128 of the text of its `id` */
    uint32_t kind;  /**< history_kind_t */
    uint32_t sum;   /**< over all before it */
} history_record_t;

/** Opens for appending and cuts what is torn off the end.
 *  @param last  receives the last EVENT record; kind 0: there is none.
 *  @return a descriptor, or -1 with errno. */
int history_open(const char *path, history_record_t *last);

/** Appends one record, with its sum and the time.  @return false with errno. */
bool history_append(int fd, history_record_t *record);

/** A file's whole records, mapped for reading; what a writer appends later is not in it. */
typedef struct history_view {
    const history_record_t *records;
    size_t count, mapped_bytes;
} history_view_t;

/** @return false with errno; EBADMSG: a record inside it does not fit its sum. */
bool history_map(history_view_t *view, const char *path);
void history_unmap(history_view_t *view);

void history_hash_id(uint8_t out[16], const char *text, size_t len);
uint64_t history_hash(const void *bytes, size_t len);

/** An event's place and content in one number: sums of these compare sets. */
uint64_t history_mix(uint64_t number, uint64_t topic, uint64_t event);

#endif

/* show.h - records on standard output, for eyes or for programs.
 *
 *     record: QueueName jobs, ActiveMessages 3, …          one shape of data, three of text
 *
 *     table   (a terminal)      columns with a head line; a single record as name and value
 *     text    (no terminal)     values separated by tabs, a record a line, no head line; a single
 *                               record as lines of name, tab, value
 *     json    (--json)          one object a line
 *
 * In text, a tab, a line break, a backslash and every other control character of a value is written
 * as \t, \n, \r, \\ or \xNN; what is not known is empty, in JSON null.  Times are RFC 3339, UTC. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "base/buf.h"

typedef enum { SHOW_TABLE, SHOW_TEXT, SHOW_JSON } show_kind_t;
typedef enum { SHOW_ROWS, SHOW_SINGLE } show_shape_t;

typedef struct show {
    show_kind_t kind;
    show_shape_t shape;
    sl_buf_t record; /**< the pairs of the record being made, msgpack */
    uint32_t fields;
    sl_buf_t rows; /**< whole records that wait to be a table */
    uint32_t row_count;
    sl_buf_t out;
} show_t;

/** Picks the kind: json if asked for, table on a terminal, else text. */
void show_init(show_t *show, bool json);
void show_fini(show_t *show);

/** A record: begin, fields in order, end.  Records of SHOW_ROWS have the same fields each. */
void show_begin(show_t *show, show_shape_t shape);
void show_text(show_t *show, const char *name, const char *text); /**< NULL or "": not known */
/** A body, which may hold any byte; one that is no UTF-8 is shown in Base64. */
void show_bytes(show_t *show, const char *name, const char *bytes, size_t len);
void show_number(show_t *show, const char *name, int64_t number); /**< -1: not known */
void show_uint(show_t *show, const char *name, uint64_t number);
void show_bool(show_t *show, const char *name, int64_t value);       /**< -1: not known */
void show_time_s(show_t *show, const char *name, int64_t unix_s);    /**< -1: not known */
void show_time_ms(show_t *show, const char *name, int64_t unix_ms);  /**< 0: not known */
void show_time_ns(show_t *show, const char *name, uint64_t unix_ns); /**< 0: not known */
/** One msgpack value as it is; NULL: not known. */
void show_raw(show_t *show, const char *name, const void *value, size_t len);
void show_end(show_t *show);

/** What was done: "created queue jobs", in JSON {"Result":"created","Kind":"queue",
 *  "Name":"jobs"}, with "Location" if there is one. */
void show_verdict(show_t *show, const char *result, const char *kind, const char *name,
                  const char *location);

/** Writes all of it.  @return false: no memory, or the reader is gone. */
bool show_flush(show_t *show);

#endif

/* position.h - where in a stream to begin, as people say it.
 *
 *     now                      behind the last event there is
 *     earliest                 at the oldest event that is kept
 *     5120                     behind number 5120, the last one that one has
 *     2026-11-26T01:30:00Z     at a time, RFC 3339
 *     -10m, -1h30m, -7d        so long ago: s, m, h, d
 *
 * Pure functions over text. */
#ifndef CLI_POSITION_H
#define CLI_POSITION_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    POSITION_NOW,
    POSITION_EARLIEST,
    POSITION_NUMBER,
    POSITION_TIME,
} position_kind_t;

typedef struct position {
    position_kind_t kind;
    uint64_t number;  /**< of NUMBER */
    uint64_t time_ns; /**< of TIME: Unix ns, above 0 */
} position_t;

/** For help and complaints. */
#define POSITION_TEXT \
    "now, earliest, a number, a time (2026-11-26T01:30:00Z), or so long ago (-10m)"
#define POSITION_TIME_TEXT "a time (2026-11-26T01:30:00Z), or so long ago (-10m, -7d)"

/** @param now_ns  what "ago" counts from.  @return false: it is none of the five. */
bool position_parse(position_t *position, const char *text, uint64_t now_ns);

/** As position_parse, times only.  @return 0: it is none; else Unix ns. */
uint64_t position_parse_time(const char *text, uint64_t now_ns);

#endif

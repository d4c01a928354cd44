/* log.h - structured log lines on stderr.
 *
 * A line is a level, a fixed id to search for, and facts as `key=value` with units in the names;
 * free text follows a semicolon:
 *
 *     LOG_WARN("MNS-LATE-ACK", "queue=%s age_ms=%d; redelivery expected", queue, age_ms);
 *
 *     2026-06-01T12:00:00.123Z warn MNS-LATE-ACK queue=batch-events age_ms=31000; redelivery
 * expected
 *     {"time":"…","level":"warn","id":"MNS-LATE-ACK","queue":"batch-events","age_ms":"31000","text":"…"}
 *
 * The hot path counts and does not log.  Each call site writes at most LOG_BURST lines a second;
 * what it swallowed is told in the next line as `repeats=N`.  Threads: all may log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR } log_level_t;
typedef enum { LOG_FORMAT_TEXT, LOG_FORMAT_JSON } log_format_t;

enum { LOG_BURST = 5 }; /**< lines a second from one call site */

/** Sets what is written and how; default INFO and TEXT.  Call before threads start. */
void log_setup(log_level_t least, log_format_t format);

/** Where lines go; default: one write(2) to stderr each.  For tests; NULL restores the default. */
typedef void log_sink_fn(const char *line, size_t len, void *ctx);
void log_set_sink(log_sink_fn *sink, void *ctx);

/** What a call site remembers between its lines. */
typedef struct log_site {
    _Atomic uint64_t second;
    _Atomic uint32_t written, swallowed;
} log_site_t;

void log_write(log_site_t *site, log_level_t level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define LOG_AT(level, id, ...)                             \
    do {                                                   \
        static log_site_t log_site_;                       \
        log_write(&log_site_, (level), (id), __VA_ARGS__); \
    } while (0)
#define LOG_DEBUG(id, ...) LOG_AT(LOG_LEVEL_DEBUG, id, __VA_ARGS__)
#define LOG_INFO(id, ...)  LOG_AT(LOG_LEVEL_INFO, id, __VA_ARGS__)
#define LOG_WARN(id, ...)  LOG_AT(LOG_LEVEL_WARN, id, __VA_ARGS__)
#define LOG_ERROR(id, ...) LOG_AT(LOG_LEVEL_ERROR, id, __VA_ARGS__)

#endif

#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void write_stderr(const char *line, size_t len, void *ctx)
{
    (void)ctx;
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nowhere left to complain */
}

static struct {
    log_level_t least;
    log_format_t format;
    log_sink_fn *sink;
    void *sink_ctx;
} log_state = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, write_stderr, NULL};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(log_level_t least, log_format_t format)
{
    log_state.least = least;
    log_state.format = format;
}

void log_set_sink(log_sink_fn *sink, void *ctx)
{
    log_state.sink = sink != NULL ? sink : write_stderr;
    log_state.sink_ctx = ctx;
}

/* Counts this line against the site's second.  Racing threads may let a line more through. */
static bool site_admits(log_site_t *site, uint64_t second, uint32_t *repeats)
{
    if (atomic_exchange(&site->second, second) != second) {
        atomic_store(&site->written, 0);
        *repeats = atomic_exchange(&site->swallowed, 0);
    }
    if (atomic_fetch_add(&site->written, 1) < LOG_BURST)
        return true;
    atomic_fetch_add(&site->swallowed, 1);
    return false;
}

static void append_time(sl_buf_t *out, uint64_t wall_ns)
{
    time_t sec = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    char text[32];
    gmtime_r(&sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    sl_buf_printf(out, "%s.%03uZ", text, (unsigned)(wall_ns / 1000000u % 1000u));
}

/* Line breaks and control characters never reach the terminal: a peer may have chosen them.  C1
 * controls (U+009B begins a sequence like ESC [) are 0xc2 and a byte below 0xa0 in UTF-8. */
static void append_text(sl_buf_t *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            sl_buf_printf(out, "\\x%02x\\x%02x", c, next);
            text++;
        } else if (c < 0x20 || c == 0x7f) {
            sl_buf_printf(out, "\\x%02x", c);
        } else {
            sl_buf_append_byte(out, c);
        }
    }
}

static void append_json_string(sl_buf_t *out, const char *text, size_t len)
{
    sl_buf_append_byte(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            sl_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f) /* a log line is ASCII: foreign bytes may be no UTF-8 */
            sl_buf_printf(out, "\\u%04x", c);
        else
            sl_buf_append_byte(out, c);
    }
    sl_buf_append_byte(out, '"');
}

/* `a=1 b=two; text` becomes members a, b and text. */
static void append_json_facts(sl_buf_t *out, const char *text)
{
    const char *at = text;
    while (*at != '\0' && *at != ';') {
        size_t word = strcspn(at, " ;");
        const char *equals = memchr(at, '=', word);
        if (equals == NULL)
            break;
        sl_buf_append_byte(out, ',');
        append_json_string(out, at, (size_t)(equals - at));
        sl_buf_append_byte(out, ':');
        append_json_string(out, equals + 1, word - (size_t)(equals - at) - 1);
        at += word;
        at += strspn(at, " ");
    }
    at += strspn(at, "; ");
    if (*at != '\0') {
        sl_buf_append_str(out, ",\"text\":");
        append_json_string(out, at, strlen(at));
    }
}

static void format_line(sl_buf_t *out, uint64_t wall_ns, log_level_t level, const char *id,
                        const char *text, uint32_t repeats)
{
    if (log_state.format == LOG_FORMAT_JSON) {
        sl_buf_append_str(out, "{\"time\":\"");
        append_time(out, wall_ns);
        sl_buf_printf(out, "\",\"level\":\"%s\",\"id\":\"%s\"", level_names[level], id);
        if (repeats > 0)
            sl_buf_printf(out, ",\"repeats\":%u", repeats);
        append_json_facts(out, text);
        sl_buf_append_str(out, "}\n");
        return;
    }
    append_time(out, wall_ns);
    sl_buf_printf(out, " %s %s ", level_names[level], id);
    if (repeats > 0)
        sl_buf_printf(out, "repeats=%u ", repeats);
    append_text(out, text);
    sl_buf_append_byte(out, '\n');
}

void log_write(log_site_t *site, log_level_t level, const char *id, const char *format, ...)
{
    if (level < log_state.least)
        return;
    int saved_errno = errno;
    uint64_t wall_ns = sl_clock_wall_ns(&sl_clock_system);
    uint32_t repeats = 0;
    if (!site_admits(site, wall_ns / 1000000000u, &repeats))
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sl_buf_t line = SL_BUF_INIT;
    format_line(&line, wall_ns, level, id, text, repeats);
    if (line.len > 0)
        log_state.sink((const char *)line.data, line.len, log_state.sink_ctx);
    sl_buf_fini(&line);
    errno = saved_errno;
}

/* sluice sub - events on standard output, everything else on standard error.
 *
 * One loop: take items until there is none, flush, then wait for the subscription, the clock, a
 * signal, or for the reader of our output to leave.
 *
 * With a name, what was flushed is committed, never what still waits in our buffer: whoever reads
 * our output has each event before the cursor moves behind it. */
#include "cli.h"
#include "format.h"
#include "position.h"

#include "base/clock.h"
#include "wire/query.h"
#include "wire/topic.h"

#include <sluice.h>

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

enum {
    FLUSH_BYTES = 64 * 1024,
    WAIT_MS = 100, /* at most: the subscription's own timers want a turn too */
    ITEMS_PER_TURN = 4096,
    COMMIT_MS = 1000,
    LAST_COMMIT_MS = 2000,  /* at the end: as long as its answer may take */
    QUERY_SILENT_MS = 5000, /* of a broker that searches for a rare topic, some of it is usual */
};

typedef enum { COMMIT_AUTO, COMMIT_NONE } commit_t; /* in the order of the option's choices */

typedef struct options {
    const char *feed, *query;
    const char *from, *name;
    int format, commit, order;
    uint64_t count, timeout_s, stream;
    bool numbers, ready, repair;
} options_t;

static const config_opt_t opts[] = {
    {.key = "feed",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, feed),
     .def = "tcp://127.0.0.1:5551",
     .arg = "ENDPOINT",
     .help = "the broker's feed"},
    {.key = "query",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, query),
     .def = "tcp://127.0.0.1:5552",
     .arg = "ENDPOINT",
     .help = "the broker's query socket"},
    {.key = "from",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, from),
     .def = "now",
     .arg = "WHERE",
     .help = "where to begin: now, earliest, a number (behind it), a time "
             "(2026-11-26T01:30:00Z), or so long ago (-10m, -7d)",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "stream",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, stream),
     .help = "with --from NUMBER: the stream that it is a number of; 0: the present one",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "name",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, name),
     .help = "go on where the subscriber of this name stopped; a new one begins at --from",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "commit",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, commit),
     .def = "auto",
     .arg = "WHEN",
     .help = "with --name: auto, what was written out, every second and at the end; or none",
     .choices = "auto|none",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "order",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, order),
     .def = "topic",
     .arg = "ORDER",
     .help =
         "topic: each topic in order, at once; stream: numbers only rise, over all topics, up to "
         "0.1 s later; with --name it is stream, so that the place kept is exact",
     .choices = "topic|stream",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "repair",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, repair),
     .def = "true",
     .help = "fetch from the broker's journal what the feed lost; --no-repair tells of it only",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "format",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, format),
     .def = "auto",
     .arg = "FORMAT",
     .help =
         "pretty, json (a line each), cloudevents (a line each) or msgpack (one after another); "
         "auto is pretty on a terminal, else json",
     .choices = "auto|pretty|json|cloudevents|msgpack"},
    {.key = "count",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, count),
     .help = "end after this many events; 0 goes on"},
    {.key = "timeout",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, timeout_s),
     .arg = "SECONDS",
     .help = "end after this long; 0 goes on",
     .max = 1000000000},
    {.key = "numbers",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, numbers),
     .help = "with json: $topic, $number, $prev and $stream come first in each line"},
    {.key = "ready",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, ready),
     .help = "say \"ready\" on standard error once the subscription is in force"},
};

static void check_beginning(config_t *config, const options_t *options)
{
    position_t from;
    if (!position_parse(&from, options->from, sl_clock_wall_ns(&sl_clock_system)))
        config_complain(config, "from", "\"%s\" is not " POSITION_TEXT, options->from);
    else if (from.kind != POSITION_NUMBER && options->stream != 0)
        config_complain(config, "stream", "goes with --from NUMBER only");
    if (options->name != NULL && !wire_cursor_name_valid(options->name, strlen(options->name)))
        config_complain(config, "name", "\"%s\" is none: 1 to 128 of A-Z a-z 0-9 . _ : -",
                        options->name);
    if (options->name == NULL && config_given(config, "commit"))
        config_complain(config, "commit", "goes with --name only");
}

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    const char *const *patterns;
    size_t count = config_positional(config, &patterns);
    for (size_t i = 0; i < count; i++)
        if (!wire_pattern_valid(patterns[i], strlen(patterns[i])))
            config_complain(config, patterns[i],
                            "is no pattern; \"Job.\", \"*.On*Failed\" and "
                            "\"Job.OnJobFailed\" are some");
    if (options->numbers && options->format != FORMAT_JSON && options->format != FORMAT_AUTO)
        config_complain(config, "numbers", "goes with --format json only");
    check_beginning(config, options);
}

static const config_program_t program = {
    .name = "sluice sub",
    .summary = "Subscribes to events and prints them, as they come, on standard output.",
    .positional = "[PATTERN…]",
    .epilog =
        "A pattern is a whole topic (Job.OnJobFailed), a prefix that ends in a dot (Job.), or "
        "has stars, each for any run within a segment (*.On*Failed). Without one, every "
        "topic. Lost ranges and changes of the stream are told on standard error, a line "
        "each.\n\nWith --name the broker keeps the place: at least once, and only what came after "
        "the last commit comes again. A name has one holder; whoever takes it next fences the one "
        "before off. `sluice cursor` lists, moves and drops names.\n\n"
        "Exit: 0 when --count is reached, or --timeout without --count, or at "
        "SIGINT or SIGTERM, or when the reader of the output leaves; 1 when --timeout comes "
        "before --count, the output fails, another holder took the name, or the last commit was "
        "not answered; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

/* -- a run --------------------------------------------------------------------------------- */

typedef struct run {
    const options_t *options;
    sluice_sub_t *sub;
    format_t format;
    sl_buf_t out;
    uint64_t deadline_ms; /* 0: none */
    uint64_t commit_ms;   /* when the next commit is due; 0: never */
    uint64_t events, malformed, missed_ranges, missed_numbers;
    bool said_ready, said_silent, order_given;
    bool output_gone;
} run_t;

static void say_missed(run_t *run, const sluice_item_t *item)
{
    run->missed_ranges++;
    run->missed_numbers += item->lost_to - item->lost_from + 1;
    fprintf(stderr, "lost: numbers %" PRIu64 " to %" PRIu64 " of stream %" PRIu64, item->lost_from,
            item->lost_to, item->stream);
    if (item->topic != NULL)
        fprintf(stderr, " on %s", item->topic);
    fprintf(stderr, ": %s\n", item->reason);
}

static void say_stream(const sluice_item_t *item)
{
    if (item->parent_stream == 0)
        fprintf(stderr,
                "stream: it is %" PRIu64 " now, which does not know the one before; from its "
                "beginning\n",
                item->stream);
    else
        fprintf(stderr,
                "stream: it is %" PRIu64 " now; its numbers up to %" PRIu64 " are those of %" PRIu64
                "\n",
                item->stream, item->parent_last, item->parent_stream);
}

static void say_patterns(const run_t *run, const sluice_item_t *item)
{
    fprintf(stderr,
            "patterns: not those that %s was kept with; what only the new ones match comes from "
            "behind number %" PRIu64 " on (`sluice cursor reset` goes back)\n",
            run->options->name, item->number);
}

static void take_event(run_t *run, const sluice_item_t *item)
{
    sl_err err = format_event(&run->out, &run->format, item);
    if (err != SL_OK) {
        run->malformed++;
        fprintf(stderr, "sluice sub: number %" PRIu64 " on %.*s: %s\n", item->number,
                (int)item->topic_len, item->topic, sl_err_text(err));
        run->out.failed = false;
        return;
    }
    run->events++;
    if (run->out.len >= FLUSH_BYTES && !cli_flush(&run->out))
        run->output_gone = true;
}

static bool enough(const run_t *run)
{
    return run->output_gone || cli_stopping() ||
           (run->options->count > 0 && run->events >= run->options->count);
}

/* Takes what there is, some thousand items at most.  False: the subscription is of no use. */
static bool take_items(run_t *run, bool *idle)
{
    *idle = false;
    for (int i = 0; i < ITEMS_PER_TURN && !enough(run); i++) {
        sluice_item_t item;
        sluice_err err = sluice_sub_next(run->sub, &item, 0);
        if (err == SLUICE_EAGAIN) {
            *idle = true;
            return true;
        }
        if (err == SLUICE_EPROTO || err == SLUICE_EVERSION) {
            fprintf(stderr, "sluice sub: a message was skipped: %s\n", sluice_err_text(err));
        } else if (err != SLUICE_OK) {
            fprintf(stderr, "sluice sub: %s\n", sluice_err_text(err));
            return false;
        } else if (item.kind == SLUICE_ITEM_EVENT) {
            take_event(run, &item);
        } else if (item.kind == SLUICE_ITEM_LOST) {
            say_missed(run, &item);
        } else if (item.kind == SLUICE_ITEM_STREAM) {
            say_stream(&item);
        } else if (item.kind == SLUICE_ITEM_PATTERNS) {
            say_patterns(run, &item);
        }
    }
    return true;
}

static bool time_is_up(const run_t *run)
{
    return run->deadline_ms != 0 && sl_clock_mono_ms(&sl_clock_system) >= run->deadline_ms;
}

static bool commit_is_due(const run_t *run)
{
    return run->commit_ms != 0 && sl_clock_mono_ms(&sl_clock_system) >= run->commit_ms;
}

/* Everything returned so far was written out.  False: another holder has the name. */
static bool commit(run_t *run)
{
    run->commit_ms = sl_clock_mono_ms(&sl_clock_system) + COMMIT_MS;
    sluice_err err = sluice_sub_commit(run->sub, 0);
    if (err == SLUICE_OK || err == SLUICE_EAGAIN)
        return true;
    fprintf(stderr, "sluice sub: %s\n", sluice_err_text(err));
    return false;
}

/* Without a place, nothing was ever returned.  (That a connection is gone says nothing of that.) */
static bool has_place(const run_t *run)
{
    sluice_sub_stats_t stats = {.size = sizeof stats};
    sluice_sub_stats(run->sub, &stats);
    return stats.stream != 0;
}

/* The last one is waited for.  False: the place is not kept as it should be. */
static bool commit_at_end(run_t *run)
{
    uint64_t deadline_ms = sl_clock_mono_ms(&sl_clock_system) + LAST_COMMIT_MS;
    if (run->commit_ms == 0 || !has_place(run))
        return true;
    for (;;) {
        sluice_err err = sluice_sub_commit(run->sub, 0);
        if (err == SLUICE_OK)
            return true;
        uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
        if (err != SLUICE_EAGAIN || now_ms >= deadline_ms) {
            fprintf(stderr, "sluice sub: the last commit: %s\n",
                    err == SLUICE_EAGAIN ? "no answer" : sluice_err_text(err));
            return false;
        }
        struct pollfd fd = {.fd = sluice_sub_fd(run->sub), .events = POLLIN};
        poll(&fd, 1, WAIT_MS / 10);
    }
}

/* Once: whoever forgot --query would wait in silence. */
static void look_at_queries(run_t *run)
{
    sluice_sub_stats_t stats = {.size = sizeof stats};
    sluice_sub_stats(run->sub, &stats);
    if (run->said_silent || stats.query_silent_ms < QUERY_SILENT_MS)
        return;
    fprintf(stderr, "sluice sub: %s: no answer to queries; topics with a hole wait%s\n",
            run->options->query, run->options->name != NULL ? ", and no place is kept" : "");
    run->said_silent = true;
}

static void wait_for_more(run_t *run)
{
    struct pollfd fds[] = {{.fd = sluice_sub_fd(run->sub), .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = 0}}; /* only: is the reader gone? */
    int wait_ms = WAIT_MS;
    if (run->deadline_ms != 0) {
        uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
        uint64_t left_ms = run->deadline_ms > now_ms ? run->deadline_ms - now_ms : 0;
        wait_ms = left_ms < WAIT_MS ? (int)left_ms : WAIT_MS;
    }
    if (poll(fds, 2, wait_ms) > 0 && (fds[1].revents & POLLERR) != 0)
        run->output_gone = true;
}

static int loop(run_t *run)
{
    bool usable = true;
    while (usable && !enough(run) && !time_is_up(run)) {
        bool idle;
        usable = take_items(run, &idle);
        if (run->options->ready && !run->said_ready && sluice_sub_joined(run->sub)) {
            fprintf(stderr, "ready\n");
            run->said_ready = true;
        }
        bool due = commit_is_due(run);
        if ((idle || due) && !cli_flush(&run->out))
            run->output_gone = true;
        if (due && usable && !run->output_gone)
            usable = commit(run);
        if (idle && usable && !enough(run)) {
            look_at_queries(run);
            wait_for_more(run);
        }
    }
    bool written = !run->output_gone && cli_flush(&run->out);
    bool flushed = run->output_gone || written || cli_stopping();
    if (usable && written)
        usable = commit_at_end(run);
    bool short_of = run->options->count > 0 && run->events < run->options->count &&
                    !cli_stopping() && !run->output_gone;
    return usable && flushed && !short_of ? CLI_DONE : CLI_NOT_ALL;
}

/* Whoever says where the feed is, and not where the queries go, has forgotten it mostly. */
static void warn_of_usual_query(const options_t *options, const config_t *config)
{
    bool asks = options->repair || options->name != NULL;
    if (asks && config_given(config, "feed") && !config_given(config, "query") &&
        strcmp(options->feed, opts[0].def) != 0)
        fprintf(stderr, "sluice sub: --feed without --query: queries go to %s\n", options->query);
}

static sluice_from from_of(position_kind_t kind)
{
    switch (kind) {
    case POSITION_EARLIEST:
        return SLUICE_FROM_EARLIEST;
    case POSITION_NUMBER:
        return SLUICE_FROM_NUMBER;
    case POSITION_TIME:
        return SLUICE_FROM_TIME;
    default:
        return SLUICE_FROM_NOW;
    }
}

static sluice_err start(run_t *run, const char *const *patterns, size_t count)
{
    run->format = (format_t){.kind = (format_kind_t)run->options->format,
                             .colour = cli_colour(),
                             .numbers = run->options->numbers};
    if (run->format.kind == FORMAT_AUTO)
        run->format.kind =
            isatty(STDOUT_FILENO) && !run->options->numbers ? FORMAT_PRETTY : FORMAT_JSON;
    const options_t *o = run->options;
    uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
    if (o->timeout_s > 0)
        run->deadline_ms = now_ms + o->timeout_s * 1000;
    if (o->name != NULL && o->commit == COMMIT_AUTO)
        run->commit_ms = now_ms + COMMIT_MS;
    position_t from;
    position_parse(&from, o->from, sl_clock_wall_ns(&sl_clock_system));
    sluice_order order = (sluice_order)o->order; /* in the order of the choices */
    if (o->name != NULL && !run->order_given)
        order = SLUICE_ORDER_STREAM; /* in topic order a commit is exact only now and then */
    return sluice_sub_create(
        &run->sub,
        &(sluice_sub_options_t){.size = sizeof(sluice_sub_options_t),
                                .feed = o->feed,
                                .query = o->query,
                                .patterns = count > 0 ? patterns : NULL,
                                .from = from_of(from.kind),
                                .from_number = from.number,
                                .from_stream = o->stream,
                                .from_time_ns = from.time_ns,
                                .name = o->name,
                                .commit_ms = UINT32_MAX, /* see commit() */
                                .order = order,
                                .repair = o->repair ? SLUICE_REPAIR_ON : SLUICE_REPAIR_OFF});
}

int cli_sub(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *patterns;
        size_t count = config_positional(config, &patterns); /* NULL-terminated, too */
        run_t run = {.options = &options, .order_given = config_given(config, "order")};
        cli_catch_signals();
        sluice_err err = start(&run, patterns, count);
        if (err == SLUICE_OK) {
            warn_of_usual_query(&options, config);
            code = loop(&run);
        } else {
            fprintf(stderr, "sluice sub: %s: %s\n", options.feed, sluice_err_text(err));
            code = err == SLUICE_EINVAL ? CLI_USAGE : CLI_NOT_ALL;
        }
        if (run.missed_ranges > 0)
            fprintf(stderr, "missed: %" PRIu64 " ranges, of %" PRIu64 " numbers at most\n",
                    run.missed_ranges, run.missed_numbers);
        sluice_sub_destroy(&run.sub);
        sl_buf_fini(&run.out);
    }
    config_free(&config);
    return code;
}
